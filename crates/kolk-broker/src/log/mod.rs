//! Partition logs on disk: what a producer was told is written can be read, in order, after any `kill -9`.
//!
//! # What an acknowledgement means
//! An append has been handed to the operating system (`write(2)`) before it is acknowledged. It survives the death of
//! the broker, `kill -9` included, not a power cut: for that, set `flush.messages` (1: `fsync` before each
//! acknowledgement) or `flush.ms`, as on Apache Kafka. There are no replicas, so `acks=all` and `acks=1` mean the same.
//!
//! # How a server uses it
//! One [`PartitionLog`] per partition, in a folder of its own, inside the server's `Mutex`. Nothing here reads a clock
//! or starts a thread: `now_ms` (milliseconds since 1970) is an argument.
//!
//! ```text
//! FolderLock::acquire(data_dir) -> FolderLock                       one broker per data folder; held while it lives
//! LogConfig::default() | LogConfig::from_overrides(pairs)           topic settings by Kafka's names; config::SETTINGS
//!
//! PartitionLog::open(dir, LogConfig, now_ms) -> PartitionLog         creates the folder, or recovers what is there
//!   .recovery() -> &RecoveryReport                                  what opening had to repair
//!   .append(Bytes, now_ms) -> AppendInfo                            exactly one v2 batch, as a client sent it
//!   .append_marker(Marker, now_ms) -> AppendInfo                    Commit | Abort of a transaction
//!   .read(&ReadRequest) -> ReadResult                               whole batches, aborted transactions, offsets
//!   .readable_bytes(offset, Isolation) -> u64                       for a long poll: 0 exactly if there is nothing
//!   .log_start_offset() .high_watermark() .last_stable_offset()     high watermark = log end: there is one replica
//!   .limit(Isolation) -> i64                                        the one of the two that a reader may see
//!   .offset_for_timestamp(ts, Isolation) -> Option<OffsetAndTimestamp>   first record at or after; ListOffsets
//!   .offset_of_max_timestamp() -> Option<OffsetAndTimestamp>        ListOffsets -3
//!   .end_offset_for_epoch(epoch) -> EpochEnd                        OffsetForLeaderEpoch; the epoch is LEADER_EPOCH
//!   .delete_records(before_offset) -> i64                           new log start (low watermark); -1 = all
//!   .ongoing_transaction(producer_id) -> Option<i64>                first offset of its open transaction here
//!   .producers() -> Vec<ProducerInfo>                               DescribeProducers; ids and epochs
//!   .config() .set_config(LogConfig)                                AlterConfigs takes effect at once
//!   .size_bytes() -> u64                                            DescribeLogDirs
//!   .maintain(now_ms) -> MaintenanceReport                          retention, flush, producer expiry, compaction
//!   .flush() .close(now_ms)                                         clean shutdown: the next open is fast
//! maintain(&Mutex<PartitionLog>, now_ms)                            the same, but compacts without holding the lock
//! ```
//!
//! Errors that go to a client carry its answer: [`AppendError::code`], [`ReadError::code`]. A producer's duplicate is
//! not an error: [`AppendInfo`] then holds the offsets of the first time. Deleting a topic: drop the log, remove the
//! folder. `AppendInfo::log_append_time` is −1 unless the topic stamps records itself.
//!
//! # On disk
//! ```text
//! DIR/00000000000000000000.log        batches as on the wire, one after the other; named by its first offset
//!     00000000000000000000.index      of a finished segment: positions, time, aborted transactions; rebuilt if wrong
//!     00000000000000123456.snapshot   producers as they were at that offset; replayed from there when it is missing
//!     log-start-offset                after DeleteRecords
//!     cleaned-offset                  how far compaction came
//!     clean-shutdown                  present only while no broker has the log open
//! ```

pub mod folder_lock;
pub mod config;
pub mod error;
pub mod files;
mod scan;
mod index;
mod segment;
pub mod producer_state;
mod validate;
mod stamp;
mod partition;
mod read;
mod recovery;
mod retention;
mod compaction;
mod clean;
#[cfg(test)]
mod tests;

pub use compaction::{Compacted, CompactionJob, CompactionReport};
pub use config::LogConfig;
pub use error::{AppendError, DeleteRecordsError, LogError, ReadError, RecordError};
pub use folder_lock::{FolderLock, LockError};
pub use kolk_wire::record::{AbortedTransaction, ControlKind};
pub use partition::PartitionLog;
pub use recovery::{Cut, RecoveryReport};
pub use retention::{MaintenanceReport, maintain};

use bytes::Bytes;

/// The leader epoch of every partition. There is one node and it never loses what it acknowledged, so no epoch ever ends.
pub const LEADER_EPOCH: i32 = 0;

/// What a reader may see (`isolation_level` of a fetch).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Everything that was appended.
    Uncommitted,
    /// What lies before the first open transaction.
    Committed,
}

/// Where a batch was appended; of a duplicate, where it had been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendInfo {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// The time-stamp that the broker gave the records, in milliseconds; −1 if the topic leaves that to producers. Of a
    /// duplicate always the batch's greatest time-stamp, as on Apache Kafka.
    pub log_append_time: i64,
    /// The log's first offset.
    pub log_start_offset: i64,
}

/// The end of a transaction in a partition, written by its coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// Whose transaction.
    pub producer_id: i64,
    /// The producer's epoch from now on; a lower one is fenced.
    pub producer_epoch: i16,
    /// How it ended.
    pub kind: ControlKind,
    /// The coordinator's epoch.
    pub coordinator_epoch: i32,
}

/// What a fetch wants of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRequest {
    /// First offset wanted; the batch that holds it is returned whole.
    pub from: i64,
    /// What may be seen.
    pub isolation: Isolation,
    /// Most bytes wanted.
    pub max_bytes: usize,
    /// Whether the first batch is returned even if it alone is larger (KIP-74: nobody gets stuck).
    pub min_one: bool,
}

/// What a fetch gets of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadResult {
    /// Whole batches; empty if there is nothing (yet).
    pub records: Bytes,
    /// Aborted transactions that overlap the records, for [`Isolation::Committed`]; by the order of their markers.
    pub aborted: Vec<AbortedTransaction>,
    /// Where to read on: the offset after the last batch, or the one asked for if there is none.
    pub next_offset: i64,
    /// The offset after the last record.
    pub high_watermark: i64,
    /// What [`Isolation::Committed`] may see up to.
    pub last_stable_offset: i64,
    /// The first offset.
    pub log_start_offset: i64,
}

/// A record found by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetAndTimestamp {
    /// Its offset.
    pub offset: i64,
    /// Its time-stamp in milliseconds.
    pub timestamp: i64,
}

/// Where a leader epoch ended (OffsetForLeaderEpoch).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    /// The greatest epoch up to the one asked for; −1 if there is none.
    pub leader_epoch: i32,
    /// The offset after its last record; −1 if there is no such epoch.
    pub end_offset: i64,
}

/// A producer as a partition knows it (DescribeProducers, KIP-664).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerInfo {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// Sequence number of its last record; −1 if none of this epoch is known.
    pub last_sequence: i32,
    /// Time-stamp of its last batch, in milliseconds.
    pub last_timestamp: i64,
    /// Epoch of the coordinator that wrote its last marker; −1 before the first.
    pub coordinator_epoch: i32,
    /// First offset of its open transaction.
    pub transaction_start: Option<i64>,
}

/// The part of the log that an aborted transaction spans; its last offset is its marker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedSpan {
    /// Whose.
    pub producer_id: i64,
    /// Its first record here.
    pub first_offset: i64,
    /// Its marker.
    pub last_offset: i64,
}
