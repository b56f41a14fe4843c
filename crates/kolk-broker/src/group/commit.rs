//! OffsetCommit, TxnOffsetCommit and the end of transactions.

use super::classic::{Group, Turn};
use super::entry::GroupEntry;
use super::member::MemberRef;
use super::offset::{CommittedOffset, PartitionOffset};
use super::state::GroupState;
use crate::transaction::{Producer, TopicPartition};
use kolk_wire::ErrorCode;

/// What a consumer commits for one partition. The server passes on only partitions that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// Partition.
    pub partition: TopicPartition,
    /// The next record to read.
    pub offset: i64,
    /// Leader epoch of the last record read; −1 when unknown.
    pub leader_epoch: i32,
    /// The committer's own words; null is the same as empty.
    pub metadata: Option<String>,
    /// OffsetCommit v2–v4: how long to keep it, in milliseconds; `None` or −1 as the broker is set.
    pub retention_ms: Option<i64>,
}

/// Which offsets are meant, and under which transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitKind {
    Plain,
    InTransaction(Producer),
}

impl Group {
    /// Whether `member` may commit for the group now.
    pub(super) fn check_commit(
        &self,
        member: &MemberRef,
        kind: CommitKind,
    ) -> Result<(), ErrorCode> {
        let plain = kind == CommitKind::Plain;
        if member.generation < 0 && self.state == GroupState::Empty {
            // An administrator, or a consumer that assigns its partitions itself.
            return Ok(());
        }
        let named = !member.member_id.is_empty() || member.instance_id.is_some();
        if member.generation >= 0 || named {
            self.check_member(&member.member_id, member.instance_id.as_deref())?;
            if member.generation != self.generation {
                return Err(ErrorCode::ILLEGAL_GENERATION);
            }
        } else if plain && self.state != GroupState::Empty {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if plain && self.state == GroupState::CompletingRebalance {
            // It has not got its assignment yet, so it cannot have read anything under it.
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }

    /// Keeps the offsets and answers for each; a commit is a sign of life, too.
    pub(super) fn commit(
        &mut self,
        turn: &mut Turn<'_>,
        member: &MemberRef,
        kind: CommitKind,
        offsets: Vec<OffsetToCommit>,
    ) -> Vec<ErrorCode> {
        if let Some(member) = self.members.get_mut(&member.member_id) {
            member.heard_of(turn.now_ms);
        }
        let mut errors = Vec::with_capacity(offsets.len());
        let mut kept = Vec::with_capacity(offsets.len());
        for offset in offsets {
            let metadata = offset.metadata.unwrap_or_default();
            // Kafka counts the UTF-16 units of the string although it speaks of bytes.
            if metadata.encode_utf16().count() > turn.settings.offset_metadata_bytes_max {
                errors.push(ErrorCode::OFFSET_METADATA_TOO_LARGE);
                continue;
            }
            errors.push(ErrorCode::NONE);
            let retention_ms = offset.retention_ms.filter(|retention| *retention >= 0);
            let offset_kept = CommittedOffset {
                offset: offset.offset,
                leader_epoch: offset.leader_epoch,
                metadata,
                committed_at_ms: turn.now_ms,
                expires_at_ms: retention_ms.map_or(-1, |ms| turn.now_ms.saturating_add(ms)),
            };
            kept.push(PartitionOffset { partition: offset.partition, offset: offset_kept });
        }
        if !kept.is_empty() {
            self.keep(kind, kept.clone());
            let group_id = self.id.clone();
            turn.entries.push(match kind {
                CommitKind::Plain => GroupEntry::Committed { group_id, offsets: kept },
                CommitKind::InTransaction(producer) => {
                    GroupEntry::Pending { group_id, producer_id: producer.id, offsets: kept }
                }
            });
        }
        errors
    }

    fn keep(&mut self, kind: CommitKind, offsets: Vec<PartitionOffset>) {
        for PartitionOffset { partition, offset } in offsets {
            match kind {
                CommitKind::Plain => self.offsets.commit(partition, offset),
                CommitKind::InTransaction(producer) => {
                    self.offsets.commit_pending(producer.id, partition, offset);
                }
            }
        }
    }
}
