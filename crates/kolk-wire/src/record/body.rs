//! The records part of a batch, ready to be iterated: a slice of the frame, or decompressed.

use super::batch::Batch;
use super::compression::Compression;
use super::header::{BatchHeader, HEADER_SIZE, at, invalid};
use super::inflate::Scratch;
use super::records::{RECORD_SIZE_MIN, Records, RecordsPlace};
use crate::read::DecodeError;
use bytes::Bytes;

/// The records of one batch. Clones and slices of [`Self::bytes`] keep it alive, without a copy.
#[derive(Debug, Clone)]
pub struct Body {
    /// The batch's header.
    pub header: BatchHeader,
    /// The records, decompressed. `bytes.slice_ref(record.value)` makes a value outlive the iteration.
    pub bytes: Bytes,
}

impl Batch {
    /// The records: without compression a slice of the batch, else decompressed within the limit of `scratch`.
    ///
    /// The checksum is not looked at: see [`Batch::verify_crc`].
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] for an unknown codec, bytes that do not decompress, or fewer bytes than the count of
    /// records needs. [`DecodeError::Budget`] when the records would take more than the limit.
    pub fn body(&self, scratch: &mut Scratch) -> Result<Body, DecodeError> {
        let bytes = match self.header.compression()? {
            Compression::None => self.bytes.slice(HEADER_SIZE..),
            codec => scratch.inflate(codec, self.bytes.get(HEADER_SIZE..).unwrap_or_default())?,
        };
        let records = usize::try_from(self.header.records_count).unwrap_or(0);
        if records > bytes.len() / RECORD_SIZE_MIN {
            return Err(invalid("record count", at::RECORDS_COUNT, "more than the bytes can hold"));
        }
        Ok(Body { header: self.header, bytes })
    }
}

impl Body {
    /// Iterates over the records.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records::new(&self.header, &self.bytes)
    }

    /// Iterates over the records from `place` on, which an earlier iterator over the same body told.
    #[must_use]
    pub fn records_from(&self, place: RecordsPlace) -> Records<'_> {
        self.records().from(place)
    }
}
