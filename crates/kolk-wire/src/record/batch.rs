//! Batches as they follow one another in a fetch response, a produce request or a log segment.

use super::crc::crc32c;
use super::header::{BatchHeader, CHECKED_FROM, HEADER_SIZE, PREFIX_SIZE, at, invalid};
use crate::read::DecodeError;
use bytes::Bytes;

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
