//! The producer: records into batches, batches into requests, in order, until acknowledged.
//!
//! ```text
//! append ─▶ Queue (one per partition) ─▶ requests (one batch per partition, many partitions per broker) ─▶ broker
//!                ▲                                        │
//!                └──────── failures, in order ────────────┴──▶ Event: acknowledged, refused, retrying
//! ```
//!
//! Nothing blocks and nothing is sent outside [`Producer::step`]. There is no delivery time-out: a batch is repeated until it
//! is acknowledged, refused for good, or dropped by [`Producer::clear`]. With idempotence (KIP-98) each record is in the
//! log once and in order while this producer lives; without it one batch per partition is in flight, so a retry may repeat
//! a batch but never reorders.
//!
//! Transactions are a machine of their own, [`Transaction`](super::transaction::Transaction), which gives this one its identity and
//! opens and closes the gate of each partition.

mod batch;
mod dispatch;
mod event;
mod gap;
mod identify;
mod memory;
mod queue;
mod sequence;
#[cfg(test)]
mod tests;

pub use batch::Decision;
pub use event::{Acknowledgement, AppendError, Event, Refusal};
pub use sequence::{Identity, Sequence};

use super::TopicPartition;
use super::config::{Backoff, ClientConfig, Compression, Idempotence, ProducerConfig};
use super::error::{Action, ClientError};
use super::requests::{ClusterView, Requests};
use crate::time::{Moment, Timestamp};
use batch::BatchId;
use dispatch::Call;
use identify::Identification;
use kolk_wire::partitioner::partition_for_key;
use kolk_wire::record::{
    Batch, BatchBuilder, BatchFull, Compression as Codec, Header, Transactional,
};
use memory::Memory;
use queue::{Fate, Flush, Queue, Settled};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// A fetched batch is forwarded as it is if it has at least this part of `batch.size`.
const FORWARD_FRACTION: usize = 4;

/// A partition registered with [`Producer::register`]: its place among the producer's queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(pub(super) u32);

/// When partitions may be produced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Always: not a transactional producer.
    Free,
    /// Not now: no transaction is open.
    Closed,
    /// Each as soon as the coordinator has taken it into the transaction (transactions v1).
    EachAdmitted,
    /// All: the broker takes partitions in with their first batch (KIP-890, transactions v2).
    Open,
}

/// Sends records to partitions, in order. See the [module](self).
#[derive(Debug)]
pub struct Producer {
    config: ProducerConfig,
    request_timeout: Duration,
    backoff: Backoff,
    queues: Vec<Queue>,
    handles: HashMap<TopicPartition, Handle>,
    /// Queues that hold something, in the order in which they got it.
    busy: Vec<Handle>,
    /// Where the next round over `busy` starts, so that no queue is always last.
    turn: usize,
    buffered: usize,
    memory: Memory,
    tag: u64,
    flush: Flush,
    calls: Vec<Call>,
    identification: Identification,
    gate: Gate,
    /// Whether anything was sent since the gate was opened.
    touched: bool,
    events: VecDeque<Event>,
    stepped_at: Moment,
}

impl Producer {
    /// A producer with the settings of `config.producer`. It is transactional if `transactional.id` is set, and then sends
    /// only within the transactions of a [`Transaction`](super::transaction::Transaction).
    #[must_use]
    pub fn new(config: &ClientConfig) -> Self {
        let transactional = config.producer.transactional_id.is_some();
        let wanted = config.producer.idempotence == Idempotence::On || transactional;
        Self {
            config: config.producer.clone(),
            request_timeout: config.connection.request_timeout,
            backoff: config.connection.retry_backoff,
            queues: Vec::new(),
            handles: HashMap::new(),
            busy: Vec::new(),
            turn: 0,
            buffered: 0,
            memory: Memory::default(),
            tag: 0,
            flush: Flush::WhenDue,
            calls: Vec::new(),
            identification: Identification::new(wanted, transactional),
            gate: if transactional { Gate::Closed } else { Gate::Free },
            touched: false,
            events: VecDeque::new(),
            stepped_at: Moment::default(),
        }
    }

    /// The handle of a partition; the same one each time. The caller keeps its topic in the metadata's view
    /// ([`Metadata::want`](super::metadata::Metadata::want)).
    pub fn register(&mut self, partition: &TopicPartition) -> Handle {
        if let Some(&handle) = self.handles.get(partition) {
            return handle;
        }
        let handle = Handle(u32::try_from(self.queues.len()).unwrap_or(u32::MAX));
        let TopicPartition { topic, partition: number } = partition.clone();
        self.queues.push(Queue::new(topic, number, codec(self.config.compression)));
        self.handles.insert(partition.clone(), handle);
        handle
    }

    /// The partition behind a handle.
    #[must_use]
    pub fn partition(&self, handle: Handle) -> Option<TopicPartition> {
        let queue = self.queues.get(handle.0 as usize)?;
        Some(TopicPartition::new(Arc::clone(&queue.topic), queue.partition))
    }

    /// The partition in which Kafka's clients put a key: murmur2, as Java does. Null keys have none; the caller chooses.
    #[must_use]
    pub fn partition_of_key(key: Option<&[u8]>, partitions: i32) -> Option<i32> {
        key.map(|key| partition_for_key(key, partitions))
    }

    /// From now on batches carry `tag`: that of the last record appended comes back with [`Event::Acknowledged`].
    pub fn set_tag(&mut self, tag: u64) {
        self.tag = tag;
    }

    /// Appends a record to its partition's open batch. Copies the bytes; allocates only when a batch grows.
    ///
    /// # Errors
    /// [`AppendError::Full`] when `buffer.memory` is used up, [`AppendError::TooLarge`] for a record that would never be sent.
    ///
    /// # Panics
    /// For a handle of another producer: the record must not vanish.
    #[inline]
    pub fn append(
        &mut self,
        to: Handle,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), AppendError> {
        let size = BatchBuilder::record_size_max(key, value, headers);
        self.append_with(to, size, |batch| batch.push(timestamp.0, key, value, headers))
    }

    /// Appends a record whose key, value and headers stand together as they were read from a batch:
    /// see [`kolk_wire::record::Record::fields`].
    ///
    /// # Errors
    /// As [`Self::append`].
    ///
    /// # Panics
    /// As [`Self::append`].
    #[inline]
    pub fn append_fields(
        &mut self,
        to: Handle,
        timestamp: Timestamp,
        fields: &[u8],
    ) -> Result<(), AppendError> {
        let size = BatchBuilder::fields_size_max(fields);
        self.append_with(to, size, |batch| batch.push_fields(timestamp.0, fields))
    }

    #[inline]
    fn append_with(
        &mut self,
        to: Handle,
        size: usize,
        push: impl FnOnce(&mut BatchBuilder) -> Result<(), BatchFull>,
    ) -> Result<(), AppendError> {
        self.check_room(size)?;
        let queue = &mut self.queues[to.0 as usize];
        let before = queue.bytes();
        queue.make_room(size, self.config.batch_bytes);
        let pushed = queue.push(self.tag, &mut self.memory, push);
        let after = queue.bytes();
        if before == 0 {
            self.busy.push(to);
        }
        self.buffered = self.buffered + after - before;
        pushed.map_err(|_| AppendError::TooLarge { size, limit: self.config.request_bytes_max })
    }

    /// The greatest time-stamp in the partition's open batch; `None` when the next record begins a batch. With it the records
    /// of a batch can be given one time-stamp.
    #[must_use]
    pub fn open_batch_timestamp(&self, of: Handle) -> Option<Timestamp> {
        self.queues.get(of.0 as usize)?.open_timestamp().map(Timestamp)
    }

    /// Appends the records of a batch that was fetched, behind what is already there, as they stand; the batch must be one whose
    /// offsets have no gaps. `false`, and nothing is appended, when they have to be appended one by one: they have another
    /// compression, or the batch is so small that its records had better share one with others, or too large, or there is no
    /// room for it.
    ///
    /// # Panics
    /// As [`Self::append`].
    pub fn forward(&mut self, to: Handle, batch: &Batch) -> bool {
        let size = batch.bytes.len();
        let codec = codec(self.config.compression);
        let fits = batch.is_portable()
            && batch.header.compression() == Ok(codec)
            && size >= self.config.batch_bytes / FORWARD_FRACTION
            && self.check_room(size).is_ok();
        if !fits {
            return false;
        }
        let queue = &mut self.queues[to.0 as usize];
        let before = queue.bytes();
        queue.forward(batch, self.tag);
        let after = queue.bytes();
        if before == 0 {
            self.busy.push(to);
        }
        self.buffered = self.buffered + after - before;
        true
    }

    #[inline]
    fn check_room(&self, size: usize) -> Result<(), AppendError> {
        let limit = self.config.request_bytes_max;
        if size > limit {
            return Err(AppendError::TooLarge { size, limit });
        }
        let limit = self.config.buffer_bytes_max;
        // A record larger than the whole buffer may have it alone.
        if self.buffered > 0 && self.buffered + size > limit {
            return Err(AppendError::Full { buffered: self.buffered, limit });
        }
        Ok(())
    }

    /// Sends everything without waiting for batches to fill; done when [`Self::is_idle`].
    pub fn flush(&mut self) {
        self.flush = Flush::Now;
    }

    /// Whether every record appended has been acknowledged.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.busy.is_empty()
    }

    /// Bytes appended and not yet acknowledged.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.buffered
    }

    /// Requests without a response.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.calls.len()
    }

    /// The next event, if any.
    pub fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Says what to do about a refused batch; returns whether it is still there.
    pub fn decide(&mut self, about: &Refusal, decision: Decision) -> bool {
        let queue = self.queues.get_mut(about.partition.0 as usize);
        queue.is_some_and(|queue| queue.decide(BatchId(about.batch), decision))
    }

    /// Drops everything that is not acknowledged, and all events: the caller goes back to where it had committed. What is on its
    /// way may still arrive ([`Self::in_flight`] says until when); a producer without transactions raises its epoch to keep late
    /// twins apart from what follows.
    pub fn clear(&mut self) {
        let mut numbers_lost = false;
        for handle in self.busy.drain(..) {
            if let Some(queue) = self.queues.get_mut(handle.0 as usize) {
                numbers_lost |= queue.clear() == Fate::Unknown;
            }
        }
        self.buffered = 0;
        self.flush = Flush::WhenDue;
        self.events.clear();
        if numbers_lost && self.gate == Gate::Free {
            self.identification.bump();
        }
    }

    /// Receives answers, then sends what may be sent. Call it before each poll of the network, and at [`Self::deadline`].
    ///
    /// # Errors
    /// [`ClientError::Rewind`] when the transaction must be aborted, [`ClientError::Fatal`] when nothing can be sent any more
    /// without breaking a promise: refused credentials, or acknowledged records missing in the broker's log.
    pub fn step(
        &mut self,
        network: &mut impl Requests,
        view: &mut impl ClusterView,
    ) -> Result<(), ClientError> {
        self.stepped_at = network.now();
        self.receive(network, view)?;
        self.settle()?;
        if self.busy.is_empty() {
            self.flush = Flush::WhenDue;
            return Ok(());
        }
        let identity = self.identification.step(network, self.config.transaction_timeout)?;
        if self.identification.is_known() {
            self.send(network, view, identity);
        }
        Ok(())
    }

    /// When [`Self::step`] must be called again even if nothing arrives and nothing is appended.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let linger = if self.flush == Flush::Now { Duration::ZERO } else { self.config.linger };
        let queues = self.busy.iter().filter_map(|handle| self.queues.get(handle.0 as usize));
        // What was due at the last step and was not sent waits for something else, which makes itself known.
        let ahead = |at: &Moment| *at > self.stepped_at;
        let sending = queues.filter_map(|queue| queue.deadline(linger)).filter(ahead).min();
        if self.identification.is_known() {
            sending
        } else {
            self.identification.deadline().filter(ahead)
        }
    }

    /// Carries out decisions, renumbers, and takes empty queues off the list.
    fn settle(&mut self) -> Result<(), ClientError> {
        let mut bump = false;
        for &handle in &self.busy {
            let Some(queue) = self.queues.get_mut(handle.0 as usize) else { continue };
            let before = queue.bytes();
            let settled = queue.settle();
            self.buffered = self.buffered + queue.bytes() - before;
            let name = || format!("{}-{}", queue.topic, queue.partition);
            match settled {
                Ok(Settled::Ready) => {}
                Ok(Settled::NeedsNewEpoch) if self.gate == Gate::Free => bump = true,
                Ok(Settled::NeedsNewEpoch) => {
                    let what = format!("the order of what was sent to {} is uncertain", name());
                    return Err(ClientError::new(Action::Rewind, what));
                }
                Ok(Settled::Gap) => {
                    let what = format!(
                        "the log of {} lacks records that were acknowledged, and may hold later ones or not",
                        name()
                    );
                    let free = self.gate == Gate::Free;
                    return Err(ClientError::new(
                        if free { Action::Fatal } else { Action::Rewind },
                        what,
                    ));
                }
                Err(error) => {
                    let what = format!("a batch for {} cannot be divided: {error}", name());
                    return Err(ClientError::new(Action::Fatal, what));
                }
            }
        }
        let queues = &self.queues;
        self.busy.retain(|h| queues.get(h.0 as usize).is_some_and(|queue| !queue.is_empty()));
        if bump {
            self.identification.bump();
        }
        Ok(())
    }

    fn transactional(&self) -> Transactional {
        if self.gate == Gate::Free { Transactional::No } else { Transactional::Yes }
    }
}

fn codec(compression: Compression) -> Codec {
    match compression {
        Compression::None => Codec::None,
        Compression::Gzip => Codec::Gzip,
        Compression::Snappy => Codec::Snappy,
        Compression::Lz4 => Codec::Lz4,
        Compression::Zstd => Codec::Zstd,
    }
}

/// What only the transaction machine does.
impl Producer {
    /// From now on batches belong to this identity.
    pub(super) fn set_identity(&mut self, identity: Identity) {
        self.identification.set(identity);
    }

    /// Opens or closes the gate; every partition has to be admitted anew.
    pub(super) fn set_gate(&mut self, gate: Gate) {
        self.gate = gate;
        self.touched = false;
        for queue in &mut self.queues {
            queue.admitted = false;
        }
    }

    /// Partitions that hold records and wait to be admitted.
    pub(super) fn not_admitted(&self) -> Vec<Handle> {
        let waits =
            |handle: &Handle| self.queues.get(handle.0 as usize).is_some_and(|q| !q.admitted);
        self.busy.iter().copied().filter(waits).collect()
    }

    /// The coordinator has taken the partition into the transaction.
    pub(super) fn admit(&mut self, handle: Handle) {
        if let Some(queue) = self.queues.get_mut(handle.0 as usize) {
            queue.admitted = true;
        }
    }

    /// Whether anything was sent since the gate was opened.
    pub(super) fn touched(&self) -> bool {
        self.touched
    }
}
