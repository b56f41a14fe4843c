//! OffsetForLeaderEpoch: where an epoch of a partition ends, to find out whether records were lost (KIP-320).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse, OffsetForLeaderEpoch, versions 2..=4, flexible 4);

wire_struct! {
    /// Which epochs.
    pub struct OffsetForLeaderEpochRequest {
        /// Follower that asks; −1 for a consumer, −2 for a debugging one.
        pub replica_id: i32 [3..] = -2,
        /// By topic.
        pub topics: Vec<OffsetForLeaderTopic> [0..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct OffsetForLeaderTopic {
        /// Topic name.
        pub topic: String [0..],
        /// By partition.
        pub partitions: Vec<OffsetForLeaderPartition> [0..],
    }
}

wire_struct! {
    /// An epoch of one partition.
    pub struct OffsetForLeaderPartition {
        /// Partition.
        pub partition: i32 [0..],
        /// The leader's epoch as the client knows it, to fence an old view; −1 for none (KIP-320).
        pub current_leader_epoch: i32 [2..] = -1,
        /// Epoch whose end is wanted.
        pub leader_epoch: i32 [0..],
    }
}

wire_struct! {
    /// Where each epoch ends.
    pub struct OffsetForLeaderEpochResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [2..],
        /// By topic.
        pub topics: Vec<OffsetForLeaderTopicResult> [0..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct OffsetForLeaderTopicResult {
        /// Topic name.
        pub topic: String [0..],
        /// By partition.
        pub partitions: Vec<EpochEndOffset> [0..],
    }
}

wire_struct! {
    /// Where an epoch ends.
    pub struct EpochEndOffset {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Partition.
        pub partition: i32 [0..],
        /// The leader's epoch; −1 when unknown.
        pub leader_epoch: i32 [1..] = -1,
        /// Offset after the epoch's last record; −1 when unknown.
        pub end_offset: i64 [0..] = -1,
    }
}
