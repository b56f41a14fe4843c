//! ListOffsets: the offset at a time, at the start or at the end of a partition (KIP-79).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(ListOffsetsRequest => ListOffsetsResponse, ListOffsets, versions 1..=11, flexible 6);

wire_struct! {
    /// Which offsets are wanted.
    pub struct ListOffsetsRequest {
        /// Follower that asks; −1 for a consumer.
        pub replica_id: i32 [0..],
        /// 0 read uncommitted, 1 read committed.
        pub isolation_level: i8 [2..],
        /// By topic.
        pub topics: Vec<ListOffsetsTopic> [0..],
        /// How long the broker may look, in milliseconds.
        pub timeout_ms: i32 [10..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct ListOffsetsTopic {
        /// Topic name.
        pub name: String [0..],
        /// By partition.
        pub partitions: Vec<ListOffsetsPartition> [0..],
    }
}

wire_struct! {
    /// A point in time of one partition.
    pub struct ListOffsetsPartition {
        /// Partition.
        pub partition_index: i32 [0..],
        /// The leader's epoch as the client knows it, to fence an old view; −1 for none (KIP-320).
        pub current_leader_epoch: i32 [4..] = -1,
        /// Milliseconds: the first record not older; or one of −1 end, −2 start, −3 greatest timestamp,
        /// −4 start of the local log, −5 last tiered, −6 first not tiered.
        pub timestamp: i64 [0..],
    }
}

wire_struct! {
    /// Offsets by partition.
    pub struct ListOffsetsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [2..],
        /// By topic.
        pub topics: Vec<ListOffsetsTopicResponse> [0..],
    }
}

wire_struct! {
    /// Offsets of one topic.
    pub struct ListOffsetsTopicResponse {
        /// Topic name.
        pub name: String [0..],
        /// By partition.
        pub partitions: Vec<ListOffsetsPartitionResponse> [0..],
    }
}

wire_struct! {
    /// The offset of one partition.
    pub struct ListOffsetsPartitionResponse {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// The record's timestamp in milliseconds; −1 for none.
        pub timestamp: i64 [1..] = -1,
        /// Offset found; −1 for none.
        pub offset: i64 [1..] = -1,
        /// The leader's epoch; −1 when unknown.
        pub leader_epoch: i32 [4..] = -1,
    }
}
