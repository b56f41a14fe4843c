//! OffsetFetch: how far a group has read.

use super::pair;
use crate::error_code::ErrorCode;
use crate::sequence::Sequence;
use crate::wire::{Uuid, wire_struct};

pair!(OffsetFetchRequest => OffsetFetchResponse, OffsetFetch, versions 1..=10, flexible 6);

wire_struct! {
    /// Which offsets are wanted.
    pub struct OffsetFetchRequest {
        /// Group, up to version 7.
        pub group_id: String [0..=7],
        /// Partitions wanted; null means all. Up to version 7.
        pub topics: Option<Vec<OffsetFetchRequestTopic>> [0..=7, null 2..=7],
        /// Groups, from version 8 on (KIP-709).
        pub groups: Vec<OffsetFetchRequestGroup> [8..],
        /// Refuse to answer while a transaction over these offsets is open (KIP-447).
        pub require_stable: bool [7..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct OffsetFetchRequestTopic {
        /// Topic name.
        pub name: String [0..=7],
        /// Partitions.
        pub partition_indexes: Vec<i32> [0..=7],
    }
}

wire_struct! {
    /// Partitions of one group.
    pub struct OffsetFetchRequestGroup {
        /// Group.
        pub group_id: String [8..],
        /// Member that asks, in a group of KIP-848.
        pub member_id: Option<String> [9..],
        /// Its epoch; −1 for none.
        pub member_epoch: i32 [9..] = -1,
        /// Partitions wanted; null means all.
        pub topics: Option<Vec<OffsetFetchRequestTopics>> [8..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct OffsetFetchRequestTopics {
        /// Topic name.
        pub name: String [8..=9],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [10..],
        /// Partitions.
        pub partition_indexes: Vec<i32> [8..],
    }
}

wire_struct! {
    /// Committed offsets.
    pub struct OffsetFetchResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [3..],
        /// By topic, up to version 7.
        pub topics: Vec<OffsetFetchResponseTopic> [0..=7],
        /// Whether it went well, up to version 7.
        pub error_code: ErrorCode [2..=7],
        /// By group, from version 8 on.
        pub groups: Vec<OffsetFetchResponseGroup> [8..],
    }
}

wire_struct! {
    /// Offsets of one topic.
    pub struct OffsetFetchResponseTopic {
        /// Topic name.
        pub name: String [0..=7],
        /// By partition.
        pub partitions: Sequence<OffsetFetchResponsePartition> [0..=7],
    }
}

wire_struct! {
    /// The offset of one partition.
    pub struct OffsetFetchResponsePartition {
        /// Partition.
        pub partition_index: i32 [0..=7],
        /// Offset of the next record to read; −1 when none is committed.
        pub committed_offset: i64 [0..=7],
        /// Epoch of the last record read; −1 when unknown.
        pub committed_leader_epoch: i32 [5..=7] = -1,
        /// The application's own note.
        pub metadata: Option<String> [0..=7],
        /// Whether it went well.
        pub error_code: ErrorCode [0..=7],
    }
}

wire_struct! {
    /// Offsets of one group.
    pub struct OffsetFetchResponseGroup {
        /// Group.
        pub group_id: String [8..],
        /// By topic.
        pub topics: Vec<OffsetFetchResponseTopics> [8..],
        /// Whether it went well.
        pub error_code: ErrorCode [8..],
    }
}

wire_struct! {
    /// Offsets of one topic.
    pub struct OffsetFetchResponseTopics {
        /// Topic name.
        pub name: String [8..=9],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [10..],
        /// By partition.
        pub partitions: Sequence<OffsetFetchResponsePartitions> [8..],
    }
}

wire_struct! {
    /// The offset of one partition.
    pub struct OffsetFetchResponsePartitions {
        /// Partition.
        pub partition_index: i32 [8..],
        /// Offset of the next record to read; −1 when none is committed.
        pub committed_offset: i64 [8..],
        /// Epoch of the last record read; −1 when unknown.
        pub committed_leader_epoch: i32 [8..] = -1,
        /// The application's own note.
        pub metadata: Option<String> [8..],
        /// Whether it went well.
        pub error_code: ErrorCode [8..],
    }
}
