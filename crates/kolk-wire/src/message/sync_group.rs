//! SyncGroup: the leader hands in the assignment, each member takes its part.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;
use bytes::Bytes;

pair!(SyncGroupRequest => SyncGroupResponse, SyncGroup, versions 0..=5, flexible 4);

wire_struct! {
    /// Asks for the member's assignment.
    pub struct SyncGroupRequest {
        /// Group.
        pub group_id: String [0..],
        /// Generation of the group.
        pub generation_id: i32 [0..],
        /// Member, as the coordinator named it; empty for one that is new.
        pub member_id: String [0..],
        /// The member's own lasting name, for static membership (KIP-345).
        pub group_instance_id: Option<String> [3..],
        /// Kind of group: `consumer`, `connect` or one's own.
        pub protocol_type: Option<String> [5..],
        /// Assignor that the group chose.
        pub protocol_name: Option<String> [5..],
        /// From the leader: what each member gets.
        pub assignments: Vec<SyncGroupRequestAssignment> [0..],
    }
}

wire_struct! {
    /// What one member gets.
    pub struct SyncGroupRequestAssignment {
        /// Member, as the coordinator named it; empty for one that is new.
        pub member_id: String [0..],
        /// What the member gets.
        pub assignment: Bytes [0..],
    }
}

wire_struct! {
    /// The member's assignment.
    pub struct SyncGroupResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [1..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Kind of group: `consumer`, `connect` or one's own.
        pub protocol_type: Option<String> [5..],
        /// Assignor that the group chose.
        pub protocol_name: Option<String> [5..],
        /// What the member gets.
        pub assignment: Bytes [0..],
    }
}
