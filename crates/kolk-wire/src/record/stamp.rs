//! What is written into the header of a finished batch: by the producer just before sending, by the broker on append.
//!
//! A checksum that the change concerns is derived from the old one, not from the records, so it costs the same for any batch
//! and never makes a damaged batch look sound. Bytes that are shorter than a header are left alone.

use super::crc;
use super::header::{CHECKED_FROM, HEADER_SIZE, PREFIX_SIZE, at, bit, field, put};

/// Whether a batch belongs to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transactional {
    /// It does not: idempotent at most.
    #[default]
    No,
    /// It does.
    Yes,
}

/// Writes the identity of an idempotent producer, and the sequence number of the batch's first record.
///
/// Use −1, −1, −1 for none.
pub fn stamp_producer(
    batch: &mut [u8],
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    transactional: Transactional,
) {
    patch(batch, |head| {
        put(head, at::PRODUCER_ID, producer_id.to_be_bytes());
        put(head, at::PRODUCER_EPOCH, producer_epoch.to_be_bytes());
        put(head, at::BASE_SEQUENCE, base_sequence.to_be_bytes());
        let attributes = i16::from_be_bytes(field(head, at::ATTRIBUTES));
        let attributes = match transactional {
            Transactional::No => attributes & !bit::TRANSACTIONAL,
            Transactional::Yes => attributes | bit::TRANSACTIONAL,
        };
        put(head, at::ATTRIBUTES, attributes.to_be_bytes());
    });
}

/// Writes where the batch lies in its partition. Both fields are outside the checksum.
pub fn set_base_offset(batch: &mut [u8], base_offset: i64, partition_leader_epoch: i32) {
    debug_assert!(batch.len() >= HEADER_SIZE, "a batch has a header");
    if let Some(head) = batch.first_chunk_mut::<HEADER_SIZE>() {
        put(head, at::BASE_OFFSET, base_offset.to_be_bytes());
        put(head, at::LEADER_EPOCH, partition_leader_epoch.to_be_bytes());
    }
}

/// Makes `timestamp`, in milliseconds, the time-stamp of all records (`message.timestamp.type=LogAppendTime`).
pub fn set_log_append_time(batch: &mut [u8], timestamp: i64) {
    patch(batch, |head| {
        let attributes = i16::from_be_bytes(field(head, at::ATTRIBUTES)) | bit::LOG_APPEND_TIME;
        put(head, at::ATTRIBUTES, attributes.to_be_bytes());
        put(head, at::MAX_TIMESTAMP, timestamp.to_be_bytes());
    });
}

/// Changes the header and then the checksum with it. The records behind it need not be there.
fn patch(batch: &mut [u8], change: impl FnOnce(&mut [u8; HEADER_SIZE])) {
    debug_assert!(batch.len() >= HEADER_SIZE, "a batch has a header");
    let Some(head) = batch.first_chunk_mut::<HEADER_SIZE>() else { return };
    let old = *head;
    let length = i32::from_be_bytes(field(&old, at::LENGTH));
    let size = usize::try_from(length).unwrap_or_default() + PREFIX_SIZE;
    change(head);
    let (_, before) = old.split_at(CHECKED_FROM);
    let (_, after) = head.split_at(CHECKED_FROM);
    let crc = u32::from_be_bytes(field(&old, at::CRC));
    let crc = crc::with_other_head(crc, before, after, size.saturating_sub(HEADER_SIZE));
    put(head, at::CRC, crc.to_be_bytes());
}
