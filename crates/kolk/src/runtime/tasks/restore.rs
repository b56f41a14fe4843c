//! Tasks on their way to work: their changelogs are read to the end and put into their stores.

use super::unreadable;
use crate::client::commit::CommittedOffset;
use crate::client::config::ClientConfig;
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
use crate::runtime::topics::changelog;
use crate::time::Moment;
use kolk_wire::record::Scratch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// After so many bytes the others get their turn: heartbeats, and tasks that work already.
const TURN_BYTES: usize = 4 << 20;

/// A task whose state is as it was committed.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) number: i32,
    pub(super) task: Task,
    /// Its partitions, with their committed offsets.
    pub(super) located: Vec<(TopicPartition, Option<CommittedOffset>)>,
}

/// Tasks that are being restored.
#[derive(Debug)]
pub(super) struct Restore {
    query: String,
    /// By number of the store.
    changelogs: Vec<Arc<str>>,
    fetcher: Fetcher,
    starts: OffsetLookup,
    ends: OffsetLookup,
    tasks: BTreeMap<i32, Restoring>,
    /// Whether the last turn ended before everything was done that could be.
    more: bool,
    scratch: Scratch,
}

#[derive(Debug)]
struct Restoring {
    task: Task,
    located: Vec<(TopicPartition, Option<CommittedOffset>)>,
    logs: Vec<Log>,
}

/// A changelog partition.
#[derive(Debug, Clone, Copy, Default)]
struct Log {
    start: Option<i64>,
    end: Option<i64>,
    reading: bool,
    /// The next offset to read.
    position: i64,
}

impl Log {
    fn is_done(&self) -> bool {
        self.reading && self.end.is_some_and(|end| self.position >= end)
    }
}

impl Restore {
    pub(super) fn new(plan: &StagePlan, config: &ClientConfig) -> Self {
        let stores = plan.stage.stores.iter();
        let changelogs =
            stores.map(|store| Arc::from(changelog(&plan.application, &store.name))).collect();
        let mut config = config.clone();
        let fetcher = Fetcher::on_lane(&config, Lane::Restore);
        // The end is that of the log, not the last stable offset: offsets may be stable before the marker that ends the same
        // transaction has reached this log. Records of transactions that are still open are waited for.
        config.fetch.isolation = crate::client::config::Isolation::ReadUncommitted;
        Self {
            query: plan.stage.query.name.clone(),
            changelogs,
            fetcher,
            starts: OffsetLookup::new(&config),
            ends: OffsetLookup::new(&config),
            tasks: BTreeMap::new(),
            more: false,
            scratch: Scratch::new(),
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
        let logs = vec![Log::default(); self.changelogs.len()];
        self.tasks.insert(number, Restoring { task, located, logs });
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

    /// Whether the topic is one of the changelogs.
    pub(super) fn reads(&self, topic: &str) -> bool {
        self.changelogs.iter().any(|changelog| **changelog == *topic)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    pub(super) fn deadline(&self) -> Option<Moment> {
        if self.more {
            return Some(Moment::default());
        }
        let deadlines = [self.fetcher.deadline(), self.starts.deadline(), self.ends.deadline()];
        deadlines.into_iter().flatten().min().filter(|_| !self.is_idle())
    }

    /// Sends, receives, and puts what came into stores; gives the tasks that are ready.
    pub(super) fn step(
        &mut self,
        network: &mut Network,
        metadata: &mut Metadata,
    ) -> Result<Vec<Restored>, QueryError> {
        self.more = false;
        if self.is_idle() {
            return Ok(Vec::new());
        }
        self.find_bounds(network, metadata)?;
        self.fetcher.step(network, metadata)?;
        let mut bytes = 0;
        while let Some(event) = self.fetcher.next_event() {
            match event {
                FetchEvent::Records(fetched) => bytes += self.replay(fetched)?,
                FetchEvent::Started { .. } => {}
                other => return Err(lost(&other)),
            }
            if bytes >= TURN_BYTES {
                self.more = true;
                break;
            }
        }
        self.take_ready()
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
            for (log, topic) in restoring.logs.iter_mut().zip(&self.changelogs) {
                let (Some(start), Some(end), false) = (log.start, log.end, log.reading) else {
                    continue;
                };
                (log.reading, log.position) = (true, start);
                if start < end {
                    let partition = TopicPartition::new(Arc::clone(topic), *number);
                    self.fetcher.assign(partition, Start::At(Offset(start)));
                }
            }
        }
        Ok(())
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
            for row in &rows.rows {
                let key = row.key.of(&rows.buffer).unwrap_or_default();
                restoring.task.restore(store, key, row.value.of(&rows.buffer));
            }
        }
        if let Some(log) = restoring.logs.get_mut(store) {
            log.position = next.0;
            if log.is_done() {
                self.fetcher.unassign(&partition);
            }
        }
        Ok(bytes)
    }

    fn take_ready(&mut self) -> Result<Vec<Restored>, QueryError> {
        let done = |(_, of): &(&i32, &Restoring)| of.logs.iter().all(Log::is_done);
        let numbers: Vec<i32> = self.tasks.iter().filter(done).map(|(number, _)| *number).collect();
        let mut ready = Vec::new();
        for number in numbers {
            let Some(Restoring { mut task, located, .. }) = self.tasks.remove(&number) else {
                continue;
            };
            task.restored().map_err(|why| QueryError::State {
                query: self.query.clone(),
                task: number,
                why,
            })?;
            ready.push(Restored { number, task, located });
        }
        Ok(ready)
    }
}

/// What a changelog that cannot be read means for the query.
fn lost(event: &FetchEvent) -> QueryError {
    let partition = event.partition();
    let what = match event {
        FetchEvent::Failed { error, .. } => {
            return ClientError::new(
                Action::Fatal,
                format!("the state in {partition} cannot be read: {error}"),
            )
            .into();
        }
        FetchEvent::Recreated { .. } => "was deleted and created again",
        FetchEvent::Truncated { .. } => "was cut off: records were lost at the broker",
        _ => "has lost records while they were read",
    };
    QueryError::Input {
        what: format!("the changelog {partition} {what}. Start over with `kolk reset`"),
    }
}
