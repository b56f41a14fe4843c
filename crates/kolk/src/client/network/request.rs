//! Requests on their way: waiting to be encoded, waiting for their response, or for their last byte to leave.

use crate::time::Moment;
use bytes::Bytes;
use kolk_wire::ApiKey;
use std::fmt;
use std::time::Duration;

/// Whether the broker answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Yes,
    /// Produce with acks 0.
    Never,
}

/// Turns a request into its frame, once version and correlation id are known.
pub(super) type Encode = Box<dyn FnOnce(i16, i32, &str) -> Vec<Bytes> + Send>;

/// A request that waits for its connection.
pub(super) struct Queued {
    pub(super) id: u64,
    pub(super) api: ApiKey,
    pub(super) versions: (i16, i16),
    pub(super) timeout: Duration,
    pub(super) deadline: Moment,
    pub(super) answered: Answered,
    pub(super) encode: Encode,
}

impl fmt::Debug for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}#{}", self.api, self.id)
    }
}

/// A request that has been encoded.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) id: u64,
    pub(super) api: ApiKey,
    pub(super) version: i16,
    pub(super) correlation: i32,
    pub(super) timeout: Duration,
    pub(super) deadline: Moment,
    /// Where its first byte stands in the stream: whether it was sent.
    pub(super) starts_at: u64,
}

/// A request that is done when its last byte is gone.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) id: u64,
    pub(super) api: ApiKey,
    pub(super) version: i16,
    pub(super) starts_at: u64,
    pub(super) ends_at: u64,
}
