//! The delete horizon: when compaction may drop a batch's tombstones or marker (KIP-534).

use super::batch::Batch;
use super::builder::seal;
use super::compression::Compressor;
use super::header::{BatchHeader, HEADER_SIZE, bit};
use super::inflate::Scratch;
use super::records::Record;
use super::varint::Prefix;
use crate::read::DecodeError;
use bytes::BytesMut;

/// Bytes that the numbers before a record's key take at most.
const PREFIX_MAX: usize = 10 + 10 + 5;

impl Batch {
    /// The batch with a delete horizon, in milliseconds, in place of its base time-stamp. Readers see the records as before:
    /// their time-stamps are written relative to the horizon.
    ///
    /// # Errors
    /// As [`Self::body`] and the iteration over its records.
    pub fn with_delete_horizon(
        &self,
        scratch: &mut Scratch,
        horizon_ms: i64,
    ) -> Result<BytesMut, DecodeError> {
        let body = self.body(scratch)?;
        let mut header = BatchHeader { base_timestamp: horizon_ms, ..self.header };
        header.attributes |= bit::DELETE_HORIZON;
        let mut records = BytesMut::with_capacity(HEADER_SIZE + body.bytes.len() + 64);
        records.resize(HEADER_SIZE, 0);
        for record in body.records() {
            write_record(&header, &record?, &mut records);
        }
        let mut compressor = Compressor::new(self.header.compression()?, None);
        Ok(seal(records, header, &mut compressor))
    }
}

fn write_record(header: &BatchHeader, record: &Record<'_>, out: &mut BytesMut) {
    let mut prefix = Prefix::<PREFIX_MAX>::new();
    prefix.varint(record.timestamp.wrapping_sub(header.base_timestamp));
    prefix.varint(record.offset - header.base_offset);
    prefix.varint(length(record.key));
    let mut value = Prefix::<5>::new();
    value.varint(length(record.value));
    let headers = record.headers();
    let mut count = Prefix::<5>::new();
    count.varint(i64::try_from(headers.len()).unwrap_or(i64::MAX));
    // The byte of attributes, which are unused, comes between the length and the rest.
    let attributes: &[u8] = &[0];
    let parts = [
        attributes,
        prefix.as_slice(),
        record.key.unwrap_or_default(),
        value.as_slice(),
        record.value.unwrap_or_default(),
        count.as_slice(),
        headers.as_bytes(),
    ];
    let mut size = Prefix::<5>::new();
    size.varint(parts.iter().map(|part| i64::try_from(part.len()).unwrap_or(0)).sum());
    out.extend_from_slice(size.as_slice());
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn length(field: Option<&[u8]>) -> i64 {
    field.map_or(-1, |field| i64::try_from(field.len()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, Compression, Header, set_base_offset};

    #[test]
    fn records_read_as_before_with_every_codec() {
        for codec in Compression::ALL {
            let mut builder = BatchBuilder::new(codec);
            for at in 0..5_i64 {
                let key = format!("key {at}");
                let value = (at != 3).then_some(&b"a value"[..]);
                let headers = [Header::new("trace", b"1"), Header { key: b"none", value: None }];
                builder.push(1000 + at * 10, Some(key.as_bytes()), value, &headers).unwrap();
            }
            let mut bytes = builder.finish();
            set_base_offset(&mut bytes, 700, 3);
            let before = Batch::parse(&bytes.freeze()).unwrap().unwrap();
            let mut scratch = Scratch::new();
            // Compaction has left gaps between the offsets.
            let thinned = before.retain(&mut scratch, |record| record.offset % 2 == 1).unwrap();
            let before = Batch::parse(&thinned.freeze()).unwrap().unwrap();
            let bytes = before.with_delete_horizon(&mut scratch, 99_000).unwrap().freeze();
            let after = Batch::parse(&bytes).unwrap().unwrap();
            after.verify_crc().unwrap();
            assert_eq!(after.header.delete_horizon(), Some(99_000));
            assert_eq!(after.header.max_timestamp, before.header.max_timestamp);
            assert_eq!(after.header.next_offset(), 705);
            let seen = |batch: &Batch| {
                let body = batch.body(&mut Scratch::new()).unwrap();
                body.records().map(|record| format!("{:?}", record.unwrap())).collect::<Vec<_>>()
            };
            assert_eq!(seen(&after), seen(&before), "{codec:?}");
        }
    }
}
