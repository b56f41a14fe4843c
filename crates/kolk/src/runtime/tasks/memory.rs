//! What tasks hold in memory, told to the budget of the process, and who is not fetched while it is short.

use super::{Running, Tasks};
use crate::client::TopicPartition;
use crate::runtime::run::Reading;
use crate::source::{Flow, Source};
use crate::state::budget::Holding;
use std::collections::BTreeSet;

impl Tasks {
    /// A holding for each store of a task, then one for its rows that wait.
    pub(super) fn memory(&self, number: i32) -> Vec<Holding> {
        let stores = self
            .stage
            .stores
            .iter()
            .map(|store| self.budget.hold(format!("store {}, partition {number}", store.name)));
        let rows = format!("rows that wait in {}, partition {number}", self.stage.query.name);
        stores.chain([self.budget.hold(rows)]).collect()
    }

    /// Tells what a task holds now; once for a turn of it.
    pub(super) fn note_memory(&mut self, number: i32) {
        if self.budget.is_unbounded() {
            return;
        }
        let Some(Running { task, memory, .. }) = self.running.get_mut(&number) else { return };
        task.memory(|holder, bytes| {
            if let Some(holding) = memory.get(holder) {
                holding.set(bytes);
            }
        });
    }

    /// While memory is short, partitions of inputs that are ahead of another of their task are not fetched; far beyond the bound
    /// those of tasks in which none is behind neither.
    pub(in crate::runtime) fn hold_back(&mut self, reading: Reading, source: &mut Source) {
        if reading == Reading::All && self.held.is_empty() {
            return;
        }
        for running in self.running.values_mut() {
            running.ready |= running.task.set_hurry(reading == Reading::FarBehind);
        }
        let mut ahead: BTreeSet<TopicPartition> = BTreeSet::new();
        for (number, running) in self.running.iter().filter(|_| reading != Reading::All) {
            let inputs = 0..self.inputs.len();
            let mut wait: Vec<usize> =
                inputs.clone().filter(|input| running.task.is_ahead(*input)).collect();
            if wait.is_empty() && reading == Reading::FarBehind {
                wait.extend(inputs);
            }
            ahead.extend(wait.into_iter().map(|input| self.inputs[input].partition(*number)));
        }
        for partition in self.held.difference(&ahead) {
            let is_paused = self.running.values().any(|of| of.paused.contains(partition));
            if !is_paused {
                source.set_flow(partition, Flow::Open);
            }
        }
        for partition in ahead.difference(&self.held) {
            source.set_flow(partition, Flow::Paused);
        }
        self.held = ahead;
    }
}
