//! One stage: the loop that leads rows from source to sink, and decides when to commit, to go back, and to end.
//!
//! ```text
//! Running ──commit is due, partitions leave, or the end──▶ Flushing ──all acknowledged──▶ Committing ──▶ Running
//!    ▲                                                                                        │       └─▶ Leaving ─▶ Left
//!    └────────── Rewinding: the transaction is aborted, reading goes on at the committed offsets ◀─┘
//! ```
//!
//! Rows that pass one by one go through a [`Feed`]. Where rows meet, and where something is remembered, they go through [`Tasks`],
//! whose state is committed with the offsets. Modes without transactions commit offsets beside the work: they pass through Flushing
//! only when there is state, when partitions leave or the query ends.

mod commit;
mod events;
mod memory;
mod purge;
mod report;
mod store;

use super::application::{Control, Shared, Until};
use super::bug::Planted;
use super::client_settings::{client_settings, longest_transaction};
use super::committer::Committer;
use super::error::{QueryError, StartError};
use super::failpoint::Point;
use super::feed::{Feed, Target};
use super::notices::Notices;
use super::stage_plan::StagePlan;
use super::tasks::{Tasks, Way};
use crate::account::Account;
use crate::client::TopicPartition;
use crate::client::config::ClientConfig;
use crate::client::error::{Action, ClientError};
use crate::client::metadata::Metadata;
use crate::client::network::Network;
use crate::client::requests::ClusterView;
use crate::operator::{Pipeline, PlanError};
use crate::sink::connector::{Beside, ConnectorOutlet};
use crate::sink::delivery::Delivery;
use crate::sink::kafka::KafkaOutlet;
use crate::source::{Reads, Source};
use crate::time::{Clock, Moment};
use crate::topology::{self, OnBadRecord, Sink};
use memory::Gate;
pub(super) use memory::Reading;
use purge::Purge;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Offsets without transactions are committed this many times less often.
const PLAIN_COMMIT_FACTOR: u32 = 10;
/// After about so many bytes of input the sockets get their turn.
const TURN_BYTES: usize = 1 << 20;

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
enum Phase {
    Running,
    Flushing(Reason),
    Committing(Reason),
    Rewinding,
    Leaving,
    Left,
}

/// What is done with the rows.
enum Work {
    Pass(Box<Feed>),
    Tasks(Box<Tasks>),
}

/// A stage that runs.
pub(super) struct StageRun {
    name: String,
    sink: Sink,
    until: Until,
    /// Who writes the topics that it reads.
    upstream: Vec<(String, Arc<Shared>)>,
    transactional_id: String,
    commit_interval: Duration,
    clock: Arc<dyn Clock>,
    started: Moment,
    network: Network,
    metadata: Metadata,
    source: Source,
    work: Work,
    delivery: Delivery,
    outlet: KafkaOutlet,
    /// Where rows go when the sink is no topic.
    store: Option<ConnectorOutlet>,
    committer: Committer,
    purge: Purge,
    gate: Gate,
    phase: Phase,
    /// A position was chosen by policy: it is committed at once.
    chose_position: bool,
    /// Partitions that must be given up after what is going on.
    revoked: Vec<TopicPartition>,
    stopping: bool,
    next_commit: Moment,
    next_status: Moment,
    /// What the last commit covered.
    committed: BTreeMap<TopicPartition, i64>,
    committed_account: Account,
    /// Rows acknowledged before delivery began anew.
    delivered_before: u64,
    account: Account,
    /// Positions of the commit under way.
    committing: Vec<(TopicPartition, i64)>,
    commits: u64,
    rewinds: u64,
    notices: Notices,
    bug: Planted,
    /// Since when the transactional id has to be taken back.
    timed_out_at: Option<Moment>,
    /// Offsets that the inputs no longer had.
    passed_over: u64,
    first_output: Option<Duration>,
    shared: Arc<Shared>,
    control: Arc<Control>,
}

impl StageRun {
    pub(super) fn new(
        plan: StagePlan,
        clock: Arc<dyn Clock>,
        shared: Arc<Shared>,
        control: &Arc<Control>,
    ) -> Result<Self, StartError> {
        let query = &plan.stage.query;
        let refused = |source| StartError::Plan { query: query.name.clone(), source };
        let sink = query.sink().cloned().ok_or(StartError::Empty)?;
        let transactional_id = plan.transactional_id();
        let client = client_settings(&plan, &sink, &transactional_id)?;
        let mut outlet = store::kafka(&plan, &sink, &client);
        let is_plain = plan.stage.is_plain();
        let work = if is_plain {
            Work::Pass(Box::new(feed(&plan, &mut outlet).map_err(refused)?))
        } else {
            refuse_bins(&plan).map_err(refused)?;
            Work::Tasks(Box::new(Tasks::new(&plan, &client, &mut outlet).map_err(refused)?))
        };
        let source = source(&plan, &client, &work)?;
        let network = Network::new(&client, Arc::clone(&clock))?;
        let mut metadata = Metadata::new(&client);
        for topic in source.topics().chain(outlet.topics()) {
            ClusterView::want(&mut metadata, topic);
        }
        let transactional = sink.is_transactional();
        let committer = committer(&plan, &client, transactional);
        control.register(network.notifier());
        let store = store::connect(&sink, &outlet, &network, &plan.group_id())?;
        let started = clock.monotonic();
        let has_state = plan.stage.stores.iter().any(|store| store.node.is_some());
        let factor = if transactional { 1 } else { PLAIN_COMMIT_FACTOR };
        Ok(Self {
            name: query.name.clone(),
            until: plan.until,
            transactional_id,
            commit_interval: plan.commit_interval * factor,
            upstream: plan.upstream,
            started,
            network,
            metadata,
            source,
            work,
            delivery: Delivery::new(&sink),
            sink,
            outlet,
            store,
            committer,
            purge: Purge::new(query, started),
            gate: Gate::new(plan.budget.clone(), has_state),
            phase: Phase::Running,
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
            notices: Notices::default(),
            bug: plan.bug,
            timed_out_at: None,
            passed_over: 0,
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
        while self.phase != Phase::Left {
            let before = self.phase.clone();
            self.step()?;
            self.update_status();
            // A new phase may have something to send before anything arrives.
            let wait = if self.phase == before { self.wait() } else { Duration::ZERO };
            self.network.poll(wait);
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), QueryError> {
        self.metadata.step(&mut self.network)?;
        self.check_topics()?;
        self.step_committer()?;
        self.take_back()?;
        self.purge.step(&self.committed, &mut self.network, &self.metadata);
        self.notices.extend(self.purge.take_notice());
        let may_start = self.committer.is_initialised() && self.phase != Phase::Rewinding;
        self.source.step(&mut self.network, &mut self.metadata, may_start)?;
        while let Some(event) = self.source.next_event() {
            self.on_source(event)?;
        }
        if let Work::Tasks(tasks) = &mut self.work {
            let replayed = tasks.replayed();
            tasks.step(&mut self.network, &mut self.metadata, &mut self.source)?;
            if tasks.replayed() > replayed {
                self.control.reach(&self.name, Point::Replaying);
            }
            self.notices.extend(tasks.take_notices());
        }
        self.check_end();
        if self.phase == Phase::Running {
            self.feed_rows()?;
        }
        self.step_outlet()?;
        self.advance()
    }

    fn step_outlet(&mut self) -> Result<(), QueryError> {
        self.step_store()?;
        match self.outlet.step(&mut self.network, &mut self.metadata) {
            Ok(()) => {}
            Err(error) if error.action() == Action::Rewind => return self.rewind(),
            Err(error) => return Err(error.into()),
        }
        let now_ms = self.clock.now_ms().0;
        match &mut self.store {
            None => self.delivery.step(&mut self.outlet, now_ms),
            Some(store) => {
                let mut both = Beside { store, kafka: &mut self.outlet };
                self.delivery.step(&mut both, now_ms);
            }
        }
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
            let fails = match &self.work {
                Work::Pass(feed) => feed.on_bad_record() == &OnBadRecord::Fail,
                Work::Tasks(tasks) => tasks.fails_on_bad_rows(),
            };
            // A dead letter that cannot be delivered either would be gone without a trace, and state that cannot, too.
            if fails || self.outlet.is_beside(&refusal) || self.sink.exchange.is_some() {
                let (topic, partition) = self.outlet.destination(&refusal);
                let topic = topic.to_owned();
                return Err(QueryError::Refused { topic, partition, why: refusal.why });
            }
            self.account.too_large += self.outlet.leave_out(&refusal);
        }
        Ok(())
    }

    /// While memory is short some partitions are not fetched.
    fn look_at_memory(&mut self) -> Result<(), QueryError> {
        let reading = self.gate.look(self.network.now(), self.account.read).map_err(|report| {
            let (query, waited) = (self.name.clone(), memory::STUCK_AFTER);
            QueryError::Memory { query, waited, report }
        })?;
        if let Work::Tasks(tasks) = &mut self.work {
            tasks.hold_back(reading, &mut self.source);
        }
        Ok(())
    }

    fn feed_rows(&mut self) -> Result<(), QueryError> {
        let now_ms = self.clock.now_ms().0;
        let mut bytes = 0;
        self.look_at_memory()?;
        // What was written goes out while it is in the processor's cache, and the next fetch is asked for in time.
        while bytes < TURN_BYTES && self.has_room() {
            let took = match &mut self.work {
                Work::Pass(feed) => {
                    if !feed.has_rows() {
                        let Some(fetched) = self.source.next_records() else { break };
                        store::tell(&mut self.store, &fetched, &self.source, &self.metadata);
                        feed.open(fetched);
                    }
                    if !self.committer.begin(self.outlet.producer())? {
                        break;
                    }
                    let to = Target { kafka: &mut self.outlet, store: self.store.as_mut() };
                    let target = (&mut self.delivery, to);
                    feed.next(&mut self.source, target, &mut self.account, now_ms)?
                }
                Work::Tasks(tasks) => {
                    let mut took = 0;
                    if let Some(fetched) = self.source.next_records() {
                        took = fetched.bytes.max(1);
                        tasks.offer(fetched, now_ms, &mut self.source)?;
                    }
                    if !tasks.is_ready() || !self.committer.begin(self.outlet.producer())? {
                        break;
                    }
                    let mut way = Way {
                        delivery: &mut self.delivery,
                        outlet: &mut self.outlet,
                        account: &mut self.account,
                        now_ms,
                    };
                    let ran = tasks.run(&mut way, &mut self.source)?;
                    if took == 0 && !ran {
                        break;
                    }
                    took
                }
            };
            bytes += took;
        }
        Ok(())
    }
}

/// What the stage reads, shared with the other instances.
fn source(plan: &StagePlan, client: &ClientConfig, work: &Work) -> Result<Source, ClientError> {
    let (query, group_id) = (&plan.stage.query, plan.group_id());
    match work {
        Work::Pass(_) => Source::new(query, client, &group_id, Reads::AtOnce),
        Work::Tasks(tasks) => {
            let mut source = Source::new(query, client, &group_id, Reads::WhenTold)?;
            source.set_warm(tasks.warm());
            Ok(source)
        }
    }
}

fn committer(plan: &StagePlan, client: &ClientConfig, transactional: bool) -> Committer {
    if transactional {
        let longest = longest_transaction(plan);
        Committer::transactional(client, &plan.transactional_id(), longest)
    } else {
        Committer::plain(client, &plan.group_id())
    }
}

/// Rows that pass one by one.
fn feed(plan: &StagePlan, outlet: &mut KafkaOutlet) -> Result<Feed, PlanError> {
    let query = &plan.stage.query;
    let pipeline = Pipeline::new(query)?;
    let on_bad_record = query.sources().next().map(|(source, _)| source.on_bad_record.clone());
    let on_bad_record = on_bad_record.unwrap_or(OnBadRecord::Fail);
    let dead_letters = match &on_bad_record {
        OnBadRecord::DeadLetter { topic } => {
            Some(outlet.add_topic(&Arc::from(topic.as_str()), plan.topics.partitions_of(topic)))
        }
        OnBadRecord::Fail | OnBadRecord::Skip => None,
    };
    Ok(Feed::new(pipeline, on_bad_record, dead_letters))
}

/// Bins are packed by columns of the row as it came, which operators with state do not keep.
fn refuse_bins(plan: &StagePlan) -> Result<(), PlanError> {
    let query = &plan.stage.query;
    match query.sink().map(|sink| &sink.delivery) {
        Some(topology::Delivery::BinPacked(_)) => Err(PlanError::Graph {
            query: query.name.clone(),
            why: "delivery = 'bin_packed' is for statements without joins and aggregations: write their result \
                  to a stream, and pack that"
                .to_owned(),
        }),
        _ => Ok(()),
    }
}
