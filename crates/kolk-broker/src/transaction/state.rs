//! The life of a transactional id.

use super::TransactionResult;
use super::partition::{Producer, TopicPartition};
use super::stored::stored;
use kolk_wire::{DecodeError, Reader, Version, Wire, Writer};
use std::fmt;

/// Where a transactional id stands.
///
/// ```text
///                add                end: commit                  markers written
///   Empty ------------> Ongoing -------------> PrepareCommit -------------------> CompleteCommit
///     |   ^              ^  |                                                       |   |
///     |   | init         |  | end: abort, time-out, init by another                 |   |
///     |   +--------------|--|----------------------------------------------------- -+   |
///     |   |              |  +----------------> PrepareAbort --------------------> CompleteAbort
///     |   |          add |                          ^                               |   |
///     |   +--------------|--------------------------|-------------------------------+   |
///     |                  +--------------------------|-----------------------------------+
///     +---------------------------------------------+  abort of nothing (transaction.version 2)
/// ```
///
/// From PrepareCommit and PrepareAbort there is no way back: the journal has the decision. An id that has not been
/// used for long is forgotten. Kafka's PrepareEpochFence has no state of its own here: fencing and aborting are one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionState {
    /// A producer has its epoch, and nothing is open.
    Empty,
    /// Partitions or groups take part.
    Ongoing,
    /// Will commit; markers are being written.
    PrepareCommit,
    /// Will abort; markers are being written.
    PrepareAbort,
    /// Has committed.
    CompleteCommit,
    /// Has aborted.
    CompleteAbort,
}

const STATES: [TransactionState; 6] = [
    TransactionState::Empty,
    TransactionState::Ongoing,
    TransactionState::PrepareCommit,
    TransactionState::PrepareAbort,
    TransactionState::CompleteCommit,
    TransactionState::CompleteAbort,
];

impl TransactionState {
    /// Kafka's name of the state.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    pub(super) fn may_become(self, next: Self) -> bool {
        let done = matches!(self, Self::Empty | Self::CompleteCommit | Self::CompleteAbort);
        match next {
            Self::Empty => done,
            Self::Ongoing => done || self == Self::Ongoing,
            Self::PrepareCommit => self == Self::Ongoing,
            Self::PrepareAbort => done || self == Self::Ongoing,
            Self::CompleteCommit => self == Self::PrepareCommit,
            Self::CompleteAbort => self == Self::PrepareAbort,
        }
    }

    /// The decision that is being carried out.
    pub(super) fn prepared(self) -> Option<TransactionResult> {
        match self {
            Self::PrepareCommit => Some(TransactionResult::Commit),
            Self::PrepareAbort => Some(TransactionResult::Abort),
            _ => None,
        }
    }
}

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Wire for TransactionState {
    fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        let number = usize::try_from(reader.i8()?).ok();
        let state = number.and_then(|number| STATES.get(number)).copied();
        state.ok_or_else(|| reader.invalid("TransactionState", "none of the six"))
    }

    fn write(&self, writer: &mut Writer, _: Version) {
        let number = STATES.iter().position(|state| state == self).unwrap_or_default();
        writer.put(&[u8::try_from(number).unwrap_or_default()]);
    }
}

stored! {
    /// Everything about a transactional id.
    pub struct Transaction {
        /// The id.
        pub transactional_id: String,
        /// Who may write now; epoch −1 before the first InitProducerId has been answered.
        pub producer: Producer,
        /// The epoch before the last bump, if that bump was told to its producer (KIP-360, KIP-890), else −1.
        pub last_epoch: i16,
        /// The producer id before the last change of state.
        pub previous_producer_id: i64,
        /// The id that replaces an exhausted one when the end of the transaction is complete, else −1.
        pub next_producer_id: i64,
        /// `transaction.timeout.ms`.
        pub timeout_ms: i32,
        /// Where it stands.
        pub state: TransactionState,
        /// Partitions that take part, in order.
        pub partitions: Vec<TopicPartition>,
        /// Groups whose offsets take part.
        pub groups: Vec<String>,
        /// When it was opened; −1 when it is not open.
        pub started_at_ms: i64,
        /// When it last changed.
        pub updated_at_ms: i64,
    }
}

/// The highest epoch that a client ever sees; one more is kept for fencing it.
pub(super) const EPOCH_MAX: i16 = i16::MAX - 1;

impl Transaction {
    pub(super) fn new(transactional_id: &str, producer_id: i64, timeout_ms: i32) -> Self {
        Self {
            transactional_id: transactional_id.to_owned(),
            producer: Producer { id: producer_id, epoch: -1 },
            last_epoch: -1,
            previous_producer_id: -1,
            next_producer_id: -1,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: Vec::new(),
            groups: Vec::new(),
            started_at_ms: -1,
            updated_at_ms: -1,
        }
    }

    pub(super) fn enter(&mut self, state: TransactionState, now_ms: i64) {
        debug_assert!(
            self.state.may_become(state),
            "{}: {} -> {state}",
            self.transactional_id,
            self.state
        );
        self.previous_producer_id = self.producer.id;
        self.state = state;
        self.updated_at_ms = now_ms;
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.producer.epoch >= EPOCH_MAX
    }

    /// When an open transaction is aborted, or an idle id forgotten.
    pub(super) fn deadline_ms(&self, id_expiration_ms: i64) -> Option<i64> {
        match self.state {
            TransactionState::Ongoing => Some(self.started_at_ms + i64::from(self.timeout_ms)),
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => None,
            TransactionState::Empty
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort => {
                Some(self.updated_at_ms.saturating_add(id_expiration_ms))
            }
        }
    }
}
