//! The third step of a join by foreign key: answers to a left row become changes of the result, those that are out of date aside.

use super::{Said, Word};
use crate::operator::chunk::{Chunk, Event};
use crate::operator::column::Vector;
use crate::operator::join::changes::{Change, Changes, pick, side_by_side};
use crate::operator::join::stored::{Check, Stored};
use crate::operator::operate::{Context, Operate};
use crate::schema::DataType;
use crate::state::Store;
use crate::state::keys::Keys;
use crate::state::row::{Corrupt, RowCodec};
use crate::topology::ForeignKey;

/// Settles. An entry of the store is what is known of a left row: `primary key → version (8), marks that are to come (8), state (1),
/// the columns of left and right where there is a result`.
#[derive(Debug)]
pub(super) struct Settle {
    of: ForeignKey,
    /// The types of an answer's columns of the left table, and of the right one.
    types: [Vec<DataType>; 2],
    /// Of both together.
    codec: RowCodec,
    store: Store,
    keys: Keys,
    value: Vec<u8>,
}

/// What is known of a left row beside its columns.
#[derive(Debug, Clone, Copy)]
struct Known {
    version: i64,
    /// The sum of marks of answers that are to come: those of lives that have ended, less those that have come.
    open: i64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The row is not in the result.
    Alone,
    /// It is.
    Joined,
    /// The row itself is gone.
    Gone,
}

/// What stands in front of an entry's columns.
const FRONT: usize = 17;
const UNKNOWN: Known = Known { version: i64::MIN, open: 0, state: State::Gone };

impl Known {
    fn read(value: &[u8]) -> Result<(Self, &[u8]), Corrupt> {
        const SHORT: Corrupt = Corrupt("a result of a join is too short");
        let (version, rest) = value.split_first_chunk().ok_or(SHORT)?;
        let (open, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let (state, columns) = rest.split_first().ok_or(SHORT)?;
        let state = match state {
            0 => State::Alone,
            1 => State::Joined,
            2 => State::Gone,
            _ => return Err(Corrupt("a result of a join is in no state")),
        };
        let (version, open) = (i64::from_le_bytes(*version), i64::from_le_bytes(*open));
        Ok((Self { version, open, state }, columns))
    }

    fn write(self, into: &mut [u8]) {
        into[..8].copy_from_slice(&self.version.to_le_bytes());
        into[8..16].copy_from_slice(&self.open.to_le_bytes());
        into[16] = match self.state {
            State::Alone => 0,
            State::Joined => 1,
            State::Gone => 2,
        };
    }

    /// Takes an answer in; whether it changes the result, or is told as if it did.
    fn take(&mut self, said: Said, version: i64, sum: i64) -> bool {
        if said.word != Word::Changed {
            self.open = self.open.wrapping_sub(said.word.mark(version));
        }
        if said.word == Word::Gone {
            self.open = self.open.wrapping_add(sum);
        }
        if said.word == Word::Left || version < self.version {
            return false;
        }
        self.version = version;
        let was = self.state;
        self.state = match (said.word, said.is) {
            (Word::Gone, _) => State::Gone,
            (_, true) => State::Joined,
            (_, false) => State::Alone,
        };
        said.is || was == State::Joined || matches!(said.word, Word::Gone | Word::Moved)
    }

    /// Whether nothing more can come of the row.
    fn is_over(self) -> bool {
        self.state == State::Gone && self.open == 0
    }
}

impl Settle {
    /// Over answers of these types.
    pub(super) fn new(of: ForeignKey, answered: &[DataType]) -> Self {
        let left = answered[..of.left_columns].to_vec();
        let right = answered[of.right()..].to_vec();
        let codec = RowCodec::new(&[&left[..], &right].concat());
        let (store, keys, value) = (Store::new("result"), Keys::new(), Vec::new());
        Self { of, types: [left, right], codec, store, keys, value }
    }

    /// An answer; whether it goes out, and what was there before.
    fn answer(
        &mut self,
        (chunk, row): (&Chunk, usize),
        columns: &[&Vector],
        before: &mut Stored,
    ) -> Option<Change> {
        let word = self.of.word();
        let said = chunk.columns[word].int32().get(row).and_then(Said::of)?;
        let version = chunk.columns[self.of.version()].int64().get(row)?;
        let sum = chunk.columns[self.of.sum()].int64().get(row)?;
        let key = self.keys.get(row);
        let found = self.store.find(key);
        let (mut known, held) = found
            .and_then(|entry| Known::read(self.store.value(entry)).ok())
            .unwrap_or((UNKNOWN, &[]));
        let was = known.state == State::Joined;
        let is_told = known.take(said, version, sum);
        if is_told {
            before.push_option(was.then_some(held));
        }
        self.value.clear();
        self.value.resize(FRONT, 0);
        known.write(&mut self.value);
        match (is_told && said.is, known.state) {
            (true, _) => self.codec.encode(columns, row, &mut self.value),
            (false, State::Joined) => self.value.extend_from_slice(held),
            (false, _) => {}
        }
        match found {
            Some(entry) if known.is_over() => self.store.remove(entry),
            None if known.is_over() => {}
            _ => {
                self.store.put(key, &self.value);
            }
        }
        is_told.then_some(Change { time: chunk.times[row], is: said.is, was })
    }
}

impl Operate for Settle {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        if chunk.rows == 0 {
            return Chunk { marks: chunk.marks.clone(), ..Chunk::default() };
        }
        let of_key = |column: &usize| &chunk.columns[*column];
        self.keys.encode(&self.of.primary_key.iter().map(of_key).collect::<Vec<_>>(), chunk.rows);
        let left = &chunk.columns[..self.of.left_columns];
        let right = &chunk.columns[self.of.right()..];
        let columns: Vec<&Vector> = left.iter().chain(right).collect();
        let mut before = Stored::new(&self.codec, &self.types.concat());
        let (mut changes, mut rows, mut own) = (Changes::default(), Vec::new(), Vec::new());
        for event in chunk.events() {
            match event {
                Event::Watermark(watermark) => changes.mark(watermark),
                Event::Row(row) => {
                    context.fates.taken += 1;
                    let Some(change) = self.answer((chunk, row), &columns, &mut before) else {
                        continue;
                    };
                    rows.push(row);
                    own.push(change.is.then_some(row));
                    changes.push(change);
                }
            }
        }
        context.fates.made += changes.len() as u64;
        if changes.len() == 0 {
            return changes.finish(Vec::new(), Vec::new());
        }
        let key: Vec<Vector> =
            self.of.primary_key.iter().map(|column| chunk.columns[*column].take(&rows)).collect();
        let left = pick(left, &self.types[0], &own);
        let right = pick(right, &self.types[1], &own);
        let before = before.finish();
        let (left_before, right_before) = before.split_at(self.of.left_columns);
        changes.finish(
            side_by_side(&key, &left, &right),
            side_by_side(&key, left_before, right_before),
        )
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        vec![&mut self.store]
    }

    fn restored(&mut self, _: Option<i64>) -> Result<(), Corrupt> {
        let mut check = Check::new(&self.types.concat());
        for (_, _, value) in self.store.iter() {
            let (known, columns) = Known::read(value)?;
            if known.state == State::Joined {
                check.row(&self.codec, columns)?;
            }
        }
        Ok(())
    }
}
