//! The batches of one partition in order: filled, sent, repeated, acknowledged. Order is decided here and nowhere else.
//!
//! Batches leave from the front to the back, and at most `max.in.flight` are without an answer (one, without
//! idempotence). After any failure the queue *drains*: nothing is sent until every batch in flight has its answer; then
//! it starts again at the first batch that has none, under the same numbers. A broker that has a batch already says
//! so, one that misses an earlier batch refuses the later ones (OUT_OF_ORDER_SEQUENCE_NUMBER), so order holds.
//!
//! Numbers change only where no duplicate can come of it ([`Queue::settle`]): after a batch was dropped, those behind it
//! close up; when one of them may be on its way under its old number, the epoch is raised to keep that one out.

use super::batch::{Batch, BatchId, Decision, State};
use super::event::{Acknowledgement, Event};
use super::gap::Gap;
use super::memory::Memory;
use super::{Handle, Identity, Sequence};
use crate::client::Offset;
use crate::client::config::Backoff;
use crate::time::Moment;
use kolk_wire::record::{Batch as Fetched, BatchBuilder, BatchFull, Compression, Transactional};
use kolk_wire::{DecodeError, Spliced};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What is known about a batch whose attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// This attempt did not append it.
    NotAppended,
    /// Perhaps it did.
    Unknown,
}

/// Under which conditions a queue may send now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditions {
    pub now: Moment,
    /// The partition's leader.
    pub node: i32,
    /// Most batches from the oldest one that is not acknowledged to the latest one sent.
    pub in_flight_max: usize,
    /// Whose number the next new batch gets; none without idempotence.
    pub identity: Option<Identity>,
    pub transactional: Transactional,
    pub linger: Duration,
    pub batch_bytes: usize,
    pub flush: Flush,
}

/// Whether open batches wait for more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flush {
    Now,
    WhenDue,
}

/// What became of a queue that has no batch in flight after something unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It can go on.
    Ready,
    /// Its batches lost their numbers and need an epoch that the broker has not seen from this producer.
    NeedsNewEpoch,
    /// The broker lacks what it had acknowledged, and some batch may be there or not: nothing safe can be done.
    Gap,
}

/// All batches of one partition.
#[derive(Debug)]
pub(super) struct Queue {
    pub topic: Arc<str>,
    pub partition: i32,
    open: BatchBuilder,
    open_tag: u64,
    opened_at: Option<Moment>,
    last_size: usize,
    pub(super) sealed: VecDeque<Batch>,
    sealed_bytes: usize,
    next_id: u64,
    /// Whose numbers are being given out, and the next one.
    next_number: Option<(Identity, Sequence)>,
    /// The producer id of which the broker has acknowledged a batch here.
    known_as: Option<i64>,
    pub(super) in_flight: usize,
    sent_to: i32,
    pub(super) draining: bool,
    pub(super) gap: Option<Gap>,
    failures: u32,
    pub(super) retry_at: Moment,
    /// Whether the transaction knows the partition.
    pub admitted: bool,
}

impl Queue {
    pub(super) fn new(topic: Arc<str>, partition: i32, compression: Compression) -> Self {
        Self {
            topic,
            partition,
            open: BatchBuilder::new(compression),
            open_tag: 0,
            opened_at: None,
            last_size: 0,
            sealed: VecDeque::new(),
            sealed_bytes: 0,
            next_id: 0,
            next_number: None,
            known_as: None,
            in_flight: 0,
            sent_to: -1,
            draining: false,
            gap: None,
            failures: 0,
            retry_at: Moment::default(),
            admitted: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.sealed.is_empty()
    }

    /// Bytes that the queue holds.
    pub(super) fn bytes(&self) -> usize {
        let open = if self.open.is_empty() { 0 } else { self.open.size_estimate() };
        open + self.sealed_bytes
    }

    /// Appends a record to the open batch by `push`; a batch that begins takes its memory from `memory`.
    #[inline]
    pub(super) fn push(
        &mut self,
        tag: u64,
        memory: &mut Memory,
        push: impl FnOnce(&mut BatchBuilder) -> Result<(), BatchFull>,
    ) -> Result<(), BatchFull> {
        if self.open.is_empty() {
            self.begin(memory);
        }
        self.open_tag = tag;
        push(&mut self.open)
    }

    #[cold]
    fn begin(&mut self, memory: &mut Memory) {
        if let Some(memory) = memory.take() {
            self.open.reuse(memory);
        }
        // As much as the last one took, so that it need not grow and be copied.
        self.open.reserve(self.last_size);
    }

    pub(super) fn open_timestamp(&self) -> Option<i64> {
        self.open.max_timestamp()
    }

    /// Closes the open batch unless it is empty or has room for `bytes` more below `batch_bytes`.
    #[inline]
    pub(super) fn make_room(&mut self, bytes: usize, batch_bytes: usize) {
        if !self.open.is_empty() && self.open.size_estimate() + bytes > batch_bytes {
            self.seal();
        }
    }

    /// Appends a batch that was fetched behind everything else.
    pub(super) fn forward(&mut self, batch: &Fetched, tag: u64) {
        self.seal();
        let id = self.new_id();
        self.enqueue(Batch::forward(id, batch, tag));
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            let records = self.open.count();
            self.last_size = self.open.size_estimate();
            let bytes = self.open.finish();
            self.opened_at = None;
            let id = self.new_id();
            self.enqueue(Batch::new(id, bytes, records, self.open_tag));
        }
    }

    fn enqueue(&mut self, batch: Batch) {
        self.sealed_bytes += batch.size();
        self.sealed.push_back(batch);
    }

    fn new_id(&mut self) -> BatchId {
        self.next_id += 1;
        BatchId(self.next_id)
    }

    /// Whether the batch is still there: not acknowledged, not dropped.
    pub(super) fn has(&self, id: BatchId) -> bool {
        self.position(id).is_some()
    }

    pub(super) fn position(&self, id: BatchId) -> Option<usize> {
        self.sealed.iter().position(|batch| batch.id == id)
    }

    /// The next batch to send, if it may be sent now. Closes the open batch only when nothing else stands in the way, so
    /// that it fills while it could not be sent anyway.
    fn next(&mut self, on: &Conditions) -> Option<usize> {
        let idle = self.in_flight == 0;
        let blocked = self.draining || on.now < self.retry_at || !(idle || self.sent_to == on.node);
        if blocked {
            return None;
        }
        if let Some(gap) = self.gap {
            return self.to_probe(gap).filter(|_| idle);
        }
        let passed = |b: &&Batch| matches!(b.state, State::Sent | State::Acknowledged(_));
        let next = self.sealed.iter().take_while(passed).count();
        // Acknowledged batches count as long as one before them is not: that one must stay among the last few that the broker
        // recognises as repeated.
        // The halves of a divided batch go one by one: with them more batches than that may have been sent since the oldest.
        let divided = self.sealed.iter().take(next + 1).any(|batch| batch.divided);
        // To a broker that knows nothing of a producer any first number is right. Were the first batch refused (a leader that
        // is just being elected) and the second accepted, the first could never be repeated: so it goes alone.
        let unknown = on.identity.is_some_and(|identity| self.known_as != Some(identity.id));
        if next >= if divided || unknown { 1 } else { on.in_flight_max } {
            return None;
        }
        let numbers_end = self.next_number.map(|(identity, _)| identity) != on.identity;
        match self.sealed.get(next) {
            // Batches of a former identity must be acknowledged before one of the present identity is sent.
            Some(batch) if batch.number.is_none() && numbers_end && next > 0 => None,
            Some(batch) => (batch.state == State::Waiting).then_some(next),
            None if numbers_end && next > 0 => None,
            None => {
                let opened_at = *self.opened_at.get_or_insert(on.now);
                let due = on.flush == Flush::Now
                    || self.open.size_estimate() >= on.batch_bytes
                    || on.now.since(opened_at) >= on.linger;
                if due {
                    self.seal();
                }
                (next < self.sealed.len()).then_some(next)
            }
        }
    }

    /// How large the next batch is, if one may be sent now.
    pub(super) fn peek(&mut self, on: &Conditions) -> Option<usize> {
        self.next(on).and_then(|at| self.sealed.get(at)).map(Batch::size)
    }

    /// Takes out the next batch for a request to `on.node`.
    pub(super) fn take(&mut self, on: &Conditions) -> Option<(BatchId, Spliced)> {
        let at = self.next(on)?;
        let batch = self.sealed.get_mut(at)?;
        if let (Some(identity), None) = (on.identity, batch.number) {
            let first = match self.next_number {
                Some((same, next)) if same == identity => next,
                _ => Sequence(0),
            };
            batch.stamp(identity, first, on.transactional);
            self.next_number = Some((identity, first.plus(batch.records)));
        }
        batch.state = State::Sent;
        self.in_flight += 1;
        self.sent_to = on.node;
        Some((batch.id, batch.share()))
    }

    /// When the queue wants to be looked at again although nothing arrived.
    pub(super) fn deadline(&self, linger: Duration) -> Option<Moment> {
        if self.in_flight > 0 || self.is_empty() {
            return None;
        }
        match self.opened_at {
            Some(at) if self.sealed.is_empty() => Some((at + linger).max(self.retry_at)),
            _ => Some(self.retry_at),
        }
    }

    pub(super) fn answered(&mut self, id: BatchId) -> Option<&mut Batch> {
        let at = self.position(id)?;
        let batch = self.sealed.get_mut(at).filter(|batch| batch.state == State::Sent)?;
        self.in_flight -= 1;
        if self.in_flight == 0 {
            self.draining = false;
        }
        Some(batch)
    }

    /// The broker has the batch.
    pub(super) fn acknowledge(&mut self, id: BatchId, base_offset: Option<Offset>) {
        let at = self.position(id);
        let Some(batch) = self.answered(id) else { return };
        batch.state = State::Acknowledged(base_offset);
        let number = batch.number;
        if self.gap.take().is_some() {
            self.confirm_before(at.unwrap_or(0));
        }
        self.known_as = number.map(|(identity, _)| identity.id);
        self.failures = 0;
    }

    /// Tells of the oldest batches that the broker has, and gives them to `done`.
    pub(super) fn release(
        &mut self,
        partition: Handle,
        events: &mut VecDeque<Event>,
        mut done: impl FnMut(Batch),
    ) {
        while let Some(State::Acknowledged(base_offset)) = self.sealed.front().map(|b| b.state) {
            let Some(batch) = self.sealed.pop_front() else { return };
            self.sealed_bytes -= batch.size();
            let count = u32::try_from(batch.records).unwrap_or(0);
            let tag = batch.tag;
            events.push_back(Event::Acknowledged(Acknowledgement {
                partition,
                base_offset,
                count,
                tag,
            }));
            done(batch);
        }
    }

    /// The batch goes again. Returns the failures in a row, unless others that failed with it were counted already.
    pub(super) fn retry(
        &mut self,
        id: BatchId,
        fate: Fate,
        now: Moment,
        backoff: Backoff,
    ) -> Option<u32> {
        let was_draining = self.draining;
        let batch = self.answered(id)?;
        batch.state = State::Waiting;
        batch.uncertain |= fate == Fate::Unknown;
        self.draining = self.in_flight > 0;
        self.probe_anew();
        if was_draining {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + backoff.after(self.failures);
        Some(self.failures)
    }

    /// The batch is too large. One of several records is divided in place, and true returned.
    pub(super) fn divide(&mut self, id: BatchId) -> Result<bool, DecodeError> {
        let Some(at) = self.position(id) else { return Ok(false) };
        if self.sealed.get(at).is_none_or(|batch| batch.records < 2) || self.answered(id).is_none()
        {
            return Ok(false);
        }
        let second = self.new_id();
        let Some(batch) = self.sealed.remove(at) else { return Ok(false) };
        self.sealed_bytes -= batch.size();
        let (first, rest) = batch.split(second)?;
        self.sealed_bytes += first.size() + rest.size();
        for half in [rest, first] {
            self.sealed.insert(at, half);
        }
        self.draining = self.in_flight > 0;
        Ok(true)
    }

    /// The broker does not want the batch; returns it for the report. Nothing behind it is sent any more.
    pub(super) fn refuse(&mut self, id: BatchId) -> Option<&Batch> {
        let at = self.position(id)?;
        self.answered(id)?.state = State::Refused;
        self.draining = self.in_flight > 0;
        self.sealed.get(at)
    }

    /// The owner's answer about a refused batch; false if there is no such batch.
    pub(super) fn decide(&mut self, id: BatchId, decision: Decision) -> bool {
        let at = self.position(id);
        let batch = at.and_then(|at| self.sealed.get_mut(at));
        match batch.filter(|batch| batch.state == State::Refused) {
            Some(batch) => {
                batch.state = State::Decided(decision);
                true
            }
            None => false,
        }
    }

    /// Carries out decisions and closes gaps, once nothing is in flight.
    pub(super) fn settle(&mut self) -> Result<Settled, DecodeError> {
        if self.in_flight > 0 {
            return Ok(Settled::Ready);
        }
        if let Some(gap) = self.gap {
            if self.to_probe(gap).is_some() {
                return Ok(Settled::Ready);
            }
            if self.sealed.iter().any(|batch| batch.uncertain) {
                return Ok(Settled::Gap);
            }
            self.gap = None;
            self.forget_numbers(0);
            return Ok(Settled::NeedsNewEpoch);
        }
        let decided = |b: &Batch| match b.state {
            State::Decided(decision) => Some(decision),
            _ => None,
        };
        let Some((at, decision)) =
            self.sealed.iter().enumerate().find_map(|(i, b)| decided(b).map(|d| (i, d)))
        else {
            return Ok(Settled::Ready);
        };
        let Some(mut batch) = self.sealed.remove(at) else { return Ok(Settled::Ready) };
        self.sealed_bytes -= batch.size();
        let (number, uncertain) = (batch.number, batch.uncertain);
        batch.state = State::Waiting;
        let rest = match decision {
            Decision::SendAgain => Some(batch),
            Decision::DropBatch => None,
            Decision::DropRecord(record) => Some(batch.without(record)?).filter(|b| b.records > 0),
        };
        if let Some(rest) = rest {
            self.sealed_bytes += rest.size();
            self.sealed.insert(at, rest);
        }
        self.retry_at = Moment::default();
        if decision == Decision::SendAgain {
            Ok(Settled::Ready)
        } else {
            Ok(self.close_up(at, number, uncertain))
        }
    }

    /// Gives the batches from `at` on the numbers from `first` on, or none if some attempt may still be appended under
    /// its old number: the one that was dropped (`uncertain`), or one behind it.
    fn close_up(
        &mut self,
        at: usize,
        first: Option<(Identity, Sequence)>,
        uncertain: bool,
    ) -> Settled {
        let Some(first) = first else { return Settled::Ready };
        let uncertain = uncertain || self.sealed.iter().skip(at).any(|batch| batch.uncertain);
        self.forget_numbers(at);
        if uncertain {
            return Settled::NeedsNewEpoch;
        }
        self.next_number = Some(first);
        Settled::Ready
    }

    fn forget_numbers(&mut self, at: usize) {
        for batch in self.sealed.iter_mut().skip(at) {
            batch.number = None;
            batch.uncertain = false;
        }
    }

    /// Drops every batch. Returns whether numbers were given out that the broker may never see, or may see yet: whoever goes
    /// on under the same identity could meet a gap, or a late twin.
    pub(super) fn clear(&mut self) -> Fate {
        let numbered = self.sealed.iter().any(|batch| batch.number.is_some());
        if !self.open.is_empty() {
            drop(self.open.finish());
        }
        self.sealed.clear();
        self.sealed_bytes = 0;
        self.opened_at = None;
        self.in_flight = 0;
        (self.draining, self.gap) = (false, None);
        self.failures = 0;
        self.retry_at = Moment::default();
        if numbered { Fate::Unknown } else { Fate::NotAppended }
    }
}
