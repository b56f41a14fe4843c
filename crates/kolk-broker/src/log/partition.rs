//! The log of one partition: appends, and what it knows of itself.

use super::config::LogConfig;
use super::error::{AppendError, LogError};
use super::files::Files;
use super::producer_state::{ProducerState, Verdict};
use super::recovery::RecoveryReport;
use super::segment::{Segment, Sync};
use super::{
    AppendInfo, EpochEnd, Isolation, LEADER_EPOCH, Marker, OffsetAndTimestamp, ProducerInfo,
};
use super::{stamp, validate};
use bytes::{Bytes, BytesMut};
use kolk_wire::record::{BatchHeader, control_batch, set_base_offset};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Snapshots of the producers that are kept: the newest, and one more in case it is damaged.
const SNAPSHOTS_KEPT: usize = 2;

/// The log of one partition. Dropping it without [`PartitionLog::close`] is like `kill -9`: nothing is lost, the next open
/// takes longer.
#[derive(Debug)]
pub struct PartitionLog {
    pub(super) dir: PathBuf,
    pub(super) config: LogConfig,
    pub(super) files: Arc<dyn Files>,
    /// All segments but the last, oldest first.
    pub(super) finished: Vec<Segment>,
    pub(super) active: Segment,
    pub(super) producers: ProducerState,
    pub(super) log_start: i64,
    /// Compaction has seen everything before it.
    pub(super) cleaned_offset: i64,
    pub(super) unflushed: Unflushed,
    pub(super) recovery: RecoveryReport,
}

/// What the operating system has but the disk may not, for `flush.messages` and `flush.ms`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unflushed {
    records: i64,
    since_ms: Option<i64>,
    /// Finished segments that are not known to be on the disk.
    segments: usize,
}

impl Unflushed {
    fn with(self, records: i64, now_ms: i64) -> Self {
        let since_ms = self.since_ms.or(Some(now_ms));
        Self { records: self.records.saturating_add(records), since_ms, ..self }
    }

    pub(super) fn is_due(self, config: &LogConfig, now_ms: i64) -> bool {
        let waited = self.since_ms.map(|since| now_ms.saturating_sub(since));
        self.records >= config.flush_messages || waited.is_some_and(|ms| ms >= config.flush_ms)
    }
}

impl PartitionLog {
    /// Appends the one batch that a client sent for the partition.
    ///
    /// It is in the operating system's hands when this returns, and on the disk if `flush.messages` or `flush.ms` say
    /// so. A batch that an idempotent producer sent before is not appended again: the answer is that of the first time.
    ///
    /// # Errors
    /// [`AppendError`]; the log is then as it was.
    pub fn append(&mut self, records: &Bytes, now_ms: i64) -> Result<AppendInfo, AppendError> {
        let valid = validate::client_batch(records, &self.config, now_ms)?;
        if let Verdict::Duplicate(written) = self.producers.check(&valid.batch.header)? {
            return Ok(AppendInfo {
                base_offset: written.base_offset,
                last_offset: written.last_offset,
                log_append_time: written.timestamp,
                log_start_offset: self.log_start,
            });
        }
        let mut batch = stamp::as_stored(valid, &self.config, now_ms)?;
        let (size, limit) = (batch.len(), self.config.max_message_bytes);
        if size > limit {
            return Err(AppendError::TooLarge { size, limit });
        }
        if size as u64 > self.config.segment_bytes {
            return Err(AppendError::LargerThanSegment { size, limit: self.config.segment_bytes });
        }
        let header = self.write(&mut batch, now_ms)?;
        self.producers.replay(&header);
        Ok(self.appended(&header))
    }

    /// Ends a producer's transaction in this partition. Without an open one, the marker still sets the producer's epoch.
    ///
    /// # Errors
    /// [`AppendError::Fenced`], [`AppendError::CoordinatorFenced`], [`AppendError::Storage`].
    pub fn append_marker(
        &mut self,
        marker: Marker,
        now_ms: i64,
    ) -> Result<AppendInfo, AppendError> {
        let Marker { producer_id, producer_epoch, kind, coordinator_epoch } = marker;
        self.producers.check_marker(producer_id, producer_epoch, coordinator_epoch)?;
        let mut batch = control_batch(kind, producer_id, producer_epoch, coordinator_epoch, now_ms);
        let header = self.write(&mut batch, now_ms)?;
        if let Some(aborted) = self.producers.replay_marker(&header, kind, coordinator_epoch) {
            self.active.note_aborted(aborted);
        }
        Ok(self.appended(&header))
    }

    fn appended(&self, header: &BatchHeader) -> AppendInfo {
        let by_broker = header.timestamp_type() == kolk_wire::record::TimestampType::LogAppendTime;
        AppendInfo {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            log_append_time: if by_broker { header.max_timestamp } else { -1 },
            log_start_offset: self.log_start,
        }
    }

    /// Gives the batch its offsets and writes it, into a new segment if it is time for one.
    fn write(&mut self, batch: &mut BytesMut, now_ms: i64) -> Result<BatchHeader, LogError> {
        let base_offset = self.high_watermark();
        set_base_offset(batch, base_offset, LEADER_EPOCH);
        let damaged = |error| self.error("write", &self.active.path, super::scan::damaged(error));
        let header = BatchHeader::parse(batch).map_err(damaged)?;
        if self.roll_is_due(&header, batch.len() as u64, now_ms) {
            self.roll(now_ms)?;
        }
        let unflushed = self.unflushed.with(header.records_count.into(), now_ms);
        let flush = unflushed.is_due(&self.config, now_ms);
        if flush {
            self.flush_finished()?;
        }
        let sync = if flush { Sync::Now } else { Sync::Later };
        let interval = self.config.index_interval_bytes;
        let written = self.active.append(&*self.files, batch, sync, interval);
        written.map_err(|source| self.error("write", &self.active.path, source))?;
        self.unflushed = if flush { Unflushed::default() } else { unflushed };
        Ok(header)
    }

    /// Kafka's rule: the segment would get too large, or is older than `segment.ms` by the records' own time.
    fn roll_is_due(&self, next: &BatchHeader, size: u64, now_ms: i64) -> bool {
        let summary = &self.active.summary;
        let age = if summary.first_timestamp >= 0 {
            next.max_timestamp.saturating_sub(summary.first_timestamp)
        } else {
            now_ms.saturating_sub(self.active.created_ms)
        };
        let age_max = match self.config.cleanup.compact {
            true => self.config.segment_ms.min(self.config.max_compaction_lag_ms),
            false => self.config.segment_ms,
        };
        let too_far = next.last_offset() - self.active.base_offset > i64::from(i32::MAX);
        summary.size > 0
            && (summary.size + size > self.config.segment_bytes || age > age_max || too_far)
    }

    /// Finishes the active segment and starts another. On error the log goes on as it was.
    pub(super) fn roll(&mut self, now_ms: i64) -> Result<(), LogError> {
        let offset = self.high_watermark();
        let created = Segment::create(&self.dir, offset, &*self.files, now_ms);
        let next = created.map_err(|source| self.error("start a segment in", &self.dir, source))?;
        let last = std::mem::replace(&mut self.active, next);
        last.save_index(&*self.files);
        self.finished.push(last);
        self.unflushed.segments += usize::from(self.unflushed.since_ms.is_some());
        self.save_snapshot();
        Ok(())
    }

    /// Writes the producers down as of the log's end. That it fails is no harm: an older one and the log say the same.
    pub(super) fn save_snapshot(&self) {
        let offset = self.high_watermark();
        let path = snapshot_path(&self.dir, offset);
        if self.files.replace(&path, &self.producers.snapshot(offset)).is_err() {
            return;
        }
        let mut snapshots = super::recovery::offsets_of(&self.dir, "snapshot").unwrap_or_default();
        snapshots.retain(|known| *known <= offset);
        for old in snapshots.iter().rev().skip(SNAPSHOTS_KEPT) {
            let _ = std::fs::remove_file(snapshot_path(&self.dir, *old));
        }
    }

    /// Waits until everything appended is on the disk: it then survives a power cut.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn flush(&mut self) -> Result<(), LogError> {
        if self.unflushed.since_ms.is_some() {
            self.flush_finished()?;
            let synced = self.files.sync(&self.active.file);
            synced.map_err(|source| self.error("flush", &self.active.path, source))?;
            self.unflushed = Unflushed::default();
        }
        Ok(())
    }

    /// Syncs the segments that were finished since the last flush.
    fn flush_finished(&mut self) -> Result<(), LogError> {
        for segment in self.finished.iter().rev().take(self.unflushed.segments) {
            let synced = self.files.sync(&segment.file);
            synced.map_err(|source| self.error("flush", &segment.path, source))?;
        }
        self.unflushed.segments = 0;
        Ok(())
    }

    /// The first offset that can be read.
    #[must_use]
    pub fn log_start_offset(&self) -> i64 {
        self.log_start
    }

    /// The offset after the last record. There is one replica, so it is the log's end at the same time.
    #[must_use]
    pub fn high_watermark(&self) -> i64 {
        self.active.summary.next_offset
    }

    /// The first offset of the oldest open transaction, or the log's end: what a committed reader may see up to.
    #[must_use]
    pub fn last_stable_offset(&self) -> i64 {
        let end = self.high_watermark();
        self.producers.first_open().map_or(end, |first| first.clamp(self.log_start, end))
    }

    /// The offset up to which a reader may see.
    #[must_use]
    pub fn limit(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::Uncommitted => self.high_watermark(),
            Isolation::Committed => self.last_stable_offset(),
        }
    }

    /// Where a leader epoch ended (KIP-101, KIP-320): there is only [`LEADER_EPOCH`], and it goes on.
    #[must_use]
    pub fn end_offset_for_epoch(&self, leader_epoch: i32) -> EpochEnd {
        if leader_epoch == LEADER_EPOCH {
            EpochEnd { leader_epoch, end_offset: self.high_watermark() }
        } else {
            EpochEnd { leader_epoch: -1, end_offset: -1 }
        }
    }

    /// The first offset of the producer's open transaction in this partition.
    #[must_use]
    pub fn ongoing_transaction(&self, producer_id: i64) -> Option<i64> {
        self.producers.open_transaction(producer_id)
    }

    /// Every producer that the partition remembers.
    #[must_use]
    pub fn producers(&self) -> Vec<ProducerInfo> {
        self.producers.list()
    }

    /// The settings that hold.
    #[must_use]
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Changes the settings, from the next append on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// What opening the log had to do.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryReport {
        &self.recovery
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.segments().map(|segment| segment.summary.size).sum()
    }

    /// Segments of the log; at least one.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.finished.len() + 1
    }

    /// All segments, oldest first.
    pub(super) fn segments(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.finished.iter().chain(std::iter::once(&self.active))
    }

    pub(super) fn error(&self, action: &'static str, path: &Path, source: io::Error) -> LogError {
        LogError { action, path: path.to_owned(), source }
    }

    /// The first record at or after a time, among those that the reader may see; the answer to ListOffsets.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn offset_for_timestamp(
        &self,
        timestamp: i64,
        isolation: Isolation,
    ) -> Result<Option<OffsetAndTimestamp>, LogError> {
        let found = self.find_time(timestamp)?;
        Ok(found.filter(|found| found.offset < self.limit(isolation)))
    }
}

/// The file of the producers' snapshot at `offset`.
pub(super) fn snapshot_path(dir: &Path, offset: i64) -> PathBuf {
    dir.join(format!("{offset:020}.snapshot"))
}
