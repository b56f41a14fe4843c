//! What a producer tells its owner.

use super::Handle;
use crate::client::Offset;
use kolk_wire::ErrorCode;

/// Something that happened to a batch. Events of one partition come in the order of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The broker has the batch (with acks 0: it was handed to the system). These are the oldest records not yet acknowledged.
    Acknowledged(Acknowledgement),
    /// The broker refuses the batch, and would again. Nothing behind it in the partition moves until
    /// [`Producer::decide`](super::Producer::decide).
    Refused(Refusal),
    /// A batch will be sent again; told at the 1st, 2nd, 4th, 8th … failure in a row (from the 8th on while a
    /// transaction only waits for the one before).
    Retrying {
        /// Its partition.
        partition: Handle,
        /// Failures in a row.
        failures: u32,
        /// What happened the last time.
        why: String,
    },
}

/// A batch that the broker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Its partition.
    pub partition: Handle,
    /// Offset of its first record, if the broker said so.
    pub base_offset: Option<Offset>,
    /// How many records it has.
    pub count: u32,
    /// The tag in force when its last record was appended.
    pub tag: u64,
}

/// A batch that the broker does not want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its partition.
    pub partition: Handle,
    /// The batch, for [`Producer::decide`](super::Producer::decide).
    pub batch: u64,
    /// How many records it has.
    pub count: u32,
    /// The tag in force when its last record was appended.
    pub tag: u64,
    /// The record at fault, counted from 0 within the batch, if known: always for one that is too large.
    pub record: Option<usize>,
    /// The broker's code.
    pub code: ErrorCode,
    /// The broker's words, or Kolk's.
    pub why: String,
}

/// Why a record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// `buffer.memory` is used up: step until something is acknowledged, then append again.
    #[error("{buffered} bytes are waiting to be sent, and {limit} is the limit (buffer.memory)")]
    Full {
        /// Bytes waiting.
        buffered: usize,
        /// `buffer.memory`.
        limit: usize,
    },
    /// The record alone exceeds `max.request.size`: it will never be taken.
    #[error("a record of {size} bytes exceeds the limit of {limit} (max.request.size)")]
    TooLarge {
        /// Bytes that the record takes.
        size: usize,
        /// `max.request.size`.
        limit: usize,
    },
}
