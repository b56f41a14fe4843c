//! DescribeTopicPartitions: topics page by page (KIP-966).

use super::operations::TOPIC_OPERATIONS;
use super::{Context, Handle};
use crate::log::LEADER_EPOCH;
use crate::topics::Topic;
use kolk_wire::ErrorCode;
use kolk_wire::message::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use std::collections::BTreeSet;

/// `max.request.partition.size.limit`: partitions on a page at most.
const PAGE_MAX: usize = 2000;

impl Handle for DescribeTopicPartitionsRequest {
    fn handle(self, context: &Context<'_>) -> Option<DescribeTopicPartitionsResponse> {
        let node = context.state.config.node_id;
        let topics = context.state.topics();
        let mut names: BTreeSet<String> = self.topics.into_iter().map(|topic| topic.name).collect();
        if names.is_empty() {
            names = topics.iter().map(|topic| topic.name.to_string()).collect();
        }
        let cursor = self.cursor.unwrap_or_default();
        let mut left =
            usize::try_from(self.response_partition_limit).unwrap_or(1).clamp(1, PAGE_MAX);
        let mut response = DescribeTopicPartitionsResponse::default();
        for name in names.range(cursor.topic_name.clone()..) {
            let first = if *name == cursor.topic_name { cursor.partition_index } else { 0 };
            let first = usize::try_from(first).unwrap_or_default();
            let Some(topic) = topics.get(name) else {
                response.topics.push(unknown(name));
                continue;
            };
            if left == 0 {
                response.next_cursor =
                    Some(Cursor { topic_name: name.clone(), partition_index: 0 });
                break;
            }
            let until = topic.partitions.len().min(first.saturating_add(left));
            response.topics.push(described(topic, node, first..until));
            left -= until.saturating_sub(first);
            if until < topic.partitions.len() {
                let partition_index = i32::try_from(until).unwrap_or(i32::MAX);
                response.next_cursor = Some(Cursor { topic_name: name.clone(), partition_index });
                break;
            }
        }
        Some(response)
    }
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        name: Some(name.to_owned()),
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn described(
    topic: &Topic,
    node: i32,
    range: std::ops::Range<usize>,
) -> DescribeTopicPartitionsResponseTopic {
    let partition = |index| DescribeTopicPartitionsResponsePartition {
        partition_index: i32::try_from(index).unwrap_or(i32::MAX),
        leader_id: node,
        leader_epoch: LEADER_EPOCH,
        replica_nodes: vec![node],
        isr_nodes: vec![node],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        ..DescribeTopicPartitionsResponsePartition::default()
    };
    DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        partitions: range.map(partition).collect(),
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}
