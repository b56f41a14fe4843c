//! A join of two streams: rows of equal keys meet when their times fit.
//!
//! A row that comes is put out beside every partner that is there, then takes its place among the rows of its own side.
//!
//! By policy `min` a row stays until the watermark is beyond the time that a partner could have, and the grace period. Then it is put
//! out alone, if its side is kept and nobody met it. A row is late when its event time + grace is before the watermark: partners of
//! it may be gone, so it meets nobody, is not put out, and is counted. So the result is complete over the rows that were not late, and
//! depends on nothing but their values, as long as disorder is within delay and grace.
//!
//! By policy `max` the join does as Kafka Streams' does. Its time takes the row itself in. A row of a kept side that meets
//! nobody is put out at once ([`Unmatched::Eagerly`], or when its bound has passed already), or with the first row
//! that carries the time beyond bound and grace. Rows of a side are met as long as they are not further behind the newest of their own
//! side than `before` + `after` + grace; one that comes later than that still meets others, but is not kept, and is counted as late.
//!
//! A row whose key has a NULL meets nobody: it is put out alone if its side is kept, else counted. A row without a value is none.

mod batch;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use crate::operator::chunk::{Chunk, Event};
use crate::operator::column::Vector;
use crate::operator::join::bounds::Bounds;
use crate::operator::join::buffer::{Buffer, HashedKey, join_key};
use crate::operator::join::chains::{Row, Ticket};
use crate::operator::join::shape::{Both, Shape, Side};
use crate::operator::operate::{Context, Fates, Meet, Operate, Turn};
use crate::state::row::Corrupt;
use crate::state::{Store, TimeIndex};
use crate::topology::{Late, Unmatched, WatermarkPolicy};
use batch::{Batch, Due, Partner};
use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

/// Joins two streams.
#[derive(Debug)]
pub(super) struct StreamJoin {
    shape: Shape,
    bounds: Bounds,
    unmatched: Unmatched,
    policy: WatermarkPolicy,
    wants_late: bool,
    buffers: Both<Buffer>,
    /// By policy `max`, rows that wait, by event time. Some wait no more.
    waiting: Both<TimeIndex<Ticket>>,
    watermark: Option<i64>,
    /// By policy `max`, the largest event time of each side.
    newest: Both<Option<i64>>,
    /// The number of the next row. Rows of equal times are in the order of their numbers.
    number: u64,
    hasher: RandomState,
    batch: Batch,
}

/// The chunk at hand of a side.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    side: Side,
    chunk: &'a Chunk,
    columns: &'a [&'a Vector],
}

impl StreamJoin {
    /// A join of rows within these bounds.
    pub(super) fn new(
        shape: Shape,
        bounds: Bounds,
        (unmatched, late): (Unmatched, &Late),
        policy: WatermarkPolicy,
    ) -> Self {
        let width = bounds.width();
        let left = Buffer::new("left", &shape.types.left, width);
        let right = Buffer::new("right", &shape.types.right, width);
        Self {
            shape,
            bounds,
            unmatched,
            policy,
            wants_late: *late != Late::Skip,
            buffers: Both { left, right },
            waiting: Both::default(),
            watermark: None,
            newest: Both::default(),
            number: 0,
            hasher: RandomState::default(),
            batch: Batch::default(),
        }
    }

    /// Whether rows of a side wait until their bound has passed.
    fn waits(&self, side: Side) -> bool {
        self.unmatched == Unmatched::WhenPassed && self.shape.keeps(side)
    }

    /// Looks up the keys of some rows of a side, so that what has to come from memory comes while others are looked up.
    fn look_up(&mut self, side: Side, chunk: &Chunk, rows: Range<usize>) {
        let batch = &mut self.batch.sides[side];
        batch.first = rows.start;
        batch.hashes.clear();
        batch.found.clear();
        if rows.is_empty() {
            batch.keys.clear();
            return;
        }
        batch.keys.encode_some(&self.shape.key_columns(side, chunk), rows.clone());
        for row in 0..rows.len() {
            batch.hashes.push(hash(&self.hasher, batch.keys.get(row)));
        }
        let others = &self.buffers[side.other()];
        if others.is_empty() {
            batch.found.resize(rows.len(), [None; 2]);
            return;
        }
        for (at, row) in rows.enumerate() {
            let key = HashedKey { bytes: batch.keys.get(at), hash: batch.hashes[at] };
            let (from, to) = self.bounds.partners(side, chunk.times[row]);
            let (first, second) = (others.slot(from), others.slot(to));
            let in_second = if first == second { None } else { others.newest(key, second) };
            batch.found.push([others.newest(key, first), in_second]);
        }
    }

    fn watermark(&mut self, watermark: i64) {
        self.watermark = self.watermark.max(Some(watermark));
        if self.policy == WatermarkPolicy::Min {
            self.pass(watermark);
        }
        let held = self.output_watermark(watermark);
        self.batch.pairs.mark(held);
    }

    /// By policy `min`: rows whose bound has passed go; those that waited are put out, the earliest bound first.
    fn pass(&mut self, watermark: i64) {
        self.batch.due.clear();
        for side in Side::ALL {
            let until = self.bounds.passed(side, watermark);
            while let Some(ticket) = self.buffers[side].next_end(until) {
                let Some(row) = self.buffers[side].unlink(ticket) else { continue };
                self.batch.gone.push((side, row.entry));
                if row.waits {
                    self.batch.due.push(Due { side, row, ticket });
                }
            }
        }
        let bounds = self.bounds;
        let bound = |due: &Due| due.row.time.saturating_add(bounds.wait(due.side));
        self.batch.due.sort_unstable_by_key(|due| (bound(due), due.row.number));
        for due in &self.batch.due {
            self.batch.pairs.passed(due.side, due.row.entry, due.row.time);
        }
    }

    /// By policy `max`: puts out the rows that waited until now, in Kafka Streams' order.
    fn put_out_waiting(&mut self, now: i64) {
        let mut due = std::mem::take(&mut self.batch.due);
        due.clear();
        for side in Side::ALL {
            let until = self.bounds.passed(side, now);
            while let Some((_, ticket)) = self.waiting[side].pop_until(until) {
                let row = self.buffers[side].chains().get(ticket).filter(|row| row.waits);
                due.extend(row.map(|row| Due { side, row: *row, ticket }));
            }
        }
        let key = |due: &Due| join_key(self.buffers[due.side].store.key(due.row.entry));
        due.sort_unstable_by(|a, b| {
            let order = a.row.time.cmp(&b.row.time).then(b.side.cmp(&a.side));
            order.then_with(|| key(a).cmp(key(b))).then(a.row.number.cmp(&b.row.number))
        });
        for Due { side, row, ticket } in &due {
            self.batch.pairs.passed(*side, row.entry, row.time);
            if self.can_be_met(*side, row.time) {
                self.buffers[*side].settle(*ticket);
            } else {
                self.remove(*side, *ticket);
            }
        }
        self.batch.due = due;
    }

    /// By policy `max`: whether a row of this side and time is not too far behind the newest.
    fn can_be_met(&self, side: Side, time: i64) -> bool {
        self.newest[side].is_none_or(|newest| time > newest - self.bounds.retention())
    }

    fn remove(&mut self, side: Side, ticket: Ticket) {
        if let Some(row) = self.buffers[side].unlink(ticket) {
            self.batch.gone.push((side, row.entry));
        }
    }

    /// Joins a row, and takes it in.
    fn row(&mut self, of: Arrival<'_>, row: usize, fates: &mut Fates) {
        let (side, time) = (of.side, of.chunk.times[row]);
        let is_max = self.policy == WatermarkPolicy::Max;
        if is_max {
            self.watermark = self.watermark.max(Some(time));
        } else if self.watermark.is_some_and(|now| time < self.bounds.earliest(now)) {
            return self.too_late(row, fates);
        }
        if of.chunk.is_deleted(row) {
            fates.filtered += 1;
            return;
        }
        if self.batch.sides[side].has_null_key(row) {
            if self.shape.keeps(side) {
                self.batch.pairs.alone(side, row, time);
                self.batch.passed_on += 1;
            } else {
                fates.null_key += 1;
                self.refuse(row);
            }
            return;
        }
        if is_max && self.watermark == Some(time) {
            self.put_out_waiting(time);
        }
        let before = self.batch.pairs.len();
        self.meet(side, row, time);
        let is_alone = self.shape.keeps(side) && self.batch.pairs.len() == before;
        let has_time = !is_max || Some(self.bounds.partners(side, time).1) >= self.watermark;
        let waits = is_alone && has_time && self.waits(side);
        if is_alone && !waits {
            self.batch.pairs.alone(side, row, time);
        }
        if is_max {
            self.newest[side] = self.newest[side].max(Some(time));
            if !waits && !self.can_be_met(side, time) {
                return self.too_late(row, fates);
            }
        }
        fates.taken += 1;
        self.take_in(of, row, waits);
    }

    fn too_late(&mut self, row: usize, fates: &mut Fates) {
        fates.late += 1;
        self.refuse(row);
    }

    /// Passes a row on that came too late, or without a key, if it is wanted.
    fn refuse(&mut self, row: usize) {
        if self.wants_late {
            self.batch.late.push(row);
        }
    }

    /// Puts a row out beside all its partners.
    fn meet(&mut self, side: Side, row: usize, time: i64) {
        let other = side.other();
        let others = &self.buffers[other];
        let (mut from, to) = self.bounds.partners(side, time);
        let slots = [others.slot(from), others.slot(to)];
        if let (WatermarkPolicy::Max, Some(newest)) = (self.policy, self.newest[other]) {
            from = from.max(newest - self.bounds.retention() + 1);
        }
        let Batch { sides, partners, pairs, both_come, .. } = &mut self.batch;
        let (key, found) = (sides[side].key(row), sides[side].found(row));
        partners.clear();
        let slots_count = if slots[0] == slots[1] { 1 } else { 2 };
        for (found, slot) in found.into_iter().zip(slots).take(slots_count) {
            let newest = match found {
                Some(newest) if others.chains().is_newest(newest) => Some(newest),
                // Where only this side comes, there will be none.
                None if !*both_come => None,
                _ => others.newest(key, slot),
            };
            let Some(newest) = newest else { continue };
            let rows = others.chains().walk(newest);
            let fitting = rows.filter(|(_, row)| (from..=to).contains(&row.time));
            partners.extend(fitting.map(|(ticket, row)| {
                let Row { time, number, entry, .. } = *row;
                Partner { time, number, entry, ticket }
            }));
        }
        partners.sort_unstable_by_key(|partner| (partner.time, partner.number));
        for partner in &*partners {
            pairs.met(side, row, partner.entry, time.max(partner.time));
            self.buffers[other].settle(partner.ticket);
        }
    }

    fn take_in(&mut self, of: Arrival<'_>, row: usize, waits: bool) {
        let (side, time) = (of.side, of.chunk.times[row]);
        let key = self.batch.sides[side].key(row);
        let ticket = self.buffers[side].insert(key, (time, self.number, waits), of.columns, row);
        self.number += 1;
        if self.policy == WatermarkPolicy::Max {
            if waits {
                self.waiting[side].insert(time, ticket);
            }
            self.forget(side);
        }
    }

    /// By policy `max`: rows that are too far behind the newest of their side go, unless they wait.
    fn forget(&mut self, side: Side) {
        let Some(newest) = self.newest[side] else { return };
        let until = newest - self.bounds.retention();
        while let Some(ticket) = self.buffers[side].next_end(until) {
            if self.buffers[side].chains().get(ticket).is_some_and(|row| !row.waits) {
                self.remove(side, ticket);
            }
        }
    }
}

impl Operate for StreamJoin {
    fn process(&mut self, input: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let (side, none) = (Side::of(input), Chunk::default());
        let mut turns = std::mem::take(&mut self.batch.turns);
        turns.clear();
        turns.extend(chunk.events().map(|event| match event {
            Event::Row(row) => Turn::Row { input, row },
            Event::Watermark(watermark) => Turn::Watermark(watermark),
        }));
        let chunks = match side {
            Side::Left => [chunk, &none],
            Side::Right => [&none, chunk],
        };
        let result = self.process_both(chunks, &turns, context);
        self.batch.turns = turns;
        if !self.batch.late.is_empty() {
            let mut late = chunk.select(&self.batch.late);
            late.marks.clear();
            context.fates.late_rows.push(late);
            self.batch.late.clear();
        }
        result
    }

    fn meet(&mut self) -> Option<&mut dyn Meet> {
        // Late rows that are wanted elsewhere go there by input.
        if self.wants_late { None } else { Some(self) }
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        let Both { left, right } = &mut self.buffers;
        vec![&mut left.store, &mut right.store]
    }

    fn index_bytes(&self) -> usize {
        let (Both { left, right }, waiting) = (&self.buffers, &self.waiting);
        let indexes = left.index_bytes() + right.index_bytes();
        indexes + waiting.left.bytes() + waiting.right.bytes()
    }

    fn output_watermark(&self, watermark: i64) -> i64 {
        match self.policy {
            WatermarkPolicy::Max => watermark,
            WatermarkPolicy::Min => {
                let waiting = Side::ALL.into_iter().filter(|side| self.waits(*side));
                watermark.saturating_sub(self.bounds.hold(waiting))
            }
        }
    }

    fn restored(&mut self, watermark: Option<i64>) -> Result<(), Corrupt> {
        self.watermark = watermark;
        let mut rows: Vec<(Side, Row)> = Vec::new();
        for side in Side::ALL {
            let stored = self.buffers[side].stored(&self.shape.types[side])?;
            self.newest[side] = stored.iter().map(|row| row.time).max();
            rows.extend(stored.into_iter().map(|row| (side, row)));
            self.waiting[side].clear();
            self.buffers[side].unlink_all();
        }
        // As they came: rows of equal times are put out in this order.
        rows.sort_unstable_by_key(|(_, row)| row.number);
        self.number = rows.last().map_or(0, |(_, row)| row.number + 1);
        for (side, row) in rows {
            let ticket = self.buffers[side].relink(row, |key| hash(&self.hasher, key));
            if row.waits && self.policy == WatermarkPolicy::Max {
                self.waiting[side].insert(row.time, ticket);
            }
        }
        Ok(())
    }
}

impl Meet for StreamJoin {
    fn process_both(
        &mut self,
        chunks: [&Chunk; 2],
        turns: &[Turn],
        context: &mut Context<'_>,
    ) -> Chunk {
        let ranges = [0, 1].map(|input| rows_of(turns, input));
        self.batch.both_come = ranges.iter().all(|rows| !rows.is_empty());
        for (input, rows) in ranges.into_iter().enumerate() {
            self.look_up(Side::of(input), chunks[input], rows);
        }
        let columns = chunks.map(|chunk| chunk.columns.iter().collect::<Vec<&Vector>>());
        let arrivals = [0, 1].map(|input| Arrival {
            side: Side::of(input),
            chunk: chunks[input],
            columns: &columns[input],
        });
        for turn in turns {
            match *turn {
                Turn::Row { input, row } => self.row(arrivals[input], row, context.fates),
                Turn::Watermark(watermark) => self.watermark(watermark),
            }
        }
        let made = self.batch.pairs.len() - std::mem::take(&mut self.batch.passed_on);
        context.fates.made += made as u64;
        let [left, right] = chunks;
        let result = self.batch.pairs.finish(&Both { left, right }, &self.buffers, &self.shape);
        for (side, entry) in self.batch.gone.drain(..) {
            self.buffers[side].store.remove(entry);
        }
        result
    }
}

/// The rows of an input among the turns: they stand one behind the other.
fn rows_of(turns: &[Turn], of: usize) -> Range<usize> {
    let row = |turn: &Turn| match *turn {
        Turn::Row { input, row } if input == of => Some(row),
        _ => None,
    };
    let (first, last) = (turns.iter().find_map(row), turns.iter().rev().find_map(row));
    first.zip(last).map_or(0..0, |(first, last)| first..last + 1)
}

#[inline]
fn hash(hasher: &RandomState, key: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(key);
    hasher.finish()
}
