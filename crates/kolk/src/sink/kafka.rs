//! The way into a Kafka topic: a lane for each target partition, carried by the client's producer.

use crate::client::config::ClientConfig;
use crate::client::error::ClientError;
use crate::client::producer::{
    Acknowledgement, AppendError, Decision, Event, Handle, Producer, Refusal,
};
use crate::client::requests::{ClusterView, Requests};
use crate::client::{Offset, TopicPartition};
use crate::sink::held::{HeldRows, SinkRow};
use crate::sink::outlet::{AddedHeader, Outlet, Stamp};
use crate::sink::progress::Lane;
use crate::time::{Moment, Timestamp};
use kolk_wire::partitioner::partition_for_key;
use kolk_wire::record::{Batch, BatchBuilder, Header, Headers};
use std::collections::VecDeque;
use std::sync::Arc;

/// A batch of input rows is at most this large when it is encoded; so much must be free before more are taken.
const HEADROOM_BYTES: usize = 2 << 20;

/// Rows on their way into one topic. Kafka's rule gives each key its partition; rows without a key keep the number of
/// the partition that they came from, so they too stay in order.
#[derive(Debug)]
pub struct KafkaOutlet {
    producer: Producer,
    /// The topic's partitions, then those of the topics beside it: a lane each.
    handles: Vec<Handle>,
    /// The topics, the sink's first, with the lanes of each.
    topics: Vec<(Arc<str>, Side)>,
    partitions: i32,
    buffer_bytes_max: usize,
    record_bytes_max: usize,
    /// Rows that did not fit into the producer's memory, to be appended before any other.
    overflow: HeldRows,
    overflow_stamps: VecDeque<Stamp>,
    acknowledged: Vec<(Lane, u64)>,
    /// The offset behind the batch acknowledged last, for each lane.
    next_offsets: Vec<i64>,
    /// Rows left out of a refused batch; they count as acknowledged together with the rest of it.
    left_out: Vec<u64>,
    refused: VecDeque<Refusal>,
    retrying: Option<String>,
}

/// The lanes of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    first: u32,
    count: u32,
}

impl Side {
    /// The lane of a partition; counted round for a topic that has fewer.
    #[must_use]
    pub fn lane(self, partition: i32) -> Lane {
        let partition = u32::try_from(partition).unwrap_or_default();
        Lane(self.first + partition % self.count.max(1))
    }
}

impl KafkaOutlet {
    /// An outlet into `topic`, which has `partitions` partitions. `config` decides about batches, acks and retries.
    #[must_use]
    pub fn new(config: &ClientConfig, topic: &Arc<str>, partitions: i32) -> Self {
        let mut outlet = Self {
            producer: Producer::new(config),
            handles: Vec::new(),
            topics: Vec::new(),
            partitions,
            buffer_bytes_max: config.producer.buffer_bytes_max,
            record_bytes_max: config.producer.request_bytes_max,
            overflow: HeldRows::default(),
            overflow_stamps: VecDeque::new(),
            acknowledged: Vec::new(),
            next_offsets: Vec::new(),
            left_out: Vec::new(),
            refused: VecDeque::new(),
            retrying: None,
        };
        outlet.add_topic(topic, partitions);
        outlet
    }

    /// An outlet for records beside the rows of a sink that is no topic.
    #[must_use]
    pub fn beside(config: &ClientConfig) -> Self {
        let mut outlet = Self::new(config, &Arc::from(""), 0);
        outlet.topics.clear();
        outlet
    }

    /// How many lanes there are.
    #[must_use]
    pub fn lanes(&self) -> u32 {
        u32::try_from(self.handles.len()).unwrap_or(u32::MAX)
    }

    /// Adds a topic for records beside the sink's rows: dead letters, changelogs. One that is there already stays as it is.
    pub fn add_topic(&mut self, topic: &Arc<str>, partitions: i32) -> Side {
        if let Some((_, side)) = self.topics.iter().find(|(of, _)| of == topic) {
            return *side;
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let side = Side { first: count(self.handles.len()), count: partitions.unsigned_abs() };
        for partition in 0..partitions {
            let handle = self.producer.register(&TopicPartition::new(Arc::clone(topic), partition));
            self.handles.push(handle);
        }
        self.left_out.resize(self.handles.len(), 0);
        self.next_offsets.resize(self.handles.len(), 0);
        self.topics.push((Arc::clone(topic), side));
        side
    }

    /// Puts a record into a topic beside the sink's, with more headers than it has.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`] when it could never be sent.
    pub fn append_beside(
        &mut self,
        lane: Lane,
        row: &SinkRow<'_>,
        headers: &[(&str, &str)],
    ) -> Result<(), AppendError> {
        let (mut all, mut next) = (row.headers.to_vec(), Vec::new());
        for (name, value) in headers {
            next.clear();
            Headers::append_to(&all, name, value.as_bytes(), &mut next);
            std::mem::swap(&mut all, &mut next);
        }
        let row = SinkRow { headers: &all, fields: None, ..*row };
        self.check_size(&row)?;
        self.append(lane, &row, Stamp::At(row.timestamp), None);
        Ok(())
    }

    /// The next offset of a lane, behind what was acknowledged last.
    #[must_use]
    pub fn next_offset(&self, lane: Lane) -> i64 {
        self.next_offsets.get(lane.0 as usize).copied().unwrap_or_default()
    }

    /// The topics that it writes.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(|(topic, _)| &**topic)
    }

    /// The producer, for the transaction machine.
    pub fn producer(&mut self) -> &mut Producer {
        &mut self.producer
    }

    /// Whether the row could ever be sent; otherwise its size and the limit, in bytes.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`].
    pub fn check_size(&self, row: &SinkRow<'_>) -> Result<(), AppendError> {
        let size = BatchBuilder::record_size_max(row.key, row.value, &[])
            .saturating_add(row.headers.len());
        let limit = self.record_bytes_max;
        if size > limit { Err(AppendError::TooLarge { size, limit }) } else { Ok(()) }
    }

    /// Sends, receives, and collects what came back.
    ///
    /// # Errors
    /// Those of [`Producer::step`].
    pub fn step(
        &mut self,
        network: &mut impl Requests,
        view: &mut impl ClusterView,
    ) -> Result<(), ClientError> {
        self.append_overflow();
        self.producer.step(network, view)?;
        while let Some(event) = self.producer.take_event() {
            match event {
                Event::Acknowledged(batch) => {
                    self.retrying = None;
                    let lane = self.lane_of(batch.partition);
                    self.check_offset(lane, &batch, view);
                    let left_out = self.left_out.get_mut(lane.0 as usize).map_or(0, std::mem::take);
                    self.acknowledged.push((lane, u64::from(batch.count) + left_out));
                }
                Event::Refused(refusal) => self.refused.push_back(refusal),
                Event::Retrying { partition, failures, why } => {
                    let partition = self.lane_of(partition).0;
                    self.retrying =
                        Some(format!("partition {partition}: {why} ({failures} times)"));
                }
            }
        }
        Ok(())
    }

    /// The next batch that the broker refuses for good; answer with [`Self::leave_out`] or [`Self::send_again`].
    pub fn take_refusal(&mut self) -> Option<Refusal> {
        self.refused.pop_front()
    }

    /// Leaves the record at fault (or the whole batch, if it is unknown which) out. Returns how many rows that were.
    pub fn leave_out(&mut self, refusal: &Refusal) -> u64 {
        let rows = match refusal.record {
            Some(record) => {
                self.producer.decide(refusal, Decision::DropRecord(record));
                1
            }
            None => {
                self.producer.decide(refusal, Decision::DropBatch);
                u64::from(refusal.count)
            }
        };
        let lane = self.lane_of(refusal.partition);
        if rows == u64::from(refusal.count) {
            self.acknowledged.push((lane, rows));
        } else if let Some(left_out) = self.left_out.get_mut(lane.0 as usize) {
            *left_out += rows;
        }
        rows
    }

    /// Sends a refused batch again as it is.
    pub fn send_again(&mut self, refusal: &Refusal) {
        self.producer.decide(refusal, Decision::SendAgain);
    }

    /// Whether a row in a buffer of so many bytes could be too large.
    #[must_use]
    pub fn may_be_too_large(&self, bytes: usize) -> bool {
        bytes + 1024 > self.record_bytes_max
    }

    /// Where a refused batch was to go: topic and partition.
    #[must_use]
    pub fn destination(&self, refusal: &Refusal) -> (&str, u32) {
        let lane = self.lane_of(refusal.partition).0;
        let topic = self.topics.iter().rfind(|(_, side)| side.first <= lane);
        topic.map_or(("", lane), |(topic, side)| (&**topic, lane - side.first))
    }

    /// Whether a refused batch holds records of a topic beside the sink's, for which there is no other place.
    #[must_use]
    pub fn is_beside(&self, refusal: &Refusal) -> bool {
        i64::from(self.lane_of(refusal.partition).0) >= i64::from(self.partitions)
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.producer.deadline()
    }

    /// Why batches are being repeated at the moment, if they are.
    #[must_use]
    pub fn retrying(&self) -> Option<&str> {
        self.retrying.as_deref()
    }

    /// Whether every row appended is acknowledged.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.producer.is_idle() && self.overflow.is_empty()
    }

    /// Drops all that is not acknowledged: the query goes back to its committed offsets.
    pub fn clear(&mut self) {
        self.producer.clear();
        self.overflow.clear();
        self.overflow_stamps.clear();
        self.acknowledged.clear();
        self.refused.clear();
        self.left_out.fill(0);
    }

    fn lane_of(&self, handle: Handle) -> Lane {
        // Handles were registered in the order of lanes, and no partition twice.
        let lane = self.handles.binary_search(&handle);
        Lane(lane.ok().and_then(|lane| u32::try_from(lane).ok()).unwrap_or_default())
    }

    /// Offsets of a partition only rise. Where they fall the log is another one: the topic was created again, which a
    /// producer that goes by name is not told. Whoever looks at the metadata then sees it by the topic's id.
    fn check_offset(&mut self, lane: Lane, of: &Acknowledgement, view: &mut impl ClusterView) {
        let next = self.next_offsets.get_mut(lane.0 as usize);
        if let (Some(next), Some(Offset(base))) = (next, of.base_offset) {
            if base < *next {
                view.request_refresh();
            }
            *next = base + i64::from(of.count);
        }
    }

    fn append_overflow(&mut self) {
        let mut appended = 0;
        while let Some((row, lane)) = self.overflow.get(appended) {
            let stamp =
                self.overflow_stamps.get(appended).copied().unwrap_or(Stamp::At(row.timestamp));
            if append(&mut self.producer, &self.handles, (lane, stamp), &row, None).is_err() {
                break;
            }
            appended += 1;
        }
        if appended > 0 {
            self.overflow.drop_front(appended);
            self.overflow_stamps.drain(..appended);
        }
    }
}

/// Appends one row to the producer; only a lack of room is an error, sizes were checked before.
fn append(
    producer: &mut Producer,
    handles: &[Handle],
    (lane, stamp): (Lane, Stamp),
    row: &SinkRow<'_>,
    added: Option<AddedHeader<'_>>,
) -> Result<(), AppendError> {
    let Some(&handle) = handles.get(lane.0 as usize) else { return Ok(()) };
    let timestamp = match stamp {
        Stamp::At(ms) => Timestamp(ms),
        Stamp::Shared(ms) => producer.open_batch_timestamp(handle).unwrap_or(Timestamp(ms)),
    };
    if let (Some(fields), None) = (row.fields, added) {
        return producer.append_fields(handle, timestamp, fields);
    }
    let added = added.map(|header| Header::new(header.name, header.value));
    if row.headers.len() <= 1 {
        return producer.append(handle, timestamp, row.key, row.value, added.as_slice());
    }
    let own = Headers::from_bytes(row.headers).unwrap_or_default();
    let headers: Vec<Header<'_>> = own.chain(added).collect();
    producer.append(handle, timestamp, row.key, row.value, &headers)
}

impl Outlet for KafkaOutlet {
    #[inline]
    fn lane(&mut self, row: &SinkRow<'_>) -> Lane {
        let partition = match row.key {
            Some(key) => partition_for_key(key, self.partitions),
            None => row.partition.partition % self.partitions,
        };
        Lane(u32::try_from(partition).unwrap_or_default())
    }

    #[inline]
    fn append(
        &mut self,
        lane: Lane,
        row: &SinkRow<'_>,
        stamp: Stamp,
        header: Option<AddedHeader<'_>>,
    ) {
        let full = !self.overflow.is_empty()
            || append(&mut self.producer, &self.handles, (lane, stamp), row, header).is_err();
        if full {
            // Rare: room for a whole batch was there before it was accepted. A bin's header must not be lost, though.
            let mut with_header = Vec::new();
            let headers = match header {
                None => row.headers,
                Some(header) => {
                    Headers::append_to(row.headers, header.name, header.value, &mut with_header);
                    &with_header
                }
            };
            self.overflow.push(&SinkRow { headers, fields: None, ..*row }, lane, None);
            self.overflow_stamps.push_back(stamp);
        }
    }

    fn forward(&mut self, lane: Lane, batch: &Batch) -> bool {
        let handle = self.handles.get(lane.0 as usize);
        self.overflow.is_empty() && handle.is_some_and(|&to| self.producer.forward(to, batch))
    }

    fn dispatch(&mut self) {
        self.producer.flush();
    }

    fn has_room(&self) -> bool {
        self.overflow.is_empty()
            && self.producer.buffered_bytes() + HEADROOM_BYTES
                <= self.buffer_bytes_max.max(2 * HEADROOM_BYTES)
    }

    fn acknowledged(&mut self, each: &mut dyn FnMut(Lane, u64)) {
        for (lane, rows) in self.acknowledged.drain(..) {
            each(lane, rows);
        }
    }
}
