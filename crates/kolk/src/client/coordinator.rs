//! The broker that looks after a group or a transactional id, and requests that go there until they are answered.
//!
//! ```text
//! Unknown ──FindCoordinator──▶ Known ──NOT_COORDINATOR, disconnect──▶ Unknown, after a pause
//! ```

use super::config::Backoff;
use super::error::{Action, ClientError};
use super::network::{Broker, Lane, SendOptions, Target, Ticket};
use super::requests::Requests;
use crate::time::Moment;
use kolk_wire::ErrorCode;
use kolk_wire::message::Request;
use kolk_wire::message::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use std::time::Duration;

/// Pauses before what only has to wait for a moment is repeated: a coordinator completes the transaction before (which takes a
/// few milliseconds) or loads its log.
pub(super) const SHORT_PAUSES: Backoff =
    Backoff { first: Duration::from_millis(2), max: Duration::from_millis(30) };

/// What the coordinator looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Group = 0,
    Transaction = 1,
}

/// Finds a coordinator, and finds it again.
#[derive(Debug)]
pub(super) struct Coordinator {
    key: String,
    kind: Kind,
    backoff: Backoff,
    failures: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Unknown { not_before: Moment },
    Asked(Ticket<FindCoordinatorRequest>),
    Known(i32),
}

impl Coordinator {
    pub(super) fn new(kind: Kind, key: &str, backoff: Backoff) -> Self {
        let state = State::Unknown { not_before: Moment::default() };
        Self { key: key.to_owned(), kind, backoff, failures: 0, state }
    }

    /// The coordinator's node, once it is found.
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when the group or transactional id may not be used, or no broker can be reached.
    pub(super) fn step(&mut self, network: &mut impl Requests) -> Result<Option<i32>, ClientError> {
        match &self.state {
            State::Known(node) => Ok(Some(*node)),
            State::Unknown { not_before } if network.now() < *not_before => Ok(None),
            State::Unknown { .. } => {
                let (key, key_type) = (self.key.clone(), self.kind as i8);
                let build = move |version| match version {
                    0..=3 => FindCoordinatorRequest { key, key_type, ..Default::default() },
                    _ => {
                        let coordinator_keys = vec![key];
                        FindCoordinatorRequest { key_type, coordinator_keys, ..Default::default() }
                    }
                };
                // Version 6 adds share groups, version 5 the error TRANSACTION_ABORTABLE.
                let options = SendOptions { versions: 1..=5, ..SendOptions::default() };
                let ticket = network.send_with(&Target::AnyNode, Lane::Control, options, build);
                self.state = State::Asked(ticket);
                Ok(None)
            }
            State::Asked(ticket) => {
                let Some(result) = network.take(ticket) else { return Ok(None) };
                let what = format!("the coordinator of `{}` could not be found", self.key);
                let error = match result {
                    Ok(response) => match located(&response) {
                        Ok((node, broker)) => {
                            network.learn_node(node, broker);
                            self.state = State::Known(node);
                            return Ok(Some(node));
                        }
                        Err((code, detail)) => ClientError::from_code(code, what, detail),
                    },
                    Err(error) => ClientError::from_request(&error, what),
                };
                self.pause(network.now());
                if error.action() == Action::Retry { Ok(None) } else { Err(error) }
            }
        }
    }

    fn pause(&mut self, now: Moment) {
        self.failures = self.failures.saturating_add(1);
        self.state = State::Unknown { not_before: now + self.backoff.after(self.failures) };
    }

    /// The broker is not the coordinator (any more), or cannot be reached: it is looked for again.
    pub(super) fn lost(&mut self, now: Moment) {
        if let State::Known(_) = self.state {
            self.pause(now);
        }
    }

    /// It answered: the next failure is the first one again.
    fn answered(&mut self) {
        self.failures = 0;
    }
}

fn located(response: &FindCoordinatorResponse) -> Result<(i32, Broker), (ErrorCode, Option<&str>)> {
    let (code, detail, node, host, port) = match response.coordinators.first() {
        Some(c) => (c.error_code, c.error_message.as_deref(), c.node_id, &c.host, c.port),
        None => {
            let detail = response.error_message.as_deref();
            (response.error_code, detail, response.node_id, &response.host, response.port)
        }
    };
    if !code.is_none() {
        return Err((code, detail));
    }
    let port = u16::try_from(port).map_err(|_| (ErrorCode::COORDINATOR_NOT_AVAILABLE, None))?;
    Ok((node, Broker::new(host, port)))
}

/// One request to a coordinator, repeated until it is answered.
#[derive(Debug)]
pub(super) struct Call<R> {
    ticket: Option<Ticket<R>>,
    not_before: Moment,
    failures: u32,
    /// How often it was sent.
    pub(super) attempts: u32,
}

impl<R> Default for Call<R> {
    fn default() -> Self {
        Self { ticket: None, not_before: Moment::default(), failures: 0, attempts: 0 }
    }
}

impl<R: Request + 'static> Call<R> {
    /// Sends the request unless it is under way, and takes its response. Broken connections and time-outs lead to another attempt.
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when no attempt can succeed: credentials, unsupported versions.
    pub(super) fn step(
        &mut self,
        network: &mut impl Requests,
        coordinator: &mut Coordinator,
        lane: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Result<Option<R::Response>, ClientError> {
        let Some(ticket) = &self.ticket else {
            if network.now() < self.not_before {
                return Ok(None);
            }
            if let Some(node) = coordinator.step(network)? {
                self.attempts += 1;
                self.ticket = Some(network.send_with(&Target::Node(node), lane, options, build));
            }
            return Ok(None);
        };
        let Some(result) = network.take(ticket) else { return Ok(None) };
        self.ticket = None;
        match result {
            Ok(response) => {
                coordinator.answered();
                Ok(Some(response))
            }
            Err(error) => {
                coordinator.lost(network.now());
                let what = format!("asking the coordinator of `{}`", coordinator.key);
                let error = ClientError::from_request(&error, what);
                if error.action() == Action::Retry { Ok(None) } else { Err(error) }
            }
        }
    }

    /// Whether `code` only asks for another attempt, which is then prepared.
    pub(super) fn repeats(
        &mut self,
        code: ErrorCode,
        coordinator: &mut Coordinator,
        now: Moment,
    ) -> bool {
        match code {
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                coordinator.lost(now);
                true
            }
            ErrorCode::CONCURRENT_TRANSACTIONS | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {
                self.failures = self.failures.saturating_add(1);
                self.again(now, SHORT_PAUSES.after(self.failures));
                true
            }
            _ if Action::of(code) == Action::Retry => {
                self.failures = self.failures.saturating_add(1);
                self.again(now, coordinator.backoff.after(self.failures));
                true
            }
            _ => false,
        }
    }

    /// Another attempt after a pause.
    pub(super) fn again(&mut self, now: Moment, pause: Duration) {
        self.not_before = now + pause;
    }

    /// Whether an attempt is under way.
    pub(super) fn is_waiting(&self) -> bool {
        self.ticket.is_some()
    }

    /// Gives the call up; a response that still arrives is dropped.
    pub(super) fn cancel(&mut self, network: &mut impl Requests) {
        if let Some(ticket) = self.ticket.take() {
            network.forget(ticket);
        }
        *self = Self::default();
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    pub(super) fn deadline(&self, coordinator: &Coordinator) -> Option<Moment> {
        if self.is_waiting() {
            return None;
        }
        match coordinator.state {
            State::Unknown { not_before } => Some(not_before.max(self.not_before)),
            State::Asked(_) => None,
            State::Known(_) => Some(self.not_before),
        }
    }
}
