//! What goes on besides appends and reads: deleting what is old, forgetting silent producers, flushing, compacting.

use super::compaction::CompactionReport;
use super::error::{DeleteRecordsError, LogError};
use super::partition::PartitionLog;
use super::recovery::{LOG_START_OFFSET, remove_segment, save_offset};
use super::segment::Segment;
use std::sync::{Mutex, PoisonError};

/// What one round of maintenance did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MaintenanceReport {
    /// Segments whose retention was over, or that DeleteRecords emptied.
    pub segments_deleted: usize,
    /// Their bytes.
    pub bytes_deleted: u64,
    /// Producers that were forgotten.
    pub producers_expired: usize,
    /// What compaction did, if there was enough to do.
    pub compacted: Option<CompactionReport>,
}

/// One round of maintenance of a shared log: as [`PartitionLog::maintain`], but the lock is free while compaction reads and
/// writes. To be called by one thread at a time, every few seconds at least, and every `flush.ms` if that is set.
///
/// # Errors
/// [`LogError`]; the log can be used all the same, and what failed is tried again in the next round.
pub fn maintain(log: &Mutex<PartitionLog>, now_ms: i64) -> Result<MaintenanceReport, LogError> {
    let lock = || log.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut report, job) = {
        let mut log = lock();
        (log.tidy(now_ms)?, log.compaction_job(now_ms))
    };
    if let Some(job) = job {
        let compacted = job.run()?;
        report.compacted = Some(lock().install(compacted)?);
    }
    Ok(report)
}

impl PartitionLog {
    /// One round of maintenance: `flush.ms`, retention, compaction, producers' expiry.
    ///
    /// # Errors
    /// [`LogError`]; the log can be used all the same, and what failed is tried again in the next round.
    pub fn maintain(&mut self, now_ms: i64) -> Result<MaintenanceReport, LogError> {
        let mut report = self.tidy(now_ms)?;
        if let Some(job) = self.compaction_job(now_ms) {
            let compacted = job.run()?;
            report.compacted = Some(self.install(compacted)?);
        }
        Ok(report)
    }

    /// Everything but compaction.
    fn tidy(&mut self, now_ms: i64) -> Result<MaintenanceReport, LogError> {
        if self.unflushed.is_due(&self.config, now_ms) {
            self.flush()?;
        }
        let expired = self.producers.expire(now_ms, self.config.producer_id_expiration_ms);
        let mut report = MaintenanceReport { producers_expired: expired, ..Default::default() };
        self.delete_before_start(&mut report)?;
        if self.config.cleanup.delete {
            self.delete_old(now_ms, &mut report)?;
            self.delete_large(now_ms, &mut report)?;
        }
        for segment in &mut self.finished {
            segment.forget_index();
        }
        Ok(report)
    }

    /// Makes everything before an offset unreadable; −1 stands for the log's end. Whole segments before it are deleted by
    /// the next maintenance. Returns the log's first offset, which is what DeleteRecords calls the low watermark.
    ///
    /// # Errors
    /// [`DeleteRecordsError`].
    pub fn delete_records(&mut self, before_offset: i64) -> Result<i64, DeleteRecordsError> {
        if !self.config.cleanup.delete {
            return Err(DeleteRecordsError::Policy);
        }
        let (start, end) = (self.log_start, self.high_watermark());
        let before = if before_offset == -1 { end } else { before_offset };
        if before < 0 || before > end {
            return Err(DeleteRecordsError::OutOfRange { requested: before_offset, start, end });
        }
        if before > start {
            save_offset(&*self.files, &self.dir, LOG_START_OFFSET, before)?;
            self.log_start = before;
            self.cleaned_offset = self.cleaned_offset.max(before);
        }
        Ok(self.log_start)
    }

    /// Deletes the finished segments that end before the log's start.
    fn delete_before_start(&mut self, report: &mut MaintenanceReport) -> Result<(), LogError> {
        let nexts = self.segments().skip(1).map(|segment| segment.base_offset);
        let gone = nexts.take_while(|next| *next <= self.log_start).count();
        self.delete_first(gone, report)
    }

    /// `retention.ms`, counted from a segment's latest record, or from its creation if records have no time-stamps.
    fn delete_old(&mut self, now_ms: i64, report: &mut MaintenanceReport) -> Result<(), LogError> {
        let keep_ms = self.config.retention_ms;
        if keep_ms < 0 {
            return Ok(());
        }
        let is_old = |segment: &Segment| {
            let latest = match segment.summary.max_timestamp {
                ..0 => segment.created_ms,
                latest => latest,
            };
            now_ms.saturating_sub(latest) > keep_ms
        };
        let old = self.finished.iter().take_while(|segment| is_old(segment)).count();
        if old == self.finished.len() && self.active.summary.size > 0 && is_old(&self.active) {
            self.roll(now_ms)?;
            return self.delete_first(old + 1, report);
        }
        self.delete_first(old, report)
    }

    /// `retention.bytes`: the oldest segments go as long as what is left is no less than that.
    fn delete_large(
        &mut self,
        now_ms: i64,
        report: &mut MaintenanceReport,
    ) -> Result<(), LogError> {
        let Ok(keep) = u64::try_from(self.config.retention_bytes) else { return Ok(()) };
        let mut over = self.size_bytes().saturating_sub(keep);
        let mut gone = 0;
        for segment in self.segments().filter(|segment| segment.summary.size > 0) {
            match over.checked_sub(segment.summary.size) {
                Some(left) if over > 0 => over = left,
                _ => break,
            }
            gone += 1;
        }
        if gone > self.finished.len() {
            self.roll(now_ms)?;
        }
        self.delete_first(gone, report)
    }

    fn delete_first(
        &mut self,
        count: usize,
        report: &mut MaintenanceReport,
    ) -> Result<(), LogError> {
        for _ in 0..count.min(self.finished.len()) {
            let next_base = self.segments().nth(1).map_or(0, |next| next.base_offset);
            let Some(segment) = self.finished.first() else { break };
            // Readers hold no file of it: they read under the same lock.
            let removed = remove_segment(&segment.path);
            removed.map_err(|source| self.error("delete", &segment.path, source))?;
            let segment = self.finished.remove(0);
            self.log_start = self.log_start.max(next_base);
            self.cleaned_offset = self.cleaned_offset.max(self.log_start);
            report.segments_deleted += 1;
            report.bytes_deleted += segment.summary.size;
        }
        Ok(())
    }
}
