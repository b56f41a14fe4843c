//! The words of requests: whom they are for, on which connection, and the claims on their responses.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// A broker's address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Broker {
    /// Host name or IP address.
    pub host: Arc<str>,
    /// TCP port.
    pub port: u16,
}

impl Broker {
    /// The broker at `host:port`.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Reads `host:port` or `[v6]:port`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return None;
        }
        port.parse().ok().map(|port| Self::new(host, port))
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Whom a request is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// The broker with this id; its address must have been learned ([`Network::learn_node`](super::Network::learn_node), done by metadata).
    Node(i32),
    /// Whichever broker answers first.
    AnyNode,
    /// A broker by address.
    Address(Broker),
}

/// Which of the connections to a broker: each lane is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Metadata, admin, offsets: short requests.
    Control,
    /// Fetch: long polls.
    Fetch,
    /// Fetch by those who restore state: not behind the long polls of others.
    Restore,
    /// Produce.
    Produce,
    /// Group and transaction coordinators: JoinGroup and SyncGroup may be held for long.
    Coordinator,
}

/// A claim on the response to an `R`.
pub struct Ticket<R> {
    pub(super) id: u64,
    pub(super) response_to: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for Ticket<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.id)
    }
}

/// A claim on the news that an unanswered request (acks 0) has been handed to the operating system.
#[derive(Debug)]
pub struct Receipt {
    pub(super) id: u64,
}

#[cfg(test)]
impl<R> Ticket<R> {
    /// A ticket for a network played by a test.
    pub(crate) fn numbered(id: u64) -> Self {
        Self { id, response_to: PhantomData }
    }

    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.id
    }
}

#[cfg(test)]
impl Receipt {
    /// A receipt for a network played by a test.
    pub(crate) fn numbered(id: u64) -> Self {
        Self { id }
    }

    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.id
    }
}

/// How a request departs from the usual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendOptions {
    /// How long to wait for the response, from `send` on; `None` is `request.timeout.ms`.
    pub timeout: Option<Duration>,
    /// Only these versions, for example to stay below the ones of transactions v2.
    pub versions: RangeInclusive<i16>,
}

impl Default for SendOptions {
    fn default() -> Self {
        Self { timeout: None, versions: 0..=i16::MAX }
    }
}

/// What one [`Network::poll`](super::Network::poll) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Requests that got their response or their error since the last poll, those that failed in `send` included.
    pub completed: usize,
    /// Whether a [`Notifier`](super::Notifier) cut the wait short.
    pub notified: bool,
}
