//! A source of a stage as its tasks see it.

use crate::client::TopicPartition;
use crate::runtime::topics::TopicSizes;
use crate::sink::kafka::{KafkaOutlet, Side};
use crate::topology::{OnBadRecord, Source};
use std::sync::Arc;
use std::time::Duration;

/// A source of the stage.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) topic: Arc<str>,
    pub(super) partitions: i32,
    /// Whether another stage sends to it.
    pub(super) is_exchange: bool,
    /// How many tasks do; 0 for topics of records.
    pub(super) writers: i32,
    /// After how long without records it no longer holds the watermark back.
    pub(super) idle_timeout: Option<Duration>,
    pub(super) on_bad_record: OnBadRecord,
    /// The dead-letter topic, if there is one.
    pub(super) dead_letters: Option<Side>,
}

impl Input {
    /// The dead-letter topic is added to the outlet.
    pub(super) fn new(source: &Source, topics: &TopicSizes, outlet: &mut KafkaOutlet) -> Self {
        let dead_letters = match &source.on_bad_record {
            OnBadRecord::DeadLetter { topic } => {
                Some(outlet.add_topic(&Arc::from(topic.as_str()), topics.partitions_of(topic)))
            }
            OnBadRecord::Fail | OnBadRecord::Skip => None,
        };
        Self {
            topic: Arc::from(source.topic.as_str()),
            partitions: topics.partitions_of(&source.topic),
            is_exchange: source.exchange.is_some(),
            writers: topics.writers_of(&source.topic),
            idle_timeout: source.idle_timeout,
            on_bad_record: source.on_bad_record.clone(),
            dead_letters,
        }
    }

    /// Its partition for a task.
    pub(super) fn partition(&self, task: i32) -> TopicPartition {
        TopicPartition::new(Arc::clone(&self.topic), task)
    }
}
