//! JoinGroup: enters a group, and waits for the others; the classic protocol.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;
use bytes::Bytes;

pair!(JoinGroupRequest => JoinGroupResponse, JoinGroup, versions 0..=9, flexible 6);

wire_struct! {
    /// Asks to be a member of the next generation.
    pub struct JoinGroupRequest {
        /// Group.
        pub group_id: String [0..],
        /// Without a heartbeat for so long the member is dead, in milliseconds.
        pub session_timeout_ms: i32 [0..],
        /// How long members have to join again, in milliseconds; −1 means the session time-out.
        pub rebalance_timeout_ms: i32 [1..] = -1,
        /// Member, as the coordinator named it; empty for one that is new.
        pub member_id: String [0..],
        /// The member's own lasting name, for static membership (KIP-345).
        pub group_instance_id: Option<String> [5..],
        /// Kind of group: `consumer`, `connect` or one's own.
        pub protocol_type: String [0..],
        /// Assignors that the member knows, the best first.
        pub protocols: Vec<JoinGroupRequestProtocol> [0..],
        /// Why, for people (KIP-800).
        pub reason: Option<String> [8..],
    }
}

wire_struct! {
    /// An assignor that the member knows.
    pub struct JoinGroupRequestProtocol {
        /// Assignor's name.
        pub name: String [0..],
        /// What the leader needs to know of the member, such as its subscription.
        pub metadata: Bytes [0..],
    }
}

wire_struct! {
    /// The new generation.
    pub struct JoinGroupResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [2..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Generation of the group.
        pub generation_id: i32 [0..] = -1,
        /// Kind of group: `consumer`, `connect` or one's own.
        pub protocol_type: Option<String> [7..],
        /// Assignor that the group chose.
        pub protocol_name: Option<String> [0.., null 7..],
        /// Member that assigns.
        pub leader: String [0..],
        /// Whether the leader must leave the assignment as it is (KIP-814).
        pub skip_assignment: bool [9..],
        /// The member's id, to be used from now on.
        pub member_id: String [0..],
        /// For the leader: the members with their metadata.
        pub members: Vec<JoinGroupResponseMember> [0..],
    }
}

wire_struct! {
    /// A member, told to the leader.
    pub struct JoinGroupResponseMember {
        /// Member, as the coordinator named it; empty for one that is new.
        pub member_id: String [0..],
        /// The member's own lasting name, for static membership (KIP-345).
        pub group_instance_id: Option<String> [5..],
        /// What the member said with the chosen assignor.
        pub metadata: Bytes [0..],
    }
}
