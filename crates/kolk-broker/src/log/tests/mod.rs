//! Logs against models: what is written, torn, damaged, deleted and compacted, and what is then read.

mod model;
mod recovery;
mod producers;
mod transactions;
mod offsets;
mod retention;
mod compaction;
mod validation;
mod disk;

use super::config::CleanupPolicy;
use super::{
    AppendError, AppendInfo, ControlKind, Isolation, LogConfig, Marker, PartitionLog, ReadRequest,
};
use bytes::{Bytes, BytesMut};
use kolk_wire::record::{
    AbortedFilter, BatchBuilder, Batches, Compression, Scratch, Transactional, Verdict,
    stamp_producer,
};
use std::path::Path;

/// A Friday in 2026, in milliseconds: the time at which tests begin.
const NOW: i64 = 1_793_000_000_000;

/// Small segments and a dense index, so that little data meets every boundary.
fn small() -> LogConfig {
    LogConfig { segment_bytes: 600, index_interval_bytes: 150, ..LogConfig::default() }
}

fn compacted() -> LogConfig {
    LogConfig {
        cleanup: CleanupPolicy { delete: false, compact: true },
        min_cleanable_dirty_ratio: 0.0,
        ..small()
    }
}

fn open(dir: &Path, config: &LogConfig) -> PartitionLog {
    PartitionLog::open(dir, config.clone(), NOW).unwrap()
}

/// A record to be written: key, value, time-stamp.
type Plain<'a> = (Option<&'a str>, Option<&'a str>, i64);

fn batch_of(compression: Compression, records: &[Plain<'_>]) -> BytesMut {
    let mut builder = BatchBuilder::new(compression);
    for (key, value, timestamp) in records {
        let (key, value) = (key.map(str::as_bytes), value.map(str::as_bytes));
        builder.push(*timestamp, key, value, &[]).unwrap();
    }
    builder.finish()
}

/// A batch of records without keys.
fn values(values: &[&str]) -> Bytes {
    let records: Vec<_> = values.iter().map(|value| (None, Some(*value), NOW)).collect();
    batch_of(Compression::None, &records).freeze()
}

/// A record with a key, alone in a batch.
fn keyed(key: &str, value: Option<&str>, timestamp: i64) -> Bytes {
    batch_of(Compression::None, &[(Some(key), value, timestamp)]).freeze()
}

/// A batch of an idempotent producer.
#[derive(Debug, Clone, Copy)]
struct From {
    id: i64,
    epoch: i16,
    sequence: i32,
    transactional: Transactional,
}

impl From {
    fn producer(id: i64, epoch: i16, sequence: i32) -> Self {
        Self { id, epoch, sequence, transactional: Transactional::No }
    }

    fn transaction(id: i64, epoch: i16, sequence: i32) -> Self {
        Self { transactional: Transactional::Yes, ..Self::producer(id, epoch, sequence) }
    }

    fn stamps(self, batch: &Bytes) -> Bytes {
        let mut batch = BytesMut::from(&batch[..]);
        stamp_producer(&mut batch, self.id, self.epoch, self.sequence, self.transactional);
        batch.freeze()
    }

    /// Appends `count` records.
    fn append(self, log: &mut PartitionLog, count: usize) -> Result<AppendInfo, AppendError> {
        let batch = values(&vec!["value"; count]);
        log.append(&self.stamps(&batch), NOW)
    }
}

fn end(log: &mut PartitionLog, id: i64, epoch: i16, kind: ControlKind) -> AppendInfo {
    let marker = Marker { producer_id: id, producer_epoch: epoch, kind, coordinator_epoch: 0 };
    log.append_marker(marker, NOW).unwrap()
}

/// A record as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    offset: i64,
    timestamp: i64,
    key: Option<String>,
    value: Option<String>,
}

/// Everything that a reader sees from `from` on, fetched in pieces of `max_bytes`.
fn read_from(log: &PartitionLog, from: i64, isolation: Isolation, max_bytes: usize) -> Vec<Seen> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut seen = Vec::new();
    let mut next = from;
    loop {
        let request = ReadRequest { from: next, isolation, max_bytes, min_one: true };
        let result = log.read(&request).unwrap();
        let some = log.readable_bytes(next, isolation) > 0;
        assert!(some || result.records.is_empty(), "a long poll at {next} must see what is there");
        if result.records.is_empty() {
            return seen;
        }
        let mut filter = AbortedFilter::new(result.aborted.clone());
        let mut batches = Batches::new(result.records.clone());
        let mut position = next;
        for batch in batches.by_ref() {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            assert!(batch.header.last_offset() >= position, "no batch is returned in vain");
            position = batch.header.next_offset();
            if filter.verdict(&batch).unwrap() != Verdict::Deliver {
                continue;
            }
            for record in batch.body(&mut Scratch::new()).unwrap().records() {
                let record = record.unwrap();
                if record.offset >= from {
                    seen.push(Seen {
                        offset: record.offset,
                        timestamp: record.timestamp,
                        key: record.key.map(text),
                        value: record.value.map(text),
                    });
                }
            }
        }
        assert_eq!(batches.position(), result.records.len(), "only whole batches are returned");
        assert_eq!(result.next_offset, position);
        next = position;
    }
}

fn read_all(log: &PartitionLog, isolation: Isolation) -> Vec<Seen> {
    read_from(log, log.log_start_offset(), isolation, 1 << 20)
}

fn values_of(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| seen.value.as_deref().unwrap_or("")).collect()
}
