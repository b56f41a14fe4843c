//! How a group gets from one generation to the next, by requests and by time.

use super::classic::{Group, Initial, Turn};
use super::join::{JoinReply, JoinedMember};
use super::state::GroupState;
use super::sync::SyncReply;
use super::ticket::Answer;
use kolk_wire::ErrorCode;

impl Group {
    /// After a member came, changed or went: starts a rebalance, or goes on with the one under way.
    pub(super) fn rebalance(&mut self, turn: &mut Turn<'_>) {
        if self.state == GroupState::PreparingRebalance {
            self.complete_join_if_all(turn);
        } else {
            self.prepare(turn);
        }
    }

    fn prepare(&mut self, turn: &mut Turn<'_>) {
        if self.state == GroupState::CompletingRebalance {
            self.answer_syncs(turn, ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.unsynced.clear();
        self.sync_deadline_ms = None;
        let from = self.state;
        self.enter(GroupState::PreparingRebalance, turn.now_ms);
        let patience_ms = self.rebalance_timeout_ms();
        let delay_ms = turn.settings.initial_rebalance_delay_ms.min(patience_ms);
        if from != GroupState::Empty {
            self.join_deadline_ms = Some(turn.now_ms + patience_ms);
            self.complete_join_if_all(turn);
        } else if delay_ms > 0 {
            self.initial = Some(Initial { remaining_ms: patience_ms - delay_ms, grown: false });
            self.join_deadline_ms = Some(turn.now_ms + delay_ms);
        } else {
            self.complete_join(turn);
        }
    }

    /// The group waits for its slowest member as long as that one asked for.
    fn rebalance_timeout_ms(&self) -> i64 {
        let timeouts = self.members.values().map(|member| i64::from(member.rebalance_timeout_ms));
        timeouts.max().unwrap_or(0).max(0)
    }

    /// A first rebalance ends by time alone, whoever has joined.
    pub(super) fn complete_join_if_all(&mut self, turn: &mut Turn<'_>) {
        let all =
            self.invited.is_empty() && self.members.values().all(|member| member.joining.is_some());
        if self.state == GroupState::PreparingRebalance && self.initial.is_none() && all {
            self.complete_join(turn);
        }
    }

    /// The wait for members is over: a new generation of those who are there.
    fn complete_join(&mut self, turn: &mut Turn<'_>) {
        self.join_deadline_ms = None;
        self.initial = None;
        let late = |member: &&super::member::Member| {
            member.joining.is_none() && member.instance_id.is_none()
        };
        let late: Vec<String> =
            self.members.values().filter(late).map(|member| member.id.clone()).collect();
        for member_id in late {
            self.remove(turn, &member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if self.members.is_empty() {
            self.fall_empty(turn);
        } else if self.elect_leader() {
            self.next_generation(turn);
        } else {
            // Only static members are left and none of them has come back: wait for them or for the end of their sessions.
            self.join_deadline_ms = Some(turn.now_ms + self.rebalance_timeout_ms().max(1));
        }
    }

    /// Keeps the leader if it has joined, else takes another who has; a static member may be absent for a while.
    fn elect_leader(&mut self) -> bool {
        let joined = |id: &String| self.members.get(id).is_some_and(|m| m.joining.is_some());
        if !self.leader.as_ref().is_some_and(joined) {
            let successor = self.members.keys().find(|id| joined(id)).cloned();
            if successor.is_none() {
                return false;
            }
            self.leader = successor;
        }
        true
    }

    fn fall_empty(&mut self, turn: &mut Turn<'_>) {
        self.generation = self.generation.wrapping_add(1).max(0);
        self.protocol = None;
        self.topics = None;
        self.leader = None;
        self.unsynced.clear();
        self.enter(GroupState::Empty, turn.now_ms);
        self.persist(turn);
    }

    fn next_generation(&mut self, turn: &mut Turn<'_>) {
        self.generation = self.generation.wrapping_add(1).max(0);
        self.protocol = self.select_protocol();
        self.topics = self.subscribed_topics();
        self.enter(GroupState::CompletingRebalance, turn.now_ms);
        self.unsynced = self.members.keys().cloned().collect();
        self.sync_deadline_ms = Some(turn.now_ms + self.rebalance_timeout_ms());
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let reply = self.present(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.is_new = false;
            member.heard_of(turn.now_ms);
            if let Some(ticket) = member.joining.take() {
                turn.tickets.answer(ticket, Answer::Join(reply));
            }
        }
    }

    /// What a member that has joined the present generation is told.
    pub(super) fn present(&self, member_id: &str) -> JoinReply {
        let members = if self.is_leader(member_id) { self.joined_members() } else { Vec::new() };
        JoinReply {
            error: ErrorCode::NONE,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members,
        }
    }

    fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let joined = |member: &super::member::Member| JoinedMember {
            member_id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.values().map(joined).collect()
    }

    /// Every SyncGroup that waits is answered: with the member's assignment, or with `error`.
    pub(super) fn answer_syncs(&mut self, turn: &mut Turn<'_>, error: ErrorCode) {
        for member in self.members.values_mut() {
            let Some(ticket) = member.syncing.take() else { continue };
            member.heard_of(turn.now_ms);
            let reply = if error.is_none() {
                SyncReply {
                    error,
                    protocol_type: self.protocol_type.clone(),
                    protocol: self.protocol.clone(),
                    assignment: member.assignment.clone(),
                }
            } else {
                SyncReply::refused(error)
            };
            turn.tickets.answer(ticket, Answer::Sync(reply));
        }
    }

    /// One member less to wait for.
    pub(super) fn synced(&mut self, member_id: &str) {
        self.unsynced.remove(member_id);
        if self.unsynced.is_empty() {
            self.sync_deadline_ms = None;
        }
    }

    /// The next moment at which [`Self::tick`] has something to do.
    pub(super) fn next_deadline_ms(&self) -> Option<i64> {
        let members = self.members.values().filter_map(super::member::Member::deadline_ms);
        let invited = self.invited.values().copied();
        let rebalance = self.join_deadline_ms.into_iter().chain(self.sync_deadline_ms);
        members.chain(invited).chain(rebalance).min()
    }

    /// Does all that is due by now.
    pub(super) fn tick(&mut self, turn: &mut Turn<'_>) {
        self.expire_members(turn);
        if self.sync_deadline_ms.is_some_and(|deadline| deadline <= turn.now_ms) {
            self.expire_sync(turn);
        }
        if self.join_deadline_ms.is_some_and(|deadline| deadline <= turn.now_ms) {
            self.join_time_is_up(turn);
        }
    }

    fn expire_members(&mut self, turn: &mut Turn<'_>) {
        let now_ms = turn.now_ms;
        let invited_before = self.invited.len();
        self.invited.retain(|_, until_ms| *until_ms > now_ms);
        let due = |member: &&super::member::Member| {
            member.deadline_ms().is_some_and(|deadline| deadline <= now_ms)
        };
        let due: Vec<String> =
            self.members.values().filter(due).map(|member| member.id.clone()).collect();
        for member_id in &due {
            self.remove(turn, member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if !due.is_empty() {
            self.rebalance(turn);
        } else if self.invited.len() < invited_before {
            self.complete_join_if_all(turn);
        }
    }

    /// Whoever has not asked for its assignment within the rebalance time-out is out (KAFKA-10284).
    fn expire_sync(&mut self, turn: &mut Turn<'_>) {
        self.sync_deadline_ms = None;
        let late = std::mem::take(&mut self.unsynced);
        for member_id in &late {
            self.remove(turn, member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if !late.is_empty() {
            self.rebalance(turn);
        }
    }

    fn join_time_is_up(&mut self, turn: &mut Turn<'_>) {
        match self.initial {
            // More members came while it waited: it waits once more, within the rebalance time-out.
            Some(Initial { remaining_ms, grown: true }) if remaining_ms > 0 => {
                let delay_ms = turn.settings.initial_rebalance_delay_ms.min(remaining_ms);
                self.initial =
                    Some(Initial { remaining_ms: remaining_ms - delay_ms, grown: false });
                self.join_deadline_ms = Some(turn.now_ms + delay_ms);
            }
            _ => self.complete_join(turn),
        }
    }
}
