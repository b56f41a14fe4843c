//! What delivery asks of a store: take rows on lanes, and say when they are safe.

use crate::sink::held::SinkRow;
use crate::sink::progress::Lane;
use kolk_wire::record::Batch;

/// The time-stamp that a row gets in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// This time, in milliseconds since 1970.
    At(i64),
    /// This time, in milliseconds since 1970, or that of the rows before it if they leave in the same request: rows of a
    /// request share their time-stamp.
    Shared(i64),
}

/// A header that delivery adds to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedHeader<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a [u8],
}

/// A way into a store. Rows of one lane are stored in the order in which they were appended; an outlet repeats requests
/// by itself until they are acknowledged, in that order, and never blocks.
pub trait Outlet {
    /// The lane that `row` belongs to: rows of one key always take the same.
    fn lane(&mut self, row: &SinkRow<'_>) -> Lane;

    /// Puts `row` behind the others of its lane.
    fn append(
        &mut self,
        lane: Lane,
        row: &SinkRow<'_>,
        stamp: Stamp,
        header: Option<AddedHeader<'_>>,
    );

    /// Puts a whole batch behind the other rows of `lane`, all of whose rows belong there and keep their time: as it was fetched,
    /// instead of row by row. `false`, and nothing is put anywhere, when it does not do that; then the rows are appended.
    fn forward(&mut self, lane: Lane, batch: &Batch) -> bool {
        let _ = (lane, batch);
        false
    }

    /// Sends what was appended without waiting for more.
    fn dispatch(&mut self);

    /// Whether more rows may be appended: its memory is bounded.
    fn has_room(&self) -> bool;

    /// Takes the acknowledgements that came since the last call, in order for each lane.
    fn acknowledged(&mut self, each: &mut dyn FnMut(Lane, u64));
}
