//! One query: the loop that leads rows from source to sink, and decides when to commit, to go back, and to end.
//!
//! ```text
//! Running ──commit is due, partitions leave, or the end──▶ Flushing ──all acknowledged──▶ Committing ──▶ Running
//!    ▲                                                                                        │       └─▶ Leaving ─▶ Left
//!    └────────── Rewinding: the transaction is aborted, reading goes on at the committed offsets ◀─┘
//! ```
//!
//! Modes without transactions commit offsets beside the work: they pass through Flushing only when partitions leave or the
//! query ends.

use super::application::{Control, Shared, Until};
use super::client_settings::client_settings;
use super::committer::{Committed, Committer};
use super::error::{QueryError, StartError};
use super::feed::Feed;
use super::status::QueryPhase;
use crate::account::Account;
use crate::client::TopicPartition;
use crate::client::commit::CommittedOffset;
use crate::client::config::ClientConfig;
use crate::client::error::Action;
use crate::client::metadata::{Change, Metadata};
use crate::client::network::Network;
use crate::client::{Offset, requests::ClusterView};
use crate::operator::Pipeline;
use crate::sink::delivery::Delivery;
use crate::sink::kafka::KafkaOutlet;
use crate::sink::outlet::Outlet;
use crate::sink::progress::InputPartition;
use crate::source::{Source, SourceEvent};
use crate::time::{Clock, Moment};
use crate::topology::{OnBadRecord, Query, Sink};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The longest wait for something to happen: how soon a stop is noticed even if its wake-up is lost.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// How often the status is brought up to date.
const STATUS_INTERVAL: Duration = Duration::from_millis(100);
/// Offsets without transactions are committed this many times less often.
const PLAIN_COMMIT_FACTOR: u32 = 10;
/// After about so many bytes of input the sockets get their turn.
const TURN_BYTES: usize = 1 << 20;
/// How long a query that stops because of an error tries to leave its group and to abort its transaction.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// All that a query's run is made of.
pub(super) struct QueryPlan {
    pub query: Query,
    pub application: String,
    pub instance: String,
    pub client: ClientConfig,
    pub until: Until,
    pub commit_interval: Duration,
    /// How many partitions the topics of the program have.
    pub partitions: BTreeMap<String, i32>,
    /// Queries that write what this one reads.
    pub upstream: Vec<Arc<Shared>>,
}

/// Why everything must be acknowledged now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    /// It is time.
    Interval,
    /// These partitions go to another instance.
    Revoked(Vec<TopicPartition>),
    /// The query ends.
    Stop,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Running,
    Flushing(Reason),
    Committing(Reason),
    Rewinding,
    Leaving,
    Left,
}

/// A query that runs.
pub(super) struct QueryRun {
    name: String,
    sink: Sink,
    application_until: Until,
    upstream: Vec<Arc<Shared>>,
    transactional_id: String,
    commit_interval: Duration,
    clock: Arc<dyn Clock>,
    started: Moment,
    network: Network,
    metadata: Metadata,
    source: Source,
    feed: Feed,
    delivery: Delivery,
    outlet: KafkaOutlet,
    committer: Committer,
    stage: Stage,
    /// A position was chosen by policy: it is committed at once.
    chose_position: bool,
    /// Partitions that must be given up after what is going on.
    revoked: Vec<TopicPartition>,
    stopping: bool,
    next_commit: Moment,
    next_status: Moment,
    /// What the last commit covered.
    committed: BTreeMap<InputPartition, i64>,
    committed_account: Account,
    /// Rows acknowledged before delivery began anew.
    delivered_before: u64,
    account: Account,
    /// Positions of the commit under way.
    committing: Vec<(InputPartition, i64)>,
    commits: u64,
    rewinds: u64,
    notice: Option<String>,
    first_output: Option<Duration>,
    shared: Arc<Shared>,
    control: Arc<Control>,
}

impl QueryRun {
    pub(super) fn new(
        plan: QueryPlan,
        clock: Arc<dyn Clock>,
        shared: Arc<Shared>,
        control: &Arc<Control>,
    ) -> Result<Self, StartError> {
        let QueryPlan {
            query,
            application,
            instance,
            client,
            until,
            commit_interval,
            partitions,
            upstream,
        } = plan;
        let sink = query.sink().cloned().ok_or(StartError::Empty)?;
        let group_id = format!("{application}-{}", query.name);
        let transactional_id = format!("{group_id}-{instance}");
        let client = client_settings(&client, &sink, &instance, &transactional_id)?;
        let pipeline = Pipeline::new(&query)
            .map_err(|source| StartError::Plan { query: query.name.clone(), source })?;
        let source = Source::new(&query, &client, &group_id)?;
        let network = Network::new(&client, Arc::clone(&clock))?;
        let on_bad_record = query.sources().next().map(|(source, _)| source.on_bad_record.clone());
        let on_bad_record = on_bad_record.unwrap_or(OnBadRecord::Fail);
        let outlet = KafkaOutlet::for_sink(&client, &sink, &on_bad_record, &partitions);
        let mut metadata = Metadata::new(&client);
        for topic in source.topics().chain(outlet.topics()) {
            ClusterView::want(&mut metadata, topic);
        }
        let transactional = sink.delivery.is_transactional();
        let committer = if transactional {
            Committer::transactional(&client, &transactional_id)
        } else {
            Committer::plain(&client, &group_id)
        };
        control.register(network.notifier());
        let started = clock.monotonic();
        Ok(Self {
            name: query.name.clone(),
            application_until: until,
            upstream,
            transactional_id,
            commit_interval: commit_interval * if transactional { 1 } else { PLAIN_COMMIT_FACTOR },
            started,
            network,
            metadata,
            source,
            feed: Feed::new(pipeline, on_bad_record),
            delivery: Delivery::new(&sink),
            sink,
            outlet,
            committer,
            stage: Stage::Running,
            chose_position: false,
            revoked: Vec::new(),
            stopping: false,
            next_commit: started,
            next_status: started,
            committed: BTreeMap::new(),
            committed_account: Account::default(),
            delivered_before: 0,
            account: Account::default(),
            committing: Vec::new(),
            commits: 0,
            rewinds: 0,
            notice: None,
            first_output: None,
            shared,
            control: Arc::clone(control),
            clock,
        })
    }

    /// Runs until stopped, until the end, or until an error.
    pub(super) fn run(mut self) -> Result<(), QueryError> {
        let result = self.run_loop();
        if result.is_err() {
            self.farewell();
        }
        self.write_status();
        result
    }

    fn run_loop(&mut self) -> Result<(), QueryError> {
        while self.stage != Stage::Left {
            let before = self.stage.clone();
            self.step()?;
            self.update_status();
            // A new stage may have something to send before anything arrives.
            let wait = if self.stage == before { self.wait() } else { Duration::ZERO };
            self.network.poll(wait);
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), QueryError> {
        self.metadata.step(&mut self.network)?;
        self.check_topics()?;
        self.step_committer()?;
        let may_start = self.committer.is_initialised() && self.stage != Stage::Rewinding;
        self.source.step(&mut self.network, &mut self.metadata, may_start)?;
        while let Some(event) = self.source.next_event() {
            self.on_source(event)?;
        }
        self.check_end();
        if self.stage == Stage::Running {
            self.feed_rows()?;
        }
        self.step_outlet()?;
        self.advance()
    }

    fn step_outlet(&mut self) -> Result<(), QueryError> {
        match self.outlet.step(&mut self.network, &mut self.metadata) {
            Ok(()) => {}
            Err(error) if error.action() == Action::Rewind => return self.rewind(),
            Err(error) => return Err(error.into()),
        }
        let now_ms = self.clock.now_ms().0;
        self.delivery.step(&mut self.outlet, now_ms);
        if self.first_output.is_none() && self.delivery.delivered() > 0 {
            self.first_output = Some(self.network.now().since(self.started));
        }
        // What delivery has just handed over goes out at once.
        match self.outlet.step(&mut self.network, &mut self.metadata) {
            Ok(()) => {}
            Err(error) if error.action() == Action::Rewind => return self.rewind(),
            Err(error) => return Err(error.into()),
        }
        while let Some(refusal) = self.outlet.take_refusal() {
            // A dead letter that cannot be delivered either would be gone without a trace.
            let no_other_place = self.outlet.holds_dead_letters(&refusal);
            if no_other_place || self.feed.on_bad_record() == &OnBadRecord::Fail {
                let (topic, partition) = self.outlet.destination(&refusal);
                let topic = topic.to_owned();
                return Err(QueryError::Refused { topic, partition, why: refusal.why });
            }
            self.account.too_large += self.outlet.leave_out(&refusal);
        }
        Ok(())
    }

    fn feed_rows(&mut self) -> Result<(), QueryError> {
        let now_ms = self.clock.now_ms().0;
        let mut bytes = 0;
        // What was written goes out while it is in the processor's cache, and the next fetch is asked for in time.
        while bytes < TURN_BYTES && self.delivery.has_room(&self.outlet) {
            if !self.feed.has_rows() {
                let Some(fetched) = self.source.next_records() else { break };
                self.feed.open(fetched);
            }
            if !self.committer.begin(self.outlet.producer())? {
                break;
            }
            let target = (&mut self.delivery, &mut self.outlet);
            bytes += self.feed.next(&mut self.source, target, &mut self.account, now_ms)?;
        }
        Ok(())
    }

    /// Moves the stage on as far as it goes.
    fn advance(&mut self) -> Result<(), QueryError> {
        if self.stage == Stage::Running {
            self.leave_running()?;
        }
        if let Stage::Flushing(reason) = &self.stage {
            let reason = reason.clone();
            if self.is_flushed(&reason) {
                self.start_commit(reason)?;
            } else {
                self.outlet.dispatch();
            }
        }
        Ok(())
    }

    /// Whether something must be flushed or committed now.
    fn leave_running(&mut self) -> Result<(), QueryError> {
        if !self.revoked.is_empty() {
            let revoked = std::mem::take(&mut self.revoked);
            self.flush(Reason::Revoked(revoked));
        } else if self.stopping {
            self.flush(Reason::Stop);
        } else if self.delivery.wants_commit() || std::mem::take(&mut self.chose_position) {
            self.flush(Reason::Interval);
        } else if !self.delivery.commits_by_itself() && self.network.now() >= self.next_commit {
            self.next_commit = self.network.now() + self.commit_interval;
            if self.sink.delivery.is_transactional() {
                if self.has_news() {
                    self.flush(Reason::Interval);
                }
            } else if !self.committer.is_busy() {
                self.commit_beside()?;
            }
        }
        Ok(())
    }

    /// Whether anything happened since the last commit.
    fn has_news(&mut self) -> bool {
        self.delivery.unacknowledged() > 0
            || self
                .delivery
                .positions()
                .iter()
                .any(|(partition, position)| self.committed.get(partition) != Some(position))
    }

    fn flush(&mut self, reason: Reason) {
        // What is still to come of a batch that was begun is read again after the commit, by whoever owns it then.
        self.delivery.drain();
        if !self.is_at_end_of_input() {
            self.delivery.pause();
            // The generation must not change before the commit. At the end all that waits is delivered first, which may take
            // long: others must be free to join meanwhile.
            self.source.hold();
        }
        self.outlet.dispatch();
        self.stage = Stage::Flushing(reason);
    }

    fn is_at_end_of_input(&self) -> bool {
        self.application_until == Until::End
            && self.source.is_at_end()
            && !self.control.is_stopping()
    }

    fn is_flushed(&self, reason: &Reason) -> bool {
        if *reason == Reason::Stop && self.is_at_end_of_input() {
            return self.delivery.is_drained();
        }
        self.delivery.is_idle()
    }

    fn start_commit(&mut self, reason: Reason) -> Result<(), QueryError> {
        let offsets = self.new_positions();
        if offsets.is_empty() {
            self.delivery.committed();
            return self.committed(reason);
        }
        let metadata = if self.sink.delivery.is_transactional() {
            self.transactional_id.clone()
        } else {
            String::new()
        };
        let offsets = self.to_commit(&offsets, &metadata);
        self.source.hold();
        let identity = self.source.identity();
        self.committer.commit(&mut self.network, self.outlet.producer(), identity, offsets)?;
        self.stage = Stage::Committing(reason);
        Ok(())
    }

    /// Commits what is acknowledged without waiting for the rest.
    fn commit_beside(&mut self) -> Result<(), QueryError> {
        let offsets = self.new_positions();
        if offsets.is_empty() {
            return Ok(());
        }
        let offsets = self.to_commit(&offsets, "");
        let identity = self.source.identity();
        Ok(self.committer.commit(&mut self.network, self.outlet.producer(), identity, offsets)?)
    }

    /// Positions that moved since the last commit; remembered as being committed.
    fn new_positions(&mut self) -> Vec<(InputPartition, i64)> {
        let committed = &self.committed;
        let mut moved = self.delivery.positions();
        moved.retain(|(partition, position)| committed.get(partition) != Some(position));
        self.committing.clone_from(&moved);
        moved
    }

    fn to_commit(
        &self,
        positions: &[(InputPartition, i64)],
        metadata: &str,
    ) -> Vec<CommittedOffset> {
        let offset = |(partition, position): &(InputPartition, i64)| CommittedOffset {
            partition: TopicPartition::new(
                self.source.topic_of(partition.source),
                partition.partition,
            ),
            offset: Offset(*position),
            leader_epoch: -1,
            metadata: metadata.to_owned(),
        };
        positions.iter().map(offset).collect()
    }

    fn step_committer(&mut self) -> Result<(), QueryError> {
        let outcome = self.committer.step(&mut self.network, self.outlet.producer())?;
        match outcome {
            None => Ok(()),
            Some(Committed::Done) => self.on_committed(),
            Some(Committed::Refused(code)) => {
                self.source.commit_refused(code);
                self.committing.clear();
                if self.sink.delivery.is_transactional() {
                    return self.rewind();
                }
                // Offsets of partitions that are still owned are committed with the next ones.
                match std::mem::replace(&mut self.stage, Stage::Running) {
                    Stage::Committing(reason) => self.committed(reason),
                    other => {
                        self.stage = other;
                        Ok(())
                    }
                }
            }
            Some(Committed::Rewind) => {
                self.go_back();
                Ok(())
            }
            Some(Committed::Fenced) => {
                Err(QueryError::Fenced { id: self.transactional_id.clone() })
            }
        }
    }

    fn on_committed(&mut self) -> Result<(), QueryError> {
        self.commits += 1;
        for (partition, position) in self.committing.drain(..) {
            self.committed.insert(partition, position);
        }
        if self.stage == Stage::Rewinding {
            // An abort came too late: the transaction is committed, and reading goes on behind it.
            self.go_back();
            return Ok(());
        }
        self.delivery.committed();
        self.settle_account();
        self.committed_account = self.account;
        match std::mem::replace(&mut self.stage, Stage::Running) {
            Stage::Committing(reason) => self.committed(reason),
            other => {
                self.stage = other;
                Ok(())
            }
        }
    }

    /// Everything before a commit for this reason is done.
    fn committed(&mut self, reason: Reason) -> Result<(), QueryError> {
        self.source.release();
        // What a query that ends holds back must not go out behind its last commit: the next run would send it again.
        if reason != Reason::Stop {
            self.delivery.resume();
        }
        self.stage = Stage::Running;
        match reason {
            Reason::Interval => {}
            Reason::Revoked(partitions) => {
                self.forget(&partitions);
                self.source.revoked_done();
            }
            Reason::Stop => {
                if self.is_at_end_of_input() {
                    self.shared.reach_end();
                }
                // Only individual delivery holds rows back; all else is acknowledged by now.
                self.account.give_back(self.delivery.unacknowledged());
                self.source.leave(&mut self.network);
                self.stage = Stage::Leaving;
            }
        }
        Ok(())
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            let source = self.source.node_of(&partition.topic);
            let input = InputPartition { source, partition: partition.partition };
            let before = self.delivery.unacknowledged();
            self.delivery.forget(input);
            self.account.give_back(before - self.delivery.unacknowledged());
            self.committed.remove(&input);
            self.feed.forget(partition);
        }
    }

    /// The transaction must not become visible.
    fn rewind(&mut self) -> Result<(), QueryError> {
        if self.stage == Stage::Rewinding {
            return Ok(());
        }
        let aborting = self.committer.abort(&mut self.network, self.outlet.producer())?;
        self.stage = Stage::Rewinding;
        if !aborting {
            self.go_back();
        }
        Ok(())
    }

    /// Reads again from the committed offsets on.
    fn go_back(&mut self) {
        self.rewinds += 1;
        self.outlet.clear();
        self.delivery = Delivery::new(&self.sink);
        self.account = self.committed_account;
        // Those left out were acknowledged, too, in the books of delivery.
        self.delivered_before = self.account.delivered + self.account.too_large;
        self.committing.clear();
        self.committed.clear();
        self.feed.clear();
        self.source.release();
        self.source.rewind();
        self.stage = Stage::Running;
    }

    fn on_source(&mut self, event: SourceEvent) -> Result<(), QueryError> {
        match event {
            SourceEvent::Assigned(_) => {}
            SourceEvent::Revoked(partitions) => {
                for partition in &partitions {
                    self.feed.forget(partition);
                }
                self.revoked.extend(partitions);
            }
            SourceEvent::Lost(partitions) => {
                self.revoked.clear();
                self.forget(&partitions);
                if self.sink.delivery.is_transactional() {
                    self.rewind()?;
                }
            }
            SourceEvent::StartedAtEnd(partition, at) => {
                let source = self.source.node_of(&partition.topic);
                let input = InputPartition { source, partition: partition.partition };
                self.delivery.stand_at(input, at.0);
                self.chose_position = true;
            }
            SourceEvent::Left => self.stage = Stage::Left,
            SourceEvent::Failed(what) => return Err(QueryError::Input { what }),
            SourceEvent::Notice(what) => self.notice = Some(what),
        }
        Ok(())
    }

    /// The end is asked for once everything upstream has reached its own.
    fn check_end(&mut self) {
        if self.control.is_stopping() {
            self.stopping = true;
        }
        if self.application_until == Until::End && !self.stopping {
            if self.upstream.iter().all(|shared| shared.has_reached_end()) {
                self.source.want_ends();
            }
            if self.source.is_at_end() && !self.source.has_records() && !self.feed.has_rows() {
                self.stopping = true;
            }
        }
    }

    fn check_topics(&mut self) -> Result<(), QueryError> {
        for change in self.metadata.take_changes() {
            match change {
                Change::Recreated { topic, .. } | Change::Gone { topic }
                    if *topic == *self.sink.topic =>
                {
                    let what = format!(
                        "topic '{topic}', which {} writes, was deleted under the running query: what it held is gone. \
                         Start over with `kolk reset`",
                        self.name
                    );
                    return Err(QueryError::Input { what });
                }
                Change::Grew { topic, was, now } if *topic == *self.sink.topic => {
                    self.notice = Some(format!(
                        "topic '{topic}' grew from {was} to {now} partitions: the new ones are used after a restart, \
                         since keys would change their partition"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn settle_account(&mut self) {
        self.account.delivered =
            self.delivered_before + self.delivery.delivered() - self.account.too_large;
    }

    fn wait(&self) -> Duration {
        // More input lies ready, and there is room for it: go on at once.
        let ready =
            self.stage == Stage::Running && (self.feed.has_rows() || self.source.has_records());
        if ready && self.delivery.has_room(&self.outlet) && self.committer.is_initialised() {
            return Duration::ZERO;
        }
        let now = self.network.now();
        let deadlines = [
            self.metadata.deadline(),
            self.source.deadline(),
            self.outlet.deadline(),
            self.committer.deadline(),
            self.delivery_deadline(now),
            (self.stage == Stage::Running)
                .then_some(self.next_commit)
                .filter(|_| self.may_commit()),
        ];
        let next = deadlines.into_iter().flatten().min();
        next.map_or(WAIT_MAX, |next| now.until(next).min(WAIT_MAX))
    }

    fn may_commit(&self) -> bool {
        !self.delivery.commits_by_itself() && self.account.read != self.committed_account.read
    }

    fn delivery_deadline(&self, now: Moment) -> Option<Moment> {
        let due_ms = self.delivery.due_ms()?;
        let left = u64::try_from(due_ms - self.clock.now_ms().0).unwrap_or_default();
        Some(now + Duration::from_millis(left))
    }

    fn update_status(&mut self) {
        let now = self.network.now();
        if now >= self.next_status || self.stage == Stage::Left {
            self.next_status = now + STATUS_INTERVAL;
            self.write_status();
        }
    }

    fn write_status(&mut self) {
        self.settle_account();
        let mut status = self.shared.status();
        status.phase = match self.stage {
            _ if !self.source.is_running() && !self.stopping => QueryPhase::Starting,
            _ if self.stopping => QueryPhase::Stopping,
            _ => QueryPhase::Running,
        };
        status.account = self.account;
        status.lag = self.source.lag() + self.delivery.unacknowledged();
        status.watermark = self.source.watermark();
        status.partitions = self.source.owned();
        status.unacknowledged = self.delivery.unacknowledged();
        status.commits = self.commits;
        status.rewinds = self.rewinds;
        status.waiting = self.outlet.retrying().map(str::to_owned).or_else(|| self.notice.clone());
        status.first_output_ms =
            self.first_output.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    }

    /// Aborts and leaves, as far as the cluster still listens: others need not wait for time-outs then.
    fn farewell(&mut self) {
        let until = self.network.now() + FAREWELL_MAX;
        let mut aborting =
            self.committer.abort(&mut self.network, self.outlet.producer()).unwrap_or_default();
        self.source.leave(&mut self.network);
        let mut left = false;
        while (aborting || !left) && self.network.now() < until {
            let stepped = self.committer.step(&mut self.network, self.outlet.producer());
            aborting &= matches!(stepped, Ok(None));
            if self.source.step(&mut self.network, &mut self.metadata, false).is_err() {
                return;
            }
            while let Some(event) = self.source.next_event() {
                left |= matches!(event, SourceEvent::Left);
            }
            if aborting || !left {
                self.network.poll(Duration::from_millis(20));
            }
        }
    }
}
