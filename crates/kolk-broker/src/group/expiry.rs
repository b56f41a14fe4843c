//! Offsets that nobody uses any more, and groups that have neither members nor offsets (KIP-211).

use super::classic::{Group, Turn};
use super::entry::GroupEntry;
use super::offset::Written;
use super::state::GroupState;
use crate::transaction::TopicPartition;

impl Group {
    /// Drops expired offsets; `true` when the group itself is no longer worth keeping.
    pub(super) fn expire_offsets(&mut self, turn: &mut Turn<'_>) -> bool {
        let due = |(partition, written): &(&TopicPartition, &Written)| {
            !self.offsets.is_pending(partition)
                && self.offset_expires_at_ms(partition, written, turn) <= turn.now_ms
        };
        let partitions: Vec<TopicPartition> = self
            .offsets
            .committed
            .iter()
            .filter(due)
            .map(|(partition, _)| partition.clone())
            .collect();
        self.drop_offsets(turn, partitions);
        self.state == GroupState::Empty && self.invited.is_empty() && self.offsets.is_empty()
    }

    /// The retention counts from the moment that the last member left; for a consumer that is alive, for topics that
    /// it does not read, and for one without a group from the commit.
    fn offset_expires_at_ms(
        &self,
        partition: &TopicPartition,
        written: &Written,
        turn: &Turn<'_>,
    ) -> i64 {
        let offset = &written.offset;
        let managed = self.protocol_type.is_some();
        if offset.expires_at_ms >= 0 {
            let idle = self.state == GroupState::Empty || !self.reads(&partition.topic);
            return if idle { offset.expires_at_ms } else { i64::MAX };
        }
        let retention_ms = turn.settings.offsets_retention_ms;
        match self.state {
            GroupState::Empty if managed => {
                self.state_since_ms.max(offset.committed_at_ms).saturating_add(retention_ms)
            }
            GroupState::Empty | GroupState::Dead => {
                offset.committed_at_ms.saturating_add(retention_ms)
            }
            GroupState::Stable if self.topics.is_some() && !self.reads(&partition.topic) => {
                offset.committed_at_ms.saturating_add(retention_ms)
            }
            _ => i64::MAX,
        }
    }

    /// Drops the offsets of `partitions`, committed and pending, as far as there are any.
    pub(super) fn drop_offsets(&mut self, turn: &mut Turn<'_>, partitions: Vec<TopicPartition>) {
        let partitions: Vec<TopicPartition> = partitions
            .into_iter()
            .filter(|partition| self.offsets.drop_partition(partition))
            .collect();
        if !partitions.is_empty() {
            let group_id = self.id.clone();
            turn.entries.push(GroupEntry::OffsetsDropped { group_id, partitions });
        }
    }
}
