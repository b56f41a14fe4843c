//! The header of a record batch: 61 bytes before the records.
//!
//! See the picture in [`crate::record`]. Of the whole header, the first 21 bytes are outside the checksum.

use super::compression::Compression;
use crate::read::DecodeError;

/// Bytes before the first record.
pub const HEADER_SIZE: usize = 61;
/// Base offset and length, which the length does not count.
pub const PREFIX_SIZE: usize = 12;
/// The only format that is read and written: Kafka's v2, since 0.11. Apache Kafka 4 has dropped v0 and v1 as well (KIP-724).
pub const MAGIC: u8 = 2;
/// Where the checksummed part starts: at the attributes.
pub(super) const CHECKED_FROM: usize = 21;

/// Where fields start.
pub(super) mod at {
    pub(in super::super) const BASE_OFFSET: usize = 0;
    pub(in super::super) const LENGTH: usize = 8;
    pub(in super::super) const LEADER_EPOCH: usize = 12;
    pub(in super::super) const MAGIC: usize = 16;
    pub(in super::super) const CRC: usize = 17;
    pub(in super::super) const ATTRIBUTES: usize = 21;
    pub(in super::super) const LAST_OFFSET_DELTA: usize = 23;
    pub(in super::super) const BASE_TIMESTAMP: usize = 27;
    pub(in super::super) const MAX_TIMESTAMP: usize = 35;
    pub(in super::super) const PRODUCER_ID: usize = 43;
    pub(in super::super) const PRODUCER_EPOCH: usize = 51;
    pub(in super::super) const BASE_SEQUENCE: usize = 53;
    pub(in super::super) const RECORDS_COUNT: usize = 57;
}

/// Bits of the attributes.
pub(super) mod bit {
    pub(in super::super) const COMPRESSION: i16 = 0b111;
    pub(in super::super) const LOG_APPEND_TIME: i16 = 1 << 3;
    pub(in super::super) const TRANSACTIONAL: i16 = 1 << 4;
    pub(in super::super) const CONTROL: i16 = 1 << 5;
    pub(in super::super) const DELETE_HORIZON: i16 = 1 << 6;
}

/// What the time-stamps of a batch mean (KIP-32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer set each record's.
    CreateTime,
    /// The broker set the batch's maximum when it appended the batch, and that holds for all records.
    LogAppendTime,
}

/// The fields of a batch header, as they are on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record that the batch had when it was written.
    pub base_offset: i64,
    /// Bytes after this field.
    pub length: i32,
    /// Leader epoch in which the batch was appended; −1 from a producer.
    pub partition_leader_epoch: i32,
    /// CRC-32C of all from the attributes on.
    pub crc: u32,
    /// Codec, kind of time-stamps, transactional, control, delete horizon.
    pub attributes: i16,
    /// Offset of the last record, relative to the base; compaction leaves it as it was.
    pub last_offset_delta: i32,
    /// What the records' time-stamps are relative to; milliseconds.
    pub base_timestamp: i64,
    /// The greatest time-stamp of the records; milliseconds.
    pub max_timestamp: i64,
    /// Who wrote it; −1 without idempotence.
    pub producer_id: i64,
    /// The producer's epoch; −1 without idempotence.
    pub producer_epoch: i16,
    /// Sequence number of the first record; −1 without idempotence and for control batches.
    pub base_sequence: i32,
    /// Records in the batch.
    pub records_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; what follows it may be missing.
    ///
    /// # Errors
    /// [`DecodeError::Short`] when there are fewer than 61 bytes. [`DecodeError::Invalid`] when the format is not v2
    /// (`what` is then `"batch magic"`), or when the length, the count or the last offset is impossible.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        // The magic is where it is in all three formats, and batches of the old ones may be shorter than this header.
        match bytes.get(at::MAGIC) {
            Some(&MAGIC) | None => {}
            Some(0 | 1) => {
                let why =
                    "formats 0 and 1 are not supported: convert the topic with Apache Kafka 3";
                return Err(invalid("batch magic", at::MAGIC, why));
            }
            Some(_) => return Err(invalid("batch magic", at::MAGIC, "only format 2 is known")),
        }
        let Some(head) = bytes.first_chunk::<HEADER_SIZE>() else {
            let missing = (HEADER_SIZE - bytes.len()) as u64;
            return Err(DecodeError::Short { what: "batch header", at: bytes.len(), missing });
        };
        let header = Self {
            base_offset: i64::from_be_bytes(field(head, at::BASE_OFFSET)),
            length: i32::from_be_bytes(field(head, at::LENGTH)),
            partition_leader_epoch: i32::from_be_bytes(field(head, at::LEADER_EPOCH)),
            crc: u32::from_be_bytes(field(head, at::CRC)),
            attributes: i16::from_be_bytes(field(head, at::ATTRIBUTES)),
            last_offset_delta: i32::from_be_bytes(field(head, at::LAST_OFFSET_DELTA)),
            base_timestamp: i64::from_be_bytes(field(head, at::BASE_TIMESTAMP)),
            max_timestamp: i64::from_be_bytes(field(head, at::MAX_TIMESTAMP)),
            producer_id: i64::from_be_bytes(field(head, at::PRODUCER_ID)),
            producer_epoch: i16::from_be_bytes(field(head, at::PRODUCER_EPOCH)),
            base_sequence: i32::from_be_bytes(field(head, at::BASE_SEQUENCE)),
            records_count: i32::from_be_bytes(field(head, at::RECORDS_COUNT)),
        };
        header.check()
    }

    fn check(self) -> Result<Self, DecodeError> {
        if self.size() < HEADER_SIZE {
            return Err(invalid("batch length", at::LENGTH, "shorter than the header"));
        }
        if self.records_count < 0 {
            return Err(invalid("record count", at::RECORDS_COUNT, "negative"));
        }
        // A compacted batch may have fewer records than offsets, never more.
        if self.last_offset_delta < self.records_count.saturating_sub(1).max(0) {
            let why = "less than the count of records needs";
            return Err(invalid("last offset delta", at::LAST_OFFSET_DELTA, why));
        }
        Ok(self)
    }

    /// Bytes of the whole batch, base offset and length included.
    #[must_use]
    pub fn size(&self) -> usize {
        usize::try_from(self.length).unwrap_or(0) + PREFIX_SIZE
    }

    /// Offset of the last record, or of the last that there was before compaction.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Where a reader goes on after this batch.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// Sequence number of the last record: they wrap from `i32::MAX` to 0. −1 when there are none.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        self.base_sequence.wrapping_add(self.last_offset_delta) & i32::MAX
    }

    /// Whether it belongs to a transaction, its marker included.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.attributes & bit::TRANSACTIONAL != 0
    }

    /// Whether it holds a marker for the readers instead of records for the user.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.attributes & bit::CONTROL != 0
    }

    /// Whether an idempotent producer wrote it.
    #[must_use]
    pub fn has_producer_id(&self) -> bool {
        self.producer_id >= 0
    }

    /// When compaction may drop the tombstones and markers in it, in milliseconds; takes the base time-stamp's place (KIP-534).
    #[must_use]
    pub fn delete_horizon(&self) -> Option<i64> {
        (self.attributes & bit::DELETE_HORIZON != 0).then_some(self.base_timestamp)
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] for a codec that does not exist.
    pub fn compression(&self) -> Result<Compression, DecodeError> {
        Compression::from_id(self.attributes & bit::COMPRESSION)
            .ok_or_else(|| invalid("compression", at::ATTRIBUTES, "no such codec"))
    }

    /// What the time-stamps mean.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & bit::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// The 61 bytes, the checksum as it is in the field.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE] {
        let mut head = [0; HEADER_SIZE];
        put(&mut head, at::BASE_OFFSET, self.base_offset.to_be_bytes());
        put(&mut head, at::LENGTH, self.length.to_be_bytes());
        put(&mut head, at::LEADER_EPOCH, self.partition_leader_epoch.to_be_bytes());
        put(&mut head, at::MAGIC, [MAGIC]);
        put(&mut head, at::CRC, self.crc.to_be_bytes());
        put(&mut head, at::ATTRIBUTES, self.attributes.to_be_bytes());
        put(&mut head, at::LAST_OFFSET_DELTA, self.last_offset_delta.to_be_bytes());
        put(&mut head, at::BASE_TIMESTAMP, self.base_timestamp.to_be_bytes());
        put(&mut head, at::MAX_TIMESTAMP, self.max_timestamp.to_be_bytes());
        put(&mut head, at::PRODUCER_ID, self.producer_id.to_be_bytes());
        put(&mut head, at::PRODUCER_EPOCH, self.producer_epoch.to_be_bytes());
        put(&mut head, at::BASE_SEQUENCE, self.base_sequence.to_be_bytes());
        put(&mut head, at::RECORDS_COUNT, self.records_count.to_be_bytes());
        head
    }
}

pub(super) fn invalid(what: &'static str, at: usize, why: &'static str) -> DecodeError {
    DecodeError::Invalid { what, at, why }
}

/// The `N` bytes at `at`, which is one of the constants above and thus inside the header.
#[inline]
pub(super) fn field<const N: usize>(head: &[u8; HEADER_SIZE], at: usize) -> [u8; N] {
    head.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}

/// Overwrites the `N` bytes at `at`, which is one of the constants above and thus inside the header.
pub(super) fn put<const N: usize>(head: &mut [u8; HEADER_SIZE], at: usize, value: [u8; N]) {
    if let Some(slot) = head.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<N>()) {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> BatchHeader {
        BatchHeader {
            base_offset: 1_000,
            length: 49,
            partition_leader_epoch: 7,
            crc: 0xdead_beef,
            attributes: bit::TRANSACTIONAL | bit::LOG_APPEND_TIME | 4,
            last_offset_delta: 9,
            base_timestamp: 1_600_000_000_000,
            max_timestamp: 1_600_000_000_999,
            producer_id: 4_000_000_000,
            producer_epoch: 300,
            base_sequence: i32::MAX - 3,
            records_count: 10,
        }
    }

    #[test]
    fn reads_what_it_wrote() {
        let header = header();
        assert_eq!(BatchHeader::parse(&header.to_bytes()), Ok(header));
        assert_eq!(header.size(), HEADER_SIZE);
        assert_eq!((header.last_offset(), header.next_offset()), (1_009, 1_010));
        assert_eq!(header.last_sequence(), 5, "sequence numbers wrap to 0 after i32::MAX");
        assert_eq!(header.compression(), Ok(Compression::Zstd));
        assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
        assert!(header.is_transactional() && !header.is_control());
    }

    fn refusal(change: impl FnOnce(&mut BatchHeader)) -> &'static str {
        let mut header = header();
        change(&mut header);
        match BatchHeader::parse(&header.to_bytes()) {
            Err(DecodeError::Invalid { what, .. }) => what,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refuses_impossible_fields() {
        assert_eq!(refusal(|header| header.length = 48), "batch length");
        assert_eq!(refusal(|header| header.length = -1), "batch length");
        assert_eq!(refusal(|header| header.records_count = -1), "record count");
        assert_eq!(refusal(|header| header.records_count = 11), "last offset delta");
        assert_eq!(refusal(|header| header.last_offset_delta = -1), "last offset delta");
        let unknown = BatchHeader { attributes: 5, ..header() };
        assert!(unknown.compression().is_err());
    }

    #[test]
    fn refuses_old_formats_even_when_shorter_than_a_header() {
        for (magic, length) in [(0, 26), (1, 34), (3, 61), (255, 61)] {
            let mut bytes = vec![0; length];
            bytes[at::MAGIC] = magic;
            let error = BatchHeader::parse(&bytes);
            assert!(
                matches!(error, Err(DecodeError::Invalid { what: "batch magic", .. })),
                "{magic}: {error:?}"
            );
        }
        let short = BatchHeader::parse(&header().to_bytes()[..60]);
        assert_eq!(short, Err(DecodeError::Short { what: "batch header", at: 60, missing: 1 }));
    }
}
