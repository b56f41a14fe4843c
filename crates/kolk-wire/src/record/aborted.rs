//! Which batches of a fetch response a `read_committed` reader passes over (KIP-98).
//!
//! The broker lists the aborted transactions that overlap the response: producer and first offset. From that offset on, all
//! transactional batches of the producer are void, up to its abort marker, after which the next transaction may hold.

use super::batch::Batch;
use super::control::{ControlKind, ControlRecord};
use super::inflate::Scratch;
use crate::read::DecodeError;
use std::collections::BTreeSet;

/// An aborted transaction of a fetch response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AbortedTransaction {
    /// Whose.
    pub producer_id: i64,
    /// Where it starts in the partition.
    pub first_offset: i64,
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Hand its records out.
    Deliver,
    /// Pass over it: its transaction was aborted.
    Aborted,
    /// Pass over it: it holds a marker.
    Control,
}

/// Goes through the batches of one fetch response of one partition, in order.
#[derive(Debug, Clone)]
pub struct AbortedFilter {
    /// Not begun yet, the last to begin first.
    ahead: Vec<AbortedTransaction>,
    /// Producers whose current transaction was aborted.
    void: BTreeSet<i64>,
}

impl AbortedFilter {
    /// With the response's list, in any order. An empty list is right for `read_uncommitted`.
    pub fn new(aborted: impl IntoIterator<Item = AbortedTransaction>) -> Self {
        let mut ahead: Vec<_> = aborted.into_iter().collect();
        ahead.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self { ahead, void: BTreeSet::new() }
    }

    /// What to do with the next batch.
    ///
    /// # Errors
    /// [`DecodeError`] when a control batch cannot be read.
    pub fn verdict(&mut self, batch: &Batch) -> Result<Verdict, DecodeError> {
        let header = &batch.header;
        while let Some(next) = self.ahead.pop_if(|next| next.first_offset <= header.last_offset()) {
            self.void.insert(next.producer_id);
        }
        if header.is_control() {
            if marker(batch)? == Some(ControlRecord::End(ControlKind::Abort)) {
                self.void.remove(&header.producer_id);
            }
            return Ok(Verdict::Control);
        }
        if header.is_transactional() && self.void.contains(&header.producer_id) {
            return Ok(Verdict::Aborted);
        }
        Ok(Verdict::Deliver)
    }
}

/// What a control batch says; nothing when compaction has emptied it.
fn marker(batch: &Batch) -> Result<Option<ControlRecord>, DecodeError> {
    // One record of a few bytes: whatever it might decompress to, more than this is wrong.
    let body = batch.body(&mut Scratch::with_limit(4096))?;
    match body.records().next() {
        Some(record) => ControlRecord::parse(record?.key).map(Some),
        None => Ok(None),
    }
}
