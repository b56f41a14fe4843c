//! What the broker's requests work on: topics, groups and transactions, each behind its lock, each with its journal.
//!
//! Locks are taken in this order: transactions, groups, topics, a partition's log. None is held while waiting for a
//! client, and none but the log's while records are written; but whoever appends a transactional batch holds the
//! transactions' lock until it is appended, so that no marker comes between.

mod groups;
mod identity;
mod transactions;

pub use groups::GroupDesk;
pub use transactions::TransactionDesk;

use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::fetch_session::FetchSessions;
use crate::journal::JournalError;
use crate::log::files::{Files, OsFiles};
use crate::log::{FolderLock, LockError};
use crate::partition::Partition;
use crate::topics::{Topic, TopicError, Topics};
use kolk_wire::wire::Uuid;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{
    Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
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
    /// A journal holds what this version does not understand; going on would forget it.
    #[error("{} has entries that this version of Kolk does not know: a newer version wrote them", path.display())]
    Newer {
        /// The journal's file.
        path: PathBuf,
    },
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
    /// Somebody who waits in JoinGroup or SyncGroup has an answer.
    groups_answered: Condvar,
    /// The groups' next deadline may have moved.
    groups_moved: Condvar,
    transactions: RwLock<TransactionDesk>,
    transactions_due: Mutex<bool>,
    transactions_moved: Condvar,
    stopping: AtomicBool,
    turn: AtomicUsize,
    _lock: FolderLock,
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
        let files: Arc<dyn Files> = Arc::new(OsFiles);
        Self::open_with(folder, config, clock, &files)
    }

    /// [`Self::open`] on other files, for tests of failing disks.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        folder: &Path,
        config: BrokerConfig,
        clock: Arc<dyn Clock>,
        files: &Arc<dyn Files>,
    ) -> Result<Self, OpenError> {
        let lock = FolderLock::acquire(folder)?;
        let cluster_id = identity::cluster_id(folder)?;
        let topics = Topics::open(folder, &config, Arc::clone(files), clock.now_ms())?;
        let groups = GroupDesk::open(folder, &config, files, clock.steady_ms())?;
        let mut transactions = TransactionDesk::open(folder, &config, files)?;
        let unfinished = transactions.transactions.start();
        let state = Self {
            sessions: Mutex::new(FetchSessions::new(config.fetch_sessions_max)),
            config,
            clock,
            cluster_id,
            folder: folder.to_owned(),
            advertised: OnceLock::new(),
            topics: RwLock::new(topics),
            groups: Mutex::new(groups),
            groups_answered: Condvar::new(),
            groups_moved: Condvar::new(),
            transactions: RwLock::new(transactions),
            transactions_due: Mutex::new(false),
            transactions_moved: Condvar::new(),
            stopping: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            _lock: lock,
        };
        for prepared in unfinished {
            state.carry_out(prepared);
        }
        Ok(state)
    }

    /// Milliseconds since 1970, for what records and clients are told. May jump when somebody sets the clock.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A time that never jumps, for everything that waits: sessions, time-outs, long polls.
    pub fn steady_ms(&self) -> i64 {
        self.clock.steady_ms()
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
        for partition in &deleted.topic.partitions {
            partition.retire();
        }
        // A folder that stays behind is removed at the next start: the journal remembers the deletion.
        let _ = std::fs::remove_dir_all(&deleted.folder);
        let now_ms = self.steady_ms();
        // A journal that refuses loses nothing but the tidying: the topic is gone in any case.
        let _ = self.with_groups(|groups| groups.forget_topic(now_ms, name));
        Ok(deleted.topic.id)
    }

    /// Whether the broker is stopping: waits end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Ends all waits.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.stop_groups();
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
        identity::random_bytes().map(Uuid)
    }
}
