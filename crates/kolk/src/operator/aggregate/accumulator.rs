//! What an aggregate function keeps of the rows of a group, as bytes, and how a row changes it.
//!
//! States of fixed size are changed where they are, in the store, one function after the other over all rows at hand: a function
//! is called once for many rows. Those that grow are written anew, but where the function knows how to do without.

use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::operator::evaluate::Session;
use crate::state::{EntryId, Store};
use std::fmt::Debug;
use std::ops::Range;

/// A function whose state has the same size for all groups. It begins as zeros.
pub(super) trait Fixed: Debug + Send {
    /// The state's size in bytes.
    fn width(&self) -> usize;

    /// Puts a row in; `of` are the arguments.
    fn add(&self, of: &[&Vector], row: usize, state: &mut [u8]);

    /// Takes a row out that was put in. Plans ask it only of functions that can.
    fn undo(&self, _of: &[&Vector], _row: usize, _state: &mut [u8]) {}

    /// Puts in what another state of the group holds.
    fn merge(&self, state: &mut [u8], other: &[u8]);

    /// Appends the result; `false` when it does not fit its type and is NULL.
    fn result(&self, state: &[u8], into: &mut Appender) -> bool;

    /// Puts rows in, one after the other, into the state at `place` of each one's entry.
    fn add_all(&self, place: Range<usize>, rows: &mut Rows<'_>) {
        let mut failed = 0;
        for (row, entry) in rows.rows.iter().zip(rows.entries) {
            let Some(state) = rows.store.update(entry.id).get_mut(place.clone()) else { continue };
            if let Some(old) = rows.old.as_deref_mut() {
                if entry.is_new {
                    old.push_null();
                } else {
                    self.result(state, old);
                }
            }
            self.add(rows.arguments, *row, state);
            if let Some(into) = rows.results.as_deref_mut() {
                failed += u64::from(!self.result(state, into));
            }
        }
        *rows.failed += failed;
    }
}

/// A function whose state grows. It begins as no bytes.
pub(super) trait Variable: Debug + Send {
    /// Puts a row in; `of` are the arguments. `false` when the state stays as it is.
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool;

    /// Puts a row in without a change of the state's size; `text` is memory to be used. `false` when that cannot be done, and nothing was.
    fn add_in_place(
        &self,
        _row: (&[&Vector], usize),
        _state: &mut [u8],
        _text: &mut Vec<u8>,
        _scope: &mut Scope<'_>,
    ) -> bool {
        false
    }

    /// Takes a row out that was put in; otherwise as [`Self::add`]. Plans ask it only of functions that can.
    fn undo(
        &self,
        _of: &[&Vector],
        _row: usize,
        _growth: Growth<'_>,
        _scope: &mut Scope<'_>,
    ) -> bool {
        false
    }

    /// Puts in what another, later state of the group holds.
    fn merge(&self, growth: Growth<'_>, other: &[u8]);

    /// Appends the result; what is in `text`, which is there to be used, does not matter.
    fn result(&self, state: &[u8], into: &mut Appender, text: &mut Vec<u8>);
}

/// An entry of the store that a row belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: EntryId,
    /// Whether this row made it.
    pub(super) is_new: bool,
}

/// Rows for one function, each with its entry, and where results go if they are wanted.
pub(super) struct Rows<'a> {
    pub(super) rows: &'a [usize],
    pub(super) entries: &'a [Entry],
    pub(super) arguments: &'a [&'a Vector],
    pub(super) store: &'a mut Store,
    /// The result behind each row.
    pub(super) results: Option<&'a mut Appender>,
    /// The result before each row.
    pub(super) old: Option<&'a mut Appender>,
    pub(super) failed: &'a mut u64,
    pub(super) session: &'a mut Session,
}

/// A state that grows, and where the new one is written, whole.
pub(super) struct Growth<'a> {
    pub(super) state: &'a [u8],
    pub(super) new: &'a mut Vec<u8>,
}

/// What functions with states that grow work with beside the row.
pub(super) struct Scope<'a> {
    pub(super) session: &'a mut Session,
    /// The number of the row in the order in which rows came; it says which of two values came first.
    pub(super) sequence: u64,
    pub(super) failed: &'a mut u64,
}
