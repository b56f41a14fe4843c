//! DescribeCluster: brokers and controller (KIP-700).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(DescribeClusterRequest => DescribeClusterResponse, DescribeCluster, versions 0..=2, flexible 0);

wire_struct! {
    /// What to tell of the cluster.
    pub struct DescribeClusterRequest {
        /// Ask what the client may do with the cluster.
        pub include_cluster_authorized_operations: bool [0..],
        /// 1 brokers, 2 controllers (KIP-919).
        pub endpoint_type: i8 [1..] = 1,
        /// Ask for fenced brokers too (KIP-1073).
        pub include_fenced_brokers: bool [2..],
    }
}

wire_struct! {
    /// The cluster.
    pub struct DescribeClusterResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// What went wrong, for people.
        pub error_message: Option<String> [0..],
        /// 1 brokers, 2 controllers (KIP-919).
        pub endpoint_type: i8 [1..] = 1,
        /// Cluster, if known.
        pub cluster_id: String [0..],
        /// Broker to send administrative requests to; −1 when unknown.
        pub controller_id: i32 [0..] = -1,
        /// Brokers that are alive.
        pub brokers: Vec<DescribeClusterBroker> [0..],
        /// Bit per operation allowed; `i32::MIN` when not asked (KIP-430).
        pub cluster_authorized_operations: i32 [0..] = i32::MIN,
    }
}

wire_struct! {
    /// A broker's address.
    pub struct DescribeClusterBroker {
        /// Broker.
        pub broker_id: i32 [0..],
        /// Host.
        pub host: String [0..],
        /// Port.
        pub port: i32 [0..],
        /// Rack, if known.
        pub rack: Option<String> [0..],
        /// Whether it is fenced.
        pub is_fenced: bool [2..],
    }
}
