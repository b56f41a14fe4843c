//! Topics: list, describe, create, grow, delete.

use super::{Admin, Before, Place, left_out, refusal, unknown};
use crate::client::error::{Action, ClientError};
use kolk_wire::ErrorCode;
use kolk_wire::message::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
};
use kolk_wire::message::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
};
use kolk_wire::message::delete_topics::{
    DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use kolk_wire::message::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponseTopic};
use kolk_wire::wire::Uuid;
use std::time::Duration;

/// Whether the cluster's own topics (`__consumer_offsets` …) are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Internal {
    /// They are.
    Shown,
    /// They are not.
    Hidden,
}

/// Brokers follow the controller within milliseconds.
const GONE_MAX: Duration = Duration::from_secs(5);

/// A topic in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicListing {
    /// Its name.
    pub name: String,
    /// Its id; none (all zero) from brokers before 2.8.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: usize,
    /// On how many brokers each partition is kept.
    pub replicas: usize,
    /// Whether it belongs to the cluster itself.
    pub internal: bool,
}

/// A topic in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id; none (all zero) from brokers before 2.8.
    pub id: Uuid,
    /// Whether it belongs to the cluster itself.
    pub internal: bool,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition in full. Brokers go by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Its number, from 0.
    pub partition: i32,
    /// Its leader, if it has one.
    pub leader: Option<i32>,
    /// The leader's epoch; −1 when unknown.
    pub leader_epoch: i32,
    /// Where it is kept.
    pub replicas: Vec<i32>,
    /// Which of them are in sync.
    pub in_sync: Vec<i32>,
}

/// How large a topic is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicSize {
    /// Partitions; `None` is the broker's `num.partitions`.
    pub partitions: Option<i32>,
    /// Replicas; `None` is the broker's `default.replication.factor`.
    pub replicas: Option<i16>,
}

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How large it is to be.
    pub size: TopicSize,
    /// Its settings that differ from the broker's, such as `cleanup.policy`.
    pub configs: Vec<(String, String)>,
}

impl NewTopic {
    /// A topic with this many partitions, and the broker's defaults.
    #[must_use]
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        let size = TopicSize { partitions: Some(partitions), replicas: None };
        Self { name: name.into(), size, configs: Vec::new() }
    }

    /// With this setting.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.push((name.into(), value.into()));
        self
    }
}

impl Admin {
    /// All topics, by name.
    ///
    /// # Errors
    /// As [`Admin::describe_cluster`].
    pub fn list_topics(&mut self, internal: Internal) -> Result<Vec<TopicListing>, ClientError> {
        let request = MetadataRequest {
            topics: None,
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        let response = self.metadata(&request)?;
        let topics = response.topics.into_iter().filter(|topic| topic.error_code.is_none());
        let mut topics: Vec<_> = topics
            .filter(|topic| internal == Internal::Shown || !topic.is_internal)
            .map(|topic| TopicListing {
                id: topic.topic_id,
                partitions: topic.partitions.len(),
                replicas: topic.partitions.first().map_or(0, |first| first.replica_nodes.len()),
                internal: topic.is_internal,
                name: topic.name.unwrap_or_default(),
            })
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// One topic in full.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] when there is no such topic.
    pub fn describe_topic(&mut self, name: &str) -> Result<TopicDescription, ClientError> {
        self.find_topic(name)?.ok_or_else(|| unknown(format!("there is no topic `{name}`")))
    }

    /// One topic in full, or nothing when it does not exist.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] when the name is not one, [`ClientError::Fatal`] when it may not be seen.
    pub fn find_topic(&mut self, name: &str) -> Result<Option<TopicDescription>, ClientError> {
        let topic =
            MetadataRequestTopic { name: Some(name.to_owned()), ..MetadataRequestTopic::default() };
        let request = MetadataRequest {
            topics: Some(vec![topic]),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        let response = self.metadata(&request)?;
        let what = format!("topic `{name}` cannot be described");
        let topic = response.topics.into_iter().next().ok_or_else(|| left_out(&what))?;
        match topic.error_code {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Ok(None),
            ErrorCode::LEADER_NOT_AVAILABLE => Ok(Some(description(name, &topic))),
            code => refusal(code, what, None).map(|()| Some(description(name, &topic))),
        }
    }

    /// Creates a topic, and waits until each partition has a leader.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] with code `TOPIC_ALREADY_EXISTS`, `INVALID_REPLICATION_FACTOR`, `INVALID_CONFIG`, …
    pub fn create_topic(&mut self, topic: &NewTopic) -> Result<(), ClientError> {
        let what = format!("topic `{}` cannot be created", topic.name);
        let config = |(name, value): &(String, String)| CreatableTopicConfig {
            name: name.clone(),
            value: Some(value.clone()),
        };
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: topic.name.clone(),
                num_partitions: topic.size.partitions.unwrap_or(-1),
                replication_factor: topic.size.replicas.unwrap_or(-1),
                configs: topic.configs.iter().map(config).collect(),
                ..CreatableTopic::default()
            }],
            timeout_ms: self.timeout_ms(),
            ..CreateTopicsRequest::default()
        };
        self.call(
            Place::Controller,
            0..=i16::MAX,
            &what,
            &request,
            |response: &CreateTopicsResponse, before| {
                let result = response.topics.first().ok_or_else(|| left_out(&what))?;
                match result.error_code {
                    // The attempt whose response was lost did it.
                    ErrorCode::TOPIC_ALREADY_EXISTS if before == Before::Perhaps => Ok(()),
                    code => refusal(code, &what, result.error_message.as_deref()),
                }
            },
        )?;
        self.wait_for_leaders(&topic.name, 1)
    }

    /// The topic, created if it is not there. Somebody else may be creating it at the same time.
    ///
    /// # Errors
    /// As [`Admin::create_topic`], except that a topic that exists is no error, whatever its size and settings.
    pub fn ensure_topic(&mut self, topic: &NewTopic) -> Result<TopicDescription, ClientError> {
        if let Some(found) = self.find_topic(&topic.name)? {
            return Ok(found);
        }
        match self.create_topic(topic) {
            // The controller knows of it before the brokers do.
            Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {
                self.wait_for_leaders(&topic.name, 1)?;
            }
            created => created?,
        }
        self.describe_topic(&topic.name)
    }

    /// Waits until at least `count` partitions are known, all with leaders.
    fn wait_for_leaders(&mut self, name: &str, count: usize) -> Result<(), ClientError> {
        let deadline = self.deadline();
        let mut rounds = 0;
        loop {
            let topic = self.find_topic(name)?;
            let led = |topic: &TopicDescription| {
                topic.partitions.iter().filter(|it| it.leader.is_some()).count()
            };
            if topic.is_some_and(|topic| {
                topic.partitions.len() >= count && led(&topic) == topic.partitions.len()
            }) {
                return Ok(());
            }
            rounds += 1;
            let pause = self.config.connection.retry_backoff.after(rounds);
            if self.network.now() + pause >= deadline {
                let message = format!("topic `{name}` was created, but has no leaders yet");
                return Err(ClientError::new(Action::Retry, message));
            }
            self.pause(pause);
        }
    }

    /// Makes a topic have `count` partitions. Records stay where they are, so keys may change partitions.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] with code `INVALID_PARTITIONS` when it has as many or more already.
    pub fn grow_topic(&mut self, name: &str, count: i32) -> Result<(), ClientError> {
        let what = format!("topic `{name}` cannot be given {count} partitions");
        let topic = CreatePartitionsTopic {
            name: name.to_owned(),
            count,
            ..CreatePartitionsTopic::default()
        };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            timeout_ms: self.timeout_ms(),
            ..CreatePartitionsRequest::default()
        };
        let mut unsure = false;
        self.call(
            Place::Controller,
            0..=i16::MAX,
            &what,
            &request,
            |response: &CreatePartitionsResponse, before| {
                let result = response.results.first().ok_or_else(|| left_out(&what))?;
                if result.error_code == ErrorCode::INVALID_PARTITIONS && before == Before::Perhaps {
                    unsure = true;
                    return Ok(());
                }
                refusal(result.error_code, &what, result.error_message.as_deref())
            },
        )?;
        if unsure {
            let has = self.describe_topic(name)?.partitions.len();
            if i32::try_from(has).ok() != Some(count) {
                let message = format!("{what}: it has {has}");
                return Err(ClientError::with_code(
                    Action::Invalid,
                    ErrorCode::INVALID_PARTITIONS,
                    message,
                ));
            }
        }
        self.wait_for_leaders(name, usize::try_from(count).unwrap_or(0))
    }

    /// Deletes a topic and its records, and waits until the brokers know.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] with code `UNKNOWN_TOPIC_OR_PARTITION`, or `TOPIC_DELETION_DISABLED`.
    pub fn delete_topic(&mut self, name: &str) -> Result<(), ClientError> {
        let what = format!("topic `{name}` cannot be deleted");
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState {
                name: Some(name.to_owned()),
                ..DeleteTopicState::default()
            }],
            topic_names: vec![name.to_owned()],
            timeout_ms: self.timeout_ms(),
        };
        self.call(
            Place::Controller,
            0..=i16::MAX,
            &what,
            &request,
            |response: &DeleteTopicsResponse, before| {
                let result = response.responses.first().ok_or_else(|| left_out(&what))?;
                match result.error_code {
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION if before == Before::Perhaps => Ok(()),
                    code => refusal(code, &what, result.error_message.as_deref()),
                }
            },
        )?;
        self.wait_until_gone(name)
    }

    /// Waits until brokers, who learn of it after the controller, no longer show a deleted topic. If it is there after a
    /// while, somebody has created it again.
    fn wait_until_gone(&mut self, name: &str) -> Result<(), ClientError> {
        let deadline = self.deadline().min(self.network.now() + GONE_MAX);
        let mut rounds = 0;
        while self.find_topic(name)?.is_some() && self.network.now() < deadline {
            rounds += 1;
            self.pause(self.config.connection.retry_backoff.after(rounds));
        }
        Ok(())
    }
}

fn description(name: &str, topic: &MetadataResponseTopic) -> TopicDescription {
    let mut partitions: Vec<_> = topic
        .partitions
        .iter()
        .map(|it| PartitionDescription {
            partition: it.partition_index,
            leader: Some(it.leader_id).filter(|leader| *leader >= 0),
            leader_epoch: it.leader_epoch,
            replicas: it.replica_nodes,
            in_sync: it.isr_nodes,
        })
        .collect();
    partitions.sort_by_key(|it| it.partition);
    TopicDescription {
        name: name.to_owned(),
        id: topic.topic_id,
        internal: topic.is_internal,
        partitions,
    }
}
