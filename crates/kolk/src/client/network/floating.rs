//! Requests for whichever broker answers first: finding one, trying others beside it, and giving up with reasons.

use super::connection::Connection;
use super::outcomes::Cause;
use super::request::Queued;
use super::{Broker, Lane, Network};
use crate::client::error::{Attempt, RequestError};
use crate::time::Moment;
use std::time::Duration;

/// With [`Target::AnyNode`](super::Target::AnyNode), another broker is tried beside one that has not answered for this long.
const ATTEMPT_ALONE_MAX: Duration = Duration::from_millis(500);

/// A request for whichever broker answers first.
#[derive(Debug)]
pub(super) struct Floating {
    pub(super) lane: Lane,
    pub(super) request: Queued,
    /// When to give up if no broker can be reached at all.
    pub(super) give_up_at: Moment,
}

impl Network {
    /// When another broker may be tried for the floating requests.
    pub(super) fn next_attempt(&self) -> Option<Moment> {
        if self.floating.is_empty() {
            return None;
        }
        let candidates = self.candidates();
        let next =
            |lane| {
                let mut latest = None;
                let mut retry: Option<Moment> = None;
                for broker in &candidates {
                    let connection =
                        self.connections.iter().find(|it| it.lane == lane && it.broker == *broker);
                    let free_at = match connection {
                        None => Some(Moment::default()),
                        Some(connection) => connection.is_closed().then(|| connection.retry_at()),
                    };
                    retry = retry.into_iter().chain(free_at).min();
                    latest = latest.max(connection.and_then(Connection::attempt_since));
                }
                Some(latest.map_or(retry?, |since| {
                    (since + ATTEMPT_ALONE_MAX).max(retry.unwrap_or_default())
                }))
            };
        self.floating.iter().filter_map(|floating| next(floating.lane)).min()
    }

    /// Gives each floating request to a connection that is ready, or sees to it that one is being made.
    pub(super) fn assign_floating(&mut self, now: Moment) {
        self.reached = self.reached || self.connections.iter().any(|it| it.answered);
        if self.floating.is_empty() {
            return;
        }
        let since = *self.looking_since.get_or_insert(now);
        let bootstrap_until = since + self.setup.connection.bootstrap_timeout;
        for floating in std::mem::take(&mut self.floating) {
            let Floating { lane, request, .. } = floating;
            let bound = if self.reached { request.deadline } else { bootstrap_until };
            let give_up_at = request.deadline.min(bound);
            if now >= give_up_at {
                let attempts = self.attempts(lane);
                let error = RequestError::Unreachable { attempts, reached_before: self.reached };
                self.outcomes.complete(request.id, Err(error));
                self.looking_since = None;
                continue;
            }
            let ready = self.connections.iter_mut().filter(|it| it.lane == lane && it.is_ready());
            if let Some(connection) = ready.min_by_key(|it| it.load()) {
                connection.push(request);
                continue;
            }
            if let Some(error) = self.refusal(lane) {
                self.outcomes.complete(request.id, Err(error));
                continue;
            }
            self.floating.push(Floating { lane, request, give_up_at });
            self.try_another(lane, now);
        }
    }

    /// The error that makes further attempts pointless: every candidate refuses us for good.
    fn refusal(&self, lane: Lane) -> Option<RequestError> {
        let mut refusal = None;
        for broker in self.candidates() {
            let connection =
                self.connections.iter().find(|it| it.lane == lane && it.broker == broker)?;
            match &connection.last_failure {
                Some(Cause::Final(
                    error @ (RequestError::Authentication { .. } | RequestError::Tls { .. }),
                )) if connection.is_closed() => {
                    refusal = Some(error.clone());
                }
                _ => return None,
            }
        }
        refusal
    }

    fn attempts(&self, lane: Lane) -> Vec<Attempt> {
        let why = |broker: &Broker| {
            let connection =
                self.connections.iter().find(|it| it.lane == lane && it.broker == *broker);
            match connection.map(|it| (&it.last_failure, it.attempt_since())) {
                Some((Some(cause), _)) => cause.message(),
                Some((None, Some(_))) => "no answer yet".to_owned(),
                _ => "not tried".to_owned(),
            }
        };
        let attempt = |broker: Broker| Attempt { why: why(&broker), broker };
        self.candidates().into_iter().map(attempt).collect()
    }

    /// The brokers that may be asked: those known from metadata, then those that were given.
    fn candidates(&self) -> Vec<Broker> {
        let mut known: Vec<(&i32, &Broker)> = self.nodes.iter().collect();
        known.sort();
        let mut candidates: Vec<Broker> =
            known.into_iter().map(|(_, broker)| broker.clone()).collect();
        for broker in &self.bootstrap {
            if !candidates.contains(broker) {
                candidates.push(broker.clone());
            }
        }
        candidates
    }

    fn try_another(&mut self, lane: Lane, now: Moment) {
        let candidates = self.candidates();
        let mine =
            self.connections.iter().filter(|it| it.lane == lane && candidates.contains(&it.broker));
        if mine
            .filter_map(Connection::attempt_since)
            .max()
            .is_some_and(|since| now < since + ATTEMPT_ALONE_MAX)
        {
            return;
        }
        for _ in 0..candidates.len() {
            self.turn = self.turn.wrapping_add(1);
            let broker = &candidates[self.turn % candidates.len()];
            let at = {
                self.connection(broker, lane);
                self.connections.iter().position(|it| it.lane == lane && it.broker == *broker)
            };
            let Some(connection) = at.map(|at| &mut self.connections[at]) else { continue };
            if connection.is_closed() && now >= connection.retry_at() {
                connection.open(&self.setup, now, &mut self.outcomes);
                if !connection.is_closed() {
                    return;
                }
            }
        }
    }
}
