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

mod connection;
mod floating;
mod handshake;
mod outcomes;
mod pool;
mod receive;
mod request;
mod served;
mod target;
mod waker;
#[cfg(test)]
mod tests;

pub use target::{Broker, Lane, Progress, Receipt, SendOptions, Target, Ticket};
pub use waker::Notifier;

use super::config::{ClientConfig, ConnectionConfig, SaslConfig};
use super::error::{Action, ClientError, RequestError};
use super::transport::Dialer;
use crate::time::{Clock, Moment};
use connection::Connection;
use floating::Floating;
use kolk_wire::message::Request;
use kolk_wire::{ApiKey, frame};
use outcomes::{Answer, Cause, Outcomes};
use request::{Answered, Encode, Queued};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use waker::Waker;

/// The largest response that is accepted, in bytes. A frame's buffer grows as bytes arrive, so a hostile length costs nothing.
pub const FRAME_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Requests that may wait or be unanswered per connection.
pub const REQUESTS_WAITING_MAX: usize = 1024;
/// Bytes of encoded requests that may wait for one socket; more requests stay unencoded until it drains.
pub const SEND_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What every connection needs to know.
#[derive(Debug)]
struct Setup {
    client_id: String,
    connection: ConnectionConfig,
    sasl: Option<SaslConfig>,
    dialer: Dialer,
}

/// All connections of one query thread.
#[derive(Debug)]
pub struct Network {
    clock: Arc<dyn Clock>,
    setup: Setup,
    waker: Waker,
    bootstrap: Vec<Broker>,
    nodes: HashMap<i32, Broker>,
    connections: Vec<Connection>,
    floating: Vec<Floating>,
    /// Whether any request was ever answered: from then on an unreachable cluster is worth waiting for.
    reached: bool,
    /// Since when a first broker is looked for.
    looking_since: Option<Moment>,
    /// The candidate that [`Target::AnyNode`] tries next.
    turn: usize,
    outcomes: Outcomes,
    next_id: u64,
}

impl Network {
    /// A network that connects to nothing yet.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] when a certificate file cannot be read, [`ClientError::Fatal`] when the system refuses
    /// a wake-up socket.
    pub fn new(config: &ClientConfig, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let waker = Waker::new().map_err(|error| {
            ClientError::new(Action::Fatal, format!("no socket pair for wake-ups: {error}"))
        })?;
        let setup = Setup {
            client_id: config.client_id.clone(),
            connection: config.connection.clone(),
            sasl: config.security.sasl.clone(),
            dialer: Dialer::new(config)?,
        };
        Ok(Self {
            clock,
            setup,
            waker,
            bootstrap: config.bootstrap_servers.clone(),
            nodes: HashMap::new(),
            connections: Vec::new(),
            floating: Vec::new(),
            reached: false,
            looking_since: None,
            // Clients that start together do not all ask the same broker first.
            turn: fastrand::usize(..1024),
            outcomes: Outcomes::default(),
            next_id: 0,
        })
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
        self.waker.notifier()
    }

    /// Says where the broker with id `node` is. Metadata does so for all brokers; a coordinator lookup may for one.
    pub fn learn_node(&mut self, node: i32, address: Broker) {
        self.nodes.insert(node, address);
    }

    /// Where the broker with id `node` is, as last learned.
    #[must_use]
    pub fn node(&self, node: i32) -> Option<&Broker> {
        self.nodes.get(&node)
    }

    /// Queues `request` at the highest version that both sides speak; failures arrive through the ticket too.
    pub fn send<R: Request + Send + 'static>(
        &mut self,
        to: &Target,
        lane: Lane,
        request: R,
    ) -> Ticket<R> {
        self.send_with(to, lane, SendOptions::default(), move |_| request)
    }

    /// As [`Self::send`], with options, and the request built when its version is known.
    pub fn send_with<R: Request + 'static>(
        &mut self,
        to: &Target,
        lane: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Ticket<R> {
        let id = self.queue(to, lane, options, Answered::Yes, build);
        Ticket { id, response_to: PhantomData }
    }

    /// Queues a request that the broker does not answer: produce with acks 0.
    pub fn send_unanswered<R: Request + 'static>(
        &mut self,
        to: &Target,
        lane: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Receipt {
        Receipt { id: self.queue(to, lane, options, Answered::Never, build) }
    }

    fn queue<R: Request + 'static>(
        &mut self,
        to: &Target,
        lane: Lane,
        options: SendOptions,
        answered: Answered,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> u64 {
        let encode: Encode = Box::new(move |version, correlation, client_id| {
            frame::encode_request(&build(version), version, correlation, Some(client_id))
        });
        let SendOptions { timeout, versions } = options;
        let timeout = timeout.unwrap_or(self.setup.connection.request_timeout);
        let (low, high) = versions.into_inner();
        let versions = (R::MIN_VERSION.max(low), R::MAX_VERSION.min(high));
        let now = self.now();
        let id = self.next_id;
        self.next_id += 1;
        self.dispatch(
            to,
            lane,
            Queued {
                id,
                api: R::KEY,
                versions,
                timeout,
                deadline: now + timeout,
                answered,
                encode,
            },
        );
        id
    }

    fn dispatch(&mut self, to: &Target, lane: Lane, request: Queued) {
        let broker = match to {
            Target::AnyNode => {
                let give_up_at = request.deadline;
                return self.floating.push(Floating { lane, request, give_up_at });
            }
            Target::Address(broker) => broker.clone(),
            Target::Node(node) => match self.nodes.get(node) {
                Some(broker) => broker.clone(),
                None => {
                    return self
                        .outcomes
                        .complete(request.id, Err(RequestError::UnknownNode { node: *node }));
                }
            },
        };
        let connection = self.connection(&broker, lane);
        let waiting = connection.load();
        if waiting >= REQUESTS_WAITING_MAX {
            return self.outcomes.complete(request.id, Err(RequestError::Full { broker, waiting }));
        }
        connection.push(request);
    }

    fn connection(&mut self, broker: &Broker, lane: Lane) -> &mut Connection {
        let found = self.connections.iter().position(|it| it.lane == lane && it.broker == *broker);
        let at = found.unwrap_or_else(|| {
            self.connections.push(Connection::new(broker.clone(), lane));
            self.connections.len() - 1
        });
        &mut self.connections[at]
    }

    /// Sends what is queued, receives what has arrived, opens and closes connections; waits at most `wait` for
    /// something to happen. Returns at once when a request has completed since the last call.
    pub fn poll(&mut self, wait: Duration) -> Progress {
        let start = self.now();
        let until = start + wait;
        let mut notified = false;
        loop {
            let now = self.now();
            self.tick(now);
            let done = notified || self.outcomes.fresh > 0;
            let left = if done { Duration::ZERO } else { now.until(until) };
            let deadline = self.deadline().map_or(left, |at| now.until(at));
            let events = self.wait(left.min(deadline), &mut notified);
            if notified || self.outcomes.fresh > 0 || (events == 0 && left <= deadline) {
                break;
            }
        }
        Progress { completed: std::mem::take(&mut self.outcomes.fresh), notified }
    }

    /// Waits for sockets once, and serves those that have news; returns how many.
    fn wait(&mut self, wait: Duration, notified: &mut bool) -> usize {
        let mut owners = Vec::with_capacity(self.connections.len());
        let mut sockets = Vec::with_capacity(self.connections.len() + 1);
        let waker = self.waker.fd();
        sockets.push(PollFd::from_borrowed_fd(waker, PollFlags::IN));
        for (at, connection) in self.connections.iter().enumerate() {
            if let Some((socket, flags)) = connection.interest() {
                sockets.push(PollFd::from_borrowed_fd(socket, flags));
                owners.push(at);
            }
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        // An interrupted wait is an early one.
        let count = rustix::event::poll(&mut sockets, Some(&timeout)).unwrap_or(1);
        let woken = !sockets[0].revents().is_empty();
        let ready: Vec<(usize, PollFlags)> = sockets[1..]
            .iter()
            .zip(&owners)
            .filter(|(socket, _)| !socket.revents().is_empty())
            .map(|(socket, at)| (*at, socket.revents()))
            .collect();
        drop(sockets);
        if woken {
            self.waker.drain();
            *notified = true;
        }
        let now = self.now();
        for (at, what) in ready {
            self.connections[at].on_event(what, &self.setup, now, &mut self.outcomes);
        }
        count
    }

    /// Lets time have its effect, and gives the requests for any node to a node.
    fn tick(&mut self, now: Moment) {
        self.assign_floating(now);
        for connection in &mut self.connections {
            connection.tick(&self.setup, now, &mut self.outcomes);
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let connections =
            self.connections.iter().filter_map(|connection| connection.deadline(&self.setup));
        let floating = self.floating.iter().map(|it| it.give_up_at);
        connections.chain(floating).chain(self.next_attempt()).min()
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
        let outcome = self.outcomes.take(ticket.id)?;
        Some(outcome.and_then(|Answer { broker, version, frame }| {
            match frame::decode_response::<R>(frame, version) {
                Ok((_, response)) => Ok((version, response)),
                Err(error) => Err(RequestError::Malformed { api: R::KEY, broker, error }),
            }
        }))
    }

    /// The outcome of an unanswered request, once it is there.
    pub fn take_receipt(&mut self, receipt: &Receipt) -> Option<Result<(), RequestError>> {
        self.outcomes.take(receipt.id).map(|outcome| outcome.map(|_| ()))
    }

    /// Drops all interest in a request: its outcome will be discarded.
    #[expect(clippy::needless_pass_by_value, reason = "the ticket is of no use afterwards")]
    pub fn forget<R>(&mut self, ticket: Ticket<R>) {
        self.outcomes.forget(ticket.id);
    }

    /// The versions of `api` that the broker serves, once a connection to it has been set up.
    #[must_use]
    pub fn served_versions(&self, node: i32, api: ApiKey) -> Option<RangeInclusive<i16>> {
        let broker = self.nodes.get(&node)?;
        let mut served = self
            .connections
            .iter()
            .filter(|it| it.broker == *broker)
            .filter_map(|it| it.served.as_ref());
        served.next()?.versions(api)
    }

    /// The level of a feature that the cluster has settled on (`transaction.version`), as `node` said when a connection
    /// to it was set up, or any broker for `None`. `None` until one is; 0 when the cluster does not know the feature.
    #[must_use]
    pub fn finalized_feature(&self, node: Option<i32>, feature: &str) -> Option<i16> {
        let broker = match node {
            Some(node) => Some(self.nodes.get(&node)?),
            None => None,
        };
        let asked = |it: &&Connection| broker.is_none_or(|broker| it.broker == *broker);
        let served = self.connections.iter().filter(asked).filter_map(|it| it.served.as_ref());
        served.map(|served| served.feature(feature)).max()
    }

    /// Closes every connection to `node`; what is in flight fails with [`RequestError::Disconnected`].
    pub fn disconnect(&mut self, node: i32) {
        let (now, cause) = (self.now(), Cause::Cut("closed by this client".to_owned()));
        let Some(broker) = self.nodes.get(&node) else { return };
        for connection in self.connections.iter_mut().filter(|it| it.broker == *broker) {
            connection.fail(&self.setup, &cause, now, &mut self.outcomes);
        }
    }
}
