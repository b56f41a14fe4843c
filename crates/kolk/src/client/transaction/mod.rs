//! Transactions: what is written and how far was read become visible together, or not at all.
//!
//! ```text
//!                  ┌──────────────── InitProducerId with id and epoch: raise the epoch ────────────────┐
//!                  │                                                                                   │
//! New ─▶ Initialising ─▶ Ready ─begin─▶ Open ─commit─▶ Committing ─▶ Ready (v2), Initialising (v1, after a repeated EndTxn)
//!              │  ▲                       └───abort──▶ Aborting ───▶ Ready (v2)
//!              │  └────── v1 after aborts, and whatever cannot be resolved otherwise ──────┘
//!              ├──▶ TimedOut: open for too long; the coordinator has aborted it ─take_back─▶ Initialising
//!              └──▶ Fenced: another instance has this transactional id
//! ```
//!
//! Two protocols, chosen by what the cluster has settled on (`transaction.version`):
//! - **v2** (KIP-890): the broker takes a partition into the transaction with its first batch, offsets with their commit. Each
//!   EndTxn raises the epoch, so a repeated or delayed one can do no harm: the same call is repeated with the same epoch.
//! - **v1**: partitions and offsets are announced first. The epoch stays the same from one transaction to the next, so a delayed
//!   twin of EndTxn would end the next one. After any EndTxn (or announcement) that was repeated, the epoch is raised before the next
//!   transaction (KIP-360), and so it is after aborts, which wait for the answers to all batches in flight first. EndTxn is
//!   never sent for an empty transaction.
//!
//! When it cannot be known whether a commit took effect, the outcome is [`Outcome::Unresolved`], and the caller asks the
//! group for its stable offsets ([`OffsetFetch`](super::commit::OffsetFetch)): they were committed with the transaction, or not.
//!
//! A coordinator that aborts a transaction because its time is up may fence its owner, and its answers do not tell that from another
//! instance under the same id (KIP-588 would, where it is carried out). But whoever had its transaction open for less than the
//! time-out was overtaken by somebody; one that had it open for longer may ask the group whether it has still its place there, and then
//! [take the id back](Transaction::take_back).

mod end;
mod enlist;
mod initialise;
mod orphan;
mod timeout;
#[cfg(test)]
mod tests;

pub use orphan::Orphan;

use super::commit::{CommittedOffset, GroupIdentity};
use super::config::{Backoff, ClientConfig};
use super::coordinator::{Call, Coordinator, Kind};
use super::error::{Action, ClientError};
use super::producer::{Gate, Handle, Identity, Producer};
use super::requests::Requests;
use crate::time::Moment;
use enlist::Offsets;
use initialise::Reason;
use kolk_wire::ErrorCode;
use kolk_wire::message::add_partitions_to_txn::AddPartitionsToTxnRequest;
use kolk_wire::message::end_txn::EndTxnRequest;
use kolk_wire::message::init_producer_id::InitProducerIdRequest;
use std::time::Duration;
use timeout::Timeout;

/// Where the machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was asked of the coordinator yet.
    New,
    /// A producer id, or a higher epoch, is being asked for.
    Initialising,
    /// No transaction is open; one may be begun.
    Ready,
    /// Records and offsets can be added.
    Open,
    /// Everything is being acknowledged, then the commit.
    Committing,
    /// The transaction is being aborted.
    Aborting,
    /// It was open for longer than the coordinator allows, and was aborted; perhaps another instance has the id meanwhile.
    TimedOut,
    /// Another instance has taken over, for good.
    Fenced,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is visible.
    Committed,
    /// None of it is, nor ever will be: read again from the committed offsets.
    Aborted,
    /// It was open for longer than the coordinator allows: none of it will be visible, unless it was being committed; then the
    /// group's stable offsets tell. Call [`Transaction::take_back`] when the group still has this instance.
    TimedOut,
    /// Another instance has this transactional id. This one must stop; what became of the transaction, the other one knows.
    Fenced,
    /// A commit was sent, and it cannot be known whether it took effect: ask the group for its stable offsets, and go on from there.
    Unresolved,
}

/// What [`Transaction::step`] has to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A transaction can be begun; whatever a former holder of the id had left open is aborted.
    Ready,
    /// The offsets are part of the transaction.
    OffsetsAdded,
    /// The group does not accept them from this generation: add them again under the next one if the partitions are
    /// still owned, else abort.
    OffsetsRefused(ErrorCode),
    /// The transaction has ended. [`Event::Ready`] follows (unless fenced), perhaps only after more steps.
    Ended(Outcome),
}

/// Which protocol the cluster speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Partitions are announced; epochs stay.
    V1,
    /// KIP-890.
    V2,
}

/// The transactions of one transactional id, one after the other. See the [module](self).
#[derive(Debug)]
pub struct Transaction {
    id: String,
    timeout: Timeout,
    backoff: Backoff,
    coordinator: Coordinator,
    phase: Phase,
    protocol: Protocol,
    identity: Option<Identity>,
    /// Why InitProducerId is being asked.
    reason: Reason,
    init: Call<InitProducerIdRequest>,
    /// v1: partitions being announced.
    enlisting: Vec<Handle>,
    enlist: Call<AddPartitionsToTxnRequest>,
    offsets: Offsets,
    end: Call<EndTxnRequest>,
    /// Whether the coordinator may know of the open transaction.
    used: bool,
    /// v1: whether some call was repeated, so that a late twin could meet the next transaction.
    repeated: bool,
    events: Vec<Event>,
    stepped_at: Moment,
    /// When the last transaction was begun; the coordinator's count begins later.
    begun_at: Moment,
    /// Whether it was found at an end that it had been open for longer than the time-out.
    outlived: bool,
}

impl Transaction {
    /// Transactions under `transactional_id`, for the producer that was made with the same configuration.
    #[must_use]
    pub fn new(config: &ClientConfig, transactional_id: &str) -> Self {
        let backoff = config.connection.retry_backoff;
        Self {
            id: transactional_id.to_owned(),
            timeout: Timeout::new(config.producer.transaction_timeout),
            backoff,
            coordinator: Coordinator::new(Kind::Transaction, transactional_id, backoff),
            phase: Phase::New,
            protocol: Protocol::V1,
            identity: None,
            reason: Reason::Start,
            init: Call::default(),
            enlisting: Vec::new(),
            enlist: Call::default(),
            offsets: Offsets::default(),
            end: Call::default(),
            used: false,
            repeated: false,
            events: Vec::new(),
            stepped_at: Moment::default(),
            begun_at: Moment::default(),
            outlived: false,
        }
    }

    /// The time-out is doubled, up to this, whenever a transaction takes longer: the same work would take as long again.
    #[must_use]
    pub fn raising_timeout_to(self, most: Duration) -> Self {
        Self { timeout: self.timeout.up_to(most), ..self }
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Which protocol is spoken; known from the first [`Event::Ready`] on.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The transactional id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Opens a transaction; nothing is sent yet. From now on the producer sends.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] unless [`Phase::Ready`].
    pub fn begin(&mut self, producer: &mut Producer) -> Result<(), ClientError> {
        self.require(&[Phase::Ready], "begin")?;
        let gate = if self.protocol == Protocol::V2 { Gate::Open } else { Gate::EachAdmitted };
        producer.set_gate(gate);
        self.begun_at = self.stepped_at;
        self.enter(Phase::Open);
        Ok(())
    }

    /// Goes on after [`Outcome::TimedOut`]: whoever else has the id is fenced. Ask the group first whether this instance is still
    /// the one with its name; [`Event::Ready`] follows.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] unless [`Phase::TimedOut`].
    pub fn take_back(&mut self) -> Result<(), ClientError> {
        self.require(&[Phase::TimedOut], "be taken back")?;
        self.initialise(Reason::Start);
        Ok(())
    }

    /// Adds offsets to the open transaction, on behalf of a member of the group. The answer is [`Event::OffsetsAdded`] or
    /// [`Event::OffsetsRefused`]; until then the commit waits.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] unless [`Phase::Open`] or [`Phase::Committing`].
    pub fn add_offsets(
        &mut self,
        group: GroupIdentity,
        offsets: Vec<CommittedOffset>,
    ) -> Result<(), ClientError> {
        self.require(&[Phase::Open, Phase::Committing], "add offsets")?;
        self.offsets.start(group, offsets, self.backoff);
        Ok(())
    }

    /// Commits as soon as every record is acknowledged and the offsets are added; the answer is [`Event::Ended`].
    ///
    /// # Errors
    /// [`ClientError::Invalid`] unless [`Phase::Open`].
    pub fn commit(&mut self, producer: &mut Producer) -> Result<(), ClientError> {
        self.require(&[Phase::Open], "commit")?;
        producer.flush();
        self.enter(Phase::Committing);
        Ok(())
    }

    /// Drops what the producer still holds and aborts; the answer is [`Event::Ended`]. A commit that waits for
    /// acknowledgements becomes an abort; one that was sent already cannot be taken back, and is carried through.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] unless [`Phase::Open`] or [`Phase::Committing`].
    pub fn abort(
        &mut self,
        network: &mut impl Requests,
        producer: &mut Producer,
    ) -> Result<(), ClientError> {
        self.require(&[Phase::Open, Phase::Committing], "abort")?;
        if self.phase == Phase::Committing && self.end.attempts > 0 {
            return Ok(());
        }
        self.used |= producer.touched();
        producer.clear();
        producer.set_gate(Gate::Closed);
        self.used |= self.enlist.attempts > 0 || self.offsets.is_used();
        self.enlisting.clear();
        self.enlist.cancel(network);
        self.offsets.cancel(network);
        self.enter(Phase::Aborting);
        Ok(())
    }

    /// Sends and receives whatever is due. Step the producer after it: partitions that were admitted can send at once.
    ///
    /// # Errors
    /// [`ClientError::Rewind`]: call [`Self::abort`]. [`ClientError::Fatal`] and [`ClientError::Invalid`]: nothing more can be done.
    pub fn step(
        &mut self,
        network: &mut impl Requests,
        producer: &mut Producer,
    ) -> Result<Vec<Event>, ClientError> {
        self.stepped_at = network.now();
        loop {
            let before = self.phase;
            match self.phase {
                Phase::New => self.enter(Phase::Initialising),
                Phase::Initialising => self.step_initialising(network, producer)?,
                Phase::Ready | Phase::TimedOut | Phase::Fenced => {}
                Phase::Open => self.step_open(network, producer)?,
                Phase::Committing => {
                    self.step_open(network, producer)?;
                    if self.phase == Phase::Committing {
                        self.step_committing(network, producer)?;
                    }
                }
                Phase::Aborting => self.step_aborting(network, producer)?,
            }
            if self.phase == before {
                return Ok(std::mem::take(&mut self.events));
            }
        }
    }

    /// Whether a commit is under way that was asked for, and not answered yet.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.phase == Phase::Committing && self.end.attempts > 0
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let deadline = match self.phase {
            Phase::New => return Some(Moment::default()),
            Phase::Initialising => self.init.deadline(&self.coordinator),
            Phase::Ready | Phase::TimedOut | Phase::Fenced => None,
            Phase::Open => self.enlisting_deadline(),
            Phase::Committing if self.end.attempts == 0 => self.enlisting_deadline(),
            Phase::Committing | Phase::Aborting => self.end.deadline(&self.coordinator),
        };
        // What was due at the last step and was not sent waits for the producer.
        deadline.filter(|at| *at > self.stepped_at)
    }

    fn require(&self, phases: &[Phase], what: &str) -> Result<(), ClientError> {
        if phases.contains(&self.phase) {
            return Ok(());
        }
        let what = format!("transaction `{}` cannot {what} while it is {:?}", self.id, self.phase);
        Err(ClientError::new(Action::Invalid, what))
    }

    fn enter(&mut self, next: Phase) {
        debug_assert!(
            matches!(
                (self.phase, next),
                (
                    Phase::New
                        | Phase::Open
                        | Phase::Committing
                        | Phase::Aborting
                        | Phase::TimedOut,
                    Phase::Initialising
                ) | (Phase::Initialising | Phase::Committing | Phase::Aborting, Phase::Ready)
                    | (Phase::Initialising, Phase::TimedOut)
                    | (Phase::Ready, Phase::Open)
                    | (Phase::Open, Phase::Committing)
                    | (Phase::Open | Phase::Committing, Phase::Aborting)
                    | (_, Phase::Fenced)
            ),
            "{:?} -> {next:?}",
            self.phase
        );
        self.phase = next;
    }

    /// The transaction is over.
    fn ended(&mut self, producer: &mut Producer, outcome: Outcome) {
        producer.set_gate(Gate::Closed);
        self.used = false;
        self.repeated = false;
        self.end = Call::default();
        self.enlist = Call::default();
        self.enlisting.clear();
        self.offsets = Offsets::default();
        self.events.push(Event::Ended(outcome));
    }

    fn ready(&mut self) {
        self.enter(Phase::Ready);
        self.events.push(Event::Ready);
    }

    fn fenced(&mut self, producer: &mut Producer) {
        producer.clear();
        self.ended(producer, Outcome::Fenced);
        self.enter(Phase::Fenced);
    }

    /// The coordinator has aborted it, and fenced whoever had it: this instance, if nobody has the id besides.
    fn timed_out(&mut self, producer: &mut Producer) {
        producer.clear();
        self.ended(producer, Outcome::TimedOut);
        self.enter(Phase::TimedOut);
    }

    /// Whether the last transaction was open for longer than the time-out; then the next one, behind InitProducerId, has more time.
    fn outlive(&mut self) -> bool {
        let outlived = self.stepped_at.since(self.begun_at) >= self.timeout.get();
        if outlived {
            self.timeout.raise();
        }
        outlived
    }

    /// Whether `code` says that this epoch is not the current one: another instance took over, or the coordinator has aborted
    /// the transaction because of its time-out. InitProducerId with id and epoch tells which (KIP-588).
    fn is_overtaken(code: ErrorCode) -> bool {
        matches!(code, ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::PRODUCER_FENCED)
    }
}
