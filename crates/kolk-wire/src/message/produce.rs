//! Produce: appends record batches to partitions. With acks 0 there is no response.

use super::pair;
use crate::error_code::ErrorCode;
use crate::spliced::Spliced;
use crate::wire::{Uuid, wire_struct};

pair!(ProduceRequest => ProduceResponse, Produce, versions 3..=13, flexible 9);

wire_struct! {
    /// Batches for any number of partitions, at most one batch each.
    pub struct ProduceRequest {
        /// The producer's transactional id, for transactional batches.
        pub transactional_id: Option<String> [3..],
        /// 0 none, 1 the leader, −1 all in-sync replicas.
        pub acks: i16 [0..] = -1,
        /// How long the broker may wait for replicas, in milliseconds.
        pub timeout_ms: i32 [0..] = 30_000,
        /// What to append.
        pub topic_data: Vec<TopicProduceData> [0..],
    }
}

wire_struct! {
    /// Batches of one topic.
    pub struct TopicProduceData {
        /// Its name, up to version 12.
        pub name: String [0..=12],
        /// Its id, from version 13 on (KIP-516).
        pub topic_id: Uuid [13..],
        /// By partition.
        pub partition_data: Vec<PartitionProduceData> [0..],
    }
}

wire_struct! {
    /// The batch of one partition.
    pub struct PartitionProduceData {
        /// Partition.
        pub index: i32 [0..],
        /// One record batch, v2.
        pub records: Option<Spliced> [0..],
    }
}

wire_struct! {
    /// What became of each batch.
    pub struct ProduceResponse {
        /// By topic.
        pub responses: Vec<TopicProduceResponse> [0..],
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [1..],
        /// Addresses of leaders named in the answers (KIP-951).
        pub node_endpoints: Vec<NodeEndpoint> [tag 0, 10..],
    }
}

wire_struct! {
    /// What became of a topic's batches.
    pub struct TopicProduceResponse {
        /// Its name, up to version 12.
        pub name: String [0..=12],
        /// Its id, from version 13 on.
        pub topic_id: Uuid [13..],
        /// By partition.
        pub partition_responses: Vec<PartitionProduceResponse> [0..],
    }
}

wire_struct! {
    /// What became of a partition's batch.
    pub struct PartitionProduceResponse {
        /// Partition.
        pub index: i32 [0..],
        /// Whether it was appended.
        pub error_code: ErrorCode [0..],
        /// Offset of its first record; −1 when unknown.
        pub base_offset: i64 [0..] = -1,
        /// The broker's time-stamp with `LogAppendTime`, else −1; milliseconds.
        pub log_append_time_ms: i64 [2..] = -1,
        /// First offset of the log.
        pub log_start_offset: i64 [5..] = -1,
        /// Which records made the batch fail (KIP-467).
        pub record_errors: Vec<BatchIndexAndErrorMessage> [8..],
        /// What is wrong, for people.
        pub error_message: Option<String> [8..],
        /// The leader to turn to instead (KIP-951).
        pub current_leader: LeaderIdAndEpoch [tag 0, 10..],
    }
}

wire_struct! {
    /// A record that made its batch fail.
    pub struct BatchIndexAndErrorMessage {
        /// Its place in the batch.
        pub batch_index: i32 [8..],
        /// What is wrong with it.
        pub batch_index_error_message: Option<String> [8..],
    }
}

wire_struct! {
    /// A partition's leader.
    pub struct LeaderIdAndEpoch {
        /// Broker; −1 when unknown.
        pub leader_id: i32 [0..] = -1,
        /// Its epoch; −1 when unknown.
        pub leader_epoch: i32 [0..] = -1,
    }
}

wire_struct! {
    /// A broker's address.
    pub struct NodeEndpoint {
        /// Broker.
        pub node_id: i32 [0..],
        /// Host.
        pub host: String [0..],
        /// Port.
        pub port: i32 [0..],
        /// Rack, if known.
        pub rack: Option<String> [0..],
    }
}
