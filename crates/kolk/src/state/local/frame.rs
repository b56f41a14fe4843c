//! Pieces of a file that are whole or not there: length, CRC-32C, bytes.
//!
//! ```text
//! file:   8 bytes that tell the kind | version u32 | frame …
//! frame:  length u64 | CRC-32C u32 | bytes, at least one          (little endian)
//! ```

use kolk_wire::record::crc32c;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The version of the format of all files of this module. It changes with everything that an older reader would misread.
pub(super) const VERSION: u32 = 1;
/// Bytes before the first frame.
pub(super) const HEAD: usize = 12;
/// Bytes before a frame's own.
pub(super) const PREFIX: usize = 12;
/// Bytes read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// What a file begins with.
#[must_use]
pub(super) fn head(kind: &[u8; 8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let (start, version) = head.split_at_mut(kind.len());
    start.copy_from_slice(kind);
    version.copy_from_slice(&VERSION.to_le_bytes());
    head
}

/// Leaves room for a frame's length and CRC; the frame's bytes follow.
pub(super) fn begin(into: &mut Vec<u8>) -> usize {
    let start = into.len();
    into.resize(start + PREFIX, 0);
    start
}

/// Ends the frame that began at `start`.
pub(super) fn end(into: &mut [u8], start: usize) {
    let (prefix, bytes) = into[start..].split_at_mut(PREFIX);
    let (length, crc) = prefix.split_at_mut(8);
    length.copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    crc.copy_from_slice(&crc32c(bytes).to_le_bytes());
}

/// The frames of a file, one after the other.
#[derive(Debug)]
pub(super) struct Frames {
    file: BufReader<File>,
    left: u64,
    /// Where the last whole frame ends.
    end: u64,
    buffer: Vec<u8>,
}

/// What comes next in a file.
#[derive(Debug)]
pub(super) enum Next<'a> {
    /// A whole frame.
    Frame(&'a [u8]),
    /// The end of the file.
    End,
    /// Bytes that are no frame: torn or damaged.
    Damaged,
}

/// Why a file is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Foreign {
    Kind,
    Version(u32),
}

impl Frames {
    /// Opens a file of a kind.
    pub(super) fn open(path: &Path, kind: &[u8; 8]) -> io::Result<Result<Self, Foreign>> {
        let file = File::open(path)?;
        let left = file.metadata()?.len();
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut start = [0; HEAD];
        if left < HEAD as u64 {
            return Ok(Err(Foreign::Kind));
        }
        file.read_exact(&mut start)?;
        let [.., a, b, c, d] = start;
        let version = u32::from_le_bytes([a, b, c, d]);
        if !start.starts_with(kind) {
            return Ok(Err(Foreign::Kind));
        }
        if version != VERSION {
            return Ok(Err(Foreign::Version(version)));
        }
        let end = HEAD as u64;
        Ok(Ok(Self { file, left: left - end, end, buffer: Vec::new() }))
    }

    /// The next frame.
    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        if self.left == 0 {
            return Ok(Next::End);
        }
        if self.left < PREFIX as u64 {
            return Ok(Next::Damaged);
        }
        let (mut length, mut crc) = ([0; 8], [0; 4]);
        self.file.read_exact(&mut length)?;
        self.file.read_exact(&mut crc)?;
        let length = u64::from_le_bytes(length);
        let left = self.left - PREFIX as u64;
        let Ok(bytes) = usize::try_from(length) else { return Ok(Next::Damaged) };
        // No length is believed beyond the file's end. Zeroes, as a power cut leaves them, are no frame.
        if length == 0 || length > left {
            return Ok(Next::Damaged);
        }
        self.buffer.resize(bytes, 0);
        self.file.read_exact(&mut self.buffer)?;
        if crc32c(&self.buffer) != u32::from_le_bytes(crc) {
            return Ok(Next::Damaged);
        }
        self.left = left - length;
        self.end += PREFIX as u64 + length;
        Ok(Next::Frame(&self.buffer))
    }

    /// Where the last whole frame ends, in bytes from the file's start.
    pub(super) fn end(&self) -> u64 {
        self.end
    }
}
