//! Results in the making, row by row: the columns of the group, those of the window, a column for each call.

use super::layout::Calls;
use crate::operator::appender::Appender;
use crate::operator::chunk::{Chunk, Mark, Old};
use crate::operator::column::Vector;
use crate::schema::DataType;
use crate::state::keys::decode_key;
use arrow_array::Int64Array;

/// Rows of results, and the watermarks between them.
#[derive(Debug)]
pub(super) struct Results {
    group_types: Vec<DataType>,
    group: Vec<Appender>,
    /// BIGINT columns behind the group: session, start and end of the window.
    bounds: Vec<Vec<i64>>,
    pub(super) calls: Calls,
    times: Vec<i64>,
    deleted: Vec<bool>,
    marks: Vec<Mark>,
    old: Option<OldResults>,
}

/// What the results were before.
#[derive(Debug)]
struct OldResults {
    present: Vec<bool>,
    calls: Calls,
}

/// What kind of rows results are.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) group_types: Vec<DataType>,
    /// How many columns stand between group and calls.
    pub(super) bounds: usize,
    pub(super) call_types: Vec<DataType>,
    /// Whether rows tell what they were before.
    pub(super) wants_old: bool,
}

impl Shape {
    pub(super) fn results(&self) -> Results {
        let old = || OldResults { present: Vec::new(), calls: Calls::new(&self.call_types) };
        Results {
            group_types: self.group_types.clone(),
            group: self.group_types.iter().map(Appender::new).collect(),
            bounds: vec![Vec::new(); self.bounds],
            calls: Calls::new(&self.call_types),
            times: Vec::new(),
            deleted: Vec::new(),
            marks: Vec::new(),
            old: self.wants_old.then(old),
        }
    }
}

impl Results {
    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.times.len()
    }

    /// Begins a row with the group of a row of the input.
    pub(super) fn group_of(&mut self, group: &[&Vector], row: usize) {
        for (column, into) in group.iter().zip(&mut self.group) {
            into.push_from(column, row);
        }
    }

    /// Begins a row with the group that a store's key holds. A damaged one gives NULLs.
    pub(super) fn group_of_key(&mut self, key: &[u8]) {
        if decode_key(key, &self.group_types, &mut self.group).is_err() {
            let rows = self.times.len() + 1;
            for into in &mut self.group {
                if into.len() < rows {
                    into.push_null();
                }
            }
        }
    }

    /// Goes on with the columns between group and calls.
    pub(super) fn bounds<const N: usize>(&mut self, bounds: [i64; N]) {
        for (column, bound) in self.bounds.iter_mut().zip(bounds) {
            column.push(bound);
        }
    }

    /// Ends a row whose calls are appended. `was_there` says whether what they were before is appended too.
    pub(super) fn end(&mut self, time: i64, was_there: bool) {
        self.times.push(time);
        self.deleted.push(false);
        if let Some(old) = &mut self.old {
            old.present.push(was_there);
            if !was_there {
                old.calls.columns.iter_mut().for_each(Appender::push_null);
            }
        }
    }

    /// Ends a row that deletes its key; otherwise as [`Self::end`].
    pub(super) fn end_deleted(&mut self, time: i64, was_there: bool) {
        self.end(time, was_there);
        self.calls.columns.iter_mut().for_each(Appender::push_null);
        if let Some(last) = self.deleted.last_mut() {
            *last = true;
        }
    }

    /// Where the calls' results of before go, if they are wanted.
    pub(super) fn old_calls(&mut self) -> Option<&mut Calls> {
        self.old.as_mut().map(|old| &mut old.calls)
    }

    /// A watermark behind the rows so far.
    pub(super) fn mark(&mut self, watermark: i64) {
        push_mark(&mut self.marks, self.times.len(), watermark);
    }

    /// The rows and marks.
    pub(super) fn finish(self) -> Chunk {
        let finish = |appenders: Vec<Appender>| {
            appenders.into_iter().map(|mut appender| Vector::each(appender.finish()))
        };
        let group: Vec<Vector> = finish(self.group).collect();
        let bounds = self.bounds.into_iter().map(|of| Vector::each(Int64Array::from(of)));
        let bounds: Vec<Vector> = bounds.collect();
        let columns = |calls| {
            let before = group.iter().chain(&bounds).cloned();
            before.chain(finish(calls)).collect::<Vec<Vector>>()
        };
        let old =
            self.old.map(|old| Old { present: old.present, columns: columns(old.calls.columns) });
        Chunk {
            rows: self.times.len(),
            columns: columns(self.calls.columns),
            times: self.times,
            deleted: if self.deleted.contains(&true) { self.deleted } else { Vec::new() },
            old,
            origins: Vec::new(),
            marks: self.marks,
        }
    }
}

/// Adds a mark. Of several in one place the last says it all.
pub(super) fn push_mark(marks: &mut Vec<Mark>, at: usize, watermark: i64) {
    match marks.last_mut() {
        Some(last) if last.at == at => last.watermark = watermark,
        _ => marks.push(Mark { at, watermark }),
    }
}
