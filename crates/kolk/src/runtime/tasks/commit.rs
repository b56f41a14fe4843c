//! Commits of tasks: what they hold back goes out, then how far they have come, and after the commit what has changed to the local
//! disk.

use super::{Running, Tasks, Way};
use crate::client::TopicPartition;
use crate::record::Destination;
use crate::runtime::bug::Bug;
use crate::runtime::error::QueryError;
use crate::sink::kafka::KafkaOutlet;
use crate::state::Store;
use crate::state::local::Changes;
use std::collections::BTreeMap;

impl Tasks {
    /// Before a commit: what tasks hold back goes to delivery, and the changes of their stores.
    pub(in crate::runtime) fn prepare(&mut self, way: &mut Way<'_>) -> Result<(), QueryError> {
        let dirty: Vec<i32> =
            self.running.iter().filter(|(_, of)| of.dirty).map(|(number, _)| *number).collect();
        for number in dirty {
            let Some(running) = self.running.get_mut(&number) else { continue };
            self.output.clear();
            running
                .task
                .prepare_commit(&mut self.output)
                .map_err(|why| QueryError::Row { query: self.stage.query.name.clone(), why })?;
            (running.dirty, running.prepared) = (false, true);
            if self.bug.is(Bug::SkipFlush) {
                self.output.clear();
            }
            if running.local.is_some() {
                for of in &self.output.addressed {
                    if let (Destination::Changelog(store), Some(key)) =
                        (of.to, of.key.of(&self.output.encoded))
                    {
                        running.changes.push(store, key, of.value.of(&self.output.encoded));
                        running.changed.insert(store);
                    }
                }
            }
            if self.bug.is(Bug::SkipChangelog) {
                self.output.addressed.retain(|of| !matches!(of.to, Destination::Changelog(0)));
            }
            self.deliver(number, way)?;
        }
        Ok(())
    }

    /// What the commit says of the inputs. Nothing when nothing has changed: then no commit is needed.
    pub(in crate::runtime) fn offsets(&self) -> Vec<(TopicPartition, i64)> {
        let prepared = || self.running.iter().filter(|(_, running)| running.prepared);
        let has_news = |running: &Running| running.sent || running.positions() != running.committed;
        if !prepared().any(|(_, running)| has_news(running)) {
            return Vec::new();
        }
        let mut offsets: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        for (number, running) in prepared() {
            for (input, of) in self.inputs.iter().enumerate() {
                let Some(position) = running.task.position(input) else { continue };
                let least = offsets.entry(of.partition(*number)).or_insert(position);
                *least = position.min(*least);
            }
        }
        offsets.into_iter().collect()
    }

    /// The commit is through, or there was nothing to commit: what is committed goes to the local disk (R3).
    pub(in crate::runtime) fn committed(&mut self, outlet: &KafkaOutlet, epoch: i64) {
        self.keep(outlet, epoch);
        for running in self.running.values_mut().filter(|of| of.prepared) {
            (running.prepared, running.sent) = (false, false);
            running.committed = running.positions();
        }
    }

    /// What was prepared goes to the local disk. A disk that refuses costs only that the changelogs are read by the next start.
    pub(in crate::runtime) fn keep(&mut self, outlet: &KafkaOutlet, epoch: i64) {
        for (number, running) in self.running.iter_mut().filter(|(_, of)| of.prepared) {
            let Some(local) = running.local.as_mut().filter(|_| !running.changes.is_empty()) else {
                continue;
            };
            let position = |store: usize| {
                let lane = self.sides.changelog(store, *number)?;
                Some((store, outlet.next_offset(lane)))
            };
            let changed = std::mem::take(&mut running.changed);
            let positions: Vec<(usize, i64)> = changed.into_iter().filter_map(position).collect();
            let stores = running.task.stores();
            let stores: Vec<&Store> = stores.iter().map(|store| &**store).collect();
            if let Err(error) = local.append(&mut running.changes, &positions, epoch, &stores) {
                (running.local, running.changes) = (None, Changes::new());
                self.restore.give_up_disk(*number, &error);
            }
        }
    }
}
