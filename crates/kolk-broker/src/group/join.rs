//! JoinGroup.

use super::classic::{Group, Turn};
use super::member::{Client, Member, Protocol};
use super::state::GroupState;
use super::ticket::{Answer, Reply};
use bytes::Bytes;
use kolk_wire::ErrorCode;

/// From this version on a dynamic member first gets an id and joins with it (KIP-394).
const MEMBER_ID_REQUIRED_FROM: i16 = 4;
/// From this version on a leader can be told that the assignment stands (KIP-814).
const SKIP_ASSIGNMENT_FROM: i16 = 9;

/// A JoinGroup request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// Version of the API: some answers depend on it.
    pub version: i16,
    /// Who asks.
    pub client: Client,
    /// Group.
    pub group_id: String,
    /// The id from an earlier answer, or empty.
    pub member_id: String,
    /// `group.instance.id` of a static member (v5+).
    pub instance_id: Option<String>,
    /// Silence after which the member is removed, in milliseconds.
    pub session_timeout_ms: i32,
    /// How long the group waits for this member in a rebalance, in milliseconds; v0 has the session time-out instead.
    pub rebalance_timeout_ms: i32,
    /// `consumer`, `connect`, ...
    pub protocol_type: String,
    /// In order of preference.
    pub protocols: Vec<Protocol>,
}

/// The answer to a JoinGroup request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinReply {
    /// Whether it has joined.
    pub error: ErrorCode,
    /// Generation; −1 with an error.
    pub generation: i32,
    /// Null on the wire (v7+) when `None`.
    pub protocol_type: Option<String>,
    /// The chosen protocol; null on the wire from v7 on when `None`, empty before.
    pub protocol: Option<String>,
    /// The leader's member id.
    pub leader: String,
    /// Whether the leader must not assign (v9+).
    pub skip_assignment: bool,
    /// The member's id.
    pub member_id: String,
    /// All members, for the leader only.
    pub members: Vec<JoinedMember>,
}

impl JoinReply {
    /// An answer to one who has not joined.
    #[must_use]
    pub fn refused(error: ErrorCode, member_id: &str) -> Self {
        Self {
            error,
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members: Vec::new(),
        }
    }
}

/// A member as its leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedMember {
    /// Member id.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// What it said about itself under the chosen protocol.
    pub metadata: Bytes,
}

impl Group {
    /// `fresh_id` is for a member that has none yet.
    pub(super) fn join(
        &mut self,
        turn: &mut Turn<'_>,
        request: JoinRequest,
        fresh_id: String,
    ) -> Reply<JoinReply> {
        // The bytes of a request are slices of its frame: copies let go of the frame.
        let mut request = request;
        for protocol in &mut request.protocols {
            protocol.metadata = Bytes::copy_from_slice(&protocol.metadata);
        }
        let refused = |error, id: &str| Reply::Now(JoinReply::refused(error, id));
        if !self.has_room(&request.member_id, turn.settings.size_max) {
            self.remove(turn, &request.member_id, ErrorCode::GROUP_MAX_SIZE_REACHED);
            self.complete_join_if_all(turn);
            return refused(ErrorCode::GROUP_MAX_SIZE_REACHED, "");
        }
        if !self.supports(&request.protocol_type, &request.protocols) {
            return refused(ErrorCode::INCONSISTENT_GROUP_PROTOCOL, &request.member_id);
        }
        if !request.member_id.is_empty() {
            return self.join_known(turn, request);
        }
        let predecessor =
            request.instance_id.as_ref().and_then(|id| self.instances.get(id)).cloned();
        if let Some(predecessor) = predecessor {
            return self.join_in_place(turn, request, &predecessor, &fresh_id);
        }
        if request.instance_id.is_none() && request.version >= MEMBER_ID_REQUIRED_FROM {
            let until_ms = turn.now_ms + i64::from(request.session_timeout_ms);
            self.invited.insert(fresh_id.clone(), until_ms);
            return refused(ErrorCode::MEMBER_ID_REQUIRED, &fresh_id);
        }
        self.add(turn, request, fresh_id)
    }

    /// `group.max.size`. During a rebalance only those count who have come back, so that the last ones are turned away.
    fn has_room(&self, member_id: &str, size_max: usize) -> bool {
        match self.state {
            GroupState::Empty | GroupState::Dead => true,
            GroupState::PreparingRebalance => {
                let waits = |member: &Member| member.joining.is_some();
                self.members.get(member_id).is_some_and(waits)
                    || self.members.values().filter(|member| waits(member)).count() < size_max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.members.contains_key(member_id) || self.members.len() < size_max
            }
        }
    }

    fn add(&mut self, turn: &mut Turn<'_>, request: JoinRequest, id: String) -> Reply<JoinReply> {
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type);
        }
        if self.leader.is_none() {
            self.leader = Some(id.clone());
        }
        if let Some(instance) = &request.instance_id {
            self.instances.insert(instance.clone(), id.clone());
        }
        if let Some(initial) = &mut self.initial {
            initial.grown = true;
        }
        let ticket = turn.tickets.open();
        let member = Member {
            id: id.clone(),
            instance_id: request.instance_id,
            client: request.client,
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            protocols: request.protocols,
            assignment: Bytes::new(),
            joining: Some(ticket),
            syncing: None,
            is_new: true,
            expires_at_ms: turn.now_ms + turn.settings.new_member_join_timeout_ms,
        };
        self.members.insert(id, member);
        self.rebalance(turn);
        Reply::Wait(ticket)
    }

    fn join_known(&mut self, turn: &mut Turn<'_>, request: JoinRequest) -> Reply<JoinReply> {
        let id = request.member_id.clone();
        if request.instance_id.is_none() && self.invited.remove(&id).is_some() {
            return self.add(turn, request, id);
        }
        if let Err(error) = self.check_member(&id, request.instance_id.as_deref()) {
            return Reply::Now(JoinReply::refused(error, &id));
        }
        let changed =
            self.members.get(&id).is_some_and(|member| member.protocols != request.protocols);
        match self.state {
            // Lost the answer: it is told again.
            GroupState::CompletingRebalance if !changed => Reply::Now(self.present(&id)),
            // Lost the answer, or has nothing new to say. The leader's join always means a rebalance: it may know of
            // changes, such as new partitions, that its own metadata does not show.
            GroupState::Stable if !changed && !self.is_leader(&id) => Reply::Now(self.present(&id)),
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => {
                let ticket = self.update(turn, &id, request);
                self.rebalance(turn);
                Reply::Wait(ticket)
            }
            GroupState::Empty | GroupState::Dead => {
                Reply::Now(JoinReply::refused(ErrorCode::UNKNOWN_MEMBER_ID, &id))
            }
        }
    }

    /// Takes over what the request says about a member; its JoinGroup waits from now on.
    fn update(
        &mut self,
        turn: &mut Turn<'_>,
        id: &str,
        request: JoinRequest,
    ) -> super::ticket::Ticket {
        let ticket = turn.tickets.open();
        if let Some(member) = self.members.get_mut(id) {
            member.protocols = request.protocols;
            member.session_timeout_ms = request.session_timeout_ms;
            member.rebalance_timeout_ms = request.rebalance_timeout_ms;
            member.client = request.client;
            // The same request came before, on a connection that its client has given up.
            if let Some(older) = member.joining.replace(ticket) {
                let reply = JoinReply::refused(ErrorCode::REBALANCE_IN_PROGRESS, id);
                turn.tickets.answer(older, Answer::Join(reply));
            }
        }
        ticket
    }

    /// A static member comes back without its id, after a restart: it takes the place of its former self (KIP-345).
    fn join_in_place(
        &mut self,
        turn: &mut Turn<'_>,
        request: JoinRequest,
        predecessor: &str,
        id: &str,
    ) -> Reply<JoinReply> {
        let version = request.version;
        let former_leader = self.leader.clone();
        self.replace(turn, predecessor, id);
        let ticket = self.update(turn, id, request);
        if self.state != GroupState::Stable {
            // Also while the leader assigns: its assignment would be for the former id.
            self.rebalance(turn);
            return Reply::Wait(ticket);
        }
        if self.select_protocol() != self.protocol {
            self.rebalance(turn);
            return Reply::Wait(ticket);
        }
        turn.tickets.abandon(ticket);
        if let Some(member) = self.members.get_mut(id) {
            member.joining = None;
            member.heard_of(turn.now_ms);
        }
        self.persist(turn);
        let mut reply = self.present(id);
        if version >= SKIP_ASSIGNMENT_FROM {
            reply.skip_assignment = self.is_leader(id);
        } else {
            // It must not take itself for the leader and assign.
            reply.leader = former_leader.unwrap_or_default();
            reply.members = Vec::new();
        }
        Reply::Now(reply)
    }

    /// Gives a static member another id; requests that wait under the former id are fenced.
    fn replace(&mut self, turn: &mut Turn<'_>, former: &str, id: &str) {
        let Some(mut member) = self.members.remove(former) else { return };
        let fenced = ErrorCode::FENCED_INSTANCE_ID;
        if let Some(ticket) = member.joining.take() {
            turn.tickets.answer(ticket, Answer::Join(JoinReply::refused(fenced, former)));
        }
        if let Some(ticket) = member.syncing.take() {
            turn.tickets.answer(ticket, Answer::Sync(super::sync::SyncReply::refused(fenced)));
        }
        if let Some(instance) = &member.instance_id {
            self.instances.insert(instance.clone(), id.to_owned());
        }
        if self.is_leader(former) {
            self.leader = Some(id.to_owned());
        }
        if self.unsynced.remove(former) {
            self.unsynced.insert(id.to_owned());
        }
        member.id = id.to_owned();
        member.heard_of(turn.now_ms);
        self.members.insert(id.to_owned(), member);
    }
}
