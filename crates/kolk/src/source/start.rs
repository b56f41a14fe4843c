//! Where partitions that were just assigned begin: at the offsets that their last owner committed.
//!
//! An owner that died in the middle of a transaction leaves offsets that are about to change. Its transactional id stands
//! in the metadata of what it committed before: its transaction is ended by taking that id over for a moment.

use crate::client::TopicPartition;
use crate::client::commit::{CommittedOffset, FetchedOffsets, OffsetFetch, Stability};
use crate::client::config::ClientConfig;
use crate::client::error::ClientError;
use crate::client::network::Network;
use crate::client::transaction::Orphan;
use crate::time::Moment;
use std::collections::{BTreeMap, BTreeSet};

/// How often offsets are found unstable before their owner is taken for dead: a living one is finishing its commit.
const UNSTABLE_MAX: u32 = 20;

/// Partitions whose committed offsets are being asked for.
#[derive(Debug)]
pub(super) struct Starting {
    partitions: Vec<TopicPartition>,
    group_id: String,
    committed: OffsetFetch,
    owners: Option<OffsetFetch>,
    orphans: Vec<Orphan>,
    ended: BTreeSet<String>,
}

pub(super) enum Step {
    Waiting,
    /// Offsets by partition; partitions without one are left out.
    Known(BTreeMap<TopicPartition, CommittedOffset>),
}

impl Starting {
    pub(super) fn new(
        config: &ClientConfig,
        group_id: &str,
        partitions: Vec<TopicPartition>,
    ) -> Self {
        let committed =
            OffsetFetch::new(config, group_id, Some(partitions.clone()), Stability::Required);
        Self {
            partitions,
            group_id: group_id.to_owned(),
            committed,
            owners: None,
            orphans: Vec::new(),
            ended: BTreeSet::new(),
        }
    }

    pub(super) fn into_partitions(self) -> Vec<TopicPartition> {
        self.partitions
    }

    /// These are not ours any more.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.partitions.retain(|partition| !partitions.contains(partition));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    pub(super) fn step(
        &mut self,
        config: &ClientConfig,
        network: &mut Network,
    ) -> Result<Step, ClientError> {
        self.step_orphans(config, network)?;
        match self.committed.step(network)? {
            Some(FetchedOffsets::Committed(offsets)) => {
                let by_partition = |offset: CommittedOffset| (offset.partition.clone(), offset);
                Ok(Step::Known(offsets.into_iter().map(by_partition).collect()))
            }
            Some(FetchedOffsets::Unstable { attempts }) => {
                if attempts >= UNSTABLE_MAX && self.owners.is_none() && self.orphans.is_empty() {
                    let partitions = Some(self.partitions.clone());
                    self.owners =
                        Some(OffsetFetch::new(config, &self.group_id, partitions, Stability::Any));
                }
                Ok(Step::Waiting)
            }
            None => Ok(Step::Waiting),
        }
    }

    fn step_orphans(
        &mut self,
        config: &ClientConfig,
        network: &mut Network,
    ) -> Result<(), ClientError> {
        if let Some(owners) = &mut self.owners
            && let Some(FetchedOffsets::Committed(offsets)) = owners.step(network)?
        {
            self.owners = None;
            // Only ids of this group's own instances are ever taken over.
            let prefix = format!("{}-", self.group_id);
            let ids: BTreeSet<String> = offsets
                .into_iter()
                .map(|offset| offset.metadata)
                .filter(|id| id.starts_with(&prefix) && self.ended.insert(id.clone()))
                .collect();
            self.orphans = ids.iter().map(|id| Orphan::new(config, id)).collect();
        }
        let mut index = 0;
        while let Some(orphan) = self.orphans.get_mut(index) {
            if orphan.step(network)? {
                self.orphans.remove(index);
            } else {
                index += 1;
            }
        }
        Ok(())
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        let owners = self.owners.as_ref().and_then(OffsetFetch::deadline);
        let orphans = self.orphans.iter().filter_map(Orphan::deadline);
        orphans.chain(owners).chain(self.committed.deadline()).min()
    }
}
