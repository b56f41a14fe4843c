//! One stage, run by hand: the pipeline or the tasks that run in production, fed with one record at a time.

use super::driver::{DriverError, TestRecord};
use super::engine::Addressed;
use crate::account::Account;
use crate::operator::task::{BadRow, Task, TaskOptions};
use crate::operator::{Pipeline, PlanError};
use crate::record::{Destination, Output, Place, Rows, RowsReader, Slice};
use crate::sink::held::SinkRow;
use crate::state::Store;
use crate::state::show;
use crate::time::Moment;
use crate::topology::{Late, OnBadRecord, Operator, Stage};
use kolk_wire::record::{
    BatchBuilder, Batches, Compression, Header, Headers, Scratch, set_base_offset,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// A record as it stands in its topic.
pub(super) struct Letter<'a> {
    topic: &'a str,
    record: &'a TestRecord,
    offset: i64,
    rows: Rows,
}

/// A topic that a stage reads.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) topic: String,
    pub(super) is_exchange: bool,
    on_bad_record: OnBadRecord,
    idle_timeout: Option<Duration>,
    /// For each task, since when nothing has come.
    quiet: Vec<Moment>,
}

/// A stage that runs.
#[derive(Debug)]
pub(super) struct Running {
    stage: Stage,
    inputs: Vec<Input>,
    sink: String,
    inside: Inside,
    output: Output,
    account: Account,
}

#[derive(Debug)]
enum Inside {
    Plain(Box<Pipeline>),
    /// A task for each partition; none before the start.
    Tasks(Vec<Task>),
}

impl<'a> Letter<'a> {
    pub(super) fn new(
        (topic, record, offset): (&'a str, &'a TestRecord, i64),
        read_at: Option<i64>,
    ) -> Result<Self, DriverError> {
        let rows = rows(record, offset)
            .map(|rows| Rows { read_at, ..rows })
            .map_err(|reason| DriverError::Unwritable { topic: topic.to_owned(), reason })?;
        Ok(Self { topic, record, offset, rows })
    }
}

impl Running {
    pub(super) fn new(stage: Stage) -> Result<Self, PlanError> {
        let name = || stage.query.name.clone();
        let sink = stage.query.sink().ok_or_else(|| PlanError::Graph {
            query: name(),
            why: "its last node is no sink".to_owned(),
        })?;
        let sink = sink.topic.clone();
        let input = |(source, _): (&crate::topology::Source, _)| Input {
            topic: source.topic.clone(),
            is_exchange: source.exchange.is_some(),
            on_bad_record: source.on_bad_record.clone(),
            idle_timeout: source.idle_timeout,
            quiet: Vec::new(),
        };
        let inputs = stage.query.sources().map(input).collect();
        let inside = if stage.is_plain() {
            Inside::Plain(Box::new(Pipeline::new(&stage.query)?))
        } else {
            // What cannot be run is refused here already, not with the first record.
            Task::new(&stage, &TaskOptions { task: 0, targets: 1, upstream: Vec::new() })?;
            Inside::Tasks(Vec::new())
        };
        let (output, account) = (Output::default(), Account::default());
        Ok(Self { stage, inputs, sink, inside, output, account })
    }

    /// Its books; nothing is delivered here.
    pub(super) fn account(&self) -> Account {
        self.account
    }

    pub(super) fn inputs(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter()
    }

    pub(super) fn sink_topic(&self) -> &str {
        &self.sink
    }

    /// Starts so many tasks, that write to so many targets; `tasks_before` says how many tasks write a repartition topic.
    pub(super) fn start(
        &mut self,
        (tasks, targets): (i32, i32),
        tasks_before: &dyn Fn(&str) -> i32,
        written: &mut Vec<Addressed>,
    ) -> Result<(), DriverError> {
        let Inside::Tasks(running) = &mut self.inside else { return Ok(()) };
        let upstream = self
            .inputs
            .iter()
            .map(|input| if input.is_exchange { tasks_before(&input.topic) } else { 0 });
        let upstream: Vec<i32> = upstream.collect();
        for task in 0..tasks {
            let options = TaskOptions { task, targets, upstream: upstream.clone() };
            let started = Task::new(&self.stage, &options);
            let mut started = started.map_err(|error| unwritable(&self.sink, error.to_string()))?;
            for (input, of) in self.inputs.iter().enumerate() {
                if !of.is_exchange {
                    started.caught_up(input);
                }
            }
            running.push(started);
        }
        let tasks = running_len(tasks);
        self.inputs.iter_mut().for_each(|input| input.quiet = vec![Moment::default(); tasks]);
        for task in 0..tasks {
            self.run(task, written, &mut Vec::new())?;
        }
        Ok(())
    }

    /// Processes a record of one of its topics.
    pub(super) fn process(
        &mut self,
        letter: &Letter<'_>,
        now: Moment,
        written: &mut Vec<Addressed>,
        skipped: &mut Vec<String>,
    ) -> Result<(), DriverError> {
        if matches!(self.inside, Inside::Plain(_)) {
            return self.pass(letter, written, skipped);
        }
        let at = usize::try_from(letter.record.partition).unwrap_or_default();
        let Inside::Tasks(tasks) = &mut self.inside else { return Ok(()) };
        // A topic of more partitions than the others: its rows lie where no partner is.
        let Some(task) = tasks.get_mut(at) else { return Ok(()) };
        let inputs = self.inputs.iter_mut().enumerate();
        for (input, of) in inputs.filter(|(_, of)| of.topic == letter.topic) {
            of.quiet[at] = now;
            task.offer(input, letter.rows.clone())
                .map_err(|(_, reason)| unwritable(letter.topic, reason))?;
            if !of.is_exchange {
                task.caught_up(input);
            }
        }
        self.run(at, written, skipped)
    }

    /// Moves the watermark of one of its topics, if it reads it and has a notion of time.
    pub(super) fn move_time(
        &mut self,
        topic: &str,
        watermark: i64,
        written: &mut Vec<Addressed>,
    ) -> Result<(), DriverError> {
        let Inside::Tasks(tasks) = &mut self.inside else { return Ok(()) };
        let count = tasks.len();
        for task in tasks {
            for (input, _) in self.inputs.iter().enumerate().filter(|(_, of)| of.topic == topic) {
                task.move_time(input, watermark);
            }
        }
        (0..count).try_for_each(|task| self.run(task, written, &mut Vec::new()))
    }

    /// It is this late now: inputs that have been silent for their `idle_timeout` are left out.
    pub(super) fn wait(
        &mut self,
        now: Moment,
        written: &mut Vec<Addressed>,
    ) -> Result<(), DriverError> {
        let Inside::Tasks(tasks) = &mut self.inside else { return Ok(()) };
        let mut moved = BTreeSet::new();
        for (input, of) in self.inputs.iter().enumerate() {
            let Some(timeout) = of.idle_timeout else { continue };
            for (at, task) in tasks.iter_mut().enumerate() {
                if now.since(of.quiet[at]) >= timeout && task.idle(input) {
                    moved.insert(at);
                }
            }
        }
        moved.into_iter().try_for_each(|at| self.run(at, written, &mut Vec::new()))
    }

    /// Lets a task do all there is to do, and commit.
    fn run(
        &mut self,
        at: usize,
        written: &mut Vec<Addressed>,
        skipped: &mut Vec<String>,
    ) -> Result<(), DriverError> {
        let Inside::Tasks(tasks) = &mut self.inside else { return Ok(()) };
        let Some(task) = tasks.get_mut(at) else { return Ok(()) };
        self.output.clear();
        let sink = &self.sink;
        let failed = |reason| unwritable(sink, reason);
        while task.run(&mut self.output).map_err(failed)? {}
        task.prepare_commit(&mut self.output).map_err(failed)?;
        let partition = i32::try_from(at).unwrap_or_default();
        let fates = task.take_fates();
        self.account += Account {
            read: fates.read,
            made: fates.made,
            forwarded: fates.forwarded,
            filtered: fates.filtered + self.output.filtered,
            late: fates.late,
            null_key: fates.null_key,
            taken: fates.taken,
            future: fates.future,
            failed_expressions: fates.failed_expressions + self.output.failed_expressions,
            ..Account::default()
        };
        for bad in task.take_bad() {
            self.bury(partition, &bad, written, skipped)?;
        }
        self.collect(partition, written);
        Ok(())
    }

    /// What a task has put out, as records.
    fn collect(&self, task: i32, written: &mut Vec<Addressed>) {
        let output = &self.output;
        for row in &output.rows {
            let bytes = |place: Place| output.bytes(&Rows::default(), place).map(<[u8]>::to_vec);
            let (key, value) = (bytes(row.key), bytes(row.value));
            let partition = if key.is_some() { -1 } else { task };
            let headers = Vec::new();
            let record = TestRecord { key, value, timestamp: row.timestamp, headers, partition };
            written.push((self.sink.clone(), record));
        }
        for of in &output.addressed {
            let topic = match of.to {
                Destination::Sink => self.sink.clone(),
                Destination::Late(node) => match late_topic(&self.stage.query.nodes[node].operator)
                {
                    Some(topic) => topic,
                    None => continue,
                },
                Destination::Changelog(_) => continue,
            };
            let bytes = |slice: Slice| slice.of(&output.encoded).map(<[u8]>::to_vec);
            let record = TestRecord {
                key: bytes(of.key),
                value: bytes(of.value),
                timestamp: of.timestamp,
                headers: Vec::new(),
                partition: of.partition,
            };
            written.push((topic, record));
        }
    }

    /// Rows that pass one by one.
    fn pass(
        &mut self,
        letter: &Letter<'_>,
        written: &mut Vec<Addressed>,
        skipped: &mut Vec<String>,
    ) -> Result<(), DriverError> {
        let Inside::Plain(pipeline) = &mut self.inside else { return Ok(()) };
        self.output.clear();
        pipeline.process(&letter.rows, &mut self.output);
        self.account += Account {
            read: letter.rows.rows.len() as u64,
            forwarded: self.output.rows.len() as u64,
            filtered: self.output.filtered,
            failed_expressions: self.output.failed_expressions,
            ..Account::default()
        };
        let rows = self.output.rows.iter().map(|row| SinkRow::of(&letter.rows, &self.output, row));
        written.extend(rows.map(|row| (self.sink.clone(), record(&row))));
        for bad in std::mem::take(&mut self.output.bad) {
            let record = letter.record;
            let bad = BadRow {
                input: 0,
                offset: letter.offset,
                timestamp: record.timestamp,
                key: record.key.clone(),
                value: record.value.clone(),
                headers: letter.rows.rows[0]
                    .headers
                    .of(&letter.rows.buffer)
                    .unwrap_or_default()
                    .to_vec(),
                reason: bad.reason,
            };
            self.bury(record.partition, &bad, written, skipped)?;
        }
        Ok(())
    }

    /// A record that could not be processed: an error, or a note, and a dead letter where there is a topic for them.
    fn bury(
        &mut self,
        partition: i32,
        bad: &BadRow,
        written: &mut Vec<Addressed>,
        skipped: &mut Vec<String>,
    ) -> Result<(), DriverError> {
        let input = &self.inputs[bad.input];
        let error = DriverError::BadRecord {
            query: self.stage.query.name.clone(),
            topic: input.topic.clone(),
            partition,
            offset: bad.offset,
            reason: bad.reason.clone(),
        };
        match &input.on_bad_record {
            OnBadRecord::Fail => return Err(error),
            OnBadRecord::Skip => self.account.skipped += 1,
            OnBadRecord::DeadLetter { topic } => {
                self.account.dead_lettered += 1;
                written.push((topic.clone(), dead_letter(bad, &input.topic, partition)));
            }
        }
        skipped.push(error.to_string());
        Ok(())
    }

    /// The entries of a store of this stage, those of all tasks together.
    pub(super) fn store(&mut self, name: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut entries = Vec::new();
        self.look(name, &mut |store| {
            entries.extend(store.iter().map(|(_, key, value)| (key.to_vec(), value.to_vec())));
        });
        entries
    }

    /// The same as text.
    pub(super) fn store_text(&mut self, name: &str) -> Vec<(String, String)> {
        let mut entries = Vec::new();
        self.look(name, &mut |store| {
            let shape = store.shape();
            let text = |(_, key, value)| (show(&shape.key, key), show(&shape.value, value));
            entries.extend(store.iter().map(text));
        });
        entries
    }

    fn look(&mut self, name: &str, look: &mut dyn FnMut(&Store)) {
        let number = self.stage.stores.iter().position(|store| store.name == name);
        if let (Some(number), Inside::Tasks(tasks)) = (number, &mut self.inside) {
            tasks.iter_mut().for_each(|task| task.store(number, look));
        }
    }
}

fn running_len(tasks: i32) -> usize {
    usize::try_from(tasks).unwrap_or_default()
}

fn unwritable(topic: &str, reason: String) -> DriverError {
    DriverError::Unwritable { topic: topic.to_owned(), reason }
}

fn late_topic(operator: &Operator) -> Option<String> {
    let late = match operator {
        Operator::Aggregate(aggregate) => &aggregate.late,
        Operator::Join(join) => &join.late,
        _ => return None,
    };
    match late {
        Late::Skip => None,
        Late::Topic(topic) => Some(topic.clone()),
    }
}

/// The record as it came, and headers that tell why.
fn dead_letter(bad: &BadRow, topic: &str, partition: i32) -> TestRecord {
    let mut headers = headers(&bad.headers);
    for (name, value) in [
        ("kolk.error", bad.reason.clone()),
        ("kolk.topic", topic.to_owned()),
        ("kolk.partition", partition.to_string()),
        ("kolk.offset", bad.offset.to_string()),
    ] {
        headers.push((name.to_owned(), Some(value.into_bytes())));
    }
    TestRecord {
        key: bad.key.clone(),
        value: bad.value.clone(),
        timestamp: bad.timestamp,
        headers,
        partition: if bad.key.is_some() { -1 } else { partition },
    }
}

fn headers(bytes: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    let headers = Headers::from_bytes(bytes).unwrap_or_default();
    let of = |header: Header<'_>| (header.name().into_owned(), header.value.map(<[u8]>::to_vec));
    headers.map(of).collect()
}

/// The record as a source would give it: through a record batch.
fn rows(record: &TestRecord, offset: i64) -> Result<Rows, String> {
    let headers: Vec<Header<'_>> = record
        .headers
        .iter()
        .map(|(name, value)| Header { key: name.as_bytes(), value: value.as_deref() })
        .collect();
    let mut builder = BatchBuilder::new(Compression::None);
    builder
        .push(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers)
        .map_err(|error| error.to_string())?;
    let mut batch = builder.finish();
    set_base_offset(&mut batch, offset, 0);
    let batch = batch.freeze();
    let mut reader = RowsReader::new(batch.clone(), Batches::new(batch), offset);
    let mut rows = Rows { partition: record.partition, ..Rows::default() };
    reader.next_rows(&mut Scratch::new(), &mut rows).map_err(|error| error.to_string())?;
    Ok(rows)
}

/// The record that a sink would write. Its partition is the key's, or without one the input's.
fn record(row: &SinkRow<'_>) -> TestRecord {
    TestRecord {
        key: row.key.map(<[u8]>::to_vec),
        value: row.value.map(<[u8]>::to_vec),
        timestamp: row.timestamp,
        headers: headers(row.headers),
        partition: if row.key.is_some() { -1 } else { row.partition.partition },
    }
}
