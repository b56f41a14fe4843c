//! Opening a log: after a clean shutdown by its index and snapshot, after a crash by reading what is there.
//!
//! The clean-shutdown marker exists only while no broker has the log open. Without it, the last segment is read and cut
//! at the first batch that is torn or damaged; the others were finished before the crash and are taken as their index
//! says. An index or a snapshot that is missing, damaged or of another state is made anew. Damage within a finished
//! segment (found when its index has to be made anew) costs that segment's rest, not the segments after it.

use super::config::LogConfig;
use super::error::LogError;
use super::files::{Files, OsFiles, seal, unseal};
use super::index::Summary;
use super::partition::{PartitionLog, Unflushed, snapshot_path};
use super::producer_state::ProducerState;
use super::scan::damaged;
use super::segment::{self, Segment, load_index, log_path};
use kolk_wire::record::{ControlKind, ControlRecord, Scratch};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CLEAN_SHUTDOWN: &str = "clean-shutdown";
pub(super) const LOG_START_OFFSET: &str = "log-start-offset";
pub(super) const CLEANED_OFFSET: &str = "cleaned-offset";
const OFFSET_MAGIC: &[u8; 8] = b"KOLKOFF1";

/// What opening a log had to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Whether the log was closed in order, or is new.
    pub clean: bool,
    /// What was cut off: the write that a crash interrupted, or damage.
    pub cut: Vec<Cut>,
    /// Segments that were read from start to end.
    pub segments_scanned: usize,
    /// Batches that the producers' state was made anew from.
    pub batches_replayed: usize,
}

/// The end of a segment that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment's file.
    pub path: PathBuf,
    /// Bytes that are left.
    pub kept: u64,
    /// Bytes that are gone.
    pub dropped: u64,
}

impl PartitionLog {
    /// Opens the log in a folder of its own, or creates it.
    ///
    /// # Errors
    /// [`LogError`] when files cannot be read or written. Torn and damaged ends are no error: see [`Self::recovery`].
    pub fn open(dir: &Path, config: LogConfig, now_ms: i64) -> Result<Self, LogError> {
        Self::open_with(dir, config, Arc::new(OsFiles), now_ms)
    }

    /// [`Self::open`] on other files, for tests of failing disks.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        dir: &Path,
        config: LogConfig,
        files: Arc<dyn Files>,
        now_ms: i64,
    ) -> Result<Self, LogError> {
        let opened = Opening { dir, config: &config, files: &*files, now_ms }.run();
        let opened =
            opened.map_err(|source| LogError { action: "open", path: dir.to_owned(), source })?;
        let Opened { mut finished, log_start, cleaned_offset, producers, recovery } = opened;
        // `run` gives at least one segment.
        let active = finished.pop().ok_or_else(|| LogError {
            action: "open",
            path: dir.to_owned(),
            source: io::ErrorKind::NotFound.into(),
        })?;
        let cleaned_offset = cleaned_offset.clamp(log_start, active.summary.next_offset);
        Ok(Self {
            dir: dir.to_owned(),
            config,
            files,
            finished,
            active,
            producers,
            log_start,
            cleaned_offset,
            unflushed: Unflushed::default(),
            recovery,
        })
    }

    /// Closes the log in order: everything is on the disk, and the next open is fast.
    ///
    /// # Errors
    /// [`LogError`]; what was appended is safe all the same, the next open takes longer.
    pub fn close(mut self) -> Result<(), LogError> {
        self.flush()?;
        self.active.save_index(&*self.files);
        self.save_snapshot();
        save_offset(&*self.files, &self.dir, CLEAN_SHUTDOWN, self.high_watermark())
    }
}

struct Opened {
    /// All segments; the last is the active one.
    finished: Vec<Segment>,
    log_start: i64,
    cleaned_offset: i64,
    producers: ProducerState,
    recovery: RecoveryReport,
}

struct Opening<'a> {
    dir: &'a Path,
    config: &'a LogConfig,
    files: &'a dyn Files,
    now_ms: i64,
}

impl Opening<'_> {
    fn run(&self) -> io::Result<Opened> {
        std::fs::create_dir_all(self.dir)?;
        let clean_end = load_offset(self.dir, CLEAN_SHUTDOWN);
        remove_if_there(&self.dir.join(CLEAN_SHUTDOWN))?;
        remove_leftovers(self.dir)?;
        finish_swaps(self.dir)?;
        let mut recovery = RecoveryReport::default();
        let bases = offsets_of(self.dir, "log")?;
        recovery.clean = clean_end.is_some() || bases.is_empty();
        let mut segments = Vec::with_capacity(bases.len().max(1));
        let mut scanned_from = None;
        for (at, base) in bases.iter().enumerate() {
            let trusted = at + 1 < bases.len() || clean_end.is_some();
            let (segment, scanned) = self.segment(*base, trusted, &mut recovery)?;
            if scanned {
                recovery.segments_scanned += 1;
                scanned_from = scanned_from.or(Some(*base));
            }
            segments.push(segment);
        }
        let log_start = load_offset(self.dir, LOG_START_OFFSET).unwrap_or(0);
        let log_start = log_start.max(bases.first().copied().unwrap_or(0));
        let end = segments.last().map_or(-1, |segment| segment.summary.next_offset);
        if end < log_start {
            // Nothing is left of what had not been deleted.
            for segment in segments.drain(..) {
                remove_segment(&segment.path)?;
            }
            segments.push(Segment::create(self.dir, log_start, self.files, self.now_ms)?);
        }
        let producers = self.producers(&mut segments, scanned_from, &mut recovery)?;
        let cleaned_offset = load_offset(self.dir, CLEANED_OFFSET).unwrap_or(0);
        Ok(Opened { finished: segments, log_start, cleaned_offset, producers, recovery })
    }

    /// Opens a segment; reads all of it unless it is to be trusted and its index fits.
    fn segment(
        &self,
        base: i64,
        trusted: bool,
        recovery: &mut RecoveryReport,
    ) -> io::Result<(Segment, bool)> {
        let path = log_path(self.dir, base);
        let file = Arc::new(OpenOptions::new().read(true).write(true).open(&path)?);
        let metadata = file.metadata()?;
        let (size, created_ms) = (metadata.len(), modified_ms(&metadata).unwrap_or(self.now_ms));
        if let Some((summary, index)) = load_index(&path, size).filter(|_| trusted) {
            let segment = Segment::new(path, file, base, summary, created_ms);
            return Ok((segment.with_index(index), false));
        }
        let summary = Summary::empty(base);
        let mut segment = Segment::new(path.clone(), Arc::clone(&file), base, summary, created_ms);
        segment::scan_file(&file, size, &mut segment, self.config.index_interval_bytes)?;
        let kept = segment.summary.size;
        if kept < size {
            file.set_len(kept)?;
            recovery.cut.push(Cut { path, kept, dropped: size - kept });
        }
        Ok((segment, true))
    }

    /// The producers as of the log's end: from the newest snapshot before every segment that was read anew, and the
    /// batches after it. Aborted transactions of segments read anew are found on the way.
    fn producers(
        &self,
        segments: &mut [Segment],
        scanned_from: Option<i64>,
        recovery: &mut RecoveryReport,
    ) -> io::Result<ProducerState> {
        let end = segments.last().map_or(0, |segment| segment.summary.next_offset);
        let usable = scanned_from.unwrap_or(end);
        let mut from = 0;
        let mut state = ProducerState::default();
        for offset in offsets_of(self.dir, "snapshot")?.into_iter().rev() {
            let path = snapshot_path(self.dir, offset);
            if offset > end {
                // Of a future that was cut off.
                remove_if_there(&path)?;
            } else if offset <= usable
                && let Some(found) = ProducerState::from_snapshot(&std::fs::read(&path)?, offset)
            {
                (state, from) = (found, offset);
                break;
            }
        }
        for segment in segments.iter_mut().filter(|segment| segment.summary.next_offset > from) {
            let scanned = scanned_from.is_some_and(|scanned| segment.base_offset >= scanned);
            recovery.batches_replayed += replay(segment, from, &mut state, scanned)?;
        }
        state.expire(self.now_ms, self.config.producer_id_expiration_ms);
        Ok(state)
    }
}

/// Shows the producers' state every batch of the segment from an offset on. Returns how many there were.
fn replay(
    segment: &mut Segment,
    from: i64,
    state: &mut ProducerState,
    note_aborted: bool,
) -> io::Result<usize> {
    let mut aborted = Vec::new();
    let mut replayed = 0;
    let mut walk = segment.walk();
    while let Some(found) = walk.next()? {
        let header = found.header;
        if header.next_offset() <= from || !header.has_producer_id() {
            continue;
        }
        replayed += 1;
        if !header.is_control() {
            state.replay(&header);
        } else if let Some((kind, coordinator_epoch)) = marker(&segment.batch(&found)?)? {
            aborted.extend(state.replay_marker(&header, kind, coordinator_epoch));
        } else {
            state.replay_emptied_marker(&header);
        }
    }
    if note_aborted {
        // A finished segment keeps the list of its index file; it may have been loaded with one that fits.
        segment.summary.aborted = aborted;
    }
    Ok(replayed)
}

/// What a control batch says; `None` if it is no end of a transaction or compaction emptied it.
pub(super) fn marker(batch: &kolk_wire::record::Batch) -> io::Result<Option<(ControlKind, i32)>> {
    let body = batch.body(&mut Scratch::with_limit(4096)).map_err(damaged)?;
    let Some(record) = body.records().next() else { return Ok(None) };
    let record = record.map_err(damaged)?;
    match ControlRecord::parse(record.key).map_err(damaged)? {
        ControlRecord::End(kind) => {
            let epoch = ControlRecord::coordinator_epoch(record.value).map_err(damaged)?;
            Ok(Some((kind, epoch)))
        }
        ControlRecord::Other(_) => Ok(None),
    }
}

/// The offsets that files with this extension are named by, ascending.
pub(super) fn offsets_of(dir: &Path, extension: &str) -> io::Result<Vec<i64>> {
    let mut offsets = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let offset = stem.filter(|stem| stem.len() == 20).and_then(|stem| stem.parse::<i64>().ok());
        if path.extension().is_some_and(|found| found == extension) {
            offsets.extend(offset);
        }
    }
    offsets.sort_unstable();
    Ok(offsets)
}

/// When a file was last written: what is known of the age of records without time-stamps.
fn modified_ms(metadata: &std::fs::Metadata) -> Option<i64> {
    let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(modified.as_millis()).ok()
}

/// Half-written files of a crash: never part of the log.
fn remove_leftovers(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".new") || name.ends_with(".cleaned") {
            remove_if_there(&path)?;
        }
    }
    Ok(())
}

/// Puts in place what compaction had ready when the crash came: `BASE.swap` replaces all segments that it covers.
fn finish_swaps(dir: &Path) -> io::Result<()> {
    for base in offsets_of(dir, "swap")? {
        let swap = log_path(dir, base).with_extension("swap");
        let size = std::fs::metadata(&swap)?.len();
        let file = Arc::new(File::open(&swap)?);
        let mut segment =
            Segment::new(swap.clone(), Arc::clone(&file), base, Summary::empty(base), 0);
        segment::scan_file(&file, size, &mut segment, u64::MAX)?;
        for covered in offsets_of(dir, "log")? {
            if covered >= base && covered < segment.summary.next_offset {
                remove_segment(&log_path(dir, covered))?;
            }
        }
        remove_if_there(&segment::index_path(&swap))?;
        std::fs::rename(&swap, log_path(dir, base))?;
    }
    Ok(())
}

/// Removes a segment's files.
pub(super) fn remove_segment(log: &Path) -> io::Result<()> {
    remove_if_there(&segment::index_path(log))?;
    remove_if_there(log)
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn load_offset(dir: &Path, name: &str) -> Option<i64> {
    let bytes = std::fs::read(dir.join(name)).ok()?;
    let offset = unseal(&bytes, OFFSET_MAGIC)?.first_chunk::<8>()?;
    Some(i64::from_be_bytes(*offset)).filter(|offset| *offset >= 0)
}

/// Writes an offset into a file of its own, in one step.
///
/// # Errors
/// [`LogError`].
pub(super) fn save_offset(
    files: &dyn Files,
    dir: &Path,
    name: &str,
    offset: i64,
) -> Result<(), LogError> {
    let path = dir.join(name);
    let mut bytes = OFFSET_MAGIC.to_vec();
    bytes.extend_from_slice(&offset.to_be_bytes());
    let saved = files.replace_synced(&path, &seal(bytes));
    saved.map(drop).map_err(|source| LogError { action: "write", path, source })
}
