//! EARLIEST_BY_OFFSET and LATEST_BY_OFFSET of tables: the values of all rows that stand in a group, in the order in which they came,
//! because the one that came first or last may change or go.

use super::accumulator::{Growth, Scope, Variable};
use super::bytes::u32_at;
use super::item::{Cell, items, push_array, put_item, write_item};
use super::offset::Which;
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;
use crate::state::keys::encode_value;

/// Values of a table's rows, the one that changed last at the end. The arguments are the value and the columns of the row's
/// primary key: rows with equal values are still told apart. An item each: the length (4) and the bytes of that key, and the
/// value as the result needs it.
#[derive(Debug)]
pub(super) struct Standing {
    which: Which,
    of: DataType,
    cell: Cell,
    /// So many values as an array; one by itself, if absent.
    count: Option<usize>,
    ignores_nulls: bool,
}

/// The primary key of an item, and its value.
fn split(item: &[u8]) -> (&[u8], &[u8]) {
    let rest = item.get(4..).unwrap_or_default();
    rest.split_at_checked(u32_at(item, 0) as usize).unwrap_or_default()
}

impl Standing {
    pub(super) fn new(
        which: Which,
        of: &DataType,
        count: Option<usize>,
        ignores_nulls: bool,
    ) -> Self {
        Self { which, of: of.clone(), cell: Cell::new(of), count, ignores_nulls }
    }
}

/// Appends the bytes of a row's primary key.
fn write_key(of: &[&Vector], row: usize, into: &mut Vec<u8>) {
    for column in &of[1..] {
        encode_value(column, row, into);
    }
}

impl Variable for Standing {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        if self.ignores_nulls && of[0].is_null(row) {
            return false;
        }
        let Growth { state, new } = growth;
        new.extend_from_slice(state);
        put_item(new, |into| {
            put_item(into, |into| write_key(of, row, into));
            match self.count {
                Some(_) => write_item(of[0], row, &self.of, scope, into),
                None => self.cell.write(of[0], row, scope, into),
            }
        });
        true
    }

    fn undo(&self, of: &[&Vector], row: usize, growth: Growth<'_>, _: &mut Scope<'_>) -> bool {
        let Growth { state, new } = growth;
        let mut key = Vec::new();
        write_key(of, row, &mut key);
        for item in items(state).filter(|item| split(item).0 != key) {
            put_item(new, |into| into.extend_from_slice(item));
        }
        new.len() != state.len()
    }

    fn merge(&self, Growth { state, new }: Growth<'_>, other: &[u8]) {
        new.extend_from_slice(state);
        new.extend_from_slice(other);
    }

    fn result(&self, state: &[u8], into: &mut Appender, text: &mut Vec<u8>) {
        let values = || items(state).map(|item| split(item).1);
        let Some(count) = self.count else {
            let value = match self.which {
                Which::Earliest => values().next(),
                Which::Latest => values().last(),
            };
            match value {
                Some(value) => self.cell.push(value, into),
                None => into.push_null(),
            }
            return;
        };
        match self.which {
            Which::Earliest => push_array(values().take(count), into, text),
            Which::Latest => {
                let surplus = values().count().saturating_sub(count);
                push_array(values().skip(surplus), into, text);
            }
        }
    }
}
