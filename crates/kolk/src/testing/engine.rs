//! The stages of a program, one record at a time: what the test driver has inside.

use super::driver::{DriverError, TestRecord};
use super::stage::{Letter, Running};
use crate::account::Account;
use crate::operator::PlanError;
use crate::time::Moment;
use crate::topology::{Topology, stages};
use std::collections::BTreeMap;

/// The application's name in the names of internal topics and stores.
const APPLICATION: &str = "test";

/// A record and the topic that it goes to.
pub(super) type Addressed = (String, TestRecord);

/// All stages of all queries, in the order of their statements, each behind those that feed it.
#[derive(Debug)]
pub(super) struct Engine {
    stages: Vec<Running>,
}

impl Engine {
    pub(super) fn new(topology: &Topology) -> Result<Self, PlanError> {
        let mut running = Vec::new();
        for query in &topology.queries {
            let cut = stages(query, APPLICATION).map_err(|error| PlanError::Graph {
                query: query.name.clone(),
                why: error.to_string(),
            })?;
            for stage in cut {
                running.push(Running::new(stage)?);
            }
        }
        Ok(Self { stages: running })
    }

    /// Starts the tasks, as many as the topics have partitions; appends what the stages tell each other then.
    pub(super) fn start(
        &mut self,
        partitions: &dyn Fn(&str) -> i32,
        written: &mut Vec<Addressed>,
    ) -> Result<(), DriverError> {
        // A stage has as many tasks as its topics have partitions; one that only other stages feed, as many as the largest of all
        // that lead there.
        let mut tasks: BTreeMap<String, i32> = BTreeMap::new();
        let mut widest: BTreeMap<String, i32> = BTreeMap::new();
        for stage in &self.stages {
            let fed = stage.inputs().filter(|input| input.is_exchange);
            let fed = fed.filter_map(|input| widest.get(&input.topic).copied()).max();
            let own = stage.inputs().filter(|input| !input.is_exchange);
            let own = own.map(|input| partitions(&input.topic)).max();
            let sink = stage.sink_topic().to_owned();
            widest.insert(sink.clone(), own.max(fed).unwrap_or(1));
            tasks.insert(sink, own.or(fed).unwrap_or(1));
        }
        let count = |topic: &str| tasks.get(topic).copied().unwrap_or(1);
        let reader = |topic: &str| {
            let reader =
                self.stages.iter().find(|stage| stage.inputs().any(|input| input.topic == topic));
            reader.map_or(1, |stage| count(stage.sink_topic()))
        };
        let targets: Vec<i32> =
            self.stages.iter().map(|stage| reader(stage.sink_topic())).collect();
        for (stage, targets) in self.stages.iter_mut().zip(targets) {
            let own = count(stage.sink_topic());
            stage.start((own, targets), &count, written)?;
        }
        Ok(())
    }

    /// The books of all stages together.
    pub(super) fn account(&self) -> Account {
        let mut account = Account::default();
        self.stages.iter().for_each(|stage| account += stage.account());
        account
    }

    /// Whether any query reads a topic.
    pub(super) fn reads(&self, topic: &str) -> bool {
        self.stages.iter().any(|stage| stage.inputs().any(|input| input.topic == topic))
    }

    /// Whether a topic lies between two stages.
    pub(super) fn is_internal(&self, topic: &str) -> bool {
        self.stages
            .iter()
            .any(|stage| stage.inputs().any(|input| input.topic == topic && input.is_exchange))
    }

    /// The topics of records that are read, each once, in order.
    pub(super) fn topics_read(&self) -> Vec<String> {
        let inputs =
            self.stages.iter().flat_map(Running::inputs).filter(|input| !input.is_exchange);
        let mut topics: Vec<String> = inputs.map(|input| input.topic.clone()).collect();
        topics.sort();
        topics.dedup();
        topics
    }

    /// Runs every stage that reads the topic on the record, read when the clock said so; appends what they write, and why
    /// records were passed over.
    pub(super) fn process(
        &mut self,
        record: (&str, &TestRecord, i64),
        (now, clock): (Moment, Option<i64>),
        written: &mut Vec<Addressed>,
        skipped: &mut Vec<String>,
    ) -> Result<(), DriverError> {
        let (topic, ..) = record;
        let letter = Letter::new(record, clock)?;
        for stage in &mut self.stages {
            if stage.inputs().any(|input| input.topic == topic) {
                stage.process(&letter, now, written, skipped)?;
            }
        }
        Ok(())
    }

    /// Moves the watermark of a topic in every stage that reads it; appends what they write.
    pub(super) fn move_time(
        &mut self,
        topic: &str,
        watermark: i64,
        written: &mut Vec<Addressed>,
    ) -> Result<(), DriverError> {
        self.stages.iter_mut().try_for_each(|stage| stage.move_time(topic, watermark, written))
    }

    /// The entries of a store as text.
    pub(super) fn store_text(&mut self, name: &str) -> Vec<(String, String)> {
        self.stages.iter_mut().flat_map(|stage| stage.store_text(name)).collect()
    }

    /// It is this late now: stages leave out what has been silent for too long.
    pub(super) fn wait(
        &mut self,
        now: Moment,
        written: &mut Vec<Addressed>,
    ) -> Result<(), DriverError> {
        self.stages.iter_mut().try_for_each(|stage| stage.wait(now, written))
    }

    /// The entries of a store: keys and values as the changelog has them, those of all tasks together.
    pub(super) fn store(&mut self, name: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.stages.iter_mut().flat_map(|stage| stage.store(name)).collect()
    }
}
