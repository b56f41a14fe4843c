//! From the bytes of a fetched partition to the batches that its reader gets.

use crate::client::config::{CrcCheck, Isolation};
use bytes::Bytes;
use kolk_wire::DecodeError;
use kolk_wire::record::{AbortedFilter, AbortedTransaction, Batch, Batches, Verdict};

/// What a fetched partition came to.
#[derive(Debug, Default)]
pub(super) struct Sifted {
    /// What the reader gets.
    pub(super) batches: Vec<Batch>,
    /// Bytes in them.
    pub(super) bytes: usize,
    /// The next offset to fetch; `None` when no whole batch arrived.
    pub(super) next: Option<i64>,
    /// The leader epoch of the last batch.
    pub(super) epoch: i32,
}

/// How batches are sifted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sieve {
    pub(super) isolation: Isolation,
    pub(super) crcs: CrcCheck,
}

impl Sieve {
    /// Checks all batches, leaves out what was aborted, what is a marker and what lies before `position`.
    ///
    /// # Errors
    /// [`DecodeError`] at the first batch that is not one.
    pub(super) fn sift(
        self,
        records: Bytes,
        position: i64,
        aborted: impl IntoIterator<Item = AbortedTransaction>,
    ) -> Result<Sifted, DecodeError> {
        let mut filter = AbortedFilter::new(aborted);
        let mut sifted = Sifted::default();
        for batch in Batches::new(records) {
            let batch = batch?;
            if self.crcs == CrcCheck::Verify {
                batch.verify_crc()?;
            }
            let verdict = match self.isolation {
                Isolation::ReadCommitted => filter.verdict(&batch)?,
                Isolation::ReadUncommitted if batch.header.is_control() => Verdict::Control,
                Isolation::ReadUncommitted => Verdict::Deliver,
            };
            // The last offset stays in the header when compaction removes the record: no gap is waited for.
            let next = batch.header.next_offset();
            sifted.next = sifted.next.max(Some(next));
            sifted.epoch = batch.header.partition_leader_epoch;
            if verdict == Verdict::Deliver && next > position && batch.header.records_count > 0 {
                sifted.bytes += batch.bytes.len();
                sifted.batches.push(batch);
            }
        }
        Ok(sifted)
    }
}
