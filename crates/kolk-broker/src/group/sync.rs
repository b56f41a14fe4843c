//! SyncGroup and Heartbeat.

use super::classic::{Group, Turn};
use super::member::MemberRef;
use super::state::GroupState;
use super::ticket::Reply;
use bytes::Bytes;
use kolk_wire::ErrorCode;

/// A SyncGroup request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRequest {
    /// Who asks.
    pub member: MemberRef,
    /// What it takes for the group's protocol type (v5+).
    pub protocol_type: Option<String>,
    /// What it takes for the group's protocol (v5+).
    pub protocol: Option<String>,
    /// From the leader: assignments by member id.
    pub assignments: Vec<(String, Bytes)>,
}

/// The answer to a SyncGroup request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncReply {
    /// Whether there is an assignment.
    pub error: ErrorCode,
    /// The group's protocol type (v5+).
    pub protocol_type: Option<String>,
    /// The group's protocol (v5+).
    pub protocol: Option<String>,
    /// The member's assignment; empty when the leader gave it none.
    pub assignment: Bytes,
}

impl SyncReply {
    /// An answer without an assignment.
    #[must_use]
    pub fn refused(error: ErrorCode) -> Self {
        Self { error, protocol_type: None, protocol: None, assignment: Bytes::new() }
    }
}

impl Group {
    pub(super) fn sync(&mut self, turn: &mut Turn<'_>, request: SyncRequest) -> Reply<SyncReply> {
        if let Err(error) = self.check_sync(&request) {
            return Reply::Now(SyncReply::refused(error));
        }
        let id = &request.member.member_id;
        match self.state {
            GroupState::Empty | GroupState::Dead => {
                Reply::Now(SyncReply::refused(ErrorCode::UNKNOWN_MEMBER_ID))
            }
            GroupState::PreparingRebalance => {
                Reply::Now(SyncReply::refused(ErrorCode::REBALANCE_IN_PROGRESS))
            }
            GroupState::CompletingRebalance => {
                let ticket = turn.tickets.open();
                self.synced(id);
                let older = self.members.get_mut(id).and_then(|m| m.syncing.replace(ticket));
                if let Some(older) = older {
                    let reply = SyncReply::refused(ErrorCode::REBALANCE_IN_PROGRESS);
                    turn.tickets.answer(older, super::ticket::Answer::Sync(reply));
                }
                if self.is_leader(id) {
                    self.assign(turn, request.assignments);
                }
                Reply::Wait(ticket)
            }
            GroupState::Stable => {
                self.synced(id);
                let (protocol_type, protocol) = (self.protocol_type.clone(), self.protocol.clone());
                let member = self.members.get_mut(id);
                let assignment = member.map(|member| {
                    member.heard_of(turn.now_ms);
                    member.assignment.clone()
                });
                let assignment = assignment.unwrap_or_default();
                Reply::Now(SyncReply {
                    error: ErrorCode::NONE,
                    protocol_type,
                    protocol,
                    assignment,
                })
            }
        }
    }

    fn check_sync(&self, request: &SyncRequest) -> Result<(), ErrorCode> {
        self.check_member(&request.member.member_id, request.member.instance_id.as_deref())?;
        if request.member.generation != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let differs = |theirs: &Option<String>, ours: &Option<String>| {
            theirs.is_some() && ours.is_some() && theirs != ours
        };
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol, &self.protocol)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        Ok(())
    }

    fn assign(&mut self, turn: &mut Turn<'_>, assignments: Vec<(String, Bytes)>) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
        }
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                // The bytes of a request are slices of its frame: a copy lets go of the frame.
                member.assignment = Bytes::copy_from_slice(&assignment);
            }
        }
        self.enter(GroupState::Stable, turn.now_ms);
        self.persist(turn);
        self.answer_syncs(turn, ErrorCode::NONE);
    }

    pub(super) fn heartbeat(&mut self, now_ms: i64, member: &MemberRef) -> ErrorCode {
        if let Err(error) = self.check_member(&member.member_id, member.instance_id.as_deref()) {
            return error;
        }
        if member.generation != self.generation {
            return ErrorCode::ILLEGAL_GENERATION;
        }
        if let Some(member) = self.members.get_mut(&member.member_id) {
            member.heard_of(now_ms);
        }
        match self.state {
            GroupState::Empty | GroupState::Dead => ErrorCode::UNKNOWN_MEMBER_ID,
            GroupState::PreparingRebalance => ErrorCode::REBALANCE_IN_PROGRESS,
            GroupState::CompletingRebalance | GroupState::Stable => ErrorCode::NONE,
        }
    }
}
