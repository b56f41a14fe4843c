//! Time as an argument: the [`Clock`] that everything with a deadline takes, so that a test drives it.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in wall-clock time: milliseconds since 1970-01-01T00:00:00Z, as Kafka stamps records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Before every other: the watermark of an input that has none yet.
    pub const MIN: Self = Self(i64::MIN);
    /// After every other.
    pub const MAX: Self = Self(i64::MAX);

    /// Milliseconds since 1970.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// A point in monotonic time: how long the clock has been running. Only differences mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Moment(pub Duration);

impl Moment {
    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// How long until `later`; zero when it has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        later.since(self)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// Where time comes from.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall clock; it may jump.
    fn now_ms(&self) -> Timestamp;

    /// The monotonic clock: for deadlines and time-outs.
    fn monotonic(&self) -> Moment;
}

/// The clocks of the machine.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts at zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one door to the machine's clocks")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one door to the machine's clocks")]
    fn now_ms(&self) -> Timestamp {
        // A wall clock before 1970 is a machine without a clock; 0 is as good an answer as any.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Moment {
        Moment(self.start.elapsed())
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: Mutex<(Timestamp, Moment)>,
}

impl ManualClock {
    /// A clock that shows `now`; its monotonic time is zero.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now: Mutex::new((now, Moment::default())) }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.0.0 = now.0.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        now.1 = now.1 + by;
    }

    /// Makes the wall clock jump, also back; the monotonic clock does not notice.
    pub fn jump_to(&self, now: Timestamp) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).0 = now;
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> Timestamp {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn monotonic(&self) -> Moment {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(Timestamp(1_000));
        let start = clock.monotonic();
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(clock.now_ms(), Timestamp(2_500));
        assert_eq!(clock.monotonic() - start, Duration::from_millis(1_500));
        clock.jump_to(Timestamp(7));
        assert_eq!(clock.now_ms(), Timestamp(7));
        assert_eq!(clock.monotonic() - start, Duration::from_millis(1_500));
    }

    #[test]
    fn moments_never_differ_by_less_than_nothing() {
        let (early, late) = (Moment(Duration::from_secs(1)), Moment(Duration::from_secs(3)));
        assert_eq!(early - late, Duration::ZERO);
        assert_eq!(early.until(late), Duration::from_secs(2));
    }
}
