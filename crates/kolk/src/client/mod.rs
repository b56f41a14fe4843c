//! The Kafka client: one single-threaded set of state machines per query, driven by the query's own loop.
//!
//! ```text
//! fetch   metadata   producer   transaction   group   admin      state machines: `step(&mut Network)`
//!    └───────┴──────────┴───────────┴───────────┴───────┘
//!                        Network                                  connections, requests, responses
//!                       transport                                 TCP, TLS, SASL
//! ```
//!
//! Nothing here starts a thread. The loop of the owner is: step every machine, then [`network::Network::poll`] until
//! something arrives or the earliest deadline.

pub mod error;
pub mod config;
pub mod transport;
pub mod network;
pub mod metadata;
pub mod offsets;
pub mod fetch;
pub mod admin;
#[cfg(test)]
pub(crate) mod fake_broker;
pub mod requests;
pub mod producer;
mod coordinator;
pub mod commit;
pub mod transaction;
pub mod group;
#[cfg(test)]
pub(crate) mod scripted;

use std::fmt;
use std::sync::Arc;

/// The position of a record in its partition; also the position that a reader stands at (the next one to read).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Offset(pub i64);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
