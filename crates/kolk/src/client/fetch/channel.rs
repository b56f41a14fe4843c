//! The fetches of one broker: what is asked of it, and what its answers mean for each partition.

use super::arrival::{Arrival, Extent, LogOffsets};
use super::session::{Ask, Session};
use super::waiting::Waiting;
use super::{
    Assigned, FetchEvent, Fetcher, Flow, PREFETCH_BYTES_MAX, Start, State, WAIT_WHILE_INCOMPLETE,
};
use crate::client::config::{Isolation, OffsetReset};
use crate::client::error::{Action, ClientError, RequestError};
use crate::client::metadata::{Leader, Metadata};
use crate::client::network::{Broker, Network, SendOptions, Target, Ticket};
use crate::client::{Offset, TopicPartition};
use crate::time::Moment;
use kolk_wire::ErrorCode;
use kolk_wire::message::fetch::{FetchRequest, FetchResponse, PartitionData};
use kolk_wire::record::AbortedTransaction;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The last version that names topics instead of giving their ids (KIP-516).
const VERSION_BY_NAME_MAX: i16 = 12;

/// The fetches of one broker.
#[derive(Debug, Default)]
pub(super) struct Channel {
    session: Session,
    in_flight: Option<Ticket<FetchRequest>>,
    failures: u32,
    /// While set, nothing is sent before.
    not_before: Option<Moment>,
}

/// What is to be asked of one broker.
#[derive(Debug)]
struct Wanted {
    asks: BTreeMap<TopicPartition, Ask>,
    /// Whether that is all that the broker leads.
    complete: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { asks: BTreeMap::new(), complete: true }
    }
}

impl Channel {
    /// When it may be used again.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.not_before
    }
}

impl Fetcher {
    /// Sends a fetch to each broker that leads a partition and has none outstanding.
    pub(super) fn send(&mut self, network: &mut Network, metadata: &mut Metadata) {
        if self.buffered > PREFETCH_BYTES_MAX {
            return;
        }
        let now = network.now();
        for channel in self.channels.values_mut() {
            channel.not_before = channel.not_before.filter(|at| now < *at);
        }
        for (node, Wanted { asks, complete }) in self.wanted(metadata, now) {
            let channel = self.channels.entry(node).or_default();
            if asks.is_empty() {
                continue;
            }
            let asked = channel.session.request(asks);
            let wait = if complete {
                self.config.wait_max
            } else {
                self.config.wait_max.min(WAIT_WHILE_INCOMPLETE)
            };
            let request = FetchRequest {
                max_wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
                min_bytes: self.config.bytes_min,
                max_bytes: self.config.bytes_max,
                isolation_level: self.config.isolation.level(),
                session_id: asked.session_id,
                session_epoch: asked.session_epoch,
                topics: asked.topics,
                forgotten_topics_data: asked.forgotten,
                ..FetchRequest::default()
            };
            let versions = if asked.by_id { 0..=i16::MAX } else { 0..=VERSION_BY_NAME_MAX };
            let options = SendOptions { versions, ..SendOptions::default() };
            let ticket =
                network.send_with(&Target::Node(node), self.lane, options, move |_| request);
            channel.in_flight = Some(ticket);
            self.counts.requests += 1;
        }
    }

    /// What to ask of each leader that is free.
    fn wanted(&mut self, metadata: &mut Metadata, now: Moment) -> BTreeMap<i32, Wanted> {
        let mut wanted: BTreeMap<i32, Wanted> = BTreeMap::new();
        // Single batches may be larger than what is asked for: they must not make each partition sit out every other turn.
        let twice = usize::try_from(self.config.partition_bytes_max)
            .unwrap_or(usize::MAX)
            .saturating_mul(2);
        let bound = twice.max(PREFETCH_BYTES_MAX / 4);
        for (partition, assigned) in &mut self.partitions {
            assigned.not_before = assigned.not_before.filter(|at| now < *at);
            let Some(view) = metadata.topic(&partition.topic) else { continue };
            let id = view.id;
            if assigned.state == State::Halted {
                continue;
            }
            let known = std::mem::replace(&mut assigned.topic_id, id);
            if known != id && !known.is_none() {
                assigned.state = State::Halted;
                self.lookup.cancel(partition);
                let partition = partition.clone();
                let event = FetchEvent::Recreated { partition, was: known, now: id };
                self.waiting.push_back(Waiting::Event(event));
                continue;
            }
            let Some(leader) = metadata.leader(&partition.topic, partition.partition) else {
                metadata.request_refresh();
                continue;
            };
            let busy =
                |channel: &Channel| channel.in_flight.is_some() || channel.not_before.is_some();
            if self.channels.get(&leader.node).is_some_and(busy) {
                continue;
            }
            let wanted = wanted.entry(leader.node).or_default();
            let bytes_max = self.config.partition_bytes_max;
            let full = assigned.buffered > bound;
            let ready = assigned.flow == Flow::Open && assigned.not_before.is_none() && !full;
            match assigned.state {
                State::Reading(offset) if ready => {
                    let (leader_epoch, fetched_epoch) = (leader.epoch, assigned.fetched_epoch);
                    let ask = Ask { topic_id: id, offset, leader_epoch, fetched_epoch, bytes_max };
                    wanted.asks.insert(partition.clone(), ask);
                }
                _ => wanted.complete = false,
            }
        }
        wanted
    }

    /// Takes the answer of `node`, if it is there.
    pub(super) fn receive(
        &mut self,
        node: i32,
        network: &mut Network,
        metadata: &mut Metadata,
    ) -> Result<(), ClientError> {
        let now = network.now();
        let Some(mut channel) = self.channels.remove(&node) else { return Ok(()) };
        let outcome = channel.in_flight.as_ref().and_then(|ticket| network.take(ticket));
        let result = match outcome {
            None => Ok(()),
            Some(Ok(response)) => {
                channel.in_flight = None;
                self.on_response(&mut channel, &response, network, metadata);
                Ok(())
            }
            Some(Err(error)) => {
                channel.in_flight = None;
                channel.session.reset();
                channel.failures += 1;
                channel.not_before = Some(now + self.retry.after(channel.failures));
                metadata.request_refresh();
                fatal(&error)
            }
        };
        self.channels.insert(node, channel);
        result
    }

    fn on_response(
        &mut self,
        channel: &mut Channel,
        response: &FetchResponse,
        network: &mut Network,
        metadata: &mut Metadata,
    ) {
        let now = network.now();
        if !channel.session.on_response(response.error_code, response.session_id) {
            channel.failures += 1;
            // A lost session is no reason to wait: the next request opens another.
            let lost = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
            if response.error_code != lost {
                metadata.request_refresh();
                channel.not_before = Some(now + self.retry.after(channel.failures));
            }
            return;
        }
        channel.failures = 0;
        let throttle = u64::try_from(response.throttle_time_ms).ok().filter(|ms| *ms > 0);
        channel.not_before = throttle.map(|ms| now + Duration::from_millis(ms));
        for endpoint in &response.node_endpoints {
            if let Ok(port) = u16::try_from(endpoint.port) {
                network.learn_node(endpoint.node_id, Broker::new(&endpoint.host, port));
            }
        }
        for topic in &response.responses {
            let Some(name) = channel.session.name(&topic.topic, topic.topic_id) else { continue };
            for data in &topic.partitions {
                let partition =
                    TopicPartition { topic: Arc::clone(&name), partition: data.partition_index };
                let asked = channel.session.ask(&partition).map(|ask| ask.offset);
                self.on_partition(&partition, asked, data, metadata, now);
            }
        }
        // What an answer does not name has not changed.
        for (partition, assigned) in &mut self.partitions {
            if let (Some((_, confirmed)), State::Reading(position)) =
                (&mut assigned.quiet, assigned.state)
                && channel.session.ask(partition).is_some_and(|ask| ask.offset == position)
            {
                *confirmed = now;
            }
        }
        channel.session.after_response();
    }

    fn on_partition(
        &mut self,
        partition: &TopicPartition,
        asked: Option<i64>,
        data: PartitionData,
        metadata: &mut Metadata,
        now: Moment,
    ) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        let State::Reading(position) = assigned.state else { return };
        if asked != Some(position) {
            // Sought elsewhere in the meantime.
            return;
        }
        let named = &data.current_leader;
        if named.leader_id >= 0 {
            let leader = Leader { node: named.leader_id, epoch: named.leader_epoch };
            metadata.note_leader(&partition.topic, partition.partition, leader);
        }
        if data.error_code.is_none() && data.diverging_epoch.end_offset >= 0 {
            assigned.state = State::Halted;
            self.tell(FetchEvent::Truncated {
                partition: partition.clone(),
                position: Offset(position),
                valid_to: Offset(data.diverging_epoch.end_offset),
            });
        } else if data.error_code.is_none() {
            self.on_records(partition, position, data, now);
        } else {
            assigned.quiet = None;
            self.on_partition_error(partition, position, data.error_code, metadata, now);
        }
    }

    fn on_records(
        &mut self,
        partition: &TopicPartition,
        position: i64,
        data: PartitionData,
        now: Moment,
    ) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        let records = data.records.unwrap_or_default();
        let extent = match Extent::of(&records) {
            Ok(extent) => extent,
            Err(error) => return self.damaged(partition, position, &error),
        };
        let epoch = assigned.fetched_epoch;
        let next = extent.next.map_or(position, |next| next.max(position));
        if extent.next.is_some() {
            assigned.fetched_epoch = extent.epoch;
        } else {
            assigned.failures = 0;
        }
        assigned.state = State::Reading(next);
        let end = match self.config.isolation {
            Isolation::ReadCommitted if data.last_stable_offset >= 0 => data.last_stable_offset,
            _ => data.high_watermark,
        };
        let caught_up = next >= end;
        assigned.quiet = assigned.quiet.filter(|_| next == position && caught_up);
        if caught_up {
            assigned.quiet.get_or_insert((now, now));
        }
        if next == position && caught_up == assigned.caught_up {
            return;
        }
        assigned.caught_up = caught_up;
        assigned.buffered += extent.bytes;
        self.buffered += extent.bytes;
        let aborted = data.aborted_transactions.into_iter().flatten();
        let aborted = aborted.map(|it| AbortedTransaction {
            producer_id: it.producer_id,
            first_offset: it.first_offset,
        });
        let log = LogOffsets {
            high_watermark: data.high_watermark,
            last_stable: data.last_stable_offset,
            start: data.log_start_offset,
        };
        self.waiting.push_back(Waiting::Arrival(Box::new(Arrival::new(
            partition.clone(),
            (position, epoch),
            (records, extent),
            aborted,
            self.sieve,
            (log, caught_up),
        ))));
    }

    fn on_partition_error(
        &mut self,
        partition: &TopicPartition,
        position: i64,
        code: ErrorCode,
        metadata: &mut Metadata,
        now: Moment,
    ) {
        if code == ErrorCode::OFFSET_OUT_OF_RANGE {
            let policy = self.config.offset_reset;
            self.counts.out_of_range += 1;
            self.tell(FetchEvent::OutOfRange {
                partition: partition.clone(),
                position: Offset(position),
                policy,
            });
            match policy {
                OffsetReset::Earliest => self.begin(partition, Start::Earliest),
                OffsetReset::Latest => self.begin(partition, Start::Latest),
                OffsetReset::None => {
                    if let Some(assigned) = self.partitions.get_mut(partition) {
                        assigned.state = State::Halted;
                    }
                }
            }
            return;
        }
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        if Action::of(code) == Action::Retry {
            metadata.request_refresh();
            assigned.back_off(self.retry.after(assigned.failures + 1), now);
            return;
        }
        assigned.state = State::Halted;
        let error = ClientError::from_code(code, format!("{partition} cannot be read"), None);
        self.tell(FetchEvent::Failed { partition: partition.clone(), error });
    }
}

impl Assigned {
    pub(super) fn back_off(&mut self, pause: Duration, now: Moment) {
        self.failures += 1;
        self.not_before = Some(now + pause);
    }
}

/// The error that trying again does not mend.
fn fatal(error: &RequestError) -> Result<(), ClientError> {
    match error.action() {
        Action::Retry => Ok(()),
        _ => Err(ClientError::from_request(error, "records cannot be fetched")),
    }
}
