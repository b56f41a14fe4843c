//! EndTxn: commit and abort, and what to make of an answer that does not come.

use super::{Outcome, Phase, Protocol, Reason, Transaction};
use crate::client::error::ClientError;
use crate::client::network::{Lane, SendOptions};
use crate::client::producer::{Identity, Producer};
use crate::client::requests::Requests;
use kolk_wire::ErrorCode;
use kolk_wire::message::end_txn::EndTxnRequest;

/// Which way a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    Abort,
}

impl Transaction {
    /// Commits once every record is acknowledged and the offsets are added.
    pub(super) fn step_committing(
        &mut self,
        network: &mut impl Requests,
        producer: &mut Producer,
    ) -> Result<(), ClientError> {
        if !producer.is_idle() || self.offsets.hold_commit() {
            return Ok(());
        }
        self.used |= self.offsets.is_used();
        if !self.used {
            self.ended(producer, Outcome::Committed);
            self.ready();
            return Ok(());
        }
        self.step_end(network, producer, End::Commit)
    }

    pub(super) fn step_aborting(
        &mut self,
        network: &mut impl Requests,
        producer: &mut Producer,
    ) -> Result<(), ClientError> {
        if !self.used {
            self.ended(producer, Outcome::Aborted);
            self.ready();
            return Ok(());
        }
        // v1: a batch that arrives after the abort would open a transaction that nobody ends.
        if self.protocol == Protocol::V1 && producer.in_flight() > 0 {
            return Ok(());
        }
        self.step_end(network, producer, End::Abort)
    }

    fn step_end(
        &mut self,
        network: &mut impl Requests,
        producer: &mut Producer,
        end: End,
    ) -> Result<(), ClientError> {
        let identity = self.expect_identity()?;
        let transactional_id = self.id.clone();
        let build = move |_| EndTxnRequest {
            transactional_id,
            producer_id: identity.id,
            producer_epoch: identity.epoch,
            committed: end == End::Commit,
        };
        let versions = if self.protocol == Protocol::V2 { 5..=5 } else { 0..=4 };
        let options = SendOptions { versions, ..SendOptions::default() };
        let lane = Lane::Control;
        let Some(response) = self.end.step(network, &mut self.coordinator, lane, options, build)?
        else {
            return Ok(());
        };
        let code = response.error_code;
        if self.end.repeats(code, &mut self.coordinator, network.now()) {
            return Ok(());
        }
        if code.is_none() {
            let next = Identity { id: response.producer_id, epoch: response.producer_epoch };
            self.has_ended(producer, end, next);
            return Ok(());
        }
        let outcome = match end {
            End::Commit => Outcome::Unresolved,
            End::Abort => Outcome::Aborted,
        };
        match code {
            ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::PRODUCER_FENCED
            | ErrorCode::INVALID_TXN_STATE
            | ErrorCode::INVALID_PRODUCER_ID_MAPPING
            | ErrorCode::UNKNOWN_SERVER_ERROR => {
                // Overtaken, timed out, or ended by an earlier attempt: with a higher epoch nothing of it is in flight any
                // more, and the group's offsets tell what happened.
                self.initialise(Reason::End(outcome));
                Ok(())
            }
            // The coordinator asks for an abort instead (KIP-1050).
            ErrorCode::TRANSACTION_ABORTABLE if end == End::Commit => {
                self.end = crate::client::coordinator::Call::default();
                producer.clear();
                self.enter(Phase::Aborting);
                Ok(())
            }
            code => {
                let what = format!("the end of transaction `{}`", self.id);
                Err(ClientError::from_code(code, what, None))
            }
        }
    }

    fn has_ended(&mut self, producer: &mut Producer, end: End, next: Identity) {
        let outcome = match end {
            End::Commit => Outcome::Committed,
            End::Abort => Outcome::Aborted,
        };
        // Numbers of the batches that an abort dropped are missing in the logs: the next transaction needs a new count.
        let raise = self.repeated || self.end.attempts > 1 || end == End::Abort;
        // An abort after all that time: the coordinator was probably first, and only InitProducerId tells it of a longer time-out.
        let was_slow = end == End::Abort && self.outlive();
        self.ended(producer, outcome);
        let is_v2 = self.protocol == Protocol::V2;
        if is_v2 && next.id >= 0 {
            self.adopt(producer, next);
        }
        if was_slow || raise && !is_v2 {
            self.initialise(Reason::Raise);
        } else {
            self.ready();
        }
    }
}
