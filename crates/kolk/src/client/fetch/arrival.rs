//! What a fetch brought of one partition: checked and handed out a piece at a time, just before it is read.
//!
//! A batch that was checked long before its records are read has left the processor's cache again, and then each record costs
//! a miss. So only the headers are looked at when a response arrives: they tell where the next fetch begins.

use super::FetchedPartition;
use crate::client::config::{CrcCheck, Isolation};
use crate::client::{Offset, TopicPartition};
use bytes::Bytes;
use kolk_wire::DecodeError;
use kolk_wire::record::{AbortedFilter, AbortedTransaction, Batch, Batches, Verdict};

/// A piece ends with the batch that reaches so many bytes: few enough for the cache of one core.
const PIECE_BYTES: usize = 256 << 10;

/// How batches are checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sieve {
    pub(super) isolation: Isolation,
    pub(super) crcs: CrcCheck,
}

impl Sieve {
    /// Checks a batch; whether its reader gets it.
    fn lets_through(self, batch: &Batch, filter: &mut AbortedFilter) -> Result<bool, DecodeError> {
        if self.crcs == CrcCheck::Verify {
            batch.verify_crc()?;
        }
        let verdict = match self.isolation {
            Isolation::ReadCommitted => filter.verdict(batch)?,
            Isolation::ReadUncommitted if batch.header.is_control() => Verdict::Control,
            Isolation::ReadUncommitted => Verdict::Deliver,
        };
        Ok(verdict == Verdict::Deliver)
    }
}

/// What the headers say about the batches that arrived whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes in them.
    pub(super) bytes: usize,
    /// The next offset to fetch; `None` when no whole batch arrived.
    pub(super) next: Option<i64>,
    /// The leader epoch of the last one.
    pub(super) epoch: i32,
}

impl Extent {
    /// Reads the headers.
    ///
    /// # Errors
    /// [`DecodeError`] at the first batch that is not one.
    pub(super) fn of(records: &Bytes) -> Result<Self, DecodeError> {
        let mut batches = Batches::new(records.clone());
        let (mut next, mut epoch) = (None, -1);
        for batch in &mut batches {
            let header = batch?.header;
            // The last offset stays in the header when compaction removes the record: no gap is waited for.
            next = next.max(Some(header.next_offset()));
            epoch = header.partition_leader_epoch;
        }
        Ok(Self { bytes: batches.position(), next, epoch })
    }
}

/// Offsets of the log, when the broker answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogOffsets {
    pub(super) high_watermark: i64,
    pub(super) last_stable: i64,
    pub(super) start: i64,
}

/// What a fetch brought of a partition, as far as it was not handed out.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) partition: TopicPartition,
    /// Where the next piece begins, and the leader epoch of the batch before.
    pub(super) position: i64,
    pub(super) epoch: i32,
    records: Bytes,
    rest: Batches,
    sieve: Sieve,
    filter: AbortedFilter,
    extent: Extent,
    log: LogOffsets,
    caught_up: bool,
}

impl Arrival {
    /// Of `records`, whose extent is known, fetched from `position`; `epoch` is that of the batch before.
    pub(super) fn new(
        partition: TopicPartition,
        (position, epoch): (i64, i32),
        (records, extent): (Bytes, Extent),
        aborted: impl IntoIterator<Item = AbortedTransaction>,
        sieve: Sieve,
        (log, caught_up): (LogOffsets, bool),
    ) -> Self {
        let (rest, filter) = (Batches::new(records.clone()), AbortedFilter::new(aborted));
        Self { partition, position, epoch, records, rest, sieve, filter, extent, log, caught_up }
    }

    /// Bytes that were not handed out.
    pub(super) fn left(&self) -> usize {
        self.extent.bytes - self.rest.position()
    }

    /// The next piece, with at least one batch if any is left: without what was aborted, what is a marker, and what lies
    /// before the position.
    ///
    /// # Errors
    /// [`DecodeError`] when the next batch is damaged; those before it were handed out.
    pub(super) fn piece(&mut self) -> Result<FetchedPartition, DecodeError> {
        let (from, start) = (self.rest.position(), self.position);
        let (mut batches, mut bytes) = (Vec::new(), 0);
        while self.left() > 0 && self.rest.position() - from < PIECE_BYTES {
            let here = self.rest.clone();
            let first = here.position() == from;
            let checked = self.rest.next().transpose().and_then(|batch| {
                let Some(batch) = batch else { return Ok(None) };
                let wanted = self.sieve.lets_through(&batch, &mut self.filter)?;
                Ok(Some((batch, wanted)))
            });
            let (batch, wanted) = match checked {
                Ok(Some(checked)) => checked,
                Ok(None) => break,
                Err(error) if first => return Err(error),
                Err(_) => {
                    // The next piece tells.
                    self.rest = here;
                    break;
                }
            };
            let next = batch.header.next_offset();
            self.epoch = batch.header.partition_leader_epoch;
            if wanted && next > self.position && batch.header.records_count > 0 {
                bytes += batch.bytes.len();
                batches.push(batch);
            }
            self.position = self.position.max(next);
        }
        Ok(FetchedPartition {
            partition: self.partition.clone(),
            start: Offset(start),
            next: Offset(self.position),
            batches,
            records: self.records.clone(),
            bytes,
            high_watermark: Offset(self.log.high_watermark),
            last_stable_offset: Offset(self.log.last_stable),
            log_start_offset: Offset(self.log.start),
            caught_up: self.caught_up && self.left() == 0,
        })
    }
}
