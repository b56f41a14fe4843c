//! LeaveGroup: members leave a group (several at once: KIP-345).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(LeaveGroupRequest => LeaveGroupResponse, LeaveGroup, versions 0..=5, flexible 4);

wire_struct! {
    /// Who leaves.
    pub struct LeaveGroupRequest {
        /// Group.
        pub group_id: String [0..],
        /// Member that leaves, up to version 2.
        pub member_id: String [0..=2],
        /// Members that leave, from version 3 on.
        pub members: Vec<MemberIdentity> [3..],
    }
}

wire_struct! {
    /// A member that leaves.
    pub struct MemberIdentity {
        /// Member, as the coordinator named it; empty for one that is new.
        pub member_id: String [3..],
        /// The member's own lasting name, for static membership (KIP-345).
        pub group_instance_id: Option<String> [3..],
        /// Why, for people (KIP-800).
        pub reason: Option<String> [5..],
    }
}

wire_struct! {
    /// What became of it.
    pub struct LeaveGroupResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [1..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// By member, from version 3 on.
        pub members: Vec<MemberResponse> [3..],
    }
}

wire_struct! {
    /// What became of one member.
    pub struct MemberResponse {
        /// Member, as the coordinator named it; empty for one that is new.
        pub member_id: String [3..],
        /// The member's own lasting name, for static membership (KIP-345).
        pub group_instance_id: Option<String> [3..],
        /// Whether it went well.
        pub error_code: ErrorCode [3..],
    }
}
