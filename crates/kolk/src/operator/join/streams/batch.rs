//! What a join works out for the rows at hand.

use crate::operator::join::buffer::HashedKey;
use crate::operator::join::chains::{Row, Ticket};
use crate::operator::join::pairs::Pairs;
use crate::operator::join::shape::{Both, Side};
use crate::operator::operate::Turn;
use crate::state::EntryId;
use crate::state::keys::Keys;

/// What is worked out for some rows; the memory serves again for the next ones.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) sides: Both<Probes>,
    /// Whether rows of both sides come, so that what was looked up may have changed when a row's turn comes.
    pub(super) both_come: bool,
    pub(super) turns: Vec<Turn>,
    pub(super) partners: Vec<Partner>,
    pub(super) due: Vec<Due>,
    /// Entries that nobody can meet any more, but that are put out with this chunk.
    pub(super) gone: Vec<(Side, EntryId)>,
    pub(super) late: Vec<usize>,
    pub(super) pairs: Pairs,
    /// How many of the pairs are rows that could meet nobody: they came and went, and nothing was made of them.
    pub(super) passed_on: usize,
}

/// What was looked up for the rows of a side.
#[derive(Debug, Default)]
pub(super) struct Probes {
    /// The number of the first row.
    pub(super) first: usize,
    pub(super) keys: Keys,
    pub(super) hashes: Vec<u64>,
    /// For each row the newest rows of the other side with its key, in the two slots where partners may be.
    pub(super) found: Vec<[Option<Ticket>; 2]>,
}

impl Probes {
    /// The key of a row, by number in its chunk.
    #[inline]
    pub(super) fn key(&self, row: usize) -> HashedKey<'_> {
        let at = row - self.first;
        HashedKey { bytes: self.keys.get(at), hash: self.hashes[at] }
    }

    /// Whether a column of a row's key is NULL.
    #[inline]
    pub(super) fn has_null_key(&self, row: usize) -> bool {
        self.keys.has_null(row - self.first)
    }

    /// The other side's rows that were there when the row was looked up.
    #[inline]
    pub(super) fn found(&self, row: usize) -> [Option<Ticket>; 2] {
        self.found[row - self.first]
    }
}

/// A partner of the row at hand: by time, then in the order in which they came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partner {
    pub(super) time: i64,
    pub(super) number: u64,
    pub(super) entry: EntryId,
    pub(super) ticket: Ticket,
}

/// A row that is to be put out alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) side: Side,
    pub(super) row: Row,
    pub(super) ticket: Ticket,
}
