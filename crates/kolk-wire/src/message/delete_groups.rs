//! DeleteGroups: deletes groups that have no members (KIP-229).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(DeleteGroupsRequest => DeleteGroupsResponse, DeleteGroups, versions 0..=2, flexible 2);

wire_struct! {
    /// Groups to delete.
    pub struct DeleteGroupsRequest {
        /// Groups.
        pub groups_names: Vec<String> [0..],
    }
}

wire_struct! {
    /// What became of each group.
    pub struct DeleteGroupsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// By group.
        pub results: Vec<DeletableGroupResult> [0..],
    }
}

wire_struct! {
    /// What became of one group.
    pub struct DeletableGroupResult {
        /// Group.
        pub group_id: String [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
    }
}
