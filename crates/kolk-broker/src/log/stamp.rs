//! What the broker changes in a client's batch before it stores it: time-stamps and compression, if the topic asks for it.

use super::config::{LogConfig, TimestampSource};
use super::error::AppendError;
use super::validate::Valid;
use bytes::BytesMut;
use kolk_wire::record::{
    Batch, BatchBuilder, Compression, HEADER_SIZE, Scratch, Transactional, crc32c,
    set_log_append_time, stamp_producer,
};

/// Where a batch's checksum lies, and where what it covers begins.
const CRC_AT: std::ops::Range<usize> = 17..21;

/// The batch as the topic stores it, still without offsets.
///
/// # Errors
/// [`AppendError::Invalid`] if it cannot be compressed anew.
pub(super) fn as_stored(
    valid: Valid,
    config: &LogConfig,
    now_ms: i64,
) -> Result<BytesMut, AppendError> {
    let Valid { batch, max_timestamp } = valid;
    let header = batch.header;
    let recompress = config.compression.filter(|wanted| header.compression() != Ok(*wanted));
    let mut bytes = match recompress {
        Some(compression) => recompressed(&batch, builder(compression, config))?,
        // The one copy on the way to the file: the request's frame is shared, and its bytes are not ours to change.
        None => BytesMut::from(batch.bytes),
    };
    match config.timestamps {
        TimestampSource::LogAppendTime => set_log_append_time(&mut bytes, now_ms),
        TimestampSource::CreateTime if header.max_timestamp != max_timestamp => {
            set_max_timestamp(&mut bytes, header, max_timestamp);
        }
        TimestampSource::CreateTime => {}
    }
    Ok(bytes)
}

fn builder(compression: Compression, config: &LogConfig) -> BatchBuilder {
    match (compression, config.gzip_level, config.zstd_level) {
        (Compression::Gzip, 1.., _) => BatchBuilder::with_level(compression, config.gzip_level),
        (Compression::Zstd, _, level) => BatchBuilder::with_level(compression, level),
        _ => BatchBuilder::new(compression),
    }
}

fn recompressed(batch: &Batch, mut builder: BatchBuilder) -> Result<BytesMut, AppendError> {
    let failed = |reason: String| AppendError::Invalid { reason, records: Vec::new() };
    let body = batch.body(&mut Scratch::new()).map_err(|error| failed(error.to_string()))?;
    for record in body.records() {
        let record = record.map_err(|error| failed(error.to_string()))?;
        builder.push_record(&record).map_err(|error| failed(error.to_string()))?;
    }
    let mut bytes = builder.finish();
    let header = &batch.header;
    let transactional =
        if header.is_transactional() { Transactional::Yes } else { Transactional::No };
    let (id, epoch) = (header.producer_id, header.producer_epoch);
    stamp_producer(&mut bytes, id, epoch, header.base_sequence, transactional);
    Ok(bytes)
}

/// Corrects a greatest time-stamp that is not the greatest: time look-ups and retention rely on it.
fn set_max_timestamp(
    bytes: &mut BytesMut,
    mut header: kolk_wire::record::BatchHeader,
    max_timestamp: i64,
) {
    header.max_timestamp = max_timestamp;
    let Some(head) = bytes.first_chunk_mut::<HEADER_SIZE>() else { return };
    *head = header.to_bytes();
    let crc = crc32c(bytes.get(CRC_AT.end..).unwrap_or_default());
    if let Some(field) = bytes.get_mut(CRC_AT) {
        field.copy_from_slice(&crc.to_be_bytes());
    }
}
