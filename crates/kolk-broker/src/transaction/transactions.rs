//! All transactional ids of the broker: finds the one that a request is about, and makes time pass for all.

use super::add::{Participants, TransactionRef};
use super::end::{EndRequest, Ended, Prepared};
use super::entry::TransactionEntry;
use super::init::{InitRequest, Initialized};
use super::partition::{Producer, TopicPartition};
use super::producer_ids::ProducerIds;
use super::settings::{TransactionSettings, TransactionVersion};
use super::state::{Transaction, TransactionState};
use kolk_wire::ErrorCode;
use std::collections::BTreeMap;

/// A reply, and what must be carried out besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<T> {
    /// The reply.
    pub reply: T,
    /// A transaction to end, before the reply is sent.
    pub prepared: Option<Prepared>,
}

impl<T> Outcome<T> {
    fn reply(reply: T) -> Self {
        Self { reply, prepared: None }
    }
}

/// The transaction coordinator. How to use it: see the [module](super).
#[derive(Debug)]
pub struct Transactions {
    settings: TransactionSettings,
    transactions: BTreeMap<String, Transaction>,
    producer_ids: ProducerIds,
    entries: Vec<TransactionEntry>,
    /// Ends that could not be carried out, with the time of the next attempt.
    postponed: Vec<(i64, Prepared)>,
}

impl Transactions {
    /// No transactional ids yet.
    #[must_use]
    pub fn new(settings: TransactionSettings) -> Self {
        Self {
            settings,
            transactions: BTreeMap::new(),
            producer_ids: ProducerIds::default(),
            entries: Vec::new(),
            postponed: Vec::new(),
        }
    }

    /// Takes in an entry of the journal.
    pub fn replay(&mut self, entry: TransactionEntry) {
        match entry {
            TransactionEntry::Transaction(transaction) => {
                self.transactions.insert(transaction.transactional_id.clone(), transaction);
            }
            TransactionEntry::Joined { transactional_id, partitions, groups } => {
                if let Some(transaction) = self.transactions.get_mut(&transactional_id) {
                    transaction.add_partitions(&partitions);
                    for group_id in groups {
                        transaction.add_group(&group_id);
                    }
                }
            }
            TransactionEntry::Forgotten { transactional_id } => {
                self.transactions.remove(&transactional_id);
            }
            TransactionEntry::ProducerIds { until } => self.producer_ids.replay(until),
        }
    }

    /// After the last [`Self::replay`]: the transactions whose end was decided before the restart. They must be carried out
    /// (again) before requests are served. Open ones go on, and their time-outs count from their beginning.
    #[must_use]
    pub fn start(&mut self) -> Vec<Prepared> {
        self.transactions.values().filter_map(Transaction::plan).collect()
    }

    /// What must be written to the journal before anything is answered or carried out, in this order.
    #[must_use]
    pub fn take_entries(&mut self) -> Vec<TransactionEntry> {
        std::mem::take(&mut self.entries)
    }

    /// Whether [`Self::take_entries`] would give any: after a failed write of the journal, what is known may still be lost.
    #[must_use]
    pub fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Takes back entries that the journal refused (a full disk): the next [`Self::take_entries`] gives them again, first.
    /// The call that made them must be answered with an error such as `COORDINATOR_NOT_AVAILABLE`, since a restart would
    /// undo it, and a [`Prepared`] that came with them must be [`postponed`](Self::postpone).
    pub fn give_back(&mut self, mut entries: Vec<TransactionEntry>) {
        entries.append(&mut self.entries);
        self.entries = entries;
    }

    /// The end cannot be carried out at the moment: a later [`Self::tick`] returns it again.
    pub fn postpone(&mut self, now_ms: i64, prepared: Prepared) {
        self.postponed.push((now_ms + self.settings.retry_ms, prepared));
    }

    /// Entries that, replayed in this order, give the present state.
    #[must_use]
    pub fn snapshot(&self) -> Vec<TransactionEntry> {
        let transactions = self.transactions.values().cloned().map(TransactionEntry::Transaction);
        std::iter::once(self.producer_ids.snapshot()).chain(transactions).collect()
    }

    /// The next moment at which [`Self::tick`] has something to do.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let expiration_ms = self.settings.id_expiration_ms;
        let transactions = self.transactions.values();
        let deadlines = transactions.filter_map(|one| one.deadline_ms(expiration_ms));
        deadlines.chain(self.postponed.iter().map(|(at_ms, _)| *at_ms)).min()
    }

    /// Does all that is due by now, and returns the transactions whose end must be carried out: those whose time is up,
    /// their producers fenced, and those postponed. Forgets ids that have not been used for long.
    #[must_use]
    pub fn tick(&mut self, now_ms: i64) -> Vec<Prepared> {
        let expiration_ms = self.settings.id_expiration_ms;
        let due: Vec<String> = self
            .transactions
            .values()
            .filter(|one| one.deadline_ms(expiration_ms).is_some_and(|at_ms| at_ms <= now_ms))
            .map(|one| one.transactional_id.clone())
            .collect();
        let mut plans = Vec::new();
        for transactional_id in due {
            let Some(transaction) = self.transactions.get_mut(&transactional_id) else { continue };
            if transaction.state == TransactionState::Ongoing {
                transaction.fence(now_ms);
                self.entries.push(TransactionEntry::Transaction(transaction.clone()));
                plans.extend(transaction.plan());
            } else {
                self.transactions.remove(&transactional_id);
                self.entries.push(TransactionEntry::Forgotten { transactional_id });
            }
        }
        let (again, later) = self.postponed.drain(..).partition(|(at_ms, _)| *at_ms <= now_ms);
        self.postponed = later;
        let again: Vec<(i64, Prepared)> = again;
        plans.extend(again.into_iter().map(|(_, prepared)| prepared));
        plans
    }

    /// InitProducerId: the producer to use from now on.
    ///
    /// With an open transaction the reply is `CONCURRENT_TRANSACTIONS`, and the client asks again when it is aborted.
    /// Other errors: `INVALID_REQUEST`, `INVALID_TRANSACTION_TIMEOUT`, `PRODUCER_FENCED`.
    pub fn init(
        &mut self,
        now_ms: i64,
        request: &InitRequest,
    ) -> Outcome<Result<Producer, ErrorCode>> {
        if (request.current.id == -1) != (request.current.epoch == -1) {
            return Outcome::reply(Err(ErrorCode::INVALID_REQUEST));
        }
        let Some(transactional_id) = &request.transactional_id else {
            let id = self.producer_ids.fresh(&mut self.entries);
            return Outcome::reply(Ok(Producer { id, epoch: 0 }));
        };
        if transactional_id.is_empty() {
            return Outcome::reply(Err(ErrorCode::INVALID_REQUEST));
        }
        if request.timeout_ms <= 0 || request.timeout_ms > self.settings.timeout_ms_max {
            return Outcome::reply(Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT));
        }
        let Self { transactions, producer_ids, entries, .. } = self;
        let transaction = transactions.entry(transactional_id.clone()).or_insert_with(|| {
            let producer_id = producer_ids.fresh(entries);
            Transaction::new(transactional_id, producer_id, request.timeout_ms)
        });
        match transaction.init(now_ms, request, || producer_ids.fresh(entries)) {
            Err(error) => Outcome::reply(Err(error)),
            Ok(Initialized::Ready) => {
                entries.push(TransactionEntry::Transaction(transaction.clone()));
                Outcome::reply(Ok(transaction.producer))
            }
            Ok(Initialized::Open) => {
                transaction.fence(now_ms);
                entries.push(TransactionEntry::Transaction(transaction.clone()));
                let reply = Err(ErrorCode::CONCURRENT_TRANSACTIONS);
                Outcome { reply, prepared: transaction.plan() }
            }
        }
    }

    /// AddPartitionsToTxn, for one transaction. The server has checked that the partitions exist.
    ///
    /// `INVALID_REQUEST`, `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`, `CONCURRENT_TRANSACTIONS`.
    pub fn add_partitions(
        &mut self,
        now_ms: i64,
        transaction: &TransactionRef,
        partitions: &[TopicPartition],
    ) -> ErrorCode {
        self.add(now_ms, transaction, Participants::Partitions(partitions))
    }

    /// AddOffsetsToTxn, and what TxnOffsetCommit v5+ implies (KIP-890): offsets of the group take part.
    ///
    /// As [`Self::add_partitions`], and `INVALID_GROUP_ID`.
    pub fn add_group(
        &mut self,
        now_ms: i64,
        transaction: &TransactionRef,
        group_id: &str,
    ) -> ErrorCode {
        if group_id.is_empty() {
            return ErrorCode::INVALID_GROUP_ID;
        }
        self.add(now_ms, transaction, Participants::Group(group_id))
    }

    /// What Produce v12+ implies (KIP-890): the partition takes part. For the client: [`super::produce_error`].
    ///
    /// As [`Self::add_partitions`].
    pub fn ensure_partition(
        &mut self,
        now_ms: i64,
        transaction: &TransactionRef,
        partition: &TopicPartition,
    ) -> ErrorCode {
        self.add(now_ms, transaction, Participants::Partitions(std::slice::from_ref(partition)))
    }

    fn add(
        &mut self,
        now_ms: i64,
        reference: &TransactionRef,
        participants: Participants<'_>,
    ) -> ErrorCode {
        let transaction = match self.checked(reference) {
            Ok(transaction) => transaction,
            Err(error) => return error,
        };
        if transaction.includes(participants) {
            return ErrorCode::NONE;
        }
        let was_open = transaction.state == TransactionState::Ongoing;
        let partitions = transaction.add(now_ms, participants);
        let entry = if was_open {
            TransactionEntry::Joined {
                transactional_id: reference.transactional_id.clone(),
                partitions,
                groups: match participants {
                    Participants::Group(group_id) => vec![group_id.to_owned()],
                    Participants::Partitions(_) => Vec::new(),
                },
            }
        } else {
            TransactionEntry::Transaction(transaction.clone())
        };
        self.entries.push(entry);
        ErrorCode::NONE
    }

    fn checked(&mut self, reference: &TransactionRef) -> Result<&mut Transaction, ErrorCode> {
        if reference.transactional_id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let transaction = self.transactions.get_mut(&reference.transactional_id);
        let transaction = transaction.ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        transaction.check(reference.producer)?;
        Ok(transaction)
    }

    /// Whether the partition takes part in the open transaction of this producer: AddPartitionsToTxn v4+ with
    /// `verify_only`, and Produce before v12. For a producer: [`super::produce_error`].
    ///
    /// As [`Self::add_partitions`], and `TRANSACTION_ABORTABLE` when it does not.
    #[must_use]
    pub fn verify_partition(
        &self,
        transaction: &TransactionRef,
        partition: &TopicPartition,
    ) -> ErrorCode {
        self.verify(transaction, Participants::Partitions(std::slice::from_ref(partition)))
    }

    /// Whether the group takes part in the open transaction of this producer: TxnOffsetCommit before v5. For the client:
    /// [`super::txn_offset_commit_error`].
    ///
    /// As [`Self::verify_partition`].
    #[must_use]
    pub fn verify_group(&self, transaction: &TransactionRef, group_id: &str) -> ErrorCode {
        self.verify(transaction, Participants::Group(group_id))
    }

    fn verify(&self, reference: &TransactionRef, participants: Participants<'_>) -> ErrorCode {
        if reference.transactional_id.is_empty() {
            return ErrorCode::INVALID_REQUEST;
        }
        let Some(transaction) = self.transactions.get(&reference.transactional_id) else {
            return ErrorCode::INVALID_PRODUCER_ID_MAPPING;
        };
        match transaction.check(reference.producer) {
            Err(error) => error,
            Ok(()) if transaction.includes(participants) => ErrorCode::NONE,
            Ok(()) => ErrorCode::TRANSACTION_ABORTABLE,
        }
    }

    /// EndTxn: the producer for the next transaction, which the answer carries from v5 on.
    ///
    /// `INVALID_REQUEST`, `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`, `CONCURRENT_TRANSACTIONS` while the same end
    /// is being carried out, `INVALID_TXN_STATE`.
    pub fn end(
        &mut self,
        now_ms: i64,
        request: &EndRequest,
    ) -> Outcome<Result<Producer, ErrorCode>> {
        let transactional_id = &request.transaction.transactional_id;
        if transactional_id.is_empty() {
            return Outcome::reply(Err(ErrorCode::INVALID_REQUEST));
        }
        let Self { transactions, producer_ids, entries, .. } = self;
        let Some(transaction) = transactions.get_mut(transactional_id) else {
            return Outcome::reply(Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING));
        };
        let ended = match request.version {
            TransactionVersion::One => transaction.end_v1(now_ms, request),
            TransactionVersion::Two => {
                transaction.end_v2(now_ms, request, || producer_ids.fresh(entries))
            }
        };
        match ended {
            Err(error) => Outcome::reply(Err(error)),
            Ok(Ended::Before) => Outcome::reply(Ok(transaction.producer)),
            Ok(Ended::Now) => {
                entries.push(TransactionEntry::Transaction(transaction.clone()));
                let reply = Ok(transaction.producer_after());
                Outcome { reply, prepared: transaction.plan() }
            }
        }
    }

    /// The plan has been carried out: markers written, groups completed. Once only; a repetition does nothing.
    pub fn complete(&mut self, now_ms: i64, prepared: &Prepared) {
        let Some(transaction) = self.transactions.get_mut(&prepared.transactional_id) else {
            return;
        };
        if transaction.producer == prepared.producer
            && transaction.state.prepared() == Some(prepared.result)
        {
            transaction.complete(now_ms);
            self.entries.push(TransactionEntry::Transaction(transaction.clone()));
        }
    }

    /// What is known of a transactional id, for DescribeTransactions and tests.
    #[must_use]
    pub fn get(&self, transactional_id: &str) -> Option<&Transaction> {
        self.transactions.get(transactional_id)
    }
}
