//! Membership of a consumer group: joining, heartbeats, rebalances, leaving.
//!
//! ```text
//!        ┌──────────────────────── the group rebalances (heartbeat says so) ───────────────┐
//!        ▼                                                                                 │
//! Joining ─JoinGroup─▶ Assigning ─(leader: computes)─▶ Syncing ─SyncGroup─▶ Stable ────────┤
//!   ▲  ▲                                                  │                                │
//!   │  └── revoked_done ── Revoking ◀── cooperative: some partitions moved ── eager: all ──┘
//!   └── Lost: the group went on without this member (UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION)
//!
//! any ─leave─▶ Leaving ─▶ Left          any ─FENCED_INSTANCE_ID─▶ error: another process has this instance id
//! ```
//!
//! With the cooperative assignor (KIP-429) partitions are kept and worked on while the group rebalances; only those that move are
//! revoked, then the member joins again and the new owner gets them. A static member (KIP-345)
//! that crashes and comes back within the session time-out gets its partitions back without a rebalance; one that stops in
//! order leaves like any other, so that nobody waits for it.

mod join;
mod stay;
#[cfg(test)]
mod tests;

use super::assignor::{Assignments, Assignor, Member, RebalanceMode};
use super::protocol::KolkUserData;
use crate::client::TopicPartition;
use crate::client::commit::GroupIdentity;
use crate::client::config::{ClientConfig, GroupConfig};
use crate::client::coordinator::{Call, Coordinator, Kind};
use crate::client::error::{Action, ClientError};
use crate::client::requests::{ClusterView, Requests};
use crate::time::Moment;
use join::METADATA_WAIT_MAX;
use kolk_wire::ErrorCode;
use kolk_wire::message::heartbeat::HeartbeatRequest;
use kolk_wire::message::join_group::JoinGroupRequest;
use kolk_wire::message::leave_group::LeaveGroupRequest;
use kolk_wire::message::sync_group::SyncGroupRequest;
use stay::LEAVE_WAIT_MAX;
use std::collections::{BTreeMap, BTreeSet};

/// Where the member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberPhase {
    /// Waiting for the other members to join.
    Joining,
    /// The leader distributes partitions.
    Assigning,
    /// Waiting for the assignment.
    Syncing,
    /// Working, with heartbeats.
    Stable,
    /// The owner has been asked to give partitions up.
    Revoking,
    /// Saying good-bye.
    Leaving,
    /// No member any more.
    Left,
}

/// What a member must do about its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupEvent {
    /// A generation has begun, and these are owned from now on; perhaps none, when others were kept.
    Assigned(Vec<TopicPartition>),
    /// Finish and commit what was read of these, then call [`Membership::revoked_done`].
    Revoked(Vec<TopicPartition>),
    /// These belong to somebody else already: drop everything about them, commit nothing.
    Lost(Vec<TopicPartition>),
    /// The member has left.
    Left,
}

/// A member of a consumer group. See the [module](self).
#[derive(Debug)]
pub struct Membership {
    group_id: String,
    config: GroupConfig,
    assignor: Assignor,
    topics: Vec<String>,
    user_data: KolkUserData,
    coordinator: Coordinator,
    phase: MemberPhase,
    member_id: String,
    /// The last one that was completed; −1 for none.
    generation: i32,
    owned: BTreeSet<TopicPartition>,
    revoking: Vec<TopicPartition>,
    /// The generation that is being formed.
    forming: i32,
    /// The leader's view of the members, while it assigns.
    members: Vec<Member>,
    assigning_since: Moment,
    /// For the leader: what it distributes, or distributed.
    assignments: Assignments,
    /// For the leader: the partition counts that it last distributed; for one that came back, those that it found.
    counted: Option<BTreeMap<String, i32>>,
    /// For the leader: since when partitions may be without an owner, because a member has to give them up first.
    incomplete_since: Option<Moment>,
    /// For the leader: topics of which nothing was known in time got no owner; they will when they are known.
    left_out: bool,
    role: Role,
    join: Call<JoinGroupRequest>,
    sync: Call<SyncGroupRequest>,
    heartbeat: Call<HeartbeatRequest>,
    next_heartbeat: Moment,
    /// When the heartbeat that waits for its answer was sent.
    asked_at: Moment,
    /// When the coordinator was asked that last said that this is a member.
    confirmed: Option<Moment>,
    leave: Call<LeaveGroupRequest>,
    leaving_since: Moment,
    held: Held,
    rejoin_wanted: bool,
    events: Vec<GroupEvent>,
}

/// Who distributes the partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Leader,
    Follower,
}

/// Whether a rebalance may begin now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Yes,
    No,
}

impl Membership {
    /// A member of `group_id` that reads `topics`; topics of one set of `copartitioned` are read together. The assignor
    /// is Kolk's own unless `partition.assignment.strategy` names another.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for an assignor that Kolk does not have.
    pub fn new(
        config: &ClientConfig,
        group_id: &str,
        topics: &[String],
        copartitioned: Vec<Vec<String>>,
    ) -> Result<Self, ClientError> {
        let assignor = match config.group.assignors.first() {
            None => Assignor::Kolk,
            Some(name) => Assignor::from_name(name).ok_or_else(|| {
                let what = format!("there is no assignor `{name}`; there are `kolk` and `range`");
                ClientError::new(Action::Invalid, what)
            })?,
        };
        Ok(Self {
            group_id: group_id.to_owned(),
            config: config.group.clone(),
            assignor,
            topics: topics.to_vec(),
            user_data: KolkUserData { copartitioned, warm: Vec::new() },
            coordinator: Coordinator::new(Kind::Group, group_id, config.connection.retry_backoff),
            phase: MemberPhase::Joining,
            member_id: String::new(),
            generation: -1,
            owned: BTreeSet::new(),
            revoking: Vec::new(),
            forming: -1,
            members: Vec::new(),
            assigning_since: Moment::default(),
            assignments: Assignments::new(),
            counted: None,
            incomplete_since: None,
            left_out: false,
            role: Role::Follower,
            join: Call::default(),
            sync: Call::default(),
            heartbeat: Call::default(),
            next_heartbeat: Moment::default(),
            asked_at: Moment::default(),
            confirmed: None,
            leave: Call::default(),
            leaving_since: Moment::default(),
            held: Held::No,
            rejoin_wanted: false,
            events: Vec::new(),
        })
    }

    /// Where the member stands.
    #[must_use]
    pub fn phase(&self) -> MemberPhase {
        self.phase
    }

    /// The partitions owned: assigned, and neither given up nor lost.
    #[must_use]
    pub fn owned(&self) -> &BTreeSet<TopicPartition> {
        &self.owned
    }

    /// On whose behalf offsets of the owned partitions are committed now.
    #[must_use]
    pub fn identity(&self) -> GroupIdentity {
        GroupIdentity {
            group_id: self.group_id.clone(),
            generation: self.generation,
            member_id: self.member_id.clone(),
            instance_id: self.config.instance_id.clone(),
        }
    }

    /// Whether every partition has an owner, as far as this member knows. A leader may have kept some back that another member has
    /// to give up first, or may not have heard of a topic in time; one that came back does not know what was given out.
    #[must_use]
    pub fn has_given_out_all(&self) -> bool {
        self.incomplete_since.is_none() && !self.left_out
    }

    /// Partitions whose state is on this instance's disk, as it was when it had them last: told with the next rebalance.
    pub fn set_warm(&mut self, warm: Vec<TopicPartition>) {
        self.user_data.warm = warm;
    }

    /// Asks with the next step whether this is still a member.
    pub fn look_up(&mut self) {
        self.next_heartbeat = Moment::default();
    }

    /// When the coordinator was asked that last said that this is a member, and that no other has its instance id.
    #[must_use]
    pub fn confirmed(&self) -> Option<Moment> {
        self.confirmed
    }

    /// A commit is under way under this generation: a rebalance waits for [`Self::release`]. Heartbeats go on.
    pub fn hold(&mut self) {
        self.held = Held::Yes;
    }

    /// The commit is done.
    pub fn release(&mut self) {
        self.held = Held::No;
    }

    /// What was [revoked](GroupEvent::Revoked) is finished and committed; the member joins again.
    pub fn revoked_done(&mut self) {
        if self.phase == MemberPhase::Revoking {
            for partition in self.revoking.drain(..) {
                self.owned.remove(&partition);
            }
            self.rejoin();
        }
    }

    /// A commit was refused with this code: what that means for the membership is found out at once.
    pub fn commit_refused(&mut self, code: ErrorCode) {
        let is_member = matches!(self.phase, MemberPhase::Stable | MemberPhase::Revoking);
        match code {
            ErrorCode::UNKNOWN_MEMBER_ID if is_member => self.lost(code),
            // Else a rebalance is under way, and its outcome tells.
            _ => self.next_heartbeat = Moment::default(),
        }
    }

    /// Leaves the group: finish and commit before. A static member says so too: others take over at once, and only a crash
    /// leaves its place waiting for it.
    pub fn leave(&mut self, network: &mut impl Requests) {
        if matches!(self.phase, MemberPhase::Leaving | MemberPhase::Left) {
            return;
        }
        self.join.cancel(network);
        self.sync.cancel(network);
        self.heartbeat.cancel(network);
        self.owned.clear();
        self.leaving_since = network.now();
        self.phase = MemberPhase::Leaving;
    }

    /// Sends and receives whatever is due; call it at least as often as [`Self::deadline`] says.
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when another process has the instance id, or the group may not be joined; [`ClientError::Invalid`]
    /// when the group's members do not fit together.
    pub fn step(
        &mut self,
        network: &mut impl Requests,
        view: &mut impl ClusterView,
    ) -> Result<Vec<GroupEvent>, ClientError> {
        loop {
            let before = self.phase;
            match self.phase {
                MemberPhase::Joining => self.step_joining(network)?,
                MemberPhase::Assigning => self.step_assigning(network, view),
                MemberPhase::Syncing => self.step_syncing(network)?,
                MemberPhase::Stable => self.step_stable(network, view)?,
                MemberPhase::Revoking => self.step_heartbeat(network)?,
                MemberPhase::Leaving => self.step_leaving(network)?,
                MemberPhase::Left => {}
            }
            if self.phase == before {
                return Ok(std::mem::take(&mut self.events));
            }
        }
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        match self.phase {
            MemberPhase::Joining => self.join.deadline(&self.coordinator),
            MemberPhase::Assigning => Some(self.assigning_since + METADATA_WAIT_MAX),
            MemberPhase::Syncing => self.sync.deadline(&self.coordinator),
            MemberPhase::Stable | MemberPhase::Revoking => {
                self.heartbeat.deadline(&self.coordinator).map(|at| at.max(self.next_heartbeat))
            }
            MemberPhase::Leaving => Some(self.leaving_since + LEAVE_WAIT_MAX),
            MemberPhase::Left => None,
        }
    }

    fn rejoin(&mut self) {
        self.rejoin_wanted = false;
        self.join = Call::default();
        self.phase = MemberPhase::Joining;
    }

    /// The group rebalances: everything is given up first (eager), or nothing (cooperative).
    fn rebalance(&mut self) {
        if self.assignor.mode() == RebalanceMode::Eager && !self.owned.is_empty() {
            self.rejoin_wanted = false;
            self.revoking = self.owned.iter().cloned().collect();
            self.events.push(GroupEvent::Revoked(self.revoking.clone()));
            self.phase = MemberPhase::Revoking;
        } else {
            self.rejoin();
        }
    }

    /// The group has gone on without this member.
    fn lost(&mut self, code: ErrorCode) {
        // After ILLEGAL_GENERATION the member is still known under its id.
        if code != ErrorCode::ILLEGAL_GENERATION {
            self.member_id.clear();
        }
        self.generation = -1;
        self.revoking.clear();
        let lost: Vec<TopicPartition> = std::mem::take(&mut self.owned).into_iter().collect();
        if !lost.is_empty() {
            self.events.push(GroupEvent::Lost(lost));
        }
        self.rejoin();
    }
}
