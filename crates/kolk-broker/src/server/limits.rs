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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 100 << 20,
            connections_max: 1000,
            request_bytes_max: 256 << 20,
            idle_max: Duration::from_secs(600),
        }
    }
}

/// A number of bytes shared by all connections: each takes what its request needs and gives it back.
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

    /// Waits until `bytes` are free and takes them. More than there are in all count as all of them.
    pub(super) fn take(&self, bytes: usize) -> Taken<'_> {
        let bytes = bytes.min(self.total);
        let mut free = self.lock();
        while *free < bytes {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= bytes;
        Taken { budget: self, bytes }
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

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.budget.lock() += self.bytes;
        self.budget.freed.notify_all();
    }
}
