//! A network without sockets for tests: requests are collected, the test answers them in any order, or fails them.

use super::error::RequestError;
use super::metadata::Leader;
use super::network::{Broker, Lane, Receipt, SendOptions, Target, Ticket};
use super::requests::{ClusterView, Requests};
use crate::time::Moment;
use bytes::Bytes;
use kolk_wire::message::Request;
use kolk_wire::{ApiKey, Reader, Wire, Writer};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

/// A request that a machine under test has sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub id: u64,
    pub to: Target,
    pub api: ApiKey,
    pub version: i16,
    /// How long the machine waits; `None` is `request.timeout.ms`.
    pub timeout: Option<Duration>,
    body: Bytes,
}

impl Sent {
    /// The request, read back from the wire.
    pub(crate) fn read<R: Request>(&self) -> R {
        assert_eq!(self.api, R::KEY, "another request is waiting");
        R::read(&mut Reader::new(self.body.clone()), R::version(self.version)).unwrap()
    }

    /// How it fails when the connection breaks.
    pub(crate) fn cut(&self, sent: bool) -> RequestError {
        let broker = Broker::new("test", 1);
        RequestError::Disconnected { api: self.api, broker, sent, why: "cut by the test".into() }
    }
}

/// The network that a test plays.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    pub now: Moment,
    last_id: u64,
    pub requests: VecDeque<Sent>,
    outcomes: HashMap<u64, Result<(i16, Bytes), RequestError>>,
    pub features: BTreeMap<String, i16>,
    pub versions_max: BTreeMap<ApiKey, i16>,
}

impl Scripted {
    pub(crate) fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
    }

    /// The oldest request, which must be an `R`.
    pub(crate) fn expect<R: Request>(&mut self) -> (Sent, R) {
        let sent = self.requests.pop_front().unwrap_or_else(|| panic!("no {:?} was sent", R::KEY));
        let request = sent.read();
        (sent, request)
    }

    pub(crate) fn answer<R: Request>(&mut self, sent: &Sent, response: &R::Response) {
        let mut writer = Writer::new();
        response.write(&mut writer, R::version(sent.version));
        self.outcomes.insert(sent.id, Ok((sent.version, writer.into_bytes())));
    }

    pub(crate) fn fail(&mut self, sent: &Sent, error: RequestError) {
        self.outcomes.insert(sent.id, Err(error));
    }

    fn queue<R: Request>(
        &mut self,
        to: &Target,
        options: &SendOptions,
        build: impl FnOnce(i16) -> R,
    ) -> u64 {
        self.last_id += 1;
        let served = self.versions_max.get(&R::KEY).copied().unwrap_or(i16::MAX);
        let version = R::MAX_VERSION.min(*options.versions.end()).min(served);
        let mut writer = Writer::new();
        build(version).write(&mut writer, R::version(version));
        let (id, body) = (self.last_id, writer.into_bytes());
        let (to, timeout) = (to.clone(), options.timeout);
        self.requests.push_back(Sent { id, to, api: R::KEY, version, timeout, body });
        id
    }
}

impl Requests for Scripted {
    fn now(&self) -> Moment {
        self.now
    }

    fn send_with<R: Request + 'static>(
        &mut self,
        to: &Target,
        _: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Ticket<R> {
        Ticket::numbered(self.queue(to, &options, build))
    }

    fn send_unanswered<R: Request + 'static>(
        &mut self,
        to: &Target,
        _: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Receipt {
        Receipt::numbered(self.queue(to, &options, build))
    }

    fn take<R: Request>(
        &mut self,
        ticket: &Ticket<R>,
    ) -> Option<Result<R::Response, RequestError>> {
        let outcome = self.outcomes.remove(&ticket.number())?;
        Some(outcome.map(|(version, body)| {
            R::Response::read(&mut Reader::new(body), R::version(version)).unwrap()
        }))
    }

    fn take_receipt(&mut self, receipt: &Receipt) -> Option<Result<(), RequestError>> {
        self.outcomes.remove(&receipt.number()).map(|outcome| outcome.map(|_| ()))
    }

    fn forget<R>(&mut self, ticket: Ticket<R>) {
        self.outcomes.remove(&ticket.number());
    }

    fn learn_node(&mut self, _: i32, _: Broker) {}

    fn served_versions(&self, _: i32, api: ApiKey) -> Option<RangeInclusive<i16>> {
        Some(0..=self.versions_max.get(&api).copied().unwrap_or(i16::MAX))
    }

    fn finalized_feature(&self, _: Option<i32>, feature: &str) -> Option<i16> {
        Some(self.features.get(feature).copied().unwrap_or(0))
    }
}

/// Leaders and partition counts, as the test says.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub leaders: HashMap<(String, i32), i32>,
    pub counts: BTreeMap<String, usize>,
    pub refreshes: usize,
}

impl ClusterView for Table {
    fn leader(&self, topic: &str, partition: i32) -> Option<Leader> {
        let node = self.leaders.get(&(topic.to_owned(), partition)).copied()?;
        Some(Leader { node, epoch: 0 })
    }

    fn note_leader(&mut self, topic: &str, partition: i32, leader: Leader) {
        self.leaders.insert((topic.to_owned(), partition), leader.node);
    }

    fn partition_count(&self, topic: &str) -> Option<usize> {
        self.counts.get(topic).copied()
    }

    fn want(&mut self, _: &str) {}

    fn request_refresh(&mut self) {
        self.refreshes += 1;
    }
}
