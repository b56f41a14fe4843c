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
//! revoked, then the member joins again and the new owner gets them. A static member (KIP-345) does not leave when it stops, so
//! a restart within the session time-out gets its partitions back without a rebalance.

use super::assignor::{Assignments, Assignor, Member, RebalanceMode};
use super::protocol::{Assignment, KolkUserData, Subscription};
use crate::client::TopicPartition;
use crate::client::commit::GroupIdentity;
use crate::client::config::{ClientConfig, GroupConfig};
use crate::client::coordinator::{Call, Coordinator, Kind};
use crate::client::error::{Action, ClientError};
use crate::client::network::{Lane, SendOptions};
use crate::client::requests::{ClusterView, Requests};
use crate::time::Moment;
use bytes::Bytes;
use kolk_wire::ErrorCode;
use kolk_wire::message::heartbeat::HeartbeatRequest;
use kolk_wire::message::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use kolk_wire::message::leave_group::{LeaveGroupRequest, MemberIdentity};
use kolk_wire::message::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long the leader waits for the metadata of topics that members read; those still unknown then are left out.
const METADATA_WAIT_MAX: Duration = Duration::from_secs(3);
/// How long a member that stops tries to say so.
const LEAVE_WAIT_MAX: Duration = Duration::from_secs(2);
/// What a response may take beyond the time for which the coordinator may hold it.
const RESPONSE_MARGIN: Duration = Duration::from_secs(5);

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
    /// For the leader: the partition counts that it last distributed.
    counted: Option<BTreeMap<String, i32>>,
    join: Call<JoinGroupRequest>,
    sync: Call<SyncGroupRequest>,
    heartbeat: Call<HeartbeatRequest>,
    next_heartbeat: Moment,
    leave: Call<LeaveGroupRequest>,
    leaving_since: Moment,
    held: Held,
    rejoin_wanted: bool,
    events: Vec<GroupEvent>,
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
            join: Call::default(),
            sync: Call::default(),
            heartbeat: Call::default(),
            next_heartbeat: Moment::default(),
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

    /// Partitions whose state is on this instance's disk: told at the next rebalance.
    pub fn set_warm(&mut self, warm: Vec<TopicPartition>) {
        self.user_data.warm = warm;
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

    /// Leaves the group: finish and commit before. A static member only stops its heartbeats, so that it can come back.
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

    fn step_joining(&mut self, network: &mut impl Requests) -> Result<(), ClientError> {
        if self.heartbeat.is_waiting() {
            self.heartbeat.cancel(network);
        }
        let protocols = vec![JoinGroupRequestProtocol {
            name: self.assignor.name().to_owned(),
            metadata: self.subscription().encode(),
        }];
        let request = JoinGroupRequest {
            group_id: self.group_id.clone(),
            session_timeout_ms: millis(self.config.session_timeout),
            rebalance_timeout_ms: millis(self.config.poll_interval_max),
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
            protocol_type: "consumer".to_owned(),
            protocols,
            ..Default::default()
        };
        // The coordinator answers when all members have joined, or the rebalance time-out is over.
        let timeout = Some(self.config.poll_interval_max + RESPONSE_MARGIN);
        let options = SendOptions { timeout, ..SendOptions::default() };
        let build = move |_| request;
        let lane = Lane::Coordinator;
        let Some(response) =
            self.join.step(network, &mut self.coordinator, lane, options, build)?
        else {
            return Ok(());
        };
        let code = response.error_code;
        if self.join.repeats(code, &mut self.coordinator, network.now()) {
            return Ok(());
        }
        self.join = Call::default();
        match code {
            ErrorCode::NONE => self.joined(network, response),
            // KIP-394: an id first, so that members who never come back cost nothing.
            ErrorCode::MEMBER_ID_REQUIRED => {
                self.member_id = response.member_id;
                self.step_joining(network)
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
                self.lost(code);
                Ok(())
            }
            code => self.refused(code),
        }
    }

    fn subscription(&self) -> Subscription {
        let user_data = match self.assignor {
            Assignor::Kolk => Some(self.user_data.encode()),
            Assignor::Range => None,
        };
        Subscription {
            topics: self.topics.clone(),
            user_data,
            owned: self.owned.iter().cloned().collect(),
            generation: self.generation,
            rack: None,
        }
    }

    fn joined(
        &mut self,
        network: &mut impl Requests,
        response: JoinGroupResponse,
    ) -> Result<(), ClientError> {
        self.forming = response.generation_id;
        self.assignments.clear();
        self.counted = None;
        self.sync = Call::default();
        let leads = response.leader == response.member_id;
        self.member_id = response.member_id;
        // KIP-814: a static leader came back, and the group's assignment stays as it is.
        if !leads || response.skip_assignment {
            self.phase = MemberPhase::Syncing;
            return Ok(());
        }
        self.members.clear();
        for member in response.members {
            let subscription = Subscription::decode(member.metadata).map_err(|error| {
                let what = format!(
                    "member `{}` of group `{}` joined with a subscription that cannot be read: {error}",
                    member.member_id, self.group_id
                );
                ClientError::new(Action::Invalid, what)
            })?;
            let (id, instance_id) = (member.member_id, member.group_instance_id);
            self.members.push(Member { id, instance_id, subscription });
        }
        self.assigning_since = network.now();
        self.phase = MemberPhase::Assigning;
        Ok(())
    }

    /// Waits until the partitions of all topics are known, then distributes them.
    fn step_assigning(&mut self, network: &impl Requests, view: &mut impl ClusterView) {
        let topics: BTreeSet<&str> =
            self.members.iter().flat_map(|m| &m.subscription.topics).map(String::as_str).collect();
        let mut counts = BTreeMap::new();
        let mut unknown = false;
        for topic in topics {
            match view.partition_count(topic).and_then(|count| i32::try_from(count).ok()) {
                Some(count) => {
                    counts.insert(topic.to_owned(), count);
                }
                None => {
                    view.want(topic);
                    unknown = true;
                }
            }
        }
        if unknown && network.now().since(self.assigning_since) < METADATA_WAIT_MAX {
            return;
        }
        self.assignments = self.assignor.assign(&self.members, &counts);
        self.counted = Some(counts);
        self.members.clear();
        self.phase = MemberPhase::Syncing;
    }

    fn step_syncing(&mut self, network: &mut impl Requests) -> Result<(), ClientError> {
        let assignments = self.assignments.iter().map(|(member, partitions)| {
            let assignment = Assignment { partitions: partitions.clone(), user_data: None };
            let assignment = assignment.encode();
            SyncGroupRequestAssignment { member_id: member.clone(), assignment }
        });
        let request = SyncGroupRequest {
            group_id: self.group_id.clone(),
            generation_id: self.forming,
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some(self.assignor.name().to_owned()),
            assignments: assignments.collect(),
        };
        let timeout = Some(self.config.poll_interval_max + RESPONSE_MARGIN);
        let options = SendOptions { timeout, ..SendOptions::default() };
        let build = move |_| request;
        let lane = Lane::Coordinator;
        let Some(response) =
            self.sync.step(network, &mut self.coordinator, lane, options, build)?
        else {
            return Ok(());
        };
        let code = response.error_code;
        if self.sync.repeats(code, &mut self.coordinator, network.now()) {
            return Ok(());
        }
        self.sync = Call::default();
        match code {
            ErrorCode::NONE => self.synced(network, response.assignment),
            ErrorCode::REBALANCE_IN_PROGRESS => {
                self.rejoin();
                Ok(())
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
                self.lost(code);
                Ok(())
            }
            code => self.refused(code),
        }
    }

    fn synced(&mut self, network: &impl Requests, assignment: Bytes) -> Result<(), ClientError> {
        let assignment = Assignment::decode(assignment).map_err(|error| {
            let what =
                format!("the assignment of group `{}` cannot be read: {error}", self.group_id);
            ClientError::new(Action::Invalid, what)
        })?;
        let assigned: BTreeSet<TopicPartition> = assignment.partitions.into_iter().collect();
        self.generation = self.forming;
        self.heartbeat = Call::default();
        self.next_heartbeat = network.now() + self.config.heartbeat_interval;
        self.phase = MemberPhase::Stable;
        let added: Vec<TopicPartition> = assigned.difference(&self.owned).cloned().collect();
        self.revoking = self.owned.difference(&assigned).cloned().collect();
        if !self.revoking.is_empty() {
            self.events.push(GroupEvent::Revoked(self.revoking.clone()));
            self.phase = MemberPhase::Revoking;
        }
        self.owned.extend(added.iter().cloned());
        self.events.push(GroupEvent::Assigned(added));
        Ok(())
    }

    fn step_stable(
        &mut self,
        network: &mut impl Requests,
        view: &impl ClusterView,
    ) -> Result<(), ClientError> {
        let due = network.now() >= self.next_heartbeat;
        self.step_heartbeat(network)?;
        if due && self.phase == MemberPhase::Stable && self.counts_changed(view) {
            self.rejoin_wanted = true;
        }
        if self.rejoin_wanted && self.held == Held::No && self.phase == MemberPhase::Stable {
            self.rebalance();
        }
        Ok(())
    }

    /// Whether the leader distributed other partitions than there are now.
    fn counts_changed(&self, view: &impl ClusterView) -> bool {
        let Some(counted) = &self.counted else { return false };
        self.topics.iter().any(|topic| {
            let now = view.partition_count(topic).and_then(|count| i32::try_from(count).ok());
            now.is_some() && now != counted.get(topic).copied()
        })
    }

    fn step_heartbeat(&mut self, network: &mut impl Requests) -> Result<(), ClientError> {
        let now = network.now();
        if !self.heartbeat.is_waiting() && now < self.next_heartbeat {
            return Ok(());
        }
        let request = HeartbeatRequest {
            group_id: self.group_id.clone(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
        };
        let options =
            SendOptions { timeout: Some(self.config.session_timeout), ..Default::default() };
        let build = move |_| request;
        let lane = Lane::Coordinator;
        let response = self.heartbeat.step(network, &mut self.coordinator, lane, options, build)?;
        let Some(response) = response else { return Ok(()) };
        let code = response.error_code;
        if self.heartbeat.repeats(code, &mut self.coordinator, now) {
            return Ok(());
        }
        self.heartbeat = Call::default();
        self.next_heartbeat = now + self.config.heartbeat_interval;
        match code {
            ErrorCode::NONE => Ok(()),
            ErrorCode::REBALANCE_IN_PROGRESS => {
                self.rejoin_wanted = true;
                Ok(())
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
                self.lost(code);
                Ok(())
            }
            code => self.refused(code),
        }
    }

    /// Dynamic members say that they leave; whatever the answer, they are gone.
    fn step_leaving(&mut self, network: &mut impl Requests) -> Result<(), ClientError> {
        let silent = self.config.instance_id.is_some() || self.member_id.is_empty();
        if !silent {
            let (group_id, member_id) = (self.group_id.clone(), self.member_id.clone());
            let build = move |version| match version {
                0..=2 => LeaveGroupRequest { group_id, member_id, ..Default::default() },
                _ => {
                    let reason = Some("the instance stops".to_owned());
                    let member = MemberIdentity { member_id, reason, ..Default::default() };
                    LeaveGroupRequest { group_id, members: vec![member], ..Default::default() }
                }
            };
            // Not behind a JoinGroup that is still held.
            let (lane, options) = (Lane::Control, SendOptions::default());
            let first = self.leave.attempts == 0;
            let answer = self.leave.step(network, &mut self.coordinator, lane, options, build)?;
            let patient = network.now().since(self.leaving_since) < LEAVE_WAIT_MAX;
            if answer.is_none() && patient && (first || self.leave.is_waiting()) {
                return Ok(());
            }
            self.leave.cancel(network);
        }
        self.phase = MemberPhase::Left;
        self.events.push(GroupEvent::Left);
        Ok(())
    }

    fn refused(&mut self, code: ErrorCode) -> Result<(), ClientError> {
        let what = match (code, &self.config.instance_id) {
            (ErrorCode::FENCED_INSTANCE_ID, Some(id)) => {
                format!("another process is in group `{}` as instance `{id}`", self.group_id)
            }
            _ => format!("membership of group `{}`", self.group_id),
        };
        Err(ClientError::from_code(code, what, None))
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
