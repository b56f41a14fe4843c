//! FindCoordinator: which broker looks after a group or a transactional id.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(FindCoordinatorRequest => FindCoordinatorResponse, FindCoordinator, versions 0..=6, flexible 3);

wire_struct! {
    /// Whose coordinator is wanted.
    pub struct FindCoordinatorRequest {
        /// Group or transactional id, up to version 3.
        pub key: String [0..=3],
        /// 0 group, 1 transaction, 2 share.
        pub key_type: i8 [1..],
        /// Groups or transactional ids, from version 4 on (KIP-699).
        pub coordinator_keys: Vec<String> [4..],
    }
}

wire_struct! {
    /// The coordinator, or one for each key.
    pub struct FindCoordinatorResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [1..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..=3],
        /// What went wrong, for people.
        pub error_message: Option<String> [1..=3],
        /// Broker.
        pub node_id: i32 [0..=3],
        /// Host.
        pub host: String [0..=3],
        /// Port.
        pub port: i32 [0..=3],
        /// By key, from version 4 on.
        pub coordinators: Vec<Coordinator> [4..],
    }
}

wire_struct! {
    /// The coordinator of one key.
    pub struct Coordinator {
        /// Group or transactional id.
        pub key: String [4..],
        /// Broker.
        pub node_id: i32 [4..],
        /// Host.
        pub host: String [4..],
        /// Port.
        pub port: i32 [4..],
        /// Whether it went well.
        pub error_code: ErrorCode [4..],
        /// What went wrong, for people.
        pub error_message: Option<String> [4..],
    }
}
