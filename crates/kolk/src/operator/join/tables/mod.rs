//! A join of two tables with the same primary key: the result follows every change of either.
//!
//! The result has a key when both tables have it, or one whose rows are kept. A change of either table is told as a change of the
//! result, also when it changes nothing there, as Kafka Streams does; a key is deleted only if it was there. The time of
//! a result is the later one of the two rows. A row whose key has a NULL is left out and counted.

#[cfg(test)]
mod tests;

use crate::operator::chunk::{Chunk, Event};
use crate::operator::column::Vector;
use crate::operator::join::changes::{Change, Changes, pick, side_by_side};
use crate::operator::join::latest::{Latest, whole};
use crate::operator::join::shape::{Both, Shape, Side};
use crate::operator::join::stored::Stored;
use crate::operator::operate::{Context, Operate};
use crate::state::keys::Keys;
use crate::state::row::Corrupt;
use crate::state::{EntryId, Store};

/// Joins two tables.
#[derive(Debug)]
pub(super) struct TableJoin {
    shape: Shape,
    tables: Both<Latest>,
    keys: Keys,
    found: Vec<Option<EntryId>>,
}

/// The rows that make the columns of the result for a chunk.
#[derive(Debug)]
struct Rows {
    /// Rows of the chunk, for the key.
    keys: Vec<usize>,
    /// The same where they have a value.
    own: Vec<Option<usize>>,
    own_before: Stored,
    other: Stored,
}

impl TableJoin {
    pub(super) fn new(shape: Shape) -> Self {
        let left = Latest::new("left", &shape.types.left);
        let right = Latest::new("right", &shape.types.right);
        Self { shape, tables: Both { left, right }, keys: Keys::new(), found: Vec::new() }
    }

    /// Whether the result has a key that is, or is not, in the table of this side and in the other one.
    fn has(&self, side: Side, own: bool, other: bool) -> bool {
        let kept = |side, is_there| is_there && self.shape.keeps(side);
        own && other || kept(side, own) || kept(side.other(), other)
    }

    /// The change of the result that a row makes, if it makes one.
    fn change(&self, side: Side, chunk: &Chunk, row: usize, rows: &mut Rows) -> Option<Change> {
        let (own, other) = (&self.tables[side], &self.tables[side.other()]);
        let (before, partner) = (own.find(self.keys.get(row)), self.found[row]);
        let has_value = !chunk.is_deleted(row);
        let was = self.has(side, before.is_some(), partner.is_some());
        let is = self.has(side, has_value, partner.is_some());
        if !was && !is {
            return None;
        }
        rows.keys.push(row);
        rows.own.push(has_value.then_some(row));
        rows.own_before.push_option(before.map(|entry| own.columns(entry)));
        rows.other.push_option(partner.map(|entry| other.columns(entry)));
        let time = chunk.times[row];
        let time = partner.map_or(time, |partner| time.max(other.time(partner)));
        Some(Change { time, is, was })
    }

    fn take_in(&mut self, side: Side, chunk: &Chunk, row: usize, columns: &[&Vector]) {
        let (key, own) = (self.keys.get(row), &mut self.tables[side]);
        if !chunk.is_deleted(row) {
            own.put(key, chunk.times[row], &[], (columns, row));
        } else if let Some(entry) = own.find(key) {
            own.remove(entry);
        }
    }

    fn finish(&self, side: Side, chunk: &Chunk, changes: Changes, rows: Rows) -> Chunk {
        if changes.len() == 0 {
            return changes.finish(Vec::new(), Vec::new());
        }
        let key = self.shape.keys[side].iter();
        let key: Vec<Vector> = key.map(|column| chunk.columns[*column].take(&rows.keys)).collect();
        let own = pick(&chunk.columns, &self.shape.types[side], &rows.own);
        let (own_before, other) = (rows.own_before.finish(), rows.other.finish());
        let columns = |own: &[Vector]| match side {
            Side::Left => side_by_side(&key, own, &other),
            Side::Right => side_by_side(&key, &other, own),
        };
        changes.finish(columns(&own), columns(&own_before))
    }
}

impl Operate for TableJoin {
    fn process(&mut self, input: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        if chunk.rows == 0 {
            return Chunk { marks: chunk.marks.clone(), ..Chunk::default() };
        }
        let side = Side::of(input);
        self.keys.encode(&self.shape.key_columns(side, chunk), chunk.rows);
        self.tables[side.other()].probe(&self.keys, &mut self.found);
        let stored = |side| Stored::new(self.tables[side].codec(), &self.shape.types[side]);
        let mut rows = Rows {
            keys: Vec::new(),
            own: Vec::new(),
            own_before: stored(side),
            other: stored(side.other()),
        };
        let columns: Vec<&Vector> = chunk.columns.iter().collect();
        let mut changes = Changes::default();
        for event in chunk.events() {
            match event {
                Event::Watermark(watermark) => changes.mark(watermark),
                Event::Row(row) if self.keys.has_null(row) => context.fates.null_key += 1,
                Event::Row(row) => {
                    context.fates.taken += 1;
                    if let Some(change) = self.change(side, chunk, row, &mut rows) {
                        changes.push(change);
                    }
                    self.take_in(side, chunk, row, &columns);
                }
            }
        }
        context.fates.made += changes.len() as u64;
        self.finish(side, chunk, changes, rows)
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        let Both { left, right } = &mut self.tables;
        vec![&mut left.store, &mut right.store]
    }

    fn restored(&mut self, _: Option<i64>) -> Result<(), Corrupt> {
        for side in Side::ALL {
            self.tables[side].check(&self.shape.types[side], whole)?;
        }
        Ok(())
    }
}
