//! DeleteRecords: drops the records before an offset (KIP-107).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(DeleteRecordsRequest => DeleteRecordsResponse, DeleteRecords, versions 0..=2, flexible 2);

wire_struct! {
    /// Where each log shall begin.
    pub struct DeleteRecordsRequest {
        /// By topic.
        pub topics: Vec<DeleteRecordsTopic> [0..],
        /// How long the broker may take, in milliseconds.
        pub timeout_ms: i32 [0..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct DeleteRecordsTopic {
        /// Topic name.
        pub name: String [0..],
        /// By partition.
        pub partitions: Vec<DeleteRecordsPartition> [0..],
    }
}

wire_struct! {
    /// Where one log shall begin.
    pub struct DeleteRecordsPartition {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Offset before which records go; −1 means all.
        pub offset: i64 [0..],
    }
}

wire_struct! {
    /// Where each log begins now.
    pub struct DeleteRecordsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// By topic.
        pub topics: Vec<DeleteRecordsTopicResult> [0..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct DeleteRecordsTopicResult {
        /// Topic name.
        pub name: String [0..],
        /// By partition.
        pub partitions: Vec<DeleteRecordsPartitionResult> [0..],
    }
}

wire_struct! {
    /// Where one log begins now.
    pub struct DeleteRecordsPartitionResult {
        /// Partition.
        pub partition_index: i32 [0..],
        /// First offset of the log, afterwards.
        pub low_watermark: i64 [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
    }
}
