//! Where rows come from: the partitions that the group gives this instance, read from the committed offsets on.
//!
//! ```text
//! Membership ──Assigned──▶ committed offsets (stable) ──▶ Fetcher ──Records──▶ the query
//!     │                         │    │        └─Located─▶ where there is state it is restored before ([`Source::read`])
//!     │                         │ unstable: a dead owner's transaction is ended first
//!     ├──Revoked──▶ the query finishes, commits, and says so ([`Source::revoked_done`])
//!     └──Lost─────▶ the query drops what it did since the last commit
//! ```

mod doubt;
mod start;
mod watermark;

pub use watermark::Watermarks;

use crate::client::commit::{CommittedOffset, GroupIdentity};
use crate::client::config::{ClientConfig, Isolation};
use crate::client::error::ClientError;
use crate::client::fetch::{FetchEvent, FetchedPartition, Fetcher, Start};
use crate::client::group::{GroupEvent, MemberPhase, Membership};
use crate::client::metadata::Metadata;
use crate::client::network::Network;
use crate::client::offsets::{OffsetLookup, OffsetSpec};
use crate::client::{Offset, TopicPartition};
use crate::time::Moment;
use crate::topology::{OffsetReset, Query};
use doubt::Doubts;
use kolk_wire::ErrorCode;
use start::{Starting, Step};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What the query must react to.
#[derive(Debug)]
pub enum SourceEvent {
    /// Partitions came; they will be read.
    Assigned(Vec<TopicPartition>),
    /// Finish and commit what was read of these, then call [`Source::revoked_done`].
    Revoked(Vec<TopicPartition>),
    /// These belong to somebody else already.
    Lost(Vec<TopicPartition>),
    /// Partitions and their committed offsets, if they have some: call [`Source::read`] for each when it can be read.
    Located(Vec<(TopicPartition, Option<CommittedOffset>)>),
    /// A partition without committed offset is read from this position on.
    Started(TopicPartition, Offset),
    /// Without a usable committed offset, the policy `latest` starts at the end: commit this position, so that the next
    /// start does not pass over what comes from now on.
    StartedAtEnd(TopicPartition, Offset),
    /// The member has left the group.
    Left,
    /// Reading cannot go on; what happened and what to do.
    Failed(String),
    /// So many offsets were not there any more, and `auto.offset.reset` says that it goes on behind them.
    PassedOver {
        /// How many.
        offsets: u64,
        /// What happened, and where it goes on.
        what: String,
    },
}

/// A partition that is read.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    /// Next offset to be read by the query.
    position: Option<i64>,
    high_watermark: i64,
    caught_up: bool,
    /// Where it ended when the query began; for queries that end there.
    end: Option<i64>,
    /// A position that was not there any more.
    missed: Option<i64>,
}

/// Whether a partition is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It is.
    Open,
    /// Not for the moment: too much of it waits.
    Paused,
}

/// How a partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Which.
    pub partition: &'a TopicPartition,
    /// Whether there was nothing more to read when it was last fetched.
    pub caught_up: bool,
    /// Where it ended when that was asked for.
    pub end: i64,
}

/// When assigned partitions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// As soon as their committed offsets are known.
    AtOnce,
    /// When [`Source::read`] is called after [`SourceEvent::Located`].
    WhenTold,
}

/// The inputs of one query.
#[derive(Debug)]
pub struct Source {
    config: ClientConfig,
    group_id: String,
    reads: Reads,
    /// The nodes that read, with their topics.
    inputs: Vec<(usize, String, OffsetReset)>,
    membership: Membership,
    fetcher: Fetcher,
    starting: Vec<Starting>,
    ends: OffsetLookup,
    /// Ends of topics that this application writes: what is committed there may not be stable yet, so they are those of the log.
    log_ends: OffsetLookup,
    /// Which topics those are; none until ends are wanted.
    wanted_ends: Option<BTreeSet<String>>,
    reading: BTreeMap<TopicPartition, Reading>,
    /// Batches that the query has not taken yet. One at a time: what else was fetched stays with the fetcher, which bounds it.
    records: Option<FetchedPartition>,
    watermarks: Watermarks,
    events: VecDeque<SourceEvent>,
    doubts: Doubts,
    stepped_at: Moment,
    /// Whether the group has given this instance its share at least once.
    assigned_once: bool,
}

impl Source {
    /// The inputs of `query`, shared with the other members of `group_id`.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for settings that do not fit.
    pub fn new(
        query: &Query,
        config: &ClientConfig,
        group_id: &str,
        reads: Reads,
    ) -> Result<Self, ClientError> {
        let inputs: Vec<(usize, String, OffsetReset)> = query
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(node, of)| match &of.operator {
                crate::topology::Operator::Source(source) => {
                    Some((node, source.topic.clone(), source.offset_reset))
                }
                _ => None,
            })
            .collect();
        let mut topics: Vec<String> = inputs.iter().map(|(_, topic, _)| topic.clone()).collect();
        topics.sort();
        topics.dedup();
        let delay =
            query.sources().map(|(source, _)| source.watermark_delay).max().unwrap_or_default();
        let membership = Membership::new(config, group_id, &topics, vec![topics.clone()])?;
        Ok(Self {
            config: config.clone(),
            group_id: group_id.to_owned(),
            reads,
            inputs,
            membership,
            fetcher: Fetcher::new(config),
            starting: Vec::new(),
            ends: OffsetLookup::new(config),
            log_ends: OffsetLookup::new(config).isolated(Isolation::ReadUncommitted),
            wanted_ends: None,
            reading: BTreeMap::new(),
            records: None,
            watermarks: Watermarks::new(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)),
            events: VecDeque::new(),
            doubts: Doubts::default(),
            stepped_at: Moment::default(),
            assigned_once: false,
        })
    }

    /// Partitions whose state is on this instance's disk: it gets them if nobody else has them, and that costs no balance.
    pub fn set_warm(&mut self, warm: Vec<TopicPartition>) {
        self.membership.set_warm(warm);
    }

    /// The input topics.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|(_, topic, _)| topic.as_str())
    }

    /// The node of the query that reads `topic`.
    #[must_use]
    pub fn node_of(&self, topic: &str) -> usize {
        self.inputs.iter().find(|(_, of, _)| of == topic).map_or(0, |(node, ..)| *node)
    }

    /// The topic that the node reads.
    #[must_use]
    pub fn topic_of(&self, node: usize) -> &str {
        self.inputs.iter().find(|(of, ..)| *of == node).map_or("", |(_, topic, _)| topic)
    }

    /// From now on every partition's end is asked for, once: see [`Self::is_at_end`]. `written` are topics that other stages of this
    /// application have written, and finished.
    pub fn want_ends(&mut self, written: &BTreeSet<String>) {
        if self.wanted_ends.is_none() {
            self.wanted_ends = Some(written.clone());
            let partitions: Vec<TopicPartition> = self.reading.keys().cloned().collect();
            partitions.iter().for_each(|partition| self.want_end(partition));
        }
    }

    fn want_end(&mut self, partition: &TopicPartition) {
        let Some(written) = &self.wanted_ends else { return };
        let ends = match written.contains(&*partition.topic) {
            true => &mut self.log_ends,
            false => &mut self.ends,
        };
        ends.want(partition.clone(), OffsetSpec::Latest);
    }

    /// Whether everything that was there when ends were asked for has been read. An instance without partitions has none.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.wanted_ends.is_some()
            && self.assigned_once
            && self.membership.phase() == MemberPhase::Stable
            && self.has_its_share()
            && self.starting.is_empty()
            && self.reading.values().all(|reading| match (reading.position, reading.end) {
                (Some(position), Some(end)) => position >= end,
                _ => false,
            })
    }

    /// Whether what is owned is all that there is for this instance: none is a share, too, unless partitions are nobody's.
    fn has_its_share(&self) -> bool {
        !self.reading.is_empty() || self.membership.has_given_out_all()
    }

    /// Of each partition owned, how far it has been read, where it ended when that was asked for, and whether a fetch has shown that
    /// there was nothing more. `None` until all ends are known.
    pub fn standing(&self) -> Option<Vec<Standing<'_>>> {
        let settled = self.wanted_ends.is_some()
            && self.assigned_once
            && self.membership.phase() == MemberPhase::Stable
            && self.has_its_share()
            && self.starting.is_empty();
        if !settled {
            return None;
        }
        let standing = self.reading.iter().map(|(partition, reading)| {
            Some(Standing { partition, caught_up: reading.caught_up, end: reading.end? })
        });
        standing.collect()
    }

    /// Leaves a partition out of further fetches, or takes it in again.
    pub fn set_flow(&mut self, partition: &TopicPartition, flow: Flow) {
        match flow {
            Flow::Open => self.fetcher.resume(partition),
            Flow::Paused => self.fetcher.pause(partition),
        }
    }

    /// Sends and receives. Offsets are looked up only while `may_start`: a transactional query first ends what it may have
    /// left open itself.
    ///
    /// # Errors
    /// [`ClientError::Fatal`], [`ClientError::Invalid`] when the group or the broker refuses this instance.
    pub fn step(
        &mut self,
        network: &mut Network,
        metadata: &mut Metadata,
        may_start: bool,
    ) -> Result<(), ClientError> {
        self.stepped_at = network.now();
        for event in self.membership.step(network, metadata)? {
            self.on_group(event);
        }
        let sure = self.doubts.settle(self.membership.confirmed());
        self.events.extend(sure.map(SourceEvent::Failed));
        if may_start {
            self.step_starting(network)?;
        }
        self.step_ends(network, metadata);
        self.fetcher.step(network, metadata)?;
        // The rest stays with the fetcher, which stops to fetch when too much waits.
        while self.records.is_none()
            && let Some(event) = self.fetcher.next_event()
        {
            self.on_fetch(event);
        }
        Ok(())
    }

    /// What happened, in order.
    pub fn next_event(&mut self) -> Option<SourceEvent> {
        self.events.pop_front()
    }

    /// The next batches of a partition that is still owned.
    pub fn next_records(&mut self) -> Option<FetchedPartition> {
        while self.records.is_none()
            && let Some(event) = self.fetcher.next_event()
        {
            self.on_fetch(event);
        }
        self.records.take()
    }

    /// Whether batches wait to be taken, here or with the fetcher.
    #[must_use]
    pub fn has_records(&self) -> bool {
        self.records.is_some() || self.fetcher.has_waiting()
    }

    /// How long nothing has come from `partition`, all of which has been taken; `None` while there is something to read.
    #[must_use]
    pub fn quiet_for(&self, partition: &TopicPartition) -> Option<Duration> {
        let waits = self.records.as_ref().is_some_and(|fetched| fetched.partition == *partition);
        self.fetcher.quiet_for(partition).filter(|_| !waits)
    }

    /// The query has processed `partition` up to `position`.
    pub fn processed(&mut self, partition: &TopicPartition, position: i64) {
        if let Some(reading) = self.reading.get_mut(partition) {
            reading.position = Some(position);
        }
    }

    /// The query has taken what was fetched of `partition`, and with it learnt whether there is more.
    pub fn fetched(&mut self, partition: &TopicPartition, caught_up: bool) {
        if let Some(reading) = self.reading.get_mut(partition) {
            reading.caught_up = caught_up;
        }
    }

    /// The largest event time of rows of `partition` that were processed; the partition is caught up or not with them.
    pub fn observe(
        &mut self,
        partition: &TopicPartition,
        max_event_time: Option<i64>,
        caught_up: bool,
    ) {
        self.watermarks.observe(partition, max_event_time, caught_up);
    }

    /// Goes back to the committed offsets for every partition owned.
    pub fn rewind(&mut self) {
        let partitions: Vec<TopicPartition> = self.reading.keys().cloned().collect();
        self.records = None;
        self.starting.clear();
        for partition in &partitions {
            self.fetcher.unassign(partition);
            if let Some(reading) = self.reading.get_mut(partition) {
                reading.position = None;
            }
        }
        if !partitions.is_empty() {
            self.starting.push(Starting::new(&self.config, &self.group_id, partitions));
        }
    }

    /// The revoked partitions are finished and committed.
    pub fn revoked_done(&mut self) {
        self.membership.revoked_done();
    }

    /// A commit begins: the generation must not change under it.
    pub fn hold(&mut self) {
        self.membership.hold();
    }

    /// The commit is over.
    pub fn release(&mut self) {
        self.membership.release();
    }

    /// The group refused a commit.
    pub fn commit_refused(&mut self, code: ErrorCode) {
        self.membership.commit_refused(code);
    }

    /// Asks the group at once whether this instance is still a member; [`Self::is_member_since`] tells.
    pub fn look_up_membership(&mut self) {
        self.membership.look_up();
    }

    /// Whether the group has confirmed, when asked at `moment` or later, that this instance is a member.
    #[must_use]
    pub fn is_member_since(&self, moment: Moment) -> bool {
        self.membership.confirmed() >= Some(moment)
    }

    /// On whose behalf offsets are committed.
    #[must_use]
    pub fn identity(&self) -> GroupIdentity {
        self.membership.identity()
    }

    /// Leaves the group; [`SourceEvent::Left`] follows.
    pub fn leave(&mut self, network: &mut Network) {
        let partitions: Vec<TopicPartition> = self.reading.keys().cloned().collect();
        self.drop_partitions(&partitions);
        self.membership.leave(network);
    }

    /// How far the partitions owned were read.
    #[must_use]
    pub fn positions(&self) -> Vec<(TopicPartition, i64)> {
        let read = self.reading.iter();
        read.filter_map(|(partition, of)| Some((partition.clone(), of.position?))).collect()
    }

    /// Partitions owned.
    #[must_use]
    pub fn owned(&self) -> usize {
        self.reading.len()
    }

    /// Whether the partition is read by this instance.
    #[must_use]
    pub fn is_owned(&self, partition: &TopicPartition) -> bool {
        self.reading.contains_key(partition)
    }

    /// Whether offsets are known and records flow for all partitions owned.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.assigned_once && self.starting.is_empty()
    }

    /// Records that lie in the owned partitions and were not processed.
    #[must_use]
    pub fn lag(&self) -> u64 {
        let lag = self.reading.values().map(|reading| {
            let behind = reading.position.map_or(0, |position| reading.high_watermark - position);
            u64::try_from(behind).unwrap_or_default()
        });
        lag.sum()
    }

    /// The watermark, in milliseconds since 1970.
    pub fn watermark(&mut self) -> Option<i64> {
        self.watermarks.current()
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let starting = self.starting.iter().filter_map(Starting::deadline);
        let ends = self.ends.deadline().into_iter().chain(self.log_ends.deadline()).min();
        let others = [self.membership.deadline(), self.fetcher.deadline(), ends];
        starting.chain(others.into_iter().flatten()).min()
    }

    fn on_group(&mut self, event: GroupEvent) {
        match event {
            GroupEvent::Assigned(partitions) => {
                self.assigned_once = true;
                for partition in &partitions {
                    self.reading.insert(partition.clone(), Reading::default());
                    self.watermarks.assign(partition);
                    self.want_end(partition);
                }
                if !partitions.is_empty() {
                    self.starting.push(Starting::new(
                        &self.config,
                        &self.group_id,
                        partitions.clone(),
                    ));
                }
                self.events.push_back(SourceEvent::Assigned(partitions));
            }
            GroupEvent::Revoked(partitions) => {
                self.drop_partitions(&partitions);
                self.events.push_back(SourceEvent::Revoked(partitions));
            }
            GroupEvent::Lost(partitions) => {
                self.drop_partitions(&partitions);
                self.events.push_back(SourceEvent::Lost(partitions));
            }
            GroupEvent::Left => self.events.push_back(SourceEvent::Left),
        }
    }

    fn drop_partitions(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.fetcher.unassign(partition);
            self.ends.cancel(partition);
            self.log_ends.cancel(partition);
            self.reading.remove(partition);
            self.watermarks.unassign(partition);
        }
        self.records.take_if(|fetched| partitions.contains(&fetched.partition));
        self.doubts.forget(partitions);
        for starting in &mut self.starting {
            starting.forget(partitions);
        }
        self.starting.retain(|starting| !starting.is_empty());
    }

    fn step_starting(&mut self, network: &mut Network) -> Result<(), ClientError> {
        let mut index = 0;
        while let Some(starting) = self.starting.get_mut(index) {
            match starting.step(&self.config, network)? {
                Step::Waiting => index += 1,
                Step::Known(committed) => {
                    let partitions = self.starting.remove(index).into_partitions();
                    let located = partitions.into_iter().map(|partition| {
                        let committed = committed.get(&partition).cloned();
                        (partition, committed)
                    });
                    match self.reads {
                        Reads::AtOnce => {
                            for (partition, committed) in located.collect::<Vec<_>>() {
                                self.read(&partition, committed.map(|of| of.offset));
                            }
                        }
                        Reads::WhenTold => {
                            self.events.push_back(SourceEvent::Located(located.collect()));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads a partition that is owned, from the committed offset or as its policy says.
    pub fn read(&mut self, partition: &TopicPartition, committed: Option<Offset>) {
        let Some(reading) = self.reading.get_mut(partition) else { return };
        let policy = self.inputs.iter().find(|(_, topic, _)| **topic == *partition.topic);
        let policy = policy.map_or(OffsetReset::Earliest, |(.., policy)| *policy);
        let start = match (committed, policy) {
            (Some(offset), _) => {
                reading.position = Some(offset.0);
                Start::At(offset)
            }
            (None, OffsetReset::Earliest) => Start::Earliest,
            (None, OffsetReset::Latest) => Start::Latest,
            (None, OffsetReset::None) => {
                let what = format!(
                    "group '{}' has no committed offset for {partition}, and auto.offset.reset is none: set it to \
                     earliest or latest, or commit one with `kolk group reset`",
                    self.group_id
                );
                self.events.push_back(SourceEvent::Failed(what));
                return;
            }
        };
        self.fetcher.assign(partition.clone(), start);
    }

    fn step_ends(&mut self, network: &mut Network, metadata: &mut Metadata) {
        self.ends.step(network, metadata);
        self.log_ends.step(network, metadata);
        let found = self.ends.take_found();
        for (partition, found) in found.into_iter().chain(self.log_ends.take_found()) {
            match found {
                Ok(found) => {
                    if let Some(reading) = self.reading.get_mut(&partition) {
                        reading.end = Some(found.offset.map_or(0, |offset| offset.0));
                    }
                }
                Err(error) => {
                    let what = format!("cannot learn where {partition} ends: {error}");
                    self.events.push_back(SourceEvent::Failed(what));
                }
            }
        }
    }

    fn on_fetch(&mut self, event: FetchEvent) {
        match event {
            FetchEvent::Records(fetched) => {
                if let Some(reading) = self.reading.get_mut(&fetched.partition) {
                    reading.high_watermark = fetched.high_watermark.0;
                    self.records = Some(fetched);
                }
            }
            FetchEvent::Started { partition, start, at } => {
                if let Some(reading) = self.reading.get_mut(&partition) {
                    reading.position = Some(at.0);
                    let missed = reading.missed.take();
                    self.events.extend(missed.map(|missed| passed_over(&partition, missed, at)));
                    let event = match start {
                        Start::Latest => SourceEvent::StartedAtEnd(partition, at),
                        _ => SourceEvent::Started(partition, at),
                    };
                    self.events.push_back(event);
                }
            }
            FetchEvent::OutOfRange { partition, position, policy }
                if policy != crate::client::config::OffsetReset::None =>
            {
                if let Some(reading) = self.reading.get_mut(&partition) {
                    reading.missed = Some(position.0);
                }
            }
            FetchEvent::OutOfRange { ref partition, .. } => {
                if self.doubts.is_empty() {
                    self.membership.look_up();
                }
                self.doubts.note(partition.clone(), describe(&event), self.stepped_at);
            }
            other => self.events.push_back(SourceEvent::Failed(describe(&other))),
        }
    }
}

/// A position that was not there any more, and where it goes on.
fn passed_over(partition: &TopicPartition, missed: i64, at: Offset) -> SourceEvent {
    let offsets = u64::try_from(at.0.saturating_sub(missed)).unwrap_or_default();
    let what = format!(
        "offset {missed} of {partition} is not there any more (retention?): it goes on at {at}, as auto.offset.reset says, and \
         {offsets} offsets were passed over"
    );
    SourceEvent::PassedOver { offsets, what }
}

/// What a partition that cannot be read any further means for the query.
fn describe(event: &FetchEvent) -> String {
    match event {
        FetchEvent::OutOfRange { partition, position, .. } => format!(
            "offset {position} of {partition} is not there any more (retention?), and auto.offset.reset is none: choose \
             where to go on with `kolk group reset`"
        ),
        FetchEvent::Truncated { partition, position, valid_to } => format!(
            "the log of {partition} was cut off at {valid_to}, below offset {position}, which was read already: records \
             were lost at the broker. Check the output, then choose where to go on with `kolk group reset`"
        ),
        FetchEvent::Recreated { partition, .. } => format!(
            "topic '{}' was deleted and created again: its offsets mean nothing any more. Start over with `kolk reset`",
            partition.topic
        ),
        FetchEvent::Failed { partition, error } => format!("{partition} cannot be read: {error}"),
        FetchEvent::Records(fetched) => format!("{} was read", fetched.partition),
        FetchEvent::Started { partition, at, .. } => format!("{partition} is read from {at} on"),
    }
}
