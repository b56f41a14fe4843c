//! A program run by hand: records in, records out, without broker, thread or clock.
//!
//! ```
//! use kolk::testing::{TestDriver, TestRecord};
//! use kolk::topology::Topology;
//!
//! // In SQL: `kolk_sql::compile(…)?.topology`.
//! let topology = Topology::default();
//! let mut driver = TestDriver::new(&topology)?;
//! let visit = TestRecord::new(Some(b"visit-1"), Some(br#"{"page":"home"}"#), 1_704_097_200_000);
//! assert!(driver.pipe("visits", visit).is_err(), "no query of this program reads it");
//! # Ok::<(), kolk::operator::PlanError>(())
//! ```

use super::engine::Engine;
use crate::account::Account;
use crate::operator::PlanError;
use crate::time::Moment;
use crate::topology::Topology;
use kolk_wire::partitioner::partition_for_key;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Most records that one piped record may lead to: a program that feeds itself would not end.
const CASCADE_MAX: usize = 100_000;

/// A record, as it is piped into a topic and read from one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestRecord {
    /// The key's bytes; `None` is Kafka's null key.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The partition; when piped, a negative one is chosen by the key as Java's producer chooses it, 0 without a key.
    pub partition: i32,
}

impl TestRecord {
    /// A record without headers, whose key chooses the partition.
    #[must_use]
    pub fn new(key: Option<&[u8]>, value: Option<&[u8]>, timestamp: i64) -> Self {
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        Self { key, value, timestamp, headers: Vec::new(), partition: -1 }
    }
}

/// Why a record was not processed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// Nobody would see the record.
    #[error("no query reads the topic {topic}; read are: {}", read.join(", "))]
    NoTopic {
        /// The topic.
        topic: String,
        /// The topics that are read.
        read: Vec<String>,
    },
    /// The topic has fewer partitions.
    #[error(
        "topic {topic} has no partition {partition}: it has {partitions}, set by TestDriver::partitions"
    )]
    NoPartition {
        /// The topic.
        topic: String,
        /// What was asked for.
        partition: i32,
        /// How many there are.
        partitions: i32,
    },
    /// A record cannot be processed, and its source's `on_bad_record` is `fail`.
    #[error("query {query}: {topic}-{partition} offset {offset}: {reason}")]
    BadRecord {
        /// The query.
        query: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The record's offset: how many were written to the partition before it.
        offset: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// A record that no record batch could hold.
    #[error("topic {topic}: the record cannot be written: {reason}")]
    Unwritable {
        /// The topic.
        topic: String,
        /// Why not.
        reason: String,
    },
    /// A value that was read is not of the type that was asked for.
    #[error("topic {topic}: {value} is not of the type that was asked for: {reason}")]
    OtherType {
        /// The topic.
        topic: String,
        /// The value.
        value: String,
        /// Why not.
        reason: String,
    },
    /// The program's queries feed each other without end.
    #[error(
        "one record of topic {topic} led to more than {CASCADE_MAX} others: do the queries feed each other?"
    )]
    Endless {
        /// The topic that was piped into.
        topic: String,
    },
}

/// Runs the queries of a program on records that are piped in one by one. It is the code that runs in production, without
/// delivery: what the queries put out stands in their topics at once, in order, as it is (bins are not packed).
///
/// Every record is processed completely, through all queries that follow, before [`Self::pipe`] returns.
#[derive(Debug)]
pub struct TestDriver {
    engine: Engine,
    topics: BTreeMap<String, Topic>,
    skipped: Vec<String>,
    is_started: bool,
    /// Processing time.
    now: Moment,
    /// What the clock on the wall says, if it was set.
    clock: Option<i64>,
}

/// A topic.
#[derive(Debug, Default)]
struct Topic {
    /// The next offset of each partition; there is one partition when there are none.
    ends: Vec<i64>,
    /// What queries wrote and nobody has read.
    written: Vec<TestRecord>,
}

impl TestDriver {
    /// A driver for a program. Every topic has one partition.
    ///
    /// # Errors
    /// [`PlanError`] when a query cannot be run.
    pub fn new(topology: &Topology) -> Result<Self, PlanError> {
        let engine = Engine::new(topology)?;
        let (topics, skipped, now) = (BTreeMap::new(), Vec::new(), Moment::default());
        Ok(Self { engine, topics, skipped, is_started: false, now, clock: None })
    }

    /// Sets the clock on the wall, in milliseconds since 1970. It stands until it is set again, and only tells records of the future,
    /// where the event time is the record's time-stamp: those more than five minutes ahead move no watermark. As long as it is not
    /// set there are none.
    pub fn set_clock(&mut self, now_ms: i64) {
        self.clock = Some(now_ms);
    }

    /// Gives a topic `count` partitions (at least 1). To be said before the first record.
    #[must_use]
    pub fn partitions(mut self, topic: &str, count: i32) -> Self {
        let count = usize::try_from(count).unwrap_or_default().max(1);
        self.topics.entry(topic.to_owned()).or_default().ends = vec![0; count];
        self
    }

    /// Writes a record to a topic and lets all queries process it, and what they write to topics that others read.
    ///
    /// # Errors
    /// [`DriverError`]. A bad record is one only where the source says so; otherwise see [`Self::skipped`].
    pub fn pipe(&mut self, topic: &str, mut record: TestRecord) -> Result<(), DriverError> {
        self.check_read(topic)?;
        let mut cascade = VecDeque::new();
        self.start(&mut cascade)?;
        let offset = self.topics.entry(topic.to_owned()).or_default().append(topic, &mut record)?;
        self.process((topic, &record, offset), &mut cascade)?;
        self.settle(topic, cascade)
    }

    /// Pipes a value of any serde type as JSON, without a key; its time-stamp is milliseconds since 1970.
    ///
    /// # Errors
    /// As [`Self::pipe`], and a value that JSON cannot hold.
    pub fn pipe_json(
        &mut self,
        topic: &str,
        value: &impl Serialize,
        timestamp: i64,
    ) -> Result<(), DriverError> {
        let value = serde_json::to_vec(value).map_err(|error| DriverError::Unwritable {
            topic: topic.to_owned(),
            reason: error.to_string(),
        })?;
        self.pipe(topic, TestRecord::new(None, Some(&value), timestamp))
    }

    /// Moves event time: the watermark of a topic that is read becomes at least this, milliseconds since 1970, as if a
    /// record beyond the topic's delay had come and led to nothing else. Windows close, sessions end, timers fire. An operator of
    /// several inputs waits for the slowest: move the others too.
    ///
    /// # Errors
    /// As [`Self::pipe`].
    pub fn advance(&mut self, topic: &str, watermark: i64) -> Result<(), DriverError> {
        self.check_read(topic)?;
        let mut cascade = VecDeque::new();
        self.start(&mut cascade)?;
        let mut written = Vec::new();
        self.engine.move_time(topic, watermark, &mut written)?;
        cascade.extend(written);
        self.settle(topic, cascade)
    }

    fn check_read(&self, topic: &str) -> Result<(), DriverError> {
        if self.engine.reads(topic) {
            return Ok(());
        }
        let read = self.engine.topics_read();
        Err(DriverError::NoTopic { topic: topic.to_owned(), read })
    }

    /// Lets processing time pass without records: inputs that are silent for their `idle_timeout` are left out then. Only this moves
    /// processing time; for event time see [`Self::advance`].
    ///
    /// # Errors
    /// [`DriverError`], as of [`Self::pipe`].
    pub fn wait(&mut self, duration: Duration) -> Result<(), DriverError> {
        let mut cascade = VecDeque::new();
        self.start(&mut cascade)?;
        self.settle("", std::mem::take(&mut cascade))?;
        self.now = self.now + duration;
        let mut written = Vec::new();
        self.engine.wait(self.now, &mut written)?;
        let topic = written.first().map_or_else(String::new, |(topic, _)| topic.clone());
        self.settle(&topic, written.into())
    }

    /// Lets all that follows happen.
    fn settle(
        &mut self,
        topic: &str,
        mut cascade: VecDeque<(String, TestRecord)>,
    ) -> Result<(), DriverError> {
        let mut count = 0;
        while let Some((to, mut record)) = cascade.pop_front() {
            count += 1;
            if count > CASCADE_MAX {
                return Err(DriverError::Endless { topic: topic.to_owned() });
            }
            let state = self.topics.entry(to.clone()).or_default();
            let offset = if self.engine.is_internal(&to) {
                state.append_internal(&record)
            } else {
                state.append_written(&to, &mut record)?
            };
            self.process((&to, &record, offset), &mut cascade)?;
        }
        Ok(())
    }

    /// Before the first record: the tasks begin, as many as there are partitions.
    fn start(&mut self, cascade: &mut VecDeque<(String, TestRecord)>) -> Result<(), DriverError> {
        if std::mem::replace(&mut self.is_started, true) {
            return Ok(());
        }
        let topics = &self.topics;
        let partitions = |topic: &str| {
            topics.get(topic).map_or(1, |topic| i32::try_from(topic.ends.len()).unwrap_or(1).max(1))
        };
        let mut written = Vec::new();
        self.engine.start(&partitions, &mut written)?;
        cascade.extend(written);
        Ok(())
    }

    fn process(
        &mut self,
        (topic, record, offset): (&str, &TestRecord, i64),
        cascade: &mut VecDeque<(String, TestRecord)>,
    ) -> Result<(), DriverError> {
        if self.engine.reads(topic) {
            let mut written = Vec::new();
            let letter = (topic, record, offset);
            let clocks = (self.now, self.clock);
            self.engine.process(letter, clocks, &mut written, &mut self.skipped)?;
            cascade.extend(written);
        }
        Ok(())
    }

    /// The entries of a store by its name (`QUERY-aggregate-1`): keys and values as its changelog has them, in no order that matters.
    pub fn store(&mut self, name: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.engine.store(name)
    }

    /// The same as text, as `kolk state list` shows it, in the order of the keys.
    pub fn store_text(&mut self, name: &str) -> Vec<(String, String)> {
        let mut entries = self.engine.store_text(name);
        entries.sort();
        entries
    }

    /// What queries wrote to a topic since the last call, in order.
    pub fn read(&mut self, topic: &str) -> Vec<TestRecord> {
        self.topics.get_mut(topic).map_or_else(Vec::new, |topic| std::mem::take(&mut topic.written))
    }

    /// The same as values of a serde type, from JSON; records without a value are left out.
    ///
    /// # Errors
    /// [`DriverError::OtherType`], when a value is not of the type.
    pub fn read_json<T: DeserializeOwned>(&mut self, topic: &str) -> Result<Vec<T>, DriverError> {
        let values = self.read(topic).into_iter().filter_map(|record| record.value);
        let read = |value: Vec<u8>| {
            serde_json::from_slice(&value).map_err(|error| DriverError::OtherType {
                topic: topic.to_owned(),
                value: String::from_utf8_lossy(&value).into_owned(),
                reason: error.to_string(),
            })
        };
        values.map(read).collect()
    }

    /// Every topic that queries have written to and that holds something nobody has read, in the order of their names.
    #[must_use]
    pub fn unread(&self) -> Vec<String> {
        let unread = self.topics.iter().filter(|(_, topic)| !topic.written.is_empty());
        unread.map(|(name, _)| name.clone()).collect()
    }

    /// The books of all stages of all queries together: what became of every record. Nothing is delivered here.
    #[must_use]
    pub fn account(&self) -> Account {
        self.engine.account()
    }

    /// Why records were passed over so far: query, place and reason.
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }
}

impl Topic {
    /// Gives a record its partition and its offset.
    fn append(&mut self, name: &str, record: &mut TestRecord) -> Result<i64, DriverError> {
        if self.ends.is_empty() {
            self.ends.push(0);
        }
        let partitions = i32::try_from(self.ends.len()).unwrap_or(i32::MAX);
        if record.partition < 0 {
            let key = record.key.as_deref();
            record.partition = key.map_or(0, |key| partition_for_key(key, partitions));
        }
        let partition = record.partition;
        let end = usize::try_from(partition).ok().and_then(|at| self.ends.get_mut(at));
        let end = end.ok_or_else(|| DriverError::NoPartition {
            topic: name.to_owned(),
            partition,
            partitions,
        })?;
        let offset = *end;
        *end += 1;
        Ok(offset)
    }

    /// The offset of a record of a repartition topic, whose partition is chosen already; nobody reads it but the next stage.
    fn append_internal(&mut self, record: &TestRecord) -> i64 {
        let at = usize::try_from(record.partition).unwrap_or_default();
        if self.ends.len() <= at {
            self.ends.resize(at + 1, 0);
        }
        self.ends[at] += 1;
        self.ends[at] - 1
    }

    /// The same for what a query wrote. Without a key it keeps the partition of its input, as far as there are so many.
    fn append_written(&mut self, name: &str, record: &mut TestRecord) -> Result<i64, DriverError> {
        let partitions = i32::try_from(self.ends.len()).unwrap_or(i32::MAX).max(1);
        // −1, chosen by the key, stays below 0 or becomes the only partition.
        record.partition %= partitions;
        let offset = self.append(name, record)?;
        self.written.push(record.clone());
        Ok(offset)
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
