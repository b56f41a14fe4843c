//! The records of a body, one by one: slices of it, nothing copied.

use super::header::{BatchHeader, TimestampType};
use super::headers::Headers;
use super::varint;
use crate::read::DecodeError;

/// Least bytes of a record: length, attributes, two deltas, two lengths, count of headers.
pub(super) const RECORD_SIZE_MIN: usize = 7;

/// One record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Where it is in its partition.
    pub offset: i64,
    /// Milliseconds since 1970; the batch's with [`TimestampType::LogAppendTime`].
    pub timestamp: i64,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; null is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    headers: Headers<'a>,
    header_bytes: &'a [u8],
    fields: &'a [u8],
}

impl<'a> Record<'a> {
    /// Key, value and headers as they stand in the batch, lengths included: for [`super::BatchBuilder::push_fields`].
    #[inline]
    #[must_use]
    pub fn fields(&self) -> &'a [u8] {
        self.fields
    }

    /// Its headers, in order.
    #[inline]
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        self.headers
    }

    /// The headers as they stand in the batch: a varint count and that many headers. One byte, 0, when there is none.
    #[inline]
    #[must_use]
    pub fn header_bytes(&self) -> &'a [u8] {
        self.header_bytes
    }
}

/// A place between two records of a body, to go on from later: see [`Records::place`] and `Body::records_from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordsPlace {
    /// Bytes of the records before it.
    pub at: usize,
    /// Records behind it, as the batch's header counts them.
    pub left: usize,
}

/// Iterates over the records of a body. After an error it ends.
///
/// A record is given out only when all of it is sound, headers included; the iterator ends without an error only when
/// the body had exactly the records that its header counts, and not a byte more.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    body_len: usize,
    left: usize,
    base_offset: i64,
    last_offset_delta: i32,
    base_timestamp: i64,
    append_time: Option<i64>,
}

impl<'a> Records<'a> {
    pub(super) fn new(header: &BatchHeader, body: &'a [u8]) -> Self {
        Self {
            rest: body,
            body_len: body.len(),
            left: usize::try_from(header.records_count).unwrap_or(0),
            base_offset: header.base_offset,
            last_offset_delta: header.last_offset_delta,
            base_timestamp: header.base_timestamp,
            append_time: match header.timestamp_type() {
                TimestampType::CreateTime => None,
                TimestampType::LogAppendTime => Some(header.max_timestamp),
            },
        }
    }

    /// Where it is: before the record that comes next.
    #[must_use]
    pub fn place(&self) -> RecordsPlace {
        RecordsPlace { at: self.body_len - self.rest.len(), left: self.left }
    }

    pub(super) fn from(mut self, place: RecordsPlace) -> Self {
        self.rest = self.rest.get(place.at..).unwrap_or_default();
        self.left = place.left;
        self
    }

    /// The bytes of the records that are still to come.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn record(&mut self) -> Result<Record<'a>, &'static str> {
        let length = varint::read_i32(&mut self.rest).ok_or("its length is cut short")?;
        let length = usize::try_from(length).map_err(|_| "its length is negative")?;
        let (mut bytes, rest) = self.rest.split_at_checked(length).ok_or("it is cut short")?;
        // The attributes of a record are unused.
        bytes = bytes.get(1..).ok_or("it is empty")?;
        let timestamp = varint::read_i64(&mut bytes).ok_or("its time-stamp is cut short")?;
        let delta = varint::read_i32(&mut bytes).ok_or("its offset is cut short")?;
        if !(0..=self.last_offset_delta).contains(&delta) {
            return Err("its offset is not among the batch's");
        }
        let fields = bytes;
        let key = nullable(&mut bytes).ok_or("its key is cut short")?;
        let value = nullable(&mut bytes).ok_or("its value is cut short")?;
        let headers = Headers::parse(bytes)?;
        self.rest = rest;
        self.left -= 1;
        Ok(Record {
            offset: self.base_offset.saturating_add(i64::from(delta)),
            timestamp: match self.append_time {
                None => self.base_timestamp.wrapping_add(timestamp),
                Some(timestamp) => timestamp,
            },
            key,
            value,
            headers,
            header_bytes: bytes,
            fields,
        })
    }

    #[cold]
    fn fail(&mut self, why: &'static str) -> DecodeError {
        let at = self.body_len - self.rest.len();
        self.rest = &[];
        self.left = 0;
        DecodeError::Invalid { what: "record", at, why }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            if self.rest.is_empty() {
                return None;
            }
            return Some(Err(self.fail("bytes follow the last record of the batch")));
        }
        Some(self.record().map_err(|why| self.fail(why)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // One more when bytes follow, fewer when a record is damaged.
        (0, Some(self.left.saturating_add(1)))
    }
}

/// A field with a length, −1 for null.
#[inline]
fn nullable<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = varint::read_i32(rest)?;
    let Ok(length) = usize::try_from(length) else {
        return (length == -1).then_some(None);
    };
    let (field, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(Some(field))
}
