//! Batches as they follow one another in a fetch response, a produce request or a log segment.

use super::crc::crc32c;
use super::header::{BatchHeader, CHECKED_FROM, HEADER_SIZE, PREFIX_SIZE, at, bit, invalid};
use super::stamp::{Transactional, set_base_offset, stamp_producer};
use crate::read::DecodeError;
use bytes::{Bytes, BytesMut};

/// One whole batch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its header.
    pub header: BatchHeader,
    /// All of it, header included.
    pub bytes: Bytes,
}

impl Batch {
    /// The batch at the start of `bytes`; `None` when its end is missing.
    ///
    /// # Errors
    /// As [`BatchHeader::parse`], short input excepted.
    pub fn parse(bytes: &Bytes) -> Result<Option<Self>, DecodeError> {
        // A header that cannot be right is told at once, rather than waited for.
        if let Some([0x80..=0xff, ..]) = bytes.get(at::LENGTH..) {
            return Err(invalid("batch length", at::LENGTH, "negative"));
        }
        let header = match BatchHeader::parse(bytes) {
            Ok(header) => header,
            Err(DecodeError::Short { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if header.size() > bytes.len() {
            return Ok(None);
        }
        Ok(Some(Self { header, bytes: bytes.slice(..header.size()) }))
    }

    /// Whether a producer may send its records as they stand: it has all that it was written with, their time-stamps are their
    /// own, and nothing else is to be known about them. Whoever does so also checks that their offsets have no gaps.
    #[must_use]
    pub fn is_portable(&self) -> bool {
        let header = &self.header;
        header.attributes & !(bit::COMPRESSION | bit::TRANSACTIONAL) == 0
            && header.records_count > 0
            && header.last_offset_delta == header.records_count - 1
    }

    /// A header for the same records in another partition, with base offset 0 and without a producer. Its checksum is derived
    /// from the batch's: a damaged batch stays one.
    #[must_use]
    pub fn portable_header(&self) -> BytesMut {
        let mut head = BytesMut::from(self.bytes.get(..HEADER_SIZE).unwrap_or_default());
        set_base_offset(&mut head, 0, -1);
        stamp_producer(&mut head, -1, -1, -1, Transactional::No);
        head
    }

    /// Compares the checksum with the bytes.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] with `what` = `"batch checksum"` when they differ.
    pub fn verify_crc(&self) -> Result<(), DecodeError> {
        let checked = self.bytes.get(CHECKED_FROM..).unwrap_or_default();
        if crc32c(checked) == self.header.crc {
            Ok(())
        } else {
            Err(invalid("batch checksum", at::CRC, "the batch is damaged"))
        }
    }
}

/// Iterates over concatenated batches. It stops without an error where the last one is cut off, which brokers do to fill
/// a response to its limit, and which a crash does to a log; after an error it ends, as nothing tells where the next starts.
#[derive(Debug, Clone)]
pub struct Batches {
    rest: Bytes,
    len: usize,
}

impl Batches {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        let len = bytes.len();
        Self { rest: bytes, len }
    }

    /// Bytes of all the batches given out so far. After the end, what lies beyond is a truncated or damaged batch.
    #[must_use]
    pub fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    /// Bytes that the batch at the current position says it has; `None` when even that is cut off.
    /// A reader whose limit cut off the very first batch asks for this many.
    #[must_use]
    pub fn wanted(&self) -> Option<usize> {
        let length = self.rest.get(at::LENGTH..)?.first_chunk::<4>()?;
        usize::try_from(i32::from_be_bytes(*length)).ok().map(|length| length + PREFIX_SIZE)
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match Batch::parse(&self.rest) {
            Ok(Some(batch)) => {
                debug_assert!(batch.bytes.len() >= HEADER_SIZE);
                self.rest = self.rest.slice(batch.bytes.len()..);
                Some(Ok(batch))
            }
            Ok(None) => None,
            Err(error) => {
                self.len -= self.rest.len();
                self.rest = Bytes::new();
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ControlKind;
    use crate::record::{BatchBuilder, Compression, Scratch, control_batch, set_log_append_time};

    fn parsed(bytes: BytesMut) -> Batch {
        Batch::parse(&bytes.freeze()).unwrap().unwrap()
    }

    fn fetched() -> BytesMut {
        let mut builder = BatchBuilder::new(Compression::None);
        for at in 0..4 {
            builder.push(1_000 + at, Some(b"key"), Some(b"value"), &[]).unwrap();
        }
        let mut bytes = builder.finish();
        stamp_producer(&mut bytes, 5, 1, 70, Transactional::Yes);
        set_base_offset(&mut bytes, 300, 9);
        bytes
    }

    #[test]
    fn a_portable_header_belongs_to_the_same_records_and_to_nobody() {
        let batch = parsed(fetched());
        assert!(batch.is_portable());
        let mut bytes = batch.portable_header();
        bytes.extend_from_slice(&batch.bytes[HEADER_SIZE..]);
        let ported = parsed(bytes);
        ported.verify_crc().unwrap();
        let expected = BatchHeader {
            base_offset: 0,
            partition_leader_epoch: -1,
            attributes: 0,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            crc: ported.header.crc,
            ..batch.header
        };
        assert_eq!(ported.header, expected);
    }

    #[test]
    fn a_damaged_batch_stays_one_under_another_header() {
        let mut bytes = fetched();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let batch = parsed(bytes);
        let mut bytes = batch.portable_header();
        bytes.extend_from_slice(&batch.bytes[HEADER_SIZE..]);
        assert!(parsed(bytes).verify_crc().is_err());
    }

    #[test]
    fn what_readers_must_know_about_a_batch_does_not_travel() {
        let mut scratch = Scratch::new();
        let compacted = parsed(fetched()).retain(&mut scratch, |record| record.offset != 301);
        let horizon = parsed(fetched()).with_delete_horizon(&mut scratch, 5_000);
        let mut appended = fetched();
        set_log_append_time(&mut appended, 9_000);
        for bytes in [
            compacted.unwrap(),
            horizon.unwrap(),
            appended,
            control_batch(ControlKind::Commit, 5, 1, 0, 0),
        ] {
            assert!(!parsed(bytes).is_portable());
        }
    }
}
