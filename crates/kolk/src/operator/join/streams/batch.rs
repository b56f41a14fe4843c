//! What a join works out for one chunk.

use crate::operator::join::chains::{Row, Ticket};
use crate::operator::join::pairs::Pairs;
use crate::operator::join::shape::Side;
use crate::state::EntryId;
use crate::state::keys::Keys;

/// What is worked out for a chunk; the memory serves again for the next one.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) keys: Keys,
    pub(super) hashes: Vec<u64>,
    /// For each row the newest rows of the other side with its key, in the two slots where partners may be. Nobody joins the
    /// other side while the chunk lasts, so where there is none there will be none.
    pub(super) found: Vec<[Option<Ticket>; 2]>,
    pub(super) partners: Vec<Partner>,
    pub(super) due: Vec<Due>,
    /// Entries that nobody can meet any more, but that are put out with this chunk.
    pub(super) gone: Vec<(Side, EntryId)>,
    pub(super) late: Vec<usize>,
    pub(super) pairs: Pairs,
    /// How many of the pairs are rows that could meet nobody: they came and went, and nothing was made of them.
    pub(super) passed_on: usize,
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
