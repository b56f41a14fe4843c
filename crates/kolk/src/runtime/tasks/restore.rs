//! Tasks on their way to work: their changelogs are read to the end and put into their stores.
//!
//! ```text
//! begin ─▶ topics known ─▶ local disk ─▶ first and last offsets ─▶ does the disk fit? ─▶ replay what follows ─▶ Ready
//!                                                                   └ no: wiped, replay all
//! ```

use super::restoring::{Home, Log, Restoring, read_again, without_disk};
use super::unreadable;
use crate::client::commit::CommittedOffset;
use crate::client::config::{ClientConfig, Isolation};
use crate::client::error::{Action, ClientError};
use crate::client::fetch::{FetchEvent, FetchedPartition, Fetcher, Start};
use crate::client::metadata::Metadata;
use crate::client::network::{Lane, Network};
use crate::client::offsets::{OffsetLookup, OffsetSpec};
use crate::client::{Offset, TopicPartition};
use crate::operator::Task;
use crate::record::{Rows, RowsReader};
use crate::runtime::error::QueryError;
use crate::runtime::stage_plan::StagePlan;
use crate::state::local::{LocalError, changelog_topic};
use crate::time::Moment;
use kolk_wire::record::Scratch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// After so many bytes the others get their turn: heartbeats, and tasks that work already.
const TURN_BYTES: usize = 4 << 20;

/// Tasks that are being restored.
#[derive(Debug)]
pub(super) struct Restore {
    home: Home,
    /// By number of the store.
    changelogs: Vec<Arc<str>>,
    fetcher: Fetcher,
    starts: OffsetLookup,
    ends: OffsetLookup,
    tasks: BTreeMap<i32, Restoring>,
    /// Whether the last turn ended before everything was done that could be.
    more: bool,
    scratch: Scratch,
    /// What somebody should know.
    notices: Vec<String>,
    /// Records read so far.
    replayed: u64,
}

impl Restore {
    pub(super) fn new(plan: &StagePlan, config: &ClientConfig) -> Self {
        let stores = plan.stage.stores.iter();
        let changelogs = stores
            .map(|store| Arc::from(changelog_topic(&plan.application, &store.name)))
            .collect();
        // The end is that of the log, not the last stable offset: offsets may be stable before the marker that ends the same
        // transaction has reached this log. Records of transactions that are still open are waited for.
        let lookup = || OffsetLookup::new(config).isolated(Isolation::ReadUncommitted);
        Self {
            home: Home::new(plan),
            changelogs,
            fetcher: Fetcher::on_lane(config, Lane::Restore),
            starts: lookup(),
            ends: lookup(),
            tasks: BTreeMap::new(),
            more: false,
            scratch: Scratch::new(),
            notices: Vec::new(),
            replayed: 0,
        }
    }

    pub(super) fn begin(
        &mut self,
        number: i32,
        task: Task,
        located: Vec<(TopicPartition, Option<CommittedOffset>)>,
    ) {
        for topic in &self.changelogs {
            let partition = TopicPartition::new(Arc::clone(topic), number);
            self.starts.want(partition.clone(), OffsetSpec::Earliest);
            self.ends.want(partition, OffsetSpec::Latest);
        }
        self.tasks.insert(number, Restoring::new(task, located, self.changelogs.len()));
    }

    /// Begins anew with a task whose local state was given up.
    pub(super) fn again(&mut self, number: i32, mut restoring: Restoring, task: Task) {
        restoring.task = task;
        self.tasks.insert(number, restoring);
        self.look_again(number);
    }

    /// State on disk that is not the committed one is deleted.
    pub(super) fn give_up_state(&mut self, number: i32, restoring: &mut Restoring, why: &str) {
        let refused = restoring.wipe(&self.home, number);
        let why = format!("is not what was committed: {why}");
        restoring.logs.iter_mut().for_each(|log| log.position = None);
        self.notices.extend(refused.or_else(|| Some(read_again(&self.home, number, &why))));
    }

    /// The disk has refused what was committed: somebody should know.
    pub(super) fn give_up_disk(&mut self, number: i32, error: &LocalError) {
        self.notices.push(without_disk(&self.home, number, error));
    }

    /// What was replayed goes to the disk.
    pub(super) fn append(&mut self, number: i32, restoring: &mut Restoring) {
        self.notices.extend(restoring.append(&self.home, number));
    }

    /// The task is somebody else's.
    pub(super) fn forget(&mut self, number: i32) {
        if self.tasks.remove(&number).is_some() {
            for topic in &self.changelogs {
                let partition = TopicPartition::new(Arc::clone(topic), number);
                self.fetcher.unassign(&partition);
                self.starts.cancel(&partition);
                self.ends.cancel(&partition);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        let numbers: Vec<i32> = self.tasks.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.forget(number));
    }

    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The tasks whose state is on the local disk.
    pub(super) fn kept(&self) -> Vec<i32> {
        self.home.tasks_kept()
    }

    /// The changelogs, by number of the store.
    pub(super) fn changelogs(&self) -> &[Arc<str>] {
        &self.changelogs
    }

    /// Records read from changelogs so far.
    pub(super) fn replayed(&self) -> u64 {
        self.replayed
    }

    /// What somebody should know, since the last call.
    pub(super) fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    pub(super) fn deadline(&self) -> Option<Moment> {
        if self.more {
            return Some(Moment::default());
        }
        let deadlines = [self.fetcher.deadline(), self.starts.deadline(), self.ends.deadline()];
        deadlines.into_iter().flatten().min().filter(|_| !self.is_idle())
    }

    /// Sends, receives, and puts what came into stores; gives the tasks whose stores are as they were committed.
    pub(super) fn step(
        &mut self,
        network: &mut Network,
        metadata: &mut Metadata,
    ) -> Result<Vec<(i32, Restoring)>, QueryError> {
        self.more = false;
        if self.is_idle() {
            return Ok(Vec::new());
        }
        self.open(metadata)?;
        self.find_bounds(network, metadata)?;
        self.fetcher.step(network, metadata)?;
        let mut bytes = 0;
        while let Some(event) = self.fetcher.next_event() {
            match event {
                FetchEvent::Records(fetched) => bytes += self.replay(fetched)?,
                FetchEvent::Started { .. } => {}
                // Retention or compaction was faster: what is there now begins elsewhere.
                FetchEvent::OutOfRange { partition, .. } => self.look_again(partition.partition),
                other => return Err(lost(&other)),
            }
            if bytes >= TURN_BYTES {
                self.more = true;
                break;
            }
        }
        let done = |(_, of): &(&i32, &Restoring)| of.logs.iter().all(Log::is_done);
        let numbers: Vec<i32> = self.tasks.iter().filter(done).map(|(number, _)| *number).collect();
        Ok(numbers.into_iter().filter_map(|number| self.tasks.remove_entry(&number)).collect())
    }

    /// Looks at the local disk where that was not done.
    fn open(&mut self, metadata: &Metadata) -> Result<(), QueryError> {
        let id = |topic: &Arc<str>| metadata.topic(topic).map(|view| view.id.0);
        let ids = self.changelogs.iter().map(id).collect::<Option<Vec<[u8; 16]>>>();
        let Some(ids) = ids else { return Ok(()) };
        for (number, restoring) in self.tasks.iter_mut().filter(|(_, of)| !of.opened) {
            self.notices.extend(restoring.open(&self.home, *number, &ids)?);
        }
        Ok(())
    }

    fn find_bounds(
        &mut self,
        network: &mut Network,
        metadata: &mut Metadata,
    ) -> Result<(), QueryError> {
        self.starts.step(network, metadata);
        self.ends.step(network, metadata);
        for (partition, found) in self.starts.take_found() {
            let offset = found?.offset;
            if let Some(log) = self.log(&partition) {
                log.start = Some(offset.map_or(0, |offset| offset.0));
            }
        }
        for (partition, found) in self.ends.take_found() {
            let offset = found?.offset;
            if let Some(log) = self.log(&partition) {
                log.end = Some(offset.map_or(0, |offset| offset.0));
            }
        }
        for (number, restoring) in &mut self.tasks {
            let known = |log: &Log| log.start.is_some() && log.end.is_some() && !log.reading;
            if !restoring.opened || !restoring.logs.iter().all(known) {
                continue;
            }
            self.notices.extend(restoring.fit(&self.home, *number));
            for (log, topic) in restoring.logs.iter().zip(&self.changelogs) {
                if let Some(position) = log.position.filter(|_| !log.is_done()) {
                    let partition = TopicPartition::new(Arc::clone(topic), *number);
                    self.fetcher.assign(partition, Start::At(Offset(position)));
                }
            }
        }
        Ok(())
    }

    /// Asks for the bounds of a task's changelogs anew.
    fn look_again(&mut self, number: i32) {
        let Some(restoring) = self.tasks.get_mut(&number) else { return };
        for (log, topic) in restoring.logs.iter_mut().zip(&self.changelogs) {
            let partition = TopicPartition::new(Arc::clone(topic), number);
            self.fetcher.unassign(&partition);
            *log = Log { position: log.position, ..Log::default() };
            self.starts.want(partition.clone(), OffsetSpec::Earliest);
            self.ends.want(partition, OffsetSpec::Latest);
        }
    }

    fn log(&mut self, partition: &TopicPartition) -> Option<&mut Log> {
        let store = self.changelogs.iter().position(|topic| *topic == partition.topic)?;
        self.tasks.get_mut(&partition.partition)?.logs.get_mut(store)
    }

    fn replay(&mut self, fetched: FetchedPartition) -> Result<usize, QueryError> {
        let FetchedPartition { partition, start, next, batches, records, bytes, .. } = fetched;
        let store = self.changelogs.iter().position(|topic| *topic == partition.topic);
        let restoring = self.tasks.get_mut(&partition.partition);
        let (Some(store), Some(restoring)) = (store, restoring) else { return Ok(0) };
        let mut reader = RowsReader::new(records, batches.into_iter().map(Ok), start.0);
        let mut rows = Rows::default();
        while reader
            .next_rows(&mut self.scratch, &mut rows)
            .map_err(|error| unreadable(&partition, reader.position(), &error.to_string()))?
        {
            restoring.replay(store, &rows);
            self.replayed += rows.rows.len() as u64;
        }
        self.notices.extend(restoring.passed(&self.home, (partition.partition, store), next.0));
        if restoring.logs.get(store).is_some_and(Log::is_done) {
            self.fetcher.unassign(&partition);
        }
        Ok(bytes)
    }
}

/// What a changelog that cannot be read means for the query.
fn lost(event: &FetchEvent) -> QueryError {
    let partition = event.partition();
    let what = match event {
        FetchEvent::Failed { error, .. } => {
            let what = format!("the state in {partition} cannot be read: {error}");
            return ClientError::new(Action::Fatal, what).into();
        }
        FetchEvent::Recreated { .. } => "was deleted and created again",
        _ => "was cut off: records were lost at the broker",
    };
    QueryError::Input {
        what: format!("the changelog {partition} {what}. Start over with `kolk reset`"),
    }
}
