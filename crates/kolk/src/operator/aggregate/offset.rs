//! EARLIEST_BY_OFFSET and LATEST_BY_OFFSET: the first or last value, or the first or last few as an array.

use super::accumulator::{Growth, Scope, Variable};
use super::bytes::u64_at;
use super::item::{Cell, items, push_array, put_item, write_item};
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;

/// Which value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Earliest,
    Latest,
}

/// One value: the number of its row (8), and it.
#[derive(Debug)]
pub(super) struct ByOffset {
    which: Which,
    cell: Cell,
    ignores_nulls: bool,
}

/// Several values in the order of their rows. An item each: the number of the row (8), and JSON.
#[derive(Debug)]
pub(super) struct SeveralByOffset {
    which: Which,
    of: DataType,
    count: usize,
    ignores_nulls: bool,
}

impl ByOffset {
    pub(super) fn new(which: Which, of: &DataType, ignores_nulls: bool) -> Self {
        Self { which, cell: Cell::new(of), ignores_nulls }
    }
}

impl Variable for ByOffset {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        let stays = self.which == Which::Earliest && !growth.state.is_empty();
        if stays || self.ignores_nulls && of[0].is_null(row) {
            return false;
        }
        growth.new.extend_from_slice(&scope.sequence.to_le_bytes());
        self.cell.write(of[0], row, scope, growth.new);
        true
    }

    fn merge(&self, Growth { state, new }: Growth<'_>, other: &[u8]) {
        let is_later = u64_at(other, 0) > u64_at(state, 0);
        let takes_other = match () {
            () if other.is_empty() => false,
            () if state.is_empty() => true,
            () => is_later == (self.which == Which::Latest),
        };
        new.extend_from_slice(if takes_other { other } else { state });
    }

    fn result(&self, state: &[u8], into: &mut Appender, _: &mut Vec<u8>) {
        match state.get(8..) {
            Some(value) => self.cell.push(value, into),
            None => into.push_null(),
        }
    }
}

impl SeveralByOffset {
    pub(super) fn new(which: Which, of: &DataType, count: usize, ignores_nulls: bool) -> Self {
        Self { which, of: of.clone(), count, ignores_nulls }
    }
}

impl Variable for SeveralByOffset {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        let Growth { state, new } = growth;
        let held = items(state).count();
        let is_full = held >= self.count;
        let stays = is_full && self.which == Which::Earliest;
        if stays || self.ignores_nulls && of[0].is_null(row) {
            return false;
        }
        let leave = (held + 1).saturating_sub(self.count);
        for item in items(state).skip(leave) {
            put_item(new, |into| into.extend_from_slice(item));
        }
        put_item(new, |into| {
            into.extend_from_slice(&scope.sequence.to_le_bytes());
            write_item(of[0], row, &self.of, scope, into);
        });
        true
    }

    fn merge(&self, Growth { state, new }: Growth<'_>, other: &[u8]) {
        let mut all: Vec<&[u8]> = items(state).chain(items(other)).collect();
        all.sort_by_key(|item| u64_at(item, 0));
        let surplus = all.len().saturating_sub(self.count);
        let kept = match self.which {
            Which::Earliest => &all[..all.len() - surplus],
            Which::Latest => &all[surplus..],
        };
        for item in kept {
            put_item(new, |into| into.extend_from_slice(item));
        }
    }

    fn result(&self, state: &[u8], into: &mut Appender, text: &mut Vec<u8>) {
        push_array(items(state).map(|item| item.get(8..).unwrap_or(b"null")), into, text);
    }
}
