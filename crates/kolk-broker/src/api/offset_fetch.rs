//! OffsetFetch and OffsetDelete: what groups have committed.

use super::{Context, Handle};
use crate::group::{FetchOffsets, FetchedOffset, Stability};
use crate::transaction::TopicPartition;
use kolk_wire::ErrorCode;
use kolk_wire::message::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};
use kolk_wire::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};

/// From this version on a request asks about several groups (KIP-709).
const BATCHED_FROM: i16 = 8;
/// From this version on topics are named by their ids (KIP-848).
const BY_ID_FROM: i16 = 10;

impl Handle for OffsetFetchRequest {
    fn handle(self, context: &Context<'_>) -> Option<OffsetFetchResponse> {
        let stability = if self.require_stable { Stability::Required } else { Stability::Any };
        if context.version >= BATCHED_FROM {
            let groups = self.groups.into_iter().map(|group| of_group(context, group, stability));
            return Some(OffsetFetchResponse {
                groups: groups.collect(),
                ..OffsetFetchResponse::default()
            });
        }
        let named = |topic: OffsetFetchRequestTopic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..OffsetFetchRequestTopics::default()
        };
        let group = OffsetFetchRequestGroup {
            group_id: self.group_id,
            topics: self.topics.map(|topics| topics.into_iter().map(named).collect()),
            ..OffsetFetchRequestGroup::default()
        };
        let group = of_group(context, group, stability);
        let topics = group.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
            partitions: topic.partitions.iter().map(before_batching).collect(),
            name: topic.name,
        });
        Some(OffsetFetchResponse { topics: topics.collect(), ..OffsetFetchResponse::default() })
    }
}

fn before_batching(partition: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    }
}

fn of_group(
    context: &Context<'_>,
    group: OffsetFetchRequestGroup,
    stability: Stability,
) -> OffsetFetchResponseGroup {
    let by_id = context.version >= BY_ID_FROM;
    let mut unknown = Vec::new();
    let partitions = group.topics.map(|topics| {
        let mut partitions = Vec::new();
        for mut topic in topics {
            if by_id {
                match context.state.topics().by_id(topic.topic_id) {
                    Some(found) => topic.name = found.name.to_string(),
                    None => {
                        unknown.push(unknown_id(&topic));
                        continue;
                    }
                }
            }
            let wanted = topic.partition_indexes.iter();
            partitions.extend(
                wanted.map(|partition| TopicPartition::new(topic.name.as_str(), *partition)),
            );
        }
        partitions
    });
    let request = FetchOffsets { group_id: group.group_id, partitions, stability };
    let fetched = context.state.groups().groups.fetch(&request);
    let mut topics = by_topic(fetched);
    if by_id {
        let state = context.state.topics();
        topics.retain_mut(|topic| {
            let found = state.get(&topic.name);
            topic.topic_id = found.map(|topic| topic.id).unwrap_or_default();
            found.is_some()
        });
        topics.append(&mut unknown);
    }
    OffsetFetchResponseGroup {
        group_id: request.group_id,
        topics,
        ..OffsetFetchResponseGroup::default()
    }
}

fn unknown_id(topic: &OffsetFetchRequestTopics) -> OffsetFetchResponseTopics {
    let partition = |index: &i32| OffsetFetchResponsePartitions {
        partition_index: *index,
        committed_offset: -1,
        metadata: Some(String::new()),
        error_code: ErrorCode::UNKNOWN_TOPIC_ID,
        ..OffsetFetchResponsePartitions::default()
    };
    OffsetFetchResponseTopics {
        topic_id: topic.topic_id,
        partitions: topic.partition_indexes.iter().map(partition).collect(),
        ..OffsetFetchResponseTopics::default()
    }
}

/// Puts neighbours of one topic together.
fn by_topic(offsets: Vec<FetchedOffset>) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for offset in offsets {
        let partition = OffsetFetchResponsePartitions {
            partition_index: offset.partition.partition,
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch,
            metadata: Some(offset.metadata),
            error_code: offset.error,
        };
        match topics.last_mut().filter(|topic| topic.name == offset.partition.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(OffsetFetchResponseTopics {
                name: offset.partition.topic,
                partitions: vec![partition].into(),
                ..OffsetFetchResponseTopics::default()
            }),
        }
    }
    topics
}

impl Handle for OffsetDeleteRequest {
    fn handle(self, context: &Context<'_>) -> Option<OffsetDeleteResponse> {
        let state = context.state;
        let partitions: Vec<TopicPartition> = self
            .topics
            .iter()
            .flat_map(|topic| {
                topic
                    .partitions
                    .iter()
                    .map(|one| TopicPartition::new(topic.name.as_str(), one.partition_index))
            })
            .filter(|at| state.partition(&at.topic, at.partition).is_some())
            .collect();
        let now_ms = state.steady_ms();
        let deleted =
            state.with_groups(|groups| groups.delete_offsets(now_ms, &self.group_id, &partitions));
        let errors = match deleted.and_then(|deleted| deleted) {
            Ok(errors) => errors,
            Err(error_code) => {
                return Some(OffsetDeleteResponse {
                    error_code,
                    ..OffsetDeleteResponse::default()
                });
            }
        };
        let mut known = partitions.iter().zip(errors).peekable();
        let topics = self.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|one| {
                let asked = |(at, _): &(&TopicPartition, ErrorCode)| {
                    at.topic == topic.name && at.partition == one.partition_index
                };
                let answer = known.next_if(asked).map(|(_, error)| error);
                let error_code = answer.unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                OffsetDeleteResponsePartition { partition_index: one.partition_index, error_code }
            });
            let partitions = partitions.collect();
            OffsetDeleteResponseTopic { partitions, name: topic.name }
        });
        Some(OffsetDeleteResponse { topics: topics.collect(), ..OffsetDeleteResponse::default() })
    }
}
