//! Which rows of a buffer have a key: chains of nodes, found by hash, with links in both directions.

use crate::state::EntryId;
use hashbrown::HashTable;

/// Stands for no node.
const NONE: u32 = u32::MAX;
/// The number of a node that stands for no row.
const GONE: u64 = u64::MAX;

/// A row of a buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Where the store has it.
    pub(super) entry: EntryId,
    /// Its event time.
    pub(super) time: i64,
    /// Its number among all rows that the join has taken.
    pub(super) number: u64,
    /// It is to be put out alone if nobody meets it.
    pub(super) waits: bool,
}

/// A row for as long as it is in its chain; later it stands for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    node: u32,
    number: u64,
}

/// The chains.
#[derive(Debug, Default)]
pub(super) struct Chains {
    heads: HashTable<Head>,
    nodes: Vec<Node>,
    free: Vec<u32>,
}

/// The newest node of a chain, and the chain's hash, so that most strangers cost no look at a key.
#[derive(Debug, Clone, Copy)]
struct Head {
    hash: u32,
    newest: u32,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    row: Row,
    hash: u32,
    older: u32,
    newer: u32,
}

/// A hash of 32 bits as the table wants it: 64, of which it uses the upper and the lower ones.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Chains {
    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// The memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let (nodes, free) = (self.nodes.capacity(), self.free.capacity());
        self.heads.allocation_size() + nodes * size_of::<Node>() + free * size_of::<u32>()
    }

    /// The newest row of the chain with this hash of which `is_same` holds.
    #[inline]
    pub(super) fn newest(&self, hash: u32, is_same: impl Fn(&Row) -> bool) -> Option<Ticket> {
        let is = |head: &Head| head.hash == hash && is_same(&self.nodes[head.newest as usize].row);
        self.heads.find(spread(hash), is).map(|head| self.ticket(head.newest))
    }

    #[inline]
    fn ticket(&self, node: u32) -> Ticket {
        Ticket { node, number: self.nodes[node as usize].row.number }
    }

    /// Whether a row is still there and the newest of its chain.
    #[inline]
    pub(super) fn is_newest(&self, ticket: Ticket) -> bool {
        let node = &self.nodes[ticket.node as usize];
        node.row.number == ticket.number && node.newer == NONE
    }

    /// The row, if it is still there.
    #[inline]
    pub(super) fn get(&self, ticket: Ticket) -> Option<&Row> {
        let row = &self.nodes[ticket.node as usize].row;
        (row.number == ticket.number).then_some(row)
    }

    /// [`Self::get`], to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Row> {
        let row = &mut self.nodes[ticket.node as usize].row;
        (row.number == ticket.number).then_some(row)
    }

    /// The rows of a chain from this one to the oldest.
    #[inline]
    pub(super) fn walk(&self, from: Ticket) -> impl Iterator<Item = (Ticket, &Row)> {
        let first = self.get(from).map_or(NONE, |_| from.node);
        std::iter::successors((first != NONE).then_some(first), |node| {
            let older = self.nodes[*node as usize].older;
            (older != NONE).then_some(older)
        })
        .map(|node| (self.ticket(node), &self.nodes[node as usize].row))
    }

    /// Adds a row to the chain with this hash of whose newest row `is_same` holds, or begins one.
    pub(super) fn insert(&mut self, hash: u32, row: Row, is_same: impl Fn(&Row) -> bool) -> Ticket {
        let node = self.add(Node { row, hash, older: NONE, newer: NONE });
        let nodes = &mut self.nodes;
        let is = |head: &Head| head.hash == hash && is_same(&nodes[head.newest as usize].row);
        match self.heads.find_mut(spread(hash), is) {
            Some(head) => {
                nodes[node as usize].older = head.newest;
                nodes[head.newest as usize].newer = node;
                head.newest = node;
            }
            None => {
                let head = Head { hash, newest: node };
                self.heads.insert_unique(spread(hash), head, |head| spread(head.hash));
            }
        }
        Ticket { node, number: row.number }
    }

    fn add(&mut self, node: Node) -> u32 {
        if let Some(place) = self.free.pop() {
            self.nodes[place as usize] = node;
            return place;
        }
        self.nodes.push(node);
        number(self.nodes.len() - 1)
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Row> {
        let row = *self.get(ticket)?;
        let Node { hash, older, newer, .. } = self.nodes[ticket.node as usize];
        if older != NONE {
            self.nodes[older as usize].newer = newer;
        }
        if newer != NONE {
            self.nodes[newer as usize].older = older;
        } else {
            let found = self.heads.find_entry(spread(hash), |head| head.newest == ticket.node);
            match (found, older) {
                (Ok(head), NONE) => drop(head.remove()),
                (Ok(mut head), older) => head.get_mut().newest = older,
                (Err(_), _) => {}
            }
        }
        self.nodes[ticket.node as usize].row.number = GONE;
        self.free.push(ticket.node);
        Some(row)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[expect(clippy::expect_used, reason = "no store has 4 G entries")]
fn number(place: usize) -> u32 {
    u32::try_from(place).expect("fewer than 4 G rows")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Store;
    use proptest::prelude::*;

    /// A row with the key in its time.
    fn row(key: i64, number: u64) -> Row {
        let entry = Store::new("rows").put(b"", b"");
        Row { entry, time: key, number, waits: false }
    }

    fn numbers(chains: &Chains, key: i64) -> Vec<u64> {
        let newest = chains.newest(hash(key), |row| row.time == key);
        newest.map_or_else(Vec::new, |newest| {
            chains.walk(newest).map(|(_, row)| row.number).collect()
        })
    }

    /// Several keys share a hash.
    fn hash(key: i64) -> u32 {
        u32::try_from(key % 3).unwrap()
    }

    #[test]
    fn a_ticket_of_a_row_that_is_gone_stands_for_nothing() {
        let mut chains = Chains::default();
        let first = chains.insert(0, row(3, 1), |row| row.time == 3);
        assert!(chains.remove(first).is_some());
        let second = chains.insert(0, row(3, 2), |row| row.time == 3);
        assert_eq!(first.node, second.node);
        assert!(chains.get(first).is_none() && !chains.is_newest(first));
        assert!(chains.remove(first).is_none());
        assert_eq!(chains.walk(first).count(), 0);
        assert_eq!(numbers(&chains, 3), [2]);
    }

    proptest! {
        #[test]
        fn does_as_a_list_for_each_key(
            calls in prop::collection::vec((0..6_i64, any::<prop::sample::Index>(), 0..3_u8), 0..200)
        ) {
            let mut chains = Chains::default();
            let mut model: Vec<(i64, u64, Ticket)> = Vec::new();
            for (number, (key, index, call)) in (0..).zip(calls) {
                if call > 0 || model.is_empty() {
                    let ticket = chains.insert(hash(key), row(key, number), |row| row.time == key);
                    model.push((key, number, ticket));
                } else {
                    let (key, number, ticket) = model.remove(index.index(model.len()));
                    let removed = chains.remove(ticket).unwrap();
                    prop_assert_eq!((removed.time, removed.number), (key, number));
                }
                prop_assert_eq!(chains.len(), model.len());
            }
            for key in 0..6 {
                let expected: Vec<u64> =
                    model.iter().rev().filter(|row| row.0 == key).map(|row| row.1).collect();
                prop_assert_eq!(numbers(&chains, key), expected);
            }
        }
    }
}
