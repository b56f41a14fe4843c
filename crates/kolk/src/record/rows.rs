//! Rows as they come from a source: one partition, in offset order, as slices of one buffer.

use bytes::Bytes;
use kolk_wire::record::Batch;

/// A part of a batch's buffer, or NULL. At most 4 GiB are addressable; fetches are bounded far below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    start: u32,
    len: u32,
}

impl Slice {
    /// No bytes at all: what Kafka calls a null key or value.
    pub const NULL: Self = Self { start: 0, len: u32::MAX };

    /// The `len` bytes from `start`.
    #[must_use]
    pub fn new(start: u32, len: u32) -> Self {
        debug_assert!(len != u32::MAX, "the length that stands for NULL");
        Self { start, len }
    }

    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.len == u32::MAX
    }

    /// Its bytes; 0 for NULL.
    #[inline]
    #[must_use]
    pub fn len(self) -> usize {
        if self.is_null() { 0 } else { self.len as usize }
    }

    /// Whether there are no bytes: empty, or NULL.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Where it begins in the buffer, in bytes.
    #[must_use]
    pub fn start(self) -> u32 {
        self.start
    }

    /// The same bytes after `by` bytes at the front of the buffer went away.
    #[must_use]
    pub fn moved_down(self, by: u32) -> Self {
        if self.is_null() { self } else { Self { start: self.start - by, ..self } }
    }

    /// The bytes, out of the buffer that the slice belongs to; `None` for NULL.
    #[must_use]
    pub fn of(self, buffer: &[u8]) -> Option<&[u8]> {
        if self.is_null() {
            return None;
        }
        let start = self.start as usize;
        buffer.get(start..start + self.len as usize)
    }
}

/// One row: a Kafka record, not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its offset in the source partition.
    pub offset: i64,
    /// The record's time-stamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// The key's bytes.
    pub key: Slice,
    /// The value's bytes.
    pub value: Slice,
    /// The headers as they stand in the record batch: a varint count and that many headers. Empty or NULL: none.
    pub headers: Slice,
    /// Key, value and headers together as they stand in a record batch, lengths included; NULL when they do not.
    pub fields: Slice,
}

/// Rows of one source partition, in offset order.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Which of the query's sources, by position among its nodes.
    pub source: usize,
    /// The source partition.
    pub partition: i32,
    /// What the slices are slices of: fetched bytes, or what was decompressed out of them.
    pub buffer: Bytes,
    /// The rows.
    pub rows: Vec<Row>,
    /// What the clock said when they were read, in milliseconds since 1970; `None` where nobody looked. It tells event times of the
    /// future, and nothing else.
    pub read_at: Option<i64>,
    /// The batches of which all records are among the rows, in order.
    pub whole: Vec<WholeBatch>,
}

/// A batch of which every record is a row.
#[derive(Debug, Clone)]
pub struct WholeBatch {
    /// The number of its first row; as many follow as its header counts records.
    pub first: usize,
    /// The batch as it was fetched.
    pub batch: Batch,
}

impl WholeBatch {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        usize::try_from(self.batch.header.records_count).unwrap_or_default()
    }
}

impl Rows {
    /// Bytes of their keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.iter().map(|row| row.key.len() + row.value.len()).sum()
    }

    /// Those at this offset and behind it; all of them without one.
    #[must_use]
    pub(crate) fn behind(mut self, offset: Option<i64>) -> Self {
        let before = offset.map_or(0, |at| self.rows.partition_point(|row| row.offset < at));
        if before > 0 {
            self.rows.drain(..before);
            self.whole.clear();
        }
        self
    }
}
