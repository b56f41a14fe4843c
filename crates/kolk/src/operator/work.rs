//! The rows that a pipeline works on: which are still on their way, their columns, and which are bad.

use crate::operator::column::Vector;
use crate::record::{BadRecord, Output};

/// The rows at hand.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// The first one's number in the batch; within the work rows are numbered from there.
    pub(super) first: usize,
    /// The rows that are still on their way, by number.
    pub(super) selection: Vec<usize>,
    /// The columns that are decoded or computed, over the selection.
    pub(super) columns: Vec<Option<Vector>>,
    /// The event time of each row.
    pub(super) times: Vec<i64>,
    /// Which rows are bad.
    pub(super) bad: Vec<bool>,
    pub(super) reasons: Vec<(usize, String)>,
}

impl Work {
    /// Tells that a row is bad.
    #[cold]
    #[expect(clippy::cast_possible_truncation, reason = "rows are bounded far below")]
    pub(super) fn refuse(&mut self, row: usize, reason: String, output: &mut Output) {
        if !std::mem::replace(&mut self.bad[row], true) {
            output.bad.push(BadRecord { input: (self.first + row) as u32, reason });
        }
    }

    /// Takes rows (by position in the selection) out of it, because they are bad.
    #[inline]
    pub(super) fn drop_refused(&mut self, reasons: &mut Vec<(usize, String)>, output: &mut Output) {
        if reasons.is_empty() {
            return;
        }
        for (at, reason) in reasons.drain(..) {
            self.refuse(self.selection[at], reason, output);
        }
        let good = (0..self.selection.len()).filter(|at| !self.bad[self.selection[*at]]);
        let good: Vec<usize> = good.collect();
        self.keep(&good);
    }

    /// Keeps some rows, by position in the selection.
    pub(super) fn keep(&mut self, kept: &[usize]) {
        if kept.len() == self.selection.len() {
            return;
        }
        for column in self.columns.iter_mut().flatten() {
            *column = column.take(kept);
        }
        let selection = kept.iter().map(|at| self.selection[*at]).collect();
        self.selection = selection;
    }
}
