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
//!   .append(BytesMut, now_ms) -> AppendInfo                         exactly one v2 batch, as a client sent it
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

pub mod files;
pub mod folder_lock;

pub use folder_lock::{FolderLock, LockError};
