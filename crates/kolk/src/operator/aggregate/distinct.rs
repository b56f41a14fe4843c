//! COUNT_DISTINCT: how many different values, exactly; NULLs aside.
//!
//! The state is a hash table in bytes, which is changed where it is and doubles when it is full, so a row costs the same however many
//! values there are: `how many (8) | places of 16 bytes each, as many as a power of two; zeros where there is nothing`.

use super::accumulator::{Growth, Scope, Variable};
use super::bytes::{put_u64, u64_at};
use super::item::write_item;
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;
use sha2::{Digest, Sha256};

/// A value as 16 bytes, not all of them zero: its length and its JSON where that is short, else 255 and the first 15 bytes of its
/// SHA-256. Two values that share these are beyond what anybody can find.
type Mark = [u8; 16];

const HEADER: usize = 8;
/// Places of the smallest table.
const PLACES_MIN: usize = 4;
const NOTHING: Mark = [0; 16];

/// The marks of all values.
#[derive(Debug)]
pub(super) struct CountDistinct {
    of: DataType,
}

impl CountDistinct {
    pub(super) fn new(of: &DataType) -> Self {
        Self { of: of.clone() }
    }

    /// The mark of a row's value; `text` is memory for it.
    fn mark(
        &self,
        (of, row): (&[&Vector], usize),
        scope: &mut Scope<'_>,
        text: &mut Vec<u8>,
    ) -> Option<Mark> {
        if of[0].is_null(row) {
            return None;
        }
        text.clear();
        write_item(of[0], row, &self.of, scope, text);
        Some(mark(text))
    }
}

fn mark(value: &[u8]) -> Mark {
    let mut mark = NOTHING;
    match u8::try_from(value.len()) {
        Ok(len) if value.len() < mark.len() => {
            mark[0] = len;
            mark[1..=value.len()].copy_from_slice(value);
        }
        _ => {
            mark[0] = u8::MAX;
            mark[1..].copy_from_slice(&Sha256::digest(value)[..15]);
        }
    }
    mark
}

/// Where a mark is looked for first. Tables are stored: this never changes.
fn hash(mark: &Mark) -> usize {
    let [low, high] = [u64_at(mark, 0), u64_at(mark, 8)];
    let mixed = (low ^ high.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 29 ^ high).wrapping_mul(0xff51_afd7_ed55_8ccd);
    usize::try_from((mixed ^ mixed >> 31) & 0xffff_ffff).unwrap_or_default()
}

/// The marks of a state.
fn marks(state: &[u8]) -> &[Mark] {
    state.get(HEADER..).unwrap_or_default().as_chunks::<16>().0
}

/// What became of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    New,
    Known,
    /// The table is full.
    NoRoom,
}

/// Puts a mark into a table, if it is not there and there is room.
fn put(state: &mut [u8], mark: &Mark) -> Put {
    let Some(places) = state.get_mut(HEADER..).filter(|places| !places.is_empty()) else {
        return Put::NoRoom;
    };
    let places = places.as_chunks_mut::<16>().0;
    let last = places.len().wrapping_sub(1);
    let mut at = hash(mark) & last;
    // A damaged table may have no free place.
    for _ in 0..places.len() {
        if places[at] == *mark {
            return Put::Known;
        }
        if places[at] == NOTHING {
            // A quarter stays free, so that searches are short.
            let room = places.len() as u64 * 3 / 4;
            let count = u64_at(state, 0);
            if count >= room {
                return Put::NoRoom;
            }
            put_u64(state, 0, count + 1);
            let place = HEADER + at * 16;
            state[place..place + 16].copy_from_slice(mark);
            return Put::New;
        }
        at = (at + 1) & last;
    }
    Put::NoRoom
}

/// Writes a table twice as large with the same marks.
fn grow(state: &[u8], new: &mut Vec<u8>) {
    let places = (marks(state).len() * 2).next_power_of_two().max(PLACES_MIN);
    new.clear();
    new.resize(HEADER + places * 16, 0);
    for mark in marks(state).iter().filter(|mark| **mark != NOTHING) {
        put(new, mark);
    }
}

impl Variable for CountDistinct {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        let Growth { state, new } = growth;
        let Some(mark) = self.mark((of, row), scope, new) else {
            new.clear();
            return false;
        };
        new.clear();
        new.extend_from_slice(state);
        match put(new, &mark) {
            Put::New => true,
            Put::Known => false,
            Put::NoRoom => {
                grow(state, new);
                put(new, &mark);
                true
            }
        }
    }

    fn add_in_place(
        &self,
        (of, row): (&[&Vector], usize),
        state: &mut [u8],
        text: &mut Vec<u8>,
        scope: &mut Scope<'_>,
    ) -> bool {
        match self.mark((of, row), scope, text) {
            None => true,
            Some(mark) => put(state, &mark) != Put::NoRoom,
        }
    }

    fn merge(&self, Growth { state, new }: Growth<'_>, other: &[u8]) {
        let (mut table, mut larger) = (state.to_vec(), Vec::new());
        for mark in marks(other).iter().filter(|mark| **mark != NOTHING) {
            if put(&mut table, mark) == Put::NoRoom {
                grow(&table, &mut larger);
                std::mem::swap(&mut table, &mut larger);
                put(&mut table, mark);
            }
        }
        new.extend_from_slice(&table);
    }

    fn result(&self, state: &[u8], into: &mut Appender, _: &mut Vec<u8>) {
        let count = if state.is_empty() { 0 } else { u64_at(state, 0) };
        into.push_i64(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn of(values: &[u64]) -> Vec<u8> {
        let mut state = Vec::new();
        for value in values {
            let mark = mark(value.to_string().as_bytes());
            if put(&mut state, &mark) == Put::NoRoom {
                let mut larger = Vec::new();
                grow(&state, &mut larger);
                state = larger;
                assert_eq!(put(&mut state, &mark), Put::New);
            }
        }
        state
    }

    #[test]
    fn a_table_counts_what_a_set_holds_and_doubles_when_it_is_full() {
        let values: Vec<u64> = (0..10_000).map(|number| number * number % 7919).collect();
        let distinct: BTreeSet<&u64> = values.iter().collect();
        let state = of(&values);
        assert_eq!(u64_at(&state, 0), distinct.len() as u64);
        assert_eq!(marks(&state).len(), 8192, "{} values", distinct.len());
        let held = marks(&state).iter().filter(|mark| **mark != NOTHING);
        assert_eq!(held.count(), distinct.len());
    }

    #[test]
    fn searches_stay_short() {
        let state = of(&(0..3000).collect::<Vec<u64>>());
        let places = marks(&state);
        let away = |(at, mark): (usize, &Mark)| at.wrapping_sub(hash(mark)) & (places.len() - 1);
        let used = places.iter().enumerate().filter(|(_, mark)| **mark != NOTHING);
        let steps: usize = used.map(away).sum();
        assert!(steps < 3000 * 4, "{steps}");
    }

    #[test]
    fn tables_are_merged_and_nothing_is_no_value() {
        let function = CountDistinct::new(&DataType::Bigint);
        let mut new = Vec::new();
        let (one, two) = (of(&[1, 2, 3]), of(&[3, 4, 5, 6]));
        function.merge(Growth { state: &one, new: &mut new }, &two);
        assert_eq!(u64_at(&new, 0), 6);
        new.clear();
        function.merge(Growth { state: &[], new: &mut new }, &[]);
        assert_eq!(new, b"");
    }
}
