//! Groups over restarts: what the journal is given, and what it gives back.

use super::classic::Group;
use super::entry::{GroupEntry, GroupImage};
use super::groups::Groups;
use super::offset::PartitionOffset;
use super::state::GroupState;

impl Groups {
    /// Takes in an entry of the journal.
    pub fn replay(&mut self, entry: GroupEntry) {
        match entry {
            GroupEntry::Group(image) => {
                let group_id = image.group_id.clone();
                self.replayed(&group_id).restore(image);
            }
            GroupEntry::GroupDropped { group_id } => {
                self.groups.remove(&group_id);
            }
            GroupEntry::Committed { group_id, offsets } => {
                let group = self.replayed(&group_id);
                for PartitionOffset { partition, offset } in offsets {
                    group.offsets.commit(partition, offset);
                }
            }
            GroupEntry::Pending { group_id, producer_id, offsets } => {
                let group = self.replayed(&group_id);
                for PartitionOffset { partition, offset } in offsets {
                    group.offsets.commit_pending(producer_id, partition, offset);
                }
            }
            GroupEntry::TransactionEnded { group_id, producer_id, result } => {
                self.replayed(&group_id).offsets.end_transaction(producer_id, result);
            }
            GroupEntry::OffsetsDropped { group_id, partitions } => {
                let group = self.replayed(&group_id);
                for partition in &partitions {
                    group.offsets.drop_partition(partition);
                }
            }
        }
    }

    fn replayed(&mut self, group_id: &str) -> &mut Group {
        self.groups.entry(group_id.to_owned()).or_insert_with(|| Group::new(group_id, 0))
    }

    /// After the last [`Self::replay`]: the members of before the restart have their session time-out to be heard of.
    pub fn start(&mut self, now_ms: i64) {
        for group in self.groups.values_mut() {
            for member in group.members.values_mut() {
                member.heard_of(now_ms);
            }
        }
        self.next_expiry_ms = Some(now_ms + self.settings.offsets_retention_check_interval_ms);
    }

    /// What must be written to the journal before anything is answered, in this order.
    #[must_use]
    pub fn take_entries(&mut self) -> Vec<GroupEntry> {
        std::mem::take(&mut self.entries)
    }

    /// Takes back entries that the journal refused (a full disk): the next [`Self::take_entries`] gives them again, first.
    /// The call that made them must be answered with an error such as `COORDINATOR_NOT_AVAILABLE`, since a restart would undo it.
    pub fn give_back(&mut self, mut entries: Vec<GroupEntry>) {
        entries.append(&mut self.entries);
        self.entries = entries;
    }

    /// Entries that, replayed in this order, give the present state as far as it survives a restart.
    #[must_use]
    pub fn snapshot(&self) -> Vec<GroupEntry> {
        self.groups.values().flat_map(snapshot_of).collect()
    }
}

/// The group, then its offsets in the order in which they were written: between a committed and a pending offset of one
/// partition it matters.
fn snapshot_of(group: &Group) -> Vec<GroupEntry> {
    // During a rebalance the members of before are not known any more: they come back as after a lost session.
    let image = match group.state {
        GroupState::Stable | GroupState::Empty | GroupState::Dead => group.image(),
        GroupState::PreparingRebalance | GroupState::CompletingRebalance => {
            GroupImage { members: Vec::new(), leader: None, protocol: None, ..group.image() }
        }
    };
    let group_id = || group.id.clone();
    let committed = group.offsets.committed.iter().map(|(partition, written)| {
        let (partition, offset) = (partition.clone(), written.offset.clone());
        let offsets = vec![PartitionOffset { partition, offset }];
        (written.order, GroupEntry::Committed { group_id: group_id(), offsets })
    });
    let pending = group.offsets.pending.iter().flat_map(|(&producer_id, offsets)| {
        offsets.iter().map(move |(partition, written)| {
            let (partition, offset) = (partition.clone(), written.offset.clone());
            let offsets = vec![PartitionOffset { partition, offset }];
            (written.order, GroupEntry::Pending { group_id: group_id(), producer_id, offsets })
        })
    });
    let mut offsets: Vec<(u64, GroupEntry)> = committed.chain(pending).collect();
    offsets.sort_by_key(|(order, _)| *order);
    std::iter::once(GroupEntry::Group(image))
        .chain(offsets.into_iter().map(|(_, entry)| entry))
        .collect()
}
