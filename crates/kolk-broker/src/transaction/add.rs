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
                    partitions.iter().all(|one| self.partitions.binary_search(one).is_ok())
                }
                Participants::Group(group_id) => self.groups.iter().any(|group| group == group_id),
            }
    }

    /// Adds, and opens the transaction with the first. Returns which partitions are new.
    pub(super) fn add(
        &mut self,
        now_ms: i64,
        participants: Participants<'_>,
    ) -> Vec<TopicPartition> {
        if self.state != TransactionState::Ongoing {
            self.partitions.clear();
            self.groups.clear();
            self.started_at_ms = now_ms;
        }
        self.enter(TransactionState::Ongoing, now_ms);
        match participants {
            Participants::Partitions(partitions) => self.add_partitions(partitions),
            Participants::Group(group_id) => {
                self.add_group(group_id);
                Vec::new()
            }
        }
    }

    /// Keeps the partitions in order, so that each batch finds its own by a binary search.
    pub(super) fn add_partitions(&mut self, partitions: &[TopicPartition]) -> Vec<TopicPartition> {
        let mut added = Vec::new();
        for partition in partitions {
            if let Err(place) = self.partitions.binary_search(partition) {
                self.partitions.insert(place, partition.clone());
                added.push(partition.clone());
            }
        }
        added
    }

    pub(super) fn add_group(&mut self, group_id: &str) {
        if !self.groups.iter().any(|group| group == group_id) {
            self.groups.push(group_id.to_owned());
        }
    }
}
