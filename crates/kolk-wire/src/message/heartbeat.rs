//! Heartbeat: a member says that it lives, and learns of rebalances.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(HeartbeatRequest => HeartbeatResponse, Heartbeat, versions 0..=4, flexible 4);

wire_struct! {
    /// A sign of life.
    pub struct HeartbeatRequest {
        /// Group.
        pub group_id: String [0..],
        /// Generation of the group.
        pub generation_id: i32 [0..],
        /// Member, as the coordinator named it; empty for one that is new.
        pub member_id: String [0..],
        /// The member's own lasting name, for static membership (KIP-345).
        pub group_instance_id: Option<String> [3..],
    }
}

wire_struct! {
    /// Whether the member still belongs to the generation.
    pub struct HeartbeatResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [1..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
    }
}
