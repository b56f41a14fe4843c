//! OffsetDelete: forgets a group's offsets of topics that it no longer reads (KIP-496).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(OffsetDeleteRequest => OffsetDeleteResponse, OffsetDelete, versions 0..=0, flexible i16::MAX);

wire_struct! {
    /// Partitions of one group.
    pub struct OffsetDeleteRequest {
        /// Group.
        pub group_id: String [0..],
        /// By topic.
        pub topics: Vec<OffsetDeleteRequestTopic> [0..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct OffsetDeleteRequestTopic {
        /// Topic name.
        pub name: String [0..],
        /// By partition.
        pub partitions: Vec<OffsetDeleteRequestPartition> [0..],
    }
}

wire_struct! {
    /// A partition.
    pub struct OffsetDeleteRequestPartition {
        /// Partition.
        pub partition_index: i32 [0..],
    }
}

wire_struct! {
    /// What became of each offset.
    pub struct OffsetDeleteResponse {
        /// Whether the request as a whole went well.
        pub error_code: ErrorCode [0..],
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// By topic.
        pub topics: Vec<OffsetDeleteResponseTopic> [0..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct OffsetDeleteResponseTopic {
        /// Topic name.
        pub name: String [0..],
        /// By partition.
        pub partitions: Vec<OffsetDeleteResponsePartition> [0..],
    }
}

wire_struct! {
    /// What became of one offset.
    pub struct OffsetDeleteResponsePartition {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
    }
}
