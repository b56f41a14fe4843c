//! Bounds on what clients may make the broker hold.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much clients may ask for at once. Names in brackets are Kafka's for the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest request frame, in bytes (`socket.request.max.bytes`).
    pub frame_bytes_max: usize,
    /// Connections at the same time; more are closed at once (`max.connections`).
    pub connections_max: usize,
    /// Bytes of requests being received or worked on, over all connections; beyond it connections wait their turn
    /// (`queued.max.request.bytes`).
    pub request_bytes_max: usize,
    /// After how long without a request a connection is closed (`connections.max.idle.ms`).
    pub idle_max: Duration,
    /// After how long without a byte in the middle of a frame, or without room for one, a connection is closed. Not a
    /// setting of Kafka.
    pub stall_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 100 << 20,
            connections_max: 1000,
            request_bytes_max: 256 << 20,
            idle_max: Duration::from_secs(600),
            stall_max: Duration::from_secs(30),
        }
    }
}

/// A number of bytes shared by all connections: each takes what its request needs and gives it back.
///
/// Bytes are taken as they arrive, not as they are announced: a client that announces much and sends little takes
/// nothing from the others.
#[derive(Debug)]
pub(super) struct Budget {
    free: Mutex<usize>,
    freed: Condvar,
    total: usize,
}

impl Budget {
    pub(super) fn new(total: usize) -> Self {
        Self { free: Mutex::new(total), freed: Condvar::new(), total }
    }

    /// Takes nothing yet.
    pub(super) fn open(&self) -> Taken<'_> {
        Taken { budget: self, bytes: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes taken from a [`Budget`], given back when dropped.
pub(super) struct Taken<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Taken<'_> {
    /// Waits at most `wait` until `more` bytes are free, and takes them. More than there are in all count as all of them.
    /// The bound matters: connections that all hold a part of their frame and wait for the rest would do so for ever.
    #[must_use]
    pub(super) fn take(&mut self, more: usize, wait: Duration) -> bool {
        let more = more.min(self.budget.total - self.bytes);
        let free = self.budget.lock();
        let waited = self.budget.freed.wait_timeout_while(free, wait, |free| *free < more);
        let (mut free, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return false;
        }
        *free -= more;
        self.bytes += more;
        true
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.budget.lock() += self.bytes;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn what_one_takes_another_waits_for() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.open(), budget.open());
        assert!(one.take(60, NOW));
        assert!(other.take(40, NOW));
        assert!(!other.take(1, Duration::from_millis(5)));
        drop(one);
        assert!(other.take(60, NOW));
    }

    #[test]
    fn a_request_larger_than_the_budget_gets_all_of_it() {
        let budget = Budget::new(100);
        let mut large = budget.open();
        assert!(large.take(70, NOW) && large.take(70, NOW) && large.take(70, NOW));
        assert_eq!(large.bytes, 100);
        assert!(!budget.open().take(1, NOW));
    }
}
