//! Errors of the client, named by what the caller does next.
//!
//! [`RequestError`] is why one request has no response; [`ClientError`] is what a state machine reports upwards.

use super::network::Broker;
use kolk_wire::{ApiKey, DecodeError, ErrorCode};
use std::fmt;
use std::time::Duration;

/// What the caller does next about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The same call again, after the back-off; metadata or coordinator refreshed first.
    Retry,
    /// Abort the transaction and go back to the last committed offsets.
    Rewind,
    /// Join the group again, as a new member where the id is no longer known.
    Rejoin,
    /// The state does not fit the log any more: build it again.
    Restore,
    /// The request itself is wrong: tell the user, do not repeat it.
    Invalid,
    /// Give up: another instance took over, or the credentials are refused.
    Fatal,
}

impl Action {
    /// What an error code of the protocol calls for, where the API gives it no other meaning.
    ///
    /// Source: the retriable flags of <https://kafka.apache.org/protocol.html#protocol_error_codes>; KIP-447 and
    /// KIP-890 for transactions.
    #[must_use]
    pub fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::TRANSACTION_ABORTABLE
            | ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            | ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::INVALID_PRODUCER_ID_MAPPING => Self::Rewind,
            ErrorCode::ILLEGAL_GENERATION
            | ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::REBALANCE_IN_PROGRESS
            | ErrorCode::MEMBER_ID_REQUIRED
            | ErrorCode::STALE_MEMBER_EPOCH
            | ErrorCode::FENCED_MEMBER_EPOCH => Self::Rejoin,
            ErrorCode::OFFSET_OUT_OF_RANGE => Self::Restore,
            ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::PRODUCER_FENCED
            | ErrorCode::TRANSACTION_COORDINATOR_FENCED
            | ErrorCode::FENCED_INSTANCE_ID
            | ErrorCode::SASL_AUTHENTICATION_FAILED
            | ErrorCode::TOPIC_AUTHORIZATION_FAILED
            | ErrorCode::GROUP_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | ErrorCode::UNSUPPORTED_VERSION
            | ErrorCode::UNKNOWN_SERVER_ERROR => Self::Fatal,
            code if code.is_retriable() => Self::Retry,
            _ => Self::Invalid,
        }
    }
}

/// One address that was tried, and why it did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The broker's address.
    pub broker: Broker,
    /// What happened there.
    pub why: String,
}

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The connection broke. When `sent`, the broker may have done what was asked.
    #[error("{api:?} to {broker} was cut off ({}): {why}", if *.sent { "after it was sent" } else { "before it was sent" })]
    Disconnected {
        /// The request's API.
        api: ApiKey,
        /// The broker asked.
        broker: Broker,
        /// Whether any byte of the request left this process: the broker may have acted on it.
        sent: bool,
        /// What the operating system or the broker said.
        why: String,
    },
    /// No response in time; the connection has been closed. When `sent`, the broker may have done what was asked.
    #[error("{broker} did not answer {api:?} within {after:?}")]
    TimedOut {
        /// The request's API.
        api: ApiKey,
        /// The broker asked.
        broker: Broker,
        /// The time-out.
        after: Duration,
        /// Whether any byte of the request left this process.
        sent: bool,
    },
    /// The broker and Kolk (or the caller's bounds) have no version of this API in common.
    #[error(
        "{broker} does not speak {api:?} at versions {min}..={max}: it serves {}",
        .theirs.map_or("none".to_owned(), |(low, high)| format!("{low}..={high}"))
    )]
    Unsupported {
        /// The API.
        api: ApiKey,
        /// The broker asked.
        broker: Broker,
        /// Lowest version that would do.
        min: i16,
        /// Highest version that would do.
        max: i16,
        /// What the broker serves, if it knows the API at all.
        theirs: Option<(i16, i16)>,
    },
    /// The broker refused the credentials, or this client refuses the broker's. Final.
    #[error("{broker} refused {mechanism} authentication of user `{user}`: {why}")]
    Authentication {
        /// The broker.
        broker: Broker,
        /// SASL mechanism.
        mechanism: String,
        /// The user's name; never the password.
        user: String,
        /// What the broker said.
        why: String,
    },
    /// TLS could not be agreed upon: a certificate that is not trusted, a wrong host name. Final.
    #[error("TLS with {broker} failed: {why}")]
    Tls {
        /// The broker.
        broker: Broker,
        /// What rustls said.
        why: String,
    },
    /// No broker could be reached at all.
    #[error("no Kafka broker could be reached{}", display_attempts(.attempts))]
    Unreachable {
        /// The latest outcome at each address.
        attempts: Vec<Attempt>,
        /// Whether any broker had been reached before: then the cluster is down for a while, and it is worth waiting.
        reached_before: bool,
    },
    /// The node id is not in the metadata (any more).
    #[error("broker {node} is not a member of the cluster as last described")]
    UnknownNode {
        /// The node id asked for.
        node: i32,
    },
    /// The response is not one: a decoder refused it, or it came out of order. The connection has been closed.
    #[error("{broker} answered {api:?} with bytes that are not a response: {error}")]
    Malformed {
        /// The request's API.
        api: ApiKey,
        /// The broker.
        broker: Broker,
        /// What the decoder said.
        error: DecodeError,
    },
    /// Too many requests are waiting for this broker; nothing was queued.
    #[error("{waiting} requests are already waiting for {broker}")]
    Full {
        /// The broker.
        broker: Broker,
        /// How many are waiting.
        waiting: usize,
    },
}

fn display_attempts(attempts: &[Attempt]) -> String {
    attempts.iter().map(|attempt| format!("; {}: {}", attempt.broker, attempt.why)).collect()
}

impl RequestError {
    /// What the caller does next.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Disconnected { .. }
            | Self::TimedOut { .. }
            | Self::UnknownNode { .. }
            | Self::Malformed { .. }
            | Self::Full { .. }
            | Self::Unreachable { reached_before: true, .. } => Action::Retry,
            Self::Unsupported { .. }
            | Self::Authentication { .. }
            | Self::Tls { .. }
            | Self::Unreachable { .. } => Action::Fatal,
        }
    }

    /// Whether the broker may have acted on the request although no response arrived.
    #[must_use]
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::Disconnected { sent, .. } | Self::TimedOut { sent, .. } => *sent,
            Self::Malformed { .. } => true,
            _ => false,
        }
    }
}

/// What went wrong, in words for people, with the protocol's code where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was attempted, on what, and why it failed.
    pub message: String,
    /// The broker's code.
    pub code: Option<ErrorCode>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

/// An error of the client: the variant says what to do next, the failure what happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// See [`Action::Retry`].
    #[error("{0}; it can be tried again")]
    Retry(Failure),
    /// See [`Action::Rewind`].
    #[error("{0}; the transaction must be aborted")]
    Rewind(Failure),
    /// See [`Action::Rejoin`].
    #[error("{0}; the group must be joined again")]
    Rejoin(Failure),
    /// See [`Action::Restore`].
    #[error("{0}; the state must be restored")]
    Restore(Failure),
    /// See [`Action::Invalid`].
    #[error("{0}")]
    Invalid(Failure),
    /// See [`Action::Fatal`].
    #[error("{0}")]
    Fatal(Failure),
}

impl ClientError {
    /// An error with this consequence.
    #[must_use]
    pub fn new(action: Action, message: impl Into<String>) -> Self {
        Self::with(action, Failure { message: message.into(), code: None })
    }

    /// The error that a broker's code stands for; `what` was attempted, `detail` is the broker's own message.
    #[must_use]
    pub fn from_code(code: ErrorCode, what: impl Into<String>, detail: Option<&str>) -> Self {
        let mut message = what.into();
        if let Some(detail) = detail.filter(|detail| !detail.is_empty()) {
            message.push_str(": ");
            message.push_str(detail);
        }
        Self::with(Action::of(code), Failure { message, code: Some(code) })
    }

    /// An error with this consequence and the broker's code, where the API gives the code another meaning than
    /// [`Action::of`].
    #[must_use]
    pub fn with_code(action: Action, code: ErrorCode, message: impl Into<String>) -> Self {
        Self::with(action, Failure { message: message.into(), code: Some(code) })
    }

    /// The error of a request without a response; `what` was attempted.
    #[must_use]
    pub fn from_request(error: &RequestError, what: impl fmt::Display) -> Self {
        Self::with(error.action(), Failure { message: format!("{what}: {error}"), code: None })
    }

    fn with(action: Action, failure: Failure) -> Self {
        match action {
            Action::Retry => Self::Retry(failure),
            Action::Rewind => Self::Rewind(failure),
            Action::Rejoin => Self::Rejoin(failure),
            Action::Restore => Self::Restore(failure),
            Action::Invalid => Self::Invalid(failure),
            Action::Fatal => Self::Fatal(failure),
        }
    }

    /// What the caller does next.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Retry(_) => Action::Retry,
            Self::Rewind(_) => Action::Rewind,
            Self::Rejoin(_) => Action::Rejoin,
            Self::Restore(_) => Action::Restore,
            Self::Invalid(_) => Action::Invalid,
            Self::Fatal(_) => Action::Fatal,
        }
    }

    /// What happened.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Retry(failure)
            | Self::Rewind(failure)
            | Self::Rejoin(failure)
            | Self::Restore(failure)
            | Self::Invalid(failure)
            | Self::Fatal(failure) => failure,
        }
    }

    /// The broker's code, if a broker said it.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.failure().code
    }
}
