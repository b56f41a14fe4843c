//! A member of a group, and how requests name one.

use super::ticket::Ticket;
use crate::transaction::stored::stored;
use bytes::Bytes;

stored! {
    /// A way of assigning partitions that a member offers, with what it tells the leader about itself.
    pub struct Protocol {
        /// Name, such as `range`.
        pub name: String,
        /// For the leader only; for consumers a `ConsumerProtocolSubscription`.
        pub metadata: Bytes,
    }
}

/// Who speaks for which member: the fields that heartbeats, commits and the like share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRef {
    /// Group.
    pub group_id: String,
    /// The id that JoinGroup returned; empty for a consumer that assigns its partitions itself.
    pub member_id: String,
    /// `group.instance.id` of a static member (KIP-345).
    pub instance_id: Option<String>,
    /// The generation that the sender believes in; −1 for a consumer outside of group management.
    pub generation: i32,
}

/// The process behind a member, for DescribeGroups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// `client.id`.
    pub id: String,
    /// Its address, `/127.0.0.1` as Kafka shows it.
    pub host: String,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) instance_id: Option<String>,
    pub(super) client: Client,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    pub(super) joining: Option<Ticket>,
    pub(super) syncing: Option<Ticket>,
    /// Its first JoinGroup has not been answered yet, so it does not know its id.
    pub(super) is_new: bool,
    pub(super) expires_at_ms: i64,
}

impl Member {
    /// When it is removed unless it is heard of; a known member whose request waits here is alive by that.
    pub(super) fn deadline_ms(&self) -> Option<i64> {
        let waits = self.joining.is_some() || self.syncing.is_some();
        (self.is_new || !waits).then_some(self.expires_at_ms)
    }

    pub(super) fn heard_of(&mut self, now_ms: i64) {
        self.expires_at_ms = now_ms + i64::from(self.session_timeout_ms);
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|offered| offered.name == protocol)
    }

    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let offered = self.protocols.iter().find(|offered| offered.name == protocol);
        offered.map(|offered| offered.metadata.clone()).unwrap_or_default()
    }
}
