//! Which member gets which partition: what the group's leader is told, and the two ways to decide.

use super::protocol::{KolkUserData, Subscription};
use super::{range, sticky};
use crate::client::TopicPartition;
use std::collections::BTreeMap;

/// How partitions are distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// Kolk's own: co-partitioned inputs stay together, sticky, balanced, cooperative (KIP-429).
    Kolk,
    /// Kafka's range assignor: consecutive partitions of each topic, everything given up before each rebalance.
    Range,
}

/// Whether partitions are kept while the group rebalances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebalanceMode {
    /// All partitions are given up before joining again.
    Eager,
    /// Only partitions that move are given up, after the group has agreed (KIP-429).
    Cooperative,
}

/// A member as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id that the coordinator gave.
    pub id: String,
    /// `group.instance.id` of a static member (KIP-345): orders members in the same way after a restart.
    pub instance_id: Option<String>,
    /// What it said of itself.
    pub subscription: Subscription,
}

impl Member {
    /// The name that decides ties: stable over restarts where the member is static.
    #[must_use]
    pub fn stable_name(&self) -> &str {
        self.instance_id.as_deref().unwrap_or(&self.id)
    }

    pub(super) fn user_data(&self) -> KolkUserData {
        // A member that says nothing intelligible (an older or foreign one) declares no groups: its topics stand alone.
        let bytes = self.subscription.user_data.clone();
        bytes.and_then(|bytes| KolkUserData::decode(bytes).ok()).unwrap_or_default()
    }
}

/// The partitions of each member, by member id; every member has an entry.
pub type Assignments = BTreeMap<String, Vec<TopicPartition>>;

impl Assignor {
    /// The name under which members agree on it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kolk => "kolk",
            Self::Range => "range",
        }
    }

    /// The assignor with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Kolk, Self::Range].into_iter().find(|assignor| assignor.name() == name)
    }

    /// Whether its members keep partitions while they rebalance.
    #[must_use]
    pub fn mode(self) -> RebalanceMode {
        match self {
            Self::Kolk => RebalanceMode::Cooperative,
            Self::Range => RebalanceMode::Eager,
        }
    }

    /// Distributes all partitions of the topics that members subscribe to. `partition_counts` gives each topic's number of
    /// partitions; topics without an entry do not exist (yet) and are left out. The same input gives the same output.
    #[must_use]
    pub fn assign(
        self,
        members: &[Member],
        partition_counts: &BTreeMap<String, i32>,
    ) -> Assignments {
        match self {
            Self::Kolk => sticky::assign(members, partition_counts),
            Self::Range => range::assign(members, partition_counts),
        }
    }
}
