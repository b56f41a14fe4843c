//! A join of two tables where columns of the left one name the right one's primary key: the result has the left one's primary key.
//!
//! A left row stands beside the right row that it names; many may name the same one, and a change of it changes all of them, in the
//! order of their keys. A left row that names none, or one that is not there, is in the result of a left join only. What is told
//! is what Kafka Streams tells: a left row that is deleted, or names another right row, deletes its result also where there was none.
//! The time of a result is the later one of the two rows. Rows whose primary key has a NULL are left out and counted.
//!
//! All of this happens in one task: right rows must lie where the left rows are that name them.

#[cfg(test)]
mod tests;

use crate::operator::chunk::{Chunk, Event};
use crate::operator::column::Vector;
use crate::operator::join::changes::{Change, Changes, pick, side_by_side};
use crate::operator::join::latest::{Latest, whole};
use crate::operator::join::shape::{Both, Shape, Side};
use crate::operator::join::stored::Stored;
use crate::operator::operate::{Context, Fates, Operate};
use crate::state::keys::Keys;
use crate::state::row::Corrupt;
use crate::state::{EntryId, Store};
use std::collections::BTreeMap;

/// Joins two tables by a foreign key.
#[derive(Debug)]
pub(super) struct ForeignKeyJoin {
    shape: Shape,
    /// The columns of the left table's primary key.
    primary_key: Vec<usize>,
    /// Left rows by primary key, each with its foreign key in front.
    left: Latest,
    right: Latest,
    /// Left rows by foreign and primary key.
    by_foreign_key: BTreeMap<Vec<u8>, EntryId>,
    keys: Keys,
    foreign: Keys,
    found: Vec<Option<EntryId>>,
    front: Vec<u8>,
}

/// The rows of both sides that make the columns of a result: of the side that the chunk has, its rows; else stored ones.
#[derive(Debug)]
struct Rows {
    /// Rows of the chunk, for the key.
    keys: Vec<usize>,
    /// The same where they have a value.
    own: Vec<Option<usize>>,
    other: Stored,
    before: Both<Stored>,
}

impl ForeignKeyJoin {
    /// With the left table's primary key in these columns.
    pub(super) fn new(shape: Shape, primary_key: Vec<usize>) -> Self {
        let left = Latest::new("left", &shape.types.left);
        let right = Latest::new("right", &shape.types.right);
        Self {
            shape,
            primary_key,
            left,
            right,
            by_foreign_key: BTreeMap::new(),
            keys: Keys::new(),
            foreign: Keys::new(),
            found: Vec::new(),
            front: Vec::new(),
        }
    }

    fn rows(&self, other: Side) -> Rows {
        let stored = |side| match side {
            Side::Left => Stored::new(self.left.codec(), &self.shape.types.left),
            Side::Right => Stored::new(self.right.codec(), &self.shape.types.right),
        };
        let before = Both { left: stored(Side::Left), right: stored(Side::Right) };
        Rows { keys: Vec::new(), own: Vec::new(), other: stored(other), before }
    }

    /// A left row has changed.
    fn left_row(&self, chunk: &Chunk, row: usize, rows: &mut Rows) -> Option<Change> {
        let is_kept = self.shape.keeps(Side::Left);
        let has_value = !chunk.is_deleted(row);
        let names = (has_value && !self.foreign.has_null(row)).then(|| self.foreign.get(row));
        let partner = self.found[row].filter(|_| names.is_some());
        let before = self.left.find(self.keys.get(row));
        let named = before.and_then(|entry| foreign_key(self.left.columns(entry)));
        let partner_before = named.and_then(|key| self.right.find(key));

        let was = before.is_some() && (is_kept || partner_before.is_some());
        let is = has_value && (is_kept || partner.is_some());
        let deletes = if is_kept { before.is_some() } else { named.is_some() && names != named };
        if !is && !deletes {
            return None;
        }
        rows.keys.push(row);
        rows.own.push(has_value.then_some(row));
        rows.other.push_option(partner.map(|entry| self.right.columns(entry)));
        rows.before.left.push_option(before.map(|entry| without_front(self.left.columns(entry))));
        rows.before.right.push_option(partner_before.map(|entry| self.right.columns(entry)));
        let time = chunk.times[row];
        let beside = if names.is_some() || is_kept { partner } else { partner_before };
        let time = beside.map_or(time, |entry| time.max(self.right.time(entry)));
        Some(Change { time, is, was })
    }

    fn take_left(&mut self, chunk: &Chunk, row: usize, columns: &[&Vector]) {
        let key = self.keys.get(row);
        let before = self.left.find(key);
        let named = before.and_then(|entry| foreign_key(self.left.columns(entry)));
        if let Some(named) = named {
            self.by_foreign_key.remove(&[named, key].concat());
        }
        if chunk.is_deleted(row) {
            if let Some(entry) = before {
                self.left.remove(entry);
            }
            return;
        }
        let names = (!self.foreign.has_null(row)).then(|| self.foreign.get(row));
        put_front(names, &mut self.front);
        let entry = self.left.put(key, chunk.times[row], &self.front, (columns, row));
        if let Some(names) = names {
            self.by_foreign_key.insert([names, key].concat(), entry);
        }
    }

    /// A right row has changed: all left rows that name it have a new result.
    fn right_row(&self, chunk: &Chunk, row: usize, rows: &mut Rows, changes: &mut Changes) {
        let key = self.keys.get(row);
        let before = self.right.find(key);
        let has_value = !chunk.is_deleted(row);
        if before.is_none() && !has_value {
            return;
        }
        let is_kept = self.shape.keeps(Side::Left);
        let naming = self.by_foreign_key.range(key.to_vec()..);
        for (_, entry) in naming.take_while(|(keys, _)| keys.starts_with(key)) {
            let left = without_front(self.left.columns(*entry));
            rows.own.push(has_value.then_some(row));
            rows.other.push(left);
            rows.before.left.push(left);
            rows.before.right.push_option(before.map(|entry| self.right.columns(entry)));
            changes.push(Change {
                time: chunk.times[row].max(self.left.time(*entry)),
                is: is_kept || has_value,
                was: is_kept || before.is_some(),
            });
        }
    }

    fn take_right(&mut self, chunk: &Chunk, row: usize, columns: &[&Vector]) {
        let key = self.keys.get(row);
        if !chunk.is_deleted(row) {
            self.right.put(key, chunk.times[row], &[], (columns, row));
        } else if let Some(entry) = self.right.find(key) {
            self.right.remove(entry);
        }
    }

    fn join_left(&mut self, chunk: &Chunk, fates: &mut Fates) -> Chunk {
        let of = |columns: &[usize]| -> Vec<&Vector> {
            columns.iter().map(|column| &chunk.columns[*column]).collect()
        };
        self.keys.encode(&of(&self.primary_key), chunk.rows);
        self.foreign.encode(&of(&self.shape.keys.left), chunk.rows);
        self.right.probe(&self.foreign, &mut self.found);
        let columns: Vec<&Vector> = chunk.columns.iter().collect();
        let (mut changes, mut rows) = (Changes::default(), self.rows(Side::Right));
        for event in chunk.events() {
            match event {
                Event::Watermark(watermark) => changes.mark(watermark),
                Event::Row(row) if self.keys.has_null(row) => fates.null_key += 1,
                Event::Row(row) => {
                    fates.taken += 1;
                    if let Some(change) = self.left_row(chunk, row, &mut rows) {
                        changes.push(change);
                    }
                    self.take_left(chunk, row, &columns);
                }
            }
        }
        fates.made += changes.len() as u64;
        if changes.len() == 0 {
            return changes.finish(Vec::new(), Vec::new());
        }
        let key: Vec<Vector> =
            of(&self.primary_key).into_iter().map(|column| column.take(&rows.keys)).collect();
        let left = pick(&chunk.columns, &self.shape.types.left, &rows.own);
        let Both { left: left_before, right: right_before } = rows.before;
        changes.finish(
            side_by_side(&key, &left, &rows.other.finish()),
            side_by_side(&key, &left_before.finish(), &right_before.finish()),
        )
    }

    fn join_right(&mut self, chunk: &Chunk, fates: &mut Fates) -> Chunk {
        self.keys.encode(&self.shape.key_columns(Side::Right, chunk), chunk.rows);
        let columns: Vec<&Vector> = chunk.columns.iter().collect();
        let (mut changes, mut rows) = (Changes::default(), self.rows(Side::Left));
        for event in chunk.events() {
            match event {
                Event::Watermark(watermark) => changes.mark(watermark),
                Event::Row(row) if self.keys.has_null(row) => fates.null_key += 1,
                Event::Row(row) => {
                    fates.taken += 1;
                    self.right_row(chunk, row, &mut rows, &mut changes);
                    self.take_right(chunk, row, &columns);
                }
            }
        }
        fates.made += changes.len() as u64;
        if changes.len() == 0 {
            return changes.finish(Vec::new(), Vec::new());
        }
        let left = rows.other.finish();
        let key: Vec<Vector> =
            self.primary_key.iter().map(|column| left[*column].clone()).collect();
        let right = pick(&chunk.columns, &self.shape.types.right, &rows.own);
        let Both { left: left_before, right: right_before } = rows.before;
        changes.finish(
            side_by_side(&key, &left, &right),
            side_by_side(&key, &left_before.finish(), &right_before.finish()),
        )
    }
}

impl Operate for ForeignKeyJoin {
    fn process(&mut self, input: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        if chunk.rows == 0 {
            return Chunk { marks: chunk.marks.clone(), ..Chunk::default() };
        }
        match Side::of(input) {
            Side::Left => self.join_left(chunk, context.fates),
            Side::Right => self.join_right(chunk, context.fates),
        }
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        vec![&mut self.left.store, &mut self.right.store]
    }

    fn restored(&mut self, _: Option<i64>) -> Result<(), Corrupt> {
        self.left.check(&self.shape.types.left, |bytes| Ok(split_front(bytes)?.1))?;
        self.right.check(&self.shape.types.right, whole)?;
        self.by_foreign_key.clear();
        for (entry, key, _) in self.left.store.iter() {
            if let Some(foreign) = foreign_key(self.left.columns(entry)) {
                self.by_foreign_key.insert([foreign, key].concat(), entry);
            }
        }
        Ok(())
    }
}

/// Stands for the length of a foreign key with a NULL, which names nothing.
const NAMES_NOTHING: u32 = u32::MAX;

/// Writes a foreign key behind its length.
fn put_front(names: Option<&[u8]>, into: &mut Vec<u8>) {
    into.clear();
    let len = names.map_or(NAMES_NOTHING, |key| u32::try_from(key.len()).unwrap_or(NAMES_NOTHING));
    into.extend_from_slice(&len.to_le_bytes());
    into.extend_from_slice(names.unwrap_or_default());
}

/// The foreign key in front of the columns, and the columns.
fn split_front(bytes: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Corrupt> {
    const SHORT: Corrupt = Corrupt("a row of a join has no foreign key");
    let (len, rest) = bytes.split_first_chunk().ok_or(SHORT)?;
    let len = u32::from_le_bytes(*len);
    if len == NAMES_NOTHING {
        return Ok((None, rest));
    }
    let (key, columns) = rest.split_at_checked(len as usize).ok_or(SHORT)?;
    Ok((Some(key), columns))
}

/// The foreign key of a stored row, which was checked when it was restored.
fn foreign_key(bytes: &[u8]) -> Option<&[u8]> {
    split_front(bytes).ok()?.0
}

fn without_front(bytes: &[u8]) -> &[u8] {
    split_front(bytes).map(|(_, columns)| columns).unwrap_or_default()
}
