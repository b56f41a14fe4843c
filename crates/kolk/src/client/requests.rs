//! What state machines ask of the network and of the metadata; tests put a scripted cluster in their place.

use super::error::RequestError;
use super::metadata::{Leader, Metadata};
use super::network::{Broker, Lane, Network, Receipt, SendOptions, Target, Ticket};
use crate::time::Moment;
use kolk_wire::ApiKey;
use kolk_wire::message::Request;
use std::ops::RangeInclusive;

/// Sends requests and hands out their responses: [`Network`], or a broker played by a test.
pub trait Requests {
    /// The monotonic clock now.
    fn now(&self) -> Moment;

    /// See [`Network::send_with`].
    fn send_with<R: Request + 'static>(
        &mut self,
        to: &Target,
        lane: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Ticket<R>;

    /// See [`Network::send_unanswered`].
    fn send_unanswered<R: Request + 'static>(
        &mut self,
        to: &Target,
        lane: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Receipt;

    /// See [`Network::take`].
    fn take<R: Request>(&mut self, ticket: &Ticket<R>)
    -> Option<Result<R::Response, RequestError>>;

    /// See [`Network::take_receipt`].
    fn take_receipt(&mut self, receipt: &Receipt) -> Option<Result<(), RequestError>>;

    /// See [`Network::forget`].
    fn forget<R>(&mut self, ticket: Ticket<R>);

    /// See [`Network::learn_node`].
    fn learn_node(&mut self, node: i32, address: Broker);

    /// See [`Network::served_versions`].
    fn served_versions(&self, node: i32, api: ApiKey) -> Option<RangeInclusive<i16>>;

    /// See [`Network::finalized_feature`].
    fn finalized_feature(&self, node: Option<i32>, feature: &str) -> Option<i16>;
}

impl Requests for Network {
    fn now(&self) -> Moment {
        Self::now(self)
    }

    fn send_with<R: Request + 'static>(
        &mut self,
        to: &Target,
        lane: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Ticket<R> {
        Self::send_with(self, to, lane, options, build)
    }

    fn send_unanswered<R: Request + 'static>(
        &mut self,
        to: &Target,
        lane: Lane,
        options: SendOptions,
        build: impl FnOnce(i16) -> R + Send + 'static,
    ) -> Receipt {
        Self::send_unanswered(self, to, lane, options, build)
    }

    fn take<R: Request>(
        &mut self,
        ticket: &Ticket<R>,
    ) -> Option<Result<R::Response, RequestError>> {
        Self::take(self, ticket)
    }

    fn take_receipt(&mut self, receipt: &Receipt) -> Option<Result<(), RequestError>> {
        Self::take_receipt(self, receipt)
    }

    fn forget<R>(&mut self, ticket: Ticket<R>) {
        Self::forget(self, ticket);
    }

    fn learn_node(&mut self, node: i32, address: Broker) {
        Self::learn_node(self, node, address);
    }

    fn served_versions(&self, node: i32, api: ApiKey) -> Option<RangeInclusive<i16>> {
        Self::served_versions(self, node, api)
    }

    fn finalized_feature(&self, node: Option<i32>, feature: &str) -> Option<i16> {
        Self::finalized_feature(self, node, feature)
    }
}

/// Who leads which partition, and how many there are: [`Metadata`], or a test's own table.
pub trait ClusterView {
    /// See [`Metadata::leader`].
    fn leader(&self, topic: &str, partition: i32) -> Option<Leader>;

    /// See [`Metadata::note_leader`].
    fn note_leader(&mut self, topic: &str, partition: i32, leader: Leader);

    /// See [`Metadata::partition_count`].
    fn partition_count(&self, topic: &str) -> Option<usize>;

    /// See [`Metadata::want`].
    fn want(&mut self, topic: &str);

    /// See [`Metadata::request_refresh`].
    fn request_refresh(&mut self);
}

impl ClusterView for Metadata {
    fn leader(&self, topic: &str, partition: i32) -> Option<Leader> {
        Self::leader(self, topic, partition)
    }

    fn note_leader(&mut self, topic: &str, partition: i32, leader: Leader) {
        Self::note_leader(self, topic, partition, leader);
    }

    fn partition_count(&self, topic: &str) -> Option<usize> {
        Self::partition_count(self, topic)
    }

    fn want(&mut self, topic: &str) {
        Self::want(self, topic);
    }

    fn request_refresh(&mut self) {
        Self::request_refresh(self);
    }
}
