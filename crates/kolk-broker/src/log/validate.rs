//! The rules that a client's batch must keep to be appended.
//!
//! They are those of Apache Kafka's produce path: one batch of format v2 per partition (produce version 3 and later), base
//! offset 0, a right checksum, as many records as offsets, no control batch, time-stamps within the topic's range, and
//! keys in compacted topics.

use super::config::{LogConfig, TimestampSource};
use super::error::{AppendError, RecordError};
use bytes::Bytes;
use kolk_wire::DecodeError;
use kolk_wire::record::{Batch, BatchHeader, Record, Scratch, TimestampType};

/// A batch that may be appended.
#[derive(Debug)]
pub(super) struct Valid {
    pub(super) batch: Batch,
    /// The greatest time-stamp of the records; what the header says may differ.
    pub(super) max_timestamp: i64,
}

/// Checks what a client sent for one partition.
///
/// # Errors
/// Everything that does not depend on producers or the disk.
pub(super) fn client_batch(
    records: &Bytes,
    config: &LogConfig,
    now_ms: i64,
) -> Result<Valid, AppendError> {
    let batch = match Batch::parse(records) {
        Ok(Some(batch)) => batch,
        Ok(None) => return Err(invalid("a produce request must have one whole record batch")),
        Err(error) => return Err(invalid(error.to_string())),
    };
    if batch.bytes.len() != records.len() {
        return Err(invalid("a produce request must have exactly one record batch per partition"));
    }
    let limit = config.max_message_bytes;
    if batch.bytes.len() > limit {
        return Err(AppendError::TooLarge { size: batch.bytes.len(), limit });
    }
    batch.verify_crc().map_err(|error| AppendError::Corrupt { reason: error.to_string() })?;
    check_header(&batch.header)?;
    let max_timestamp = check_records(&batch, config, now_ms)?;
    Ok(Valid { batch, max_timestamp })
}

fn check_header(header: &BatchHeader) -> Result<(), AppendError> {
    if header.base_offset != 0 {
        let base = header.base_offset;
        return Err(invalid(format!("the base offset of a produced batch must be 0, not {base}")));
    }
    if header.records_count <= 0 || header.records_count - 1 != header.last_offset_delta {
        let (count, delta) = (header.records_count, header.last_offset_delta);
        let reason =
            format!("a batch of {count} records cannot have a last offset delta of {delta}");
        return Err(invalid(reason));
    }
    if header.is_control() {
        return Err(invalid("Clients are not allowed to write control records"));
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        let (sequence, producer) = (header.base_sequence, header.producer_id);
        return Err(invalid(format!(
            "sequence number {sequence} of producer {producer} is negative"
        )));
    }
    Ok(())
}

fn check_records(batch: &Batch, config: &LogConfig, now_ms: i64) -> Result<i64, AppendError> {
    let unreadable = |error: DecodeError| invalid(error.to_string());
    let body = batch.body(&mut Scratch::new()).map_err(unreadable)?;
    let stamped_by_client = batch.header.timestamp_type() == TimestampType::LogAppendTime;
    let mut max_timestamp = i64::MIN;
    let (mut keyless, mut untimely) = (Vec::new(), Vec::new());
    for (index, record) in (0_i32..).zip(body.records()) {
        let record = record.map_err(unreadable)?;
        if record.offset != i64::from(index) {
            let offset = record.offset;
            return Err(invalid(format!("record {index} of the batch has the offset {offset}")));
        }
        max_timestamp = max_timestamp.max(record.timestamp);
        if config.cleanup.compact && record.key.is_none() {
            let message = "Compacted topic cannot accept message without key".to_owned();
            keyless.push(RecordError { index, message });
        } else if let Some(message) = untimely_because(&record, config, now_ms) {
            untimely.push(RecordError { index, message });
        } else if stamped_by_client {
            let message = "a producer must not set the time-stamp type to LogAppendTime".to_owned();
            untimely.push(RecordError { index, message });
        }
    }
    if !untimely.is_empty() {
        return Err(AppendError::Timestamp { records: untimely });
    }
    if let Some(first) = keyless.first() {
        let count = keyless.len();
        let reason = format!(
            "One or more records have been rejected due to {count} record errors in total; record {}: {}",
            first.index, first.message
        );
        return Err(AppendError::Invalid { reason, records: keyless });
    }
    Ok(max_timestamp)
}

/// Why a time-stamp that the producer chose is out of the topic's range. −1 means none and is taken.
fn untimely_because(record: &Record<'_>, config: &LogConfig, now_ms: i64) -> Option<String> {
    let timestamp = record.timestamp;
    if config.timestamps == TimestampSource::LogAppendTime || timestamp == -1 {
        return None;
    }
    let earliest = now_ms.saturating_sub(config.timestamp_before_max_ms);
    let latest = now_ms.saturating_add(config.timestamp_after_max_ms);
    if (earliest..=latest).contains(&timestamp) {
        return None;
    }
    Some(format!(
        "Timestamp {timestamp} is out of range: it should be within [{earliest}, {latest}]"
    ))
}

fn invalid(reason: impl Into<String>) -> AppendError {
    AppendError::Invalid { reason: reason.into(), records: Vec::new() }
}
