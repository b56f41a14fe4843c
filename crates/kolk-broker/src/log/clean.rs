//! Which records compaction keeps: the rules, batch by batch.

use super::AbortedSpan;
use super::producer_state::LastWritten;
use super::recovery::marker;
use super::scan::damaged;
use bytes::Bytes;
use kolk_wire::record::{Batch, ControlKind, Record, Scratch};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

/// Memory that a key takes besides its own bytes, about.
const KEY_OVERHEAD: usize = 48;

/// The last offset of each key in the part of the log that is new.
#[derive(Debug)]
pub(super) struct Keys {
    last: HashMap<Box<[u8]>, i64>,
    from: i64,
    room: usize,
    full_at: Option<i64>,
    scratch: Scratch,
}

impl Keys {
    /// No keys yet; those of records before `from` are not wanted.
    pub(super) fn new(from: i64, room: usize) -> Self {
        Self { last: HashMap::new(), from, room, full_at: None, scratch: Scratch::new() }
    }

    /// Takes note of a batch's keys, unless they are void or there is no room left.
    pub(super) fn note(&mut self, batch: &Batch, void: bool) -> io::Result<()> {
        let header = &batch.header;
        let wanted = header.last_offset() >= self.from && self.full_at.is_none();
        if !wanted || void || header.is_control() {
            return Ok(());
        }
        let body = batch.body(&mut self.scratch).map_err(damaged)?;
        // The first batch of a round is taken whatever its size, or there would be no progress.
        let size = body.bytes.len() + body.records().size_hint().1.unwrap_or(0) * KEY_OVERHEAD;
        if size > self.room && !self.last.is_empty() {
            self.full_at = Some(header.base_offset);
            return Ok(());
        }
        for record in body.records() {
            let record = record.map_err(damaged)?;
            let Some(key) = record.key.filter(|_| record.offset >= self.from) else { continue };
            if let Some(last) = self.last.get_mut(key) {
                *last = record.offset;
            } else {
                self.room = self.room.saturating_sub(key.len() + KEY_OVERHEAD);
                self.last.insert(key.into(), record.offset);
            }
        }
        Ok(())
    }

    /// The first offset that there was no room for.
    pub(super) fn full_at(&self) -> Option<i64> {
        self.full_at
    }

    fn is_last(&self, key: &[u8], offset: i64) -> bool {
        self.last.get(key).is_none_or(|last| offset >= *last)
    }
}

/// What is to be said of a batch from its transaction's point of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its records hold, or may yet.
    Valid,
    /// Its records were aborted.
    Void,
    /// It ends a transaction of which there are records; the span if it was aborted.
    Ends(Option<AbortedSpan>),
    /// It ends a transaction of which there is nothing left.
    EndsNothing,
}

impl Standing {
    pub(super) fn is_void(self) -> bool {
        self == Self::Void
    }
}

/// The transactions that are under way at a point of the log.
#[derive(Debug)]
pub(super) struct Transactions {
    /// Not met yet; the last to begin first.
    ahead: Vec<AbortedSpan>,
    /// By producer; whether a batch of it was met.
    aborted: BTreeMap<i64, (AbortedSpan, bool)>,
    /// Producers of which a valid batch was met since their last marker.
    valid: BTreeSet<i64>,
}

impl Transactions {
    pub(super) fn new(aborted: &[AbortedSpan]) -> Self {
        let mut ahead = aborted.to_vec();
        ahead.sort_by_key(|span| std::cmp::Reverse(span.first_offset));
        Self { ahead, aborted: BTreeMap::new(), valid: BTreeSet::new() }
    }

    /// Goes on by one batch.
    pub(super) fn sees(&mut self, batch: &Batch) -> io::Result<Standing> {
        let header = &batch.header;
        let id = header.producer_id;
        while let Some(span) = self.ahead.pop_if(|span| span.first_offset <= header.last_offset()) {
            self.aborted.insert(span.producer_id, (span, false));
        }
        if header.is_control() {
            return Ok(match marker(batch)? {
                Some((ControlKind::Abort, _)) => match self.aborted.remove(&id) {
                    Some((span, true)) => Standing::Ends(Some(span)),
                    _ => Standing::EndsNothing,
                },
                Some((ControlKind::Commit, _)) if self.valid.remove(&id) => Standing::Ends(None),
                Some((ControlKind::Commit, _)) | None => Standing::EndsNothing,
            });
        }
        if !header.is_transactional() {
            return Ok(Standing::Valid);
        }
        if let Some((_, met)) = self.aborted.get_mut(&id) {
            *met = true;
            return Ok(Standing::Void);
        }
        self.valid.insert(id);
        Ok(Standing::Valid)
    }
}

/// The clock of one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) now_ms: i64,
    pub(super) delete_retention_ms: i64,
}

/// What is left of a batch.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) bytes: Option<Bytes>,
    /// The aborted transaction that the batch ends, if its records are not all gone.
    pub(super) aborted: Option<AbortedSpan>,
}

/// Applies the rules to one batch after the other, from the log's first on.
#[derive(Debug)]
pub(super) struct Cleaner<'a> {
    keys: Keys,
    transactions: Transactions,
    last_written: &'a BTreeMap<i64, LastWritten>,
    times: Times,
    scratch: Scratch,
}

impl<'a> Cleaner<'a> {
    pub(super) fn new(
        keys: Keys,
        transactions: Transactions,
        last_written: &'a BTreeMap<i64, LastWritten>,
        times: Times,
    ) -> Self {
        Self { keys, transactions, last_written, times, scratch: Scratch::new() }
    }

    /// What is left of the next batch.
    pub(super) fn clean(&mut self, batch: &Batch) -> io::Result<Kept> {
        let header = &batch.header;
        let standing = self.transactions.sees(batch)?;
        let horizon_passed =
            header.delete_horizon().is_some_and(|horizon| horizon <= self.times.now_ms);
        let discard = match standing {
            Standing::Void => true,
            Standing::EndsNothing => horizon_passed,
            Standing::Valid | Standing::Ends(_) => false,
        };
        let aborted = match standing {
            Standing::Ends(span) => span,
            _ => None,
        };
        let (kept, tombstones) = self.kept_of(batch, discard, horizon_passed)?;
        let count = kept.iter().filter(|kept| **kept).count();
        if count == 0 && !self.is_last_of_producer(batch) {
            return Ok(Kept { bytes: None, aborted });
        }
        let mut bytes = batch.bytes.clone();
        if count < kept.len() {
            let mut kept = kept.iter();
            let keep = |_: &Record<'_>| kept.next().is_some_and(|kept| *kept);
            bytes = batch.retain(&mut self.scratch, keep).map_err(damaged)?.freeze();
        }
        let goes_later = tombstones || (standing == Standing::EndsNothing && count > 0);
        if goes_later && header.delete_horizon().is_none() {
            let horizon = self.times.now_ms.saturating_add(self.times.delete_retention_ms);
            let batch =
                Batch::parse(&bytes).map_err(damaged)?.ok_or_else(|| damaged("no batch"))?;
            let marked = batch.with_delete_horizon(&mut self.scratch, horizon);
            bytes = marked.map_err(damaged)?.freeze();
        }
        Ok(Kept { bytes: Some(bytes), aborted })
    }

    /// Of each record of the batch whether it stays, and whether a tombstone is among those that do.
    fn kept_of(
        &mut self,
        batch: &Batch,
        discard: bool,
        horizon_passed: bool,
    ) -> io::Result<(Vec<bool>, bool)> {
        let body = batch.body(&mut self.scratch).map_err(damaged)?;
        let is_control = batch.header.is_control();
        let (mut kept, mut tombstones) = (Vec::new(), false);
        for record in body.records() {
            let record = record.map_err(damaged)?;
            let keep = !discard && (is_control || self.keeps(&record, horizon_passed));
            tombstones |= keep && !is_control && record.value.is_none();
            kept.push(keep);
        }
        Ok((kept, tombstones))
    }

    fn keeps(&self, record: &Record<'_>, horizon_passed: bool) -> bool {
        // A record without a key has nothing to be kept by; it dates from before the topic was compacted.
        let Some(key) = record.key else {
            return self.keys.full_at().is_some_and(|full| record.offset >= full);
        };
        self.keys.is_last(key, record.offset) && (record.value.is_some() || !horizon_passed)
    }

    fn is_last_of_producer(&self, batch: &Batch) -> bool {
        let header = &batch.header;
        match self.last_written.get(&header.producer_id).filter(|_| header.has_producer_id()) {
            Some(LastWritten::Data(offset)) => header.last_offset() == *offset,
            Some(LastWritten::Marker(epoch)) => {
                header.is_control() && header.producer_epoch == *epoch
            }
            None => false,
        }
    }
}
