//! HISTOGRAM and ATTR: the different values, and how often each of them came.

use super::accumulator::{Growth, Scope, Variable};
use super::bytes::u64_at;
use super::item::{Cell, items, push_text, put_item};
use crate::codec::json::write_quoted;
use crate::codec::number::write_i64;
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;

/// A histogram has so many different texts at most; further ones are not counted.
const TEXTS_MAX: usize = 1000;

/// How often each text came, as a map. An item each: the count (8), and the text.
#[derive(Debug)]
pub(super) struct Histogram;

/// The value if all rows have the same, NULL too. An item for each different value: the count (8), and the value.
#[derive(Debug)]
pub(super) struct Attr {
    cell: Cell,
    /// Where nothing is taken out again two different values say it all.
    enough: usize,
}

/// Writes the items of a state with `value` so many times more; one that comes no more leaves. `false` when a new value finds no room.
fn count(state: &[u8], value: &[u8], times: i64, room: usize, new: &mut Vec<u8>) -> bool {
    let (mut found, mut held) = (false, 0);
    for item in items(state) {
        held += 1;
        let is_it = item.get(8..) == Some(value);
        found |= is_it;
        let counted = u64_at(item, 0).saturating_add_signed(if is_it { times } else { 0 });
        if counted > 0 {
            put_item(new, |into| {
                into.extend_from_slice(&counted.to_le_bytes());
                into.extend_from_slice(item.get(8..).unwrap_or_default());
            });
        }
    }
    if !found && times > 0 && held < room {
        put_item(new, |into| {
            into.extend_from_slice(&times.to_le_bytes());
            into.extend_from_slice(value);
        });
        return true;
    }
    found
}

/// Writes the items of both states.
fn merge(Growth { state, new }: Growth<'_>, other: &[u8], room: usize) {
    new.extend_from_slice(state);
    let mut next = Vec::new();
    for item in items(other) {
        next.clear();
        let times = i64::try_from(u64_at(item, 0)).unwrap_or(i64::MAX);
        if count(new, item.get(8..).unwrap_or_default(), times, room, &mut next) {
            std::mem::swap(new, &mut next);
        }
    }
}

impl Variable for Histogram {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, _: &mut Scope<'_>) -> bool {
        let Some(text) = of[0].text().get(row) else { return false };
        count(growth.state, text.as_bytes(), 1, TEXTS_MAX, growth.new)
    }

    fn undo(&self, of: &[&Vector], row: usize, growth: Growth<'_>, _: &mut Scope<'_>) -> bool {
        let Some(text) = of[0].text().get(row) else { return false };
        count(growth.state, text.as_bytes(), -1, TEXTS_MAX, growth.new)
    }

    fn merge(&self, growth: Growth<'_>, other: &[u8]) {
        merge(growth, other, TEXTS_MAX);
    }

    fn result(&self, state: &[u8], into: &mut Appender, text: &mut Vec<u8>) {
        text.clear();
        text.push(b'{');
        for item in items(state) {
            if text.len() > 1 {
                text.push(b',');
            }
            write_quoted(item.get(8..).unwrap_or_default(), text);
            text.push(b':');
            write_i64(i64::try_from(u64_at(item, 0)).unwrap_or(i64::MAX), text);
        }
        text.push(b'}');
        push_text(text, into);
    }
}

impl Attr {
    pub(super) fn new(of: &DataType, undoes: bool) -> Self {
        Self { cell: Cell::new(of), enough: if undoes { usize::MAX } else { 2 } }
    }

    fn change(
        &self,
        (of, row): (&[&Vector], usize),
        times: i64,
        Growth { state, new }: Growth<'_>,
        scope: &mut Scope<'_>,
    ) -> bool {
        if items(state).count() >= self.enough {
            return false;
        }
        let mut value = Vec::new();
        self.cell.write(of[0], row, scope, &mut value);
        count(state, &value, times, self.enough, new)
    }
}

impl Variable for Attr {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        self.change((of, row), 1, growth, scope)
    }

    fn undo(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        self.change((of, row), -1, growth, scope)
    }

    fn merge(&self, growth: Growth<'_>, other: &[u8]) {
        merge(growth, other, self.enough);
    }

    fn result(&self, state: &[u8], into: &mut Appender, _: &mut Vec<u8>) {
        let mut values = items(state);
        match (values.next().and_then(|item| item.get(8..)), values.next()) {
            (Some(value), None) => self.cell.push(value, into),
            _ => into.push_null(),
        }
    }
}
