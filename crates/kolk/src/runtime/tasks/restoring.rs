//! One task on its way to work: what is on the local disk, then what follows in the changelogs.

use crate::client::TopicPartition;
use crate::client::commit::CommittedOffset;
use crate::operator::Task;
use crate::operator::task::StateTopic;
use crate::record::Rows;
use crate::runtime::bug::{Bug, Planted};
use crate::runtime::error::QueryError;
use crate::runtime::stage_plan::StagePlan;
use crate::state::Store;
use crate::state::local::{
    Changes, Layout, LocalError, LocalState, StoreLayout, task_folder, tasks_kept,
};
use std::path::PathBuf;

/// What was replayed is written to the local disk when it has so many bytes: a changelog need not fit into memory twice.
const APPEND_BYTES: usize = 8 << 20;

/// A task that is being restored.
#[derive(Debug)]
pub(super) struct Restoring {
    pub(super) task: Task,
    /// Its partitions, with their committed offsets.
    pub(super) located: Vec<(TopicPartition, Option<CommittedOffset>)>,
    /// A changelog partition for each store.
    pub(super) logs: Vec<Log>,
    pub(super) local: Option<LocalState>,
    changes: Changes,
    epoch: i64,
    /// Whether the local disk was looked at.
    pub(super) opened: bool,
    /// Whether any of the state was there.
    pub(super) from_disk: bool,
}

/// How far a changelog partition is known and read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Log {
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) reading: bool,
    /// The next offset to read; that of the local disk before the log is read.
    pub(super) position: Option<i64>,
}

impl Log {
    pub(super) fn is_done(&self) -> bool {
        self.reading && self.end.is_some_and(|end| self.position >= Some(end))
    }
}

/// Where a stage's tasks keep their state, and what it is called.
#[derive(Debug)]
pub(super) struct Home {
    state: PathBuf,
    application: String,
    stage: String,
    stores: Vec<String>,
    bug: Planted,
}

impl Home {
    pub(super) fn new(plan: &StagePlan) -> Self {
        Self {
            state: plan.state.clone(),
            application: plan.application.clone(),
            stage: plan.stage.query.name.clone(),
            stores: plan.stage.stores.iter().map(|store| store.name.clone()).collect(),
            bug: plan.bug,
        }
    }

    pub(super) fn tasks_kept(&self) -> Vec<i32> {
        tasks_kept(&self.state, &self.application, &self.stage)
    }
}

impl Restoring {
    pub(super) fn new(
        task: Task,
        located: Vec<(TopicPartition, Option<CommittedOffset>)>,
        stores: usize,
    ) -> Self {
        Self {
            task,
            located,
            logs: vec![Log::default(); stores],
            local: None,
            changes: Changes::new(),
            epoch: 0,
            opened: false,
            from_disk: false,
        }
    }

    /// Fills the stores with what is on the local disk; `ids` are those of the changelog topics. A text tells what could not be
    /// used.
    pub(super) fn open(
        &mut self,
        home: &Home,
        number: i32,
        ids: &[[u8; 16]],
    ) -> Result<Option<String>, QueryError> {
        self.opened = true;
        let Home { state, application, stage, stores, .. } = home;
        let mut of_task = self.task.stores();
        let layouts = stores.iter().zip(ids).zip(&of_task);
        let layout = Layout {
            application: application.clone(),
            stage: stage.clone(),
            partition: number,
            stores: layouts.map(|((name, id), store)| StoreLayout::new(name, *id, store)).collect(),
        };
        let path = task_folder(state, application, stage, number);
        let (local, restored) = match LocalState::open(&path, layout, &mut of_task) {
            Ok(opened) => opened,
            // A process that was thought dead may still sit on it; it will not get a commit through any more.
            Err(error @ LocalError::Locked { .. }) => {
                return Ok(Some(format!("{error}. Until then the state is not kept on disk")));
            }
            Err(error @ (LocalError::Io { .. } | LocalError::Behind { .. })) => {
                of_task.into_iter().for_each(Store::clear);
                return Ok(Some(without_disk(home, number, &error)));
            }
            Err(error) => return Err(error.into()),
        };
        self.from_disk = !restored.positions.is_empty();
        for (log, name) in self.logs.iter_mut().zip(stores) {
            log.position = restored.positions.get(name).copied();
        }
        (self.local, self.epoch) = (Some(local), restored.epoch);
        let why = restored.wiped.map(|why| format!("could not be used: {why}"));
        let why = why.or(restored.cut.map(|why| format!("was cut off: {why}")));
        Ok(why.map(|why| read_again(home, number, &why)))
    }

    /// The bounds of all changelogs are known: what is on disk is given up if it does not fit to them (R4). A text tells so.
    pub(super) fn fit(&mut self, home: &Home, number: i32) -> Option<String> {
        let misfit = self.logs.iter().zip(&home.stores).find_map(|(log, name)| {
            let (Some(position), Some(start), Some(end)) = (log.position, log.start, log.end)
            else {
                return None;
            };
            if position > end {
                Some(format!(
                    "is at offset {position} of store {name}, whose changelog ends at {end}"
                ))
            } else if position < start {
                Some(format!(
                    "is at offset {position} of store {name}, whose changelog begins at {start}"
                ))
            } else {
                None
            }
        });
        let misfit = misfit.filter(|_| !home.bug.is(Bug::ForgetWipe));
        let told = misfit.map(|why| {
            self.task.stores().into_iter().for_each(Store::clear);
            let refused = self.wipe(home, number);
            self.logs.iter_mut().for_each(|log| log.position = None);
            refused.unwrap_or_else(|| read_again(home, number, &why))
        });
        for log in &mut self.logs {
            log.reading = true;
            log.position = log.position.or(log.start);
        }
        told
    }

    /// Gives up what is on disk; a text tells that the disk refused even that.
    pub(super) fn wipe(&mut self, home: &Home, number: i32) -> Option<String> {
        (self.from_disk, self.changes) = (false, Changes::new());
        let error = self.local.as_mut()?.wipe().err()?;
        self.local = None;
        Some(without_disk(home, number, &error))
    }

    /// Compares how much there is with how much was committed: a changelog that lost entries cannot go unnoticed.
    pub(super) fn check_entries(&mut self) -> Result<(), String> {
        let (found, noted) = (self.task.entries(), self.task.noted_entries());
        match noted {
            Some(noted) if noted != found => Err(format!(
                "it has {found} entries where {noted} were committed: records of its changelogs were deleted, by hand or by \
                 their retention"
            )),
            _ => Ok(()),
        }
    }

    /// Takes rows of a changelog.
    pub(super) fn replay(&mut self, store: usize, rows: &Rows) {
        for row in &rows.rows {
            let key = row.key.of(&rows.buffer).unwrap_or_default();
            let value = row.value.of(&rows.buffer);
            self.task.restore(store, key, value);
            if self.local.is_some() {
                self.changes.push(store, key, value);
            }
        }
    }

    /// The changelog was read up to `position`. A text tells that the disk refused what was read.
    pub(super) fn passed(
        &mut self,
        home: &Home,
        (number, store): (i32, usize),
        position: i64,
    ) -> Option<String> {
        if let Some(log) = self.logs.get_mut(store) {
            log.position = Some(position);
        }
        if self.changes.bytes() >= APPEND_BYTES { self.append(home, number) } else { None }
    }

    /// Writes to disk what was replayed. A text tells that the disk refused.
    pub(super) fn append(&mut self, home: &Home, number: i32) -> Option<String> {
        let local = self.local.as_mut().filter(|_| !self.changes.is_empty())?;
        let positions = self.logs.iter().enumerate();
        let positions = positions.filter_map(|(store, log)| Some((store, log.position?)));
        let positions: Vec<(usize, i64)> = positions.collect();
        let stores = self.task.stores();
        let stores: Vec<&Store> = stores.iter().map(|store| &**store).collect();
        let error = local.append(&mut self.changes, &positions, self.epoch, &stores).err()?;
        (self.local, self.changes) = (None, Changes::new());
        Some(without_disk(home, number, &error))
    }

    /// Compares a topic with what it was when state was committed (R8).
    pub(super) fn check_topic(
        &self,
        (of, topic, id): &(StateTopic, &str, [u8; 16]),
    ) -> Result<(), String> {
        match self.task.noted_topic(*of) {
            Some(noted) if noted != *id => Err(format!(
                "topic '{topic}' was deleted and created again since it was written. Start over with `kolk reset`"
            )),
            _ => Ok(()),
        }
    }

    /// Notes which topic it is; it is committed with the state.
    pub(super) fn note_topic(&mut self, (of, _, id): &(StateTopic, &str, [u8; 16])) {
        if self.task.noted_topic(*of).is_none() {
            self.task.note_topic(*of, *id);
        }
    }
}

/// What a person is told of state on disk that is not used.
pub(super) fn read_again(home: &Home, number: i32, why: &str) -> String {
    let stage = &home.stage;
    format!(
        "the local state of {stage}, partition {number}, {why}. What is missing is read from its changelogs"
    )
}

/// What a person is told of a disk that refuses.
pub(super) fn without_disk(home: &Home, number: i32, error: &LocalError) -> String {
    let stage = &home.stage;
    format!(
        "{stage}, partition {number}, goes on without its local state: {error}. The next start reads its changelogs"
    )
}
