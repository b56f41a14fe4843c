//! DescribeGroups, ListGroups, DeleteGroups: groups as administrators see them.

use super::operations::{self, GROUP_OPERATIONS};
use super::{Context, Handle};
use crate::group::{CLASSIC, GroupDescription, GroupState, ListFilter};
use kolk_wire::ErrorCode;
use kolk_wire::message::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use kolk_wire::message::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use kolk_wire::message::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

/// From this version on a group that does not exist is an error (KIP-1043); before it is `Dead`.
const NOT_FOUND_FROM: i16 = 6;

impl Handle for DescribeGroupsRequest {
    fn handle(self, context: &Context<'_>) -> Option<DescribeGroupsResponse> {
        let authorized_operations =
            operations::told(self.include_authorized_operations, GROUP_OPERATIONS);
        let describe = |group_id: String| {
            let description = context.state.groups().groups.describe(&group_id);
            DescribedGroup {
                authorized_operations,
                ..described(context.version, group_id, description)
            }
        };
        let groups = self.groups.into_iter().map(describe).collect();
        Some(DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() })
    }
}

fn described(version: i16, group_id: String, group: GroupDescription) -> DescribedGroup {
    let missing = group.state == GroupState::Dead && version >= NOT_FOUND_FROM;
    let member = |member: crate::group::MemberDescription| DescribedGroupMember {
        member_id: member.member_id,
        group_instance_id: member.instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    };
    DescribedGroup {
        error_code: if missing { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::NONE },
        error_message: missing.then(|| format!("Group {group_id} not found.")),
        group_id,
        group_state: group.state.name().to_owned(),
        protocol_type: group.protocol_type,
        protocol_data: group.protocol,
        members: group.members.into_iter().map(member).collect(),
        ..DescribedGroup::default()
    }
}

impl Handle for ListGroupsRequest {
    fn handle(self, context: &Context<'_>) -> Option<ListGroupsResponse> {
        let filter = ListFilter { states: self.states_filter, types: self.types_filter };
        let groups = context.state.groups().groups.list(&filter);
        let listed = groups.into_iter().map(|group| ListedGroup {
            group_id: group.group_id,
            protocol_type: group.protocol_type,
            group_state: group.state.name().to_owned(),
            group_type: CLASSIC.to_owned(),
        });
        Some(ListGroupsResponse { groups: listed.collect(), ..ListGroupsResponse::default() })
    }
}

impl Handle for DeleteGroupsRequest {
    fn handle(self, context: &Context<'_>) -> Option<DeleteGroupsResponse> {
        let delete = |group_id: String| {
            let deleted = context.state.with_groups(|groups| groups.delete(&group_id));
            DeletableGroupResult { group_id, error_code: deleted.unwrap_or_else(|error| error) }
        };
        let results = self.groups_names.into_iter().map(delete).collect();
        Some(DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() })
    }
}
