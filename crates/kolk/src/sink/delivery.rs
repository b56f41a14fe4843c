//! Declared delivery: the one place that decides in which order rows go out, how many are on their way, and what must be
//! acknowledged before what.
//!
//! | mode | handed to the outlet | time-stamp |
//! |---|---|---|
//! | individual | a row when the last of its lane is acknowledged (and the pause is over) | when handed over |
//! | batched, idempotent | at once; the outlet keeps 1 or 5 requests on their way | when handed over, the same for a batch |
//! | exactly once | at once; offsets, rows and state are one transaction | the row's time |
//! | bin-packed | bin by bin when the interval is over, each acknowledged before the next | when the bin is handed over |
//!
//! Nothing here knows what the store is: see [`Outlet`].

use crate::record::{Output, Rows};
use crate::sink::bins;
use crate::sink::held::{HeldRows, SinkRow};
use crate::sink::outlet::{AddedHeader, Outlet, Stamp};
use crate::sink::progress::{InputPartition, Lane, Progress};
use crate::sink::stream::{count, stream};
use crate::topology::{self, BinPacking};
use std::collections::BTreeSet;
use std::time::Duration;

/// Rows that wait for individual delivery, at most; no more are accepted until some have left.
pub const HELD_ROWS_MAX: usize = 4096;
/// Bytes that wait for individual or bin-packed delivery, at most, give or take one batch.
pub const HELD_BYTES_MAX: usize = 64 << 20;
/// An individual lane forgets delivered rows when there are this many.
const FORGET_FROM: usize = 64;

/// Carries out the delivery that a statement declares.
#[derive(Debug)]
pub struct Delivery {
    mode: Mode,
    /// Whether rows keep their own time because the statement names a time-stamp column.
    keep_row_time: bool,
    progress: Progress,
    /// Rows of the batch at hand for each lane: progress is told once for a batch, not for each row.
    by_lane: Vec<u64>,
    /// Lanes on which somebody else sends: dead letters are no rows of the query.
    others: BTreeSet<Lane>,
    delivered: u64,
    /// Whether individual rows wait although they could go.
    paused: bool,
    due_ms: Option<i64>,
}

#[derive(Debug)]
enum Mode {
    Individual {
        pause_ms: i64,
        lanes: Vec<IndividualLane>,
    },
    /// Batched, idempotent and exactly once differ in how the outlet sends, not in what it is handed when.
    Streamed {
        stamp: StreamStamp,
    },
    BinPacked {
        packing: BinPacking,
        interval: HeldRows,
        phase: BinPhase,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamStamp {
    Row,
    HandedOver,
}

#[derive(Debug, Default)]
struct IndividualLane {
    rows: HeldRows,
    /// The first row that was not handed over.
    next: usize,
    in_flight: bool,
    /// Not before this time, in milliseconds since 1970.
    not_before: i64,
}

/// ```text
/// Collecting ──interval over, rows full, or drain──▶ Delivering ──last bin acknowledged──▶ Delivered ──commit──▶ Collecting
/// ```
#[derive(Debug)]
enum BinPhase {
    Collecting { since: Option<i64> },
    Delivering { packed: Vec<(u32, usize)>, next: usize },
    Delivered,
}

impl Delivery {
    /// For the mode that the sink declares.
    #[must_use]
    pub fn new(sink: &topology::Sink) -> Self {
        let mode = match &sink.delivery {
            topology::Delivery::Individual { pause } => {
                Mode::Individual { pause_ms: millis(*pause), lanes: Vec::new() }
            }
            topology::Delivery::Batched | topology::Delivery::Idempotent => {
                Mode::Streamed { stamp: StreamStamp::HandedOver }
            }
            topology::Delivery::ExactlyOnce => Mode::Streamed { stamp: StreamStamp::Row },
            topology::Delivery::BinPacked(packing) => Mode::BinPacked {
                packing: packing.clone(),
                interval: HeldRows::default(),
                phase: BinPhase::Collecting { since: None },
            },
        };
        Self {
            mode,
            keep_row_time: sink.timestamp.is_some(),
            progress: Progress::default(),
            by_lane: Vec::new(),
            others: BTreeSet::new(),
            delivered: 0,
            paused: false,
            due_ms: None,
        }
    }

    /// Whether it takes more rows now.
    pub fn has_room(&self, outlet: &impl Outlet) -> bool {
        match &self.mode {
            Mode::Individual { lanes, .. } => {
                let (rows, bytes) = lanes.iter().fold((0, 0), |(rows, bytes), lane| {
                    (rows + lane.rows.len() - lane.next, bytes + lane.rows.bytes())
                });
                rows < HELD_ROWS_MAX && bytes < HELD_BYTES_MAX
            }
            Mode::Streamed { .. } => outlet.has_room(),
            Mode::BinPacked { packing, interval, phase } => {
                matches!(phase, BinPhase::Collecting { .. }) && !is_full(packing, interval)
            }
        }
    }

    /// How many rows it takes at once: an interval of bins holds no more than the statement says.
    #[must_use]
    pub fn rows_wanted(&self) -> usize {
        match &self.mode {
            Mode::BinPacked { packing, interval, .. } => {
                packing.rows.saturating_sub(interval.len())
            }
            _ => usize::MAX,
        }
    }

    /// Takes over a position that was chosen and not read up to: it may be committed once all before it is acknowledged.
    pub fn stand_at(&mut self, partition: InputPartition, position: i64) {
        self.progress.open(partition, position);
    }

    /// Takes the rows of `output`, which came of `input`; `end` is the next offset to read behind `input`.
    pub fn accept(
        &mut self,
        (input, output): (&Rows, &Output),
        end: i64,
        outlet: &mut impl Outlet,
        now_ms: i64,
    ) {
        let partition = InputPartition { source: input.source, partition: input.partition };
        if !matches!(self.mode, Mode::Individual { .. }) {
            self.progress.open(partition, end);
        }
        match &mut self.mode {
            Mode::Streamed { stamp } => {
                let row_time = *stamp == StreamStamp::Row || self.keep_row_time;
                let stamp = (!row_time).then_some(Stamp::Shared(now_ms));
                stream((input, output), stamp, &mut self.by_lane, outlet);
            }
            Mode::Individual { lanes, .. } => {
                for row in &output.rows {
                    let offset = input.rows.get(row.input as usize).map_or(end, |row| row.offset);
                    let row = SinkRow::of(input, output, row);
                    let lane = outlet.lane(&row);
                    // A chunk for each row: after a crash no more than what was on its way is sent again.
                    self.progress.open(partition, offset + 1);
                    self.progress.sent(partition, lane, 1);
                    lane_of(lanes, lane).rows.push(&row, lane, None);
                }
                self.progress.open(partition, end);
            }
            Mode::BinPacked { interval, phase, .. } => {
                for row in &output.rows {
                    let bin = row.bin.map(|bin| {
                        let bytes = |slice: crate::record::Slice| {
                            slice.of(&output.encoded).unwrap_or_default()
                        };
                        (bytes(bin.key), bytes(bin.order))
                    });
                    let row = SinkRow::of(input, output, row);
                    let lane = outlet.lane(&row);
                    count(&mut self.by_lane, lane, 1);
                    interval.push(&row, lane, bin);
                }
                if let BinPhase::Collecting { since: since @ None } = phase {
                    *since = Some(now_ms);
                }
            }
        }
        for (lane, rows) in (0..).zip(&mut self.by_lane).filter(|(_, rows)| **rows > 0) {
            self.progress.sent(partition, Lane(lane), std::mem::take(rows));
        }
    }

    /// Notes acknowledgements and hands over what may go now.
    pub fn step(&mut self, outlet: &mut impl Outlet, now_ms: i64) {
        let (progress, delivered, mode) = (&mut self.progress, &mut self.delivered, &mut self.mode);
        let others = &self.others;
        outlet.acknowledged(&mut |lane, rows| {
            progress.acknowledged(lane, rows);
            if others.contains(&lane) {
                return;
            }
            *delivered += rows;
            if let Mode::Individual { pause_ms, lanes } = mode {
                let lane = lane_of(lanes, lane);
                lane.in_flight = false;
                lane.not_before = now_ms + *pause_ms;
            }
        });
        self.due_ms = match &mut self.mode {
            Mode::Streamed { .. } => None,
            Mode::Individual { .. } if self.paused => None,
            Mode::Individual { lanes, .. } => step_lanes(lanes, self.keep_row_time, outlet, now_ms),
            Mode::BinPacked { packing, interval, phase } => {
                let bins = Bins { packing, interval, keep_row_time: self.keep_row_time };
                // All bins before the current one are acknowledged when nothing is on its way but rows of later ones.
                let waiting = match phase {
                    BinPhase::Delivering { packed, next } => packed.len() - *next,
                    _ => 0,
                };
                let on_the_way = self.progress.unacknowledged() - waiting as u64;
                bins.step(phase, on_the_way, outlet, now_ms)
            }
        };
    }

    /// When [`Self::step`] has something to do although nothing was acknowledged, in milliseconds since 1970.
    #[must_use]
    pub fn due_ms(&self) -> Option<i64> {
        self.due_ms
    }

    /// Ends an open interval now: before a commit that cannot wait, or before stopping.
    pub fn drain(&mut self) {
        if let Mode::BinPacked { interval, phase: phase @ BinPhase::Collecting { .. }, .. } =
            &mut self.mode
        {
            *phase = BinPhase::Delivering { packed: bins::pack(interval), next: 0 };
        }
    }

    /// Whether every row that was accepted is acknowledged.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.progress.unacknowledged() == 0
    }

    /// Whether the mode asks for a commit by itself: all bins of an interval are delivered.
    #[must_use]
    pub fn wants_commit(&self) -> bool {
        matches!(&self.mode, Mode::BinPacked { phase: BinPhase::Delivered, .. })
    }

    /// Whether commits may come at any time, or only when the mode asks for one (bin-packed: an interval is whole or not
    /// at all in a transaction).
    #[must_use]
    pub fn commits_by_itself(&self) -> bool {
        matches!(self.mode, Mode::BinPacked { .. })
    }

    /// The positions that may be committed now.
    pub fn positions(&mut self) -> Vec<(InputPartition, i64)> {
        self.progress.positions().collect()
    }

    /// A commit succeeded: the next interval may begin.
    pub fn committed(&mut self) {
        if let Mode::BinPacked { interval, phase: phase @ BinPhase::Delivered, .. } = &mut self.mode
        {
            interval.clear();
            *phase = BinPhase::Collecting { since: None };
        }
    }

    /// Rows accepted and not acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> u64 {
        self.progress.unacknowledged()
    }

    /// Rows that are never handed over, since no target takes them: they are done with at once, like those that a target refuses.
    pub fn left_out(&mut self, rows: u64) {
        self.delivered += rows;
    }

    /// Rows acknowledged since the start.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Keeps individual rows back that were not handed over yet, so that [`Self::is_idle`] comes soon: before a commit that
    /// cannot wait for all of them. Nothing changes for the other modes.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Ends [`Self::pause`].
    pub fn resume(&mut self) {
        self.paused = false;
    }

    /// Whether every row that was handed over is acknowledged.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match &self.mode {
            Mode::Individual { lanes, .. } => lanes.iter().all(|lane| !lane.in_flight),
            _ => self.is_drained(),
        }
    }

    /// Counts `rows` of the batch accepted last as handed over on `lane` by somebody else: dead letters. The lane is theirs alone.
    pub fn also_sent(&mut self, partition: InputPartition, lane: Lane, rows: u64) {
        self.others.insert(lane);
        self.progress.sent(partition, lane, rows);
    }

    /// The partition now belongs to another instance: rows of it that wait are dropped.
    pub fn forget(&mut self, partition: InputPartition) {
        if let Mode::Individual { lanes, .. } = &mut self.mode {
            for (number, lane) in (0..).zip(lanes) {
                lane.rows.drop_partition(partition, lane.next);
                self.progress.drop_waiting(partition, Lane(number), u64::from(lane.in_flight));
            }
        }
        self.progress.forget(partition);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn is_full(packing: &BinPacking, interval: &HeldRows) -> bool {
    interval.len() >= packing.rows || interval.bytes() >= HELD_BYTES_MAX
}

fn lane_of(lanes: &mut Vec<IndividualLane>, lane: Lane) -> &mut IndividualLane {
    let index = lane.0 as usize;
    if lanes.len() <= index {
        lanes.resize_with(index + 1, IndividualLane::default);
    }
    &mut lanes[index]
}

fn step_lanes(
    lanes: &mut [IndividualLane],
    keep_row_time: bool,
    outlet: &mut impl Outlet,
    now_ms: i64,
) -> Option<i64> {
    let (mut wake, mut sent) = (None, false);
    for lane in lanes.iter_mut().filter(|lane| !lane.in_flight) {
        let Some((row, number)) = lane.rows.get(lane.next) else { continue };
        if lane.not_before > now_ms {
            wake = Some(wake.map_or(lane.not_before, |wake: i64| wake.min(lane.not_before)));
            continue;
        }
        let stamp = Stamp::At(if keep_row_time { row.timestamp } else { now_ms });
        outlet.append(number, &row, stamp, None);
        (lane.in_flight, sent) = (true, true);
        lane.next += 1;
        if lane.next >= FORGET_FROM && lane.next * 2 >= lane.rows.len() {
            lane.rows.drop_front(lane.next);
            lane.next = 0;
        }
    }
    if sent {
        outlet.dispatch();
    }
    wake
}

/// What bin-packed delivery works on, apart from its phase.
struct Bins<'a> {
    packing: &'a BinPacking,
    interval: &'a HeldRows,
    keep_row_time: bool,
}

impl Bins<'_> {
    fn step(
        &self,
        phase: &mut BinPhase,
        on_the_way: u64,
        outlet: &mut impl Outlet,
        now_ms: i64,
    ) -> Option<i64> {
        if let BinPhase::Collecting { since: Some(since) } = phase {
            let due = since.saturating_add(millis(self.packing.interval));
            if now_ms < due && !is_full(self.packing, self.interval) {
                return Some(due);
            }
            *phase = BinPhase::Delivering { packed: bins::pack(self.interval), next: 0 };
            return self.step(phase, 0, outlet, now_ms);
        }
        let BinPhase::Delivering { packed, next } = phase else { return None };
        if on_the_way > 0 {
            return None;
        }
        let Some((bin, _)) = packed.get(*next).copied() else {
            *phase = BinPhase::Delivered;
            return None;
        };
        let number = bin.to_string();
        let header = self.packing.header.as_deref();
        let header = header.map(|name| AddedHeader { name, value: number.as_bytes() });
        while let Some((_, row)) = packed.get(*next).filter(|(of, _)| *of == bin) {
            if let Some((row, lane)) = self.interval.get(*row) {
                let stamp = Stamp::At(if self.keep_row_time { row.timestamp } else { now_ms });
                outlet.append(lane, &row, stamp, header);
            }
            *next += 1;
        }
        outlet.dispatch();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Sink;

    /// An outlet that acknowledges what a test says.
    #[derive(Default)]
    struct Told(Vec<(Lane, u64)>);

    impl Outlet for Told {
        fn lane(&mut self, _: &SinkRow<'_>) -> Lane {
            Lane(0)
        }

        fn append(&mut self, _: Lane, _: &SinkRow<'_>, _: Stamp, _: Option<AddedHeader<'_>>) {}

        fn dispatch(&mut self) {}

        fn has_room(&self) -> bool {
            true
        }

        fn acknowledged(&mut self, each: &mut dyn FnMut(Lane, u64)) {
            self.0.drain(..).for_each(|(lane, rows)| each(lane, rows));
        }
    }

    /// They were once counted as delivered rows, so that the books showed more rows delivered than forwarded.
    #[test]
    fn dead_letters_are_acknowledged_and_are_no_delivered_rows() {
        for mode in [
            topology::Delivery::ExactlyOnce,
            topology::Delivery::Individual { pause: Duration::ZERO },
        ] {
            let mut delivery = Delivery::new(&Sink { delivery: mode, ..Sink::new("t") });
            let input = InputPartition { source: 0, partition: 0 };
            delivery.progress.open(input, 3);
            delivery.also_sent(input, Lane(7), 1);
            assert!(!delivery.is_drained());
            delivery.step(&mut Told(vec![(Lane(7), 1)]), 0);
            assert!(delivery.is_drained());
            assert_eq!(delivery.delivered(), 0);
        }
    }
}
