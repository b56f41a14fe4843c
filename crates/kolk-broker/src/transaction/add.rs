//! What takes part in a transaction: AddPartitionsToTxn, AddOffsetsToTxn, and what Produce and TxnOffsetCommit imply.

use super::partition::{Producer, TopicPartition};
use super::state::{Transaction, TransactionState};
use kolk_wire::ErrorCode;

/// Which transaction a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionRef {
    /// `transactional.id`.
    pub transactional_id: String,
    /// Who asks.
    pub producer: Producer,
}

/// Participants to add.
#[derive(Debug, Clone, Copy)]
pub(super) enum Participants<'a> {
    Partitions(&'a [TopicPartition]),
    Group(&'a str),
}

impl Transaction {
    /// Whether this is the producer of the transaction, and no end of it is being carried out.
    pub(super) fn check(&self, producer: Producer) -> Result<(), ErrorCode> {
        if self.producer.id != producer.id {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        if self.producer.epoch != producer.epoch {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        if self.state.prepared().is_some() {
            return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
        }
        Ok(())
    }

    pub(super) fn includes(&self, participants: Participants<'_>) -> bool {
        self.state == TransactionState::Ongoing
            && match participants {
                Participants::Partitions(partitions) => {
                    partitions.iter().all(|partition| self.partitions.contains(partition))
                }
                Participants::Group(group_id) => self.groups.iter().any(|group| group == group_id),
            }
    }

    /// Adds; opens the transaction with the first.
    pub(super) fn add(&mut self, now_ms: i64, participants: Participants<'_>) {
        if self.state != TransactionState::Ongoing {
            self.partitions.clear();
            self.groups.clear();
            self.started_at_ms = now_ms;
        }
        self.enter(TransactionState::Ongoing, now_ms);
        match participants {
            Participants::Partitions(partitions) => {
                for partition in partitions {
                    if !self.partitions.contains(partition) {
                        self.partitions.push(partition.clone());
                    }
                }
            }
            Participants::Group(group_id) => {
                if !self.groups.iter().any(|group| group == group_id) {
                    self.groups.push(group_id.to_owned());
                }
            }
        }
    }
}
