//! Topics of a program: what is missing is created before anything runs, and what cannot be created is told.

use super::error::StartError;
use crate::client::admin::{Admin, NewTopic, TopicSize};
use crate::client::config::ClientConfig;
use crate::time::Clock;
use crate::topology::{OnBadRecord, Query, Topology};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many partitions each topic of the program has.
pub(super) type Partitions = BTreeMap<String, i32>;

/// Creates the topics that the program writes, and those that it declares with a number of partitions.
pub(super) fn ensure(
    topology: &Topology,
    client: &ClientConfig,
    clock: &Arc<dyn Clock>,
) -> Result<Partitions, StartError> {
    let mut topics =
        Topics { admin: Admin::new(client, Arc::clone(clock))?, known: Partitions::new() };
    for query in &topology.queries {
        let widest = topics.ensure_inputs(query)?;
        if let Some(sink) = query.sink() {
            let partitions =
                sink.partitions.map_or(widest, |count| i32::try_from(count).unwrap_or(i32::MAX));
            let topic = NewTopic {
                name: sink.topic.clone(),
                size: TopicSize {
                    partitions: Some(partitions),
                    replicas: sink.replicas.and_then(|count| i16::try_from(count).ok()),
                },
                configs: sink.topic_settings.clone(),
            };
            topics.ensure_one(&topic)?;
        }
        for (source, _) in query.sources() {
            if let OnBadRecord::DeadLetter { topic } = &source.on_bad_record {
                topics.ensure_one(&NewTopic::new(topic.clone(), widest))?;
            }
        }
    }
    Ok(topics.known)
}

struct Topics {
    admin: Admin,
    known: Partitions,
}

impl Topics {
    /// The largest number of partitions among the inputs.
    fn ensure_inputs(&mut self, query: &Query) -> Result<i32, StartError> {
        let mut widest = 1;
        for (source, _) in query.sources() {
            let partitions = match (self.find(&source.topic)?, source.partitions) {
                (Some(partitions), _) => partitions,
                (None, Some(count)) => {
                    let count = i32::try_from(count).unwrap_or(i32::MAX);
                    self.ensure_one(&NewTopic::new(source.topic.clone(), count))?
                }
                (None, None) => {
                    let (topic, query) = (source.topic.clone(), query.name.clone());
                    return Err(StartError::NoTopic { topic, query });
                }
            };
            widest = widest.max(partitions);
        }
        Ok(widest)
    }

    fn find(&mut self, topic: &str) -> Result<Option<i32>, StartError> {
        if let Some(partitions) = self.known.get(topic) {
            return Ok(Some(*partitions));
        }
        let found = self.admin.find_topic(topic)?;
        let partitions =
            found.map(|found| i32::try_from(found.partitions.len()).unwrap_or(i32::MAX));
        if let Some(partitions) = partitions {
            self.known.insert(topic.to_owned(), partitions);
        }
        Ok(partitions)
    }

    fn ensure_one(&mut self, topic: &NewTopic) -> Result<i32, StartError> {
        if let Some(partitions) = self.find(&topic.name)? {
            return Ok(partitions);
        }
        // Another instance that starts at the same time may be faster.
        let partitions = self.admin.ensure_topic(topic)?.partitions.len();
        let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
        self.known.insert(topic.name.clone(), partitions);
        Ok(partitions)
    }
}
