//! ListGroups: the groups that a broker coordinates.

use super::pair;
use crate::error_code::ErrorCode;
use crate::sequence::Sequence;
use crate::wire::wire_struct;

pair!(ListGroupsRequest => ListGroupsResponse, ListGroups, versions 0..=5, flexible 3);

wire_struct! {
    /// Which groups are of interest.
    pub struct ListGroupsRequest {
        /// Only groups in these states; empty means all (KIP-518).
        pub states_filter: Vec<String> [4..],
        /// Only groups of these types; empty means all (KIP-848).
        pub types_filter: Vec<String> [5..],
    }
}

wire_struct! {
    /// The groups.
    pub struct ListGroupsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [1..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Groups that this broker coordinates.
        pub groups: Sequence<ListedGroup> [0..],
    }
}

wire_struct! {
    /// A group.
    pub struct ListedGroup {
        /// Group.
        pub group_id: String [0..],
        /// Kind of group: `consumer`, `connect` or one's own.
        pub protocol_type: String [0..],
        /// Its state, such as `Stable`; `Dead` when there is none.
        pub group_state: String [4..],
        /// `classic`, `consumer`, `share` or `streams`.
        pub group_type: String [5..],
    }
}
