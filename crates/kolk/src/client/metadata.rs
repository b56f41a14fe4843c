//! The cluster as its brokers describe it: brokers, topics, partitions, leaders.
//!
//! The view is refreshed by age and whenever somebody met an error that says it is out of date. Topic ids and
//! partition counts are remembered: a topic that was recreated, or that grew, is a [`Change`] that its reader must
//! decide about (state built on the old one does not fit the new one).

use super::config::{Backoff, ClientConfig};
use super::error::{Action, ClientError, RequestError};
use super::network::{Broker, Lane, Network, Target, Ticket};
use crate::time::Moment;
use kolk_wire::ErrorCode;
use kolk_wire::message::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use kolk_wire::wire::Uuid;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The leader of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leader {
    /// Its broker: `Target::Node(node)`.
    pub node: i32,
    /// Its epoch; −1 when the broker does not tell.
    pub epoch: i32,
}

/// One partition as last described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionView {
    /// Its leader; `None` while there is none.
    pub leader: Option<Leader>,
    /// The highest leader epoch seen; a description with a lower one is out of date and ignored. −1 when unknown.
    pub epoch_seen: i32,
}

/// One topic as last described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; none (all zero) from brokers before 2.8.
    pub id: Uuid,
    /// Its partitions, by number from 0.
    pub partitions: Vec<PartitionView>,
}

/// Something about a topic that its readers must decide about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The topic was deleted and created again: offsets of the old one mean nothing in the new one.
    Recreated {
        /// Its name.
        topic: Arc<str>,
        /// The id until now.
        was: Uuid,
        /// The id from now on.
        now: Uuid,
    },
    /// Partitions were added.
    Grew {
        /// Its name.
        topic: Arc<str>,
        /// How many there were.
        was: usize,
        /// How many there are.
        now: usize,
    },
    /// The topic is gone. Its id is remembered, so that a topic of the same name later is [`Change::Recreated`].
    Gone {
        /// Its name.
        topic: Arc<str>,
    },
}

/// The cluster as last described.
#[derive(Debug)]
pub struct Metadata {
    wanted: BTreeSet<Arc<str>>,
    topics: BTreeMap<Arc<str>, TopicView>,
    /// What was known of topics that are gone.
    gone: HashMap<Arc<str>, TopicView>,
    names: HashMap<Uuid, Arc<str>>,
    errors: BTreeMap<Arc<str>, ErrorCode>,
    nodes: BTreeMap<i32, Broker>,
    controller: Option<i32>,
    cluster_id: Option<String>,
    changes: Vec<Change>,
    age_max: Duration,
    backoff: Backoff,
    refresh_wanted: bool,
    /// Refreshes in a row that failed or left something wanted unknown.
    failures: u32,
    refreshed_at: Option<Moment>,
    not_before: Moment,
    in_flight: Option<Ticket<MetadataRequest>>,
}

impl Metadata {
    /// A view of nothing; ask for topics with [`Self::want`].
    #[must_use]
    pub fn new(config: &ClientConfig) -> Self {
        Self {
            wanted: BTreeSet::new(),
            topics: BTreeMap::new(),
            gone: HashMap::new(),
            names: HashMap::new(),
            errors: BTreeMap::new(),
            nodes: BTreeMap::new(),
            controller: None,
            cluster_id: None,
            changes: Vec::new(),
            age_max: config.connection.metadata_age_max,
            backoff: config.connection.retry_backoff,
            refresh_wanted: false,
            failures: 0,
            refreshed_at: None,
            not_before: Moment::default(),
            in_flight: None,
        }
    }

    /// Keeps `topic` in view from now on.
    pub fn want(&mut self, topic: &str) {
        if self.wanted.insert(topic.into()) && !self.topics.contains_key(topic) {
            self.refresh_wanted = true;
            self.not_before = Moment::default();
        }
    }

    /// Drops `topic` from view.
    pub fn unwant(&mut self, topic: &str) {
        self.wanted.remove(topic);
        self.errors.remove(topic);
        self.gone.remove(topic);
        if let Some(view) = self.topics.remove(topic) {
            self.names.remove(&view.id);
        }
    }

    /// Asks for a new description soon: after NOT_LEADER_OR_FOLLOWER, an unknown topic or a broken connection.
    /// Repeated requests are paced by `retry.backoff.ms`.
    pub fn request_refresh(&mut self) {
        self.refresh_wanted = true;
    }

    /// Sends and receives descriptions as they fall due; call it before each [`Network::poll`]. Returns whether the view changed.
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when no broker can be reached or the credentials are refused. Errors of single topics are in
    /// [`Self::topic_error`].
    pub fn step(&mut self, network: &mut Network) -> Result<bool, ClientError> {
        let now = network.now();
        let mut changed = false;
        if let Some(ticket) = &self.in_flight
            && let Some(outcome) = network.take(ticket)
        {
            self.in_flight = None;
            changed = self.on_response(network, outcome, now)?;
        }
        let due = self.deadline().is_some_and(|at| now >= at);
        if due && self.in_flight.is_none() {
            self.refresh_wanted = false;
            let request = self.request();
            self.in_flight = Some(network.send(&Target::AnyNode, Lane::Control, request));
        }
        Ok(changed)
    }

    /// When [`Self::step`] must be called again even if nothing arrives.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        match (self.refreshed_at, &self.in_flight) {
            (_, Some(_)) => None,
            (None, None) => Some(self.not_before),
            (Some(_), None) if self.refresh_wanted => Some(self.not_before),
            (Some(at), None) => Some(at + self.age_max),
        }
    }

    fn request(&self) -> MetadataRequest {
        let topic = |name: &Arc<str>| MetadataRequestTopic {
            name: Some(name.to_string()),
            ..MetadataRequestTopic::default()
        };
        MetadataRequest {
            topics: Some(self.wanted.iter().map(topic).collect()),
            // Topics are created by those who know how many partitions they need.
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        }
    }

    fn on_response(
        &mut self,
        network: &mut Network,
        outcome: Result<MetadataResponse, RequestError>,
        now: Moment,
    ) -> Result<bool, ClientError> {
        match outcome {
            Ok(response) if response.error_code.is_none() => {
                let changed = self.apply(network, &response);
                self.refreshed_at = Some(now);
                let missing = self.wanted.iter().any(|topic| !self.is_settled(topic));
                self.failures = if missing { self.failures + 1 } else { 0 };
                self.refresh_wanted |= missing;
                self.not_before = now + self.backoff.after(self.failures.max(1));
                Ok(changed)
            }
            Ok(response) => {
                self.retry_later(now);
                let error = ClientError::from_code(
                    response.error_code,
                    "the brokers could not be asked",
                    None,
                );
                if error.action() == Action::Retry { Ok(false) } else { Err(error) }
            }
            Err(error) => {
                self.retry_later(now);
                match error.action() {
                    Action::Retry => Ok(false),
                    _ => Err(ClientError::from_request(&error, "the cluster cannot be described")),
                }
            }
        }
    }

    fn retry_later(&mut self, now: Moment) {
        self.failures += 1;
        self.refresh_wanted = true;
        self.not_before = now + self.backoff.after(self.failures);
    }

    /// Whether nothing about the topic is still to come: it has leaders, or an error that repeating does not mend.
    fn is_settled(&self, topic: &str) -> bool {
        match (self.topics.get(topic), self.errors.get(topic)) {
            (Some(view), None) => {
                view.partitions.iter().all(|partition| partition.leader.is_some())
            }
            (_, Some(code)) => Action::of(*code) != Action::Retry,
            (None, None) => false,
        }
    }

    fn apply(&mut self, network: &mut Network, response: &MetadataResponse) -> bool {
        let before = (self.topics.clone(), self.errors.clone(), self.nodes.clone());
        self.cluster_id.clone_from(&response.cluster_id);
        self.controller = Some(response.controller_id).filter(|id| *id >= 0);
        if !response.brokers.is_empty() {
            self.nodes.clear();
        }
        for broker in &response.brokers {
            let Ok(port) = u16::try_from(broker.port) else { continue };
            let address = Broker::new(&broker.host, port);
            network.learn_node(broker.node_id, address.clone());
            self.nodes.insert(broker.node_id, address);
        }
        for topic in &response.topics {
            let name: Option<Arc<str>> = topic.name.as_deref().map(Into::into);
            if let Some(name) = name.filter(|name| self.wanted.contains(name)) {
                self.apply_topic(name, topic);
            }
        }
        before != (self.topics.clone(), self.errors.clone(), self.nodes.clone())
    }

    fn apply_topic(&mut self, name: Arc<str>, topic: &MetadataResponseTopic) {
        let code = topic.error_code;
        if !code.is_none() && code != ErrorCode::LEADER_NOT_AVAILABLE {
            if code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                && let Some(view) = self.topics.remove(&name)
            {
                self.names.remove(&view.id);
                self.changes.push(Change::Gone { topic: Arc::clone(&name) });
                self.gone.insert(Arc::clone(&name), view);
            }
            self.errors.insert(name, code);
            return;
        }
        self.errors.remove(&name);
        let known = self.topics.get(&name).or_else(|| self.gone.get(&name));
        let recreated = known.is_some_and(|view| view.id != topic.topic_id && !view.id.is_none());
        if let Some(view) = known.filter(|_| recreated) {
            self.names.remove(&view.id);
            self.changes.push(Change::Recreated {
                topic: Arc::clone(&name),
                was: view.id,
                now: topic.topic_id,
            });
        }
        let known = known.filter(|_| !recreated);
        let partitions = merged_partitions(known, topic);
        if let Some(was) =
            known.map(|view| view.partitions.len()).filter(|was| *was < partitions.len())
        {
            self.changes.push(Change::Grew {
                topic: Arc::clone(&name),
                was,
                now: partitions.len(),
            });
        }
        self.gone.remove(&name);
        if !topic.topic_id.is_none() {
            self.names.insert(topic.topic_id, Arc::clone(&name));
        }
        let view = TopicView { name: Arc::clone(&name), id: topic.topic_id, partitions };
        self.topics.insert(name, view);
    }

    /// The topic as last described.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&TopicView> {
        self.topics.get(name)
    }

    /// How many partitions the topic has.
    #[must_use]
    pub fn partition_count(&self, topic: &str) -> Option<usize> {
        self.topic(topic).map(|topic| topic.partitions.len())
    }

    /// The leader of a partition, if it is known and there is one.
    #[must_use]
    pub fn leader(&self, topic: &str, partition: i32) -> Option<Leader> {
        let partition = usize::try_from(partition).ok()?;
        self.topic(topic)?.partitions.get(partition)?.leader
    }

    /// The name of the topic with this id.
    #[must_use]
    pub fn name_of(&self, id: Uuid) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    /// Why the topic is not described: it does not exist (`UNKNOWN_TOPIC_OR_PARTITION`), or may not be seen.
    #[must_use]
    pub fn topic_error(&self, name: &str) -> Option<ErrorCode> {
        self.errors.get(name).copied()
    }

    /// Takes over a leader that a response named (KIP-951), unless a newer one is known.
    pub fn note_leader(&mut self, topic: &str, partition: i32, leader: Leader) {
        let view = self.topics.get_mut(topic);
        let partition = usize::try_from(partition).ok().and_then(|at| view?.partitions.get_mut(at));
        if let Some(view) =
            partition.filter(|view| leader.node >= 0 && leader.epoch > view.epoch_seen)
        {
            view.leader = Some(leader);
            view.epoch_seen = leader.epoch;
        }
    }

    /// Changes since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// The brokers as last described, by id.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<i32, Broker> {
        &self.nodes
    }

    /// The controller's id, if known.
    #[must_use]
    pub fn controller(&self) -> Option<i32> {
        self.controller
    }

    /// The cluster's id, if known.
    #[must_use]
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }
}

/// The partitions of a description, with what is known already where the description is older (KIP-320).
fn merged_partitions(
    known: Option<&TopicView>,
    topic: &MetadataResponseTopic,
) -> Vec<PartitionView> {
    let nothing = PartitionView { leader: None, epoch_seen: -1 };
    // Partitions are numbered without gaps, so a number beyond their count is not one.
    let mut partitions = known.map_or_else(Vec::new, |view| view.partitions.clone());
    partitions.resize(partitions.len().max(topic.partitions.len()), nothing);
    for described in &topic.partitions {
        let at = usize::try_from(described.partition_index).ok();
        let Some(view) = at.and_then(|at| partitions.get_mut(at)) else { continue };
        let epoch = described.leader_epoch;
        if epoch >= 0 && epoch < view.epoch_seen {
            continue;
        }
        let leader = Leader { node: described.leader_id, epoch };
        view.leader = Some(leader).filter(|leader| leader.node >= 0);
        view.epoch_seen = epoch;
    }
    partitions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SystemClock;
    use kolk_wire::message::metadata::{MetadataResponseBroker, MetadataResponsePartition};

    struct Cluster {
        metadata: Metadata,
        network: Network,
    }

    impl Cluster {
        fn new() -> Self {
            let config = ClientConfig::for_bootstrap("localhost:1").unwrap();
            let network = Network::new(&config, Arc::new(SystemClock::new())).unwrap();
            let mut metadata = Metadata::new(&config);
            metadata.want("t");
            Self { metadata, network }
        }

        /// A description of topic `t` with this id and these (leader, epoch) pairs.
        fn describe(&mut self, id: u8, leaders: &[(i32, i32)]) -> bool {
            let partition = |(index, (leader_id, leader_epoch)): (usize, &(i32, i32))| {
                MetadataResponsePartition {
                    partition_index: i32::try_from(index).unwrap(),
                    leader_id: *leader_id,
                    leader_epoch: *leader_epoch,
                    ..MetadataResponsePartition::default()
                }
            };
            self.answer(MetadataResponseTopic {
                name: Some("t".to_owned()),
                topic_id: Uuid([id; 16]),
                partitions: leaders.iter().enumerate().map(partition).collect(),
                ..MetadataResponseTopic::default()
            })
        }

        fn unknown(&mut self) -> bool {
            self.answer(MetadataResponseTopic {
                name: Some("t".to_owned()),
                error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                ..MetadataResponseTopic::default()
            })
        }

        fn answer(&mut self, topic: MetadataResponseTopic) -> bool {
            let broker = |node_id| MetadataResponseBroker {
                node_id,
                host: "localhost".to_owned(),
                port: 9000 + node_id,
                ..MetadataResponseBroker::default()
            };
            let response = MetadataResponse {
                brokers: vec![broker(1), broker(2)],
                topics: vec![topic],
                ..MetadataResponse::default()
            };
            self.metadata.apply(&mut self.network, &response)
        }
    }

    #[test]
    fn leaders_are_found_and_an_equal_description_changes_nothing() {
        let mut cluster = Cluster::new();
        assert!(cluster.describe(1, &[(1, 4), (2, 4)]));
        assert!(!cluster.describe(1, &[(1, 4), (2, 4)]));
        assert_eq!(cluster.metadata.leader("t", 1), Some(Leader { node: 2, epoch: 4 }));
        assert_eq!(cluster.metadata.partition_count("t"), Some(2));
        assert_eq!(cluster.metadata.name_of(Uuid([1; 16])).map(|name| &**name), Some("t"));
        assert_eq!(cluster.network.node(2), Some(&Broker::new("localhost", 9002)));
        assert!(cluster.metadata.is_settled("t"));
    }

    #[test]
    fn a_description_from_a_broker_that_lags_behind_does_not_bring_the_old_leader_back() {
        let mut cluster = Cluster::new();
        cluster.describe(1, &[(1, 4)]);
        cluster.describe(1, &[(2, 5)]);
        assert!(!cluster.describe(1, &[(1, 4)]));
        assert_eq!(cluster.metadata.leader("t", 0), Some(Leader { node: 2, epoch: 5 }));
        cluster.metadata.note_leader("t", 0, Leader { node: 1, epoch: 6 });
        cluster.metadata.note_leader("t", 0, Leader { node: 2, epoch: 5 });
        assert_eq!(cluster.metadata.leader("t", 0), Some(Leader { node: 1, epoch: 6 }));
    }

    #[test]
    fn a_topic_deleted_and_created_again_is_told_even_when_its_absence_was_seen() {
        for absence_seen in [false, true] {
            let mut cluster = Cluster::new();
            cluster.describe(1, &[(1, 9)]);
            if absence_seen {
                cluster.unknown();
                assert_eq!(cluster.metadata.take_changes(), [Change::Gone { topic: "t".into() }]);
                assert_eq!(
                    cluster.metadata.topic_error("t"),
                    Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
                );
            }
            cluster.describe(2, &[(2, 0)]);
            let (was, now) = (Uuid([1; 16]), Uuid([2; 16]));
            assert_eq!(
                cluster.metadata.take_changes(),
                [Change::Recreated { topic: "t".into(), was, now }]
            );
            // The new topic's epochs start over.
            assert_eq!(cluster.metadata.leader("t", 0), Some(Leader { node: 2, epoch: 0 }));
            assert_eq!(cluster.metadata.name_of(was), None);
            assert_eq!(cluster.metadata.topic_error("t"), None);
        }
    }

    #[test]
    fn growth_is_told_once() {
        let mut cluster = Cluster::new();
        cluster.describe(1, &[(1, 0)]);
        cluster.describe(1, &[(1, 0), (2, 0)]);
        cluster.describe(1, &[(1, 0), (2, 0)]);
        assert_eq!(
            cluster.metadata.take_changes(),
            [Change::Grew { topic: "t".into(), was: 1, now: 2 }]
        );
    }

    #[test]
    fn a_partition_without_leader_is_not_settled() {
        let mut cluster = Cluster::new();
        cluster.describe(1, &[(1, 0), (-1, 0)]);
        assert!(!cluster.metadata.is_settled("t"));
        assert_eq!(cluster.metadata.leader("t", 1), None);
    }
}
