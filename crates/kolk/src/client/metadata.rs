//! The cluster as its brokers describe it: brokers, topics, partitions, leaders.
//!
//! The view is refreshed by age and whenever somebody met an error that says it is out of date. Topic ids and
//! partition counts are remembered: a topic that was recreated, or that grew, is a [`Change`] that its reader must
//! decide about (state built on the old one does not fit the new one).

use super::error::ClientError;
use super::network::{Broker, Network};
use crate::time::Moment;
use kolk_wire::ErrorCode;
use kolk_wire::wire::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// The topic is gone.
    Gone {
        /// Its name.
        topic: Arc<str>,
    },
}

/// The cluster as last described.
#[derive(Debug, Default)]
pub struct Metadata {
    topics: BTreeMap<Arc<str>, TopicView>,
}

impl Metadata {
    /// A view of nothing; ask for topics with [`Self::want`].
    #[must_use]
    pub fn new(config: &super::config::ClientConfig) -> Self {
        let _ = config;
        Self::default()
    }

    /// Keeps `topic` in view from now on.
    pub fn want(&mut self, topic: &str) {
        let _ = topic;
    }

    /// Drops `topic` from view.
    pub fn unwant(&mut self, topic: &str) {
        let _ = topic;
    }

    /// Asks for a new description soon: after NOT_LEADER_OR_FOLLOWER, an unknown topic or a broken connection.
    pub fn request_refresh(&mut self) {}

    /// Sends and receives descriptions as they fall due; call it before each [`Network::poll`]. Returns whether the view changed.
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when no broker can be reached or the credentials are refused. Errors of single topics are in [`Self::topic_error`].
    pub fn step(&mut self, network: &mut Network) -> Result<bool, ClientError> {
        let _ = network;
        Ok(false)
    }

    /// When [`Self::step`] must be called again even if nothing arrives.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        None
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
        let _ = id;
        None
    }

    /// Why the topic is not described: it does not exist (`UNKNOWN_TOPIC_OR_PARTITION`), or may not be seen.
    #[must_use]
    pub fn topic_error(&self, name: &str) -> Option<ErrorCode> {
        let _ = name;
        None
    }

    /// Takes over a leader that a response named (KIP-951), unless a newer one is known.
    pub fn note_leader(&mut self, topic: &str, partition: i32, leader: Leader) {
        let _ = (topic, partition, leader);
    }

    /// Changes since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        Vec::new()
    }

    /// The brokers as last described, by id.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<i32, Broker> {
        static NONE: BTreeMap<i32, Broker> = BTreeMap::new();
        &NONE
    }

    /// The controller's id, if known.
    #[must_use]
    pub fn controller(&self) -> Option<i32> {
        None
    }
}
