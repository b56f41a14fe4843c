//! One file of a log: whole batches one after the other, and what is needed to find them.

use super::AbortedSpan;
use super::files::Files;
use super::index::{self, Entry, Index, Summary};
use super::scan::{self, Found, Scan, Walk, damaged};
use super::{OffsetAndTimestamp, ReadRequest};
use bytes::Bytes;
use kolk_wire::record::{Batch, BatchHeader, Scratch};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Batches at the end of a segment whose positions are known exactly: where most readers are.
const RECENT: usize = 64;
/// Readers whose next position is remembered.
const HINTS: usize = 4;

/// Where a batch begins.
#[derive(Debug, Clone, Copy, Default)]
struct Spot {
    offset: i64,
    position: u64,
}

/// What reading from a segment found.
#[derive(Debug)]
pub(super) enum Read {
    /// Whole batches, and the offset after the last of them.
    Batches(Bytes, i64),
    /// The next batch is there, but may not be seen yet or is larger than was asked for.
    Nothing,
    /// The segment has nothing from that offset on.
    Past,
}

/// A segment of a log. All but the last are finished and do not change, except that compaction replaces them.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base_offset: i64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    pub(super) summary: Summary,
    /// When it was created or, since it was opened, last written: the age of records without time-stamps.
    pub(super) created_ms: i64,
    /// `None` until it is needed, for finished segments.
    index: RefCell<Option<Index>>,
    index_used: Cell<bool>,
    recent: VecDeque<Spot>,
    hints: Cell<[Spot; HINTS]>,
}

impl Segment {
    /// A segment whose file is open and whose contents are known.
    pub(super) fn new(
        path: PathBuf,
        file: Arc<File>,
        base_offset: i64,
        summary: Summary,
        created_ms: i64,
    ) -> Self {
        Self {
            base_offset,
            path,
            file,
            summary,
            created_ms,
            index: RefCell::new(None),
            index_used: Cell::new(false),
            recent: VecDeque::new(),
            hints: Cell::default(),
        }
    }

    /// Creates an empty segment in `dir`.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn create(
        dir: &Path,
        base_offset: i64,
        files: &dyn Files,
        now_ms: i64,
    ) -> io::Result<Self> {
        let path = log_path(dir, base_offset);
        let file = Arc::new(files.create(&path)?);
        let segment = Self::new(path, file, base_offset, Summary::empty(base_offset), now_ms);
        Ok(segment.with_index(Index::default()))
    }

    /// With an index that is known already.
    pub(super) fn with_index(self, index: Index) -> Self {
        self.index.replace(Some(index));
        self
    }

    /// Writes a batch that has its offsets at the end, and `sync`s it if asked. On error nothing has changed.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn append(
        &mut self,
        files: &dyn Files,
        batch: &[u8],
        sync: Sync,
        interval: u64,
    ) -> io::Result<()> {
        let header = BatchHeader::parse(batch).map_err(damaged)?;
        let position = self.summary.size;
        let written = files.write_at(&self.file, batch, position).and_then(|()| match sync {
            Sync::Later => Ok(()),
            Sync::Now => files.sync(&self.file),
        });
        if let Err(error) = written {
            // Should this fail as well: the next batch is written over the rest, and recovery would cut it off.
            let _ = self.file.set_len(position);
            return Err(error);
        }
        self.note(&Found { position, header }, interval);
        Ok(())
    }

    /// Takes note of the batch at the end of the file.
    pub(super) fn note(&mut self, found: &Found, interval: u64) {
        let Found { position, header } = found;
        let summary = &mut self.summary;
        let offset = u32::try_from(header.base_offset - self.base_offset);
        if let (Ok(offset), Ok(position)) = (offset, u32::try_from(*position)) {
            let entry = Entry { offset, position, max_before: summary.max_timestamp };
            self.index.get_mut().get_or_insert_default().note(entry, interval);
        }
        if summary.size == 0 {
            summary.first_timestamp = header.max_timestamp;
        }
        if header.max_timestamp > summary.max_timestamp {
            summary.max_timestamp = header.max_timestamp;
            summary.max_timestamp_offset = header.base_offset;
        }
        summary.size = found.end();
        summary.next_offset = header.next_offset();
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Spot { offset: header.base_offset, position: *position });
    }

    /// Takes note of an abort marker in this segment.
    pub(super) fn note_aborted(&mut self, aborted: AbortedSpan) {
        self.summary.aborted.push(aborted);
    }

    /// Whole batches from the one that holds `request.from` on, none of which begins at or after `limit`.
    ///
    /// # Errors
    /// What the operating system says; [`io::ErrorKind::InvalidData`] for damage.
    pub(super) fn read(&self, request: &ReadRequest, limit: i64) -> io::Result<Read> {
        if request.from >= self.summary.next_offset {
            return Ok(Read::Past);
        }
        let Some(first) = self.seek(request.from)? else { return Ok(Read::Past) };
        let size = first.header.size();
        if first.header.base_offset >= limit || (size > request.max_bytes && !request.min_one) {
            return Ok(Read::Nothing);
        }
        let left = self.summary.size - first.position;
        let wanted = scan::within(left, request.max_bytes.max(size));
        let mut bytes = scan::read(&self.file, first.position, wanted)?;
        let (mut end, mut next_offset) = (size, first.header.next_offset());
        while let Ok(header) = BatchHeader::parse(bytes.get(end..).unwrap_or_default()) {
            if header.base_offset >= limit || end + header.size() > bytes.len() {
                break;
            }
            end += header.size();
            next_offset = header.next_offset();
        }
        bytes.truncate(end);
        self.remember(Spot { offset: next_offset, position: first.position + end as u64 });
        Ok(Read::Batches(bytes, next_offset))
    }

    /// The first batch that ends at or after `offset`.
    fn seek(&self, offset: i64) -> io::Result<Option<Found>> {
        let mut walk = Walk::new(&self.file, self.position_before(offset)?, self.summary.size);
        while let Some(found) = walk.next()? {
            if found.header.next_offset() > offset {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The best known position at or before the batch that holds `offset`.
    pub(super) fn position_before(&self, offset: i64) -> io::Result<u64> {
        if offset >= self.summary.next_offset {
            return Ok(self.summary.size);
        }
        let hint = self.hints.get().into_iter().find(|spot| {
            spot.offset == offset && spot.position > 0 && spot.position < self.summary.size
        });
        if let Some(hint) = hint {
            return Ok(hint.position);
        }
        let after = self.recent.partition_point(|spot| spot.offset <= offset);
        if let Some(spot) = after.checked_sub(1).and_then(|at| self.recent.get(at)) {
            return Ok(spot.position);
        }
        let relative = u32::try_from(offset - self.base_offset).unwrap_or(0);
        self.index(|index| u64::from(index.position_of(relative)))
    }

    fn remember(&self, spot: Spot) {
        let [a, b, c, _] = self.hints.get();
        self.hints.set([spot, a, b, c]);
    }

    /// The first record from `from` on whose time-stamp is `timestamp` or later.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn find_time(
        &self,
        timestamp: i64,
        from: i64,
    ) -> io::Result<Option<OffsetAndTimestamp>> {
        if self.summary.max_timestamp < timestamp {
            return Ok(None);
        }
        let position = self.index(|index| u64::from(index.position_of_time(timestamp)))?;
        let mut walk = Walk::new(&self.file, position, self.summary.size);
        while let Some(found) = walk.next()? {
            if found.header.max_timestamp < timestamp || found.header.last_offset() < from {
                continue;
            }
            let record = self.find_record(&found, |record| {
                record.timestamp >= timestamp && record.offset >= from
            })?;
            if record.is_some() {
                return Ok(record);
            }
        }
        Ok(None)
    }

    /// The first record that has the segment's greatest time-stamp.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn find_max_timestamp(&self) -> io::Result<Option<OffsetAndTimestamp>> {
        let Some(found) = self.seek(self.summary.max_timestamp_offset)? else { return Ok(None) };
        self.find_record(&found, |record| record.timestamp == found.header.max_timestamp)
    }

    fn find_record(
        &self,
        found: &Found,
        wanted: impl Fn(&OffsetAndTimestamp) -> bool,
    ) -> io::Result<Option<OffsetAndTimestamp>> {
        let batch = self.batch(found)?;
        let body = batch.body(&mut Scratch::new()).map_err(damaged)?;
        for record in body.records() {
            let record = record.map_err(damaged)?;
            let at = OffsetAndTimestamp { offset: record.offset, timestamp: record.timestamp };
            if wanted(&at) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// A whole batch whose header was found.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn batch(&self, found: &Found) -> io::Result<Batch> {
        let bytes = scan::read(&self.file, found.position, found.header.size())?;
        Ok(Batch { header: found.header, bytes })
    }

    /// Walks along all headers.
    pub(super) fn walk(&self) -> Walk<'_> {
        Walk::new(&self.file, 0, self.summary.size)
    }

    /// Writes the index file. That it fails is no harm: the index can be made anew.
    pub(super) fn save_index(&self, files: &dyn Files) {
        if let Ok(bytes) = self.index(|index| index::encode(&self.summary, index)) {
            let _ = files.replace(&index_path(&self.path), &bytes);
        }
    }

    /// Frees the memory of a finished segment's index, unless it was used since the last call.
    pub(super) fn forget_index(&mut self) {
        if !self.index_used.replace(false) {
            self.index.replace(None);
            self.recent = VecDeque::new();
        }
    }

    fn index<T>(&self, use_it: impl FnOnce(&Index) -> T) -> io::Result<T> {
        self.index_used.set(true);
        if let Some(index) = &*self.index.borrow() {
            return Ok(use_it(index));
        }
        let index = match load_index(&self.path, self.summary.size) {
            Some((_, index)) => index,
            None => self.index_anew()?,
        };
        let result = use_it(&index);
        self.index.replace(Some(index));
        Ok(result)
    }

    fn index_anew(&self) -> io::Result<Index> {
        let (mut index, mut max_before) = (Index::default(), index::NO_TIMESTAMP);
        let mut walk = self.walk();
        while let Some(Found { position, header }) = walk.next()? {
            let offset = u32::try_from(header.base_offset - self.base_offset).map_err(damaged)?;
            let position = u32::try_from(position).map_err(damaged)?;
            index.note(Entry { offset, position, max_before }, INTERVAL_ANEW);
            max_before = max_before.max(header.max_timestamp);
        }
        Ok(index)
    }
}

/// `index.interval.bytes` of an index that is made anew for memory only.
const INTERVAL_ANEW: u64 = 4096;

/// Whether a write waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// The operating system has it: it survives the process.
    Later,
    /// The disk has it.
    Now,
}

/// Scans the file from the start and compares every checksum. The summary ends at the first batch that is damaged or torn.
///
/// # Errors
/// What the operating system says.
pub(super) fn scan_file(
    file: &File,
    size: u64,
    segment: &mut Segment,
    interval: u64,
) -> io::Result<()> {
    let mut scan = Scan::new(file, 0, size);
    loop {
        let position = scan.position();
        let batch = match scan.next() {
            Ok(Some(batch)) => batch,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(()),
            Err(error) => return Err(error),
        };
        let header = batch.header;
        if batch.verify_crc().is_err() || header.base_offset < segment.summary.next_offset {
            return Ok(());
        }
        segment.note(&Found { position, header }, interval);
    }
}

/// Reads a segment's index file; `None` if it is missing, damaged or of a segment of another size.
pub(super) fn load_index(log: &Path, size: u64) -> Option<(Summary, Index)> {
    let bytes = std::fs::read(index_path(log)).ok()?;
    index::decode(&bytes, size)
}

/// The file of the segment that begins at `base_offset`.
pub(super) fn log_path(dir: &Path, base_offset: i64) -> PathBuf {
    dir.join(format!("{base_offset:020}.log"))
}

/// The index file of a segment.
pub(super) fn index_path(log: &Path) -> PathBuf {
    log.with_extension("index")
}
