//! OffsetFetch.

use super::classic::Group;
use super::offset::CommittedOffset;
use crate::transaction::TopicPartition;
use kolk_wire::ErrorCode;

/// What is asked of one group; OffsetFetch v8+ asks several groups at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchOffsets {
    /// Group.
    pub group_id: String,
    /// Partitions; `None` for all that have an offset.
    pub partitions: Option<Vec<TopicPartition>>,
    /// What to do about open transactions.
    pub stability: Stability,
}

/// Whether offsets matter that an open transaction may be about to replace (`require_stable`, KIP-447).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// Answer what is committed.
    Any,
    /// Answer UNSTABLE_OFFSET_COMMIT where a transaction has an offset pending.
    Required,
}

/// What is known of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedOffset {
    /// Partition.
    pub partition: TopicPartition,
    /// The next record to read; −1 for none.
    pub offset: i64,
    /// Leader epoch of the last record read; −1 when unknown.
    pub leader_epoch: i32,
    /// The committer's own words.
    pub metadata: String,
    /// Whether it can be told.
    pub error: ErrorCode,
}

impl FetchedOffset {
    fn none(partition: TopicPartition, error: ErrorCode) -> Self {
        Self { partition, offset: -1, leader_epoch: -1, metadata: String::new(), error }
    }

    fn some(partition: TopicPartition, offset: &CommittedOffset) -> Self {
        Self {
            partition,
            offset: offset.offset,
            leader_epoch: offset.leader_epoch,
            metadata: offset.metadata.clone(),
            error: ErrorCode::NONE,
        }
    }
}

/// The answer for a group that may not exist: none of its partitions has an offset then.
pub(super) fn fetch(group: Option<&Group>, request: &FetchOffsets) -> Vec<FetchedOffset> {
    let one = |partition: &TopicPartition| {
        let Some(group) = group else {
            return FetchedOffset::none(partition.clone(), ErrorCode::NONE);
        };
        if request.stability == Stability::Required && group.offsets.is_pending(partition) {
            return FetchedOffset::none(partition.clone(), ErrorCode::UNSTABLE_OFFSET_COMMIT);
        }
        match group.offsets.committed.get(partition) {
            Some(written) => FetchedOffset::some(partition.clone(), &written.offset),
            None => FetchedOffset::none(partition.clone(), ErrorCode::NONE),
        }
    };
    match &request.partitions {
        Some(partitions) => partitions.iter().map(one).collect(),
        None => group.iter().flat_map(|group| group.offsets.committed.keys()).map(one).collect(),
    }
}
