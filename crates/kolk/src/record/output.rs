//! Rows as they go to a sink: key, value and headers, each either a slice of the input or freshly encoded.

use crate::record::{Rows, Slice};

/// Where the bytes of a key or value are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the buffer of the input rows.
    Input(Slice),
    /// In [`Output::encoded`].
    Encoded(Slice),
}

/// One row for the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputRow {
    /// The position of the row that it came from in the input's [`Rows::rows`].
    pub input: u32,
    /// The row's time, in milliseconds since 1970: the event time if the source declares one.
    pub timestamp: i64,
    /// The key's bytes.
    pub key: Place,
    /// The value's bytes.
    pub value: Place,
    /// How to sort and pack it, for bin-packed delivery only.
    pub bin: Option<BinKey>,
}

/// What bin-packed delivery needs to know of a row: two byte strings that compare as the columns do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinKey {
    /// The key of which no bin holds two rows; in [`Output::encoded`].
    pub key: Slice,
    /// The order of the key's rows; in [`Output::encoded`].
    pub order: Slice,
}

/// A record that could not be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// The position of its row in the input's [`Rows::rows`].
    pub input: u32,
    /// What is wrong with it, for people: which column, what was found, what was expected.
    pub reason: String,
}

/// A record that chooses its partition itself, and is no row of the sink's topic that a key places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addressed {
    /// Where it goes.
    pub to: Destination,
    /// The partition there.
    pub partition: i32,
    /// Its time-stamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// The key's bytes; in [`Output::encoded`].
    pub key: Slice,
    /// The value's bytes; in [`Output::encoded`].
    pub value: Slice,
}

/// Where an addressed record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The sink's topic: a repartition topic.
    Sink,
    /// The changelog of this store, by number in the stage.
    Changelog(usize),
    /// The topic for rows that came too late for this node, by number in the stage.
    Late(usize),
}

/// What became of a batch of rows. Used again for the next batch, so nothing is allocated at a steady rate.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Rows for the sink, in input order.
    pub rows: Vec<OutputRow>,
    /// Keys and values that were encoded.
    pub encoded: Vec<u8>,
    /// Records with a place of their own, in order for each place.
    pub addressed: Vec<Addressed>,
    /// Records that could not be processed, in input order.
    pub bad: Vec<BadRecord>,
    /// How many rows a filter left out.
    pub filtered: u64,
    /// How many times an expression failed on a row and gave NULL.
    pub failed_expressions: u64,
    /// The largest event time of the batch, bad records left out; `None` when there was none.
    pub max_event_time: Option<i64>,
    /// Whether the rows are those of the input as they were read, time-stamps included, apart from some that may be left out.
    pub as_read: bool,
}

impl Output {
    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.encoded.clear();
        self.addressed.clear();
        self.bad.clear();
        self.filtered = 0;
        self.failed_expressions = 0;
        self.max_event_time = None;
        self.as_read = false;
    }

    /// Whether the rows are exactly those of `input`, as they were read.
    #[must_use]
    pub fn is_all_of(&self, input: &Rows) -> bool {
        self.as_read && self.rows.len() == input.rows.len()
    }

    /// The bytes at `place`, which belongs to this output of `input`.
    #[must_use]
    pub fn bytes<'a>(&'a self, input: &'a Rows, place: Place) -> Option<&'a [u8]> {
        match place {
            Place::Input(slice) => slice.of(&input.buffer),
            Place::Encoded(slice) => slice.of(&self.encoded),
        }
    }
}
