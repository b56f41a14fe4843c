//! All connections of one query thread: requests go out, responses come back as tickets are redeemed.
//!
//! A request goes to a broker on a [`Lane`]; lanes are separate connections, so a long poll or a JoinGroup never
//! delays a produce. On one connection requests are pipelined and answered in order. Nothing is repeated here:
//! a request that fails says whether it was [`sent`](RequestError::may_have_acted), and its owner decides.
//!
//! ```text
//! let ticket = network.send(&Target::Node(1), Lane::Control, request);
//! loop {
//!     network.poll(wait);
//!     if let Some(result) = network.take(&ticket) { … }
//! }
//! ```

use super::config::ClientConfig;
use super::error::{ClientError, RequestError};
use crate::time::{Clock, Moment};
use kolk_wire::ApiKey;
use kolk_wire::message::Request;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// The largest response that is accepted, in bytes. A frame's buffer grows as bytes arrive, so a hostile length costs nothing.
pub const FRAME_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Requests that may wait or be unanswered per connection.
pub const REQUESTS_WAITING_MAX: usize = 1024;
/// Bytes of encoded requests that may wait for one socket; more requests stay unencoded until it drains.
pub const SEND_BYTES_MAX: usize = 16 * 1024 * 1024;

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
    /// The broker with this id; its address must have been learned ([`Network::learn_node`], done by metadata).
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
    /// Produce.
    Produce,
    /// Group and transaction coordinators: JoinGroup and SyncGroup may be held for long.
    Coordinator,
}

/// A claim on the response to an `R`.
pub struct Ticket<R> {
    id: u64,
    response_to: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for Ticket<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.id)
    }
}

/// A claim on the news that an unanswered request (acks 0) has been handed to the operating system.
#[derive(Debug)]
pub struct Receipt {
    id: u64,
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

/// What one [`Network::poll`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Requests that got their response or their error since the last poll, those that failed in `send` included.
    pub completed: usize,
    /// Whether a [`Notifier`] cut the wait short.
    pub notified: bool,
}

/// Wakes a [`Network::poll`] from another thread; clones wake the same network.
#[derive(Debug, Clone)]
pub struct Notifier {}

impl Notifier {
    /// Makes the running or the next poll return at once.
    pub fn notify(&self) {}
}

/// All connections of one query thread.
#[derive(Debug)]
pub struct Network {
    clock: Arc<dyn Clock>,
}

impl Network {
    /// A network that connects to nothing yet.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] when a certificate file cannot be read, [`ClientError::Fatal`] when the system refuses
    /// a wake-up socket.
    pub fn new(config: &ClientConfig, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let _ = config;
        Ok(Self { clock })
    }

    /// The network's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The monotonic clock now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.monotonic()
    }

    /// A handle with which another thread wakes [`Self::poll`].
    #[must_use]
    pub fn notifier(&self) -> Notifier {
        Notifier {}
    }

    /// Says where the broker with id `node` is. Metadata does so for all brokers; a coordinator lookup may for one.
    pub fn learn_node(&mut self, node: i32, address: Broker) {
        let _ = (node, address);
    }

    /// Queues `request` at the highest version that both sides speak; failures arrive through the ticket too.
    pub fn send<R: Request + 'static>(&mut self, to: &Target, lane: Lane, request: R) -> Ticket<R> {
        self.send_with(to, lane, SendOptions::default(), move |_| request)
    }

    /// As [`Self::send`], with options, and the request built when its version is known.
    pub fn send_with<R: Request + 'static>(
        &mut self,
        to: &Target,
        lane: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + 'static,
    ) -> Ticket<R> {
        let _ = (to, lane, options, build);
        Ticket { id: 0, response_to: PhantomData }
    }

    /// Queues a request that the broker does not answer: produce with acks 0.
    pub fn send_unanswered<R: Request + 'static>(
        &mut self,
        to: &Target,
        lane: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + 'static,
    ) -> Receipt {
        let _ = (to, lane, options, build);
        Receipt { id: 0 }
    }

    /// Sends what is queued, receives what has arrived, opens and closes connections; waits at most `wait` for
    /// something to happen. Returns at once when a request has completed since the last call.
    pub fn poll(&mut self, wait: Duration) -> Progress {
        let _ = wait;
        Progress::default()
    }

    /// The outcome of a request, once it is there; then the ticket is used up.
    pub fn take<R: Request>(
        &mut self,
        ticket: &Ticket<R>,
    ) -> Option<Result<R::Response, RequestError>> {
        self.take_versioned(ticket).map(|outcome| outcome.map(|(_, response)| response))
    }

    /// As [`Self::take`], with the version that was spoken.
    pub fn take_versioned<R: Request>(
        &mut self,
        ticket: &Ticket<R>,
    ) -> Option<Result<(i16, R::Response), RequestError>> {
        let _ = ticket.id;
        None
    }

    /// The outcome of an unanswered request, once it is there.
    pub fn take_receipt(&mut self, receipt: &Receipt) -> Option<Result<(), RequestError>> {
        let _ = receipt.id;
        None
    }

    /// Drops all interest in a request: its outcome will be discarded.
    pub fn forget<R>(&mut self, ticket: Ticket<R>) {
        drop(ticket);
    }

    /// The versions of `api` that the broker serves, once a connection to it has been set up.
    #[must_use]
    pub fn served_versions(&self, node: i32, api: ApiKey) -> Option<RangeInclusive<i16>> {
        let _ = (node, api);
        None
    }

    /// The level of a feature that the cluster has settled on (`transaction.version`), as the broker said when the
    /// connection was set up; with `None`, whichever broker spoke last. 0 when the cluster does not know it.
    #[must_use]
    pub fn finalized_feature(&self, node: Option<i32>, feature: &str) -> Option<i16> {
        let _ = (node, feature);
        None
    }

    /// Closes every connection to `node`; what is in flight fails with [`RequestError::Disconnected`].
    pub fn disconnect(&mut self, node: i32) {
        let _ = node;
    }
}
