//! The end of a stage that feeds another: rows are gathered for their target partitions, and every target is told how far time has come.

use crate::operator::PlanError;
use crate::operator::block::{Around, Part as Rows, write_rows, write_told};
use crate::operator::chunk::Chunk;
use crate::operator::column::Vector;
use crate::operator::evaluate::Session;
use crate::operator::lanes::Progress;
use crate::operator::plan::Part;
use crate::operator::tail::Encoder;
use crate::record::{Addressed, Destination, Output, Slice};
use crate::schema::Schema;
use crate::topology::{Conventions, Exchange, Format, Payload};
use kolk_wire::partitioner::partition_for_key;

/// Rows of one record, at most.
const BLOCK_ROWS_MAX: usize = 4096;

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

/// Rows for one target partition.
#[derive(Debug, Default)]
struct Pending {
    chunks: Vec<(Chunk, Vec<(usize, Around)>)>,
    rows: usize,
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
        let mut marks = chunk.marks.iter().peekable();
        let mut rows: Vec<Vec<(usize, Around)>> = vec![Vec::new(); self.pending.len()];
        let now: Vec<Option<Vector>> = chunk.columns.iter().cloned().map(Some).collect();
        let before: Option<Vec<Option<Vector>>> =
            chunk.old.as_ref().map(|old| old.columns.iter().cloned().map(Some).collect());
        let mut moved: Vec<Vec<(usize, Around)>> = vec![Vec::new(); self.pending.len()];
        for row in 0..chunk.rows {
            while let Some(mark) = marks.next_if(|mark| mark.at <= row) {
                met = met.max(Some(mark.watermark));
            }
            // The marks right behind a row are its own, and those of rows that were filtered out there.
            let own = marks.clone().take_while(|mark| mark.at == row + 1).last();
            let left = met.max(own.map(|mark| mark.watermark));
            let around = Around { met, left };
            let target = self.target(&now, row, session)?;
            if let Some(before) = before.as_ref().filter(|_| chunk.had_old(row)) {
                let old_target = self.target(before, row, session)?;
                if old_target != target {
                    moved[old_target].push((row, around));
                }
            }
            rows[target].push((row, around));
        }
        // What left for another partition is deleted where it was, before it appears where it is.
        if let Some(old) = chunk.old.as_ref().filter(|_| moved.iter().any(|rows| !rows.is_empty()))
        {
            let mut leaving = chunk.clone();
            leaving.columns.clone_from(&old.columns);
            leaving.deleted = vec![true; chunk.rows];
            self.gather(&leaving, moved.clone(), output);
            let mut arriving = chunk;
            if let Some(old) = &mut arriving.old {
                moved.iter().flatten().for_each(|(row, _)| old.present[*row] = false);
            }
            self.gather(&arriving, rows, output);
        } else {
            self.gather(&chunk, rows, output);
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

    fn gather(&mut self, chunk: &Chunk, rows: Vec<Vec<(usize, Around)>>, output: &mut Output) {
        for (target, rows) in rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let pending = &mut self.pending[target];
            pending.rows += rows.len();
            pending.chunks.push((chunk.clone(), rows));
            if pending.rows >= BLOCK_ROWS_MAX {
                self.send(target, output);
            }
        }
    }

    fn send(&mut self, target: usize, output: &mut Output) {
        let pending = std::mem::take(&mut self.pending[target]);
        let parts: Vec<Rows<'_>> =
            pending.chunks.iter().map(|(chunk, rows)| (chunk, rows.as_slice())).collect();
        let last = pending.chunks.last().and_then(|(chunk, rows)| {
            let (row, _) = *rows.last()?;
            Some(chunk.origins.get(row).map_or(chunk.times[row], |origin| origin.timestamp))
        });
        let Some(timestamp) = last else { return };
        let start = output.encoded.len();
        write_rows(self.task, &parts, &mut output.encoded);
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
