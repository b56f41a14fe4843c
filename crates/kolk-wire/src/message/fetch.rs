//! Fetch: reads record batches from partitions, waiting for new ones (KIP-74, sessions: KIP-227).

use super::pair;
use crate::error_code::ErrorCode;
use crate::sequence::Sequence;
use crate::wire::{Uuid, wire_struct};
use bytes::Bytes;

pair!(FetchRequest => FetchResponse, Fetch, versions 4..=18, flexible 12);

wire_struct! {
    /// What to read, from where, and how long to wait.
    pub struct FetchRequest {
        /// Cluster, if known.
        pub cluster_id: Option<String> [tag 0, 12..],
        /// Follower that asks; −1 for a consumer.
        pub replica_id: i32 [0..=14] = -1,
        /// Follower that asks, with its epoch; replaces `replica_id`.
        pub replica_state: ReplicaState [tag 1, 15..],
        /// How long the broker may wait for `min_bytes`, in milliseconds.
        pub max_wait_ms: i32 [0..],
        /// Bytes to wait for.
        pub min_bytes: i32 [0..],
        /// Bytes at most, but always one batch (KIP-74).
        pub max_bytes: i32 [3..] = i32::MAX,
        /// 0 read uncommitted, 1 read committed.
        pub isolation_level: i8 [4..],
        /// Fetch session; 0 for none (KIP-227).
        pub session_id: i32 [7..],
        /// Place in the session: 0 opens one, −1 does without.
        pub session_epoch: i32 [7..] = -1,
        /// What to fetch; in a session, only what changed.
        pub topics: Vec<FetchTopic> [0..],
        /// Partitions to take out of the session.
        pub forgotten_topics_data: Vec<ForgottenTopic> [7..],
        /// Rack of the consumer (KIP-392).
        pub rack_id: String [11..],
    }
}

wire_struct! {
    /// A follower and its epoch.
    pub struct ReplicaState {
        /// Follower; −1 for a consumer.
        pub replica_id: i32 [15..] = -1,
        /// The follower's epoch; −1 for none.
        pub replica_epoch: i64 [15..] = -1,
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct FetchTopic {
        /// Topic name.
        pub topic: String [0..=12],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [13..],
        /// By partition.
        pub partitions: Vec<FetchPartition> [0..],
    }
}

wire_struct! {
    /// From where to read.
    pub struct FetchPartition {
        /// Partition.
        pub partition: i32 [0..],
        /// The leader's epoch as the client knows it, to fence an old view; −1 for none (KIP-320).
        pub current_leader_epoch: i32 [9..] = -1,
        /// Offset of the first record wanted.
        pub fetch_offset: i64 [0..],
        /// Epoch of the last record fetched, to detect divergence; −1 for none (KIP-595).
        pub last_fetched_epoch: i32 [12..] = -1,
        /// Start of the follower's log; −1 for a consumer.
        pub log_start_offset: i64 [5..] = -1,
        /// Bytes at most from this partition, but always one batch.
        pub partition_max_bytes: i32 [0..],
        /// Directory of the follower (KIP-853).
        pub replica_directory_id: Uuid [tag 0, 17..],
        /// High watermark as the follower knows it (KIP-1166).
        pub high_watermark: i64 [tag 1, 18..] = i64::MAX,
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub struct ForgottenTopic {
        /// Topic name.
        pub topic: String [7..=12],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [13..],
        /// Partitions.
        pub partitions: Vec<i32> [7..],
    }
}

wire_struct! {
    /// Batches by partition.
    pub struct FetchResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [1..],
        /// Whether the request as a whole, or its session, went wrong.
        pub error_code: ErrorCode [7..],
        /// Session that the broker opened or kept; 0 for none.
        pub session_id: i32 [7..],
        /// By topic.
        pub responses: Vec<FetchableTopicResponse> [0..],
        /// Addresses of leaders named in the answers (KIP-951).
        pub node_endpoints: Vec<NodeEndpoint> [tag 0, 16..],
    }
}

wire_struct! {
    /// Batches of one topic.
    pub struct FetchableTopicResponse {
        /// Topic name.
        pub topic: String [0..=12],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [13..],
        /// By partition.
        pub partitions: Sequence<PartitionData> [0..],
    }
}

wire_struct! {
    /// Batches of one partition.
    pub struct PartitionData {
        /// Partition.
        pub partition_index: i32 [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Offset after the last record that all in-sync replicas have.
        pub high_watermark: i64 [0..],
        /// Offset before which every transaction has ended; −1 when unknown.
        pub last_stable_offset: i64 [4..] = -1,
        /// First offset of the log; −1 when unknown.
        pub log_start_offset: i64 [5..] = -1,
        /// Where the fetcher's log parts from the leader's (KIP-595).
        pub diverging_epoch: EpochEndOffset [tag 0, 12..],
        /// The leader to turn to instead (KIP-951).
        pub current_leader: LeaderIdAndEpoch [tag 1, 12..],
        /// Snapshot to load instead (KIP-630).
        pub snapshot_id: SnapshotId [tag 2, 12..],
        /// Transactions whose records are to be left out, in a committed read; null otherwise.
        pub aborted_transactions: Option<Vec<AbortedTransaction>> [4..],
        /// Broker to read from instead; −1 for none (KIP-392).
        pub preferred_read_replica: i32 [11..] = -1,
        /// Record batches, the last one perhaps cut off.
        pub records: Option<Bytes> [0..],
    }
}

wire_struct! {
    /// Where an epoch ends.
    pub struct EpochEndOffset {
        /// Epoch.
        pub epoch: i32 [12..] = -1,
        /// Offset after the epoch's last record; −1 when unknown.
        pub end_offset: i64 [12..] = -1,
    }
}

wire_struct! {
    /// A partition's leader.
    pub struct LeaderIdAndEpoch {
        /// Leading broker; −1 when there is none.
        pub leader_id: i32 [12..] = -1,
        /// The leader's epoch; −1 when unknown.
        pub leader_epoch: i32 [12..] = -1,
    }
}

wire_struct! {
    /// A snapshot.
    pub struct SnapshotId {
        /// Offset after its last record.
        pub end_offset: i64 [0..] = -1,
        /// Epoch of its last record.
        pub epoch: i32 [0..] = -1,
    }
}

wire_struct! {
    /// A transaction that was aborted.
    pub struct AbortedTransaction {
        /// Producer id.
        pub producer_id: i64 [4..],
        /// Offset of the transaction's first record.
        pub first_offset: i64 [4..],
    }
}

wire_struct! {
    /// A broker's address.
    pub struct NodeEndpoint {
        /// Broker.
        pub node_id: i32 [16..],
        /// Host.
        pub host: String [16..],
        /// Port.
        pub port: i32 [16..],
        /// Rack, if known.
        pub rack: Option<String> [16..],
    }
}
