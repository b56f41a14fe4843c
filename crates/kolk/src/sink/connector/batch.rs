//! Rows on their way to a connection, and what becomes of each.

use crate::sink::held::{HeldRows, SinkRow};
use crate::sink::outlet::{AddedHeader, Stamp};
use crate::sink::progress::Lane;

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is known yet.
    Open,
    /// The store has it.
    Stored,
    /// The store will never take it.
    Refused(String),
}

/// A row as a connection sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectorRow<'a> {
    /// The key's bytes; rows with the same ones are ordered.
    pub key: Option<&'a [u8]>,
    /// A JSON object of the columns; `None` deletes the key's row.
    pub value: Option<&'a [u8]>,
    /// The row's time, in milliseconds since 1970.
    pub timestamp: i64,
    /// A header that delivery added: the number of the bin.
    pub header: Option<(&'a str, &'a [u8])>,
    /// Its lane.
    pub lane: Lane,
}

/// Rows that are written together, in order.
#[derive(Debug, Default)]
pub struct RowBatch {
    rows: HeldRows,
    stamps: Vec<i64>,
    /// Name and value of the header that delivery added, the same for rows one after the other.
    headers: Vec<(usize, String, Vec<u8>)>,
    outcomes: Vec<Outcome>,
    open: usize,
    /// Rows that were sent at least once.
    sent: Vec<bool>,
    sent_again: u64,
}

impl RowBatch {
    pub(super) fn push(
        &mut self,
        lane: Lane,
        row: &SinkRow<'_>,
        stamp: Stamp,
        header: Option<AddedHeader<'_>>,
    ) {
        if let Some(AddedHeader { name, value }) = header {
            let same = self.headers.last().is_some_and(|(_, n, v)| n == name && v == value);
            if !same {
                self.headers.push((self.rows.len(), name.to_owned(), value.to_vec()));
            }
        }
        self.rows.push(row, lane, None);
        self.stamps.push(match stamp {
            Stamp::At(ms) | Stamp::Shared(ms) => ms,
        });
        self.outcomes.push(Outcome::Open);
        self.sent.push(false);
        self.open += 1;
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The bytes of all rows.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// The row at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<ConnectorRow<'_>> {
        let (row, lane) = self.rows.get(index)?;
        let header = self.headers.iter().rfind(|(from, ..)| *from <= index);
        let header = header.map(|(_, name, value)| (name.as_str(), value.as_slice()));
        let timestamp = *self.stamps.get(index)?;
        Some(ConnectorRow { key: row.key, value: row.value, timestamp, header, lane })
    }

    /// The row at `index` as it came, for a dead letter.
    #[must_use]
    pub fn sink_row(&self, index: usize) -> Option<SinkRow<'_>> {
        self.rows.get(index).map(|(row, _)| row)
    }

    /// The rows that have no outcome yet, in order, by position.
    #[must_use]
    pub fn open(&self) -> Vec<usize> {
        let open = self.outcomes.iter().enumerate().filter(|(_, it)| **it == Outcome::Open);
        open.map(|(index, _)| index).collect()
    }

    /// How many rows have no outcome yet.
    #[must_use]
    pub fn open_rows(&self) -> usize {
        self.open
    }

    /// Whether every row has an outcome.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.open == 0
    }

    /// Notes that the row at `index` is on its way to the store.
    pub fn sending(&mut self, index: usize) {
        if let Some(sent) = self.sent.get_mut(index) {
            self.sent_again += u64::from(*sent);
            *sent = true;
        }
    }

    /// How often a row was sent that had been sent before, as far as [`Self::sending`] was told.
    #[must_use]
    pub fn sent_again(&self) -> u64 {
        self.sent_again
    }

    /// Notes what became of the row at `index`. The first outcome counts.
    pub fn settle(&mut self, index: usize, outcome: Outcome) {
        match self.outcomes.get_mut(index) {
            Some(it @ Outcome::Open) if outcome != Outcome::Open => {
                *it = outcome;
                self.open -= 1;
            }
            _ => {}
        }
    }

    /// What became of each row, in order.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }
}
