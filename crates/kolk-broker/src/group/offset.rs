//! The offsets that a group has committed, and those that wait for the end of a transaction.

use crate::transaction::stored::stored;
use crate::transaction::{TopicPartition, TransactionResult};
use std::collections::BTreeMap;

stored! {
    /// An offset as it is kept.
    pub struct CommittedOffset {
        /// The next record to read.
        pub offset: i64,
        /// Leader epoch of the last record read; −1 when unknown.
        pub leader_epoch: i32,
        /// The committer's own words.
        pub metadata: String,
        /// When it was committed.
        pub committed_at_ms: i64,
        /// When it expires by the committer's wish (OffsetCommit v2–v4), else −1.
        pub expires_at_ms: i64,
    }
}

stored! {
    /// An offset and the partition that it is about.
    pub struct PartitionOffset {
        /// Partition.
        pub partition: TopicPartition,
        /// Offset.
        pub offset: CommittedOffset,
    }
}

/// Writes are numbered, since an offset that was committed while a transaction was open is newer than the transaction's.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) order: u64,
    pub(super) offset: CommittedOffset,
}

#[derive(Debug, Default)]
pub(super) struct Offsets {
    next_order: u64,
    pub(super) committed: BTreeMap<TopicPartition, Written>,
    /// By producer id.
    pub(super) pending: BTreeMap<i64, BTreeMap<TopicPartition, Written>>,
}

impl Offsets {
    pub(super) fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.pending.is_empty()
    }

    fn written(&mut self, offset: CommittedOffset) -> Written {
        self.next_order += 1;
        Written { order: self.next_order, offset }
    }

    pub(super) fn commit(&mut self, partition: TopicPartition, offset: CommittedOffset) {
        let written = self.written(offset);
        self.committed.insert(partition, written);
    }

    pub(super) fn commit_pending(
        &mut self,
        producer_id: i64,
        partition: TopicPartition,
        offset: CommittedOffset,
    ) {
        let written = self.written(offset);
        self.pending.entry(producer_id).or_default().insert(partition, written);
    }

    /// Whether there was anything to end.
    pub(super) fn end_transaction(&mut self, producer_id: i64, result: TransactionResult) -> bool {
        let Some(pending) = self.pending.remove(&producer_id) else { return false };
        if result == TransactionResult::Commit {
            for (partition, written) in pending {
                let newer = |current: &Written| current.order > written.order;
                if !self.committed.get(&partition).is_some_and(newer) {
                    self.committed.insert(partition, written);
                }
            }
        }
        true
    }

    pub(super) fn is_pending(&self, partition: &TopicPartition) -> bool {
        self.pending.values().any(|offsets| offsets.contains_key(partition))
    }

    /// Whether there was anything to drop.
    pub(super) fn drop_partition(&mut self, partition: &TopicPartition) -> bool {
        let mut dropped = self.committed.remove(partition).is_some();
        for offsets in self.pending.values_mut() {
            dropped |= offsets.remove(partition).is_some();
        }
        self.pending.retain(|_, offsets| !offsets.is_empty());
        dropped
    }

    pub(super) fn partitions_of(&self, topic: &str) -> Vec<TopicPartition> {
        let pending = self.pending.values().flat_map(BTreeMap::keys);
        let all = self.committed.keys().chain(pending).filter(|partition| partition.topic == topic);
        all.cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }
}
