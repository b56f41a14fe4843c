//! A record that could not be processed, as it came.

use crate::record::{BadRecord, Row, Rows, Slice};

/// A record that could not be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Which of the task's inputs it came from.
    pub input: usize,
    /// Its offset.
    pub offset: i64,
    /// Its time-stamp.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers as they stand in a record batch.
    pub headers: Vec<u8>,
    /// What is wrong with it.
    pub reason: String,
}

impl BadRow {
    /// The record that a decoder refused.
    pub(super) fn new(input: usize, rows: &Rows, bad: &BadRecord) -> Option<Self> {
        rows.rows.get(bad.input as usize).map(|row| Self::of(row, input, rows, &bad.reason))
    }

    /// The record at an offset, whose row could not be read further on.
    pub(super) fn at(offset: i64, input: usize, rows: &Rows, reason: &str) -> Option<Self> {
        let at = rows.rows.binary_search_by_key(&offset, |row| row.offset).ok()?;
        Some(Self::of(&rows.rows[at], input, rows, reason))
    }

    fn of(row: &Row, input: usize, rows: &Rows, reason: &str) -> Self {
        let bytes = |slice: Slice| slice.of(&rows.buffer).map(<[u8]>::to_vec);
        Self {
            input,
            offset: row.offset,
            timestamp: row.timestamp,
            key: bytes(row.key),
            value: bytes(row.value),
            headers: bytes(row.headers).unwrap_or_default(),
            reason: reason.to_owned(),
        }
    }
}
