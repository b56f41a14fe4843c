//! From the records of a source to chunks: what is filtered and projected right behind a stream is done while it is decoded.
//!
//! As many records are decoded at once as the processor's cache holds. They are taken when their turn comes, which may be one by one.

use crate::operator::Pipeline;
use crate::operator::PlanError;
use crate::operator::chunk::{Chunk, Origin};
use crate::operator::decode::Morsel;
use crate::operator::pipeline::{MORSEL_BYTES, MORSEL_ROWS};
use crate::record::{BadRecord, Output, Rows};
use crate::topology::{
    Collection, Conventions, Format, Node, Operator, Payload, Query, Sink, WatermarkPolicy,
};
use std::collections::VecDeque;
use std::ops::Range;

/// Decodes the rows of one source.
#[derive(Debug)]
pub(crate) struct Head {
    pipeline: Pipeline,
    policy: WatermarkPolicy,
    /// What the pipeline tells of the records that are decoded.
    told: Output,
    /// The rows that are decoded, those that were taken too; they have no marks.
    chunk: Chunk,
    /// The records that they come from.
    records: Vec<Record>,
    bad: VecDeque<BadRecord>,
    /// How many of the records, and of the rows, are taken.
    taken: usize,
    rows_taken: usize,
}

/// A record that is decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    /// Its event time.
    pub(crate) time: i64,
    /// Its own time-stamp.
    pub(crate) timestamp: i64,
    pub(crate) fate: Fate,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is a row of the chunk.
    Row,
    /// A filter has left it out. It moves the watermark all the same.
    Filtered,
    /// It cannot be processed.
    Bad,
}

impl Head {
    /// For the source at `place` of a stage. Returns the node whose rows come out: the last of the filters and projections
    /// behind a stream that nobody else reads.
    ///
    /// # Errors
    /// [`PlanError`].
    pub(crate) fn new(stage: &Query, place: usize) -> Result<(Self, usize), PlanError> {
        let Conventions { watermark_policy: policy, .. } = stage.conventions;
        let mut nodes = vec![Node { inputs: Vec::new(), ..stage.nodes[place].clone() }];
        let mut last = place;
        if stage.collection(place) == Collection::Stream {
            while let Some(next) = only_reader(stage, last) {
                let node = &stage.nodes[next];
                if !matches!(node.operator, Operator::Filter(_) | Operator::Project(_)) {
                    break;
                }
                nodes.push(Node { inputs: vec![nodes.len() - 1], ..node.clone() });
                last = next;
            }
        }
        let schema = stage.nodes[last].schema.clone();
        let columns = (0..schema.columns.len()).collect();
        let value = Payload::Encoded { format: Format::Json, columns };
        let key = Payload::Encoded { format: Format::Json, columns: Vec::new() };
        let sink = Sink { key, value, ..Sink::new("") };
        nodes.push(Node { inputs: vec![nodes.len() - 1], operator: Operator::Sink(sink), schema });
        let query =
            Query { nodes, name: stage.name.clone(), conventions: stage.conventions.clone() };
        let pipeline = Pipeline::new(&query)?;
        let head = Self {
            pipeline,
            policy,
            told: Output::default(),
            chunk: Chunk::default(),
            records: Vec::new(),
            bad: VecDeque::new(),
            taken: 0,
            rows_taken: 0,
        };
        Ok((head, last))
    }

    /// Whether a watermark that a row moves holds for the row itself: Kafka Streams' time does.
    pub(crate) fn marks_before(&self) -> bool {
        self.policy == WatermarkPolicy::Max
    }

    /// Whether everything that is decoded is taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken == self.records.len()
    }

    /// Decodes rows from number `first` on; how many fit into the processor's cache is decided here. What was decoded before must be
    /// taken.
    pub(crate) fn decode(&mut self, rows: &Rows, first: usize, output: &mut Output) {
        let mut bytes = 0;
        let fits = rows.rows[first..].iter().take(MORSEL_ROWS).take_while(|row| {
            let before = bytes;
            bytes += row.value.len() + row.key.len();
            before < MORSEL_BYTES
        });
        let cut = &rows.rows[first..first + fits.count()];
        let morsel = Morsel { rows: cut, buffer: &rows.buffer, partition: rows.partition };
        let told = &mut self.told;
        told.clear();
        let decoded = self.pipeline.columns(first, morsel, told);
        output.failed_expressions += told.failed_expressions;
        told.bad.sort_by_key(|bad| bad.input);
        self.bad.extend(told.bad.drain(..));
        let mut selected = decoded.selection.iter().peekable();
        self.records.clear();
        self.records.extend(cut.iter().enumerate().map(|(number, row)| {
            let fate = if decoded.bad[number] {
                Fate::Bad
            } else if selected.next_if(|selected| **selected == number).is_some() {
                Fate::Row
            } else {
                Fate::Filtered
            };
            Record { time: decoded.times[number], timestamp: row.timestamp, fate }
        }));
        let (partition, kept) = (rows.partition, decoded.selection);
        let origin = |row: &usize| {
            let row = &cut[*row];
            Origin { timestamp: row.timestamp, partition, offset: row.offset }
        };
        let deleted: Vec<bool> =
            kept.iter().map(|row| decoded.has_no_value(*row, cut[*row].value)).collect();
        self.chunk = Chunk {
            rows: kept.len(),
            times: kept.iter().map(|row| decoded.times[*row]).collect(),
            deleted: if deleted.contains(&true) { deleted } else { Vec::new() },
            old: None,
            origins: kept.iter().map(origin).collect(),
            marks: Vec::new(),
            columns: decoded.columns,
        };
        (self.taken, self.rows_taken) = (0, 0);
    }

    /// Takes the next record if it is decoded and its time-stamp is at most `until`. What it is if it is no row goes to `output`.
    #[inline]
    pub(crate) fn next(&mut self, until: i64, output: &mut Output) -> Option<Record> {
        let record = *self.records.get(self.taken).filter(|record| record.timestamp <= until)?;
        self.taken += 1;
        match record.fate {
            Fate::Row => self.rows_taken += 1,
            Fate::Filtered => output.filtered += 1,
            Fate::Bad => output.bad.extend(self.bad.pop_front()),
        }
        Some(record)
    }

    /// All rows that are decoded, without marks.
    pub(crate) fn chunk(&self) -> &Chunk {
        &self.chunk
    }

    /// How many of them are taken.
    pub(crate) fn rows_taken(&self) -> usize {
        self.rows_taken
    }

    /// Rows that were taken, for themselves.
    pub(crate) fn cut(&mut self, rows: Range<usize>) -> Chunk {
        if rows == (0..self.chunk.rows) && self.is_empty() {
            return std::mem::take(&mut self.chunk);
        }
        self.chunk.slice(rows)
    }
}

/// The node that alone reads the rows of `node`.
pub(crate) fn only_reader(stage: &Query, node: usize) -> Option<usize> {
    let mut readers =
        (0..stage.nodes.len()).filter(|reader| stage.nodes[*reader].inputs.contains(&node));
    let first = readers.next()?;
    readers.next().is_none().then_some(first)
}
