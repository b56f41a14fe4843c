//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup: members of groups come, work and go.

use super::{Context, Handle};
use crate::group::{
    Client, JoinReply, JoinRequest, Leaving, MemberRef, Protocol, Reply, SyncReply, SyncRequest,
    Ticket,
};
use kolk_wire::ErrorCode;
use kolk_wire::message::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use kolk_wire::message::join_group::{
    JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember,
};
use kolk_wire::message::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};
use kolk_wire::message::sync_group::{SyncGroupRequest, SyncGroupResponse};

/// From this version on an absent protocol name is null (KIP-559); before it is empty.
const NULL_PROTOCOL_FROM: i16 = 7;
/// From this version on several members may leave at once (KIP-345).
const BATCHED_LEAVE_FROM: i16 = 3;

impl Handle for JoinGroupRequest {
    fn handle(self, context: &Context<'_>) -> Option<JoinGroupResponse> {
        let member_id = self.member_id.clone();
        let request = join_request(self, context);
        let (reply, saved) =
            context.state.with_members(|groups| groups.join(context.state.steady_ms(), request));
        let reply = answer(context, (reply, saved), |groups, ticket| groups.take_join(ticket));
        let reply = reply.unwrap_or_else(|error| JoinReply::refused(error, &member_id));
        let protocol_name = match reply.protocol {
            None if context.version < NULL_PROTOCOL_FROM => Some(String::new()),
            protocol => protocol,
        };
        let member = |member: crate::group::JoinedMember| JoinGroupResponseMember {
            member_id: member.member_id,
            group_instance_id: member.instance_id,
            metadata: member.metadata,
        };
        Some(JoinGroupResponse {
            error_code: reply.error,
            generation_id: reply.generation,
            protocol_type: reply.protocol_type,
            protocol_name,
            leader: reply.leader,
            skip_assignment: reply.skip_assignment,
            member_id: reply.member_id,
            members: reply.members.into_iter().map(member).collect(),
            ..JoinGroupResponse::default()
        })
    }
}

fn join_request(request: JoinGroupRequest, context: &Context<'_>) -> JoinRequest {
    // Version 0 has one time-out for both.
    let rebalance_timeout_ms = if context.version == 0 {
        request.session_timeout_ms
    } else {
        request.rebalance_timeout_ms
    };
    let protocols = request.protocols.into_iter();
    JoinRequest {
        version: context.version,
        client: Client {
            id: context.client_id.clone().unwrap_or_default(),
            host: format!("/{}", context.peer.address.ip()),
        },
        group_id: request.group_id,
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms,
        protocol_type: request.protocol_type,
        protocols: protocols
            .map(|one| Protocol { name: one.name, metadata: one.metadata })
            .collect(),
    }
}

/// The answer, now or when the group has one. It is not given before the journal has what it follows from.
fn answer<T>(
    context: &Context<'_>,
    (reply, saved): (Reply<T>, Result<(), ErrorCode>),
    mut take: impl FnMut(&mut crate::group::Groups, Ticket) -> Option<T>,
) -> Result<T, ErrorCode> {
    match (reply, saved) {
        (Reply::Now(reply), Ok(())) => Ok(reply),
        (Reply::Now(_), Err(error)) => Err(error),
        (Reply::Wait(ticket), Err(error)) => {
            context.state.groups().groups.abandon(ticket);
            Err(error)
        }
        (Reply::Wait(ticket), Ok(())) => {
            let answer = context.state.wait_for_group(|groups| take(groups, ticket));
            answer.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)
        }
    }
}

impl Handle for SyncGroupRequest {
    fn handle(self, context: &Context<'_>) -> Option<SyncGroupResponse> {
        let assignments = self.assignments.into_iter();
        let request = SyncRequest {
            member: MemberRef {
                group_id: self.group_id,
                member_id: self.member_id,
                instance_id: self.group_instance_id,
                generation: self.generation_id,
            },
            protocol_type: self.protocol_type,
            protocol: self.protocol_name,
            assignments: assignments.map(|one| (one.member_id, one.assignment)).collect(),
        };
        let called =
            context.state.with_members(|groups| groups.sync(context.state.steady_ms(), request));
        let reply = answer(context, called, |groups, ticket| groups.take_sync(ticket));
        let reply = reply.unwrap_or_else(SyncReply::refused);
        Some(SyncGroupResponse {
            error_code: reply.error,
            protocol_type: reply.protocol_type,
            protocol_name: reply.protocol,
            assignment: reply.assignment,
            ..SyncGroupResponse::default()
        })
    }
}

impl Handle for HeartbeatRequest {
    fn handle(self, context: &Context<'_>) -> Option<HeartbeatResponse> {
        let member = MemberRef {
            group_id: self.group_id,
            member_id: self.member_id,
            instance_id: self.group_instance_id,
            generation: self.generation_id,
        };
        // A heartbeat changes nothing that is kept, and answers nobody else.
        let error_code =
            context.state.groups().groups.heartbeat(context.state.steady_ms(), &member);
        Some(HeartbeatResponse { error_code, ..HeartbeatResponse::default() })
    }
}

impl Handle for LeaveGroupRequest {
    fn handle(self, context: &Context<'_>) -> Option<LeaveGroupResponse> {
        let batched = context.version >= BATCHED_LEAVE_FROM;
        let leaving: Vec<Leaving> = if batched {
            let members = self.members.into_iter();
            members
                .map(|one| Leaving { member_id: one.member_id, instance_id: one.group_instance_id })
                .collect()
        } else {
            vec![Leaving { member_id: self.member_id, instance_id: None }]
        };
        let now_ms = context.state.steady_ms();
        let (left, saved) =
            context.state.with_members(|groups| groups.leave(now_ms, &self.group_id, &leaving));
        Some(match saved.and(left) {
            Err(error_code) => LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() },
            Ok(errors) if batched => {
                let members =
                    leaving.into_iter().zip(errors).map(|(one, error_code)| MemberResponse {
                        member_id: one.member_id,
                        group_instance_id: one.instance_id,
                        error_code,
                    });
                LeaveGroupResponse { members: members.collect(), ..LeaveGroupResponse::default() }
            }
            Ok(errors) => {
                let error_code = errors.first().copied().unwrap_or(ErrorCode::NONE);
                LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }
            }
        })
    }
}
