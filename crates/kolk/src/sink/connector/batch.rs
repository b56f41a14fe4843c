//! Rows on their way to a connection, and what becomes of each.

use super::origin::{InputTopic, Origin, Span};
use crate::sink::held::{HeldRows, SinkRow};
use crate::sink::outlet::{AddedHeader, Stamp};
use crate::sink::progress::Lane;
use std::collections::BTreeSet;
use std::sync::Arc;

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
    /// Which topic rows came from, the same for rows one after the other.
    topics: Vec<(usize, Arc<InputTopic>)>,
    session: u64,
    /// The refused rows of which the stage has heard, by position.
    told: BTreeSet<usize>,
    /// What people should hear.
    pub(super) notices: Vec<String>,
}

impl RowBatch {
    /// Of rows that were read in this session: what was read anew after going back is another one.
    pub(super) fn of_session(session: u64) -> Self {
        Self { session, ..Self::default() }
    }

    /// Notes which topic the rows pushed from now on come from.
    pub(super) fn come_from(&mut self, topic: &Arc<InputTopic>) {
        if self.topics.last().is_none_or(|(_, last)| last != topic) {
            self.topics.push((self.rows.len(), Arc::clone(topic)));
        }
    }

    /// Whether the last row was made from the same record as `row`: they are stored together or not at all.
    pub(super) fn ends_within_record_of(&self, row: &SinkRow<'_>) -> bool {
        let last = self.len().checked_sub(1).and_then(|last| self.sink_row(last));
        last.is_some_and(|last| last.partition == row.partition && last.offset == row.offset)
    }

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

    /// All memory that the rows take. Small ones take more of it than they have bytes.
    pub(super) fn memory(&self) -> usize {
        let beside = size_of::<i64>() + size_of::<Outcome>() + size_of::<bool>();
        self.rows.memory() + self.rows.len() * beside
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

    /// Which time of reading its rows belong to: it changes when the query goes back to its committed offsets.
    #[must_use]
    pub fn session(&self) -> u64 {
        self.session
    }

    /// Where the row at `index` came from; none when that is not known.
    #[must_use]
    pub fn origin(&self, index: usize) -> Option<Origin<'_>> {
        let row = self.sink_row(index).filter(|row| row.offset >= 0)?;
        let (_, topic) = self.topics.iter().rfind(|(from, _)| *from <= index)?;
        Some(Origin { topic, partition: row.partition.partition, offset: row.offset })
    }

    /// The places that rows came from, and which part of each, whatever became of the rows.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for origin in (0..self.len()).filter_map(|index| self.origin(index)) {
            let end = origin.offset + 1;
            match spans.iter_mut().find(|span| origin.is_of(&span.place)) {
                Some(span) => span.end = span.end.max(end),
                None => spans.push(Span { place: origin.place(), first: origin.offset, end }),
            }
        }
        spans
    }

    /// Has people told of something.
    pub fn notice(&mut self, what: String) {
        self.notices.push(what);
    }

    /// The rows refused since it was last asked, by position.
    pub(super) fn take_refused(&mut self) -> Vec<(usize, String)> {
        let refused = |(index, outcome): (usize, &Outcome)| match outcome {
            Outcome::Refused(why) => Some((index, why.clone())),
            Outcome::Open | Outcome::Stored => None,
        };
        // Outcomes do not change once they are there, but a later refusal may stand further to the front.
        let all: Vec<_> = self.outcomes.iter().enumerate().filter_map(refused).collect();
        let news = all.iter().filter(|(index, _)| !self.told.contains(index)).cloned().collect();
        self.told = all.into_iter().map(|(index, _)| index).collect();
        news
    }

    /// Whether rows were refused of which the stage has not heard.
    pub(super) fn has_refused(&self) -> bool {
        let refused = self.outcomes.iter().filter(|it| matches!(it, Outcome::Refused(_)));
        refused.count() > self.told.len()
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
