//! Metadata: brokers, topics, partitions and their leaders.

use super::pair;
use crate::error_code::ErrorCode;
use crate::sequence::Sequence;
use crate::wire::{Uuid, wire_struct};

pair!(MetadataRequest => MetadataResponse, Metadata, versions 0..=13, flexible 9);

wire_struct! {
    /// Which topics are of interest.
    pub struct MetadataRequest {
        /// Topics wanted; null means all (in version 0: empty).
        pub topics: Option<Vec<MetadataRequestTopic>> [0.., null 1..],
        /// Whether a missing topic may be created.
        pub allow_auto_topic_creation: bool [4..] = true,
        /// Ask what the client may do with the cluster.
        pub include_cluster_authorized_operations: bool [8..=10],
        /// Ask what the client may do with each topic.
        pub include_topic_authorized_operations: bool [8..],
    }
}

wire_struct! {
    /// A topic by name or id.
    pub struct MetadataRequestTopic {
        /// Topic id (KIP-516).
        pub topic_id: Uuid [10..],
        /// Topic name; null when asked by id.
        pub name: Option<String> [0.., null 10..],
    }
}

wire_struct! {
    /// The cluster as one broker sees it.
    pub struct MetadataResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [3..],
        /// Brokers that are alive.
        pub brokers: Vec<MetadataResponseBroker> [0..],
        /// Cluster, if known.
        pub cluster_id: Option<String> [2..],
        /// Broker to send administrative requests to; −1 when unknown.
        pub controller_id: i32 [1..] = -1,
        /// By topic.
        pub topics: Vec<MetadataResponseTopic> [0..],
        /// Bit per operation allowed; `i32::MIN` when not asked (KIP-430).
        pub cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        /// Whether it went well.
        pub error_code: ErrorCode [13..],
    }
}

wire_struct! {
    /// A broker's address.
    pub struct MetadataResponseBroker {
        /// Broker.
        pub node_id: i32 [0..],
        /// Host.
        pub host: String [0..],
        /// Port.
        pub port: i32 [0..],
        /// Rack, if known.
        pub rack: Option<String> [1..],
    }
}

wire_struct! {
    /// A topic.
    pub struct MetadataResponseTopic {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Topic name; null when the id is unknown.
        pub name: Option<String> [0.., null 12..],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [10..],
        /// Whether the cluster keeps it for itself, as `__consumer_offsets`.
        pub is_internal: bool [1..],
        /// By partition.
        pub partitions: Sequence<MetadataResponsePartition> [0..],
        /// Bit per operation allowed; `i32::MIN` when not asked (KIP-430).
        pub topic_authorized_operations: i32 [8..] = i32::MIN,
    }
}

wire_struct! {
    /// A partition.
    pub struct MetadataResponsePartition {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Partition.
        pub partition_index: i32 [0..],
        /// Leading broker; −1 when there is none.
        pub leader_id: i32 [0..],
        /// The leader's epoch; −1 when unknown.
        pub leader_epoch: i32 [7..] = -1,
        /// Brokers that hold it.
        pub replica_nodes: Vec<i32> [0..],
        /// Those in sync.
        pub isr_nodes: Vec<i32> [0..],
        /// Those not alive.
        pub offline_replicas: Vec<i32> [5..],
    }
}
