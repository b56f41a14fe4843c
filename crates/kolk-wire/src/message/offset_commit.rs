//! OffsetCommit: records how far a group has read.

use super::pair;
use crate::error_code::ErrorCode;
use crate::sequence::Sequence;
use crate::wire::{Uuid, wire_struct};

pair!(OffsetCommitRequest => OffsetCommitResponse, OffsetCommit, versions 2..=10, flexible 8);

wire_struct! {
    /// Offsets of one group.
    pub struct OffsetCommitRequest {
        /// Group.
        pub group_id: String [0..],
        /// Generation, or member epoch in a group of KIP-848; −1 for a commit from outside the group.
        pub generation_id_or_member_epoch: i32 [1..] = -1,
        /// Member, as the coordinator named it; empty for one that is new.
        pub member_id: String [1..],
        /// The member's own lasting name, for static membership (KIP-345).
        pub group_instance_id: Option<String> [7..],
        /// How long to keep the offsets, in milliseconds; −1 for the broker's setting.
        pub retention_time_ms: i64 [2..=4] = -1,
        /// By topic.
        pub topics: Vec<OffsetCommitRequestTopic> [0..],
    }
}

wire_struct! {
    /// Offsets of one topic.
    pub struct OffsetCommitRequestTopic {
        /// Topic name.
        pub name: String [0..=9],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [10..],
        /// By partition.
        pub partitions: Sequence<OffsetCommitRequestPartition> [0..],
    }
}

wire_struct! {
    /// The offset of one partition.
    pub struct OffsetCommitRequestPartition {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Offset of the next record to read.
        pub committed_offset: i64 [0..],
        /// Epoch of the last record read; −1 when unknown.
        pub committed_leader_epoch: i32 [6..] = -1,
        /// The application's own note.
        pub committed_metadata: Option<String> [0..],
    }
}

wire_struct! {
    /// What became of each offset.
    pub struct OffsetCommitResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [3..],
        /// By topic.
        pub topics: Vec<OffsetCommitResponseTopic> [0..],
    }
}

wire_struct! {
    /// What became of a topic's offsets.
    pub struct OffsetCommitResponseTopic {
        /// Topic name.
        pub name: String [0..=9],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [10..],
        /// By partition.
        pub partitions: Vec<OffsetCommitResponsePartition> [0..],
    }
}

wire_struct! {
    /// What became of one offset.
    pub struct OffsetCommitResponsePartition {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
    }
}
