//! Reading partitions: whole record batches, fetched ahead, without copying.
//!
//! One request is outstanding per broker; the next one leaves while the batches of the last are being processed, as
//! long as not more than [`PREFETCH_BYTES_MAX`] wait. Nothing here decides silently where to read: each jump of a
//! position is an event.
//!
//! ```text
//!   assign(Start::Earliest …) ─▶ Looking ─(offset found: Started)─▶ Reading ──records──▶ FetchEvent::Records
//!   assign(Start::At(offset)) ───────────────────────────────────────▲  │
//!                                     Looking ◀─(OutOfRange, policy)────┤
//!                                     Halted  ◀─(OutOfRange and no policy, truncated, recreated, refused)
//! ```

mod arrival;
mod channel;
mod session;
mod waiting;
#[cfg(test)]
mod tests;

use super::config::{ClientConfig, FetchConfig, OffsetReset};
use super::error::ClientError;
use super::metadata::Metadata;
use super::network::{Lane, Network};
use super::offsets::{OffsetLookup, OffsetSpec};
use super::{Offset, TopicPartition};
use crate::time::{Moment, Timestamp};
use arrival::Sieve;
use bytes::Bytes;
use channel::Channel;
use kolk_wire::record::Batch;
use kolk_wire::wire::Uuid;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use waiting::Waiting;

/// No further fetch is sent while more than this waits to be taken, in bytes.
pub const PREFETCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a fetch may wait at the broker while some partition is left out of it (paused, or not ready): that one
/// would otherwise have to wait for the fetch to return before it can take part again.
pub const WAIT_WHILE_INCOMPLETE: Duration = Duration::from_millis(50);

/// Where to start reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At this offset.
    At(Offset),
    /// At the first record that is still there.
    Earliest,
    /// With records that arrive from now on.
    Latest,
    /// At the first record with this time-stamp or a later one.
    From(Timestamp),
}

/// Batches of one partition, in order.
#[derive(Debug, Clone)]
pub struct FetchedPartition {
    /// Which.
    pub partition: TopicPartition,
    /// Records before this offset come along in the first batch, but were not asked for: pass over them.
    pub start: Offset,
    /// Where the reader stands after these batches: what to commit once all of them are processed. Markers, aborted
    /// and compacted records at the end are behind it.
    pub next: Offset,
    /// The batches to read, slices of the received frame; checked, without markers and aborted ones. May be empty.
    pub batches: Vec<Batch>,
    /// The bytes that the batches are slices of.
    pub records: Bytes,
    /// Bytes in the batches.
    pub bytes: usize,
    /// One past the last replicated record, when the broker answered.
    pub high_watermark: Offset,
    /// One past the last record that belongs to no open transaction, when the broker answered.
    pub last_stable_offset: Offset,
    /// The first record that is still there.
    pub log_start_offset: Offset,
    /// Whether `next` was the end of what may be read when the broker answered.
    pub caught_up: bool,
}

/// Something that happened to a partition.
#[derive(Debug, Clone)]
pub enum FetchEvent {
    /// Records, or news that the partition is caught up.
    Records(FetchedPartition),
    /// The start was looked up: the partition is read from `at`.
    Started {
        /// Which.
        partition: TopicPartition,
        /// What was asked for.
        start: Start,
        /// The first offset to be read.
        at: Offset,
    },
    /// The position is not in the log (any more). By policy it is looked up anew ([`Self::Started`] follows), or the
    /// partition stands still until [`Fetcher::seek`].
    OutOfRange {
        /// Which.
        partition: TopicPartition,
        /// The position.
        position: Offset,
        /// The policy that applies.
        policy: OffsetReset,
    },
    /// The log was cut off below the position: records that were read are gone. The partition stands still.
    Truncated {
        /// Which.
        partition: TopicPartition,
        /// The position.
        position: Offset,
        /// Up to here the log is still what was read.
        valid_to: Offset,
    },
    /// The topic was deleted and created again: the position means nothing in it. The partition stands still.
    Recreated {
        /// Which.
        partition: TopicPartition,
        /// The id until now.
        was: Uuid,
        /// The id from now on.
        now: Uuid,
    },
    /// The partition cannot be read, and trying again will not help. It stands still.
    Failed {
        /// Which.
        partition: TopicPartition,
        /// Why.
        error: ClientError,
    },
}

impl FetchEvent {
    /// The partition that it is about.
    #[must_use]
    pub fn partition(&self) -> &TopicPartition {
        match self {
            Self::Records(fetched) => &fetched.partition,
            Self::Started { partition, .. }
            | Self::OutOfRange { partition, .. }
            | Self::Truncated { partition, .. }
            | Self::Recreated { partition, .. }
            | Self::Failed { partition, .. } => partition,
        }
    }
}

/// How much happened, for an account of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FetchCounts {
    /// Requests sent.
    pub requests: u64,
    /// Bytes of batches handed out.
    pub bytes: u64,
    /// Positions that were out of range.
    pub out_of_range: u64,
    /// Responses whose batches failed their check.
    pub corrupt: u64,
}

/// Whether a partition takes part in fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    Paused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The start is being looked up.
    Looking(Start),
    /// Fetched from here on.
    Reading(i64),
    /// Stands still until told where to go.
    Halted,
}

/// One partition that is read.
#[derive(Debug)]
struct Assigned {
    state: State,
    flow: Flow,
    /// The id that the topic had when reading started; none until then, or from brokers without ids.
    topic_id: Uuid,
    fetched_epoch: i32,
    /// Whether the reader was last told that it is caught up.
    caught_up: bool,
    /// While its end is reached: since when nothing has come, and when the broker last confirmed that.
    quiet: Option<(Moment, Moment)>,
    /// Bytes that wait to be taken.
    buffered: usize,
    failures: u32,
    /// While set, it is left out of fetches.
    not_before: Option<Moment>,
}

/// Reads the assigned partitions.
#[derive(Debug)]
pub struct Fetcher {
    config: FetchConfig,
    lane: Lane,
    retry: super::config::Backoff,
    sieve: Sieve,
    partitions: BTreeMap<TopicPartition, Assigned>,
    channels: BTreeMap<i32, Channel>,
    lookup: OffsetLookup,
    waiting: VecDeque<Waiting>,
    /// Bytes of batches that wait to be taken.
    buffered: usize,
    counts: FetchCounts,
    stepped_at: Moment,
}

impl Fetcher {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(config: &ClientConfig) -> Self {
        Self::on_lane(config, Lane::Fetch)
    }

    /// The same, over connections of this lane: those who share one wait for each other's long polls.
    #[must_use]
    pub fn on_lane(config: &ClientConfig, lane: Lane) -> Self {
        Self {
            config: config.fetch.clone(),
            lane,
            retry: config.connection.retry_backoff,
            sieve: Sieve { isolation: config.fetch.isolation, crcs: config.fetch.crcs },
            partitions: BTreeMap::new(),
            channels: BTreeMap::new(),
            lookup: OffsetLookup::new(config),
            waiting: VecDeque::new(),
            buffered: 0,
            counts: FetchCounts::default(),
            stepped_at: Moment::default(),
        }
    }

    /// Reads `partition` too, from `start` on.
    pub fn assign(&mut self, partition: TopicPartition, start: Start) {
        self.unassign(&partition);
        let assigned = Assigned {
            state: State::Halted,
            flow: Flow::Open,
            topic_id: Uuid::default(),
            fetched_epoch: -1,
            caught_up: false,
            quiet: None,
            buffered: 0,
            failures: 0,
            not_before: None,
        };
        let key = partition.clone();
        self.partitions.insert(partition, assigned);
        self.begin(&key, start);
    }

    /// Stops to read `partition`; what was fetched and not taken is dropped.
    pub fn unassign(&mut self, partition: &TopicPartition) {
        self.drop_waiting(partition);
        self.lookup.cancel(partition);
        self.partitions.remove(partition);
    }

    /// Goes on from `start`; what was fetched and not taken is dropped, and a partition that stood still moves again.
    /// Also accepts a topic that was created again.
    pub fn seek(&mut self, partition: &TopicPartition, start: Start) {
        self.drop_waiting(partition);
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.topic_id = Uuid::default();
            self.begin(partition, start);
        }
    }

    fn begin(&mut self, partition: &TopicPartition, start: Start) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        self.lookup.cancel(partition);
        assigned.caught_up = false;
        assigned.quiet = None;
        assigned.fetched_epoch = -1;
        let spec = match start {
            Start::At(offset) => {
                assigned.state = State::Reading(offset.0);
                return;
            }
            Start::Earliest => OffsetSpec::Earliest,
            Start::Latest => OffsetSpec::Latest,
            Start::From(timestamp) => OffsetSpec::From(timestamp),
        };
        assigned.state = State::Looking(start);
        self.lookup.want(partition.clone(), spec);
    }

    /// Leaves `partition` out of further fetches; what has been fetched or is on its way still arrives.
    pub fn pause(&mut self, partition: &TopicPartition) {
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.flow = Flow::Paused;
        }
    }

    /// Fetches `partition` again.
    pub fn resume(&mut self, partition: &TopicPartition) {
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.flow = Flow::Open;
        }
    }

    /// The partitions that are assigned.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    /// The next offset to be fetched, once it is known; batches that wait to be taken lie before it.
    #[must_use]
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        match self.partitions.get(partition)?.state {
            State::Reading(offset) => Some(Offset(offset)),
            State::Looking(_) | State::Halted => None,
        }
    }

    /// How long nothing had come from `partition` when its broker last answered; `None` while its end is not reached, or something
    /// waits to be taken. A broker that does not answer makes nothing quiet.
    #[must_use]
    pub fn quiet_for(&self, partition: &TopicPartition) -> Option<Duration> {
        let assigned = self.partitions.get(partition).filter(|assigned| assigned.buffered == 0)?;
        assigned.quiet.map(|(since, confirmed)| confirmed.since(since))
    }

    /// How much happened so far.
    #[must_use]
    pub fn counts(&self) -> FetchCounts {
        self.counts
    }

    /// Sends and receives; call it before each [`Network::poll`], then [`Self::next_event`] until there is none.
    /// Topics of assigned partitions must be in the metadata's view ([`Metadata::want`]).
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when a broker refuses this client altogether; what concerns a partition is an event.
    pub fn step(
        &mut self,
        network: &mut Network,
        metadata: &mut Metadata,
    ) -> Result<(), ClientError> {
        self.stepped_at = network.now();
        self.step_lookup(network, metadata);
        let nodes: Vec<i32> = self.channels.keys().copied().collect();
        for node in nodes {
            self.receive(node, network, metadata)?;
        }
        self.send(network, metadata);
        Ok(())
    }

    /// When [`Self::step`] must be called again even if nothing arrives.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let channels = self.channels.values().filter_map(Channel::deadline);
        let partitions = self.partitions.values().filter_map(|assigned| assigned.not_before);
        let room = self.buffered <= PREFETCH_BYTES_MAX;
        channels.chain(partitions).filter(|_| room).chain(self.lookup.deadline()).min()
    }

    fn step_lookup(&mut self, network: &mut Network, metadata: &mut Metadata) {
        self.lookup.step(network, metadata);
        for (partition, found) in self.lookup.take_found() {
            let Some(assigned) = self.partitions.get_mut(&partition) else { continue };
            let State::Looking(start) = assigned.state else { continue };
            match found {
                Ok(found) => match found.offset {
                    Some(at) => {
                        assigned.state = State::Reading(at.0);
                        self.tell(FetchEvent::Started { partition, start, at });
                    }
                    // No record is that late: what arrives from now on is.
                    None => self.lookup.want(partition, OffsetSpec::Latest),
                },
                Err(error) => {
                    assigned.state = State::Halted;
                    self.tell(FetchEvent::Failed { partition, error });
                }
            }
        }
    }
}
