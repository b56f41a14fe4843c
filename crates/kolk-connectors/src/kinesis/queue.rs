//! Entries that wait, and the calls that they go in: of each key the first one, as many as a call takes.

use super::entry::Entry;
use std::collections::VecDeque;
use std::collections::hash_map::{Entry as Slot, HashMap};

/// Entries of a call, at most.
pub(super) const CALL_ENTRIES: usize = 500;
/// Bytes of a call, at most: data and partition keys.
pub(super) const CALL_BYTES: usize = 5 << 20;

/// Entries that are not stored, in order for each group of rows that keep theirs.
#[derive(Debug, Default)]
pub(super) struct Queues {
    groups: HashMap<Vec<u8>, usize>,
    /// By group, in the order of their first rows.
    queues: Vec<VecDeque<Entry>>,
}

impl Queues {
    /// Puts an entry behind the others of its group: rows of one keep their order.
    pub(super) fn push(&mut self, group: Vec<u8>, entry: Entry) {
        match self.groups.entry(group) {
            Slot::Occupied(at) => self.queues[*at.get()].push_back(entry),
            Slot::Vacant(at) => {
                at.insert(self.queues.len());
                self.queues.push(VecDeque::from([entry]));
            }
        }
    }

    /// The calls of a round: the first entry of each group, cut where a call would have too much; of each its group and its row.
    pub(super) fn calls(&self) -> Vec<Vec<(usize, usize)>> {
        let mut calls: Vec<Vec<(usize, usize)>> = Vec::new();
        let mut bytes = 0;
        let heads = self.queues.iter().enumerate();
        for (at, entry) in heads.filter_map(|(at, queue)| queue.front().map(|it| (at, it))) {
            match calls.last_mut() {
                Some(call) if call.len() < CALL_ENTRIES && bytes + entry.bytes() <= CALL_BYTES => {
                    bytes += entry.bytes();
                    call.push((at, entry.row));
                }
                _ => {
                    bytes = entry.bytes();
                    calls.push(vec![(at, entry.row)]);
                }
            }
        }
        calls
    }

    /// The first entry of a group.
    pub(super) fn head(&self, group: usize) -> Option<&Entry> {
        self.queues.get(group)?.front()
    }

    /// The first entry of a group is settled: the next one may go.
    pub(super) fn pop(&mut self, group: usize) {
        if let Some(queue) = self.queues.get_mut(group) {
            queue.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(entries: &[(&str, usize)]) -> Queues {
        let mut queues = Queues::default();
        for (row, (group, bytes)) in entries.iter().enumerate() {
            let partition_key = (*group).to_owned();
            let data = vec![0; bytes - group.len()];
            queues.push(group.as_bytes().to_vec(), Entry { row, data, partition_key });
        }
        queues
    }

    fn rows(queues: &Queues) -> Vec<Vec<usize>> {
        let calls = queues.calls();
        calls.iter().map(|call| call.iter().map(|(_, row)| *row).collect()).collect()
    }

    #[test]
    fn a_call_holds_no_key_twice_and_a_failed_entry_holds_back_its_own_key_only() {
        let mut queues = queues(&[("a", 9), ("a", 9), ("b", 9), ("a", 9), ("b", 9)]);
        assert_eq!(rows(&queues), [[0, 2]]);
        queues.pop(1);
        assert_eq!(rows(&queues), [[0, 4]], "row 0 failed");
        queues.pop(0);
        queues.pop(1);
        assert_eq!(rows(&queues), [[1]]);
        queues.pop(0);
        queues.pop(0);
        assert!(queues.calls().is_empty());
    }

    #[test]
    fn calls_are_cut_at_500_entries_and_at_5_mib() {
        let names: Vec<String> = (0..1001).map(|name| name.to_string()).collect();
        let many: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 9)).collect();
        let lengths: Vec<usize> = rows(&queues(&many)).iter().map(Vec::len).collect();
        assert_eq!(lengths, [500, 500, 1]);
        let mib = 1 << 20;
        let large = ["a", "b", "c", "d", "e", "f"].map(|name| (name, mib));
        assert_eq!(rows(&queues(&large)), [vec![0, 1, 2, 3, 4], vec![5]]);
        let over = ["a", "b", "c", "d", "e", "f"]
            .map(|name| (name, if name == "e" { mib + 1 } else { mib }));
        assert_eq!(rows(&queues(&over)), [vec![0, 1, 2, 3], vec![4, 5]]);
    }
}
