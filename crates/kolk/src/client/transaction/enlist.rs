//! What belongs to the transaction: partitions (v1 announces them) and offsets.

use super::{Event, Outcome, Protocol, Reason, Transaction};
use crate::client::commit::{CommittedOffset, GroupIdentity, by_topic, decisive, is_rejoin};
use crate::client::config::Backoff;
use crate::client::coordinator::{Call, Coordinator, Kind};
use crate::client::error::{Action, ClientError};
use crate::client::network::{Lane, SendOptions};
use crate::client::producer::{Identity, Producer};
use crate::client::requests::Requests;
use crate::time::Moment;
use kolk_wire::ErrorCode;
use kolk_wire::message::add_offsets_to_txn::AddOffsetsToTxnRequest;
use kolk_wire::message::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use kolk_wire::message::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use std::collections::BTreeMap;

/// Offsets on their way into the transaction.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    work: Option<Work>,
    /// v1: the transaction knows the group.
    announced: bool,
    announce: Call<AddOffsetsToTxnRequest>,
    commit: Call<TxnOffsetCommitRequest>,
    /// Whether anything was sent in this transaction.
    used: bool,
    /// The group did not accept them: no commit without them, until they are added again.
    refused: bool,
}

#[derive(Debug)]
struct Work {
    group: GroupIdentity,
    offsets: Vec<CommittedOffset>,
    /// Of the group, not of the transaction.
    coordinator: Coordinator,
}

impl Offsets {
    pub(super) fn start(
        &mut self,
        group: GroupIdentity,
        offsets: Vec<CommittedOffset>,
        backoff: Backoff,
    ) {
        let coordinator = match self.work.take() {
            Some(work) if work.group.group_id == group.group_id => work.coordinator,
            _ => Coordinator::new(Kind::Group, &group.group_id, backoff),
        };
        self.work = Some(Work { group, offsets, coordinator });
        self.refused = false;
    }

    pub(super) fn is_pending(&self) -> bool {
        self.work.is_some()
    }

    pub(super) fn hold_commit(&self) -> bool {
        self.refused || self.is_pending()
    }

    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    pub(super) fn cancel(&mut self, network: &mut impl Requests) {
        self.announce.cancel(network);
        self.commit.cancel(network);
        self.work = None;
    }
}

impl Transaction {
    /// Announces partitions and adds offsets.
    pub(super) fn step_open(
        &mut self,
        network: &mut impl Requests,
        producer: &mut Producer,
    ) -> Result<(), ClientError> {
        self.used |= producer.touched();
        if self.protocol == Protocol::V1 {
            self.step_partitions(network, producer)?;
        }
        self.step_offsets(network)
    }

    pub(super) fn enlisting_deadline(&self) -> Option<Moment> {
        let partitions =
            if self.enlisting.is_empty() { None } else { self.enlist.deadline(&self.coordinator) };
        let offsets = self.offsets.work.as_ref().and_then(|work| {
            if self.protocol == Protocol::V1 && !self.offsets.announced {
                self.offsets.announce.deadline(&self.coordinator)
            } else {
                self.offsets.commit.deadline(&work.coordinator)
            }
        });
        [partitions, offsets].into_iter().flatten().min()
    }

    fn step_partitions(
        &mut self,
        network: &mut impl Requests,
        producer: &mut Producer,
    ) -> Result<(), ClientError> {
        if self.enlisting.is_empty() {
            self.enlisting = producer.not_admitted();
            self.enlist = Call::default();
        }
        if self.enlisting.is_empty() {
            return Ok(());
        }
        let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        for partition in self.enlisting.iter().filter_map(|&handle| producer.partition(handle)) {
            topics.entry(partition.topic.to_string()).or_default().push(partition.partition);
        }
        let (id, identity) = (self.id.clone(), self.expect_identity()?);
        let build = move |_| AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: id,
            v3_and_below_producer_id: identity.id,
            v3_and_below_producer_epoch: identity.epoch,
            v3_and_below_topics: topics
                .into_iter()
                .map(|(name, partitions)| AddPartitionsToTxnTopic { name, partitions })
                .collect(),
            ..Default::default()
        };
        // From version 4 on it is for brokers among themselves.
        let options = SendOptions { versions: 0..=3, ..SendOptions::default() };
        let lane = Lane::Control;
        let response = self.enlist.step(network, &mut self.coordinator, lane, options, build)?;
        self.used |= self.enlist.attempts > 0;
        self.repeated |= self.enlist.attempts > 1;
        let Some(response) = response else { return Ok(()) };
        let partitions =
            response.results_by_topic_v3_and_below.iter().flat_map(|t| &t.results_by_partition);
        let codes = partitions.map(|p| p.partition_error_code);
        // Not attempted: because of another partition's error, which decides.
        let code = decisive(codes.filter(|code| *code != ErrorCode::OPERATION_NOT_ATTEMPTED));
        if self.enlist.repeats(code, &mut self.coordinator, network.now()) {
            return Ok(());
        }
        if code.is_none() {
            for handle in self.enlisting.drain(..) {
                producer.admit(handle);
            }
            return Ok(());
        }
        self.refused(code, "partitions")
    }

    fn step_offsets(&mut self, network: &mut impl Requests) -> Result<(), ClientError> {
        if !self.offsets.is_pending() {
            return Ok(());
        }
        if self.protocol == Protocol::V1 && !self.offsets.announced {
            self.announce_offsets(network)?;
            if !self.offsets.announced {
                return Ok(());
            }
        }
        self.commit_offsets(network)
    }

    fn announce_offsets(&mut self, network: &mut impl Requests) -> Result<(), ClientError> {
        let Identity { id: producer_id, epoch: producer_epoch } = self.expect_identity()?;
        let Some(work) = &self.offsets.work else { return Ok(()) };
        let (transactional_id, group_id) = (self.id.clone(), work.group.group_id.clone());
        let build = move |_| AddOffsetsToTxnRequest {
            transactional_id,
            producer_id,
            producer_epoch,
            group_id,
        };
        let call = &mut self.offsets.announce;
        let options = SendOptions::default();
        let response = call.step(network, &mut self.coordinator, Lane::Control, options, build)?;
        self.offsets.used |= call.attempts > 0;
        self.repeated |= call.attempts > 1;
        let Some(response) = response else { return Ok(()) };
        let code = response.error_code;
        if call.repeats(code, &mut self.coordinator, network.now()) {
            return Ok(());
        }
        if code.is_none() {
            self.offsets.announced = true;
            return Ok(());
        }
        self.refused(code, "offsets")
    }

    fn commit_offsets(&mut self, network: &mut impl Requests) -> Result<(), ClientError> {
        let identity = self.expect_identity()?;
        let Some(work) = &mut self.offsets.work else { return Ok(()) };
        let build = {
            let (id, group, offsets) = (self.id.clone(), work.group.clone(), work.offsets.clone());
            move |_| request(id, identity, group, &offsets)
        };
        // Group metadata (KIP-447) came with version 3; from 5 on the broker takes the group into the transaction itself.
        let versions = if self.protocol == Protocol::V2 { 5..=5 } else { 3..=4 };
        let options = SendOptions { versions, ..SendOptions::default() };
        let call = &mut self.offsets.commit;
        let response = call.step(network, &mut work.coordinator, Lane::Control, options, build)?;
        self.offsets.used |= call.attempts > 0;
        self.repeated |= call.attempts > 1;
        let Some(response) = response else { return Ok(()) };
        let codes = response.topics.iter().flat_map(|t| t.partitions.iter().map(|p| p.error_code));
        let code = decisive(codes);
        if call.repeats(code, &mut work.coordinator, network.now()) {
            return Ok(());
        }
        self.offsets.commit = Call::default();
        if !code.is_none() && !is_rejoin(code) {
            return self.refused(code, "offsets");
        }
        self.offsets.work = None;
        self.offsets.refused = !code.is_none();
        self.events.push(match code {
            ErrorCode::NONE => Event::OffsetsAdded,
            code => Event::OffsetsRefused(code),
        });
        Ok(())
    }

    /// The transaction cannot be continued.
    fn refused(&mut self, code: ErrorCode, what: &str) -> Result<(), ClientError> {
        if Self::is_overtaken(code) {
            // No commit was sent, so whatever the answer, nothing of it will be visible.
            self.initialise(Reason::End(Outcome::Aborted));
            return Ok(());
        }
        let what = format!("{what} of transaction `{}`", self.id);
        let error = ClientError::from_code(code, what, None);
        if code == ErrorCode::INVALID_TXN_STATE {
            return Err(ClientError::new(Action::Rewind, error.to_string()));
        }
        Err(error)
    }

    pub(super) fn expect_identity(&self) -> Result<Identity, ClientError> {
        let what = || format!("transaction `{}` has no producer id", self.id);
        self.identity.ok_or_else(|| ClientError::new(Action::Fatal, what()))
    }
}

fn request(
    transactional_id: String,
    identity: Identity,
    group: GroupIdentity,
    offsets: &[CommittedOffset],
) -> TxnOffsetCommitRequest {
    let topics = by_topic(offsets).into_iter().map(|(name, offsets)| TxnOffsetCommitRequestTopic {
        name: name.to_owned(),
        partitions: offsets
            .into_iter()
            .map(|offset| TxnOffsetCommitRequestPartition {
                partition_index: offset.partition.partition,
                committed_offset: offset.offset.0,
                committed_leader_epoch: offset.leader_epoch,
                committed_metadata: Some(offset.metadata.clone()),
            })
            .collect(),
    });
    TxnOffsetCommitRequest {
        transactional_id,
        topics: topics.collect(),
        producer_id: identity.id,
        producer_epoch: identity.epoch,
        group_id: group.group_id,
        generation_id: group.generation,
        member_id: group.member_id,
        group_instance_id: group.instance_id,
    }
}
