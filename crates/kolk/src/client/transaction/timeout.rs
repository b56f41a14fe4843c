//! How long the coordinator leaves a transaction open before it aborts it.

use std::time::Duration;

/// The time-out, and how far it may be raised when a transaction that is alive takes longer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeout {
    first: Duration,
    now: Duration,
    most: Duration,
}

impl Timeout {
    /// Always the same.
    pub(super) fn new(first: Duration) -> Self {
        Self { first, now: first, most: first }
    }

    /// May be raised up to `most`.
    pub(super) fn up_to(self, most: Duration) -> Self {
        Self { most: most.max(self.first), ..self }
    }

    /// The one of the next transaction.
    pub(super) fn get(self) -> Duration {
        self.now
    }

    /// The same in milliseconds, as the protocol has it.
    pub(super) fn millis(self) -> i32 {
        i32::try_from(self.now.as_millis()).unwrap_or(i32::MAX)
    }

    /// A transaction took longer: the next one may take twice as long.
    pub(super) fn raise(&mut self) {
        self.now = self.now.saturating_mul(2).min(self.most);
    }

    /// The broker refuses it (`transaction.max.timeout.ms`). Whether a shorter one is left to be tried: the first, for good.
    pub(super) fn lower(&mut self) -> bool {
        let was_raised = self.now > self.first;
        *self = Self::new(self.first);
        was_raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_doubled_up_to_its_bound_unless_the_broker_refuses() {
        let seconds = Duration::from_secs;
        let mut timeout = Timeout::new(seconds(10)).up_to(seconds(60));
        for raised in [20, 40, 60, 60] {
            timeout.raise();
            assert_eq!(timeout.get(), seconds(raised));
        }
        assert_eq!(timeout.millis(), 60_000);
        assert!(timeout.lower());
        assert_eq!(timeout.get(), seconds(10));
        timeout.raise();
        assert_eq!(timeout.get(), seconds(10), "what was refused once is not asked for again");
        assert!(!timeout.lower(), "the first one was refused");
    }

    #[test]
    fn one_that_somebody_chose_stays() {
        let mut timeout = Timeout::new(Duration::from_secs(90)).up_to(Duration::from_secs(60));
        timeout.raise();
        assert_eq!(timeout.get(), Duration::from_secs(90));
    }
}
