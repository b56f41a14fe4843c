//! The codecs of record batches, compressing side: names, ids, and one compressor per builder.
//!
//! The framings are those that Java and librdkafka read: gzip (RFC 1952), snappy in xerial blocks, LZ4 frames of
//! independent 64 KiB blocks, zstd frames (KIP-110).

use bytes::{BufMut, BytesMut};
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

/// First bytes of the xerial framing: a magic, then its version and the lowest compatible version.
pub(super) const XERIAL_HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// How many of them are the magic.
pub(super) const XERIAL_MAGIC: usize = 8;
/// Bytes in each xerial block, before compression: what Java writes.
const XERIAL_BLOCK: usize = 32 * 1024;
/// Level of gzip unless told otherwise: Java's `compression.gzip.level` (KIP-390).
const GZIP_LEVEL: i32 = 6;
/// Level of zstd unless told otherwise: Java's `compression.zstd.level` (KIP-390).
const ZSTD_LEVEL: i32 = 3;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard, since Kafka 2.1.
    Zstd,
}

impl Compression {
    /// All of them, by id.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with this number in a batch's attributes.
    #[must_use]
    pub fn from_id(id: i16) -> Option<Self> {
        usize::try_from(id).ok().and_then(|id| Self::ALL.get(id)).copied()
    }

    /// Its number in a batch's attributes.
    #[must_use]
    pub fn id(self) -> i16 {
        self as i16
    }

    /// Its name in `compression.type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is not one of a codec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no compression {0:?}: use none, gzip, snappy, lz4 or zstd")]
pub struct UnknownCompression(pub String);

impl FromStr for Compression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Self, UnknownCompression> {
        let named = Self::ALL.into_iter().find(|codec| codec.name() == name);
        named.ok_or_else(|| UnknownCompression(name.to_owned()))
    }
}

/// A codec with its level, and what it keeps from one batch to the next.
pub(super) struct Compressor {
    codec: Compression,
    level: i32,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    snappy: Option<Box<snap::raw::Encoder>>,
}

impl Compressor {
    pub(super) fn new(codec: Compression, level: Option<i32>) -> Self {
        let level = match codec {
            Compression::Gzip => level.unwrap_or(GZIP_LEVEL).clamp(1, 9),
            Compression::Zstd => level.unwrap_or(ZSTD_LEVEL),
            Compression::None | Compression::Snappy | Compression::Lz4 => 0,
        };
        Self { codec, level, zstd: None, snappy: None }
    }

    pub(super) fn codec(&self) -> Compression {
        self.codec
    }

    /// Appends `records`, compressed, to `out`.
    pub(super) fn compress(&mut self, records: &[u8], out: &mut BytesMut) -> io::Result<()> {
        match self.codec {
            Compression::None => out.extend_from_slice(records),
            Compression::Gzip => {
                let level = flate2::Compression::new(self.level.unsigned_abs());
                let mut encoder = flate2::write::GzEncoder::new(out.writer(), level);
                encoder.write_all(records)?;
                encoder.finish()?;
            }
            Compression::Snappy => self.compress_snappy(records, out)?,
            Compression::Lz4 => {
                let frame = lz4_flex::frame::FrameInfo::new()
                    .block_mode(lz4_flex::frame::BlockMode::Independent)
                    .block_size(lz4_flex::frame::BlockSize::Max64KB);
                let mut encoder =
                    lz4_flex::frame::FrameEncoder::with_frame_info(frame, out.writer());
                encoder.write_all(records)?;
                encoder.finish()?;
            }
            Compression::Zstd => self.compress_zstd(records, out)?,
        }
        Ok(())
    }

    fn compress_snappy(&mut self, records: &[u8], out: &mut BytesMut) -> io::Result<()> {
        let encoder = self.snappy.get_or_insert_with(|| Box::new(snap::raw::Encoder::new()));
        out.extend_from_slice(&XERIAL_HEADER);
        for block in records.chunks(XERIAL_BLOCK) {
            let start = out.len();
            out.resize(start + 4 + snap::raw::max_compress_len(block.len()), 0);
            let (_, room) = out.split_at_mut(start);
            let Some((length, room)) = room.split_first_chunk_mut::<4>() else { continue };
            let len = encoder.compress(block, room)?;
            *length = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
            out.truncate(start + 4 + len);
        }
        Ok(())
    }

    fn compress_zstd(&mut self, records: &[u8], out: &mut BytesMut) -> io::Result<()> {
        let compressor = match &mut self.zstd {
            Some(compressor) => compressor,
            empty => empty.insert(zstd::bulk::Compressor::new(self.level)?),
        };
        let start = out.len();
        out.resize(start + zstd::zstd_safe::compress_bound(records.len()), 0);
        let (_, room) = out.split_at_mut(start);
        let len = compressor.compress_to_buffer(records, room)?;
        out.truncate(start + len);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_kafkas_names_and_numbers() {
        for (id, codec) in (0..).zip(Compression::ALL) {
            assert_eq!(codec.id(), id);
            assert_eq!(Compression::from_id(id), Some(codec));
            assert_eq!(codec.to_string().parse(), Ok(codec));
        }
        assert_eq!(Compression::from_id(5), None);
        assert_eq!(Compression::from_id(-1), None);
        assert!("lzma".parse::<Compression>().is_err());
    }
}
