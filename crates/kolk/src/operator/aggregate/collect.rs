//! COLLECT_LIST and COLLECT_SET: the values themselves, as an array; NULLs too.

use super::accumulator::{Growth, Scope, Variable};
use super::item::{items, push_array, put_item, write_item};
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;

/// So many values are kept, the first ones, unless the call says otherwise.
pub(super) const LIMIT: usize = 1000;

/// Values in the order in which they came, up to a limit: an item each.
#[derive(Debug)]
pub(super) struct Collect {
    of: DataType,
    limit: usize,
    /// Whether a value that is there already is passed over.
    is_set: bool,
}

impl Collect {
    pub(super) fn new(of: &DataType, limit: usize, is_set: bool) -> Self {
        Self { of: of.clone(), limit, is_set }
    }

    fn write(&self, of: &[&Vector], row: usize, scope: &mut Scope<'_>, into: &mut Vec<u8>) {
        write_item(of[0], row, &self.of, scope, into);
    }
}

impl Variable for Collect {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        let Growth { state, new } = growth;
        if items(state).count() >= self.limit {
            return false;
        }
        new.extend_from_slice(state);
        let start = new.len();
        put_item(new, |into| self.write(of, row, scope, into));
        !self.is_set || items(state).all(|item| *item != new[start + 4..])
    }

    /// The last one like it leaves, as in ksqlDB; what the limit had kept out is not found.
    fn undo(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        let Growth { state, new } = growth;
        self.write(of, row, scope, new);
        let alike = items(state).enumerate().filter(|(_, item)| **item == new[..]);
        let Some((leaves, _)) = alike.last() else { return false };
        new.clear();
        for (_, item) in items(state).enumerate().filter(|(at, _)| *at != leaves) {
            put_item(new, |into| into.extend_from_slice(item));
        }
        true
    }

    fn merge(&self, growth: Growth<'_>, other: &[u8]) {
        let Growth { state, new } = growth;
        new.extend_from_slice(state);
        let room = self.limit.saturating_sub(items(state).count());
        let is_new = |item: &&[u8]| !self.is_set || items(state).all(|held| held != *item);
        for item in items(other).filter(is_new).take(room) {
            put_item(new, |into| into.extend_from_slice(item));
        }
    }

    fn result(&self, state: &[u8], into: &mut Appender, text: &mut Vec<u8>) {
        push_array(items(state), into, text);
    }
}
