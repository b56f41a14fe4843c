//! DescribeGroups: state and members of groups.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;
use bytes::Bytes;

pair!(DescribeGroupsRequest => DescribeGroupsResponse, DescribeGroups, versions 0..=6, flexible 5);

wire_struct! {
    /// Which groups.
    pub struct DescribeGroupsRequest {
        /// Groups.
        pub groups: Vec<String> [0..],
        /// Ask what the client may do with each.
        pub include_authorized_operations: bool [3..],
    }
}

wire_struct! {
    /// The groups.
    pub struct DescribeGroupsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [1..],
        /// By group.
        pub groups: Vec<DescribedGroup> [0..],
    }
}

wire_struct! {
    /// A group.
    pub struct DescribedGroup {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// What went wrong, for people.
        pub error_message: Option<String> [6..],
        /// Group.
        pub group_id: String [0..],
        /// Its state, such as `Stable`; `Dead` when there is none.
        pub group_state: String [0..],
        /// Kind of group: `consumer`, `connect` or one's own.
        pub protocol_type: String [0..],
        /// Assignor that the group chose.
        pub protocol_data: String [0..],
        /// Its members.
        pub members: Vec<DescribedGroupMember> [0..],
        /// Bit per operation allowed; `i32::MIN` when not asked (KIP-430).
        pub authorized_operations: i32 [3..] = i32::MIN,
    }
}

wire_struct! {
    /// A member.
    pub struct DescribedGroupMember {
        /// Member, as the coordinator named it; empty for one that is new.
        pub member_id: String [0..],
        /// The member's own lasting name, for static membership (KIP-345).
        pub group_instance_id: Option<String> [4..],
        /// The member's client id.
        pub client_id: String [0..],
        /// Where it connects from.
        pub client_host: String [0..],
        /// What the member said when it joined.
        pub member_metadata: Bytes [0..],
        /// What the member got.
        pub member_assignment: Bytes [0..],
    }
}
