//! DescribeTopicPartitions: partitions of topics, a page at a time (KIP-966).

use super::pair;
use crate::error_code::ErrorCode;
use crate::sequence::Sequence;
use crate::wire::{Uuid, wire_struct};

pair!(DescribeTopicPartitionsRequest => DescribeTopicPartitionsResponse, DescribeTopicPartitions, versions 0..=0, flexible 0);

wire_struct! {
    /// Which topics.
    pub struct DescribeTopicPartitionsRequest {
        /// Topics; empty means all.
        pub topics: Vec<TopicRequest> [0..],
        /// Partitions at most.
        pub response_partition_limit: i32 [0..] = 2000,
        /// Where to go on; null for the start.
        pub cursor: Option<Cursor> [0..],
    }
}

wire_struct! {
    /// A topic.
    pub struct TopicRequest {
        /// Topic name.
        pub name: String [0..],
    }
}

wire_struct! {
    /// A place in the list of partitions.
    pub struct Cursor {
        /// First topic wanted.
        pub topic_name: String [0..],
        /// Its first partition wanted.
        pub partition_index: i32 [0..],
    }
}

wire_struct! {
    /// A page of partitions.
    pub struct DescribeTopicPartitionsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// By topic.
        pub topics: Vec<DescribeTopicPartitionsResponseTopic> [0..],
        /// Where to go on; null at the end.
        pub next_cursor: Option<Cursor> [0..],
    }
}

wire_struct! {
    /// A topic.
    pub struct DescribeTopicPartitionsResponseTopic {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Topic name; null when unknown.
        pub name: Option<String> [0..],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [0..],
        /// Whether the cluster keeps it for itself, as `__consumer_offsets`.
        pub is_internal: bool [0..],
        /// By partition.
        pub partitions: Sequence<DescribeTopicPartitionsResponsePartition> [0..],
        /// Bit per operation allowed; `i32::MIN` when not asked (KIP-430).
        pub topic_authorized_operations: i32 [0..] = i32::MIN,
    }
}

wire_struct! {
    /// A partition.
    pub struct DescribeTopicPartitionsResponsePartition {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Partition.
        pub partition_index: i32 [0..],
        /// Leading broker; −1 when there is none.
        pub leader_id: i32 [0..],
        /// The leader's epoch; −1 when unknown.
        pub leader_epoch: i32 [0..] = -1,
        /// Brokers that hold it.
        pub replica_nodes: Vec<i32> [0..],
        /// Those in sync.
        pub isr_nodes: Vec<i32> [0..],
        /// Replicas that may lead though out of sync (KIP-966).
        pub eligible_leader_replicas: Option<Vec<i32>> [0..],
        /// The last of those known.
        pub last_known_elr: Option<Vec<i32>> [0..],
        /// Those not alive.
        pub offline_replicas: Vec<i32> [0..],
    }
}
