//! What lies in repartition topics behind the commits of the stage that reads them: nobody reads it again, so it is deleted.
//!
//! Only offsets that this instance has committed itself are purged, at most every [`INTERVAL`]. A purge that fails costs room at the
//! broker and nothing else: it is told, and tried again the next time.

use crate::client::TopicPartition;
use crate::client::metadata::Metadata;
use crate::client::network::{Lane, Network, Target, Ticket};
use crate::time::Moment;
use crate::topology::Query;
use kolk_wire::ErrorCode;
use kolk_wire::message::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often records are deleted, at most; Kafka Streams' `repartition.purge.interval.ms`.
const INTERVAL: Duration = Duration::from_secs(30);
/// How long a broker may take.
const TIMEOUT_MS: i32 = 30_000;

/// Deletes what is committed of the repartition topics that a stage reads.
#[derive(Debug)]
pub(super) struct Purge {
    topics: BTreeSet<String>,
    next: Moment,
    /// Where logs begin by now.
    begins: BTreeMap<TopicPartition, i64>,
    in_flight: Vec<Ticket<DeleteRecordsRequest>>,
    notice: Option<String>,
}

impl Purge {
    /// For the stage of this query; the first purge follows the first commit.
    pub(super) fn new(query: &Query, now: Moment) -> Self {
        let topics = query.sources();
        let topics = topics.filter(|(source, _)| source.exchange.is_some() || source.is_internal);
        Self {
            topics: topics.map(|(source, _)| source.topic.clone()).collect(),
            next: now,
            begins: BTreeMap::new(),
            in_flight: Vec::new(),
            notice: None,
        }
    }

    /// Sends what is due; `committed` are the positions that the group has from this instance.
    pub(super) fn step(
        &mut self,
        committed: &BTreeMap<TopicPartition, i64>,
        network: &mut Network,
        metadata: &Metadata,
    ) {
        for ticket in std::mem::take(&mut self.in_flight) {
            match network.take(&ticket) {
                None => self.in_flight.push(ticket),
                Some(Ok(response)) => self.on_response(response),
                Some(Err(error)) => self.failed(&error.to_string()),
            }
        }
        let now = network.now();
        if self.topics.is_empty() || now < self.next || !self.in_flight.is_empty() {
            return;
        }
        let mut by_leader: BTreeMap<i32, Vec<DeleteRecordsTopic>> = BTreeMap::new();
        for (partition, offset) in committed {
            let begins = self.begins.get(partition).copied().unwrap_or_default();
            if !self.topics.contains(&*partition.topic) || *offset <= begins {
                continue;
            }
            let leader = metadata.leader(&partition.topic, partition.partition);
            let Some(leader) = leader else { continue };
            let topics = by_leader.entry(leader.node).or_default();
            if topics.last().is_none_or(|topic| *topic.name != *partition.topic) {
                let name = partition.topic.to_string();
                topics.push(DeleteRecordsTopic { name, partitions: Vec::new() });
            }
            if let Some(topic) = topics.last_mut() {
                let partition_index = partition.partition;
                topic.partitions.push(DeleteRecordsPartition { partition_index, offset: *offset });
            }
        }
        if by_leader.is_empty() {
            return;
        }
        self.next = now + INTERVAL;
        for (node, topics) in by_leader {
            let request = DeleteRecordsRequest { topics, timeout_ms: TIMEOUT_MS };
            self.in_flight.push(network.send(&Target::Node(node), Lane::Control, request));
        }
    }

    /// What somebody should know, since the last call.
    pub(super) fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    fn on_response(&mut self, response: DeleteRecordsResponse) {
        for topic in response.topics {
            for of in topic.partitions {
                let partition = TopicPartition::new(topic.name.as_str(), of.partition_index);
                match of.error_code {
                    code if code.is_none() => {
                        self.begins.insert(partition, of.low_watermark);
                    }
                    // Its leader has moved, which the metadata hear of without this.
                    ErrorCode::NOT_LEADER_OR_FOLLOWER => {}
                    code => self.failed(&format!("{partition}: {code}")),
                }
            }
        }
    }

    fn failed(&mut self, why: &str) {
        self.notice = Some(format!(
            "what is done in repartition topics could not be deleted, they grow meanwhile: {why}"
        ));
    }
}
