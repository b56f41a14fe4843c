//! Writes a batch: records go straight into one buffer, behind 61 bytes kept free for the header.

use super::compression::{Compression, Compressor};
use super::crc::crc32c_of;
use super::header::{BatchHeader, CHECKED_FROM, HEADER_SIZE, PREFIX_SIZE, at, bit, put};
use super::headers::{Header, Headers};
use super::records::Record;
use super::varint::{self, Prefix, VARLONG_SIZE_MAX};
use bytes::BytesMut;

/// Most bytes of a batch before compression: its length is a signed 32-bit number.
pub const BATCH_SIZE_MAX: usize = i32::MAX as usize;
/// Bytes before a record's key at most: four varints of 32 bits, the attributes, and a delta of 64 bits.
const PREFIX_MAX: usize = 5 + 1 + VARLONG_SIZE_MAX + 5 + 5;

/// The record does not fit into the batch. Finish the batch and start another, or refuse the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a record of {record} bytes does not fit into a batch of {batch} bytes: {BATCH_SIZE_MAX} is the most"
)]
pub struct BatchFull {
    /// Bytes that the record would take.
    pub record: usize,
    /// Bytes in the batch so far.
    pub batch: usize,
}

/// Builds batches, one after the other, from the same memory and codec state.
pub struct BatchBuilder {
    compressor: Compressor,
    buffer: BytesMut,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl std::fmt::Debug for BatchBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchBuilder")
            .field("compression", &self.compressor.codec())
            .field("count", &self.count)
            .field("size", &self.size_estimate())
            .finish_non_exhaustive()
    }
}

impl BatchBuilder {
    /// An empty batch, to be compressed at the codec's usual level: 6 for gzip, 3 for zstd, the others have none.
    #[must_use]
    pub fn new(compression: Compression) -> Self {
        Self::of(Compressor::new(compression, None))
    }

    /// The same with a level: 1 to 9 for gzip, up to 22 for zstd; the others take no notice.
    #[must_use]
    pub fn with_level(compression: Compression, level: i32) -> Self {
        Self::of(Compressor::new(compression, Some(level)))
    }

    fn of(compressor: Compressor) -> Self {
        let buffer = BytesMut::new();
        Self { compressor, buffer, count: 0, base_timestamp: 0, max_timestamp: i64::MIN }
    }

    /// Reserves memory for `bytes` of records.
    pub fn reserve(&mut self, bytes: usize) {
        self.buffer.reserve(HEADER_SIZE.saturating_add(bytes));
    }

    /// Takes the memory of a batch that is not needed any more for the next one; only before its first record.
    pub fn reuse(&mut self, mut memory: BytesMut) {
        if self.count == 0 {
            memory.clear();
            self.buffer = memory;
        }
    }

    /// Appends a record; `timestamp` in milliseconds.
    ///
    /// # Errors
    /// [`BatchFull`] when the batch would exceed [`BATCH_SIZE_MAX`]; it is then as before.
    #[inline]
    pub fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), BatchFull> {
        let headers_size = headers.iter().map(header_size).fold(0, usize::saturating_add);
        self.begin(timestamp, key, value, (headers.len(), headers_size))?;
        for header in headers {
            self.field(Some(header.key));
            self.field(header.value);
        }
        Ok(())
    }

    /// Appends a record that was read from another batch, with its time-stamp; headers are copied as they are.
    ///
    /// # Errors
    /// As [`Self::push`].
    #[inline]
    pub fn push_record(&mut self, record: &Record<'_>) -> Result<(), BatchFull> {
        let headers: Headers<'_> = record.headers();
        let bytes = headers.as_bytes();
        let shape = (headers.len(), bytes.len());
        self.begin(record.timestamp, record.key, record.value, shape)?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends a record whose key, value and headers were read from another batch: see [`Record::fields`].
    ///
    /// # Errors
    /// As [`Self::push`].
    #[inline]
    pub fn push_fields(&mut self, timestamp: i64, fields: &[u8]) -> Result<(), BatchFull> {
        let timestamp_delta = self.delta(timestamp);
        let length = (1 + varint::size(timestamp_delta) + varint::size(self.count.into()))
            .saturating_add(fields.len());
        let prefix = self.start(timestamp, timestamp_delta, length)?;
        self.buffer.extend_from_slice(prefix.as_slice());
        self.buffer.extend_from_slice(fields);
        self.end(timestamp);
        Ok(())
    }

    #[inline]
    fn delta(&self, timestamp: i64) -> i64 {
        timestamp.wrapping_sub(if self.count == 0 { timestamp } else { self.base_timestamp })
    }

    /// Makes room for a record of `length` bytes behind its length, and gives what comes before its key.
    #[inline]
    fn start(
        &mut self,
        timestamp: i64,
        timestamp_delta: i64,
        length: usize,
    ) -> Result<Prefix<PREFIX_MAX>, BatchFull> {
        let size = varint::size(number(length)).saturating_add(length);
        if size > BATCH_SIZE_MAX.saturating_sub(self.size_estimate()) || self.count == i32::MAX {
            return Err(BatchFull { record: size, batch: self.size_estimate() });
        }
        if self.count == 0 {
            self.buffer.reserve(HEADER_SIZE + size);
            self.buffer.resize(HEADER_SIZE, 0);
            self.base_timestamp = timestamp;
        }
        self.buffer.reserve(size);
        let mut prefix = Prefix::new();
        prefix.varint(number(length));
        prefix.byte(0);
        prefix.varint(timestamp_delta);
        prefix.varint(self.count.into());
        Ok(prefix)
    }

    #[inline]
    fn end(&mut self, timestamp: i64) {
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
    }

    /// Writes all of a record but its headers, of which there are `headers.0`, in `headers.1` bytes.
    #[inline]
    fn begin(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: (usize, usize),
    ) -> Result<(), BatchFull> {
        let timestamp_delta = self.delta(timestamp);
        let count = number(headers.0);
        let length = (1 + varint::size(timestamp_delta) + varint::size(self.count.into()))
            .saturating_add(field_size(key))
            .saturating_add(field_size(value))
            .saturating_add(varint::size(count))
            .saturating_add(headers.1);
        let mut prefix = self.start(timestamp, timestamp_delta, length)?;
        prefix.varint(key.map_or(-1, |key| number(key.len())));
        self.buffer.extend_from_slice(prefix.as_slice());
        self.buffer.extend_from_slice(key.unwrap_or_default());
        self.field(value);
        self.varint(count);
        self.end(timestamp);
        Ok(())
    }

    #[inline]
    fn field(&mut self, field: Option<&[u8]>) {
        self.varint(field.map_or(-1, |field| number(field.len())));
        self.buffer.extend_from_slice(field.unwrap_or_default());
    }

    #[inline]
    fn varint(&mut self, value: i64) {
        let mut prefix = Prefix::<5>::new();
        prefix.varint(value);
        self.buffer.extend_from_slice(prefix.as_slice());
    }

    /// Records in the batch so far.
    #[must_use]
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Whether there is none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the batch so far, header included, before compression: never less than what [`Self::finish`] gives without
    /// compression, and rarely less than what it gives with.
    #[inline]
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        self.buffer.len().max(HEADER_SIZE)
    }

    /// Most bytes that a record can add to a batch.
    #[must_use]
    pub fn record_size_max(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> usize {
        let headers_size = headers.iter().map(header_size).fold(5, usize::saturating_add);
        let fields = field_size(key).saturating_add(field_size(value));
        (5 + 1 + VARLONG_SIZE_MAX + 5).saturating_add(fields).saturating_add(headers_size)
    }

    /// The same for a record that comes by [`Self::push_fields`].
    #[inline]
    #[must_use]
    pub fn fields_size_max(fields: &[u8]) -> usize {
        (5 + 1 + VARLONG_SIZE_MAX + 5usize).saturating_add(fields.len())
    }

    /// The greatest time-stamp so far, in milliseconds.
    #[must_use]
    pub fn max_timestamp(&self) -> Option<i64> {
        (self.count > 0).then_some(self.max_timestamp)
    }

    /// Gives the batch out, with base offset 0 and without a producer, and starts the next.
    ///
    /// Memory is used again once the batch that was given out is dropped. Should a codec fail, which takes a lack of
    /// memory, the batch goes out uncompressed. Without a record, it is a header alone, which brokers refuse.
    #[must_use]
    pub fn finish(&mut self) -> BytesMut {
        self.finish_with(|_| {})
    }

    /// The same, with changes to the header before its checksum is made.
    pub(super) fn finish_with(&mut self, change: impl FnOnce(&mut BatchHeader)) -> BytesMut {
        if self.count == 0 {
            self.buffer.resize(HEADER_SIZE, 0);
        }
        let batch = self.buffer.split();
        let mut header = BatchHeader {
            base_offset: 0,
            length: 0,
            partition_leader_epoch: -1,
            crc: 0,
            attributes: 0,
            last_offset_delta: (self.count - 1).max(0),
            base_timestamp: if self.count == 0 { -1 } else { self.base_timestamp },
            max_timestamp: self.max_timestamp().unwrap_or(-1),
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records_count: self.count,
        };
        change(&mut header);
        self.count = 0;
        self.base_timestamp = 0;
        self.max_timestamp = i64::MIN;
        seal(batch, header, &mut self.compressor)
    }
}

/// Compresses the records behind the room for the header, and writes the header: length, codec and checksum are made here.
pub(super) fn seal(
    mut batch: BytesMut,
    mut header: BatchHeader,
    compressor: &mut Compressor,
) -> BytesMut {
    let mut codec = compressor.codec();
    if codec != Compression::None {
        let records = batch.get(HEADER_SIZE..).unwrap_or_default();
        let mut compressed = BytesMut::with_capacity(HEADER_SIZE + records.len() / 2);
        compressed.resize(HEADER_SIZE, 0);
        match compressor.compress(records, &mut compressed) {
            Ok(()) if compressed.len() <= BATCH_SIZE_MAX => batch = compressed,
            Ok(()) | Err(_) => codec = Compression::None,
        }
    }
    header.attributes = header.attributes & !bit::COMPRESSION | codec.id();
    header.length = i32::try_from(batch.len() - PREFIX_SIZE).unwrap_or(i32::MAX);
    if let Some((head, records)) = batch.split_first_chunk_mut::<HEADER_SIZE>() {
        *head = header.to_bytes();
        let (_, checked) = head.split_at(CHECKED_FROM);
        let crc = crc32c_of([checked, records]);
        put(head, at::CRC, crc.to_be_bytes());
    }
    batch
}

fn field_size(field: Option<&[u8]>) -> usize {
    match field {
        None => 1,
        Some(field) => varint::size(number(field.len())).saturating_add(field.len()),
    }
}

fn header_size(header: &Header<'_>) -> usize {
    field_size(Some(header.key)).saturating_add(field_size(header.value))
}

/// A length as it is written; what exceeds 32 bits has been refused before.
#[inline]
fn number(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
