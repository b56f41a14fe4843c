//! Up to which input offset everything has been acknowledged: what may be committed without losing a row.
//!
//! Rows go out over several lanes (target partitions), and lanes are acknowledged at their own pace. An input position
//! may be committed when all rows that came from before it are acknowledged, whichever lanes they took.
//!
//! Rows are grouped into chunks: all that came of one batch of one input partition, or a single row where delivery is
//! individual. A chunk is done when its rows are acknowledged; a partition's position moves over the done chunks at its
//! front.

use std::collections::{BTreeMap, VecDeque};

/// A partition of one of the query's inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputPartition {
    /// Which source, by position among the query's nodes.
    pub source: usize,
    /// The partition.
    pub partition: i32,
}

/// Rows of one lane keep their order. Lanes are numbered from 0 by the outlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(pub u32);

/// Keeps count of what is under way.
#[derive(Debug, Default)]
pub struct Progress {
    partitions: BTreeMap<InputPartition, Chunks>,
    lanes: Vec<VecDeque<Run>>,
    unacknowledged: u64,
}

#[derive(Debug, Default)]
struct Chunks {
    /// Number of the chunk at the front.
    first: u64,
    open: VecDeque<Chunk>,
    /// Next offset to read after the chunks that are done.
    position: Option<i64>,
}

#[derive(Debug)]
struct Chunk {
    /// Next offset to read once it is done.
    end: i64,
    unacknowledged: u64,
}

/// Successive rows of a lane that belong to one chunk.
#[derive(Debug)]
struct Run {
    partition: InputPartition,
    chunk: u64,
    rows: u64,
}

impl Progress {
    /// Opens a chunk of `partition`; `end` is the next offset to read behind it. Rows follow by [`Self::sent`].
    pub fn open(&mut self, partition: InputPartition, end: i64) {
        let chunks = self.partitions.entry(partition).or_default();
        chunks.open.push_back(Chunk { end, unacknowledged: 0 });
    }

    /// Counts `rows` of the chunk opened last for `partition` as handed over on `lane`.
    pub fn sent(&mut self, partition: InputPartition, lane: Lane, rows: u64) {
        let Some(chunks) = self.partitions.get_mut(&partition) else { return };
        let chunk = chunks.first + chunks.open.len() as u64 - 1;
        if let Some(last) = chunks.open.back_mut() {
            last.unacknowledged += rows;
        }
        self.unacknowledged += rows;
        let lane = lane.0 as usize;
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, VecDeque::new);
        }
        match self.lanes[lane].back_mut() {
            Some(run) if run.partition == partition && run.chunk == chunk => run.rows += rows,
            _ => self.lanes[lane].push_back(Run { partition, chunk, rows }),
        }
    }

    /// Counts the next `rows` of `lane` as acknowledged.
    pub fn acknowledged(&mut self, lane: Lane, mut rows: u64) {
        while rows > 0 {
            let run = self.lanes.get_mut(lane.0 as usize).and_then(VecDeque::front_mut);
            let Some(run) = run else {
                debug_assert!(false, "acknowledged {rows} rows of {lane:?} that were never sent");
                return;
            };
            let taken = rows.min(run.rows);
            rows -= taken;
            run.rows -= taken;
            self.unacknowledged -= taken;
            if let Some(chunks) = self.partitions.get_mut(&run.partition) {
                let place = usize::try_from(run.chunk - chunks.first).unwrap_or(usize::MAX);
                if let Some(chunk) = chunks.open.get_mut(place) {
                    chunk.unacknowledged -= taken;
                }
            }
            if run.rows == 0 {
                self.lanes[lane.0 as usize].pop_front();
            }
        }
    }

    /// Rows handed over and not acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> u64 {
        self.unacknowledged
    }

    /// For each partition, the next offset to read after all that is done: what may be committed.
    pub fn positions(&mut self) -> impl Iterator<Item = (InputPartition, i64)> {
        self.partitions.iter_mut().filter_map(|(partition, chunks)| {
            while let Some(chunk) = chunks.open.front().filter(|chunk| chunk.unacknowledged == 0) {
                chunks.position = Some(chunk.end);
                chunks.open.pop_front();
                chunks.first += 1;
            }
            chunks.position.map(|position| (*partition, position))
        })
    }

    /// Takes back rows of `partition` on `lane` that were counted as sent and never were: all but the lane's first `keep` rows.
    pub fn drop_waiting(&mut self, partition: InputPartition, lane: Lane, mut keep: u64) {
        let Some(runs) = self.lanes.get_mut(lane.0 as usize) else { return };
        let mut dropped = 0;
        for run in runs.iter_mut() {
            let kept = keep.min(run.rows);
            keep -= kept;
            if run.partition == partition {
                dropped += run.rows - kept;
                run.rows = kept;
            }
        }
        runs.retain(|run| run.rows > 0);
        self.unacknowledged -= dropped;
    }

    /// Forgets a partition that now belongs to somebody else. Its rows on the way are still counted per lane.
    pub fn forget(&mut self, partition: InputPartition) {
        self.partitions.remove(&partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ZERO: InputPartition = InputPartition { source: 0, partition: 0 };

    fn position(progress: &mut Progress) -> Option<i64> {
        progress.positions().find(|(partition, _)| *partition == ZERO).map(|(_, position)| position)
    }

    #[test]
    fn a_slow_lane_holds_the_position_back() {
        let mut progress = Progress::default();
        progress.open(ZERO, 10);
        progress.sent(ZERO, Lane(0), 1);
        progress.open(ZERO, 20);
        progress.sent(ZERO, Lane(1), 1);
        progress.acknowledged(Lane(1), 1);
        assert_eq!(position(&mut progress), None);
        progress.acknowledged(Lane(0), 1);
        assert_eq!(position(&mut progress), Some(20));
    }

    #[test]
    fn a_chunk_whose_rows_were_all_filtered_moves_the_position() {
        let mut progress = Progress::default();
        progress.open(ZERO, 7);
        assert_eq!(position(&mut progress), Some(7));
    }

    proptest! {
        /// The model: a position is safe when no unacknowledged row has a smaller offset.
        #[test]
        fn the_position_never_passes_an_unacknowledged_row(
            lanes in prop::collection::vec(0u32..3, 1..40),
            acknowledgements in prop::collection::vec(0u32..3, 0..60),
        ) {
            let mut progress = Progress::default();
            let mut on_lane: Vec<VecDeque<i64>> = vec![VecDeque::new(); 3];
            for (offset, lane) in (0i64..).zip(&lanes) {
                progress.open(ZERO, offset + 1);
                progress.sent(ZERO, Lane(*lane), 1);
                on_lane[*lane as usize].push_back(offset);
            }
            for lane in acknowledgements {
                if on_lane[lane as usize].pop_front().is_some() {
                    progress.acknowledged(Lane(lane), 1);
                }
                let oldest = on_lane.iter().filter_map(|lane| lane.front()).min().copied();
                let expected = oldest.unwrap_or(lanes.len() as i64);
                prop_assert_eq!(position(&mut progress).unwrap_or(0), expected);
            }
            let left: usize = on_lane.iter().map(VecDeque::len).sum();
            prop_assert_eq!(progress.unacknowledged(), left as u64);
        }
    }
}
