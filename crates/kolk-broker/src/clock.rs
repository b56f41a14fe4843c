//! The broker's clock: one door to the system's time, so that tests can drive it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z. May jump when somebody sets the system's clock.
    fn now_ms(&self) -> i64;

    /// What [`Self::now_ms`] was when the clock was made, and the milliseconds that have passed since: never jumps.
    fn steady_ms(&self) -> i64;
}

/// The system's time.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    made_ms: i64,
    made: Instant,
}

impl SystemClock {
    /// A clock made now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the system's time")]
    pub fn new() -> Self {
        Self { made_ms: system_ms(), made: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        system_ms()
    }

    fn steady_ms(&self) -> i64 {
        let passed = i64::try_from(self.made.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.made_ms.saturating_add(passed)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one door to the system's time")]
fn system_ms() -> i64 {
    let now = SystemTime::now();
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A time that moves only when it is told to.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now_ms`.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Moves the time on.
    pub fn advance_ms(&self, by: i64) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn steady_ms(&self) -> i64 {
        self.now_ms()
    }
}
