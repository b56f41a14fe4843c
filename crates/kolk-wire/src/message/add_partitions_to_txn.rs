//! AddPartitionsToTxn: takes partitions into a transaction.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(AddPartitionsToTxnRequest => AddPartitionsToTxnResponse, AddPartitionsToTxn, versions 0..=5, flexible 3);

wire_struct! {
    /// Partitions for a transaction.
    pub struct AddPartitionsToTxnRequest {
        /// Transactions, from version 4 on: for brokers among themselves (KIP-890).
        pub transactions: Vec<AddPartitionsToTxnTransaction> [4..],
        /// Transactional id, up to version 3.
        pub v3_and_below_transactional_id: String [0..=3],
        /// Producer id, up to version 3.
        pub v3_and_below_producer_id: i64 [0..=3],
        /// Producer epoch, up to version 3.
        pub v3_and_below_producer_epoch: i16 [0..=3],
        /// Partitions to add, up to version 3.
        pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic> [0..=3],
    }
}

wire_struct! {
    /// Partitions for one transaction.
    pub struct AddPartitionsToTxnTransaction {
        /// Transactional id.
        pub transactional_id: String [4..],
        /// Producer id.
        pub producer_id: i64 [4..],
        /// Producer epoch.
        pub producer_epoch: i16 [4..],
        /// Only check that the partitions are part of the transaction.
        pub verify_only: bool [4..],
        /// By topic.
        pub topics: Vec<AddPartitionsToTxnTopic> [4..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct AddPartitionsToTxnTopic {
        /// Topic name.
        pub name: String [0..],
        /// Partitions.
        pub partitions: Vec<i32> [0..],
    }
}

wire_struct! {
    /// What became of each partition.
    pub struct AddPartitionsToTxnResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// Whether the request as a whole went well.
        pub error_code: ErrorCode [4..],
        /// By transaction, from version 4 on.
        pub results_by_transaction: Vec<AddPartitionsToTxnResult> [4..],
        /// By topic, up to version 3.
        pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult> [0..=3],
    }
}

wire_struct! {
    /// Partitions of one transaction.
    pub struct AddPartitionsToTxnResult {
        /// Transactional id.
        pub transactional_id: String [4..],
        /// By topic.
        pub topic_results: Vec<AddPartitionsToTxnTopicResult> [4..],
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct AddPartitionsToTxnTopicResult {
        /// Topic name.
        pub name: String [0..],
        /// By partition.
        pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult> [0..],
    }
}

wire_struct! {
    /// What became of one partition.
    pub struct AddPartitionsToTxnPartitionResult {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Whether the partition is now part of the transaction.
        pub partition_error_code: ErrorCode [0..],
    }
}
