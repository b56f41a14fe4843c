//! Sessions of a stream by a deadline: each row replaces it by the watermark that it met and the time-out; when the watermark has
//! passed it the session goes out, once.
//!
//! An entry of the store is a group's open session: `group's key → start, end, deadline, number, id, states`. Rows are taken in append
//! order, however late, so nothing merges, and the id, which follows from the group and the first row's place in its topic, is the
//! same whenever the topic is read again.

use super::accumulator::Scope;
use super::bytes::{i64_at, put_i64, put_u64, u64_at};
use super::grouped::Plan;
use super::layout::{Record, Way};
use super::results::Results;
use super::windows::millis;
use crate::operator::chunk::{Chunk, Event, Origin};
use crate::operator::column::Vector;
use crate::operator::operate::{Context, Operate};
use crate::state::keys::Keys;
use crate::state::row::Corrupt;
use crate::state::{EntryId, Store, TimeIndex};
use hashbrown::HashMap;
use std::time::Duration;

/// Where a session's numbers stand, and where its states begin.
const START: usize = 0;
const END: usize = 8;
const DEADLINE: usize = 16;
const NUMBER: usize = 24;
const ID: usize = 32;
pub(super) const HEADER: usize = 40;

/// Sessions of a stream that wait for further rows.
#[derive(Debug)]
pub(super) struct Timeouts {
    plan: Plan,
    timeout: i64,
    store: Store,
    /// The entry of each session, by its number.
    places: HashMap<u64, EntryId>,
    /// The numbers of sessions, one millisecond behind a deadline that they had.
    due: TimeIndex<u64>,
    next_due: i64,
    watermark: Option<i64>,
    /// The number of the next session.
    next: u64,
    keys: Keys,
    record: Record,
}

/// A stable hash of 64 bits: FNV-1a over the group's key, the partition and the offset, then mixed as MurmurHash3 ends.
fn session_id(key: &[u8], origin: Origin) -> i64 {
    let (partition, offset) = (origin.partition.to_be_bytes(), origin.offset.to_be_bytes());
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key.iter().chain(&partition).chain(&offset) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash ^ (hash >> 33)).cast_signed()
}

impl Timeouts {
    pub(super) fn new(plan: Plan, timeout: Duration) -> Self {
        Self {
            plan,
            timeout: millis(timeout),
            store: Store::new("aggregate"),
            places: HashMap::new(),
            due: TimeIndex::new(),
            next_due: i64::MAX,
            watermark: None,
            next: 0,
            keys: Keys::new(),
            record: Record::default(),
        }
    }

    fn take(
        &mut self,
        (arguments, row): (&[Vec<&Vector>], usize),
        (time, origin): (i64, Origin),
        context: &mut Context<'_>,
    ) {
        let key = self.keys.get(row);
        let (id, is_new) = self.store.find_or_insert(key, self.plan.layout.blank());
        let deadline = self.watermark.unwrap_or(time).saturating_add(self.timeout);
        let number = self.next;
        let session = if is_new { session_id(key, origin) } else { 0 };
        let record = self.store.update(id);
        let before = i64_at(record, DEADLINE);
        put_i64(record, DEADLINE, deadline);
        if is_new {
            put_i64(record, START, time);
            put_i64(record, END, time);
            put_u64(record, NUMBER, number);
            put_i64(record, ID, session);
            self.next += 1;
            self.places.insert(number, id);
        } else {
            put_i64(record, START, time.min(i64_at(record, START)));
            put_i64(record, END, time.max(i64_at(record, END)));
        }
        // One that is put off is met at its old deadline, and waits on from there.
        if is_new || deadline < before {
            let due = deadline.saturating_add(1);
            self.due.insert(due, u64_at(record, NUMBER));
            self.next_due = self.next_due.min(due);
        }
        if self.plan.layout.is_fixed() {
            self.plan.layout.change_fixed(Way::In, (arguments, row), record);
            return;
        }
        self.record.bytes.clear();
        self.record.bytes.extend_from_slice(record);
        let failed = &mut context.fates.failed_expressions;
        let scope = &mut Scope { session: context.session, sequence: 0, failed };
        self.plan.layout.change(Way::In, (arguments, row), &mut self.record, scope);
        self.store.set(id, &self.record.bytes);
    }

    /// Closes the sessions whose deadline the watermark has passed.
    fn fire(&mut self, watermark: i64, results: &mut Results, context: &mut Context<'_>) {
        let mut closed = Vec::new();
        while let Some((_, number)) = self.due.pop_until(watermark) {
            let Some(id) = self.places.get(&number).copied() else { continue };
            let deadline = i64_at(self.store.value(id), DEADLINE);
            if deadline < watermark {
                self.places.remove(&number);
                closed.push((deadline, number, id));
            } else {
                self.due.insert(deadline.saturating_add(1), number);
            }
        }
        closed.sort_unstable();
        for (_, _, id) in closed {
            let record = self.store.value(id);
            let end = i64_at(record, END);
            results.group_of_key(self.store.key(id));
            results.bounds([i64_at(record, ID), i64_at(record, START), end]);
            let failed = self.plan.layout.results(record, &mut results.calls);
            context.fates.failed_expressions += failed;
            results.end(end, false);
            self.store.remove(id);
        }
        self.next_due = self.due.first().unwrap_or(i64::MAX);
    }
}

impl Operate for Timeouts {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let group: Vec<&Vector> =
            self.plan.group_by.iter().map(|column| &chunk.columns[*column]).collect();
        self.keys.encode(&group, chunk.rows);
        let arguments = self.plan.layout.arguments(&chunk.columns);
        let (mut results, mut refused) = (self.plan.shape.results(), Vec::new());
        for event in chunk.events() {
            match event {
                Event::Watermark(watermark) => {
                    self.watermark = self.watermark.max(Some(watermark));
                    if self.next_due <= watermark {
                        self.fire(watermark, &mut results, context);
                    }
                    results.mark(self.output_watermark(watermark));
                }
                Event::Row(row) if chunk.is_deleted(row) => context.fates.filtered += 1,
                Event::Row(row) if self.keys.has_null(row) => {
                    context.fates.null_key += 1;
                    refused.push(row);
                }
                Event::Row(row) => {
                    let nowhere = Origin { timestamp: 0, partition: 0, offset: 0 };
                    let origin = chunk.origins.get(row).copied().unwrap_or(nowhere);
                    self.take((&arguments, row), (chunk.times[row], origin), context);
                    context.fates.taken += 1;
                }
            }
        }
        context.fates.made += results.rows() as u64;
        self.plan.refuse(&refused, chunk, context);
        results.finish()
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        vec![&mut self.store]
    }

    fn index_bytes(&self) -> usize {
        self.due.bytes() + self.places.allocation_size()
    }

    /// A session that closes had its last row, if that was not late, a time-out ago.
    fn output_watermark(&self, watermark: i64) -> i64 {
        watermark.saturating_sub(self.timeout)
    }

    fn restored(&mut self, watermark: Option<i64>) -> Result<(), Corrupt> {
        self.plan.check(&self.store)?;
        self.watermark = watermark;
        self.due.clear();
        self.places.clear();
        let entries = self.store.iter();
        let mut open: Vec<(u64, i64, EntryId)> = entries
            .map(|(id, _, record)| (u64_at(record, NUMBER), i64_at(record, DEADLINE), id))
            .collect();
        open.sort_unstable();
        self.next = open.last().map_or(0, |(number, ..)| number + 1);
        for (number, deadline, id) in open {
            self.due.insert(deadline.saturating_add(1), number);
            self.places.insert(number, id);
        }
        self.next_due = self.due.first().unwrap_or(i64::MAX);
        Ok(())
    }
}
