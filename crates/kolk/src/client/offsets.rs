//! Finding offsets by time: the first, the last, or the first record from a moment on (ListOffsets).

use super::config::{Backoff, ClientConfig, Isolation};
use super::error::{Action, ClientError, RequestError};
use super::metadata::{Leader, Metadata};
use super::network::{Lane, Network, Target, Ticket};
use super::{Offset, TopicPartition};
use crate::time::{Moment, Timestamp};
use kolk_wire::ErrorCode;
use kolk_wire::message::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic,
};
use std::collections::BTreeMap;

/// Which offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OffsetSpec {
    /// The first record that is still there.
    Earliest,
    /// One past the last record that may be read: the last stable offset with `read_committed`.
    Latest,
    /// The first record whose time-stamp is this or later; the end when there is none.
    From(Timestamp),
    /// The record with the largest time-stamp (KIP-734).
    MaxTimestamp,
}

impl OffsetSpec {
    /// Its number in requests.
    fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => -2,
            Self::Latest => -1,
            Self::From(timestamp) => timestamp.0.max(0),
            Self::MaxTimestamp => -3,
        }
    }
}

/// An offset that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The offset; `None` when no record is that late, or none is there at all.
    pub offset: Option<Offset>,
    /// The record's time-stamp, where one was asked for.
    pub timestamp: Option<Timestamp>,
}

type Partitions = Vec<(TopicPartition, OffsetSpec)>;

/// Looks offsets up at the partitions' leaders, and tries again until each is found or refused for good.
#[derive(Debug)]
pub struct OffsetLookup {
    isolation: Isolation,
    backoff: Backoff,
    wanted: BTreeMap<TopicPartition, OffsetSpec>,
    in_flight: Vec<(Ticket<ListOffsetsRequest>, Partitions)>,
    found: Vec<(TopicPartition, Result<Found, ClientError>)>,
    failures: u32,
    /// While set, nothing is sent before.
    not_before: Option<Moment>,
}

impl OffsetLookup {
    /// A lookup of nothing.
    #[must_use]
    pub fn new(config: &ClientConfig) -> Self {
        Self {
            isolation: config.fetch.isolation,
            backoff: config.connection.retry_backoff,
            wanted: BTreeMap::new(),
            in_flight: Vec::new(),
            found: Vec::new(),
            failures: 0,
            not_before: None,
        }
    }

    /// The same with another isolation: of [`OffsetSpec::Latest`] depends on it which one is meant.
    #[must_use]
    pub fn isolated(self, isolation: Isolation) -> Self {
        Self { isolation, ..self }
    }

    /// Looks up `partition`; replaces what was asked about it before. Its topic must be in the metadata's view.
    pub fn want(&mut self, partition: TopicPartition, spec: OffsetSpec) {
        self.cancel(&partition);
        self.wanted.insert(partition, spec);
    }

    /// Forgets what was asked about `partition`.
    pub fn cancel(&mut self, partition: &TopicPartition) {
        self.wanted.remove(partition);
        self.found.retain(|(found, _)| found != partition);
        for (_, asked) in &mut self.in_flight {
            asked.retain(|(asked, _)| asked != partition);
        }
    }

    /// Whether nothing is being looked up any more.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.wanted.is_empty() && self.in_flight.iter().all(|(_, asked)| asked.is_empty())
    }

    /// What could not be asked yet, for want of a leader or because it is repeated later.
    pub fn waiting(&self) -> impl Iterator<Item = &TopicPartition> {
        self.wanted.keys()
    }

    /// What was found since the last call; an error is final.
    pub fn take_found(&mut self) -> Vec<(TopicPartition, Result<Found, ClientError>)> {
        std::mem::take(&mut self.found)
    }

    /// Sends and receives; call it before each [`Network::poll`].
    pub fn step(&mut self, network: &mut Network, metadata: &mut Metadata) {
        let now = network.now();
        for (ticket, asked) in std::mem::take(&mut self.in_flight) {
            match network.take(&ticket) {
                None => self.in_flight.push((ticket, asked)),
                Some(Ok(response)) => self.on_response(&response, asked, metadata, now),
                Some(Err(error)) => self.on_error(&error, asked, metadata, now),
            }
        }
        self.not_before = self.not_before.filter(|at| now < *at);
        if self.not_before.is_some() || self.wanted.is_empty() {
            return;
        }
        let mut by_leader: BTreeMap<i32, Vec<(TopicPartition, OffsetSpec, Leader)>> =
            BTreeMap::new();
        for (partition, spec) in std::mem::take(&mut self.wanted) {
            match metadata.leader(&partition.topic, partition.partition) {
                Some(leader) => {
                    by_leader.entry(leader.node).or_default().push((partition, spec, leader));
                }
                None => self.without_leader(partition, spec, metadata),
            }
        }
        for (node, partitions) in by_leader {
            let request = self.request(&partitions);
            let ticket = network.send(&Target::Node(node), Lane::Control, request);
            let asked =
                partitions.into_iter().map(|(partition, spec, _)| (partition, spec)).collect();
            self.in_flight.push((ticket, asked));
        }
    }

    /// When [`Self::step`] must be called again even if nothing arrives.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        // After the back-off, what is still wanted waits for metadata.
        self.not_before
    }

    fn without_leader(
        &mut self,
        partition: TopicPartition,
        spec: OffsetSpec,
        metadata: &mut Metadata,
    ) {
        match metadata.topic_error(&partition.topic) {
            Some(code) if Action::of(code) != Action::Retry => {
                let error =
                    ClientError::from_code(code, format!("{partition} cannot be looked up"), None);
                self.found.push((partition, Err(error)));
            }
            _ => {
                metadata.request_refresh();
                self.wanted.insert(partition, spec);
            }
        }
    }

    fn request(&self, partitions: &[(TopicPartition, OffsetSpec, Leader)]) -> ListOffsetsRequest {
        let mut topics: Vec<ListOffsetsTopic> = Vec::new();
        for (partition, spec, leader) in partitions {
            if topics.last().is_none_or(|topic| *topic.name != *partition.topic) {
                let name = partition.topic.to_string();
                topics.push(ListOffsetsTopic { name, ..ListOffsetsTopic::default() });
            }
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(ListOffsetsPartition {
                    partition_index: partition.partition,
                    current_leader_epoch: leader.epoch,
                    timestamp: spec.timestamp(),
                });
            }
        }
        ListOffsetsRequest {
            replica_id: -1,
            isolation_level: self.isolation.level(),
            topics,
            ..ListOffsetsRequest::default()
        }
    }

    fn on_error(
        &mut self,
        error: &RequestError,
        asked: Partitions,
        metadata: &mut Metadata,
        now: Moment,
    ) {
        for (partition, spec) in asked {
            if error.action() == Action::Retry {
                self.wanted.insert(partition, spec);
            } else {
                let error =
                    ClientError::from_request(error, format!("{partition} cannot be looked up"));
                self.found.push((partition, Err(error)));
            }
        }
        self.retry_later(metadata, now);
    }

    fn retry_later(&mut self, metadata: &mut Metadata, now: Moment) {
        metadata.request_refresh();
        self.failures += 1;
        self.not_before = Some(now + self.backoff.after(self.failures));
    }

    fn on_response(
        &mut self,
        response: &ListOffsetsResponse,
        asked: Partitions,
        metadata: &mut Metadata,
        now: Moment,
    ) {
        let mut answers: BTreeMap<(&str, i32), &ListOffsetsPartitionResponse> = BTreeMap::new();
        for topic in &response.topics {
            for partition in &topic.partitions {
                answers.insert((&topic.name, partition.partition_index), partition);
            }
        }
        let mut again = false;
        for (partition, spec) in asked {
            let answer = answers.get(&(&*partition.topic, partition.partition));
            let code =
                answer.map_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, |answer| answer.error_code);
            match answer {
                Some(answer) if code.is_none() => {
                    let offset = Some(Offset(answer.offset)).filter(|offset| offset.0 >= 0);
                    let timestamp = Some(Timestamp(answer.timestamp)).filter(|time| time.0 >= 0);
                    self.found.push((partition, Ok(Found { offset, timestamp })));
                }
                _ if Action::of(code) == Action::Retry => {
                    again = true;
                    self.wanted.insert(partition, spec);
                }
                _ => {
                    let error = ClientError::from_code(
                        code,
                        format!("{partition} cannot be looked up"),
                        None,
                    );
                    self.found.push((partition, Err(error)));
                }
            }
        }
        if again {
            self.retry_later(metadata, now);
        } else {
            self.failures = 0;
        }
    }
}
