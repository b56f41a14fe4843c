//! Looking after a cluster: topics, settings, groups, offsets. Blocking calls, each repeated until it is done, refused,
//! or `default.api.timeout.ms` is over.

mod topics;
mod configs;
mod groups;
mod records;
#[cfg(test)]
mod tests;

pub use configs::{ConfigChange, ConfigEntry, ConfigSource, Resource};
pub use groups::{CommittedOffset, GroupDescription, GroupListing, GroupMember};
pub use topics::{
    Internal, NewTopic, PartitionDescription, TopicDescription, TopicListing, TopicSize,
};

use super::TopicPartition;
use super::config::ClientConfig;
use super::error::{Action, ClientError, RequestError};
use super::metadata::Metadata;
use super::network::{Broker, Lane, Network, SendOptions, Target};
use super::offsets::{Found, OffsetLookup, OffsetSpec};
use crate::time::{Clock, Moment};
use kolk_wire::ErrorCode;
use kolk_wire::message::Request;
use kolk_wire::message::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
use kolk_wire::message::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use kolk_wire::message::metadata::{MetadataRequest, MetadataResponse};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// The cluster: its id, its brokers, its controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub id: String,
    /// The controller's broker id, if known; with KRaft, a broker that passes requests on to it.
    pub controller: Option<i32>,
    /// Brokers by id.
    pub nodes: BTreeMap<i32, Broker>,
}

/// Who answers a request.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Any,
    Controller,
    /// The coordinator of this group.
    Coordinator(&'a str),
    Node(i32),
}

/// Whether an earlier attempt of a call may have been carried out although its response was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Perhaps,
}

/// A client that looks after a cluster.
#[derive(Debug)]
pub struct Admin {
    config: ClientConfig,
    network: Network,
    controller: Option<i32>,
    coordinators: HashMap<String, i32>,
}

impl Admin {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn new(config: &ClientConfig, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        Ok(Self {
            config: config.clone(),
            network: Network::new(config, clock)?,
            controller: None,
            coordinators: HashMap::new(),
        })
    }

    /// The cluster's id, brokers and controller.
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when no broker can be reached; [`ClientError::Retry`] when time is over, as for every call.
    pub fn describe_cluster(&mut self) -> Result<ClusterDescription, ClientError> {
        let what = "the cluster cannot be described";
        let request = DescribeClusterRequest::default();
        let described = self.call(
            Place::Any,
            0..=i16::MAX,
            what,
            &request,
            |response: &DescribeClusterResponse, _| {
                refusal(response.error_code, what, response.error_message.as_deref())
            },
        );
        match described {
            Ok(response) => {
                let brokers = response.brokers.iter();
                let nodes =
                    brokers.filter_map(|it| self.learn(it.broker_id, &it.host, it.port)).collect();
                let controller = Some(response.controller_id).filter(|id| *id >= 0);
                Ok(ClusterDescription { id: response.cluster_id, controller, nodes })
            }
            // Before Kafka 2.8 Metadata says the same.
            Err(error) if error.code().is_none() && error.action() == Action::Fatal => {
                let response = self.metadata(&MetadataRequest {
                    topics: Some(Vec::new()),
                    ..MetadataRequest::default()
                })?;
                let brokers = response.brokers.iter();
                let nodes =
                    brokers.filter_map(|it| self.learn(it.node_id, &it.host, it.port)).collect();
                let id = response.cluster_id.unwrap_or_default();
                Ok(ClusterDescription { id, controller: self.controller, nodes })
            }
            Err(error) => Err(error),
        }
    }

    /// Looks up offsets by time.
    ///
    /// # Errors
    /// The first partition's that cannot be looked up.
    pub fn list_offsets(
        &mut self,
        wanted: impl IntoIterator<Item = (TopicPartition, OffsetSpec)>,
    ) -> Result<BTreeMap<TopicPartition, Found>, ClientError> {
        let deadline = self.deadline();
        let mut metadata = Metadata::new(&self.config);
        let mut lookup = OffsetLookup::new(&self.config);
        for (partition, spec) in wanted {
            metadata.want(&partition.topic);
            lookup.want(partition, spec);
        }
        let mut found = BTreeMap::new();
        loop {
            metadata.step(&mut self.network)?;
            lookup.step(&mut self.network, &mut metadata);
            for (partition, outcome) in lookup.take_found() {
                found.insert(partition, outcome?);
            }
            if lookup.is_idle() {
                return Ok(found);
            }
            for partition in lookup.waiting() {
                let missing = metadata.topic_error(&partition.topic)
                    == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                let beyond = metadata.partition_count(&partition.topic).is_some_and(|count| {
                    usize::try_from(partition.partition)
                        .map_or(true, |partition| partition >= count)
                });
                if missing || beyond {
                    return Err(unknown(format!("there is no partition {partition}")));
                }
            }
            let now = self.network.now();
            if now >= deadline {
                return Err(ClientError::new(
                    Action::Retry,
                    "the offsets could not be looked up in time",
                ));
            }
            let next = [metadata.deadline(), lookup.deadline(), Some(deadline)]
                .into_iter()
                .flatten()
                .min();
            self.network.poll(next.map_or(Duration::ZERO, |at| now.until(at)));
        }
    }

    fn deadline(&self) -> Moment {
        self.network.now() + self.config.connection.api_timeout
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.config.connection.request_timeout.as_millis()).unwrap_or(i32::MAX)
    }

    fn learn(&mut self, node: i32, host: &str, port: i32) -> Option<(i32, Broker)> {
        let broker = Broker::new(host, u16::try_from(port).ok()?);
        self.network.learn_node(node, broker.clone());
        Some((node, broker))
    }

    /// Asks for metadata, and remembers where brokers and controller are.
    fn metadata(&mut self, request: &MetadataRequest) -> Result<MetadataResponse, ClientError> {
        let what = "the cluster cannot be described";
        let response = self.call(
            Place::Any,
            0..=i16::MAX,
            what,
            request,
            |response: &MetadataResponse, _| refusal(response.error_code, what, None),
        )?;
        for broker in &response.brokers {
            self.learn(broker.node_id, &broker.host, broker.port);
        }
        self.controller = Some(response.controller_id).filter(|id| *id >= 0);
        Ok(response)
    }

    /// Sends `request` to `place` until `check` is content with a response or says that trying again is of no use.
    fn call<R: Request + Clone + Send + 'static>(
        &mut self,
        place: Place<'_>,
        versions: RangeInclusive<i16>,
        what: &str,
        request: &R,
        mut check: impl FnMut(&R::Response, Before) -> Result<(), ClientError>,
    ) -> Result<R::Response, ClientError> {
        let deadline = self.deadline();
        let mut before = Before::Nothing;
        let mut failures = 0;
        loop {
            let error = match self.attempt(place, versions.clone(), request, deadline) {
                Ok(response) => match check(&response, before) {
                    Ok(()) => return Ok(response),
                    Err(error) => error,
                },
                Err(error) => {
                    if error.may_have_acted() {
                        before = Before::Perhaps;
                    }
                    ClientError::from_request(&error, what)
                }
            };
            if error.action() != Action::Retry {
                return Err(error);
            }
            failures += 1;
            self.forget(place);
            let pause = self.config.connection.retry_backoff.after(failures);
            if self.network.now() + pause >= deadline {
                return Err(error);
            }
            self.pause(pause);
        }
    }

    fn attempt<R: Request + Clone + Send + 'static>(
        &mut self,
        place: Place<'_>,
        versions: RangeInclusive<i16>,
        request: &R,
        deadline: Moment,
    ) -> Result<R::Response, RequestError> {
        let target = match place {
            Place::Any => Target::AnyNode,
            Place::Node(node) => Target::Node(node),
            Place::Controller => self.find_controller(deadline)?,
            Place::Coordinator(group) => self.find_coordinator(group, deadline)?,
        };
        let request = request.clone();
        self.exchange(&target, versions, deadline, move |_| request)
    }

    /// One request, one response.
    fn exchange<R: Request + 'static>(
        &mut self,
        target: &Target,
        versions: RangeInclusive<i16>,
        deadline: Moment,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Result<R::Response, RequestError> {
        let left = self.network.now().until(deadline);
        let timeout = Some(left.min(self.config.connection.request_timeout));
        let ticket =
            self.network.send_with(target, Lane::Control, SendOptions { timeout, versions }, build);
        loop {
            if let Some(outcome) = self.network.take(&ticket) {
                return outcome;
            }
            self.network.poll(left);
        }
    }

    fn find_controller(&mut self, deadline: Moment) -> Result<Target, RequestError> {
        if self.controller.is_none() {
            let request =
                MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
            let response =
                self.exchange(&Target::AnyNode, 1..=i16::MAX, deadline, move |_| request)?;
            for broker in &response.brokers {
                self.learn(broker.node_id, &broker.host, broker.port);
            }
            self.controller = Some(response.controller_id).filter(|id| *id >= 0);
        }
        Ok(self.controller.map_or(Target::AnyNode, Target::Node))
    }

    fn find_coordinator(&mut self, group: &str, deadline: Moment) -> Result<Target, RequestError> {
        if let Some(node) = self.coordinators.get(group) {
            return Ok(Target::Node(*node));
        }
        let key = group.to_owned();
        let request = move |_| FindCoordinatorRequest {
            key: key.clone(),
            coordinator_keys: vec![key],
            ..FindCoordinatorRequest::default()
        };
        let response: FindCoordinatorResponse =
            self.exchange(&Target::AnyNode, 0..=i16::MAX, deadline, request)?;
        let (node, host, port) = match response.coordinators.first() {
            Some(found) => (found.node_id, found.host.clone(), found.port),
            None => (response.node_id, response.host, response.port),
        };
        // −1 until the coordinator is up: any node then says so, and the call is repeated.
        if node < 0 || self.learn(node, &host, port).is_none() {
            return Ok(Target::AnyNode);
        }
        self.coordinators.insert(group.to_owned(), node);
        Ok(Target::Node(node))
    }

    fn forget(&mut self, place: Place<'_>) {
        match place {
            Place::Controller => self.controller = None,
            Place::Coordinator(group) => {
                self.coordinators.remove(group);
            }
            Place::Any | Place::Node(_) => {}
        }
    }

    fn pause(&mut self, pause: Duration) {
        let until = self.network.now() + pause;
        while self.network.now() < until {
            let left = self.network.now().until(until);
            self.network.poll(left);
        }
    }
}

/// What a code means to an administrator: a topic or group that is not there is not waited for.
fn refusal(
    code: ErrorCode,
    what: impl fmt::Display,
    detail: Option<&str>,
) -> Result<(), ClientError> {
    match code {
        ErrorCode::NONE => Ok(()),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID => {
            Err(unknown(format!("{what}: it does not exist")))
        }
        code => Err(ClientError::from_code(code, what.to_string(), detail)),
    }
}

fn unknown(message: String) -> ClientError {
    ClientError::with_code(Action::Invalid, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message)
}

/// What a broker left out of its response.
fn left_out(what: impl fmt::Display) -> ClientError {
    ClientError::new(Action::Fatal, format!("{what}: the broker's response does not mention it"))
}
