//! Groups of a table: a change first takes the row that was there out of its group, then puts the new one into its own.
//!
//! Entries of the store are those of a stream's groups without windows. A group stays when its last row has left, with the results
//! of no rows, as in ksqlDB.

use super::accumulator::Scope;
use super::bytes::{i64_at, put_i64};
use super::grouped::{Plan, TIME, When};
use super::layout::{Record, Way};
use super::results::Results;
use crate::operator::chunk::{Chunk, Event};
use crate::operator::column::Vector;
use crate::operator::operate::{Context, Operate};
use crate::state::keys::Keys;
use crate::state::row::Corrupt;
use crate::state::{EntryId, Store};

/// Groups of a table.
#[derive(Debug)]
pub(super) struct Regrouped {
    plan: Plan,
    store: Store,
    keys: Keys,
    old_keys: Keys,
    record: Record,
}

/// A side of a change: the columns of the row that was there, or of the new one.
struct Side<'a> {
    way: Way,
    group: Vec<&'a Vector>,
    arguments: Vec<Vec<&'a Vector>>,
}

impl Regrouped {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            store: Store::new("aggregate"),
            keys: Keys::new(),
            old_keys: Keys::new(),
            record: Record::default(),
        }
    }

    fn side<'a>(&self, way: Way, columns: &'a [Vector]) -> Side<'a> {
        let group = self.plan.group_by.iter().map(|column| &columns[*column]).collect();
        Side { way, group, arguments: self.plan.layout.arguments(columns) }
    }

    /// Applies sides of one change to one group, and tells its result. The old row leaves only a group that is known.
    fn apply(
        &mut self,
        sides: &[&Side<'_>],
        (row, time): (usize, i64),
        results: &mut Results,
        context: &mut Context<'_>,
    ) {
        let Some(last) = sides.last() else { return };
        let key = if last.way == Way::In { self.keys.get(row) } else { self.old_keys.get(row) };
        let (id, is_new) = match (last.way, self.store.find(key)) {
            (_, Some(id)) => (id, false),
            (Way::In, None) => self.store.find_or_insert(key, self.plan.layout.blank()),
            (Way::Out, None) => return,
        };
        self.record.bytes.clear();
        self.record.bytes.extend_from_slice(self.store.value(id));
        let goes_out = self.plan.when == When::Each;
        if let (true, false, Some(old)) = (goes_out, is_new, results.old_calls()) {
            self.plan.layout.results(&self.record.bytes, old);
        }
        let failed = &mut context.fates.failed_expressions;
        for side in sides {
            let scope = &mut Scope { session: context.session, sequence: 0, failed: &mut *failed };
            self.plan.layout.change(side.way, (&side.arguments, row), &mut self.record, scope);
        }
        let bytes = &mut self.record.bytes;
        let time = if is_new { time } else { time.max(i64_at(bytes, TIME)) };
        put_i64(bytes, TIME, time);
        self.store.set(id, bytes);
        if goes_out {
            results.group_of(&last.group, row);
            *failed += self.plan.layout.results(&self.record.bytes, &mut results.calls);
            results.end(time, !is_new);
        }
    }

    fn emit(&self, id: EntryId, results: &mut Results, context: &mut Context<'_>) {
        let value = self.store.value(id);
        results.group_of_key(self.store.key(id));
        context.fates.failed_expressions += self.plan.layout.results(value, &mut results.calls);
        results.end(i64_at(value, TIME), false);
    }
}

impl Operate for Regrouped {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let new = self.side(Way::In, &chunk.columns);
        let old = chunk.old.as_ref().map(|old| self.side(Way::Out, &old.columns));
        self.keys.encode(&new.group, chunk.rows);
        if let Some(old) = &old {
            self.old_keys.encode(&old.group, chunk.rows);
        }
        let mut results = self.plan.shape.results();
        for event in chunk.events() {
            let row = match event {
                Event::Watermark(watermark) => {
                    results.mark(watermark);
                    continue;
                }
                Event::Row(row) => row,
            };
            let has_null = !chunk.is_deleted(row) && self.keys.has_null(row);
            let is_there = !chunk.is_deleted(row) && !has_null;
            let old = old.as_ref().filter(|_| chunk.had_old(row) && !self.old_keys.has_null(row));
            if has_null {
                context.fates.null_key += 1;
            } else if is_there || old.is_some() {
                context.fates.taken += 1;
            } else {
                context.fates.filtered += 1;
            }
            let at = (row, chunk.times[row]);
            let stays = is_there && old.is_some() && self.keys.get(row) == self.old_keys.get(row);
            if let (true, Some(old)) = (stays, old) {
                self.apply(&[old, &new], at, &mut results, context);
                continue;
            }
            if let Some(old) = old {
                self.apply(&[old], at, &mut results, context);
            }
            if is_there {
                self.apply(&[&new], at, &mut results, context);
            }
        }
        context.fates.made += results.rows() as u64;
        results.finish()
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Chunk {
        if self.plan.when != When::Commit {
            return Chunk::default();
        }
        let mut results = self.plan.shape.results();
        for id in self.store.changed() {
            self.emit(id, &mut results, context);
        }
        context.fates.made += results.rows() as u64;
        results.finish()
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        vec![&mut self.store]
    }

    fn restored(&mut self, _: Option<i64>) -> Result<(), Corrupt> {
        self.plan.check(&self.store)
    }
}
