//! Sessions of a stream by gaps: rows that are close to each other in event time, in whichever order they come.
//!
//! An entry of the store is a group with its sessions, by start: `group's key → (length (4), record) …`. A record begins with the
//! session's start and end, its number, and the number of its last row. A row that joins sessions makes one of them: those that were
//! there are deleted, and the new one goes out. Where only the last change counts, both happen before a commit, and what came and went
//! in between is never told.

use super::accumulator::Scope;
use super::bytes::{i64_at, put_i64, put_u64, u64_at};
use super::grouped::{Plan, UNSOUND, When};
use super::item::{items, put_item};
use super::layout::{Record, Way};
use super::results::Results;
use super::windows::millis;
use crate::operator::chunk::{Chunk, Event};
use crate::operator::column::Vector;
use crate::operator::operate::{Context, Operate};
use crate::state::keys::Keys;
use crate::state::row::Corrupt;
use crate::state::{EntryId, Store, TimeIndex};
use crate::topology::Windowing;
use hashbrown::HashMap;
use std::time::Duration;

/// Where a record's numbers stand, and where its states begin.
const START: usize = 0;
const END: usize = 8;
const NUMBER: usize = 16;
const LAST: usize = 24;
pub(super) const HEADER: usize = 32;

/// How far sessions reach, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Gaps {
    gap: i64,
    grace: i64,
    retention: i64,
}

/// Sessions of a stream.
#[derive(Debug)]
pub(super) struct Sessions {
    plan: Plan,
    gaps: Gaps,
    store: Store,
    /// The entry in which each session is, by its number.
    places: HashMap<u64, EntryId>,
    /// Where only the last change counts: the sessions that have changed since the last commit, by number, and the bounds under which
    /// readers know what they are made of.
    changed: HashMap<u64, Vec<[i64; 2]>>,
    due: TimeIndex<Due>,
    /// Nothing falls due before the watermark is here.
    next_due: i64,
    watermark: i64,
    /// The number of the next row.
    next: u64,
    keys: Keys,
    record: Record,
    list: Vec<u8>,
}

/// A session that may fall due; rows that came in the meantime may have put it off.
#[derive(Debug, Clone, Copy)]
struct Due {
    number: u64,
    /// It closes; else it is forgotten.
    closes: bool,
}

/// A row that is taken.
struct Step<'a> {
    row: usize,
    time: i64,
    group: &'a [&'a Vector],
    arguments: &'a [Vec<&'a Vector>],
}

impl Gaps {
    /// The watermark with which a session closes.
    fn close(self, end: i64) -> i64 {
        end.saturating_add(self.gap).saturating_add(self.grace).saturating_add(1)
    }

    /// The watermark with which a session is forgotten.
    fn expiry(self, end: i64) -> i64 {
        self.close(end).max(end.saturating_add(self.retention).saturating_add(1))
    }

    /// Whether a row at `time` belongs to a session that is still open.
    fn touches(self, record: &[u8], time: i64, watermark: i64) -> bool {
        let (start, end) = (i64_at(record, START), i64_at(record, END));
        let is_near =
            start.saturating_sub(self.gap) <= time && time <= end.saturating_add(self.gap);
        is_near && self.close(end) > watermark
    }
}

impl Sessions {
    pub(super) fn new(plan: Plan, gap: Duration, windowing: &Windowing) -> Self {
        let gaps = Gaps {
            gap: millis(gap),
            grace: millis(windowing.grace),
            retention: windowing.retention.map_or(0, millis),
        };
        Self {
            plan,
            gaps,
            store: Store::new("aggregate"),
            places: HashMap::new(),
            changed: HashMap::new(),
            due: TimeIndex::new(),
            next_due: i64::MAX,
            watermark: i64::MIN,
            next: 0,
            keys: Keys::new(),
            record: Record::default(),
            list: Vec::new(),
        }
    }

    /// Puts a row into the session that it belongs to or begins; `false` when that has closed.
    fn take(&mut self, step: &Step<'_>, results: &mut Results, context: &mut Context<'_>) -> bool {
        let (time, watermark, gaps) = (step.time, self.watermark, self.gaps);
        let entry = self.store.find(self.keys.get(step.row));
        let held = entry.map_or(&[][..], |id| self.store.value(id));
        let (mut start, mut end, mut joined) = (time, time, 0);
        for record in items(held).filter(|record| gaps.touches(record, time, watermark)) {
            start = start.min(i64_at(record, START));
            end = end.max(i64_at(record, END));
            joined += 1;
        }
        if gaps.close(end) <= watermark {
            return false;
        }
        let number = self.next;
        self.next += 1;
        let goes_out = self.plan.when == When::Each;
        // A session of one moment stays what it is when there is another row of that moment.
        let stays = (start, end) == (time, time);
        let holds = self.plan.when == When::Commit;
        let known = if holds { self.known(entry, time, joined) } else { None };
        self.join(entry, step, (goes_out && !stays).then_some(&mut *results));
        let was_there = goes_out && joined > 0 && stays;
        if let (true, Some(old)) = (was_there, results.old_calls()) {
            self.plan.layout.results(&self.record.bytes, old);
        }
        let failed = &mut context.fates.failed_expressions;
        let scope = &mut Scope { session: context.session, sequence: number, failed };
        self.plan.layout.change(Way::In, (step.arguments, step.row), &mut self.record, scope);
        let bytes = &mut self.record.bytes;
        if joined == 0 {
            put_u64(bytes, NUMBER, number);
        }
        put_i64(bytes, START, start);
        put_i64(bytes, END, end);
        put_u64(bytes, LAST, number);
        if let Some(known) = known {
            self.changed.insert(u64_at(bytes, NUMBER), known);
        }
        if goes_out {
            results.group_of(step.group, step.row);
            results.bounds([start, end]);
            let failed = self.plan.layout.results(&self.record.bytes, &mut results.calls);
            context.fates.failed_expressions += failed;
            results.end(end, was_there);
        }
        self.keep(entry, step, joined == 0);
        true
    }

    /// Under which bounds readers know the sessions that a row joins; nothing if it joins one alone, of which that is noted.
    fn known(&mut self, entry: Option<EntryId>, time: i64, joined: usize) -> Option<Vec<[i64; 2]>> {
        let held = entry.map_or(&[][..], |id| self.store.value(id));
        let mut joins = items(held).filter(|of| self.gaps.touches(of, time, self.watermark));
        let is_noted = |of: &[u8]| self.changed.contains_key(&u64_at(of, NUMBER));
        if joined == 1 && joins.next().is_some_and(is_noted) {
            return None;
        }
        let mut known = Vec::new();
        for record in items(held).filter(|of| self.gaps.touches(of, time, self.watermark)) {
            match self.changed.remove(&u64_at(record, NUMBER)) {
                Some(before) if known.is_empty() => known = before,
                Some(before) => known.extend(before),
                None => known.push([i64_at(record, START), i64_at(record, END)]),
            }
        }
        Some(known)
    }

    /// Appends a session as it is.
    fn tell(&self, id: EntryId, record: &[u8], results: &mut Results, context: &mut Context<'_>) {
        let end = i64_at(record, END);
        results.group_of_key(self.store.key(id));
        results.bounds([i64_at(record, START), end]);
        let failed = self.plan.layout.results(record, &mut results.calls);
        context.fates.failed_expressions += failed;
        results.end(end, false);
    }

    /// Appends what has changed since the last commit.
    fn tell_changed(&mut self, results: &mut Results, context: &mut Context<'_>) {
        let mut changed: Vec<(u64, Vec<[i64; 2]>)> = self.changed.drain().collect();
        changed.sort_unstable_by_key(|(number, _)| *number);
        for (number, known) in changed {
            let Some(id) = self.places.get(&number).copied() else { continue };
            let is_it = |record: &&[u8]| u64_at(record, NUMBER) == number;
            let Some(record) = items(self.store.value(id)).find(is_it) else { continue };
            let bounds = [i64_at(record, START), i64_at(record, END)];
            for gone in known.into_iter().filter(|known| *known != bounds) {
                results.group_of_key(self.store.key(id));
                results.bounds(gone);
                results.end_deleted(gone[1], false);
            }
            self.tell(id, record, results, context);
        }
    }

    /// Makes one record of the sessions that a row joins, or a blank one. They are deleted in `results`, if that is given.
    fn join(&mut self, entry: Option<EntryId>, step: &Step<'_>, mut results: Option<&mut Results>) {
        let Self { plan, record, store, places, .. } = self;
        let held = entry.map_or(&[][..], |id| store.value(id));
        record.bytes.clear();
        record.bytes.extend_from_slice(plan.layout.blank());
        let joins = |of: &&[u8]| self.gaps.touches(of, step.time, self.watermark);
        for (at, other) in items(held).filter(joins).enumerate() {
            if let Some(results) = results.as_deref_mut() {
                results.group_of(step.group, step.row);
                results.bounds([i64_at(other, START), i64_at(other, END)]);
                if let Some(old) = results.old_calls() {
                    plan.layout.results(other, old);
                }
                results.end_deleted(i64_at(other, END), true);
            }
            if at == 0 {
                record.bytes.clear();
                record.bytes.extend_from_slice(other);
                continue;
            }
            plan.layout.merge(record, other);
            // The number of the one that came first goes on.
            let (one, two) = (u64_at(&record.bytes, NUMBER), u64_at(other, NUMBER));
            put_u64(&mut record.bytes, NUMBER, one.min(two));
            places.remove(&one.max(two));
        }
    }

    /// Writes the record into its group, in the place of those that it was made of; one that begins closes or is forgotten some day.
    fn keep(&mut self, entry: Option<EntryId>, step: &Step<'_>, begins: bool) {
        let Self { record, store, list, .. } = self;
        let start = i64_at(&record.bytes, START);
        let held = entry.map_or(&[][..], |id| store.value(id));
        let stays = |of: &&[u8]| !self.gaps.touches(of, step.time, self.watermark);
        list.clear();
        let before = |of: &&[u8]| i64_at(of, START) <= start;
        for of in items(held).filter(stays).filter(before) {
            put_item(list, |into| into.extend_from_slice(of));
        }
        put_item(list, |into| into.extend_from_slice(&record.bytes));
        for of in items(held).filter(stays).filter(|of| !before(of)) {
            put_item(list, |into| into.extend_from_slice(of));
        }
        let id = match entry {
            Some(id) => {
                store.set(id, list);
                id
            }
            None => store.put(self.keys.get(step.row), list),
        };
        if begins {
            let (number, end) = (u64_at(&record.bytes, NUMBER), i64_at(&record.bytes, END));
            self.places.insert(number, id);
            let closes = self.plan.when == When::Closed;
            let time = if closes { self.gaps.close(end) } else { self.gaps.expiry(end) };
            self.due.insert(time, Due { number, closes });
            self.next_due = self.next_due.min(time);
        }
    }

    /// Lets happen what is due by the watermark: sessions close, and are forgotten.
    fn fire(&mut self, results: &mut Results, context: &mut Context<'_>) {
        let mut closed = Vec::new();
        while let Some((_, due)) = self.due.pop_until(self.watermark) {
            let Some(id) = self.places.get(&due.number).copied() else { continue };
            let is_it = |record: &&[u8]| u64_at(record, NUMBER) == due.number;
            let Some(record) = items(self.store.value(id)).find(is_it) else { continue };
            let end = i64_at(record, END);
            let time = if due.closes { self.gaps.close(end) } else { self.gaps.expiry(end) };
            if time > self.watermark {
                self.due.insert(time, due);
            } else if due.closes {
                closed.push((time, due.number, id));
            } else {
                self.forget(id, due.number);
            }
        }
        closed.sort_unstable();
        for (_, number, id) in closed {
            let is_it = |record: &&[u8]| u64_at(record, NUMBER) == number;
            let Some(record) = items(self.store.value(id)).find(is_it) else { continue };
            let end = i64_at(record, END);
            self.tell(id, record, results, context);
            if self.gaps.expiry(end) > self.watermark {
                self.due.insert(self.gaps.expiry(end), Due { number, closes: false });
            } else {
                self.forget(id, number);
            }
        }
        self.next_due = self.due.first().unwrap_or(i64::MAX);
    }

    fn forget(&mut self, id: EntryId, number: u64) {
        self.places.remove(&number);
        self.list.clear();
        for record in items(self.store.value(id)).filter(|of| u64_at(of, NUMBER) != number) {
            put_item(&mut self.list, |into| into.extend_from_slice(record));
        }
        if self.list.is_empty() {
            self.store.remove(id);
        } else {
            self.store.set(id, &self.list);
        }
    }
}

impl Operate for Sessions {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let group: Vec<&Vector> =
            self.plan.group_by.iter().map(|column| &chunk.columns[*column]).collect();
        self.keys.encode(&group, chunk.rows);
        let arguments = self.plan.layout.arguments(&chunk.columns);
        let (mut results, mut refused) = (self.plan.shape.results(), Vec::new());
        for event in chunk.events() {
            match event {
                Event::Watermark(watermark) => {
                    self.watermark = self.watermark.max(watermark);
                    // What has changed must be told before it is forgotten.
                    if self.next_due <= self.watermark && self.plan.when != When::Commit {
                        self.fire(&mut results, context);
                    }
                    results.mark(self.output_watermark(watermark));
                }
                Event::Row(row) if chunk.is_deleted(row) => context.fates.filtered += 1,
                Event::Row(row) if self.keys.has_null(row) => {
                    context.fates.null_key += 1;
                    refused.push(row);
                }
                Event::Row(row) => {
                    let time = chunk.times[row];
                    let step = Step { row, time, group: &group, arguments: &arguments };
                    if self.take(&step, &mut results, context) {
                        context.fates.taken += 1;
                    } else {
                        context.fates.late += 1;
                        refused.push(row);
                    }
                }
            }
        }
        context.fates.made += results.rows() as u64;
        self.plan.refuse(&refused, chunk, context);
        results.finish()
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Chunk {
        if self.plan.when != When::Commit {
            return Chunk::default();
        }
        let mut results = self.plan.shape.results();
        self.tell_changed(&mut results, context);
        if self.next_due <= self.watermark {
            self.fire(&mut results, context);
        }
        context.fates.made += results.rows() as u64;
        results.finish()
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        vec![&mut self.store]
    }

    fn index_bytes(&self) -> usize {
        self.due.bytes() + self.places.allocation_size()
    }

    /// A session that is deleted or closes ended a gap and the grace ago.
    fn output_watermark(&self, watermark: i64) -> i64 {
        watermark.saturating_sub(self.gaps.gap).saturating_sub(self.gaps.grace)
    }

    fn restored(&mut self, watermark: Option<i64>) -> Result<(), Corrupt> {
        self.watermark = watermark.unwrap_or(i64::MIN);
        let mut sessions = Vec::new();
        for (id, _, list) in self.store.iter() {
            for record in items(list) {
                if !self.plan.layout.is_sound(record) {
                    return Err(UNSOUND);
                }
                let (number, last) = (u64_at(record, NUMBER), u64_at(record, LAST));
                sessions.push((number, last, i64_at(record, END), id));
            }
        }
        sessions.sort_unstable();
        self.next = sessions.iter().map(|(_, last, ..)| last + 1).max().unwrap_or(0);
        self.due.clear();
        self.places.clear();
        for (number, _, end, id) in sessions {
            let is_open = self.gaps.close(end) > self.watermark;
            let closes = self.plan.when == When::Closed && is_open;
            let time = if closes { self.gaps.close(end) } else { self.gaps.expiry(end) };
            self.due.insert(time, Due { number, closes });
            self.places.insert(number, id);
        }
        self.next_due = self.due.first().unwrap_or(i64::MAX);
        Ok(())
    }
}
