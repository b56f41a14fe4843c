//! How the states of all calls lie together in an entry of the store.
//!
//! ```text
//! header | states of fixed size, one behind the other | for each of the others its length (4) and its bytes
//! ```

use super::accumulator::{Fixed, Growth, Rows, Scope, Variable};
use super::bytes::{put_u32, u32_at};
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;
use std::ops::Range;

/// The calls of an aggregation, and where their states lie.
#[derive(Debug)]
pub(super) struct Layout {
    calls: Vec<Call>,
    /// Where the states that grow begin.
    growing: usize,
    /// A record of nothing: what a new group begins with.
    blank: Vec<u8>,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) arguments: Vec<usize>,
    pub(super) data_type: DataType,
    pub(super) state: State,
}

/// What computes a call, and where its state lies.
#[derive(Debug)]
pub(super) enum State {
    /// At a place.
    Fixed(Box<dyn Fixed>, Range<usize>),
    /// As the part of this number among those that grow.
    Variable(Box<dyn Variable>, usize),
}

/// The results of all calls, a column each.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) columns: Vec<Appender>,
    text: Vec<u8>,
}

impl Calls {
    pub(super) fn new(types: &[DataType]) -> Self {
        Self { columns: types.iter().map(Appender::new).collect(), text: Vec::new() }
    }
}

/// Whether a row is put in or taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

/// A record that is worked on, and memory to write it anew.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) bytes: Vec<u8>,
    new: Vec<u8>,
    spare: Vec<u8>,
}

impl Layout {
    /// Behind a header of so many bytes. Where states lie is decided here, whatever the calls say.
    pub(super) fn new(header: usize, mut calls: Vec<Call>) -> Self {
        let (mut at, mut parts) = (header, 0);
        for call in &mut calls {
            match &mut call.state {
                State::Fixed(of, place) => {
                    *place = at..at + of.width();
                    at = place.end;
                }
                State::Variable(_, part) => {
                    *part = parts;
                    parts += 1;
                }
            }
        }
        Self { calls, growing: at, blank: vec![0; at + 4 * parts] }
    }

    /// What a new group begins with.
    pub(super) fn blank(&self) -> &[u8] {
        &self.blank
    }

    /// The types of the results.
    pub(super) fn types(&self) -> impl Iterator<Item = &DataType> {
        self.calls.iter().map(|call| &call.data_type)
    }

    /// Whether no state grows: all records have one size.
    pub(super) fn is_fixed(&self) -> bool {
        self.blank.len() == self.growing
    }

    /// Whether the bytes are a record of these calls.
    pub(super) fn is_sound(&self, record: &[u8]) -> bool {
        let Some(mut parts) = record.get(self.growing..) else { return false };
        for _ in 0..(self.blank.len() - self.growing) / 4 {
            let Some((len, rest)) = parts.split_first_chunk() else { return false };
            match rest.get(u32::from_le_bytes(*len) as usize..) {
                Some(rest) => parts = rest,
                None => return false,
            }
        }
        parts.is_empty()
    }

    /// Where the part of this number stands in a record.
    fn part(&self, record: &[u8], number: usize) -> Range<usize> {
        let mut at = self.growing;
        for _ in 0..number {
            at += 4 + u32_at(record, at) as usize;
        }
        let len = u32_at(record, at) as usize;
        at + 4..at + 4 + len
    }

    /// The arguments of each call among the columns of a chunk.
    pub(super) fn arguments<'a>(&self, columns: &'a [Vector]) -> Vec<Vec<&'a Vector>> {
        let of = |call: &Call| call.arguments.iter().map(|column| &columns[*column]).collect();
        self.calls.iter().map(of).collect()
    }

    /// Puts rows of the call of this number in, one after the other, each into its entry.
    pub(super) fn add_all(&self, call: usize, rows: &mut Rows<'_>) {
        match &self.calls[call].state {
            State::Fixed(of, place) => of.add_all(place.clone(), rows),
            State::Variable(of, part) => self.add_each(&**of, *part, rows),
        }
    }

    fn add_each(&self, of: &dyn Variable, part: usize, rows: &mut Rows<'_>) {
        let (mut new, mut record, mut text) = (Vec::new(), Vec::new(), Vec::new());
        let scope = &mut Scope { session: rows.session, sequence: 0, failed: rows.failed };
        for (row, entry) in rows.rows.iter().zip(rows.entries) {
            let value = rows.store.value(entry.id);
            let place = self.part(value, part);
            let state = value.get(place.clone()).unwrap_or_default();
            if let Some(old) = rows.old.as_deref_mut() {
                if entry.is_new {
                    old.push_null();
                } else {
                    of.result(state, old, &mut text);
                }
            }
            let in_place = rows.store.update(entry.id).get_mut(place.clone()).unwrap_or_default();
            if of.add_in_place((rows.arguments, *row), in_place, &mut text, scope) {
                if let Some(into) = rows.results.as_deref_mut() {
                    of.result(in_place, into, &mut text);
                }
                continue;
            }
            let value = rows.store.value(entry.id);
            let state = value.get(place.clone()).unwrap_or_default();
            new.clear();
            let changed = of.add(rows.arguments, *row, Growth { state, new: &mut new }, scope);
            if let Some(into) = rows.results.as_deref_mut() {
                of.result(if changed { &new } else { state }, into, &mut text);
            }
            if changed {
                replace(value, place, &new, &mut record);
                rows.store.set(entry.id, &record);
            }
        }
    }

    /// Puts a row into a record, or takes it out.
    pub(super) fn change(
        &self,
        way: Way,
        (arguments, row): (&[Vec<&Vector>], usize),
        record: &mut Record,
        scope: &mut Scope<'_>,
    ) {
        self.change_fixed(way, (arguments, row), &mut record.bytes);
        for (call, of) in self.calls.iter().zip(arguments) {
            let State::Variable(function, part) = &call.state else { continue };
            record.new.clear();
            let place = self.part(&record.bytes, *part);
            let in_place = record.bytes.get_mut(place.clone()).unwrap_or_default();
            let text = &mut record.spare;
            if way == Way::In && function.add_in_place((of, row), in_place, text, scope) {
                continue;
            }
            let state = record.bytes.get(place.clone()).unwrap_or_default();
            let growth = Growth { state, new: &mut record.new };
            let changed = match way {
                Way::In => function.add(of, row, growth, scope),
                Way::Out => function.undo(of, row, growth, scope),
            };
            if changed {
                record.take_new(place);
            }
        }
    }

    /// The same for the states of fixed size alone.
    pub(super) fn change_fixed(
        &self,
        way: Way,
        (arguments, row): (&[Vec<&Vector>], usize),
        record: &mut [u8],
    ) {
        for (call, of) in self.calls.iter().zip(arguments) {
            let State::Fixed(function, place) = &call.state else { continue };
            let Some(state) = record.get_mut(place.clone()) else { continue };
            match way {
                Way::In => function.add(of, row, state),
                Way::Out => function.undo(of, row, state),
            }
        }
    }

    /// Puts in what another, later record of the group holds. The header stays.
    pub(super) fn merge(&self, record: &mut Record, other: &[u8]) {
        for call in &self.calls {
            match &call.state {
                State::Fixed(function, place) => {
                    let states = (record.bytes.get_mut(place.clone()), other.get(place.clone()));
                    if let (Some(state), Some(other)) = states {
                        function.merge(state, other);
                    }
                }
                State::Variable(function, part) => {
                    record.new.clear();
                    let place = self.part(&record.bytes, *part);
                    let state = record.bytes.get(place.clone()).unwrap_or_default();
                    let other = other.get(self.part(other, *part)).unwrap_or_default();
                    function.merge(Growth { state, new: &mut record.new }, other);
                    record.take_new(place);
                }
            }
        }
    }

    /// Appends the results of a record; how many do not fit their type.
    pub(super) fn results(&self, record: &[u8], into: &mut Calls) -> u64 {
        let mut failed = 0;
        let Calls { columns, text } = into;
        for (call, into) in self.calls.iter().zip(columns) {
            match &call.state {
                State::Fixed(function, place) => match record.get(place.clone()) {
                    Some(state) => failed += u64::from(!function.result(state, into)),
                    None => into.push_null(),
                },
                State::Variable(function, part) => {
                    let state = record.get(self.part(record, *part)).unwrap_or_default();
                    function.result(state, into, text);
                }
            }
        }
        failed
    }
}

impl Record {
    /// Puts the part that was written anew in the place of the old one.
    fn take_new(&mut self, place: Range<usize>) {
        replace(&self.bytes, place, &self.new, &mut self.spare);
        std::mem::swap(&mut self.bytes, &mut self.spare);
    }
}

/// Writes a record with another part at `place`.
fn replace(record: &[u8], place: Range<usize>, part: &[u8], into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(record.get(..place.start).unwrap_or(record));
    // A part of a record that a store could hold has fewer than 4 GiB.
    put_u32(into, place.start - 4, u32::try_from(part.len()).unwrap_or(u32::MAX));
    into.extend_from_slice(part);
    into.extend_from_slice(record.get(place.end..).unwrap_or_default());
}
