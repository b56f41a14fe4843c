//! Fetched record batches → [`Rows`] of bounded size, without a copy where the batches are not compressed.

#[cfg(test)]
mod tests;

use crate::record::{Row, Rows, Slice, WholeBatch};
use bytes::Bytes;
use kolk_wire::read::DecodeError;
use kolk_wire::record::{Batch, Body, Compression, Records, RecordsPlace, Scratch};

/// Rows in one [`Rows`], at most.
pub const ROWS_MAX: usize = 16_384;
/// Bytes of keys, values and headers in one [`Rows`], about: it ends with the row that reaches this many.
pub const ROWS_BYTES_MAX: usize = 1 << 20;
/// A decompressed batch of at least this many bytes is a [`Rows`] by itself; smaller ones are copied together.
const OWN_BUFFER_MIN: usize = 64 << 10;
/// The most bytes that a [`Slice`] can address.
const ADDRESSABLE_MAX: usize = u32::MAX as usize - 1;

/// Reads the rows of one fetched partition, a bounded number at a time.
///
/// Checksums, control batches and aborted transactions are the business of the iterator that gives the batches.
///
/// ```
/// use kolk::record::{Rows, RowsReader};
/// use kolk_wire::record::{BatchBuilder, Batches, Compression, Scratch};
///
/// let mut builder = BatchBuilder::new(Compression::None);
/// builder.push(1_600_000_000_000, Some(b"key"), Some(b"value"), &[])?;
/// let fetched = builder.finish().freeze();
///
/// let mut reader = RowsReader::new(fetched.clone(), Batches::new(fetched), 0);
/// let (mut scratch, mut rows) = (Scratch::new(), Rows::default());
/// while reader.next_rows(&mut scratch, &mut rows)? {
///     assert_eq!(rows.rows[0].value.of(&rows.buffer), Some(&b"value"[..]));
/// }
/// assert_eq!(reader.position(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RowsReader<B> {
    fetched: Bytes,
    batches: B,
    position: i64,
    rows_max: usize,
    open: Option<Open>,
    failed: Option<DecodeError>,
    ended: bool,
}

/// A batch of which rows are still to come.
#[derive(Debug)]
struct Open {
    batch: Batch,
    body: Body,
    place: RecordsPlace,
    /// Where the body stands in the fetched bytes, if it does.
    fetched_at: Option<u32>,
}

/// What the rows of the [`Rows`] at hand are slices of.
enum Buffer {
    Undecided,
    Fetched,
    Own,
    Shared(Vec<u8>),
}

impl<B: Iterator<Item = Result<Batch, DecodeError>>> RowsReader<B> {
    /// Of `fetched`, the record bytes of one partition, the `batches`, which are slices of it; others are copied. Rows
    /// with an offset below `position` are passed over: brokers answer with whole batches.
    pub fn new(fetched: Bytes, batches: B, position: i64) -> Self {
        let fetched = if fetched.len() > ADDRESSABLE_MAX { Bytes::new() } else { fetched };
        let rows_max = ROWS_MAX;
        Self { fetched, batches, position, rows_max, open: None, failed: None, ended: false }
    }

    /// From now on [`Self::next_rows`] gives at most so many rows, and at most [`ROWS_MAX`]; at least one.
    pub fn limit(&mut self, rows_max: usize) {
        self.rows_max = rows_max.clamp(1, ROWS_MAX);
    }

    /// Where to go on behind the rows given out so far: the next offset to read.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Replaces buffer and rows of `rows` by the next ones; `false`, with no rows, at the end.
    ///
    /// # Errors
    /// What the iterator of batches gave, or [`DecodeError`] for a record that is damaged. The rows before it were given
    /// out; [`Self::position`] is that of the damaged one. Afterwards there are no more rows.
    pub fn next_rows(
        &mut self,
        scratch: &mut Scratch,
        rows: &mut Rows,
    ) -> Result<bool, DecodeError> {
        rows.rows.clear();
        rows.whole.clear();
        rows.buffer = Bytes::new();
        if self.ended {
            return Ok(false);
        }
        let mut buffer = Buffer::Undecided;
        let mut bytes = 0;
        let rows_max = self.rows_max;
        while self.failed.is_none() && rows.rows.len() < rows_max && bytes < ROWS_BYTES_MAX {
            if self.open.is_none() && !self.open_next(scratch) {
                break;
            }
            let Some(open) = &mut self.open else { break };
            let Some(start) = place_in(&mut buffer, open, rows, &self.fetched) else { break };
            let room = Room { rows: rows_max - rows.rows.len(), bytes: ROWS_BYTES_MAX - bytes };
            let (first, behind) = (rows.rows.len(), open.place);
            match read(open, start, room, (&mut self.position, &mut bytes), &mut rows.rows) {
                Ok(Read::Cut) => {}
                Ok(Read::Whole) => {
                    if behind.at == 0 && rows.rows.len() - first == behind.left {
                        rows.whole.push(WholeBatch { first, batch: open.batch.clone() });
                    }
                    self.position = self.position.max(open.body.header.next_offset());
                    self.open = None;
                }
                Err(error) => self.failed = Some(error),
            }
            if rows.rows.is_empty() {
                (buffer, bytes) = (Buffer::Undecided, 0);
            } else if matches!(buffer, Buffer::Own) {
                // One that came out of decompression keeps its memory to itself.
                break;
            }
        }
        if let Buffer::Shared(shared) = buffer {
            rows.buffer = shared.into();
        }
        match self.failed.take() {
            Some(error) if rows.rows.is_empty() => {
                self.ended = true;
                Err(error)
            }
            failed => {
                self.failed = failed;
                Ok(!rows.rows.is_empty())
            }
        }
    }

    /// Opens the next batch that has rows at or behind the position; `false` at the end or after a failure.
    fn open_next(&mut self, scratch: &mut Scratch) -> bool {
        loop {
            let batch = match self.batches.next() {
                None => return false,
                Some(Ok(batch)) => batch,
                Some(Err(error)) => {
                    self.failed = Some(error);
                    return false;
                }
            };
            if batch.header.next_offset() <= self.position {
                continue;
            }
            match batch.body(scratch) {
                Ok(body) => {
                    let plain = batch.header.compression() == Ok(Compression::None);
                    let fetched_at =
                        if plain { offset_in(&self.fetched, &body.bytes) } else { None };
                    let place = body.records().place();
                    self.open = Some(Open { batch, body, place, fetched_at });
                    return true;
                }
                Err(error) => {
                    self.failed = Some(error);
                    return false;
                }
            }
        }
    }
}

/// Where the body of `open` begins in the buffer of `rows`; `None` when it needs another buffer than the rows so far.
fn place_in(buffer: &mut Buffer, open: &Open, rows: &mut Rows, fetched: &Bytes) -> Option<u32> {
    let body = &open.body.bytes;
    if let Some(at) = open.fetched_at {
        return match buffer {
            Buffer::Undecided => {
                *buffer = Buffer::Fetched;
                rows.buffer = fetched.clone();
                Some(at)
            }
            Buffer::Fetched => Some(at),
            Buffer::Own | Buffer::Shared(_) => None,
        };
    }
    match buffer {
        Buffer::Undecided if body.len() >= OWN_BUFFER_MIN => {
            *buffer = Buffer::Own;
            rows.buffer = body.clone();
            Some(0)
        }
        Buffer::Undecided => {
            *buffer = Buffer::Shared(body.to_vec());
            Some(0)
        }
        Buffer::Shared(shared) if shared.len() + body.len() <= ROWS_BYTES_MAX + OWN_BUFFER_MIN => {
            let at = u32::try_from(shared.len()).ok()?;
            shared.extend_from_slice(body);
            Some(at)
        }
        Buffer::Fetched | Buffer::Own | Buffer::Shared(_) => None,
    }
}

fn offset_in(buffer: &Bytes, part: &Bytes) -> Option<u32> {
    let at = part.as_ptr().addr().checked_sub(buffer.as_ptr().addr())?;
    (at + part.len() <= buffer.len()).then(|| u32::try_from(at).ok()).flatten()
}

#[derive(Clone, Copy)]
struct Room {
    rows: usize,
    bytes: usize,
}

enum Read {
    Whole,
    Cut,
}

/// Reads records into `rows` until the batch or the room ends.
fn read(
    open: &mut Open,
    start: u32,
    room: Room,
    (position, bytes): (&mut i64, &mut usize),
    rows: &mut Vec<Row>,
) -> Result<Read, DecodeError> {
    let body = &open.body.bytes;
    if body.len() > ADDRESSABLE_MAX - start as usize {
        let why = "more bytes than rows can address";
        return Err(DecodeError::Invalid { what: "batch", at: 0, why });
    }
    let base = Base { address: body.as_ptr().addr(), start };
    let mut records: Records<'_> = open.body.records_from(open.place);
    let before = open.place.at;
    let most = rows.len() + room.rows;
    rows.reserve(room.rows.min(open.place.left));
    loop {
        let record = match records.next() {
            None => {
                *bytes += records.place().at - before;
                return Ok(Read::Whole);
            }
            Some(record) => record?,
        };
        if record.offset >= *position {
            rows.push(Row {
                offset: record.offset,
                timestamp: record.timestamp,
                key: base.nullable(record.key),
                value: base.nullable(record.value),
                headers: base.slice(record.header_bytes()),
                fields: base.slice(record.fields()),
            });
            *position = record.offset + 1;
        }
        open.place = records.place();
        let read = open.place.at - before;
        if rows.len() >= most || read >= room.bytes {
            *bytes += read;
            return Ok(Read::Cut);
        }
    }
}

/// Turns slices of a body into slices of the buffer that holds it.
#[derive(Clone, Copy)]
struct Base {
    address: usize,
    start: u32,
}

impl Base {
    #[inline]
    fn nullable(self, part: Option<&[u8]>) -> Slice {
        part.map_or(Slice::NULL, |part| self.slice(part))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "bodies are within what u32 addresses")]
    fn slice(self, part: &[u8]) -> Slice {
        let at = part.as_ptr().addr().wrapping_sub(self.address);
        Slice::new(self.start.wrapping_add(at as u32), part.len() as u32)
    }
}
