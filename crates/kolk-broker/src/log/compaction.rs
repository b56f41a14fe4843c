//! Compaction: of each key the last record stays, at its offset (`cleanup.policy=compact`).
//!
//! A [`CompactionJob`] is made under the log's lock, runs without it on finished segments, which nobody else changes, and
//! is installed under the lock again. It reads the part that is new since the last time into a map from key to last
//! offset, then writes the segments anew, several small ones into one, without
//!
//! - records of the clean part and the new one whose key has a later record;
//! - records of aborted transactions, and markers whose transactions have no records left;
//! - tombstones and such markers once `delete.retention.ms` has passed since they were first met: that time is written
//!   into the batch (KIP-534), so that a reader who starts anew within it sees them.
//!
//! The last batch of each producer stays, emptied if need be, for a replay to find its sequence number (as in Kafka). What
//! lies in the active segment, after the last stable offset, or is younger than `min.compaction.lag.ms` is left alone.
//!
//! A crash on the way: `*.cleaned` is thrown away on open, `*.swap` is complete and takes the place of what it covers.

use super::config::LogConfig;
use super::error::LogError;
use super::files::{Files, with_suffix};
use super::index::Summary;
use super::partition::PartitionLog;
use super::producer_state::LastWritten;
use super::recovery::{CLEANED_OFFSET, remove_if_there, remove_segment, save_offset};
use super::scan::{Found, Scan, damaged};
use super::segment::{Segment, index_path};
use super::{AbortedSpan, clean};
use bytes::BytesMut;
use kolk_wire::record::Batch;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Memory for the keys of one round, in bytes; `log.cleaner.dedupe.buffer.size` of Kafka. What does not fit waits for the
/// next round.
pub(super) const KEY_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes of cleaned batches that are written at once.
const WRITE_BYTES: usize = 1 << 20;

/// What compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactionReport {
    /// Segments read.
    pub segments_before: usize,
    /// Segments in their place.
    pub segments_after: usize,
    /// Bytes read.
    pub bytes_before: u64,
    /// Bytes in their place.
    pub bytes_after: u64,
}

/// A finished segment to be cleaned.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) base_offset: i64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    pub(super) size: u64,
    pub(super) next_offset: i64,
}

/// Compaction that is worth doing. [`Self::run`] it without the log's lock.
#[derive(Debug)]
pub struct CompactionJob {
    sources: Vec<Source>,
    first_dirty: i64,
    aborted: Vec<AbortedSpan>,
    last_written: BTreeMap<i64, LastWritten>,
    config: LogConfig,
    files: Arc<dyn Files>,
    now_ms: i64,
    key_bytes_max: usize,
}

/// New segments, ready to be put in place by [`PartitionLog::install`].
#[derive(Debug)]
pub struct Compacted {
    groups: Vec<Cleaned>,
    cleaned_offset: i64,
}

#[derive(Debug)]
struct Cleaned {
    sources: Vec<Source>,
    /// Under its temporary name.
    segment: Segment,
}

impl PartitionLog {
    /// What there is to compact, if the topic is compacted and enough of it is new.
    #[must_use]
    pub fn compaction_job(&self, now_ms: i64) -> Option<CompactionJob> {
        if !self.config.cleanup.compact {
            return None;
        }
        let first_dirty = self.cleaned_offset.max(self.log_start);
        let stable = self.last_stable_offset();
        let is_young = |segment: &Segment| {
            self.config.min_compaction_lag_ms > 0
                && segment.summary.max_timestamp
                    > now_ms.saturating_sub(self.config.min_compaction_lag_ms)
        };
        let ends = self.segments().skip(1).map(|next| next.base_offset);
        let mut sources = Vec::new();
        let (mut clean_bytes, mut dirty_bytes, mut waits) = (0, 0, false);
        for (segment, end) in self.finished.iter().zip(ends) {
            let dirty = end > first_dirty;
            if dirty && (end > stable || is_young(segment)) {
                break;
            }
            if dirty {
                dirty_bytes += segment.summary.size;
                let since = match segment.summary.first_timestamp {
                    ..0 => segment.created_ms,
                    first => first,
                };
                let waited = now_ms.saturating_sub(since);
                waits |= waited > self.config.max_compaction_lag_ms;
            } else {
                clean_bytes += segment.summary.size;
            }
            sources.push(Source {
                base_offset: segment.base_offset,
                path: segment.path.clone(),
                file: Arc::clone(&segment.file),
                size: segment.summary.size,
                next_offset: end,
            });
        }
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more")]
        let ratio = dirty_bytes as f64 / ((clean_bytes + dirty_bytes) as f64).max(1.0);
        let enough = ratio > self.config.min_cleanable_dirty_ratio || waits;
        (dirty_bytes > 0 && enough).then(|| CompactionJob {
            sources,
            first_dirty,
            aborted: self
                .segments()
                .flat_map(|segment| &segment.summary.aborted)
                .copied()
                .collect(),
            last_written: self.producers.last_written(),
            config: self.config.clone(),
            files: Arc::clone(&self.files),
            now_ms,
            key_bytes_max: KEY_BYTES_MAX,
        })
    }

    /// Puts new segments in the place of the old ones.
    ///
    /// # Errors
    /// [`LogError`]; the log is then as it was, or partly compacted.
    pub fn install(&mut self, compacted: Compacted) -> Result<CompactionReport, LogError> {
        let mut report = CompactionReport::default();
        for Cleaned { sources, segment } in compacted.groups {
            let Some(at) = self.place_of(&sources) else {
                // Retention was faster.
                let removed = remove_if_there(&segment.path);
                removed.map_err(|source| self.error("delete", &segment.path, source))?;
                continue;
            };
            report.segments_before += sources.len();
            report.bytes_before += sources.iter().map(|source| source.size).sum::<u64>();
            report.segments_after += 1;
            report.bytes_after += segment.summary.size;
            let failed = |source| LogError {
                action: "replace",
                path: sources.first().map(|source| source.path.clone()).unwrap_or_default(),
                source,
            };
            let segment = put_in_place(&sources, segment).map_err(failed)?;
            segment.save_index(&*self.files);
            self.finished.splice(at..at + sources.len(), [segment]);
        }
        let cleaned_offset = compacted.cleaned_offset.max(self.log_start);
        save_offset(&*self.files, &self.dir, CLEANED_OFFSET, cleaned_offset)?;
        self.cleaned_offset = cleaned_offset;
        Ok(report)
    }

    /// Where the sources are among the finished segments, if all of them still are.
    fn place_of(&self, sources: &[Source]) -> Option<usize> {
        let first = sources.first()?;
        let at =
            self.finished.iter().position(|segment| Arc::ptr_eq(&segment.file, &first.file))?;
        let there = self.finished.get(at..at + sources.len())?;
        let same = there
            .iter()
            .zip(sources)
            .all(|(segment, source)| Arc::ptr_eq(&segment.file, &source.file));
        same.then_some(at)
    }
}

/// The steps that a crash may interrupt after any of them: see [`super::recovery`].
fn put_in_place(sources: &[Source], mut segment: Segment) -> io::Result<Segment> {
    let Some(first) = sources.first() else { return Ok(segment) };
    let swap = first.path.with_extension("swap");
    std::fs::rename(&segment.path, &swap)?;
    for source in sources.iter().skip(1) {
        remove_segment(&source.path)?;
    }
    // An index of the old contents could fit the new file's size by chance.
    remove_if_there(&index_path(&first.path))?;
    std::fs::rename(&swap, &first.path)?;
    segment.path.clone_from(&first.path);
    Ok(segment)
}

impl CompactionJob {
    /// Reads the sources and writes their cleaned form beside them.
    ///
    /// # Errors
    /// [`LogError`], for example on a full disk; nothing has changed then.
    pub fn run(self) -> Result<Compacted, LogError> {
        let mut written = Vec::new();
        let result = self.groups_cleaned(&mut written);
        if result.is_err() {
            for path in written {
                let _ = remove_if_there(&path);
            }
        }
        let path = self.sources.first().map(|source| source.path.clone()).unwrap_or_default();
        result.map_err(|source| LogError { action: "compact", path, source })
    }

    fn groups_cleaned(&self, written: &mut Vec<PathBuf>) -> io::Result<Compacted> {
        let mut keys = clean::Keys::new(self.first_dirty, self.key_bytes_max);
        // Transactions that ended in the clean part are no more.
        let ended = |span: &&AbortedSpan| span.last_offset >= self.first_dirty;
        let open: Vec<_> = self.aborted.iter().filter(ended).copied().collect();
        let mut undo = clean::Transactions::new(&open);
        let is_dirty = |source: &&Source| source.next_offset > self.first_dirty;
        for source in self.sources.iter().filter(is_dirty) {
            let mut scan = Scan::new(&source.file, 0, source.size);
            while let Some(batch) = scan.next()? {
                let void = undo.sees(&batch)?.is_void();
                keys.note(&batch, void)?;
            }
        }
        let end = self.sources.last().map_or(self.first_dirty, |source| source.next_offset);
        let cleaned_offset = keys.full_at().unwrap_or(end);
        let mut cleaner = clean::Cleaner::new(
            keys,
            clean::Transactions::new(&self.aborted),
            &self.last_written,
            clean::Times {
                now_ms: self.now_ms,
                delete_retention_ms: self.config.delete_retention_ms,
            },
        );
        let mut groups = Vec::new();
        for sources in self.grouped(cleaned_offset) {
            groups.push(self.cleaned(sources, &mut cleaner, written)?);
        }
        Ok(Compacted { groups, cleaned_offset })
    }

    /// Neighbours that together are no larger than a segment may be.
    fn grouped(&self, cleaned_offset: i64) -> Vec<Vec<Source>> {
        let mut groups: Vec<Vec<Source>> = Vec::new();
        let mut size = 0;
        for source in self.sources.iter().filter(|source| source.base_offset < cleaned_offset) {
            size += source.size;
            let fits = |group: &&mut Vec<Source>| {
                let base = group.first().map_or(0, |first| first.base_offset);
                size <= self.config.segment_bytes
                    && source.next_offset - base <= i64::from(i32::MAX)
            };
            match groups.last_mut().filter(fits) {
                Some(group) => group.push(source.clone()),
                None => {
                    size = source.size;
                    groups.push(vec![source.clone()]);
                }
            }
        }
        groups
    }

    fn cleaned(
        &self,
        sources: Vec<Source>,
        cleaner: &mut clean::Cleaner<'_>,
        written: &mut Vec<PathBuf>,
    ) -> io::Result<Cleaned> {
        let (base, first_path) =
            sources.first().map_or((0, PathBuf::new()), |s| (s.base_offset, s.path.clone()));
        let path = with_suffix(&first_path, ".cleaned");
        written.push(path.clone());
        let file = Arc::new(self.files.create(&path)?);
        let segment = Segment::new(path, file, base, Summary::empty(base), self.now_ms);
        let interval = self.config.index_interval_bytes;
        let mut output = Output { files: &*self.files, segment, interval, buffer: BytesMut::new() };
        for source in &sources {
            let mut scan = Scan::new(&source.file, 0, source.size);
            while let Some(batch) = scan.next()? {
                let kept = cleaner.clean(&batch)?;
                if let Some(aborted) = kept.aborted {
                    output.segment.note_aborted(aborted);
                }
                if let Some(bytes) = kept.bytes {
                    output.push(&bytes)?;
                }
            }
        }
        Ok(Cleaned { sources, segment: output.finish()? })
    }
}

/// A segment being written, a megabyte at a time.
struct Output<'a> {
    files: &'a dyn Files,
    segment: Segment,
    interval: u64,
    buffer: BytesMut,
}

impl Output<'_> {
    fn push(&mut self, batch: &bytes::Bytes) -> io::Result<()> {
        let header =
            Batch::parse(batch).map_err(damaged)?.ok_or_else(|| damaged("no batch"))?.header;
        let position = self.segment.summary.size;
        self.buffer.extend_from_slice(batch);
        self.segment.note(&Found { position, header }, self.interval);
        if self.buffer.len() >= WRITE_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let at = self.segment.summary.size - self.buffer.len() as u64;
        self.files.write_at(&self.segment.file, &self.buffer, at)?;
        self.buffer.clear();
        Ok(())
    }

    /// The old segments may be gone from the disk as soon as this one has their place, so it is synced first.
    fn finish(mut self) -> io::Result<Segment> {
        self.write()?;
        self.files.sync(&self.segment.file)?;
        Ok(self.segment)
    }
}
