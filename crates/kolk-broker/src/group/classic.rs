//! One group: who is in it, and what may be asked of it. How it moves between its states: `rebalance.rs`.

use super::entry::{GroupEntry, GroupImage, MemberImage};
use super::join::JoinReply;
use super::member::{Client, Member};
use super::offset::Offsets;
use super::settings::GroupSettings;
use super::state::GroupState;
use super::subscription;
use super::sync::SyncReply;
use super::ticket::{Answer, Tickets};
use kolk_wire::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};

/// What one call works with besides the group: the time, the settings, and where answers and entries go.
pub(super) struct Turn<'a> {
    pub(super) now_ms: i64,
    pub(super) settings: &'a GroupSettings,
    pub(super) tickets: &'a mut Tickets,
    pub(super) entries: &'a mut Vec<GroupEntry>,
}

/// A first rebalance that waits for more members than the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Initial {
    pub(super) remaining_ms: i64,
    pub(super) grown: bool,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) state: GroupState,
    pub(super) state_since_ms: i64,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// Member ids by `group.instance.id`.
    pub(super) instances: BTreeMap<String, String>,
    /// Ids handed out with MEMBER_ID_REQUIRED and not used yet, with the time until which they are kept.
    pub(super) invited: BTreeMap<String, i64>,
    /// Members of this generation that have not asked for their assignment yet.
    pub(super) unsynced: BTreeSet<String>,
    pub(super) join_deadline_ms: Option<i64>,
    pub(super) sync_deadline_ms: Option<i64>,
    pub(super) initial: Option<Initial>,
    /// Topics that the members read, as far as that can be told from their subscriptions.
    pub(super) topics: Option<BTreeSet<String>>,
    pub(super) offsets: Offsets,
}

impl Group {
    pub(super) fn new(id: &str, now_ms: i64) -> Self {
        Self {
            id: id.to_owned(),
            state: GroupState::Empty,
            state_since_ms: now_ms,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            invited: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            join_deadline_ms: None,
            sync_deadline_ms: None,
            initial: None,
            topics: None,
            offsets: Offsets::default(),
        }
    }

    /// The members and the generation as the journal last saw them: whoever was in it is in it again, with a full session
    /// time-out from [`super::Groups::start`] on.
    pub(super) fn restore(&mut self, image: GroupImage) {
        self.state = if image.members.is_empty() { GroupState::Empty } else { GroupState::Stable };
        self.state_since_ms = image.state_since_ms;
        self.generation = image.generation;
        self.protocol_type = image.protocol_type;
        self.protocol = image.protocol;
        self.leader = image.leader;
        self.instances.clear();
        self.members.clear();
        for member in image.members {
            if let Some(instance) = &member.instance_id {
                self.instances.insert(instance.clone(), member.id.clone());
            }
            let restored = Member {
                id: member.id.clone(),
                instance_id: member.instance_id,
                client: Client { id: member.client_id, host: member.client_host },
                session_timeout_ms: member.session_timeout_ms,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                protocols: member.protocols,
                assignment: member.assignment,
                joining: None,
                syncing: None,
                is_new: false,
                expires_at_ms: 0,
            };
            self.members.insert(member.id, restored);
        }
        self.topics = self.subscribed_topics();
    }

    pub(super) fn image(&self) -> GroupImage {
        let member = |member: &Member| MemberImage {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client.id.clone(),
            client_host: member.client.host.clone(),
            session_timeout_ms: member.session_timeout_ms,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            protocols: member.protocols.clone(),
            assignment: member.assignment.clone(),
        };
        GroupImage {
            group_id: self.id.clone(),
            state_since_ms: self.state_since_ms,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: self.members.values().map(member).collect(),
        }
    }

    pub(super) fn persist(&self, turn: &mut Turn<'_>) {
        turn.entries.push(GroupEntry::Group(self.image()));
    }

    pub(super) fn enter(&mut self, state: GroupState, now_ms: i64) {
        debug_assert!(self.state.may_become(state), "{}: {} -> {state}", self.id, self.state);
        self.state = state;
        self.state_since_ms = now_ms;
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Whether `member_id` is in the group, and still stands for its `group.instance.id`.
    pub(super) fn check_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.instances.get(instance_id) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(current) if current != member_id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) {
            Ok(())
        } else {
            Err(ErrorCode::UNKNOWN_MEMBER_ID)
        }
    }

    /// Removes a member, answering whatever it waits for with `why`. The rebalance that follows is the caller's business.
    pub(super) fn remove(&mut self, turn: &mut Turn<'_>, member_id: &str, why: ErrorCode) {
        let Some(member) = self.members.remove(member_id) else { return };
        if let Some(ticket) = member.joining {
            turn.tickets.answer(ticket, Answer::Join(JoinReply::refused(why, member_id)));
        }
        if let Some(ticket) = member.syncing {
            turn.tickets.answer(ticket, Answer::Sync(SyncReply::refused(why)));
        }
        if let Some(instance) = &member.instance_id
            && self.instances.get(instance).is_some_and(|current| current == member_id)
        {
            self.instances.remove(instance);
        }
        self.unsynced.remove(member_id);
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    /// Whether a member that offers `protocols` of `protocol_type` can live with all the others.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[super::Protocol]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|offered| self.all_support(&offered.name))
    }

    fn all_support(&self, protocol: &str) -> bool {
        self.members.values().all(|member| member.supports(protocol))
    }

    /// The protocol with the most votes; each member votes for the first of its own that all support. Between equals
    /// the one that the leader likes better.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let choice = member.protocols.iter().find(|offered| self.all_support(&offered.name));
            if let Some(choice) = choice {
                *votes.entry(&choice.name).or_default() += 1;
            }
        }
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        let rank = |name: &str| {
            let protocols = leader.map(|leader| leader.protocols.as_slice()).unwrap_or_default();
            protocols.iter().position(|offered| offered.name == name).unwrap_or(usize::MAX)
        };
        let best = votes.into_iter().min_by_key(|&(name, votes)| (usize::MAX - votes, rank(name)));
        best.map(|(name, _)| name.to_owned())
    }

    /// `None` unless it is a consumer group whose subscriptions can be read.
    pub(super) fn subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if self.protocol_type.as_deref() != Some(subscription::CONSUMER) || self.members.is_empty()
        {
            return None;
        }
        subscription::topics(self.members.values(), self.protocol.as_deref()?)
    }

    /// Whether offsets of `topic` are in use: in doubt a consumer group uses all topics.
    pub(super) fn reads(&self, topic: &str) -> bool {
        if self.members.is_empty() {
            return false;
        }
        match &self.topics {
            Some(topics) => topics.contains(topic),
            None => self.protocol_type.as_deref() == Some(subscription::CONSUMER),
        }
    }
}
