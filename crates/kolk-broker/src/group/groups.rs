//! All groups of the broker: finds the group that a request is about, and answers for those that do not exist.

use super::classic::{Group, Turn};
use super::commit::{CommitKind, OffsetToCommit};
use super::describe::{GroupDescription, GroupListing, ListFilter};
use super::entry::GroupEntry;
use super::fetch::{self, FetchOffsets, FetchedOffset};
use super::join::{JoinReply, JoinRequest};
use super::leave::Leaving;
use super::member::MemberRef;
use super::settings::GroupSettings;
use super::state::GroupState;
use super::sync::{SyncReply, SyncRequest};
use super::ticket::{Answer, Reply, Ticket, Tickets};
use crate::transaction::{Producer, TopicPartition, TransactionResult};
use kolk_wire::ErrorCode;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The group coordinator. How to use it: see the [module](super).
#[derive(Debug)]
pub struct Groups {
    pub(super) settings: GroupSettings,
    pub(super) groups: BTreeMap<String, Group>,
    tickets: Tickets,
    pub(super) entries: Vec<GroupEntry>,
    /// State of the generator of member ids.
    random: u64,
    pub(super) next_expiry_ms: Option<i64>,
}

impl Groups {
    /// No groups yet. `seed` should be random: member ids follow from it.
    #[must_use]
    pub fn new(settings: GroupSettings, seed: u64) -> Self {
        Self {
            settings,
            groups: BTreeMap::new(),
            tickets: Tickets::default(),
            entries: Vec::new(),
            random: seed,
            next_expiry_ms: None,
        }
    }

    /// The next moment at which [`Self::tick`] has something to do.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let groups = self.groups.values().filter_map(Group::next_deadline_ms);
        groups.chain(self.next_expiry_ms).min()
    }

    /// Does all that is due by now: sessions, rebalance time-outs, offset expiry.
    pub fn tick(&mut self, now_ms: i64) {
        let (groups, mut turn) = self.turn(now_ms);
        for group in groups.values_mut() {
            group.tick(&mut turn);
        }
        if self.next_expiry_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.expire_offsets(now_ms);
        }
    }

    fn expire_offsets(&mut self, now_ms: i64) {
        self.next_expiry_ms = Some(now_ms + self.settings.offsets_retention_check_interval_ms);
        let (groups, mut turn) = self.turn(now_ms);
        groups.retain(|group_id, group| {
            let dead = group.expire_offsets(&mut turn);
            if dead {
                turn.entries.push(GroupEntry::GroupDropped { group_id: group_id.clone() });
            }
            !dead
        });
    }

    /// Nobody waits for this answer any more.
    pub fn abandon(&mut self, ticket: Ticket) {
        self.tickets.abandon(ticket);
    }

    /// Answers everybody who waits with `COORDINATOR_NOT_AVAILABLE`.
    pub fn shut_down(&mut self) {
        let error = ErrorCode::COORDINATOR_NOT_AVAILABLE;
        for member in self.groups.values_mut().flat_map(|group| group.members.values_mut()) {
            if let Some(ticket) = member.joining.take() {
                self.tickets.answer(ticket, Answer::Join(JoinReply::refused(error, &member.id)));
            }
            if let Some(ticket) = member.syncing.take() {
                self.tickets.answer(ticket, Answer::Sync(SyncReply::refused(error)));
            }
        }
    }

    fn turn(&mut self, now_ms: i64) -> (&mut BTreeMap<String, Group>, Turn<'_>) {
        let Self { settings, groups, tickets, entries, .. } = self;
        (groups, Turn { now_ms, settings, tickets, entries })
    }

    /// JoinGroup.
    pub fn join(&mut self, now_ms: i64, request: JoinRequest) -> Reply<JoinReply> {
        let refused = |error, id: &str| Reply::Now(JoinReply::refused(error, id));
        if request.group_id.is_empty() {
            return refused(ErrorCode::INVALID_GROUP_ID, &request.member_id);
        }
        let bounds = self.settings.session_timeout_ms_min..=self.settings.session_timeout_ms_max;
        if !bounds.contains(&request.session_timeout_ms) {
            return refused(ErrorCode::INVALID_SESSION_TIMEOUT, &request.member_id);
        }
        if !self.groups.contains_key(&request.group_id) {
            if !request.member_id.is_empty() {
                return refused(ErrorCode::UNKNOWN_MEMBER_ID, &request.member_id);
            }
            let group = Group::new(&request.group_id, now_ms);
            self.entries.push(GroupEntry::Group(group.image()));
            self.groups.insert(request.group_id.clone(), group);
        }
        let fresh_id = if request.member_id.is_empty() {
            self.member_id(request.instance_id.as_deref().unwrap_or(&request.client.id))
        } else {
            String::new()
        };
        let (groups, mut turn) = self.turn(now_ms);
        let Some(group) = groups.get_mut(&request.group_id) else {
            return refused(ErrorCode::UNKNOWN_SERVER_ERROR, &request.member_id);
        };
        let reply = group.join(&mut turn, request, fresh_id);
        match reply {
            Reply::Wait(ticket) => self.take_join(ticket).map_or(Reply::Wait(ticket), Reply::Now),
            now @ Reply::Now(_) => now,
        }
    }

    /// The answer to a JoinGroup that had to wait, as soon as there is one; the ticket is gone then.
    pub fn take_join(&mut self, ticket: Ticket) -> Option<JoinReply> {
        self.tickets.take_join(ticket)
    }

    /// Whether somebody who waits could fetch an answer now.
    #[must_use]
    pub fn has_answers(&self) -> bool {
        self.tickets.has_answers()
    }

    /// SyncGroup.
    pub fn sync(&mut self, now_ms: i64, request: SyncRequest) -> Reply<SyncReply> {
        let refused = |error| Reply::Now(SyncReply::refused(error));
        if request.member.group_id.is_empty() {
            return refused(ErrorCode::INVALID_GROUP_ID);
        }
        let (groups, mut turn) = self.turn(now_ms);
        let Some(group) = groups.get_mut(&request.member.group_id) else {
            return refused(ErrorCode::UNKNOWN_MEMBER_ID);
        };
        match group.sync(&mut turn, request) {
            Reply::Wait(ticket) => self.take_sync(ticket).map_or(Reply::Wait(ticket), Reply::Now),
            now @ Reply::Now(_) => now,
        }
    }

    /// The answer to a SyncGroup that had to wait, as soon as there is one; the ticket is gone then.
    pub fn take_sync(&mut self, ticket: Ticket) -> Option<SyncReply> {
        self.tickets.take_sync(ticket)
    }

    /// Heartbeat.
    pub fn heartbeat(&mut self, now_ms: i64, member: &MemberRef) -> ErrorCode {
        if member.group_id.is_empty() {
            return ErrorCode::INVALID_GROUP_ID;
        }
        match self.groups.get_mut(&member.group_id) {
            Some(group) => group.heartbeat(now_ms, member),
            None => ErrorCode::UNKNOWN_MEMBER_ID,
        }
    }

    /// LeaveGroup: an answer for each one who leaves. Up to v2 the one answer is the response's own.
    ///
    /// # Errors
    /// `INVALID_GROUP_ID`, for the whole request.
    pub fn leave(
        &mut self,
        now_ms: i64,
        group_id: &str,
        leaving: &[Leaving],
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let (groups, mut turn) = self.turn(now_ms);
        match groups.get_mut(group_id) {
            Some(group) => Ok(group.leave(&mut turn, leaving)),
            None => Ok(vec![ErrorCode::UNKNOWN_MEMBER_ID; leaving.len()]),
        }
    }

    /// ListGroups.
    #[must_use]
    pub fn list(&self, filter: &ListFilter) -> Vec<GroupListing> {
        let groups = self.groups.values().filter(|group| filter.accepts(group));
        groups.map(Group::listing).collect()
    }

    /// Whether there is a group of this id.
    #[must_use]
    pub fn contains(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    /// DescribeGroups, for one group.
    #[must_use]
    pub fn describe(&self, group_id: &str) -> GroupDescription {
        self.groups.get(group_id).map_or_else(GroupDescription::dead, Group::describe)
    }

    /// DeleteGroups, for one group: `GROUP_ID_NOT_FOUND` or `NON_EMPTY_GROUP` when it cannot be.
    pub fn delete(&mut self, group_id: &str) -> ErrorCode {
        match self.groups.get(group_id) {
            None => ErrorCode::GROUP_ID_NOT_FOUND,
            Some(group) if group.state != GroupState::Empty => ErrorCode::NON_EMPTY_GROUP,
            Some(_) => {
                self.groups.remove(group_id);
                self.entries.push(GroupEntry::GroupDropped { group_id: group_id.to_owned() });
                ErrorCode::NONE
            }
        }
    }

    /// OffsetCommit: an answer for each offset.
    ///
    /// # Errors
    /// For every offset alike: `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`, `REBALANCE_IN_PROGRESS`.
    pub fn commit(
        &mut self,
        now_ms: i64,
        member: &MemberRef,
        offsets: Vec<OffsetToCommit>,
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        self.commit_as(now_ms, member, CommitKind::Plain, offsets)
    }

    /// TxnOffsetCommit: the offsets are pending until [`Self::complete_transaction`]. The server has asked the
    /// transaction coordinator first, and keeps its lock until this has returned: else the transaction may end between.
    ///
    /// # Errors
    /// As for [`Self::commit`], and `INVALID_GROUP_ID`.
    pub fn commit_in_transaction(
        &mut self,
        now_ms: i64,
        member: &MemberRef,
        producer: Producer,
        offsets: Vec<OffsetToCommit>,
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        if member.group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        self.commit_as(now_ms, member, CommitKind::InTransaction(producer), offsets)
    }

    fn commit_as(
        &mut self,
        now_ms: i64,
        member: &MemberRef,
        kind: CommitKind,
        offsets: Vec<OffsetToCommit>,
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        if !self.groups.contains_key(&member.group_id) {
            if member.generation >= 0 {
                return Err(ErrorCode::ILLEGAL_GENERATION);
            }
            let group = Group::new(&member.group_id, now_ms);
            group.check_commit(member, kind)?;
            self.groups.insert(member.group_id.clone(), group);
        }
        let (groups, mut turn) = self.turn(now_ms);
        let Some(group) = groups.get_mut(&member.group_id) else {
            return Err(ErrorCode::UNKNOWN_SERVER_ERROR);
        };
        group.check_commit(member, kind)?;
        Ok(group.commit(&mut turn, member, kind, offsets))
    }

    /// The transaction of `producer` has ended: its offsets count from now on, or are forgotten. May be repeated.
    pub fn complete_transaction(
        &mut self,
        group_id: &str,
        producer: Producer,
        result: TransactionResult,
    ) {
        let Some(group) = self.groups.get_mut(group_id) else { return };
        if group.offsets.end_transaction(producer.id, result) {
            let (group_id, producer_id) = (group_id.to_owned(), producer.id);
            self.entries.push(GroupEntry::TransactionEnded { group_id, producer_id, result });
        }
    }

    /// OffsetFetch, for one group.
    #[must_use]
    pub fn fetch(&self, request: &FetchOffsets) -> Vec<FetchedOffset> {
        fetch::fetch(self.groups.get(&request.group_id), request)
    }

    /// OffsetDelete: an answer for each partition, `GROUP_SUBSCRIBED_TO_TOPIC` where it is in use.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, or `NON_EMPTY_GROUP` for a group of which cannot be told what it reads.
    pub fn delete_offsets(
        &mut self,
        now_ms: i64,
        group_id: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        let (groups, mut turn) = self.turn(now_ms);
        let group = groups.get_mut(group_id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        let consumers = group.protocol_type.as_deref() == Some(super::subscription::CONSUMER);
        if group.state != GroupState::Empty && !consumers {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        let (kept, dropped): (Vec<_>, Vec<_>) =
            partitions.iter().cloned().partition(|partition| group.reads(&partition.topic));
        group.drop_offsets(&mut turn, dropped);
        let answer = |partition| match kept.contains(partition) {
            true => ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC,
            false => ErrorCode::NONE,
        };
        Ok(partitions.iter().map(answer).collect())
    }

    /// The topic was deleted: no group has offsets of it any more.
    pub fn forget_topic(&mut self, now_ms: i64, topic: &str) {
        let (groups, mut turn) = self.turn(now_ms);
        for group in groups.values_mut() {
            let partitions = group.offsets.partitions_of(topic);
            group.drop_offsets(&mut turn, partitions);
        }
    }

    /// `NAME-xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx`, as Kafka forms member ids.
    fn member_id(&mut self, name: &str) -> String {
        let bits = u128::from(self.random()) << 64 | u128::from(self.random());
        let bits = bits & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let mut id = String::with_capacity(name.len() + 37);
        id.push_str(name);
        for (index, digit) in format!("{bits:032x}").chars().enumerate() {
            if matches!(index, 0 | 8 | 12 | 16 | 20) {
                id.push('-');
            }
            let _ = id.write_char(digit);
        }
        id
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
