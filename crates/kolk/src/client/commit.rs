//! Committed offsets of a group: writing them outside transactions, and reading them.

use super::config::ClientConfig;
use super::coordinator::{Call, Coordinator, Kind};
use super::error::{Action, ClientError};
use super::network::{Lane, SendOptions};
use super::requests::Requests;
use super::{Offset, TopicPartition};
use crate::time::Moment;
use kolk_wire::ErrorCode;
use kolk_wire::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use kolk_wire::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Pause before unstable offsets are asked for again.
const UNSTABLE_PAUSE: Duration = Duration::from_millis(50);

/// On whose behalf offsets are committed: the coordinator refuses generations that have passed (KIP-447).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupIdentity {
    /// `group.id`.
    pub group_id: String,
    /// The generation that owns the partitions; −1 for a commit from outside the group.
    pub generation: i32,
    /// The member's id; empty outside the group.
    pub member_id: String,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
}

impl GroupIdentity {
    /// Commits from outside the group, which it must be empty for.
    #[must_use]
    pub fn outside(group_id: &str) -> Self {
        let group_id = group_id.to_owned();
        Self { group_id, generation: -1, member_id: String::new(), instance_id: None }
    }
}

/// A position to commit, or one that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The partition that was read.
    pub partition: TopicPartition,
    /// The next record to read.
    pub offset: Offset,
    /// Leader epoch of the last record read; −1 when unknown.
    pub leader_epoch: i32,
    /// A note: Kolk's queries put their transactional id here, so that a successor can end what a dead owner left open.
    pub metadata: String,
}

/// How a commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// The offsets are in the group's log.
    Committed,
    /// The group has gone on without this generation (the code says how): nothing was committed. While the membership is
    /// rebalancing and still owns the partitions, commit again under the next generation; else drop what was read.
    Rejoin(ErrorCode),
}

/// By topic, in order.
pub(super) fn by_topic(offsets: &[CommittedOffset]) -> BTreeMap<&str, Vec<&CommittedOffset>> {
    let mut topics: BTreeMap<&str, Vec<&CommittedOffset>> = BTreeMap::new();
    for offset in offsets {
        topics.entry(&offset.partition.topic).or_default().push(offset);
    }
    topics
}

/// Whether the code says that the generation is not the group's (any more).
pub(super) fn is_rejoin(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::ILLEGAL_GENERATION
            | ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::REBALANCE_IN_PROGRESS
            | ErrorCode::FENCED_INSTANCE_ID
            | ErrorCode::STALE_MEMBER_EPOCH
    )
}

/// Commits offsets outside transactions; repeats until the coordinator has answered.
#[derive(Debug)]
pub struct OffsetCommit {
    coordinator: Coordinator,
    work: Option<(GroupIdentity, Vec<CommittedOffset>)>,
    call: Call<OffsetCommitRequest>,
}

impl OffsetCommit {
    /// Commits for `group_id`.
    #[must_use]
    pub fn new(config: &ClientConfig, group_id: &str) -> Self {
        let backoff = config.connection.retry_backoff;
        let coordinator = Coordinator::new(Kind::Group, group_id, backoff);
        Self { coordinator, work: None, call: Call::default() }
    }

    /// Whether a commit is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.work.is_some()
    }

    /// Starts a commit; one that is under way is given up in its favour (it may still take effect, with older offsets
    /// and before this one: the coordinator works in the order of the connection).
    pub fn start(
        &mut self,
        network: &mut impl Requests,
        group: GroupIdentity,
        offsets: Vec<CommittedOffset>,
    ) {
        self.call.cancel(network);
        self.work = Some((group, offsets));
    }

    /// Gives up a commit that is under way: the partitions are lost.
    pub fn cancel(&mut self, network: &mut impl Requests) {
        self.call.cancel(network);
        self.work = None;
    }

    /// Sends and receives; the outcome once there is one.
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when the group may not be used, [`ClientError::Invalid`] for offsets that the broker refuses.
    pub fn step(
        &mut self,
        network: &mut impl Requests,
    ) -> Result<Option<CommitOutcome>, ClientError> {
        let Some((group, offsets)) = &self.work else { return Ok(None) };
        let build = {
            let (group, offsets) = (group.clone(), offsets.clone());
            move |_| request(group, &offsets)
        };
        // Version 10 names topics by id.
        let options = SendOptions { versions: 2..=9, ..SendOptions::default() };
        let lane = Lane::Control;
        let Some(response) =
            self.call.step(network, &mut self.coordinator, lane, options, build)?
        else {
            return Ok(None);
        };
        let code = worst(&response);
        if self.call.repeats(code, &mut self.coordinator, network.now()) {
            return Ok(None);
        }
        self.call = Call::default();
        let group = self.work.take().map(|(group, _)| group.group_id).unwrap_or_default();
        match code {
            ErrorCode::NONE => Ok(Some(CommitOutcome::Committed)),
            code if is_rejoin(code) => Ok(Some(CommitOutcome::Rejoin(code))),
            code => Err(ClientError::from_code(code, format!("offsets of group `{group}`"), None)),
        }
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.work.as_ref().and_then(|_| self.call.deadline(&self.coordinator))
    }
}

fn request(group: GroupIdentity, offsets: &[CommittedOffset]) -> OffsetCommitRequest {
    let topics = by_topic(offsets).into_iter().map(|(name, offsets)| OffsetCommitRequestTopic {
        name: name.to_owned(),
        partitions: offsets
            .into_iter()
            .map(|offset| OffsetCommitRequestPartition {
                partition_index: offset.partition.partition,
                committed_offset: offset.offset.0,
                committed_leader_epoch: offset.leader_epoch,
                committed_metadata: Some(offset.metadata.clone()),
            })
            .collect(),
        ..Default::default()
    });
    OffsetCommitRequest {
        topics: topics.collect(),
        group_id: group.group_id,
        generation_id_or_member_epoch: group.generation,
        member_id: group.member_id,
        group_instance_id: group.instance_id,
        ..Default::default()
    }
}

/// The code that decides: a final one before one that asks for another attempt.
fn worst(response: &OffsetCommitResponse) -> ErrorCode {
    let codes = response.topics.iter().flat_map(|t| t.partitions.iter().map(|p| p.error_code));
    decisive(codes)
}

/// Of several codes the one that decides: a final one before one that asks for another attempt, none last.
pub(super) fn decisive(codes: impl Iterator<Item = ErrorCode>) -> ErrorCode {
    let rank = |code: &ErrorCode| match code {
        code if code.is_none() => 0,
        code if Action::of(*code) == Action::Retry => 1,
        _ => 2,
    };
    codes.max_by_key(rank).unwrap_or(ErrorCode::NONE)
}

/// Which offsets are wanted of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// Only such that no open transaction is about to change (KIP-447): asked for again until they are.
    Required,
    /// The latest committed ones, whatever is going on: to learn whose transaction is in the way.
    Any,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchedOffsets {
    /// All of them. Partitions without a committed offset are left out.
    Committed(Vec<CommittedOffset>),
    /// Some are being changed by an open transaction, since so many attempts. They are asked for again; meanwhile the caller may look
    /// with [`Stability::Any`] whose they are, and end a dead owner's transaction
    /// ([`Orphan`](super::transaction::Orphan)).
    Unstable {
        /// Attempts that found them unstable.
        attempts: u32,
    },
}

/// Reads a group's committed offsets.
#[derive(Debug)]
pub struct OffsetFetch {
    coordinator: Coordinator,
    group_id: String,
    /// None means all that the group has.
    partitions: Option<Vec<TopicPartition>>,
    stability: Stability,
    call: Call<OffsetFetchRequest>,
    unstable: u32,
    done: bool,
}

impl OffsetFetch {
    /// Asks for the offsets of `partitions`, or with `None` for all that the group has.
    #[must_use]
    pub fn new(
        config: &ClientConfig,
        group_id: &str,
        partitions: Option<Vec<TopicPartition>>,
        stability: Stability,
    ) -> Self {
        let coordinator = Coordinator::new(Kind::Group, group_id, config.connection.retry_backoff);
        let (group_id, call) = (group_id.to_owned(), Call::default());
        Self { coordinator, group_id, partitions, stability, call, unstable: 0, done: false }
    }

    /// Sends and receives. After [`FetchedOffsets::Committed`] there is nothing more to come.
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when the group may not be used.
    pub fn step(
        &mut self,
        network: &mut impl Requests,
    ) -> Result<Option<FetchedOffsets>, ClientError> {
        if self.done {
            return Ok(None);
        }
        let build = {
            let (group_id, partitions) = (self.group_id.clone(), self.partitions.clone());
            let stable = self.stability == Stability::Required;
            move |version| fetch_request(version, group_id, partitions.as_deref(), stable)
        };
        // `require_stable` came with 7; 10 names topics by id.
        let lowest = if self.stability == Stability::Required { 7 } else { 2 };
        let options = SendOptions { versions: lowest..=9, ..SendOptions::default() };
        let lane = Lane::Control;
        let Some(response) =
            self.call.step(network, &mut self.coordinator, lane, options, build)?
        else {
            return Ok(None);
        };
        let (code, offsets) = fetched(&response);
        let now = network.now();
        if code == ErrorCode::UNSTABLE_OFFSET_COMMIT {
            self.unstable += 1;
            self.call.again(now, UNSTABLE_PAUSE);
            return Ok(Some(FetchedOffsets::Unstable { attempts: self.unstable }));
        }
        if self.call.repeats(code, &mut self.coordinator, now) {
            return Ok(None);
        }
        if !code.is_none() {
            let what = format!("the committed offsets of group `{}`", self.group_id);
            return Err(ClientError::from_code(code, what, None));
        }
        self.done = true;
        Ok(Some(FetchedOffsets::Committed(offsets)))
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        if self.done { None } else { self.call.deadline(&self.coordinator) }
    }
}

fn fetch_request(
    version: i16,
    group_id: String,
    partitions: Option<&[TopicPartition]>,
    require_stable: bool,
) -> OffsetFetchRequest {
    let topics: Option<BTreeMap<&str, Vec<i32>>> = partitions.map(|partitions| {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for partition in partitions {
            topics.entry(&partition.topic).or_default().push(partition.partition);
        }
        topics
    });
    if version < 8 {
        let of = |(name, partition_indexes): (&str, Vec<i32>)| OffsetFetchRequestTopic {
            name: name.to_owned(),
            partition_indexes,
        };
        let topics = topics.map(|topics| topics.into_iter().map(of).collect());
        return OffsetFetchRequest { group_id, topics, require_stable, ..Default::default() };
    }
    let of = |(name, partition_indexes): (&str, Vec<i32>)| OffsetFetchRequestTopics {
        name: name.to_owned(),
        partition_indexes,
        ..Default::default()
    };
    let topics = topics.map(|topics| topics.into_iter().map(of).collect());
    let groups = vec![OffsetFetchRequestGroup { group_id, topics, ..Default::default() }];
    OffsetFetchRequest { groups, require_stable, ..Default::default() }
}

fn fetched(response: &OffsetFetchResponse) -> (ErrorCode, Vec<CommittedOffset>) {
    let mut codes = vec![response.error_code];
    let mut offsets = Vec::new();
    let mut note = |topic: &str,
                    index: i32,
                    code: ErrorCode,
                    (offset, epoch): (i64, i32),
                    metadata: Option<String>| {
        codes.push(code);
        if code.is_none() && offset >= 0 {
            offsets.push(CommittedOffset {
                partition: TopicPartition::new(topic, index),
                offset: Offset(offset),
                leader_epoch: epoch,
                metadata: metadata.unwrap_or_default(),
            });
        }
    };
    for topic in &response.topics {
        for p in &topic.partitions {
            let position = (p.committed_offset, p.committed_leader_epoch);
            note(&topic.name, p.partition_index, p.error_code, position, p.metadata);
        }
    }
    for group in &response.groups {
        for topic in &group.topics {
            for p in &topic.partitions {
                let position = (p.committed_offset, p.committed_leader_epoch);
                note(&topic.name, p.partition_index, p.error_code, position, p.metadata);
            }
        }
    }
    codes.extend(response.groups.iter().map(|group| group.error_code));
    // The topic may have been deleted since its offset was committed; then the offset means nothing.
    codes.retain(|code| *code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let unstable = codes.contains(&ErrorCode::UNSTABLE_OFFSET_COMMIT);
    match decisive(codes.into_iter()) {
        code if unstable && Action::of(code) == Action::Retry => {
            (ErrorCode::UNSTABLE_OFFSET_COMMIT, offsets)
        }
        code => (code, offsets),
    }
}
