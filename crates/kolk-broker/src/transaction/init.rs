//! InitProducerId of a transactional producer: a new epoch, after which older ones are fenced.

use super::partition::Producer;
use super::state::{EPOCH_MAX, Transaction, TransactionState};
use kolk_wire::ErrorCode;

/// An InitProducerId request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitRequest {
    /// `None` for a producer that is idempotent only.
    pub transactional_id: Option<String>,
    /// `transaction.timeout.ms`.
    pub timeout_ms: i32,
    /// What the producer has, when it goes on after an error (v3+, KIP-360); else [`Producer::NONE`].
    pub current: Producer,
}

/// What comes of InitProducerId.
pub(super) enum Initialized {
    Ready,
    /// A transaction is open: it has to be aborted first.
    Open,
}

impl Transaction {
    /// `fresh_id` gives a producer id when the present one has no epochs left.
    pub(super) fn init(
        &mut self,
        now_ms: i64,
        request: &InitRequest,
        fresh_id: impl FnOnce() -> i64,
    ) -> Result<Initialized, ErrorCode> {
        let current = Some(request.current).filter(|current| *current != Producer::NONE);
        if let Some(current) = current {
            self.check_current(current)?;
        }
        match self.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                Err(ErrorCode::CONCURRENT_TRANSACTIONS)
            }
            TransactionState::Ongoing => {
                // Kafka lets any epoch of the producer id do this; a fenced one must not.
                let epochs = [self.producer.epoch, self.last_epoch];
                if current.is_some_and(|current| !epochs.contains(&current.epoch)) {
                    return Err(ErrorCode::PRODUCER_FENCED);
                }
                Ok(Initialized::Open)
            }
            TransactionState::Empty
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort => {
                let before = self.producer.epoch;
                if self.is_exhausted() && current.is_none_or(|current| current.epoch == before) {
                    self.enter(TransactionState::Empty, now_ms);
                    self.producer = Producer { id: fresh_id(), epoch: 0 };
                    self.last_epoch = if current.is_some() { before } else { -1 };
                } else {
                    let (epoch, last_epoch) = self.next_epoch(current)?;
                    self.enter(TransactionState::Empty, now_ms);
                    self.producer.epoch = epoch;
                    self.last_epoch = last_epoch;
                }
                self.timeout_ms = request.timeout_ms;
                self.partitions.clear();
                self.groups.clear();
                self.started_at_ms = -1;
                Ok(Initialized::Ready)
            }
        }
    }

    /// A producer that goes on must be the last one, or must have missed the answer that gave it a new id.
    fn check_current(&self, current: Producer) -> Result<(), ErrorCode> {
        let first = self.producer.epoch == -1;
        let missed = current.id == self.previous_producer_id && current.epoch >= EPOCH_MAX;
        if first || current.id == self.producer.id || missed {
            Ok(())
        } else {
            Err(ErrorCode::PRODUCER_FENCED)
        }
    }

    /// The epoch to give out, and the one to remember as its predecessor.
    fn next_epoch(&self, current: Option<Producer>) -> Result<(i16, i16), ErrorCode> {
        let present = self.producer.epoch;
        match current {
            None => Ok((present.saturating_add(1), -1)),
            Some(current) if present == -1 || current.epoch == present => {
                Ok((present.saturating_add(1), present))
            }
            // The same request again: it gets the same answer. Another producer would have cleared `last_epoch`.
            Some(current) if current.epoch == self.last_epoch => Ok((present, self.last_epoch)),
            Some(_) => Err(ErrorCode::PRODUCER_FENCED),
        }
    }
}
