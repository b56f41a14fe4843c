//! Groups of a stream, for all time or by hopping windows.
//!
//! An entry of the store is a group, or a group in a window: `group's key [start of the window] → time, number, states`. Its
//! time is the latest of its rows; entries are numbered as they come into being.

use super::accumulator::{Entry, Rows};
use super::bytes::{i64_at, put_i64, put_u64, u64_at};
use super::layout::Layout;
use super::results::{Results, Shape, push_mark};
use super::windows::Hopping;
use crate::operator::appender::Appender;
use crate::operator::chunk::{Chunk, Event, Mark, Old};
use crate::operator::column::Vector;
use crate::operator::operate::{Context, Operate};
use crate::state::keys::Keys;
use crate::state::row::Corrupt;
use crate::state::{EntryId, Store, TimeIndex};
use arrow_array::Int64Array;

/// Where an entry's time and number stand, and where its states begin.
pub(super) const TIME: usize = 0;
const NUMBER: usize = 8;
pub(super) const HEADER: usize = 16;

/// When results go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// With every change.
    Each,
    /// Before a commit, once for each entry that has changed.
    Commit,
    /// Once, when the window has closed.
    Closed,
}

/// What is said of entries that this aggregation has not written.
pub(super) const UNSOUND: Corrupt = Corrupt("an entry is not of this aggregation");

/// What all kinds of grouping know.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) group_by: Vec<usize>,
    pub(super) layout: Layout,
    pub(super) shape: Shape,
    pub(super) when: When,
    /// Whether rows that come too late are wanted elsewhere.
    pub(super) wants_late: bool,
}

/// Groups of a stream.
#[derive(Debug)]
pub(super) struct Grouped {
    plan: Plan,
    windows: Option<Hopping>,
    store: Store,
    due: TimeIndex<Due>,
    watermark: i64,
    /// No window closes before the watermark is here.
    next_due: i64,
    /// The number of the next entry.
    next: u64,
    keys: Keys,
    steps: Steps,
}

/// What falls due.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// The window closes.
    Close(EntryId),
    /// The entry is forgotten.
    Expiry(EntryId),
}

/// Rows that are taken, once for each of their windows.
#[derive(Debug, Default)]
struct Steps {
    rows: Vec<usize>,
    starts: Vec<i64>,
    /// The key of each in the store, and its entry if there was one before.
    keys: Keys,
    found: Vec<Option<EntryId>>,
    entries: Vec<Entry>,
    times: Vec<i64>,
}

impl Grouped {
    pub(super) fn new(plan: Plan, windows: Option<Hopping>) -> Self {
        Self {
            plan,
            windows,
            store: Store::new("aggregate"),
            due: TimeIndex::new(),
            watermark: i64::MIN,
            next_due: i64::MAX,
            next: 0,
            keys: Keys::new(),
            steps: Steps::default(),
        }
    }

    /// Notes into which windows a row goes; `false` when all of them are closed.
    fn take(&mut self, row: usize, time: i64) -> bool {
        let Some(windows) = &mut self.windows else {
            self.steps.rows.push(row);
            return true;
        };
        let before = self.steps.rows.len();
        for start in windows.starts(time) {
            let close = windows.close(start);
            if close > self.watermark {
                self.steps.rows.push(row);
                self.steps.starts.push(start);
                self.next_due = self.next_due.min(close);
            }
        }
        self.steps.rows.len() > before
    }

    /// Finds or makes the entries of the rows taken, and moves their time.
    fn find_entries(&mut self, chunk: &Chunk) {
        let Steps { rows, starts, keys, found, entries, times } = &mut self.steps;
        keys.clear();
        for (step, row) in rows.iter().enumerate() {
            let group = self.keys.get(*row);
            let start = starts.get(step).map(|start| start.to_be_bytes());
            keys.push(group, start.as_ref().map_or(&[], |start| start));
        }
        self.store.probe(keys, found);
        for (step, row) in rows.iter().enumerate() {
            let (id, is_new) = match found[step] {
                Some(id) => (id, false),
                // A row before may have made it by now.
                None => self.store.find_or_insert(keys.get(step), self.plan.layout.blank()),
            };
            let (time, value) = (chunk.times[*row], self.store.update(id));
            let time = if is_new { time } else { time.max(i64_at(value, TIME)) };
            put_i64(value, TIME, time);
            if is_new {
                put_u64(value, NUMBER, self.next);
                self.next += 1;
                if let Some((windows, start)) = self.windows.as_ref().zip(starts.get(step)) {
                    match self.plan.when {
                        When::Closed => self.due.insert(windows.close(*start), Due::Close(id)),
                        _ => self.due.insert(windows.expiry(*start), Due::Expiry(id)),
                    }
                }
            }
            entries.push(Entry { id, is_new });
            times.push(time);
        }
    }

    /// Puts the rows taken into their entries; the results behind each of them, if they go out.
    fn run_steps(&mut self, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        self.find_entries(chunk);
        let Self { plan, store, steps, .. } = self;
        let goes_out = plan.when == When::Each;
        let appenders = || plan.shape.call_types.iter().map(Appender::new).collect::<Vec<_>>();
        let mut results = goes_out.then(appenders);
        let mut old = (goes_out && plan.shape.wants_old).then(appenders);
        for (call, arguments) in plan.layout.arguments(&chunk.columns).iter().enumerate() {
            let mut rows = Rows {
                rows: &steps.rows,
                entries: &steps.entries,
                arguments,
                store: &mut *store,
                results: results.as_mut().map(|results| &mut results[call]),
                old: old.as_mut().map(|old| &mut old[call]),
                failed: &mut context.fates.failed_expressions,
                session: &mut *context.session,
            };
            plan.layout.add_all(call, &mut rows);
        }
        let output = results.map(|results| self.output(chunk, results, old)).unwrap_or_default();
        self.steps.clear();
        output
    }

    /// The results behind each row taken.
    fn output(&self, chunk: &Chunk, results: Vec<Appender>, old: Option<Vec<Appender>>) -> Chunk {
        let Steps { rows, starts, entries, times, .. } = &self.steps;
        let mut before: Vec<Vector> =
            self.plan.group_by.iter().map(|column| chunk.columns[*column].take(rows)).collect();
        if let Some(windows) = &self.windows {
            let ends: Vec<i64> = starts.iter().map(|start| windows.end(*start)).collect();
            before.push(Vector::each(Int64Array::from(starts.clone())));
            before.push(Vector::each(Int64Array::from(ends)));
        }
        let columns = |calls: Vec<Appender>| {
            let calls = calls.into_iter().map(|mut of| Vector::each(of.finish()));
            before.iter().cloned().chain(calls).collect()
        };
        Chunk {
            rows: rows.len(),
            columns: columns(results),
            times: times.clone(),
            old: old.map(|old| Old {
                present: entries.iter().map(|entry| !entry.is_new).collect(),
                columns: columns(old),
            }),
            ..Chunk::default()
        }
    }

    /// Appends the result of an entry.
    fn emit(&self, id: EntryId, results: &mut Results, context: &mut Context<'_>) {
        let (key, value) = (self.store.key(id), self.store.value(id));
        match &self.windows {
            None => results.group_of_key(key),
            Some(windows) => {
                let (group, start) = split(key);
                results.group_of_key(group);
                results.bounds([start, windows.end(start)]);
            }
        }
        context.fates.failed_expressions += self.plan.layout.results(value, &mut results.calls);
        results.end(i64_at(value, TIME), false);
    }

    /// Lets happen what is due by the watermark: windows close, and entries are forgotten.
    fn fire(&mut self, mut results: Option<&mut Results>, context: &mut Context<'_>) {
        while let Some((_, due)) = self.due.pop_until(self.watermark) {
            let (Due::Close(id) | Due::Expiry(id)) = due;
            if let (Due::Close(_), Some(results)) = (due, results.as_deref_mut()) {
                self.emit(id, results, context);
            }
            let (_, start) = split(self.store.key(id));
            let expiry = self.windows.as_ref().map_or(i64::MIN, |of| of.expiry(start));
            if expiry > self.watermark {
                self.due.insert(expiry, Due::Expiry(id));
            } else {
                self.store.remove(id);
            }
        }
        self.next_due = self.due.first().unwrap_or(i64::MAX);
    }

    /// Moves the watermark; what that closes goes out between the rows before and behind it.
    fn advance(
        &mut self,
        watermark: i64,
        chunk: &Chunk,
        results: &mut Results,
        context: &mut Context<'_>,
    ) {
        self.watermark = self.watermark.max(watermark);
        if self.plan.when == When::Closed {
            if self.next_due <= self.watermark {
                self.run_steps(chunk, context);
                self.fire(Some(results), context);
            }
            results.mark(self.output_watermark(watermark));
        }
    }
}

impl Operate for Grouped {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let group: Vec<&Vector> =
            self.plan.group_by.iter().map(|column| &chunk.columns[*column]).collect();
        self.keys.encode(&group, chunk.rows);
        let (mut results, mut marks) = (self.plan.shape.results(), Vec::new());
        let (mut refused, mut taken) = (Vec::new(), 0);
        for event in chunk.events() {
            match event {
                Event::Watermark(watermark) => {
                    self.advance(watermark, chunk, &mut results, context);
                    push_mark(&mut marks, self.steps.rows.len(), watermark);
                }
                Event::Row(row) if chunk.is_deleted(row) => context.fates.filtered += 1,
                Event::Row(row) if self.keys.has_null(row) => {
                    context.fates.null_key += 1;
                    refused.push(row);
                }
                Event::Row(row) if self.take(row, chunk.times[row]) => taken += 1,
                Event::Row(row) => {
                    context.fates.late += 1;
                    refused.push(row);
                }
            }
        }
        let output = self.run_steps(chunk, context);
        let output = match self.plan.when {
            When::Each => Chunk { marks, ..output },
            When::Closed => results.finish(),
            When::Commit => {
                let last = marks.last().map(|last| Mark { at: 0, ..*last });
                Chunk { marks: last.into_iter().collect(), ..Chunk::default() }
            }
        };
        if self.plan.when == When::Each {
            self.fire(None, context);
        }
        context.fates.taken += taken;
        context.fates.made += output.rows as u64;
        self.plan.refuse(&refused, chunk, context);
        output
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Chunk {
        if self.plan.when != When::Commit {
            return Chunk::default();
        }
        let mut results = self.plan.shape.results();
        for id in self.store.changed() {
            self.emit(id, &mut results, context);
        }
        self.fire(None, context);
        context.fates.made += results.rows() as u64;
        results.finish()
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        vec![&mut self.store]
    }

    fn index_bytes(&self) -> usize {
        self.due.bytes()
    }

    /// Results of windows that close later are as old as their first row may be.
    fn output_watermark(&self, watermark: i64) -> i64 {
        match (&self.windows, self.plan.when) {
            (Some(windows), When::Closed) => watermark.saturating_sub(windows.close(0)),
            _ => watermark,
        }
    }

    fn restored(&mut self, watermark: Option<i64>) -> Result<(), Corrupt> {
        self.plan.check(&self.store)?;
        self.watermark = watermark.unwrap_or(i64::MIN);
        let mut entries: Vec<(u64, EntryId)> =
            self.store.iter().map(|(id, _, value)| (u64_at(value, NUMBER), id)).collect();
        entries.sort_unstable();
        self.next = entries.last().map_or(0, |(number, _)| number + 1);
        self.due.clear();
        let Some(windows) = self.windows else { return Ok(()) };
        for (_, id) in entries {
            let (_, start) = split(self.store.key(id));
            let is_open = windows.close(start) > self.watermark;
            let (time, due) = if self.plan.when == When::Closed && is_open {
                (windows.close(start), Due::Close(id))
            } else {
                (windows.expiry(start), Due::Expiry(id))
            };
            self.due.insert(time, due);
        }
        self.next_due = self.due.first().unwrap_or(i64::MAX);
        Ok(())
    }
}

impl Plan {
    /// Whether each entry of a store is a record of these calls.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub(super) fn check(&self, store: &Store) -> Result<(), Corrupt> {
        let is_sound = store.iter().all(|(_, _, record)| self.layout.is_sound(record));
        if is_sound { Ok(()) } else { Err(UNSOUND) }
    }

    /// Passes rows on that came too late, or without a key, if they are wanted.
    pub(super) fn refuse(&self, refused: &[usize], chunk: &Chunk, context: &mut Context<'_>) {
        if self.wants_late && !refused.is_empty() {
            context.fates.late_rows.push(Chunk { marks: Vec::new(), ..chunk.select(refused) });
        }
    }
}

impl Steps {
    fn clear(&mut self) {
        self.rows.clear();
        self.starts.clear();
        self.entries.clear();
        self.times.clear();
    }
}

/// The group's key and the start of the window.
fn split(key: &[u8]) -> (&[u8], i64) {
    match key.split_last_chunk() {
        Some((group, start)) => (group, i64::from_be_bytes(*start)),
        None => (key, 0),
    }
}
