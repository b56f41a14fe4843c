//! The end of a transaction: EndTxn, aborts by the coordinator, and the plan for carrying it out.

use super::add::TransactionRef;
use super::partition::{Producer, TopicPartition, TransactionResult};
use super::settings::TransactionVersion;
use super::state::{EPOCH_MAX, Transaction, TransactionState};
use kolk_wire::ErrorCode;

/// An EndTxn request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndRequest {
    /// Which transaction.
    pub transaction: TransactionRef,
    /// How it ends.
    pub result: TransactionResult,
    /// What its client speaks: [`TransactionVersion::of_end_txn`].
    pub version: TransactionVersion,
}

/// A transaction whose end is decided. The server writes a marker to every partition, completes the offsets of every
/// group, and calls [`super::Transactions::complete`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Which transaction.
    pub transactional_id: String,
    /// Stands in the markers. Its epoch may be higher than that of the records: then it fences their writer.
    pub producer: Producer,
    /// Stands in the markers.
    pub coordinator_epoch: i32,
    /// Which kind of marker.
    pub result: TransactionResult,
    /// Partitions that get one; one that has been deleted meanwhile is passed over.
    pub partitions: Vec<TopicPartition>,
    /// Groups whose pending offsets become visible or are dropped.
    pub groups: Vec<String>,
}

/// What comes of EndTxn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It had ended so before; the client did not hear the answer.
    Before,
    /// The end is decided now.
    Now,
}

impl Transaction {
    /// EndTxn before KIP-890: the epoch stays, and a repeated request cannot be told from one for an empty transaction.
    pub(super) fn end_v1(&mut self, now_ms: i64, request: &EndRequest) -> Result<Ended, ErrorCode> {
        let producer = request.transaction.producer;
        if self.producer.id != producer.id {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        if self.producer.epoch != producer.epoch {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        match (self.state, request.result) {
            (TransactionState::Ongoing, result) => {
                self.enter(prepare(result), now_ms);
                Ok(Ended::Now)
            }
            (TransactionState::CompleteCommit, TransactionResult::Commit)
            | (TransactionState::CompleteAbort, TransactionResult::Abort) => Ok(Ended::Before),
            (TransactionState::PrepareCommit, TransactionResult::Commit)
            | (TransactionState::PrepareAbort, TransactionResult::Abort) => {
                Err(ErrorCode::CONCURRENT_TRANSACTIONS)
            }
            _ => Err(ErrorCode::INVALID_TXN_STATE),
        }
    }

    /// EndTxn of KIP-890: each end bumps the epoch, so a late request of an earlier transaction cannot end this one.
    ///
    /// | state          | abort, epoch before | abort, epoch now | commit, epoch before | commit, epoch now |
    /// |----------------|---------------------|------------------|----------------------|-------------------|
    /// | Empty          | fenced              | bump             | fenced               | invalid state     |
    /// | CompleteAbort  | done before         | bump             | invalid state        | invalid state     |
    /// | CompleteCommit | invalid state       | bump             | done before          | invalid state     |
    pub(super) fn end_v2(
        &mut self,
        now_ms: i64,
        request: &EndRequest,
        fresh_id: impl FnOnce() -> i64,
    ) -> Result<Ended, ErrorCode> {
        let producer = request.transaction.producer;
        let overflown = self.previous_producer_id == producer.id
            && producer.epoch == EPOCH_MAX
            && self.producer.epoch == 0
            && self.producer.id != producer.id;
        if self.producer.id != producer.id && !overflown {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        // `last_epoch` is −1 after a bump that fenced the producer: that producer gets no epoch by asking again.
        let bumped = self.last_epoch == producer.epoch
            && i32::from(self.producer.epoch) == i32::from(producer.epoch) + 1;
        let again = bumped || overflown;
        let same = self.producer.epoch == producer.epoch;
        let known = match self.state {
            TransactionState::Ongoing | TransactionState::Empty => same,
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => bumped,
            TransactionState::CompleteCommit | TransactionState::CompleteAbort => again || same,
        };
        if !known {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        match (self.state, request.result) {
            (TransactionState::Ongoing, result) => {
                self.prepare_v2(now_ms, result, fresh_id);
                Ok(Ended::Now)
            }
            (TransactionState::CompleteCommit, TransactionResult::Commit)
            | (TransactionState::CompleteAbort, TransactionResult::Abort)
                if again =>
            {
                Ok(Ended::Before)
            }
            (TransactionState::Empty, TransactionResult::Abort) => {
                self.prepare_v2(now_ms, TransactionResult::Abort, fresh_id);
                Ok(Ended::Now)
            }
            (
                TransactionState::CompleteCommit | TransactionState::CompleteAbort,
                TransactionResult::Abort,
            ) if !again => {
                self.prepare_v2(now_ms, TransactionResult::Abort, fresh_id);
                Ok(Ended::Now)
            }
            (TransactionState::PrepareCommit, TransactionResult::Commit)
            | (TransactionState::PrepareAbort, TransactionResult::Abort) => {
                Err(ErrorCode::CONCURRENT_TRANSACTIONS)
            }
            _ => Err(ErrorCode::INVALID_TXN_STATE),
        }
    }

    fn prepare_v2(
        &mut self,
        now_ms: i64,
        result: TransactionResult,
        fresh_id: impl FnOnce() -> i64,
    ) {
        let nothing_added = self.state != TransactionState::Ongoing;
        if nothing_added {
            self.started_at_ms = now_ms;
            self.partitions.clear();
            self.groups.clear();
        }
        let exhausted = self.is_exhausted();
        self.enter(prepare(result), now_ms);
        self.next_producer_id = if exhausted { fresh_id() } else { -1 };
        self.last_epoch = self.producer.epoch;
        self.producer.epoch = self.producer.epoch.saturating_add(1);
    }

    /// The coordinator itself aborts, since the time is up or another producer wants the id. The bump fences the producer,
    /// also where it writes: the markers carry the new epoch.
    pub(super) fn fence(&mut self, now_ms: i64) {
        self.enter(TransactionState::PrepareAbort, now_ms);
        self.producer.epoch = self.producer.epoch.saturating_add(1);
        self.last_epoch = -1;
        self.next_producer_id = -1;
    }

    /// What has to be done, while it is being ended.
    pub(super) fn plan(&self) -> Option<Prepared> {
        Some(Prepared {
            transactional_id: self.transactional_id.clone(),
            producer: self.producer,
            coordinator_epoch: 0,
            result: self.state.prepared()?,
            partitions: self.partitions.clone(),
            groups: self.groups.clone(),
        })
    }

    /// The plan has been carried out.
    pub(super) fn complete(&mut self, now_ms: i64) {
        let state = match self.state {
            TransactionState::PrepareCommit => TransactionState::CompleteCommit,
            TransactionState::PrepareAbort => TransactionState::CompleteAbort,
            _ => return,
        };
        self.enter(state, now_ms);
        if self.next_producer_id != -1 {
            self.producer = Producer { id: self.next_producer_id, epoch: 0 };
            self.next_producer_id = -1;
        }
        self.partitions.clear();
        self.groups.clear();
        self.started_at_ms = -1;
    }

    /// The producer as its client will know it when the end is complete.
    pub(super) fn producer_after(&self) -> Producer {
        match self.next_producer_id {
            -1 => self.producer,
            id => Producer { id, epoch: 0 },
        }
    }
}

fn prepare(result: TransactionResult) -> TransactionState {
    match result {
        TransactionResult::Commit => TransactionState::PrepareCommit,
        TransactionResult::Abort => TransactionState::PrepareAbort,
    }
}
