//! An application: its queries, started together and stopped together.

use super::error::{QueryError, StartError};
use super::failpoint::{Failpoints, Point};
use super::identity::InstanceIdentity;
use super::run::StageRun;
use super::stage_plan::StagePlan;
use super::status::{QueryPhase, QueryStatus};
use super::topics;
use crate::account::Account;
use crate::client::config::ClientConfig;
use crate::client::network::Notifier;
use crate::state::budget::Budget;
use crate::time::Clock;
use crate::topology::{Stage, Topology, stages};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// When a query ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never: until it is stopped.
    Stopped,
    /// When everything that the inputs held at the start is delivered and committed.
    End,
}

/// What an application is started with.
#[derive(Debug, Clone)]
pub struct ApplicationOptions {
    /// Its name: groups, transactional ids and internal topics begin with it.
    pub name: String,
    /// How to reach the cluster, with settings under Kafka's names for all clients of the application.
    pub client: ClientConfig,
    /// Where the instance's id and, later, state are kept.
    pub state: PathBuf,
    /// When queries end.
    pub until: Until,
    /// How often transactions are committed, when there is something to commit; offsets of the other modes are committed
    /// ten times less often.
    pub commit_interval: Duration,
    /// What all queries together may hold in memory, in bytes. Statements may ask for less: the least counts.
    pub memory_max: Option<usize>,
}

/// A running application. Dropping it stops it.
#[derive(Debug)]
pub struct Application {
    queries: Vec<Running>,
    control: Arc<Control>,
    identity: InstanceIdentity,
}

#[derive(Debug)]
struct Running {
    name: String,
    thread: Option<JoinHandle<Result<(), QueryError>>>,
    shared: Arc<Shared>,
}

/// What a query's thread shows to the others.
#[derive(Debug)]
pub(super) struct Shared {
    status: Mutex<QueryStatus>,
    /// Everything that was there at the start is delivered and committed.
    reached_end: AtomicBool,
}

/// A query ends, if only by a panic.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.reach_end();
        if thread::panicking() {
            self.0.fail(&QueryError::Panicked);
        }
    }
}

/// What all threads of an application look at.
#[derive(Debug, Default)]
pub(super) struct Control {
    failpoints: Failpoints,
    stopping: AtomicBool,
    notifiers: Mutex<Vec<Notifier>>,
}

/// Stops an application from another thread, a signal handler's for example.
#[derive(Debug, Clone)]
pub struct StopHandle(Arc<Control>);

impl StopHandle {
    /// Has every query finish what it has read, commit, and end. Returns at once.
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl Application {
    /// Cuts the queries into stages, creates missing topics, then starts every stage on a thread of its own.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        topology: &Topology,
        options: ApplicationOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        Self::start_with(topology, options, clock, Failpoints::default())
    }

    /// The same, and stages meet these failpoints.
    ///
    /// # Errors
    /// [`StartError`].
    #[cfg(any(test, feature = "failpoints"))]
    pub fn start_failing(
        topology: &Topology,
        options: ApplicationOptions,
        clock: Arc<dyn Clock>,
        failpoints: &Failpoints,
    ) -> Result<Self, StartError> {
        Self::start_with(topology, options, clock, failpoints.clone())
    }

    #[expect(clippy::needless_pass_by_value, reason = "an application is given what it runs with")]
    fn start_with(
        topology: &Topology,
        options: ApplicationOptions,
        clock: Arc<dyn Clock>,
        failpoints: Failpoints,
    ) -> Result<Self, StartError> {
        if topology.queries.is_empty() {
            return Err(StartError::Empty);
        }
        let mut planned: Vec<Stage> = Vec::new();
        for query in &topology.queries {
            planned.extend(stages(query, &options.name)?);
        }
        let identity = InstanceIdentity::acquire(&options.state)?;
        let topics = Arc::new(topics::ensure(&planned, &options.name, &options.client, &clock)?);
        let control = Arc::new(Control { failpoints, ..Control::default() });
        let asked = topology.queries.iter().map(|query| query.conventions.memory_max);
        let memory_max = asked.chain([options.memory_max]).flatten();
        let budget = memory_max.min().map_or_else(Budget::unbounded, Budget::new);
        let mut application = Self { queries: Vec::new(), control, identity };
        for stage in planned {
            let query = &stage.query;
            let sink = query
                .sink()
                .map_or(("", "none"), |sink| (sink.topic.as_str(), sink.delivery.name()));
            let status = QueryStatus::new(&query.name, sink.0, sink.1);
            let shared = Arc::new(Shared {
                status: Mutex::new(status),
                reached_end: AtomicBool::new(false),
            });
            // Whoever writes what this query reads must have finished before its end is known.
            let running = application.queries.iter();
            let written = running.filter_map(|running| {
                let topic = running.shared.status().topic.clone();
                let is_read = query.sources().any(|(source, _)| source.topic == topic);
                is_read.then(|| (topic, Arc::clone(&running.shared)))
            });
            let upstream = written.collect();
            let name = query.name.clone();
            let plan = StagePlan {
                stage,
                application: options.name.clone(),
                instance: application.identity.id().to_owned(),
                client: options.client.clone(),
                until: options.until,
                commit_interval: options.commit_interval,
                topics: Arc::clone(&topics),
                state: options.state.clone(),
                bug: application.control.failpoints.planted(),
                budget: budget.clone(),
                upstream,
            };
            let run =
                StageRun::new(plan, Arc::clone(&clock), Arc::clone(&shared), &application.control)?;
            application.spawn(name, shared, run)?;
        }
        Ok(application)
    }

    fn spawn(
        &mut self,
        name: String,
        shared: Arc<Shared>,
        run: StageRun,
    ) -> Result<(), StartError> {
        let for_thread = Arc::clone(&shared);
        let work = move || {
            // Whoever waits for this query's end must not wait for ever; the error is told by `join`.
            let _ended = Ended(Arc::clone(&for_thread));
            let result = run.run();
            match &result {
                Ok(()) => for_thread.status().phase = QueryPhase::Stopped,
                Err(error) => for_thread.fail(error),
            }
            result
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the runtime is the one place that starts threads"
        )]
        let thread = thread::Builder::new().name(format!("kolk-{name}")).spawn(work);
        let thread = Some(thread.map_err(StartError::Thread)?);
        self.queries.push(Running { name, thread, shared });
        Ok(())
    }

    /// All queries at this moment, in the order of their statements.
    #[must_use]
    pub fn status(&self) -> Vec<QueryStatus> {
        self.queries.iter().map(|running| running.shared.status().clone()).collect()
    }

    /// Whether every query has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.queries
            .iter()
            .all(|running| running.thread.as_ref().is_none_or(JoinHandle::is_finished))
    }

    /// A handle with which another thread stops the application.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(Arc::clone(&self.control))
    }

    /// Waits until every query has ended. The books of each, or the error that ended it.
    pub fn join(mut self) -> Vec<(QueryStatus, Result<(), QueryError>)> {
        let mut results = Vec::new();
        for running in &mut self.queries {
            let result = running
                .thread
                .take()
                .map_or(Ok(()), |thread| thread.join().unwrap_or(Err(QueryError::Panicked)));
            results.push((running.shared.status().clone(), result));
        }
        results
    }

    /// The books of all queries together.
    #[must_use]
    pub fn account(&self) -> Account {
        let mut account = Account::default();
        for running in &self.queries {
            account += running.shared.status().account;
        }
        account
    }

    /// The names of the queries.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        self.queries.iter().map(|running| running.name.as_str())
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.control.stop();
        for running in &mut self.queries {
            if let Some(thread) = running.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

impl Shared {
    pub(super) fn status(&self) -> MutexGuard<'_, QueryStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_reached_end(&self) -> bool {
        self.reached_end.load(Ordering::SeqCst)
    }

    /// The query has ended with this error.
    fn fail(&self, error: &QueryError) {
        let mut status = self.status();
        status.phase = QueryPhase::Failed;
        status.waiting = Some(error.to_string());
    }

    pub(super) fn reach_end(&self) {
        self.reached_end.store(true, Ordering::SeqCst);
    }
}

impl Control {
    /// A stage comes by a failpoint.
    pub(super) fn reach(&self, stage: &str, point: Point) {
        self.failpoints.reach(stage, point);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub(super) fn register(&self, notifier: Notifier) {
        self.notifiers.lock().unwrap_or_else(PoisonError::into_inner).push(notifier);
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for notifier in self.notifiers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            notifier.notify();
        }
    }
}
