//! Compaction of one batch: some records go, the others stay as they are.

use super::batch::Batch;
use super::builder::seal;
use super::compression::{Compression, Compressor};
use super::header::{BatchHeader, HEADER_SIZE, TimestampType};
use super::inflate::Scratch;
use super::records::Record;
use crate::read::DecodeError;
use bytes::BytesMut;

impl Batch {
    /// The batch without the records that `keep` refuses. Offsets, time-stamps, codec, producer and the batch's range of
    /// offsets stay what they were; the count, and with create time the greatest time-stamp, become those of what is left.
    ///
    /// When nothing is left, a batch without records comes out, which Kafka keeps while it holds a producer's last sequence
    /// number; its time-stamps stay.
    ///
    /// # Errors
    /// As [`Self::body`] and the iteration over its records.
    pub fn retain(
        &self,
        scratch: &mut Scratch,
        mut keep: impl FnMut(&Record<'_>) -> bool,
    ) -> Result<BytesMut, DecodeError> {
        let body = self.body(scratch)?;
        let mut kept = BytesMut::with_capacity(HEADER_SIZE + body.bytes.len());
        kept.resize(HEADER_SIZE, 0);
        let mut count = 0;
        let mut latest = None;
        let mut records = body.records();
        loop {
            // Deltas are relative to the header, which stays: so do a record's bytes.
            let before = records.bytes();
            let Some(record) = records.next() else { break };
            let record = record?;
            if keep(&record) {
                let size = before.len() - records.bytes().len();
                kept.extend_from_slice(before.get(..size).unwrap_or_default());
                count += 1;
                latest = latest.max(Some(record.timestamp));
            }
        }
        let max_timestamp = match (self.header.timestamp_type(), latest) {
            (TimestampType::CreateTime, Some(latest)) => latest,
            (TimestampType::LogAppendTime, _) | (_, None) => self.header.max_timestamp,
        };
        let header = BatchHeader { records_count: count, max_timestamp, ..self.header };
        // Not every client decompresses nothing to nothing.
        let codec = if count == 0 { Compression::None } else { self.header.compression()? };
        let mut compressor = Compressor::new(codec, None);
        Ok(seal(kept, header, &mut compressor))
    }
}
