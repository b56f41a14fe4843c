//! DeleteTopics, CreatePartitions, DeleteRecords: what happens to topics that exist.

use super::create_topics::{Refusal, check_replicas, refusal};
use super::{Context, Handle};
use crate::state::State;
use crate::topics::{TopicError, Topics};
use kolk_wire::ErrorCode;
use kolk_wire::message::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};
use kolk_wire::message::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult,
};
use kolk_wire::message::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use std::collections::BTreeMap;

/// From this version on topics may be named by their ids (KIP-516).
const DELETE_BY_ID_FROM: i16 = 6;

impl Handle for DeleteTopicsRequest {
    fn handle(self, context: &Context<'_>) -> Option<DeleteTopicsResponse> {
        let named = |name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() };
        let topics = if context.version >= DELETE_BY_ID_FROM {
            self.topics
        } else {
            self.topic_names.into_iter().map(named).collect()
        };
        let responses =
            topics.into_iter().map(|topic| delete_topic(context.state, topic)).collect();
        Some(DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() })
    }
}

fn delete_topic(state: &State, topic: DeleteTopicState) -> DeletableTopicResult {
    let DeleteTopicState { name, topic_id } = topic;
    let refused = |name, error_code, message: String| DeletableTopicResult {
        name,
        topic_id,
        error_code,
        error_message: Some(message),
    };
    if name.is_some() && !topic_id.is_none() {
        let message = "You may not specify both topic name and topic id.".to_owned();
        return refused(name, ErrorCode::INVALID_REQUEST, message);
    }
    let by_id = || state.topics().by_id(topic_id).map(|topic| topic.name.to_string());
    let Some(name) = name.or_else(by_id) else {
        let message = "This server does not host this topic ID.".to_owned();
        return refused(None, ErrorCode::UNKNOWN_TOPIC_ID, message);
    };
    match state.delete_topic(&name) {
        Ok(topic_id) => {
            DeletableTopicResult { name: Some(name), topic_id, ..DeletableTopicResult::default() }
        }
        Err(TopicError::Unknown(_)) => {
            refused(Some(name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, NOT_HOSTED.to_owned())
        }
        Err(error) => refused(Some(name), error.code(), error.to_string()),
    }
}

/// What Apache Kafka says of a topic or partition that does not exist.
pub(super) const NOT_HOSTED: &str = "This server does not host this topic-partition.";

impl Handle for CreatePartitionsRequest {
    fn handle(self, context: &Context<'_>) -> Option<CreatePartitionsResponse> {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for topic in &self.topics {
            *times.entry(topic.name.clone()).or_default() += 1;
        }
        let grow = |topic: CreatePartitionsTopic| {
            let grown = match times.get(&topic.name) {
                Some(1) => grow(context.state, &topic, self.validate_only),
                _ => Err((ErrorCode::INVALID_REQUEST, "Duplicate topic name.".to_owned())),
            };
            let (error_code, message) = match grown {
                Ok(()) => (ErrorCode::NONE, None),
                Err((error_code, message)) => (error_code, Some(message)),
            };
            CreatePartitionsTopicResult { name: topic.name, error_code, error_message: message }
        };
        let results = self.topics.into_iter().map(grow).collect();
        Some(CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() })
    }
}

fn grow(state: &State, wanted: &CreatePartitionsTopic, validate_only: bool) -> Result<(), Refusal> {
    let topic = state.topic(&wanted.name);
    let topic =
        topic.ok_or_else(|| (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, NOT_HOSTED.to_owned()))?;
    let count = usize::try_from(wanted.count).unwrap_or_default();
    Topics::check_growth(&topic, count).map_err(|error| refusal(&error))?;
    if let Some(assignments) = &wanted.assignments {
        let added = count - topic.partitions.len();
        if assignments.len() != added {
            let message = format!(
                "Attempted to add {added} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            );
            return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
        }
        for assignment in assignments {
            check_replicas(state, &assignment.broker_ids)?;
        }
    }
    if validate_only {
        return Ok(());
    }
    let now_ms = state.now_ms();
    state.topics_mut().grow(&wanted.name, count, now_ms).map_err(|error| refusal(&error))
}

impl Handle for DeleteRecordsRequest {
    fn handle(self, context: &Context<'_>) -> Option<DeleteRecordsResponse> {
        let topics = self.topics.into_iter().map(|topic| {
            let delete = |one: &kolk_wire::message::delete_records::DeleteRecordsPartition| {
                let deleted =
                    delete_records(context.state, &topic.name, one.partition_index, one.offset);
                DeleteRecordsPartitionResult {
                    partition_index: one.partition_index,
                    low_watermark: deleted.unwrap_or(-1),
                    error_code: deleted.err().unwrap_or(ErrorCode::NONE),
                }
            };
            let partitions = topic.partitions.iter().map(delete).collect();
            DeleteRecordsTopicResult { partitions, name: topic.name }
        });
        Some(DeleteRecordsResponse { topics: topics.collect(), ..DeleteRecordsResponse::default() })
    }
}

fn delete_records(
    state: &State,
    topic: &str,
    partition: i32,
    before_offset: i64,
) -> Result<i64, ErrorCode> {
    let partition =
        state.partition(topic, partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let deleted = partition.log().delete_records(before_offset).map_err(|error| error.code());
    partition.wake();
    deleted
}
