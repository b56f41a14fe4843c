//! DescribeCluster, DescribeLogDirs: the one node and its disk.

use super::operations::{self, CLUSTER_OPERATIONS};
use super::{Context, Handle};
use crate::topics::Topic;
use kolk_wire::ErrorCode;
use kolk_wire::message::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use kolk_wire::message::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};

/// The endpoint type of brokers; controllers (2) have none of their own here (KIP-919).
const BROKERS: i8 = 1;

impl Handle for DescribeClusterRequest {
    fn handle(self, context: &Context<'_>) -> Option<DescribeClusterResponse> {
        if self.endpoint_type != BROKERS {
            let message = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
            return Some(DescribeClusterResponse {
                error_code: ErrorCode::MISMATCHED_ENDPOINT_TYPE,
                error_message: Some(message.to_owned()),
                ..DescribeClusterResponse::default()
            });
        }
        let state = context.state;
        let (host, port) = state.advertised();
        let broker = DescribeClusterBroker {
            broker_id: state.config.node_id,
            host: host.to_owned(),
            port: i32::from(port),
            ..DescribeClusterBroker::default()
        };
        let asked = self.include_cluster_authorized_operations;
        Some(DescribeClusterResponse {
            cluster_id: state.cluster_id.clone(),
            controller_id: state.config.node_id,
            brokers: vec![broker],
            cluster_authorized_operations: operations::told(asked, CLUSTER_OPERATIONS),
            ..DescribeClusterResponse::default()
        })
    }
}

impl Handle for DescribeLogDirsRequest {
    fn handle(self, context: &Context<'_>) -> Option<DescribeLogDirsResponse> {
        let described = |topic: &Topic, wanted: &dyn Fn(i32) -> bool| {
            let partitions = (0..).zip(&topic.partitions).filter(|(index, _)| wanted(*index));
            let sizes = partitions.map(|(partition_index, partition)| DescribeLogDirsPartition {
                partition_index,
                partition_size: i64::try_from(partition.log().size_bytes()).unwrap_or(i64::MAX),
                ..DescribeLogDirsPartition::default()
            });
            DescribeLogDirsTopic { name: topic.name.to_string(), partitions: sizes.collect() }
        };
        let topics = context.state.topics();
        let topics = match &self.topics {
            None => topics.iter().map(|topic| described(topic, &|_| true)).collect(),
            Some(asked) => {
                let found =
                    asked.iter().filter_map(|asked| Some((asked, topics.get(&asked.topic)?)));
                let described = found.map(|(asked, topic)| {
                    described(topic, &|index| asked.partitions.contains(&index))
                });
                described.filter(|topic| !topic.partitions.is_empty()).collect()
            }
        };
        let folder = DescribeLogDirsResult {
            log_dir: context.state.folder.display().to_string(),
            topics,
            ..DescribeLogDirsResult::default()
        };
        Some(DescribeLogDirsResponse {
            results: vec![folder],
            ..DescribeLogDirsResponse::default()
        })
    }
}
