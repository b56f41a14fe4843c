//! CreateTopics: creates topics.

use super::pair;
use crate::error_code::ErrorCode;
use crate::sequence::Sequence;
use crate::wire::{Uuid, wire_struct};

pair!(CreateTopicsRequest => CreateTopicsResponse, CreateTopics, versions 2..=7, flexible 5);

wire_struct! {
    /// Topics to create.
    pub struct CreateTopicsRequest {
        /// Topics.
        pub topics: Vec<CreatableTopic> [0..],
        /// How long the broker may take, in milliseconds.
        pub timeout_ms: i32 [0..] = 60_000,
        /// Check only, change nothing.
        pub validate_only: bool [1..],
    }
}

wire_struct! {
    /// A topic.
    pub struct CreatableTopic {
        /// Topic name.
        pub name: String [0..],
        /// Number of partitions; −1 means the broker's default, or unknown in a response.
        pub num_partitions: i32 [0..],
        /// Replicas of each partition; −1 means the broker's default, or unknown in a response.
        pub replication_factor: i16 [0..],
        /// Brokers by partition; empty lets the cluster choose.
        pub assignments: Vec<CreatableReplicaAssignment> [0..],
        /// Settings other than the defaults.
        pub configs: Vec<CreatableTopicConfig> [0..],
    }
}

wire_struct! {
    /// Replicas of one partition.
    pub struct CreatableReplicaAssignment {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Brokers, the preferred leader first.
        pub broker_ids: Vec<i32> [0..],
    }
}

wire_struct! {
    /// A setting.
    pub struct CreatableTopicConfig {
        /// Setting.
        pub name: String [0..],
        /// Value; null means the default.
        pub value: Option<String> [0..],
    }
}

wire_struct! {
    /// What became of each topic.
    pub struct CreateTopicsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [2..],
        /// By topic.
        pub topics: Vec<CreatableTopicResult> [0..],
    }
}

wire_struct! {
    /// What became of a topic.
    pub struct CreatableTopicResult {
        /// Topic name.
        pub name: String [0..],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [7..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// What went wrong, for people.
        pub error_message: Option<String> [1..],
        /// Why `configs` is null, if the client may not see them.
        pub topic_config_error_code: ErrorCode [tag 0, 5..],
        /// Number of partitions; −1 means the broker's default, or unknown in a response.
        pub num_partitions: i32 [5..] = -1,
        /// Replicas of each partition; −1 means the broker's default, or unknown in a response.
        pub replication_factor: i16 [5..] = -1,
        /// Settings of the new topic (KIP-525).
        pub configs: Option<Sequence<CreatableTopicConfigs>> [5..],
    }
}

wire_struct! {
    /// A setting of the new topic.
    pub struct CreatableTopicConfigs {
        /// Setting.
        pub name: String [5..],
        /// Value; null when it is secret.
        pub value: Option<String> [5..],
        /// Whether it cannot be changed.
        pub read_only: bool [5..],
        /// Where the value comes from: 1 topic, 2 broker, 3 all brokers, 4 broker's file, 5 default; −1 unknown.
        pub config_source: i8 [5..] = -1,
        /// Whether it is secret.
        pub is_sensitive: bool [5..],
    }
}
