//! CreatePartitions: adds partitions to topics (KIP-195).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(CreatePartitionsRequest => CreatePartitionsResponse, CreatePartitions, versions 0..=3, flexible 2);

wire_struct! {
    /// Topics and how many partitions each shall have.
    pub struct CreatePartitionsRequest {
        /// Topics.
        pub topics: Vec<CreatePartitionsTopic> [0..],
        /// How long the broker may take, in milliseconds.
        pub timeout_ms: i32 [0..],
        /// Check only, change nothing.
        pub validate_only: bool [0..],
    }
}

wire_struct! {
    /// A topic.
    pub struct CreatePartitionsTopic {
        /// Topic name.
        pub name: String [0..],
        /// Partitions that it shall have.
        pub count: i32 [0..],
        /// Brokers of each new partition; null lets the cluster choose.
        pub assignments: Option<Vec<CreatePartitionsAssignment>> [0..],
    }
}

wire_struct! {
    /// Replicas of one new partition.
    pub struct CreatePartitionsAssignment {
        /// Brokers, the preferred leader first.
        pub broker_ids: Vec<i32> [0..],
    }
}

wire_struct! {
    /// What became of each topic.
    pub struct CreatePartitionsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// By topic.
        pub results: Vec<CreatePartitionsTopicResult> [0..],
    }
}

wire_struct! {
    /// What became of one topic.
    pub struct CreatePartitionsTopicResult {
        /// Topic name.
        pub name: String [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// What went wrong, for people.
        pub error_message: Option<String> [0..],
    }
}
