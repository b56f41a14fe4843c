//! InitProducerId: the first identity, a higher epoch, or the end of what cannot be ended otherwise.

use super::{Outcome, Phase, Protocol, Transaction};
use crate::client::coordinator::Call;
use crate::client::error::ClientError;
use crate::client::network::{Lane, SendOptions};
use crate::client::producer::{Identity, Producer};
use crate::client::requests::Requests;
use kolk_wire::ApiKey;
use kolk_wire::ErrorCode;
use kolk_wire::message::Request;
use kolk_wire::message::end_txn::EndTxnRequest;
use kolk_wire::message::init_producer_id::InitProducerIdRequest;
use kolk_wire::message::txn_offset_commit::TxnOffsetCommitRequest;

/// Why InitProducerId is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The instance starts: whoever had the id before is fenced, what it left open aborted.
    Start,
    /// v1: the epoch must rise before the next transaction.
    Raise,
    /// The transaction ends this way, if this instance still has the id; then the outcome is this.
    End(Outcome),
}

impl Transaction {
    /// Ends the open transaction by InitProducerId; `outcome` is what that means for it.
    pub(super) fn initialise(&mut self, reason: Reason) {
        self.outlived = matches!(reason, Reason::End(_)) && self.outlive();
        self.reason = reason;
        self.init = Call::default();
        self.enter(Phase::Initialising);
    }

    pub(super) fn step_initialising(
        &mut self,
        network: &mut impl Requests,
        producer: &mut Producer,
    ) -> Result<(), ClientError> {
        let transactional_id = Some(self.id.clone());
        let transaction_timeout_ms = self.timeout.millis();
        // Id and epoch (KIP-360, version 3) let the coordinator refuse whoever was overtaken.
        let Identity { id, epoch } = match self.reason {
            Reason::Start => None,
            Reason::Raise | Reason::End(_) => self.identity,
        }
        .unwrap_or(Identity { id: -1, epoch: -1 });
        let build = move |_| InitProducerIdRequest {
            transactional_id,
            transaction_timeout_ms,
            producer_id: id,
            producer_epoch: epoch,
        };
        // Version 6 is for two-phase commit (KIP-939).
        let options = SendOptions { versions: 0..=5, ..SendOptions::default() };
        let lane = Lane::Control;
        let Some(response) =
            self.init.step(network, &mut self.coordinator, lane, options, build)?
        else {
            return Ok(());
        };
        let code = response.error_code;
        if self.init.repeats(code, &mut self.coordinator, network.now()) {
            return Ok(());
        }
        match code {
            ErrorCode::NONE => {
                let identity =
                    Identity { id: response.producer_id, epoch: response.producer_epoch };
                self.initialised(network, producer, identity)
            }
            // The coordinator has forgotten the id (transactional.id.expiration.ms): nobody has it, so start afresh.
            ErrorCode::INVALID_PRODUCER_ID_MAPPING if self.identity.is_some() => {
                self.identity = None;
                self.init = Call::default();
                Ok(())
            }
            ErrorCode::INVALID_TRANSACTION_TIMEOUT if self.timeout.lower() => {
                self.init = Call::default();
                Ok(())
            }
            code if Self::is_overtaken(code) && self.reason != Reason::Start => {
                if self.outlived {
                    self.timed_out(producer);
                } else {
                    self.fenced(producer);
                }
                Ok(())
            }
            code => {
                let what = format!("transactional id `{}`", self.id);
                Err(ClientError::from_code(code, what, None))
            }
        }
    }

    fn initialised(
        &mut self,
        network: &mut impl Requests,
        producer: &mut Producer,
        identity: Identity,
    ) -> Result<(), ClientError> {
        self.init = Call::default();
        self.protocol = match self.coordinator.step(network)? {
            Some(node) => protocol(network, node),
            None => self.protocol,
        };
        self.adopt(producer, identity);
        if let Reason::End(outcome) = self.reason {
            producer.clear();
            self.ended(producer, outcome);
        }
        self.ready();
        Ok(())
    }

    pub(super) fn adopt(&mut self, producer: &mut Producer, identity: Identity) {
        self.identity = Some(identity);
        producer.set_identity(identity);
    }
}

/// v2 only when the cluster has settled on it and the coordinator serves the requests that it takes.
fn protocol(network: &impl Requests, node: i32) -> Protocol {
    let settled = network.finalized_feature(None, "transaction.version").unwrap_or(0) >= 2;
    let serves = |api: ApiKey, version| {
        network.served_versions(node, api).is_none_or(|range| *range.end() >= version)
    };
    let v2 = settled
        && serves(EndTxnRequest::KEY, 5)
        && serves(TxnOffsetCommitRequest::KEY, 5)
        && serves(ApiKey::Produce, 12);
    if v2 { Protocol::V2 } else { Protocol::V1 }
}
