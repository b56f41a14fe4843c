//! The outside world's doors for these tests: time, threads, variables of the environment, places in the repository.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, to measure how long something takes.
#[expect(clippy::disallowed_methods, reason = "faults happen in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What the clock on the wall says, in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "brokers delete what is old by it")]
pub(crate) fn wall_clock_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "delaying is what a fault does")]
pub(crate) fn pause(duration: Duration) {
    thread::sleep(duration);
}

/// Starts a thread.
#[expect(clippy::disallowed_methods, reason = "one thread for each direction of a connection")]
pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::spawn(work)
}

/// A variable of the environment: how `cargo xtask soak` tells the extent of the matrix.
#[expect(clippy::disallowed_methods, reason = "test binaries take their settings from there")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").components().collect()
}

/// Asks every 10 ms until there is an answer or `patience` is over.
pub(crate) fn wait_for<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() > patience {
            return None;
        }
        pause(Duration::from_millis(10));
    }
}
