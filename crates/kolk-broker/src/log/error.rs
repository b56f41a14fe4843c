//! Why a log refuses, and what a client is answered.

use kolk_wire::ErrorCode;
use std::io;
use std::path::PathBuf;

/// A log that cannot be opened, maintained or closed: the server reports it and takes the partition off line.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct LogError {
    /// What was attempted, as in "cannot *write* FILE".
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

/// One record that spoilt its batch; `record_errors` of a produce response (KIP-467).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Which record of the batch, from 0.
    pub index: i32,
    /// Why.
    pub message: String,
}

/// A batch that was not appended. The log is as it was before; [`Self::code`] is what the producer is answered.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Damaged on the way: the producer sends it again.
    #[error("the record batch is damaged: {reason}")]
    Corrupt {
        /// What is wrong with it.
        reason: String,
    },
    /// Larger than the topic takes.
    #[error(
        "the record batch of {size} bytes exceeds max.message.bytes, which is {limit}: make it smaller or raise the topic's limit"
    )]
    TooLarge {
        /// The batch's size in bytes.
        size: usize,
        /// `max.message.bytes`.
        limit: usize,
    },
    /// Larger than a segment of the log.
    #[error("the record batch of {size} bytes exceeds segment.bytes, which is {limit}")]
    LargerThanSegment {
        /// The batch's size in bytes.
        size: usize,
        /// `segment.bytes`.
        limit: u64,
    },
    /// Breaks a rule of the format or of the topic; sending it again cannot help.
    #[error("{reason}")]
    Invalid {
        /// Which rule.
        reason: String,
        /// The records that break it, if it is theirs.
        records: Vec<RecordError>,
    },
    /// A time-stamp out of the range that the topic takes.
    #[error("One or more records have been rejected due to invalid timestamp")]
    Timestamp {
        /// The records that have it.
        records: Vec<RecordError>,
    },
    /// A batch before it is missing: the producer sends that first.
    #[error(
        "Out of order sequence number for producer {producer_id}: {got} (incoming seq. number), {last} (current end sequence number)"
    )]
    OutOfOrder {
        /// The producer.
        producer_id: i64,
        /// The batch's first sequence number.
        got: i32,
        /// The last that was appended; −1 if none in this epoch.
        last: i32,
    },
    /// Another producer has taken over.
    #[error(
        "Epoch of producer {producer_id} is {got}, which is smaller than the last seen epoch {current}"
    )]
    Fenced {
        /// The producer.
        producer_id: i64,
        /// The batch's epoch.
        got: i16,
        /// The epoch that holds.
        current: i16,
    },
    /// Outside a transaction while the producer has one open here.
    #[error("Expected transactional write from producer {producer_id}")]
    NotTransactional {
        /// The producer.
        producer_id: i64,
    },
    /// A marker of a coordinator that is not the coordinator any more.
    #[error(
        "Invalid coordinator epoch for producer {producer_id}: {got} (zombie), {current} (current)"
    )]
    CoordinatorFenced {
        /// The producer.
        producer_id: i64,
        /// The marker's coordinator epoch.
        got: i32,
        /// The coordinator epoch that holds.
        current: i32,
    },
    /// The disk refused, for example because it is full.
    #[error(transparent)]
    Storage(#[from] LogError),
}

impl AppendError {
    /// The answer to the producer.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Corrupt { .. } => ErrorCode::CORRUPT_MESSAGE,
            Self::TooLarge { .. } => ErrorCode::MESSAGE_TOO_LARGE,
            Self::LargerThanSegment { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
            Self::Invalid { .. } => ErrorCode::INVALID_RECORD,
            Self::Timestamp { .. } => ErrorCode::INVALID_TIMESTAMP,
            Self::OutOfOrder { .. } => ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            Self::Fenced { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
            Self::NotTransactional { .. } => ErrorCode::INVALID_TXN_STATE,
            Self::CoordinatorFenced { .. } => ErrorCode::TRANSACTION_COORDINATOR_FENCED,
            Self::Storage(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }

    /// The records to blame, for the produce response from version 8 on.
    #[must_use]
    pub fn record_errors(&self) -> &[RecordError] {
        match self {
            Self::Invalid { records, .. } | Self::Timestamp { records } => records,
            _ => &[],
        }
    }
}

/// A read, or a request that names an offset, that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset is before the log's start or after its end.
    #[error("offset {requested} is not in the log, which has {start} to {end}")]
    OutOfRange {
        /// The offset asked for.
        requested: i64,
        /// The first offset there is.
        start: i64,
        /// The offset after the last.
        end: i64,
    },
    /// The disk refused.
    #[error(transparent)]
    Storage(#[from] LogError),
}

impl ReadError {
    /// The answer to the consumer.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
            Self::Storage(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }
}

/// A DeleteRecords that cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum DeleteRecordsError {
    /// The offset is beyond the log's end.
    #[error("offset {requested} is not in the log, which has {start} to {end}")]
    OutOfRange {
        /// The offset asked for.
        requested: i64,
        /// The first offset there is.
        start: i64,
        /// The offset after the last.
        end: i64,
    },
    /// The topic is compacted only: `cleanup.policy` must contain `delete`.
    #[error("records of a topic whose cleanup.policy has no delete cannot be deleted")]
    Policy,
    /// The disk refused.
    #[error(transparent)]
    Storage(#[from] LogError),
}

impl DeleteRecordsError {
    /// The answer to the client.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
            Self::Policy => ErrorCode::POLICY_VIOLATION,
            Self::Storage(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }
}
