//! MIN, MAX, COUNT_DISTINCT, COLLECT_SET, TOPK and TOPKDISTINCT of tables: all different values are kept, and how often each of them is
//! there, because the row that had the greatest may change or go.

use super::accumulator::{Growth, Scope, Variable};
use super::bytes::{u32_at, u64_at};
use super::item::{Cell, is_nested, items, push_array, put_item, write_item};
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;
use crate::state::keys::encode_value;
use std::cmp::Ordering;

/// What is made of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// The least.
    Least,
    /// The greatest.
    Greatest,
    /// How many there are.
    Count,
    /// So many of them, the least first, NULL too.
    Set(usize),
    /// The greatest ones, as often as they are there.
    Top(usize),
    /// The greatest ones, once each.
    TopDistinct(usize),
}

/// Values of a table's rows, the least first. An item each: how often it is there (8), the length (4) and the bytes of a key that sorts
/// as the value does, and the value as the result needs it.
#[derive(Debug)]
pub(super) struct Kept {
    of: DataType,
    cell: Cell,
    pick: Pick,
}

/// The parts of an item.
#[derive(Debug, Clone, Copy)]
struct Parts<'a> {
    times: u64,
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(item: &'a [u8]) -> Self {
        let rest = item.get(12..).unwrap_or_default();
        let (key, value) = rest.split_at_checked(u32_at(item, 8) as usize).unwrap_or_default();
        Self { times: u64_at(item, 0), key, value }
    }

    fn write(self, into: &mut Vec<u8>) {
        put_item(into, |into| {
            into.extend_from_slice(&self.times.to_le_bytes());
            put_item(into, |into| into.extend_from_slice(self.key));
            into.extend_from_slice(self.value);
        });
    }
}

fn parts(state: &[u8]) -> impl DoubleEndedIterator<Item = Parts<'_>> {
    items(state).map(Parts::of).collect::<Vec<Parts<'_>>>().into_iter()
}

impl Kept {
    pub(super) fn new(of: &DataType, pick: Pick) -> Self {
        Self { of: of.clone(), cell: Cell::new(of), pick }
    }

    /// Writes the state with a row's value so many times more; `false` when that changes nothing.
    fn change(
        &self,
        (vector, row): (&Vector, usize),
        more: i64,
        Growth { state, new }: Growth<'_>,
        scope: &mut Scope<'_>,
    ) -> bool {
        if vector.is_null(row) && !matches!(self.pick, Pick::Set(_)) {
            return false;
        }
        let (mut key, mut value) = (Vec::new(), Vec::new());
        if is_nested(&self.of) {
            write_item(vector, row, &self.of, scope, &mut key);
        } else {
            encode_value(vector, row, &mut key);
        }
        match self.pick {
            Pick::Least | Pick::Greatest => self.cell.write(vector, row, scope, &mut value),
            Pick::Set(_) | Pick::Top(_) | Pick::TopDistinct(_) => {
                write_item(vector, row, &self.of, scope, &mut value);
            }
            Pick::Count => {}
        }
        let own = Parts { times: 0, key: &key, value: &value };
        let mut place = Some(own);
        let put = |at: Parts<'_>, new: &mut Vec<u8>| {
            let times = at.times.saturating_add_signed(more);
            if times > 0 {
                Parts { times, ..at }.write(new);
            }
        };
        for held in parts(state) {
            match held.key.cmp(&key) {
                Ordering::Equal => {
                    place = None;
                    put(held, new);
                    continue;
                }
                Ordering::Greater => place.take().into_iter().for_each(|own| put(own, new)),
                Ordering::Less => {}
            }
            held.write(new);
        }
        place.into_iter().for_each(|own| put(own, new));
        *new != state
    }
}

impl Variable for Kept {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        self.change((of[0], row), 1, growth, scope)
    }

    fn undo(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        self.change((of[0], row), -1, growth, scope)
    }

    fn merge(&self, Growth { state, new }: Growth<'_>, other: &[u8]) {
        let (mut left, mut right) = (parts(state).peekable(), parts(other).peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(two)) => one.key.cmp(two.key),
            };
            let one = left.next_if(|_| order != Ordering::Greater);
            let two = right.next_if(|_| order != Ordering::Less);
            let times = [one, two].iter().flatten().map(|parts| parts.times).sum();
            one.or(two).into_iter().for_each(|parts| Parts { times, ..parts }.write(new));
        }
    }

    fn result(&self, state: &[u8], into: &mut Appender, text: &mut Vec<u8>) {
        let values = parts(state);
        let extreme = |of: Option<Parts<'_>>, into: &mut Appender| match of {
            Some(of) => self.cell.push(of.value, into),
            None => into.push_null(),
        };
        let often = |of: Parts<'_>, k: usize| usize::try_from(of.times).unwrap_or(k).min(k);
        match self.pick {
            Pick::Least => extreme(values.into_iter().next(), into),
            Pick::Greatest => extreme(values.into_iter().next_back(), into),
            Pick::Count => into.push_i64(i64::try_from(values.count()).unwrap_or(i64::MAX)),
            Pick::Set(limit) => push_array(values.take(limit).map(|of| of.value), into, text),
            Pick::TopDistinct(k) => push_array(values.rev().take(k).map(|of| of.value), into, text),
            Pick::Top(k) => {
                let repeated =
                    values.rev().flat_map(|of| std::iter::repeat_n(of.value, often(of, k)));
                push_array(repeated.take(k), into, text);
            }
        }
    }
}
