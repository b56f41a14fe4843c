//! One partition as the broker serves it: its log behind a lock, and the fetches that wait for it to grow.

use crate::log::PartitionLog;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// A partition.
#[derive(Debug)]
pub struct Partition {
    log: Mutex<PartitionLog>,
    /// Set under the log's lock.
    retired: AtomicBool,
    waiters: Mutex<Vec<Weak<Waiter>>>,
}

impl Partition {
    /// The partition whose records `log` holds.
    #[must_use]
    pub fn new(log: PartitionLog) -> Self {
        let (log, waiters) = (Mutex::new(log), Mutex::new(Vec::new()));
        Self { log, retired: AtomicBool::new(false), waiters }
    }

    /// The log, locked.
    pub fn log(&self) -> MutexGuard<'_, PartitionLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log, locked, unless the topic has been deleted.
    pub fn live_log(&self) -> Option<MutexGuard<'_, PartitionLog>> {
        let log = self.log();
        (!self.is_retired()).then_some(log)
    }

    /// Whether the topic has been deleted. Who holds the log's lock meanwhile can rely on a `false`.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// The topic has been deleted: nothing is appended any more, and fetches that wait find that out.
    pub fn retire(&self) {
        let log = self.log();
        self.retired.store(true, Ordering::SeqCst);
        drop(log);
        self.wake();
    }

    /// The log itself, when nobody else uses the partition.
    #[must_use]
    pub fn into_log(self) -> PartitionLog {
        self.log.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock itself, for work that takes it only now and then (compaction).
    pub fn log_lock(&self) -> &Mutex<PartitionLog> {
        &self.log
    }

    /// Wakes every fetch that waits here: call it after each append or marker, without the log's lock.
    pub fn wake(&self) {
        for waiter in self.waiters().drain(..) {
            if let Some(waiter) = waiter.upgrade() {
                waiter.wake();
            }
        }
    }

    /// Has `waiter` woken by the next [`Self::wake`]. Look at the log after registering, or a record slips by.
    pub fn register(&self, waiter: &Arc<Waiter>) {
        let mut waiters = self.waiters();
        if waiters.iter().any(|known| Weak::as_ptr(known) == Arc::as_ptr(waiter)) {
            return;
        }
        // Fetches that timed out leave their entries behind: drop those before the list grows.
        if waiters.len() == waiters.capacity() {
            waiters.retain(|waiter| waiter.strong_count() > 0);
        }
        waiters.push(Arc::downgrade(waiter));
    }

    fn waiters(&self) -> MutexGuard<'_, Vec<Weak<Waiter>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that waits for any of several partitions.
#[derive(Debug, Default)]
pub struct Waiter {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Waiter {
    /// Ends the wait, or the next one.
    pub fn wake(&self) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits until woken, at most `time`. Returns whether it was woken.
    pub fn wait(&self, time: Duration) -> bool {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(woken, time, |woken| !*woken);
        let (mut woken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *woken)
    }
}
