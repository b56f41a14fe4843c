//! TxnOffsetCommit: commits a group's offsets within a transaction.

use super::pair;
use crate::error_code::ErrorCode;
use crate::sequence::Sequence;
use crate::wire::wire_struct;

pair!(TxnOffsetCommitRequest => TxnOffsetCommitResponse, TxnOffsetCommit, versions 0..=5, flexible 3);

wire_struct! {
    /// Offsets of one group.
    pub struct TxnOffsetCommitRequest {
        /// Transactional id.
        pub transactional_id: String [0..],
        /// Group.
        pub group_id: String [0..],
        /// Producer id.
        pub producer_id: i64 [0..],
        /// Producer epoch.
        pub producer_epoch: i16 [0..],
        /// Generation of the group; −1 for none.
        pub generation_id: i32 [3..] = -1,
        /// Member; empty for none.
        pub member_id: String [3..],
        /// The member's own lasting name, for static membership (KIP-345).
        pub group_instance_id: Option<String> [3..],
        /// By topic.
        pub topics: Vec<TxnOffsetCommitRequestTopic> [0..],
    }
}

wire_struct! {
    /// Offsets of one topic.
    pub struct TxnOffsetCommitRequestTopic {
        /// Topic name.
        pub name: String [0..],
        /// By partition.
        pub partitions: Sequence<TxnOffsetCommitRequestPartition> [0..],
    }
}

wire_struct! {
    /// The offset of one partition.
    pub struct TxnOffsetCommitRequestPartition {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Offset of the next record to read.
        pub committed_offset: i64 [0..],
        /// Epoch of the last record read; −1 when unknown.
        pub committed_leader_epoch: i32 [2..] = -1,
        /// The application's own note.
        pub committed_metadata: Option<String> [0..],
    }
}

wire_struct! {
    /// What became of each offset.
    pub struct TxnOffsetCommitResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// By topic.
        pub topics: Vec<TxnOffsetCommitResponseTopic> [0..],
    }
}

wire_struct! {
    /// What became of a topic's offsets.
    pub struct TxnOffsetCommitResponseTopic {
        /// Topic name.
        pub name: String [0..],
        /// By partition.
        pub partitions: Vec<TxnOffsetCommitResponsePartition> [0..],
    }
}

wire_struct! {
    /// What became of one offset.
    pub struct TxnOffsetCommitResponsePartition {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
    }
}
