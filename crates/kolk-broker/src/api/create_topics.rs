//! CreateTopics.

use super::configs::CONFIG_NOT_SENSITIVE;
use super::{Context, Handle};
use crate::state::State;
use crate::topics::TopicError;
use kolk_wire::ErrorCode;
use kolk_wire::message::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use kolk_wire::wire::Uuid;
use std::collections::{BTreeMap, BTreeSet};

/// "As the broker is set", for partitions and replicas (KIP-464).
const DEFAULT: i32 = -1;

impl Handle for CreateTopicsRequest {
    fn handle(self, context: &Context<'_>) -> Option<CreateTopicsResponse> {
        let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
        for topic in &self.topics {
            if !seen.insert(topic.name.clone()) {
                twice.insert(topic.name.clone());
            }
        }
        let mut topics = Vec::with_capacity(self.topics.len());
        for topic in self.topics {
            let name = topic.name.clone();
            let created = if twice.contains(&name) {
                let message = "Found multiple entries for this topic.".to_owned();
                Err((ErrorCode::INVALID_REQUEST, message))
            } else {
                create(context.state, topic, self.validate_only)
            };
            topics.push(
                created.unwrap_or_else(|(error_code, message)| refused(name, error_code, message)),
            );
        }
        Some(CreateTopicsResponse { topics, ..CreateTopicsResponse::default() })
    }
}

/// An error and what the client shows of it.
pub(super) type Refusal = (ErrorCode, String);

/// What the client is answered to an error of the topics.
pub(super) fn refusal(error: &TopicError) -> Refusal {
    (error.code(), error.to_string())
}

fn refused(name: String, error_code: ErrorCode, message: String) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code,
        error_message: Some(message),
        ..CreatableTopicResult::default()
    }
}

fn create(
    state: &State,
    topic: CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, Refusal> {
    let partitions = match topic.assignments.is_empty() {
        true => partitions_of(state, &topic)?,
        false => assigned(state, &topic)?,
    };
    let mut overrides = BTreeMap::new();
    for config in topic.configs {
        let Some(value) = config.value else {
            let message = format!("Null value not supported for topic configs: {}", config.name);
            return Err((ErrorCode::INVALID_CONFIG, message));
        };
        overrides.insert(config.name, value);
    }
    let topic_id = if validate_only {
        state
            .topics()
            .check(&topic.name, partitions, &overrides)
            .map_err(|error| refusal(&error))?;
        Uuid::default()
    } else {
        let id = state
            .fresh_id()
            .map_err(|error| (ErrorCode::UNKNOWN_SERVER_ERROR, error.to_string()))?;
        let now_ms = state.now_ms();
        let mut topics = state.topics_mut();
        let created = topics.create(&topic.name, id, partitions, overrides.clone(), now_ms);
        created.map_err(|error| refusal(&error))?.id
    };
    let configs =
        state.config.describe_topic(&overrides).into_iter().map(|one| CreatableTopicConfigs {
            name: one.name.to_owned(),
            value: one.value,
            read_only: false,
            config_source: one.source.number(),
            is_sensitive: CONFIG_NOT_SENSITIVE,
        });
    Ok(CreatableTopicResult {
        name: topic.name,
        topic_id,
        num_partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
        replication_factor: 1,
        configs: Some(configs.collect()),
        ..CreatableTopicResult::default()
    })
}

fn partitions_of(state: &State, topic: &CreatableTopic) -> Result<usize, Refusal> {
    let partitions = match topic.num_partitions {
        DEFAULT => Some(state.config.partitions),
        number => usize::try_from(number).ok().filter(|number| *number > 0),
    };
    let partitions = partitions.ok_or_else(|| {
        let message = "Number of partitions was set to an invalid non-positive value.";
        (ErrorCode::INVALID_PARTITIONS, message.to_owned())
    })?;
    match i32::from(topic.replication_factor) {
        DEFAULT | 1 => Ok(partitions),
        wanted if wanted > 1 => {
            let message = format!(
                "Unable to replicate the partition {wanted} time(s): The target replication factor of {wanted} cannot be \
                 reached because only 1 broker(s) are registered."
            );
            Err((ErrorCode::INVALID_REPLICATION_FACTOR, message))
        }
        _ => {
            let message = "Replication factor was set to an invalid non-positive value.".to_owned();
            Err((ErrorCode::INVALID_REPLICATION_FACTOR, message))
        }
    }
}

/// The number of partitions of a topic whose replicas the client has placed itself.
fn assigned(state: &State, topic: &CreatableTopic) -> Result<usize, Refusal> {
    let both = |what: &str| {
        let message =
            format!("A manual partition assignment was specified, but {what} was not set to -1.");
        Err((ErrorCode::INVALID_REQUEST, message))
    };
    if topic.replication_factor != -1 {
        return both("replication factor");
    }
    if topic.num_partitions != DEFAULT {
        return both("numPartitions");
    }
    let mut numbers: Vec<i32> = topic.assignments.iter().map(|one| one.partition_index).collect();
    numbers.sort_unstable();
    if numbers.iter().zip(0..).any(|(number, expected)| *number != expected) {
        let message = "partitions should be a consecutive 0-based integer sequence".to_owned();
        return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    }
    for assignment in &topic.assignments {
        check_replicas(state, &assignment.broker_ids)?;
    }
    Ok(numbers.len())
}

/// A partition can only lie on this node, once.
pub(super) fn check_replicas(state: &State, broker_ids: &[i32]) -> Result<(), Refusal> {
    let node = state.config.node_id;
    let message = match broker_ids {
        [one] if *one == node => return Ok(()),
        [] => "The manual partition assignment includes an empty replica list.".to_owned(),
        ids => match ids.iter().find(|id| **id != node) {
            Some(other) => {
                format!(
                    "The manual partition assignment includes broker {other}, but no such broker is registered."
                )
            }
            None => format!(
                "The manual partition assignment includes the broker {node} more than once."
            ),
        },
    };
    Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, message))
}
