//! Topics of a program: what is missing is created before anything runs, and what does not fit together is told.

use super::error::StartError;
use crate::client::admin::{Admin, NewTopic, TopicSize};
use crate::client::config::ClientConfig;
use crate::state::local::changelog_topic;
use crate::time::Clock;
use crate::topology::{Late, OnBadRecord, Operator, Query, Sink, Source, Stage};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Windows are kept in changelogs for so long beyond their retention: an application that stood still for less than that finds all
/// of them. Entries that expire while it runs are removed one by one, as they fall due.
const CHANGELOG_MARGIN: Duration = Duration::from_hours(7 * 24);

/// How large the topics of the program are.
#[derive(Debug, Default)]
pub(super) struct TopicSizes {
    partitions: BTreeMap<String, i32>,
    /// How many tasks write a repartition topic.
    writers: BTreeMap<String, i32>,
}

impl TopicSizes {
    /// How many partitions a topic has.
    pub(super) fn partitions_of(&self, topic: &str) -> i32 {
        self.partitions.get(topic).copied().unwrap_or(1)
    }

    /// How many tasks write a repartition topic; 0 for other topics.
    pub(super) fn writers_of(&self, topic: &str) -> i32 {
        self.writers.get(topic).copied().unwrap_or_default()
    }
}

/// Creates the topics that the stages write, those between and beside them, and those that are declared with a number of
/// partitions.
pub(super) fn ensure(
    stages: &[Stage],
    application: &str,
    client: &ClientConfig,
    clock: &Arc<dyn Clock>,
) -> Result<TopicSizes, StartError> {
    let admin = Admin::new(client, Arc::clone(clock))?;
    let mut topics = Topics { admin, known: BTreeMap::new(), sent: BTreeMap::new() };
    for stage in stages {
        let tasks = topics.ensure_inputs(&stage.query)?;
        let widest = topics.widest_feeder(&stage.query).unwrap_or_default().max(tasks);
        match stage.query.sink() {
            Some(sink) if sink.exchange.is_some() => {
                topics.sent.insert(&sink.topic, Sent { tasks, widest, sink });
            }
            Some(sink) if sink.connector.is_none() => topics.ensure_sink(sink, tasks)?,
            _ => {}
        }
        for topic in side_topics(&stage.query) {
            topics.ensure_one(&NewTopic::new(topic, tasks))?;
        }
        if !stage.is_plain() {
            topics.ensure_changelogs(stage, application, tasks)?;
        }
    }
    let writers = topics.sent.iter().map(|(topic, sent)| ((*topic).to_owned(), sent.tasks));
    Ok(TopicSizes { writers: writers.collect(), partitions: topics.known })
}

/// Topics for records that are not wanted in the sink.
fn side_topics(query: &Query) -> impl Iterator<Item = &str> {
    query.nodes.iter().filter_map(|node| match &node.operator {
        Operator::Source(Source { on_bad_record: OnBadRecord::DeadLetter { topic }, .. }) => {
            Some(topic.as_str())
        }
        operator => late_topic(operator),
    })
}

/// Where a node sends rows that come too late, if it does.
pub(super) fn late_topic(operator: &Operator) -> Option<&str> {
    let late = match operator {
        Operator::Aggregate(aggregate) => &aggregate.late,
        Operator::Join(join) => &join.late,
        _ => return None,
    };
    match late {
        Late::Skip => None,
        Late::Topic(topic) => Some(topic),
    }
}

struct Topics<'a> {
    admin: Admin,
    known: BTreeMap<String, i32>,
    /// The repartition topics, and who writes there.
    sent: BTreeMap<&'a str, Sent<'a>>,
}

/// A repartition topic as the stage that writes it has it.
struct Sent<'a> {
    /// How many tasks write there.
    tasks: i32,
    /// The most tasks of all stages that lead there: so many the stage behind it has, where nothing else says it.
    widest: i32,
    sink: &'a Sink,
}

impl Topics<'_> {
    /// The number of tasks: the largest number of partitions among the inputs.
    fn ensure_inputs(&mut self, query: &Query) -> Result<i32, StartError> {
        let mut stay: Vec<(String, i32)> = Vec::new();
        for (source, _) in query.sources().filter(|(source, _)| source.exchange.is_none()) {
            stay.push((source.topic.clone(), self.ensure_source(source, query)?));
        }
        let together = must_lie_together(query);
        if together {
            for (topic, count) in &stay[1.min(stay.len())..] {
                check_equal(query, &stay[0], (topic, *count))?;
            }
        }
        let widest = stay.iter().max_by_key(|(_, count)| *count).cloned();
        let received = query.sources().filter(|(source, _)| source.exchange.is_some());
        let received: Vec<String> = received.map(|(source, _)| source.topic.clone()).collect();
        let mut first = widest.clone().filter(|_| together);
        for topic in &received {
            // One from an earlier run keeps its partitions, and those beside it follow.
            match (self.find(topic)?, &first) {
                (Some(count), Some(first)) => check_equal(query, first, (topic, count))?,
                (Some(count), None) => first = Some((topic.clone(), count)),
                (None, _) => {}
            }
        }
        let fed = self.widest_feeder(query);
        let tasks = first.or(widest).map(|(_, count)| count).or(fed).unwrap_or(1);
        for topic in received {
            let settings = self.sent.get(topic.as_str()).map(|sent| &sent.sink.topic_settings);
            let configs = settings.cloned().unwrap_or_default();
            let topic = NewTopic { configs, ..NewTopic::new(topic, tasks) };
            // Another instance may have been faster, with other numbers.
            let count = self.ensure_one(&topic)?;
            check_equal(query, &(topic.name.clone(), count), (&topic.name, tasks))?;
        }
        Ok(tasks)
    }

    /// The most tasks of all stages that lead to this one, if any do.
    fn widest_feeder(&self, query: &Query) -> Option<i32> {
        let received = query.sources().filter(|(source, _)| source.exchange.is_some());
        let fed = received.filter_map(|(source, _)| self.sent.get(source.topic.as_str()));
        fed.map(|sent| sent.widest).max()
    }

    fn ensure_source(&mut self, source: &Source, query: &Query) -> Result<i32, StartError> {
        match (self.find(&source.topic)?, source.partitions) {
            (Some(partitions), _) => Ok(partitions),
            (None, Some(count)) => {
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                self.ensure_one(&NewTopic::new(source.topic.clone(), count))
            }
            (None, None) => {
                let (topic, query) = (source.topic.clone(), query.name.clone());
                Err(StartError::NoTopic { topic, query })
            }
        }
    }

    fn ensure_sink(&mut self, sink: &Sink, widest: i32) -> Result<(), StartError> {
        let partitions =
            sink.partitions.map_or(widest, |count| i32::try_from(count).unwrap_or(i32::MAX));
        let size = TopicSize {
            partitions: Some(partitions),
            replicas: sink.replicas.and_then(|count| i16::try_from(count).ok()),
        };
        let (name, configs) = (sink.topic.clone(), sink.topic_settings.clone());
        self.ensure_one(&NewTopic { name, size, configs })?;
        Ok(())
    }

    /// A partition for each task.
    fn ensure_changelogs(
        &mut self,
        stage: &Stage,
        application: &str,
        tasks: i32,
    ) -> Result<(), StartError> {
        for store in &stage.stores {
            let topic = NewTopic::new(changelog_topic(application, &store.name), tasks);
            let topic = match store.retention {
                None => topic.with("cleanup.policy", "compact"),
                Some(retention) => {
                    let kept = retention.saturating_add(CHANGELOG_MARGIN).as_millis();
                    let kept = i64::try_from(kept).unwrap_or(i64::MAX);
                    topic
                        .with("cleanup.policy", "compact,delete")
                        .with("retention.ms", kept.to_string())
                }
            };
            let count = self.ensure_one(&topic)?;
            if count != tasks {
                let (query, changelog) = (stage.query.name.clone(), topic.name);
                let inputs = stage.query.sources().map(|(source, _)| &source.topic);
                let input = inputs.max_by_key(|input| self.known.get(*input)).cloned();
                let input = input.unwrap_or_default();
                return Err(StartError::Grown { query, changelog, count, input, tasks });
            }
        }
        Ok(())
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

/// Whether partition `i` of one input belongs to partition `i` of the others: rows of one key meet.
fn must_lie_together(query: &Query) -> bool {
    query.nodes.iter().any(|node| {
        matches!(
            node.operator,
            Operator::Aggregate(_) | Operator::Join(_) | Operator::ForeignKey(_)
        )
    })
}

fn check_equal(
    query: &Query,
    one: &(String, i32),
    (topic, count): (&str, i32),
) -> Result<(), StartError> {
    if one.1 == count {
        return Ok(());
    }
    let other = (topic.to_owned(), count);
    let (small, large) = if one.1 < count { (one.clone(), other) } else { (other, one.clone()) };
    Err(StartError::Copartition { query: query.name.clone(), small, large })
}
