//! Metadata: one broker that leads everything.

use super::operations::{self, CLUSTER_OPERATIONS, TOPIC_OPERATIONS};
use super::{Context, Handle};
use crate::log::LEADER_EPOCH;
use crate::state::State;
use crate::topics::{Topic, TopicError, check_name};
use kolk_wire::ErrorCode;
use kolk_wire::message::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use std::collections::BTreeMap;

impl Handle for MetadataRequest {
    fn handle(self, context: &Context<'_>) -> Option<MetadataResponse> {
        let state = context.state;
        let (host, port) = state.advertised();
        let broker = MetadataResponseBroker {
            node_id: state.config.node_id,
            host: host.to_owned(),
            port: i32::from(port),
            rack: None,
        };
        let create = self.allow_auto_topic_creation && state.config.auto_create_topics;
        let mut topics: Vec<MetadataResponseTopic> = match self.topics {
            // Version 0 has no null: there an empty list means all topics.
            Some(topics) if context.version > 0 || !topics.is_empty() => {
                topics.into_iter().map(|topic| wanted(state, topic, create)).collect()
            }
            _ => state.topics().iter().map(|topic| described(state, topic)).collect(),
        };
        if self.include_topic_authorized_operations {
            for topic in topics.iter_mut().filter(|topic| topic.error_code.is_none()) {
                topic.topic_authorized_operations = TOPIC_OPERATIONS;
            }
        }
        Some(MetadataResponse {
            brokers: vec![broker],
            cluster_id: Some(state.cluster_id.clone()),
            controller_id: state.config.node_id,
            topics,
            cluster_authorized_operations: operations::told(
                self.include_cluster_authorized_operations,
                CLUSTER_OPERATIONS,
            ),
            ..MetadataResponse::default()
        })
    }
}

fn wanted(state: &State, topic: MetadataRequestTopic, create: bool) -> MetadataResponseTopic {
    if !topic.topic_id.is_none() {
        let found = state.topics().by_id(topic.topic_id).map(|topic| described(state, topic));
        return found.unwrap_or_else(|| MetadataResponseTopic {
            error_code: ErrorCode::UNKNOWN_TOPIC_ID,
            topic_id: topic.topic_id,
            ..MetadataResponseTopic::default()
        });
    }
    let name = topic.name.unwrap_or_default();
    if let Some(topic) = state.topics().get(&name) {
        return described(state, topic);
    }
    let error_code = match create.then(|| auto_create(state, &name)) {
        // Leaders are known at once, but clients of Apache Kafka hear of a new topic in their next request.
        Some(Ok(())) => ErrorCode::LEADER_NOT_AVAILABLE,
        Some(Err(error)) => error,
        None => match check_name(&name) {
            Err(error) => error.code(),
            Ok(()) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        },
    };
    MetadataResponseTopic { error_code, name: Some(name), ..MetadataResponseTopic::default() }
}

fn auto_create(state: &State, name: &str) -> Result<(), ErrorCode> {
    let id = state.fresh_id().map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?;
    let now_ms = state.now_ms();
    let created = state
        .topics_mut()
        .create(name, id, state.config.partitions, BTreeMap::new(), now_ms)
        .map(drop);
    match created {
        Ok(()) | Err(TopicError::Exists(_)) => Ok(()),
        Err(error) => Err(error.code()),
    }
}

fn described(state: &State, topic: &Topic) -> MetadataResponseTopic {
    let node = state.config.node_id;
    let partition = |index| MetadataResponsePartition {
        partition_index: i32::try_from(index).unwrap_or(i32::MAX),
        leader_id: node,
        leader_epoch: LEADER_EPOCH,
        replica_nodes: vec![node],
        isr_nodes: vec![node],
        ..MetadataResponsePartition::default()
    };
    MetadataResponseTopic {
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        partitions: (0..topic.partitions.len()).map(partition).collect(),
        ..MetadataResponseTopic::default()
    }
}
