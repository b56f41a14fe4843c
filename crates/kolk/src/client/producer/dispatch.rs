//! Batches into requests, and responses back to the queues.

use super::batch::{Batch, BatchId};
use super::event::{Event, Refusal};
use super::queue::{Conditions, Fate, Queue};
use super::{Gate, Handle, Identity, Producer};
use crate::client::Offset;
use crate::client::config::{Acks, Backoff};
use crate::client::coordinator::SHORT_PAUSES;
use crate::client::error::{Action, ClientError, RequestError};
use crate::client::metadata::Leader;
use crate::client::network::{Lane, Receipt, SendOptions, Target, Ticket};
use crate::client::requests::{ClusterView, Requests};
use crate::time::Moment;
use kolk_wire::message::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData,
};
use kolk_wire::{ErrorCode, Spliced};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Versions for transactions v1: from 12 on a broker would take partitions into the transaction by itself (KIP-890).
const VERSIONS_EXPLICIT: RangeInclusive<i16> = 3..=11;
/// All others: topics by name, which 13 replaces by ids.
const VERSIONS: RangeInclusive<i16> = 3..=12;
/// What a batch costs in a request beside its bytes.
const OVERHEAD: usize = 64;
/// Batches in flight per partition at most: a broker recognises that many as repeated (KIP-98).
const IDEMPOTENT_IN_FLIGHT_MAX: usize = 5;

/// A request without an answer.
#[derive(Debug)]
pub(super) struct Call {
    node: i32,
    claim: Claim,
    batches: Vec<(Handle, BatchId)>,
}

#[derive(Debug)]
enum Claim {
    Response(Ticket<ProduceRequest>),
    /// With acks 0.
    Receipt(Receipt),
}

/// A request being filled.
#[derive(Debug, Default)]
struct Outgoing {
    batches: Vec<(Handle, BatchId)>,
    topics: Vec<TopicProduceData>,
    bytes: usize,
}

impl Outgoing {
    fn add(&mut self, handle: Handle, batch: (BatchId, Spliced), topic: &Arc<str>, index: i32) {
        let (id, bytes) = batch;
        self.bytes += bytes.len() + OVERHEAD;
        self.batches.push((handle, id));
        let data = PartitionProduceData { index, records: Some(bytes) };
        match self.topics.iter_mut().find(|t| *t.name == **topic) {
            Some(topic) => topic.partition_data.push(data),
            None => self.topics.push(TopicProduceData {
                name: topic.to_string(),
                partition_data: vec![data],
                ..Default::default()
            }),
        }
    }
}

impl Producer {
    /// Fills and sends requests until nothing more may be sent.
    pub(super) fn send(
        &mut self,
        network: &mut impl Requests,
        view: &mut impl ClusterView,
        identity: Option<Identity>,
    ) {
        if self.gate == Gate::Closed {
            return;
        }
        let on = Conditions {
            now: network.now(),
            node: -1,
            in_flight_max: identity.map_or(1, |_| IDEMPOTENT_IN_FLIGHT_MAX),
            identity,
            transactional: self.transactional(),
            linger: self.config.linger,
            batch_bytes: self.config.batch_bytes,
            flush: self.flush,
        };
        // Each round puts at most one batch per partition into at most one request per broker.
        while self.send_round(network, view, on) {}
    }

    fn send_round(
        &mut self,
        network: &mut impl Requests,
        view: &mut impl ClusterView,
        mut on: Conditions,
    ) -> bool {
        let mut requests: BTreeMap<i32, Outgoing> = BTreeMap::new();
        let start = if self.busy.is_empty() { 0 } else { self.turn % self.busy.len() };
        self.turn = self.turn.wrapping_add(1);
        let (later, first) = self.busy.split_at(start);
        for &handle in first.iter().chain(later) {
            let Some(queue) = self.queues.get_mut(handle.0 as usize) else { continue };
            if self.gate == Gate::EachAdmitted && !queue.admitted {
                continue;
            }
            let Some(leader) = view.leader(&queue.topic, queue.partition) else {
                view.request_refresh();
                continue;
            };
            on.node = leader.node;
            let in_flight = self.calls.iter().filter(|call| call.node == leader.node).count();
            if in_flight >= self.config.in_flight_max {
                continue;
            }
            let before = queue.bytes();
            let request = requests.entry(leader.node).or_default();
            let fits =
                |size| request.bytes == 0 || request.bytes + size <= self.config.request_bytes_max;
            if queue.peek(&on).is_some_and(fits)
                && let Some(batch) = queue.take(&on)
            {
                request.add(handle, batch, &queue.topic, queue.partition);
            }
            self.buffered = self.buffered + queue.bytes() - before;
        }
        requests.retain(|_, request| !request.batches.is_empty());
        let any = !requests.is_empty();
        for (node, request) in requests {
            let call = self.call(network, node, request);
            self.calls.push(call);
        }
        any
    }

    fn call(&mut self, network: &mut impl Requests, node: i32, outgoing: Outgoing) -> Call {
        self.touched = true;
        let versions = if self.gate == Gate::EachAdmitted { VERSIONS_EXPLICIT } else { VERSIONS };
        let options = SendOptions { versions, ..SendOptions::default() };
        let timeout_ms = i32::try_from(self.request_timeout.as_millis()).unwrap_or(i32::MAX);
        let request = ProduceRequest {
            transactional_id: self.config.transactional_id.clone(),
            acks: self.config.acks.number(),
            timeout_ms,
            topic_data: outgoing.topics,
        };
        let (to, build) = (Target::Node(node), move |_| request);
        let claim = if self.config.acks == Acks::None {
            Claim::Receipt(network.send_unanswered(&to, Lane::Produce, options, build))
        } else {
            Claim::Response(network.send_with(&to, Lane::Produce, options, build))
        };
        Call { node, claim, batches: outgoing.batches }
    }

    /// Takes the answers that have arrived, oldest request first.
    pub(super) fn receive(
        &mut self,
        network: &mut impl Requests,
        view: &mut impl ClusterView,
    ) -> Result<(), ClientError> {
        let mut waiting = Vec::with_capacity(self.calls.len());
        let mut failed = None;
        for call in std::mem::take(&mut self.calls) {
            let outcome = match &call.claim {
                Claim::Response(ticket) => network.take(ticket).map(|r| r.map(Some)),
                Claim::Receipt(receipt) => network.take_receipt(receipt).map(|r| r.map(|()| None)),
            };
            let now = network.now();
            let result = match outcome {
                None => {
                    waiting.push(call);
                    continue;
                }
                Some(Ok(Some(response))) => self.answered(&call, &response, view, now),
                Some(Ok(None)) => {
                    for (handle, id) in call.batches {
                        self.acknowledge(handle, id, -1);
                    }
                    Ok(())
                }
                Some(Err(error)) => self.unanswered(&call, &error, view, now),
            };
            failed = failed.or(result.err());
        }
        self.calls = waiting;
        failed.map_or(Ok(()), Err)
    }

    fn unanswered(
        &mut self,
        call: &Call,
        error: &RequestError,
        view: &mut impl ClusterView,
        now: Moment,
    ) -> Result<(), ClientError> {
        view.request_refresh();
        let fate = if error.may_have_acted() { Fate::Unknown } else { Fate::NotAppended };
        for &(handle, id) in &call.batches {
            if self.config.acks == Acks::None && fate == Fate::Unknown {
                // Handed over as far as anyone can tell; that is all that acks 0 promises.
                self.acknowledge(handle, id, -1);
            } else {
                self.retry(handle, id, fate, now, &error.to_string());
            }
        }
        if error.action() == Action::Retry {
            return Ok(());
        }
        Err(ClientError::from_request(error, format!("producing to broker {}", call.node)))
    }

    fn answered(
        &mut self,
        call: &Call,
        response: &ProduceResponse,
        view: &mut impl ClusterView,
        now: Moment,
    ) -> Result<(), ClientError> {
        let mut failed = None;
        for &(handle, id) in &call.batches {
            // A batch that was dropped in the meantime is of no interest.
            let queue = self.queues.get(handle.0 as usize).filter(|queue| queue.has(id));
            let Some(queue) = queue else { continue };
            let topic = response.responses.iter().find(|t| *t.name == *queue.topic);
            let partition = topic
                .and_then(|t| t.partition_responses.iter().find(|p| p.index == queue.partition));
            let result = match partition {
                Some(partition) => self.batch_answered((handle, id), partition, view, now),
                None => {
                    let why = "the response does not mention the partition";
                    self.retry(handle, id, Fate::Unknown, now, why);
                    Ok(())
                }
            };
            failed = failed.or(result.err());
        }
        failed.map_or(Ok(()), Err)
    }

    fn batch_answered(
        &mut self,
        (handle, id): (Handle, BatchId),
        response: &PartitionProduceResponse,
        view: &mut impl ClusterView,
        now: Moment,
    ) -> Result<(), ClientError> {
        let code = response.error_code;
        match code {
            ErrorCode::NONE | ErrorCode::DUPLICATE_SEQUENCE_NUMBER => {
                self.acknowledge(handle, id, response.base_offset);
            }
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::UNKNOWN_PRODUCER_ID => {
                self.release_after(handle, |queue| queue.out_of_sequence(id, now));
            }
            ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => {
                return self.too_large(handle, id, response);
            }
            ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::PRODUCER_FENCED
            | ErrorCode::INVALID_TXN_STATE
            | ErrorCode::INVALID_PRODUCER_ID_MAPPING
            | ErrorCode::TRANSACTION_ABORTABLE
            | ErrorCode::CONCURRENT_TRANSACTIONS
            | ErrorCode::NOT_ENOUGH_REPLICAS
                if self.gate != Gate::Free =>
            {
                return self.transaction_refused((handle, id), response, now);
            }
            _ if Action::of(code) == Action::Retry => {
                if let Some(queue) = self.queues.get(handle.0 as usize) {
                    let leader = &response.current_leader;
                    if leader.leader_id >= 0 {
                        let leader = Leader { node: leader.leader_id, epoch: leader.leader_epoch };
                        view.note_leader(&queue.topic, queue.partition, leader);
                    }
                }
                view.request_refresh();
                // Also NOT_LEADER may come after the leader appended: it lost its role while replicas were waited for.
                self.retry(handle, id, Fate::Unknown, now, &code.to_string());
            }
            _ => self.refuse(handle, id, response),
        }
        Ok(())
    }

    /// The transaction cannot go on, unless it only has to wait until the one before is completed: then the batch goes again.
    /// Kafka 4 says NOT_ENOUGH_REPLICAS for that, after waiting for a while itself.
    fn transaction_refused(
        &mut self,
        (handle, id): (Handle, BatchId),
        response: &PartitionProduceResponse,
        now: Moment,
    ) -> Result<(), ClientError> {
        let code = response.error_code;
        if matches!(code, ErrorCode::CONCURRENT_TRANSACTIONS | ErrorCode::NOT_ENOUGH_REPLICAS) {
            self.retry_after((handle, id), Fate::Unknown, now, SHORT_PAUSES, &code.to_string());
            return Ok(());
        }
        self.retry(handle, id, Fate::NotAppended, now, &code.to_string());
        let name = self.partition(handle).map(|p| p.to_string()).unwrap_or_default();
        let why = response.error_message.as_deref().unwrap_or_default();
        let what = format!("the transaction was refused by {name}: {code} {why}");
        // Whether another instance took over, InitProducerId will tell (KIP-588): the coordinator also raises the epoch
        // when a transaction has timed out.
        Err(ClientError::new(Action::Rewind, what.trim_end()))
    }

    fn too_large(
        &mut self,
        handle: Handle,
        id: BatchId,
        response: &PartitionProduceResponse,
    ) -> Result<(), ClientError> {
        let Some(queue) = self.queues.get_mut(handle.0 as usize) else { return Ok(()) };
        let before = queue.bytes();
        let divided = queue.divide(id);
        self.buffered = self.buffered + queue.bytes() - before;
        match divided {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.refuse(handle, id, response);
                Ok(())
            }
            Err(error) => {
                let what = format!("a batch that is too large cannot be divided: {error}");
                Err(ClientError::new(Action::Fatal, what))
            }
        }
    }

    fn acknowledge(&mut self, handle: Handle, id: BatchId, base_offset: i64) {
        let base_offset = (base_offset >= 0).then_some(Offset(base_offset));
        self.release_after(handle, |queue| queue.acknowledge(id, base_offset));
    }

    /// Does something that may leave the oldest batches acknowledged, then tells of them and frees their memory.
    fn release_after(&mut self, handle: Handle, what: impl FnOnce(&mut Queue)) {
        let Some(queue) = self.queues.get_mut(handle.0 as usize) else { return };
        let before = queue.bytes();
        what(queue);
        let (memory, memory_max) = (&mut self.memory, self.config.buffer_bytes_max);
        let room = memory_max.saturating_sub(self.buffered);
        let done = |batch: Batch| {
            if let Some(buffer) = batch.into_memory() {
                memory.keep(buffer, room);
            }
        };
        queue.release(handle, &mut self.events, done);
        self.buffered = self.buffered + queue.bytes() - before;
    }

    fn retry(&mut self, handle: Handle, id: BatchId, fate: Fate, now: Moment, why: &str) {
        self.retry_after((handle, id), fate, now, self.backoff, why);
    }

    fn retry_after(
        &mut self,
        (handle, id): (Handle, BatchId),
        fate: Fate,
        now: Moment,
        backoff: Backoff,
        why: &str,
    ) {
        let Some(queue) = self.queues.get_mut(handle.0 as usize) else { return };
        let Some(failures) = queue.retry(id, fate, now, backoff) else { return };
        // What is repeated after so short a pause is no news at first.
        let told_from = if backoff == SHORT_PAUSES { 8 } else { 1 };
        if failures.is_power_of_two() && failures >= told_from {
            let why = why.to_owned();
            self.events.push_back(Event::Retrying { partition: handle, failures, why });
        }
    }

    fn refuse(&mut self, partition: Handle, id: BatchId, response: &PartitionProduceResponse) {
        let Some(queue) = self.queues.get_mut(partition.0 as usize) else { return };
        let Some(batch) = queue.refuse(id) else { return };
        let named = response.record_errors.first();
        let record = match (batch.records, named) {
            (1, _) => Some(0),
            (_, Some(named)) => usize::try_from(named.batch_index).ok(),
            _ => None,
        };
        let words = named.and_then(|named| named.batch_index_error_message.as_deref());
        let why = words.or(response.error_message.as_deref()).unwrap_or_default().to_owned();
        self.events.push_back(Event::Refused(Refusal {
            partition,
            batch: id.0,
            count: u32::try_from(batch.records).unwrap_or(0),
            tag: batch.tag,
            record,
            code: response.error_code,
            why,
        }));
    }
}
