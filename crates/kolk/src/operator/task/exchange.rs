//! The end of a stage that feeds another: rows are gathered for their target partitions, and every target is told how far time has come.

use crate::operator::PlanError;
use crate::operator::block::{Around, Part as Rows, write_rows, write_told};
use crate::operator::chunk::{Chunk, Old};
use crate::operator::column::Vector;
use crate::operator::evaluate::Session;
use crate::operator::lanes::Progress;
use crate::operator::plan::Part;
use crate::operator::tail::Encoder;
use crate::record::{Addressed, Destination, Output, Slice};
use crate::schema::Schema;
use crate::topology::{Conventions, Exchange, Format, Payload};
use kolk_wire::partitioner::partition_for_key;
use std::sync::Arc;

/// Rows of one record, at most.
const BLOCK_ROWS_MAX: usize = 4096;
/// A record of several rows has at most so many bytes: half of what brokers and producers take by default.
const BLOCK_BYTES_MAX: usize = 512 << 10;
/// Rows of a chunk, with the watermarks around them.
type Gathered = (Arc<Chunk>, Vec<(usize, Around)>);

/// Gathers rows until a commit, or until there are enough for a record.
#[derive(Debug)]
pub(super) struct Sender {
    task: i32,
    keys: Encoder,
    /// Rows without a key at all go to the partition of this task.
    pending: Vec<Pending>,
    /// What was told last.
    told: Option<Progress>,
    key: Vec<u8>,
}

/// Rows of a chunk, by number, with the watermarks around them.
type Chosen = Vec<(usize, Around)>;

/// Rows for one target partition.
#[derive(Debug, Default)]
struct Pending {
    chunks: Vec<(Arc<Chunk>, Chosen)>,
    rows: usize,
}

/// The rows of a chunk in the forms in which they may travel.
struct Moving {
    /// As they are.
    arriving: Arc<Chunk>,
    /// As if nothing had been there before.
    appearing: Arc<Chunk>,
    /// What was there before, deleted, and its columns.
    leaving: Option<(Arc<Chunk>, Vec<Option<Vector>>)>,
}

impl Moving {
    fn new(chunk: Chunk) -> Self {
        let Some(old) = &chunk.old else {
            let arriving = Arc::new(chunk);
            return Self { appearing: Arc::clone(&arriving), arriving, leaving: None };
        };
        let before = old.columns.iter().cloned().map(Some).collect();
        let leaving = Chunk {
            columns: old.columns.clone(),
            deleted: vec![true; chunk.rows],
            ..chunk.clone()
        };
        let present = vec![false; chunk.rows];
        let none = Old { present, columns: old.columns.clone() };
        let appearing = Chunk { old: Some(none), ..chunk.clone() };
        Self {
            arriving: Arc::new(chunk),
            appearing: Arc::new(appearing),
            leaving: Some((Arc::new(leaving), before)),
        }
    }
}

impl Sender {
    pub(super) fn new(
        exchange: &Exchange,
        schema: &Schema,
        conventions: &Conventions,
        (task, targets): (i32, i32),
    ) -> Result<Self, PlanError> {
        let mut named = schema.clone();
        for (column, name) in exchange.keys.iter().zip(&exchange.key_names) {
            if let Some(column) = named.columns.get_mut(*column) {
                column.name.clone_from(name);
            }
        }
        let key = Payload::Encoded { format: exchange.key_format, columns: exchange.keys.clone() };
        let value = Payload::Encoded { format: Format::Json, columns: Vec::new() };
        let keys = Encoder::new(&named, &key, &value, conventions)?;
        let pending = (0..targets.max(1)).map(|_| Pending::default()).collect();
        Ok(Self { task, keys, pending, told: None, key: Vec::new() })
    }

    /// Takes the rows of a chunk. `watermark` is the stage's before the chunk.
    pub(super) fn push(
        &mut self,
        chunk: Chunk,
        watermark: Option<i64>,
        session: &mut Session,
        output: &mut Output,
    ) -> Result<(), String> {
        let mut met = watermark;
        let now: Vec<Option<Vector>> = chunk.columns.iter().cloned().map(Some).collect();
        let rows = Moving::new(chunk);
        if rows.arriving.rows > 0 {
            // Whoever reads rows no longer takes this task for caught up, until it is told again.
            self.told = None;
        }
        let mut marks = rows.arriving.marks.iter().peekable();
        for row in 0..rows.arriving.rows {
            while let Some(mark) = marks.next_if(|mark| mark.at <= row) {
                met = met.max(Some(mark.watermark));
            }
            // The marks right behind a row are its own, and those of rows that were filtered out there.
            let own = marks.clone().take_while(|mark| mark.at == row + 1).last();
            let left = met.max(own.map(|mark| mark.watermark));
            let around = Around { met, left };
            let target = self.target(&now, row, session)?;
            match &rows.leaving {
                Some((leaving, before)) if rows.arriving.had_old(row) => {
                    let from = self.target(before, row, session)?;
                    if from == target {
                        self.gather(target, &rows.arriving, (row, around), output);
                    } else {
                        // What leaves for another partition is deleted where it was, before it appears where it is.
                        self.gather(from, leaving, (row, around), output);
                        self.gather(target, &rows.appearing, (row, around), output);
                    }
                }
                _ => self.gather(target, &rows.arriving, (row, around), output),
            }
        }
        Ok(())
    }

    fn target(
        &mut self,
        columns: &[Option<Vector>],
        row: usize,
        session: &mut Session,
    ) -> Result<usize, String> {
        self.key.clear();
        let targets = i32::try_from(self.pending.len()).unwrap_or(i32::MAX);
        let partition = if self.keys.write(Part::Key, columns, row, session, &mut self.key)? {
            partition_for_key(&self.key, targets)
        } else {
            self.task.rem_euclid(targets)
        };
        Ok(usize::try_from(partition).unwrap_or_default())
    }

    /// Puts a row behind the others of its target.
    fn gather(
        &mut self,
        target: usize,
        chunk: &Arc<Chunk>,
        row: (usize, Around),
        output: &mut Output,
    ) {
        let pending = &mut self.pending[target];
        pending.rows += 1;
        match pending.chunks.last_mut() {
            Some((last, rows)) if Arc::ptr_eq(last, chunk) => rows.push(row),
            _ => pending.chunks.push((Arc::clone(chunk), vec![row])),
        }
        if pending.rows >= BLOCK_ROWS_MAX {
            self.send(target, output);
        }
    }

    fn send(&mut self, target: usize, output: &mut Output) {
        let pending = std::mem::take(&mut self.pending[target]);
        self.write(target, &pending.chunks, output);
    }

    /// Writes rows as one record, or as several where it would be too large.
    fn write(&self, target: usize, chunks: &[Gathered], output: &mut Output) {
        let parts: Vec<Rows<'_>> =
            chunks.iter().map(|(chunk, rows)| (&**chunk, rows.as_slice())).collect();
        let last = chunks.last().and_then(|(chunk, rows)| {
            let (row, _) = *rows.last()?;
            Some(chunk.origins.get(row).map_or(chunk.times[row], |origin| origin.timestamp))
        });
        let Some(timestamp) = last else { return };
        let start = output.encoded.len();
        write_rows(self.task, &parts, &mut output.encoded);
        let rows: usize = chunks.iter().map(|(_, rows)| rows.len()).sum();
        if output.encoded.len() - start > BLOCK_BYTES_MAX && rows > 1 {
            output.encoded.truncate(start);
            for half in halves(chunks, rows / 2) {
                self.write(target, &half, output);
            }
            return;
        }
        address(target, timestamp, start, output);
    }

    /// Before a commit: sends what is there, and tells every target how far time has come, if it has moved.
    pub(super) fn commit(&mut self, progress: Progress, output: &mut Output) {
        (0..self.pending.len()).for_each(|target| self.send(target, output));
        if self.told == Some(progress) {
            return;
        }
        self.told = Some(progress);
        for target in 0..self.pending.len() {
            let start = output.encoded.len();
            write_told(self.task, progress, &mut output.encoded);
            address(target, progress.reached.max(0), start, output);
        }
    }
}

/// The first so many rows, and the others.
fn halves(chunks: &[Gathered], first: usize) -> [Vec<Gathered>; 2] {
    let (mut before, mut behind, mut left) = (Vec::new(), Vec::new(), first);
    for (chunk, rows) in chunks {
        let (one, other) = rows.split_at(left.min(rows.len()));
        left -= one.len();
        for (half, rows) in [(&mut before, one), (&mut behind, other)] {
            if !rows.is_empty() {
                half.push((Arc::clone(chunk), rows.to_vec()));
            }
        }
    }
    [before, behind]
}

/// Addresses what was appended to the encoded bytes. No batch has 4 GiB of them: blocks are bounded far below.
fn address(target: usize, timestamp: i64, start: usize, output: &mut Output) {
    let place = u32::try_from(start).ok().zip(u32::try_from(output.encoded.len() - start).ok());
    let (start, len) = place.unwrap_or_default();
    output.addressed.push(Addressed {
        to: Destination::Sink,
        partition: i32::try_from(target).unwrap_or_default(),
        timestamp: timestamp.max(0),
        key: Slice::NULL,
        value: Slice::new(start, len),
    });
}
