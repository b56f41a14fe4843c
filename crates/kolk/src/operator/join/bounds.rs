//! How far apart in time the rows of two streams may be, and until when they wait for each other.

use super::shape::Side;
use std::time::Duration;

/// `left - before ≤ right ≤ left + after`, in milliseconds. A partner may come until the watermark is beyond that and the grace
/// period.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    before: i64,
    after: i64,
    grace: i64,
}

impl Bounds {
    pub(super) fn new(before: Duration, after: Duration, grace: Duration) -> Self {
        // Longer than any stream; sums stay in range.
        const LONGEST: i64 = i64::MAX / 4;
        let milliseconds =
            |of: Duration| i64::try_from(of.as_millis()).map_or(LONGEST, |ms| ms.min(LONGEST));
        Self {
            before: milliseconds(before),
            after: milliseconds(after),
            grace: milliseconds(grace),
        }
    }

    /// How much later than a row of this side its partner may be.
    fn ahead(self, side: Side) -> i64 {
        match side {
            Side::Left => self.after,
            Side::Right => self.before,
        }
    }

    /// The first and the last time that a partner of this side's row may have.
    #[inline]
    pub(super) fn partners(self, side: Side, time: i64) -> (i64, i64) {
        let (ahead, behind) = (self.ahead(side), self.ahead(side.other()));
        (time.saturating_sub(behind), time.saturating_add(ahead))
    }

    /// A row with an earlier time than this comes too late: partners of it may be gone.
    #[inline]
    pub(super) fn earliest(self, watermark: i64) -> i64 {
        watermark.saturating_sub(self.grace)
    }

    /// The largest time of this side whose bound has passed: the watermark is beyond what a partner may have.
    #[inline]
    pub(super) fn passed(self, side: Side, watermark: i64) -> i64 {
        watermark.saturating_sub(self.wait(side)).saturating_sub(1)
    }

    /// How long behind its time a row of this side waits.
    #[inline]
    pub(super) fn wait(self, side: Side) -> i64 {
        self.ahead(side) + self.grace
    }

    /// How far apart partners are at most, at least a millisecond: with slots of this width they lie in the same slot or in the next.
    pub(super) fn width(self) -> i64 {
        (self.before + self.after).max(1)
    }

    /// For how long behind the newest of its side a row can be met by policy `max`.
    #[inline]
    pub(super) fn retention(self) -> i64 {
        (self.before + self.after + self.grace).max(1)
    }

    /// How far behind the watermark rows are put out: those that come as late as the grace period allows, and those of the
    /// sides that wait until their bound has passed.
    pub(super) fn hold(self, waiting: impl Iterator<Item = Side>) -> i64 {
        waiting.map(|side| self.wait(side)).max().unwrap_or_default().max(self.grace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_has_passed_when_the_watermark_is_beyond_it() {
        let seconds = Duration::from_secs;
        let bounds = Bounds::new(seconds(5), seconds(120), seconds(1));
        assert_eq!(bounds.partners(Side::Left, 10_000), (5_000, 130_000));
        assert_eq!(bounds.partners(Side::Right, 130_000), (10_000, 135_000));
        assert_eq!(bounds.passed(Side::Left, 131_001), 10_000);
        assert_eq!(bounds.passed(Side::Left, 131_000), 9_999);
        assert_eq!(bounds.passed(Side::Right, 16_001), 10_000);
        assert_eq!(bounds.hold([Side::Right].into_iter()), 6_000);
        assert_eq!(bounds.hold([].into_iter()), 1_000);
    }

    #[test]
    fn nothing_overflows() {
        let long = Duration::from_secs(u64::MAX);
        let bounds = Bounds::new(long, long, long);
        assert_eq!(bounds.partners(Side::Left, i64::MIN).0, i64::MIN);
        assert_eq!(bounds.partners(Side::Left, i64::MAX).1, i64::MAX);
        assert_eq!(bounds.passed(Side::Left, i64::MIN), i64::MIN);
        assert!(bounds.width() > 0 && bounds.retention() > 0);
    }
}
