//! The tasks of a stage that this instance owns: what was fetched goes in, what they put out goes to delivery.
//!
//! ```text
//! Located ─▶ Restore (changelogs ─▶ stores) ─▶ Running ──run──▶ rows, repartition blocks, late rows ─▶ one producer
//!                                                │ prepare ──▶ changelog entries ────────────────────▶ one transaction
//!                                                └ committed: positions are in the group
//! ```

mod check;
mod commit;
mod input;
mod memory;
mod output;
mod restore;
mod restoring;

use super::bug::Planted;
use super::error::QueryError;
use super::stage_plan::StagePlan;
use crate::account::Account;
use crate::client::commit::CommittedOffset;
use crate::client::config::ClientConfig;
use crate::client::fetch::FetchedPartition;
use crate::client::metadata::Metadata;
use crate::client::network::Network;
use crate::client::{Offset, TopicPartition};
use crate::operator::{PlanError, Task, TaskOptions};
use crate::record::{Output, Rows, RowsReader};
use crate::sink::delivery::Delivery;
use crate::sink::kafka::KafkaOutlet;
use crate::source::{Flow, Source};
use crate::state::budget::{Budget, Holding};
use crate::state::local::{Changes, LocalState};
use crate::time::Moment;
use crate::topology::{OnBadRecord, Sink, Stage};
use input::Input;
use kolk_wire::record::Scratch;
use output::Sides;
use restore::Restore;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// While so many rows of a task wait for earlier ones, partitions of which some wait are not fetched.
const WAITING_ROWS_MAX: usize = 64 << 10;
/// What a task has put out goes to delivery when it has so many bytes, or rows.
const OUTPUT_BYTES: usize = 256 << 10;
const OUTPUT_ROWS: usize = 4096;

/// The tasks of a stage.
#[derive(Debug)]
pub(super) struct Tasks {
    stage: Stage,
    transactional: bool,
    /// What the metadata of offsets begin with that this group's instances have committed.
    group_prefix: String,
    options: TaskOptions,
    bug: Planted,
    inputs: Vec<Input>,
    sides: Sides,
    located: BTreeMap<TopicPartition, Option<CommittedOffset>>,
    restore: Restore,
    running: BTreeMap<i32, Running>,
    output: Output,
    scratch: Scratch,
    /// The memory that all stages share.
    budget: Budget,
    /// Partitions that are not fetched because memory is short, and others are behind.
    held: BTreeSet<TopicPartition>,
}

/// A task that works.
#[derive(Debug)]
struct Running {
    task: Task,
    /// The folder on the local disk, if there is one, and what goes there after the commit.
    local: Option<LocalState>,
    changes: Changes,
    /// The stores that these are of.
    changed: BTreeSet<usize>,
    /// Whether it may have something to do.
    ready: bool,
    /// Whether anything has come to it, or it has done anything, since it was prepared for a commit.
    dirty: bool,
    /// Whether it has put out anything since the last commit.
    sent: bool,
    /// Whether it takes part in the commit under way.
    prepared: bool,
    /// The positions last committed, by input.
    committed: Vec<Option<i64>>,
    /// Partitions that are not fetched because too much of them waits.
    paused: BTreeSet<TopicPartition>,
    /// What its stores hold, by number, and the rows that wait.
    memory: Vec<Holding>,
}

/// Where what tasks put out goes, and the books.
pub(super) struct Way<'a> {
    pub(super) delivery: &'a mut Delivery,
    pub(super) outlet: &'a mut KafkaOutlet,
    pub(super) account: &'a mut Account,
    pub(super) now_ms: i64,
}

impl Running {
    fn positions(&self) -> Vec<Option<i64>> {
        (0..self.task.inputs()).map(|input| self.task.position(input)).collect()
    }
}

impl Tasks {
    /// The tasks of the plan's stage. Their topics are added to the outlet, which is that of its sink.
    ///
    /// # Errors
    /// [`PlanError`] when the stage cannot be run.
    pub(super) fn new(
        plan: &StagePlan,
        config: &ClientConfig,
        outlet: &mut KafkaOutlet,
    ) -> Result<Self, PlanError> {
        let StagePlan { stage, topics, .. } = plan;
        let inputs: Vec<Input> =
            stage.query.sources().map(|(source, _)| Input::new(source, topics, outlet)).collect();
        let upstream = inputs.iter().map(|input| input.writers).collect();
        let targets = stage.query.sink().map_or(1, |sink| topics.partitions_of(&sink.topic));
        let options = TaskOptions { task: 0, targets, upstream };
        // What cannot be run is refused here already, not with the first record.
        Task::new(stage, &options)?;
        Ok(Self {
            sides: Sides::new(plan, outlet),
            restore: Restore::new(plan, config),
            stage: stage.clone(),
            transactional: stage.query.sink().is_some_and(Sink::is_transactional),
            group_prefix: format!("{}-", plan.group_id()),
            options,
            bug: plan.bug,
            inputs,
            located: BTreeMap::new(),
            running: BTreeMap::new(),
            output: Output::default(),
            scratch: Scratch::new(),
            budget: plan.budget.clone(),
            held: BTreeSet::new(),
        })
    }

    /// Partitions of tasks whose state is on the local disk.
    pub(super) fn warm(&self) -> Vec<TopicPartition> {
        let mut warm = Vec::new();
        for number in self.restore.kept() {
            let inputs = self.inputs.iter().filter(|input| number < input.partitions);
            warm.extend(inputs.map(|input| input.partition(number)));
        }
        warm.sort();
        warm.dedup();
        warm
    }

    /// The inputs that a partition is of: a topic may be read twice.
    fn inputs_of<'a>(
        &'a self,
        partition: &TopicPartition,
    ) -> impl Iterator<Item = usize> + use<'a> {
        let topic = Arc::clone(&partition.topic);
        let inputs = self.inputs.iter().enumerate();
        inputs.filter(move |(_, input)| input.topic == topic).map(|(number, _)| number)
    }

    /// These were assigned, with these committed offsets: tasks whose partitions are all there are restored.
    pub(super) fn located(
        &mut self,
        partitions: Vec<(TopicPartition, Option<CommittedOffset>)>,
    ) -> Result<(), QueryError> {
        let numbers: BTreeSet<i32> = partitions.iter().map(|(of, _)| of.partition).collect();
        self.located.extend(partitions);
        for number in numbers {
            let wanted: BTreeSet<TopicPartition> = self
                .inputs
                .iter()
                .filter(|input| number < input.partitions)
                .map(|input| input.partition(number))
                .collect();
            if wanted.iter().all(|partition| self.located.contains_key(partition)) {
                let located = wanted.into_iter().filter_map(|partition| {
                    let committed = self.located.remove(&partition)?;
                    Some((partition, committed))
                });
                let located = located.collect();
                let task = self.new_task(number)?;
                self.restore.begin(number, task, located);
            }
        }
        Ok(())
    }

    /// A task without state.
    fn new_task(&self, number: i32) -> Result<Task, QueryError> {
        let options = TaskOptions { task: number, ..self.options.clone() };
        Task::new(&self.stage, &options).map_err(|error| QueryError::Row {
            query: self.stage.query.name.clone(),
            why: error.to_string(),
        })
    }

    /// Restores what is to be restored; tasks that are ready begin to read.
    pub(super) fn step(
        &mut self,
        network: &mut Network,
        metadata: &mut Metadata,
        source: &mut Source,
    ) -> Result<(), QueryError> {
        if !self.knows_topics(metadata) {
            return Ok(());
        }
        for (number, mut restored) in self.restore.step(network, metadata)? {
            let Some(read) = self.check(number, &mut restored, metadata)? else {
                let task = self.new_task(number)?;
                self.restore.again(number, restored, task);
                continue;
            };
            let mut running = Running {
                task: restored.task,
                local: restored.local,
                changes: Changes::new(),
                changed: BTreeSet::new(),
                ready: true,
                dirty: false,
                sent: false,
                prepared: false,
                committed: Vec::new(),
                paused: BTreeSet::new(),
                memory: self.memory(number),
            };
            for (partition, offset) in &read {
                if let Some(offset) = offset {
                    self.inputs_of(partition)
                        .for_each(|input| running.task.passed(input, offset.0));
                }
                source.read(partition, *offset);
            }
            running.committed = running.positions();
            self.running.insert(number, running);
            self.note_memory(number);
        }
        self.note_idle(source);
        Ok(())
    }

    /// Tells tasks of inputs from which nothing has come for their `idle_timeout`.
    fn note_idle(&mut self, source: &Source) {
        for (input, of) in self.inputs.iter().enumerate() {
            let Some(timeout) = of.idle_timeout else { continue };
            for (number, running) in &mut self.running {
                let is_quiet = source.quiet_for(&of.partition(*number)) >= Some(timeout);
                if is_quiet && running.task.idle(input) {
                    (running.ready, running.dirty) = (true, true);
                }
            }
        }
    }

    /// A partition without committed offset is read from here on.
    pub(super) fn started(&mut self, partition: &TopicPartition, at: Offset) {
        let inputs: Vec<usize> = self.inputs_of(partition).collect();
        if let Some(running) = self.running.get_mut(&partition.partition) {
            for input in inputs {
                running.task.passed(input, at.0);
            }
            running.dirty = true;
        }
    }

    /// Takes what was fetched of a partition by now.
    pub(super) fn offer(
        &mut self,
        fetched: FetchedPartition,
        now_ms: i64,
        source: &mut Source,
    ) -> Result<(), QueryError> {
        let FetchedPartition { partition, start, next, batches, records, caught_up, .. } = fetched;
        let inputs: Vec<usize> = self.inputs_of(&partition).collect();
        let Some(running) = self.running.get_mut(&partition.partition) else { return Ok(()) };
        let mut reader = RowsReader::new(records, batches.into_iter().map(Ok), start.0);
        loop {
            let number = partition.partition;
            let mut rows = Rows { partition: number, read_at: Some(now_ms), ..Rows::default() };
            let more = reader
                .next_rows(&mut self.scratch, &mut rows)
                .map_err(|error| unreadable(&partition, reader.position(), &error.to_string()))?;
            if !more {
                break;
            }
            for input in &inputs {
                let offered = running.task.offer(*input, rows.clone());
                offered.map_err(|(offset, why)| unreadable(&partition, offset, &why))?;
            }
        }
        for input in &inputs {
            running.task.passed(*input, next.0);
            if caught_up {
                running.task.caught_up(*input);
            }
        }
        (running.ready, running.dirty) = (true, true);
        source.fetched(&partition, caught_up);
        // Behind a repartition topic one task of many may be waited for: there the lanes have a bound of their own.
        let waits = inputs
            .iter()
            .any(|input| !self.inputs[*input].is_exchange && running.task.has_waiting(*input));
        if waits && running.task.waiting_rows() >= WAITING_ROWS_MAX {
            source.set_flow(&partition, Flow::Paused);
            running.paused.insert(partition);
        }
        Ok(())
    }

    /// Lets the tasks work for a turn; `false` when there is nothing to do until something is offered.
    pub(super) fn run(
        &mut self,
        way: &mut Way<'_>,
        source: &mut Source,
    ) -> Result<bool, QueryError> {
        let ready: Vec<i32> =
            self.running.iter().filter(|(_, of)| of.ready).map(|(number, _)| *number).collect();
        let mut ran = false;
        for number in ready {
            if !way.delivery.has_room(way.outlet) {
                return Ok(true);
            }
            let Some(running) = self.running.get_mut(&number) else { continue };
            self.output.clear();
            while self.output.encoded.len() < OUTPUT_BYTES && self.output.rows.len() < OUTPUT_ROWS {
                running.ready = match running.task.run(&mut self.output) {
                    Ok(ready) => ready,
                    Err(why) => return Err(self.failed(number, why)),
                };
                if !running.ready {
                    break;
                }
                // Also when it goes on with what it was offered before the last commit.
                running.dirty = true;
                ran = true;
            }
            self.deliver(number, way)?;
            self.note_progress(number, source);
            self.note_memory(number);
        }
        Ok(ran)
    }

    /// The error of a task that cannot go on, with the rows that it was at.
    fn failed(&self, number: i32, why: String) -> QueryError {
        let query = self.stage.query.name.clone();
        let at = self.running.get(&number).and_then(|running| running.task.at());
        let at = at.and_then(|(input, offsets)| {
            let input = self.inputs.get(input)?;
            Some((input.partition(number), offsets))
        });
        match at {
            Some((partition, (first, last))) if first == last => {
                QueryError::Row { query, why: format!("{why} (at {partition} offset {first})") }
            }
            Some((partition, (first, last))) => {
                let why = format!("{why} (at {partition}, one of the offsets {first} to {last})");
                QueryError::Row { query, why }
            }
            None => QueryError::Row { query, why },
        }
    }

    /// Tells the source how far a task has come, and has it go on with what waited.
    fn note_progress(&mut self, number: i32, source: &mut Source) {
        let Some(running) = self.running.get_mut(&number) else { return };
        for (input, of) in self.inputs.iter().enumerate() {
            if let Some(position) = running.task.position(input) {
                source.processed(&of.partition(number), position);
            }
        }
        if !running.paused.is_empty() && running.task.waiting_rows() < WAITING_ROWS_MAX / 2 {
            for partition in std::mem::take(&mut running.paused) {
                if !self.held.contains(&partition) {
                    source.set_flow(&partition, Flow::Open);
                }
            }
        }
    }

    /// Whether tasks have something to do.
    pub(super) fn is_ready(&self) -> bool {
        self.running.values().any(|running| running.ready)
    }

    /// Whether anything has come, or was done, since the last commit.
    pub(super) fn is_dirty(&self) -> bool {
        self.running.values().any(|running| running.dirty)
    }

    /// What somebody should know, since the last call.
    pub(super) fn take_notices(&mut self) -> Vec<String> {
        self.restore.take_notices()
    }

    /// Records read from changelogs so far.
    pub(super) fn replayed(&self) -> u64 {
        self.restore.replayed()
    }

    /// The partitions belong to somebody else, and so do their tasks.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.located.remove(partition);
            self.restore.forget(partition.partition);
            self.running.remove(&partition.partition);
            self.held.remove(partition);
        }
    }

    /// Forgets all tasks: they come back as they were committed.
    pub(super) fn clear(&mut self) {
        self.located.clear();
        self.restore.clear();
        self.running.clear();
        self.held.clear();
    }

    /// Whether everything has been processed that the inputs held when their ends were asked for. A row that waits for one that only
    /// another stage could bring does not count when that stage has ended: it stays for the next run.
    pub(super) fn is_at_end(&self, source: &Source) -> bool {
        let Some(standing) = source.standing() else { return false };
        !self.is_ready()
            && standing.iter().all(|of| {
                let Some(running) = self.running.get(&of.partition.partition) else { return false };
                self.inputs_of(of.partition).all(|input| {
                    let position = running.task.position(input);
                    let processed = position.is_some_and(|position| position >= of.end);
                    let offered = running.task.offered(input) >= Some(of.end);
                    if self.inputs[input].is_exchange {
                        offered
                    } else {
                        processed && (of.caught_up || position > Some(of.end))
                    }
                })
            })
    }

    /// The least watermark of the tasks, milliseconds since 1970; `None` while one has none.
    pub(super) fn watermark(&self) -> Option<i64> {
        self.running.values().map(|running| running.task.watermark()).min().flatten()
    }

    /// Whether a row that the sink refuses stops the query.
    pub(super) fn fails_on_bad_rows(&self) -> bool {
        self.inputs.iter().any(|input| input.on_bad_record == OnBadRecord::Fail)
    }

    /// Whether state was built on the topic, or is kept in it.
    pub(super) fn depends_on(&self, topic: &str) -> bool {
        self.inputs.iter().any(|input| *input.topic == *topic)
            || self.restore.changelogs().iter().any(|changelog| **changelog == *topic)
    }

    /// The topic of the next stage, if rows go there.
    fn exchange(&self) -> Option<&str> {
        self.stage.query.sink().filter(|sink| sink.exchange.is_some()).map(|sink| &*sink.topic)
    }

    /// Whether tasks are being restored.
    pub(super) fn is_restoring(&self) -> bool {
        !self.located.is_empty() || !self.restore.is_idle()
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.restore.deadline()
    }
}

fn unreadable(partition: &TopicPartition, offset: i64, why: &str) -> QueryError {
    QueryError::Input { what: format!("{partition} cannot be read at offset {offset}: {why}") }
}
