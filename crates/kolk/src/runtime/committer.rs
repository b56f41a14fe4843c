//! Commits: how far the inputs were read becomes durable, alone or in one transaction with what was written.

use crate::client::commit::{CommitOutcome, CommittedOffset, GroupIdentity, OffsetCommit};
use crate::client::config::ClientConfig;
use crate::client::error::{Action, ClientError};
use crate::client::network::Network;
use crate::client::producer::Producer;
use crate::client::transaction::{Event, Outcome, Phase, Transaction};
use crate::time::Moment;
use kolk_wire::ErrorCode;
use std::time::Duration;

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committed {
    /// It is durable.
    Done,
    /// The group refuses it from this generation; nothing was committed.
    Refused(ErrorCode),
    /// The transaction is gone, or it cannot be known what became of it: go back to the committed offsets.
    Rewind,
    /// The same, since the transaction was open for longer than the coordinator allows: nothing can be written before
    /// [`Committer::take_back`].
    TimedOut,
    /// Another instance has this transactional id.
    Fenced,
}

/// Carries out the commits of one query.
#[derive(Debug)]
pub(super) enum Committer {
    /// Offsets alone, after their rows were acknowledged.
    Plain { commit: Box<OffsetCommit> },
    /// Offsets and rows together.
    Transactional { transaction: Box<Transaction> },
}

impl Committer {
    pub(super) fn plain(config: &ClientConfig, group_id: &str) -> Self {
        Self::Plain { commit: Box::new(OffsetCommit::new(config, group_id)) }
    }

    /// The time-out of transactions may rise up to `longest`.
    pub(super) fn transactional(
        config: &ClientConfig,
        transactional_id: &str,
        longest: Duration,
    ) -> Self {
        let transaction = Transaction::new(config, transactional_id).raising_timeout_to(longest);
        Self::Transactional { transaction: Box::new(transaction) }
    }

    /// Goes on after [`Committed::TimedOut`].
    pub(super) fn take_back(&mut self) -> Result<(), ClientError> {
        match self {
            Self::Plain { .. } => Ok(()),
            Self::Transactional { transaction } => transaction.take_back(),
        }
    }

    /// Whether what an earlier run left open has been ended, so that committed offsets may be trusted.
    pub(super) fn is_initialised(&self) -> bool {
        match self {
            Self::Plain { .. } => true,
            Self::Transactional { transaction } => !matches!(
                transaction.phase(),
                Phase::New | Phase::Initialising | Phase::TimedOut | Phase::Fenced
            ),
        }
    }

    /// Makes sure that rows can be written; false when that must wait.
    pub(super) fn begin(&mut self, producer: &mut Producer) -> Result<bool, ClientError> {
        let Self::Transactional { transaction } = self else { return Ok(true) };
        match transaction.phase() {
            Phase::Open => Ok(true),
            Phase::Ready => transaction.begin(producer).map(|()| true),
            _ => Ok(false),
        }
    }

    /// Starts a commit. Rows must be acknowledged (R3).
    pub(super) fn commit(
        &mut self,
        network: &mut Network,
        producer: &mut Producer,
        group: GroupIdentity,
        offsets: Vec<CommittedOffset>,
    ) -> Result<(), ClientError> {
        match self {
            Self::Plain { commit } => {
                commit.start(network, group, offsets);
                Ok(())
            }
            Self::Transactional { transaction } => {
                if transaction.phase() == Phase::Ready {
                    transaction.begin(producer)?;
                }
                transaction.add_offsets(group, offsets)?;
                transaction.commit(producer)
            }
        }
    }

    /// Whether the end of the transaction was asked for, and not answered yet.
    pub(super) fn is_ending(&self) -> bool {
        match self {
            Self::Plain { commit } => commit.is_busy(),
            Self::Transactional { transaction } => transaction.is_ending(),
        }
    }

    /// Whether a commit is under way.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Plain { commit } => commit.is_busy(),
            Self::Transactional { transaction } => {
                matches!(transaction.phase(), Phase::Committing | Phase::Aborting)
            }
        }
    }

    /// Gives up the open transaction. [`Committed::Rewind`] follows from [`Self::step`]; false when there is none.
    pub(super) fn abort(
        &mut self,
        network: &mut Network,
        producer: &mut Producer,
    ) -> Result<bool, ClientError> {
        match self {
            Self::Plain { commit } => {
                commit.cancel(network);
                Ok(false)
            }
            Self::Transactional { transaction } => match transaction.phase() {
                Phase::Open | Phase::Committing => {
                    transaction.abort(network, producer).map(|()| true)
                }
                Phase::Aborting => Ok(true),
                _ => Ok(false),
            },
        }
    }

    /// Sends and receives.
    pub(super) fn step(
        &mut self,
        network: &mut Network,
        producer: &mut Producer,
    ) -> Result<Option<Committed>, ClientError> {
        let transaction = match self {
            Self::Plain { commit } => {
                return Ok(commit.step(network)?.map(|outcome| match outcome {
                    CommitOutcome::Committed => Committed::Done,
                    CommitOutcome::Rejoin(code) => Committed::Refused(code),
                }));
            }
            Self::Transactional { transaction } => transaction,
        };
        // The machine tells of each step before it takes the next, so that its caller may abort: none is waited for.
        loop {
            let events = match transaction.step(network, producer) {
                Ok(events) => events,
                Err(error) if error.action() == Action::Rewind => {
                    transaction.abort(network, producer)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if events.is_empty() {
                return Ok(None);
            }
            for event in events {
                match event {
                    Event::Ready | Event::OffsetsAdded => {}
                    Event::OffsetsRefused(code) => return Ok(Some(Committed::Refused(code))),
                    Event::Ended(Outcome::Committed) => return Ok(Some(Committed::Done)),
                    Event::Ended(Outcome::Aborted | Outcome::Unresolved) => {
                        return Ok(Some(Committed::Rewind));
                    }
                    Event::Ended(Outcome::TimedOut) => return Ok(Some(Committed::TimedOut)),
                    Event::Ended(Outcome::Fenced) => return Ok(Some(Committed::Fenced)),
                }
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Plain { commit } => commit.deadline(),
            Self::Transactional { transaction } => transaction.deadline(),
        }
    }
}
