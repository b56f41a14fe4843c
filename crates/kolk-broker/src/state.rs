//! What the broker's requests work on: topics, groups and transactions, each behind its lock, each with its journal.
//!
//! Locks are taken in this order: transactions, groups, topics, a partition's log. None is held while waiting for a
//! client, and none but the log's while records are written.

use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::fetch_session::FetchSessions;
use crate::group::{GroupEntry, Groups};
use crate::journal::{Journal, JournalError};
use crate::log::{AppendError, ControlKind, FolderLock, LockError, Marker};
use crate::partition::Partition;
use crate::topics::{Topic, TopicError, Topics};
use crate::transaction::{Outcome, Prepared, TransactionEntry, TransactionResult, Transactions};
use bytes::Bytes;
use kolk_wire::ErrorCode;
use kolk_wire::wire::Uuid;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard,
    RwLockWriteGuard,
};

/// Why a broker does not start on its data folder.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another broker has it.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// A journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A topic cannot be opened.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The folder cannot be used.
    #[error("cannot use the data folder: {0}")]
    Folder(#[from] io::Error),
}

/// The state of a broker.
pub struct State {
    /// Its settings.
    pub config: BrokerConfig,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// The cluster's id, made when the data folder was.
    pub cluster_id: String,
    /// The data folder.
    pub folder: PathBuf,
    /// Open fetch sessions (KIP-227).
    pub sessions: Mutex<FetchSessions>,
    advertised: OnceLock<(String, u16)>,
    topics: RwLock<Topics>,
    groups: Mutex<GroupDesk>,
    groups_changed: Condvar,
    transactions: RwLock<TransactionDesk>,
    transactions_due: Mutex<bool>,
    transactions_changed: Condvar,
    stopping: AtomicBool,
    turn: AtomicUsize,
    _lock: FolderLock,
}

/// The groups with their journal.
pub struct GroupDesk {
    /// The state machine.
    pub groups: Groups,
    journal: Journal,
}

/// The transactions with their journal.
pub struct TransactionDesk {
    /// The state machine.
    pub transactions: Transactions,
    journal: Journal,
}

impl State {
    /// Opens the data folder and recovers what is in it. Ends of transactions that a crash interrupted are carried out.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        folder: &Path,
        config: BrokerConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let lock = FolderLock::acquire(folder)?;
        let now_ms = clock.now_ms();
        let cluster_id = cluster_id(folder)?;
        let defaults = config.topic_defaults.clone();
        let topics = Topics::open(folder, defaults, config.producer_id_expiration_ms, now_ms)?;
        let mut groups = Groups::new(config.groups.clone(), random_u64()?);
        let journal = Journal::open(&folder.join("groups.journal"), |entry| {
            // Every entry is covered by a CRC: what does not decode was not written by this version.
            if let Ok(entry) = GroupEntry::decode(Bytes::copy_from_slice(entry)) {
                groups.replay(entry);
            }
        })?;
        groups.start(now_ms);
        let group_desk = GroupDesk { groups, journal };
        let mut transactions = Transactions::new(config.transactions.clone());
        let journal = Journal::open(&folder.join("transactions.journal"), |entry| {
            if let Ok(entry) = TransactionEntry::decode(Bytes::copy_from_slice(entry)) {
                transactions.replay(entry);
            }
        })?;
        let unfinished = transactions.start();
        let state = Self {
            sessions: Mutex::new(FetchSessions::new(config.fetch_sessions_max)),
            config,
            clock,
            cluster_id,
            folder: folder.to_owned(),
            advertised: OnceLock::new(),
            topics: RwLock::new(topics),
            groups: Mutex::new(group_desk),
            groups_changed: Condvar::new(),
            transactions: RwLock::new(TransactionDesk { transactions, journal }),
            transactions_due: Mutex::new(false),
            transactions_changed: Condvar::new(),
            stopping: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            _lock: lock,
        };
        for prepared in unfinished {
            state.carry_out(prepared);
        }
        Ok(state)
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The address that clients are told; empty before [`Self::advertise`].
    pub fn advertised(&self) -> (&str, u16) {
        self.advertised.get().map_or(("", 0), |(host, port)| (host, *port))
    }

    /// Says which address clients are told.
    pub fn advertise(&self, host: String, port: u16) {
        let _ = self.advertised.set((host, port));
    }

    /// The topics, to look at.
    pub fn topics(&self) -> RwLockReadGuard<'_, Topics> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topics, to change.
    pub fn topics_mut(&self) -> RwLockWriteGuard<'_, Topics> {
        self.topics.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics().get(name).cloned()
    }

    /// A partition by topic name and number.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<Arc<Partition>> {
        let topics = self.topics();
        let partitions = &topics.get(topic)?.partitions;
        partitions.get(usize::try_from(partition).ok()?).cloned()
    }

    /// Deletes a topic, and what groups know of it, and returns its id; a transaction passes over a partition that is gone.
    ///
    /// # Errors
    /// [`TopicError`].
    pub fn delete_topic(&self, name: &str) -> Result<Uuid, TopicError> {
        let deleted = self.topics_mut().delete(name)?;
        let now_ms = self.now_ms();
        // A journal that refuses loses nothing but the tidying: the topic is gone in any case.
        let _ = self.with_groups(|groups| groups.forget_topic(now_ms, name));
        Ok(deleted.id)
    }

    /// The groups, to look at.
    pub fn groups(&self) -> MutexGuard<'_, GroupDesk> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` on the groups, makes its effects durable, and wakes the threads that wait for an answer.
    ///
    /// # Errors
    /// [`ErrorCode::COORDINATOR_NOT_AVAILABLE`] when the journal cannot be written.
    pub fn with_groups<T>(&self, work: impl FnOnce(&mut Groups) -> T) -> Result<T, ErrorCode> {
        let (result, saved) = self.call_groups(work);
        saved.map(|()| result)
    }

    /// As [`Self::with_groups`], for work whose result matters even if the journal refused.
    pub fn call_groups<T>(
        &self,
        work: impl FnOnce(&mut Groups) -> T,
    ) -> (T, Result<(), ErrorCode>) {
        let mut desk = self.groups();
        let result = work(&mut desk.groups);
        let saved = desk.save();
        drop(desk);
        self.groups_changed.notify_all();
        (result, saved)
    }

    /// Waits until `answer` finds one. Every wait of a group ends by the group's own deadlines.
    pub fn wait_for_group<T>(&self, mut answer: impl FnMut(&mut Groups) -> Option<T>) -> Option<T> {
        let mut desk = self.groups();
        loop {
            if let Some(answer) = answer(&mut desk.groups) {
                return Some(answer);
            }
            if self.is_stopping() {
                return None;
            }
            desk = self.groups_changed.wait(desk).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The thread that makes time pass for groups runs this until the broker stops.
    pub fn run_groups(&self) {
        let mut desk = self.groups();
        while !self.is_stopping() {
            let now_ms = self.now_ms();
            desk.groups.tick(now_ms);
            // A full disk: the entries were given back, and the next tick tries again.
            let _ = desk.save();
            self.groups_changed.notify_all();
            let next = desk.groups.next_deadline_ms().map_or(1000, |deadline| deadline - now_ms);
            let wait =
                std::time::Duration::from_millis(u64::try_from(next.clamp(1, 1000)).unwrap_or(1));
            let waited = self.groups_changed.wait_timeout(desk, wait);
            desk = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

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
        let saved = desk.save();
        if let Err(error) = saved {
            if let Some(prepared) = prepared {
                desk.transactions.postpone(self.now_ms(), prepared);
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
        let now_ms = self.now_ms();
        let done = self.write_markers(&prepared, now_ms) && self.complete_groups(&prepared);
        let saved = self.with_transactions(|transactions| {
            if done {
                transactions.complete(now_ms, &prepared);
            } else {
                transactions.postpone(now_ms, prepared);
            }
        });
        done && saved.is_ok()
    }

    fn write_markers(&self, prepared: &Prepared, now_ms: i64) -> bool {
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
            let now_ms = self.now_ms();
            let mut desk = self.transactions_mut();
            let due = desk.transactions.tick(now_ms);
            // Without a journal nothing may be carried out; `tick` returns it again.
            let saved = desk.save();
            drop(desk);
            for prepared in due {
                if saved.is_err() {
                    self.transactions_mut().transactions.postpone(now_ms, prepared);
                    continue;
                }
                self.carry_out(prepared);
            }
            let next = self.transactions().transactions.next_deadline_ms();
            let interval = self.config.transaction_check_interval;
            let wait = next.map_or(interval, |deadline| {
                let until = u64::try_from((deadline - self.now_ms()).max(1)).unwrap_or(1);
                std::time::Duration::from_millis(until).min(interval)
            });
            let due = self.transactions_due.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.transactions_changed.wait_timeout_while(due, wait, |due| !*due);
            *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
        }
    }

    fn wake_transactions(&self) {
        *self.transactions_due.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.transactions_changed.notify_all();
    }

    /// Whether the broker is stopping: waits end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Ends all waits.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.groups().groups.shut_down();
        self.groups_changed.notify_all();
        self.wake_transactions();
        for topic in self.topics().iter() {
            for partition in &topic.partitions {
                partition.wake();
            }
        }
    }

    /// Closes all logs in order, so that the next start is fast. Nothing may be served any more.
    pub fn close(&self) {
        for topic in self.topics_mut().take_all() {
            for partition in Arc::unwrap_or_clone(topic).partitions {
                // Whoever still holds the partition keeps its log open: it is recovered at the next start instead.
                if let Some(partition) = Arc::into_inner(partition) {
                    let _ = partition.into_log().close();
                }
            }
        }
    }

    /// A number that rises with each fetch: which partition comes first.
    pub fn fetch_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// A fresh topic id.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn fresh_id(&self) -> io::Result<Uuid> {
        random_bytes().map(Uuid)
    }
}

impl GroupDesk {
    fn save(&mut self) -> Result<(), ErrorCode> {
        let entries = self.groups.take_entries();
        for (done, entry) in entries.iter().enumerate() {
            if self.journal.append(&entry.encode()).is_err() {
                self.groups.give_back(entries.into_iter().skip(done).collect());
                return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
            }
        }
        if self.journal.wants_rewrite() {
            let snapshot = self.groups.snapshot();
            // If it cannot be rewritten the old one stays, and is still whole.
            let _ = self.journal.rewrite(snapshot.iter().map(GroupEntry::encode));
        }
        Ok(())
    }
}

impl TransactionDesk {
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
            let _ = self.journal.rewrite(snapshot.iter().map(TransactionEntry::encode));
        }
        Ok(())
    }
}

fn cluster_id(folder: &Path) -> io::Result<String> {
    use std::fmt::Write;
    let path = folder.join("cluster-id");
    if let Ok(id) = std::fs::read_to_string(&path) {
        return Ok(id.trim().to_owned());
    }
    let mut id = String::new();
    for byte in random_bytes()? {
        let _ = write!(id, "{byte:02x}");
    }
    // Kafka's ids are 22 characters of base64; any text of that length will do.
    id.truncate(22);
    std::fs::write(&path, &id)?;
    Ok(id)
}

fn random_bytes() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn random_u64() -> io::Result<u64> {
    let bytes = random_bytes()?;
    Ok(bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
