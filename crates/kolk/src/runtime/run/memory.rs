//! What a stage may read while memory is short.
//!
//! ```text
//! used ≤ memory_max       everything
//!      ≤ an eighth more   inputs of a task that are ahead of another wait: the rows of that one move time, and let state expire
//!      beyond             so do those of tasks in which no input is behind; what has been fetched already still comes
//! ```
//! A query that could read nothing for [`STUCK_AFTER`], and of which nothing became free, stops and says who has the memory. Stages
//! without state of their own go on: their rows may be what others wait for.

use crate::state::budget::{Budget, Report};
use crate::time::Moment;
use std::time::Duration;

/// For so long a query waits for memory before it stops and says who has it.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(60);

/// What may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime) enum Reading {
    /// Everything.
    All,
    /// Inputs that are not ahead of another of their task.
    Behind,
    /// Inputs that are behind another of their task.
    FarBehind,
}

/// Looks at the budget for one stage.
#[derive(Debug)]
pub(super) struct Gate {
    budget: Budget,
    has_state: bool,
    /// Since when nothing has happened beyond the bound, the rows read until then, and the bytes used.
    stuck: Option<(Moment, u64, usize)>,
}

impl Gate {
    pub(super) fn new(budget: Budget, has_state: bool) -> Self {
        Self { budget, has_state, stuck: None }
    }

    /// What may be read now; `read` is how many rows the stage has read.
    ///
    /// # Errors
    /// Who holds the memory, when nothing was read and nothing became free for [`STUCK_AFTER`].
    pub(super) fn look(&mut self, now: Moment, read: u64) -> Result<Reading, Report> {
        let (used, max) = (self.budget.used(), self.budget.max());
        if !self.has_state || used <= max.saturating_add(max / 8) {
            self.stuck = None;
            let is_short = self.has_state && used > max;
            return Ok(if is_short { Reading::Behind } else { Reading::All });
        }
        let (since, ..) = *self.stuck.insert(
            self.stuck.filter(|of| of.1 == read && of.2 <= used).unwrap_or((now, read, used)),
        );
        if now.since(since) >= STUCK_AFTER {
            Err(self.budget.report())
        } else {
            Ok(Reading::FarBehind)
        }
    }

    /// Who holds the memory, while it is short.
    pub(super) fn notice(&self) -> Option<String> {
        let is_short = self.has_state && self.budget.would_exceed(0);
        is_short.then(|| format!("memory is short, reading waits: {}", self.budget.report()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_narrowed_stops_and_in_the_end_says_who_has_the_memory() {
        let budget = Budget::new(800);
        let store = budget.hold("store counts-aggregate-1, partition 0");
        let mut gate = Gate::new(budget.clone(), true);
        let at = |seconds| Moment(Duration::from_secs(seconds));
        store.set(800);
        assert_eq!((gate.look(at(0), 10).unwrap(), gate.notice()), (Reading::All, None));
        store.set(900);
        assert_eq!(gate.look(at(1), 20).unwrap(), Reading::Behind);
        let notice = "memory is short, reading waits: 900 bytes of memory_max = 800 bytes: store \
                      counts-aggregate-1, partition 0 holds 900 bytes";
        assert_eq!(gate.notice().as_deref(), Some(notice));
        store.set(1000);
        assert_eq!(gate.look(at(2), 30).unwrap(), Reading::FarBehind);
        assert_eq!(gate.look(at(61), 31).unwrap(), Reading::FarBehind, "a row was read");
        store.set(990);
        assert_eq!(gate.look(at(120), 31).unwrap(), Reading::FarBehind, "ten bytes became free");
        assert_eq!(gate.look(at(179), 31).unwrap(), Reading::FarBehind);
        let report = gate.look(at(180), 31).unwrap_err();
        assert_eq!(report.used, 990);
        // What expires opens it again, and patience begins anew.
        store.set(850);
        assert_eq!(gate.look(at(181), 31).unwrap(), Reading::Behind);
        store.set(990);
        assert_eq!(gate.look(at(182), 31).unwrap(), Reading::FarBehind);
    }

    #[test]
    fn a_stage_without_state_goes_on_for_others_may_wait_for_its_rows() {
        let budget = Budget::new(1);
        let rows = budget.hold("rows");
        rows.set(1000);
        assert_eq!(Gate::new(budget, false).look(Moment::default(), 0).unwrap(), Reading::All);
    }
}
