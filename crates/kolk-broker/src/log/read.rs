//! Reading a partition: by offset, and looking up offsets by time.

use super::error::{LogError, ReadError};
use super::partition::PartitionLog;
use super::segment::{Read, Segment};
use super::{AbortedTransaction, Isolation, OffsetAndTimestamp, ReadRequest, ReadResult};
use bytes::Bytes;

impl PartitionLog {
    /// Whole batches from `request.from` on, as many as fit, of one segment at most.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, request: &ReadRequest) -> Result<ReadResult, ReadError> {
        let end = self.high_watermark();
        if request.from < self.log_start || request.from > end {
            let (requested, start) = (request.from, self.log_start);
            return Err(ReadError::OutOfRange { requested, start, end });
        }
        let limit = self.limit(request.isolation);
        let mut result = ReadResult {
            records: Bytes::new(),
            aborted: Vec::new(),
            next_offset: request.from,
            high_watermark: end,
            last_stable_offset: self.last_stable_offset(),
            log_start_offset: self.log_start,
        };
        if request.from >= limit {
            return Ok(result);
        }
        for segment in self.segments_from(request.from) {
            let read = segment.read(request, limit);
            match read.map_err(|source| self.error("read", &segment.path, source))? {
                Read::Batches(records, next_offset) => {
                    result.records = records;
                    result.next_offset = next_offset;
                    break;
                }
                Read::Nothing => break,
                Read::Past => {}
            }
        }
        if request.isolation == Isolation::Committed && !result.records.is_empty() {
            result.aborted = self.aborted_in(request.from..result.next_offset);
        }
        Ok(result)
    }

    /// How many bytes a read from `offset` could return, to within an index entry; 0 exactly if there is nothing to see.
    /// At the end of the log it costs no read of the disk, so a long poll may ask after every append.
    #[must_use]
    pub fn readable_bytes(&self, offset: i64, isolation: Isolation) -> u64 {
        let limit = self.limit(isolation);
        if offset >= limit {
            return 0;
        }
        let before = |segment: &Segment, offset: i64| segment.position_before(offset).unwrap_or(0);
        let visible = self.segments_from(offset).take_while(|segment| segment.base_offset < limit);
        let bytes = visible.map(|segment| {
            before(segment, limit).saturating_sub(before(segment, offset.max(segment.base_offset)))
        });
        bytes.sum::<u64>().max(1)
    }

    /// Aborted transactions that overlap a range of offsets, by the order of their markers.
    #[must_use]
    pub fn aborted_in(&self, range: std::ops::Range<i64>) -> Vec<AbortedTransaction> {
        let spans = self.segments_from(range.start).flat_map(|segment| &segment.summary.aborted);
        spans
            .filter(|span| span.last_offset >= range.start && span.first_offset < range.end)
            .map(|span| AbortedTransaction {
                producer_id: span.producer_id,
                first_offset: span.first_offset,
            })
            .collect()
    }

    /// The first of the records that have the greatest time-stamp (ListOffsets −3, KIP-734).
    ///
    /// # Errors
    /// [`LogError`].
    pub fn offset_of_max_timestamp(&self) -> Result<Option<OffsetAndTimestamp>, LogError> {
        let mut best: Option<&Segment> = None;
        for segment in self.segments().filter(|segment| segment.summary.size > 0) {
            let greater =
                |best: &Segment| segment.summary.max_timestamp > best.summary.max_timestamp;
            if best.is_none_or(greater) {
                best = Some(segment);
            }
        }
        let Some(segment) = best.filter(|_| self.log_start < self.high_watermark()) else {
            return Ok(None);
        };
        let found = segment.find_max_timestamp();
        found.map_err(|source| self.error("read", &segment.path, source))
    }

    pub(super) fn find_time(&self, timestamp: i64) -> Result<Option<OffsetAndTimestamp>, LogError> {
        for segment in self.segments_from(self.log_start) {
            let found = segment.find_time(timestamp, self.log_start);
            let found = found.map_err(|source| self.error("read", &segment.path, source))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The segment that holds the offset and those after it.
    fn segments_from(&self, offset: i64) -> impl Iterator<Item = &Segment> {
        let after = self.finished.partition_point(|segment| segment.base_offset <= offset);
        // The active one follows all finished ones, so one too few at the end does no harm: it is `Past`.
        let from = if self.active.base_offset <= offset {
            self.finished.len()
        } else {
            after.saturating_sub(1)
        };
        self.segments().skip(from)
    }
}
