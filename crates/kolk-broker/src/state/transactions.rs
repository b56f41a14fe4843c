//! The transactions behind their lock: decisions, carrying them out, and the passing of time.

use super::{OpenError, State};
use crate::config::BrokerConfig;
use crate::journal::Journal;
use crate::log::files::Files;
use crate::log::{AppendError, ControlKind, Marker};
use crate::transaction::{Outcome, Prepared, TransactionEntry, TransactionResult, Transactions};
use bytes::Bytes;
use kolk_wire::ErrorCode;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// The transactions with their journal.
pub struct TransactionDesk {
    /// The state machine.
    pub transactions: Transactions,
    journal: Journal,
}

impl TransactionDesk {
    pub(super) fn open(
        folder: &Path,
        config: &BrokerConfig,
        files: &Arc<dyn Files>,
    ) -> Result<Self, OpenError> {
        let path = folder.join("transactions.journal");
        let mut transactions = Transactions::new(config.transactions.clone());
        let mut unknown = false;
        let journal = Journal::open_with(&path, Arc::clone(files), |entry| {
            match TransactionEntry::decode(Bytes::copy_from_slice(entry)) {
                Ok(entry) => transactions.replay(entry),
                Err(_) => unknown = true,
            }
        })?;
        if unknown {
            return Err(OpenError::Newer { path });
        }
        Ok(Self { transactions, journal })
    }

    /// Makes the effects of the last calls durable.
    ///
    /// # Errors
    /// [`ErrorCode::COORDINATOR_NOT_AVAILABLE`] when the journal cannot be written; the next save tries again.
    pub fn save(&mut self) -> Result<(), ErrorCode> {
        let entries = self.transactions.take_entries();
        for (done, entry) in entries.iter().enumerate() {
            if self.journal.append(&entry.encode()).is_err() {
                self.transactions.give_back(entries.into_iter().skip(done).collect());
                return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
            }
        }
        if self.journal.wants_rewrite() {
            let snapshot = self.transactions.snapshot();
            // If it cannot be rewritten the old one stays, and is still whole.
            let _ = self.journal.rewrite(snapshot.iter().map(TransactionEntry::encode));
        }
        Ok(())
    }
}

impl State {
    /// The transactions, to look at; whoever appends a transactional batch holds this until it is appended.
    pub fn transactions(&self) -> RwLockReadGuard<'_, TransactionDesk> {
        self.transactions.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transactions, to change; follow up with [`TransactionDesk::save`].
    pub fn transactions_mut(&self) -> RwLockWriteGuard<'_, TransactionDesk> {
        self.transactions.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` on the transactions and makes its effects durable.
    ///
    /// # Errors
    /// [`ErrorCode::COORDINATOR_NOT_AVAILABLE`] when the journal cannot be written.
    pub fn with_transactions<T>(
        &self,
        work: impl FnOnce(&mut Transactions) -> T,
    ) -> Result<T, ErrorCode> {
        let mut desk = self.transactions_mut();
        let result = work(&mut desk.transactions);
        let saved = desk.save();
        drop(desk);
        self.wake_transactions();
        saved.map(|()| result)
    }

    /// Does `work` on the transactions, makes its decision durable, and carries it out. Returns the reply, and whether an end
    /// was decided and carried out. One that cannot be made durable or carried out now will be tried again.
    pub fn decide<T>(
        &self,
        work: impl FnOnce(&mut Transactions) -> Outcome<Result<T, ErrorCode>>,
    ) -> (Result<T, ErrorCode>, bool) {
        let mut desk = self.transactions_mut();
        let Outcome { reply, prepared } = work(&mut desk.transactions);
        if let Err(error) = desk.save() {
            if let Some(prepared) = prepared {
                desk.transactions.postpone(self.steady_ms(), prepared);
            }
            drop(desk);
            self.wake_transactions();
            return (Err(error), false);
        }
        drop(desk);
        let carried_out = prepared.is_some_and(|prepared| self.carry_out(prepared));
        (reply, carried_out)
    }

    /// Carries out the decided end of a transaction: markers into the logs, offsets into the groups, then it is done.
    /// Returns whether it could be; otherwise it will be tried again.
    pub fn carry_out(&self, prepared: Prepared) -> bool {
        let done = self.write_markers(&prepared) && self.complete_groups(&prepared);
        let now_ms = self.steady_ms();
        let saved = self.with_transactions(|transactions| {
            if done {
                transactions.complete(now_ms, &prepared);
            } else {
                transactions.postpone(now_ms, prepared);
            }
        });
        done && saved.is_ok()
    }

    fn write_markers(&self, prepared: &Prepared) -> bool {
        let kind = match prepared.result {
            TransactionResult::Commit => ControlKind::Commit,
            TransactionResult::Abort => ControlKind::Abort,
        };
        let marker = Marker {
            producer_id: prepared.producer.id,
            producer_epoch: prepared.producer.epoch,
            kind,
            coordinator_epoch: prepared.coordinator_epoch,
        };
        let now_ms = self.now_ms();
        prepared.partitions.iter().all(|at| {
            // A partition that is gone needs no marker.
            let Some(partition) = self.partition(&at.topic, at.partition) else { return true };
            let written = partition.log().append_marker(marker, now_ms);
            partition.wake();
            // Only the disk may change its mind: a marker that is refused as outdated would be so for ever.
            !matches!(written, Err(AppendError::Storage(_)))
        })
    }

    fn complete_groups(&self, prepared: &Prepared) -> bool {
        prepared.groups.iter().all(|group| {
            let done = self.with_groups(|groups| {
                groups.complete_transaction(group, prepared.producer, prepared.result);
            });
            done.is_ok()
        })
    }

    /// The thread that aborts transactions which took too long runs this until the broker stops.
    pub fn run_transactions(&self) {
        while !self.is_stopping() {
            let mut desk = self.transactions_mut();
            let due = desk.transactions.tick(self.steady_ms());
            // Without a journal nothing may be carried out; `tick` returns it again.
            let saved = desk.save();
            drop(desk);
            for prepared in due {
                if saved.is_ok() {
                    self.carry_out(prepared);
                } else {
                    let now_ms = self.steady_ms();
                    self.transactions_mut().transactions.postpone(now_ms, prepared);
                }
            }
            let next = self.transactions().transactions.next_deadline_ms();
            let interval = self.config.transaction_check_interval;
            let wait = next.map_or(interval, |deadline| {
                let until = u64::try_from((deadline - self.steady_ms()).max(1)).unwrap_or(1);
                Duration::from_millis(until).min(interval)
            });
            let due = self.transactions_due.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.transactions_moved.wait_timeout_while(due, wait, |due| !*due);
            *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
        }
    }

    /// Has the deadlines of transactions looked at again.
    pub(super) fn wake_transactions(&self) {
        *self.transactions_due.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.transactions_moved.notify_all();
    }
}
