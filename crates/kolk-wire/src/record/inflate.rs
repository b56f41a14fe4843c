//! Decompression with a hard limit: output grows as bytes come out of the codec, and stops at the limit.

use super::compression::{Compression, XERIAL_HEADER, XERIAL_MAGIC};
use super::header::{HEADER_SIZE, invalid};
use crate::read::DecodeError;
use bytes::{Bytes, BytesMut};
use std::io::{self, Read};
use zstd::stream::raw::{InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::DParameter;

/// The most that the records of one batch may take after decompression, in bytes, unless a [`Scratch`] says otherwise.
pub const DECOMPRESSED_MAX: usize = 128 * 1024 * 1024;
/// Least room for output, in bytes.
const ROOM_MIN: usize = 4 * 1024;
/// Guess of how much a batch grows.
const GROWTH: usize = 4;
/// Snappy's densest element makes 64 bytes out of three.
const SNAPPY_RATIO_MAX: usize = 22;
/// First bytes of an LZ4 frame; the legacy frame has others, and Kafka never used it.
const LZ4_MAGIC: [u8; 4] = 0x184d_2204u32.to_le_bytes();
/// zstd's window, as a power of two: decoders should allow 8 MiB (RFC 8878), and level 22 uses 128 MiB.
const ZSTD_WINDOW_LOG: std::ops::RangeInclusive<u32> = 23..=27;

/// What decompression keeps from one batch to the next: memory that no body refers to any more, codec states, the limit.
pub struct Scratch {
    limit: usize,
    buffer: BytesMut,
    zstd: Option<zstd::stream::raw::Decoder<'static>>,
    snappy: snap::raw::Decoder,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Scratch {
    /// With the limit [`DECOMPRESSED_MAX`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(DECOMPRESSED_MAX)
    }

    /// With a limit of `limit` bytes for the records of one batch.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        let snappy = snap::raw::Decoder::new();
        Self { limit, buffer: BytesMut::new(), zstd: None, snappy }
    }

    /// Decompresses the records of a batch.
    pub(super) fn inflate(
        &mut self,
        codec: Compression,
        input: &[u8],
    ) -> Result<Bytes, DecodeError> {
        let mut out = Output::new(&mut self.buffer, self.limit, input.len());
        let done = match codec {
            Compression::None => out.read_all(input),
            Compression::Gzip => out.read_all(flate2::bufread::MultiGzDecoder::new(input)),
            Compression::Snappy => snappy(&mut self.snappy, input, &mut out),
            Compression::Lz4 => lz4(input, &mut out),
            Compression::Zstd => zstd(&mut self.zstd, self.limit, input, &mut out),
        };
        let len = out.len;
        match done {
            Ok(()) => {
                self.buffer.truncate(len);
                Ok(self.buffer.split().freeze())
            }
            Err(failure) => {
                self.buffer.clear();
                self.zstd = None;
                Err(match failure {
                    Failure::Limit => {
                        DecodeError::Budget { frame: input.len(), budget: self.limit }
                    }
                    Failure::Damaged => invalid(codec.name(), HEADER_SIZE, "does not decompress"),
                })
            }
        }
    }
}

enum Failure {
    Limit,
    Damaged,
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Damaged
    }
}

impl From<snap::Error> for Failure {
    fn from(_: snap::Error) -> Self {
        Self::Damaged
    }
}

/// A buffer that grows up to a limit; everything beyond `len` is room.
struct Output<'a> {
    buffer: &'a mut BytesMut,
    limit: usize,
    len: usize,
}

impl<'a> Output<'a> {
    fn new(buffer: &'a mut BytesMut, limit: usize, input: usize) -> Self {
        buffer.clear();
        buffer.resize(input.saturating_mul(GROWTH).max(ROOM_MIN).min(limit), 0);
        Self { buffer, limit, len: 0 }
    }

    /// Room for at least one more byte.
    fn room(&mut self) -> Result<&mut [u8], Failure> {
        if self.len == self.buffer.len() {
            if self.len >= self.limit {
                return Err(Failure::Limit);
            }
            self.buffer.resize((self.len * 2).max(ROOM_MIN).min(self.limit), 0);
        }
        Ok(self.buffer.split_at_mut(self.len).1)
    }

    /// Room for `len` bytes and more.
    fn room_for(&mut self, len: usize) -> Result<&mut [u8], Failure> {
        if len > self.limit - self.len {
            return Err(Failure::Limit);
        }
        if self.len + len > self.buffer.len() {
            let size = (self.len + len).max(self.buffer.len().saturating_mul(2)).min(self.limit);
            self.buffer.resize(size, 0);
        }
        Ok(self.buffer.split_at_mut(self.len).1)
    }

    fn read_all(&mut self, mut reader: impl Read) -> Result<(), Failure> {
        loop {
            // At the limit, one byte more tells the end from too much.
            if self.len == self.limit {
                return match reader.read(&mut [0])? {
                    0 => Ok(()),
                    _ => Err(Failure::Limit),
                };
            }
            match reader.read(self.room()?)? {
                0 => return Ok(()),
                len => self.len += len,
            }
        }
    }
}

/// Blocks of the xerial framing, or one bare block, which librdkafka and others have written.
fn snappy(
    decoder: &mut snap::raw::Decoder,
    input: &[u8],
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let (magic, _) = XERIAL_HEADER.split_at(XERIAL_MAGIC);
    if !input.starts_with(magic) {
        return snappy_block(decoder, input, out);
    }
    let mut rest = input;
    while !rest.is_empty() {
        // Streams that were put together have a header before each.
        if rest.starts_with(magic) {
            rest = rest.get(XERIAL_HEADER.len()..).ok_or(Failure::Damaged)?;
            continue;
        }
        let (length, tail) = rest.split_first_chunk::<4>().ok_or(Failure::Damaged)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, tail) = tail.split_at_checked(length).ok_or(Failure::Damaged)?;
        snappy_block(decoder, block, out)?;
        rest = tail;
    }
    Ok(())
}

fn snappy_block(
    decoder: &mut snap::raw::Decoder,
    block: &[u8],
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let len = snap::raw::decompress_len(block)?;
    if len > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(Failure::Damaged);
    }
    let room = out.room_for(len)?;
    out.len += decoder.decompress(block, room)?;
    Ok(())
}

fn lz4(input: &[u8], out: &mut Output<'_>) -> Result<(), Failure> {
    if !input.starts_with(&LZ4_MAGIC) {
        return Err(Failure::Damaged);
    }
    let mut rest = input;
    out.read_all(lz4_flex::frame::FrameDecoder::new(&mut rest))?;
    // The decoder reads no further than its frame; as Java, expect one frame only.
    if rest.is_empty() && lz4_ends(input) { Ok(()) } else { Err(Failure::Damaged) }
}

/// Whether an LZ4 frame has its end mark, an empty block: the decoder takes the end of its input for the end of the frame.
fn lz4_ends(frame: &[u8]) -> bool {
    let Some(flags) = frame.get(LZ4_MAGIC.len()) else { return false };
    let optional = |bit: u8, size: usize| if flags & bit == 0 { 0 } else { size };
    let descriptor = 3 + optional(0b1000, 8) + optional(0b1, 4);
    let checksum = optional(0b1_0000, 4);
    let mut rest = frame.get(LZ4_MAGIC.len() + descriptor..).unwrap_or_default();
    while let Some((size, tail)) = rest.split_first_chunk::<4>() {
        let size = u32::from_le_bytes(*size);
        if size == 0 {
            return true;
        }
        // The highest bit says that the block is not compressed.
        rest = tail.get((size & !(1 << 31)) as usize + checksum..).unwrap_or_default();
    }
    false
}

fn zstd(
    state: &mut Option<zstd::stream::raw::Decoder<'static>>,
    limit: usize,
    input: &[u8],
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let decoder = match state {
        Some(decoder) => {
            decoder.reinit()?;
            decoder
        }
        empty => {
            let mut decoder = zstd::stream::raw::Decoder::new()?;
            let window = limit.checked_ilog2().unwrap_or(0);
            let window = window.clamp(*ZSTD_WINDOW_LOG.start(), *ZSTD_WINDOW_LOG.end());
            decoder.set_parameter(DParameter::WindowLogMax(window))?;
            empty.insert(decoder)
        }
    };
    let mut source = InBuffer::around(input);
    loop {
        // At the limit, one byte more tells the end from too much.
        let mut beyond = [0];
        let full = out.len == out.limit;
        let room = if full { &mut beyond[..] } else { out.room()? };
        let mut sink = OutBuffer::around(room);
        let before = source.pos;
        let wanted = decoder.run(&mut source, &mut sink)?;
        let written = sink.pos();
        if full && written > 0 {
            return Err(Failure::Limit);
        }
        out.len += written;
        let exhausted = source.pos == input.len();
        if wanted == 0 && exhausted {
            return Ok(());
        }
        if written == 0 && source.pos == before {
            return Err(Failure::Damaged);
        }
    }
}
