//! Walks along the batches of a segment's file: headers only, or whole batches.

use bytes::Bytes;
use kolk_wire::record::{Batch, BatchHeader, HEADER_SIZE};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that a scan of whole batches reads at once.
const CHUNK: usize = 1 << 20;
/// Bytes that a walk along headers reads at once: about as far as two index entries are apart.
const HEADER_CHUNK: usize = 8 << 10;

/// A batch's header and where the batch begins in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) position: u64,
    pub(super) header: BatchHeader,
}

impl Found {
    /// Where the next batch begins.
    pub(super) fn end(&self) -> u64 {
        self.position + self.header.size() as u64
    }
}

/// Reads headers and jumps over what is between them.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    file: &'a File,
    size: u64,
    position: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl<'a> Walk<'a> {
    /// Starts at `position`, where a batch must begin, and ends at `size`.
    pub(super) fn new(file: &'a File, position: u64, size: u64) -> Self {
        Self { file, size, position, buffer: Vec::new(), buffer_at: 0 }
    }

    /// The next header; `None` at the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when there is no whole batch where one must be.
    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        if self.position == self.size {
            return Ok(None);
        }
        let header = BatchHeader::parse(self.head()?).map_err(damaged)?;
        let found = Found { position: self.position, header };
        if found.end() > self.size {
            return Err(damaged("the last batch is cut off"));
        }
        self.position = found.end();
        Ok(Some(found))
    }

    fn head(&mut self) -> io::Result<&[u8]> {
        let held =
            self.position.checked_sub(self.buffer_at).and_then(|at| usize::try_from(at).ok());
        let held = held.filter(|at| self.buffer.len().saturating_sub(*at) >= HEADER_SIZE);
        let at = match held {
            Some(at) => at,
            None => {
                let left = self.size.saturating_sub(self.position);
                self.buffer.resize(within(left, HEADER_CHUNK), 0);
                self.file.read_exact_at(&mut self.buffer, self.position)?;
                self.buffer_at = self.position;
                0
            }
        };
        Ok(self.buffer.get(at..).unwrap_or_default())
    }
}

/// Reads whole batches, one after the other.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    file: &'a File,
    size: u64,
    position: u64,
    buffer: Bytes,
}

impl<'a> Scan<'a> {
    /// Starts at `position`, where a batch must begin, and ends at `size`.
    pub(super) fn new(file: &'a File, position: u64, size: u64) -> Self {
        Self { file, size, position, buffer: Bytes::new() }
    }

    /// Where the next batch begins.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next batch, its checksum not yet compared; `None` at the end.
    ///
    /// # Errors
    /// As [`Walk::next`].
    pub(super) fn next(&mut self) -> io::Result<Option<Batch>> {
        if self.position == self.size {
            return Ok(None);
        }
        let mut batch = Batch::parse(&self.buffer).map_err(damaged)?;
        if batch.is_none() {
            self.fill(CHUNK)?;
            batch = Batch::parse(&self.buffer).map_err(damaged)?;
        }
        if batch.is_none() {
            let header = BatchHeader::parse(&self.buffer).map_err(damaged)?;
            self.fill(header.size())?;
            batch = Batch::parse(&self.buffer).map_err(damaged)?;
        }
        let batch = batch.ok_or_else(|| damaged("the last batch is cut off"))?;
        self.position += batch.bytes.len() as u64;
        self.buffer = self.buffer.slice(batch.bytes.len()..);
        Ok(Some(batch))
    }

    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        let left = self.size.saturating_sub(self.position);
        self.buffer = read(self.file, self.position, within(left, wanted))?;
        Ok(())
    }
}

/// `size` bytes of the file from `position` on.
pub(super) fn read(file: &File, position: u64, size: usize) -> io::Result<Bytes> {
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, position)?;
    Ok(Bytes::from(bytes))
}

/// The lesser of a length in a file and a length in memory.
pub(super) fn within(left: u64, most: usize) -> usize {
    usize::try_from(left).map_or(most, |left| left.min(most))
}

/// The error for bytes that are not what was written.
pub(super) fn damaged(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
