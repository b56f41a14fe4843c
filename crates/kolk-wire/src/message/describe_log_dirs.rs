//! DescribeLogDirs: how much room partitions take on a broker's disks (KIP-113).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(DescribeLogDirsRequest => DescribeLogDirsResponse, DescribeLogDirs, versions 1..=5, flexible 2);

wire_struct! {
    /// Which partitions are of interest.
    pub struct DescribeLogDirsRequest {
        /// Partitions wanted; null means all.
        pub topics: Option<Vec<DescribableLogDirTopic>> [0..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct DescribableLogDirTopic {
        /// Topic name.
        pub topic: String [0..],
        /// Partitions.
        pub partitions: Vec<i32> [0..],
    }
}

wire_struct! {
    /// Directories with what lies in them.
    pub struct DescribeLogDirsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// Whether the request as a whole went well.
        pub error_code: ErrorCode [3..],
        /// By directory.
        pub results: Vec<DescribeLogDirsResult> [0..],
    }
}

wire_struct! {
    /// A directory.
    pub struct DescribeLogDirsResult {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Path.
        pub log_dir: String [0..],
        /// By topic.
        pub topics: Vec<DescribeLogDirsTopic> [0..],
        /// Size of the volume in bytes; −1 when unknown.
        pub total_bytes: i64 [4..] = -1,
        /// Bytes of the volume still free; −1 when unknown.
        pub usable_bytes: i64 [4..] = -1,
        /// Whether it takes no new partitions (KIP-1066).
        pub is_cordoned: bool [5..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct DescribeLogDirsTopic {
        /// Topic name.
        pub name: String [0..],
        /// By partition.
        pub partitions: Vec<DescribeLogDirsPartition> [0..],
    }
}

wire_struct! {
    /// A partition.
    pub struct DescribeLogDirsPartition {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Bytes of its segments.
        pub partition_size: i64 [0..],
        /// Records that this copy is behind.
        pub offset_lag: i64 [0..],
        /// Whether the copy is being moved to this directory.
        pub is_future_key: bool [0..],
    }
}
