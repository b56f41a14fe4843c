//! What a stage says of itself, how long it may wait, and how it takes its leave.

use super::{Phase, StageRun, Work};
use crate::runtime::status::QueryPhase;
use crate::sink::connector::ConnectorOutlet;
use crate::source::SourceEvent;
use crate::time::Moment;
use std::time::Duration;

/// The longest wait for something to happen: how soon a stop is noticed even if its wake-up is lost.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// How often the status is brought up to date.
const STATUS_INTERVAL: Duration = Duration::from_millis(100);
/// How long a query that stops because of an error tries to leave its group and to abort its transaction.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

impl StageRun {
    pub(super) fn settle_account(&mut self) {
        self.account.delivered = if self.sink.exchange.is_some() {
            // Rows go many to a record; when nothing is on its way all are there.
            if self.delivery.is_drained() { self.account.forwarded } else { self.account.delivered }
        } else {
            // A row that was refused is left out a moment before delivery hears of it.
            let done = self.delivered_before + self.delivery.delivered();
            done.saturating_sub(self.account.too_large)
        };
    }

    pub(super) fn wait(&self) -> Duration {
        // More input lies ready, and there is room for it: go on at once.
        let ready = self.phase == Phase::Running && (self.has_rows() || self.source.has_records());
        if ready && self.has_room() && self.committer.is_initialised() {
            return Duration::ZERO;
        }
        let now = self.network.now();
        let restore = match &self.work {
            Work::Pass(_) => None,
            Work::Tasks(tasks) => tasks.deadline(),
        };
        let deadlines = [
            self.metadata.deadline(),
            self.source.deadline(),
            self.outlet.deadline(),
            self.committer.deadline(),
            self.delivery_deadline(now),
            restore,
            (self.phase == Phase::Running)
                .then_some(self.next_commit)
                .filter(|_| self.may_commit()),
        ];
        let next = deadlines.into_iter().flatten().min();
        next.map_or(WAIT_MAX, |next| now.until(next).min(WAIT_MAX))
    }

    fn may_commit(&self) -> bool {
        let dirty = match &self.work {
            Work::Pass(_) => self.account.read != self.committed_account.read,
            Work::Tasks(tasks) => tasks.is_dirty(),
        };
        dirty && !self.delivery.commits_by_itself()
    }

    fn delivery_deadline(&self, now: Moment) -> Option<Moment> {
        let due_ms = self.delivery.due_ms()?;
        let left = u64::try_from(due_ms - self.clock.now_ms().0).unwrap_or_default();
        Some(now + Duration::from_millis(left))
    }

    pub(super) fn update_status(&mut self) {
        let now = self.network.now();
        if now >= self.next_status || self.phase == Phase::Left {
            self.next_status = now + STATUS_INTERVAL;
            self.write_status();
        }
    }

    pub(super) fn write_status(&mut self) {
        self.settle_account();
        let (restoring, watermark, replayed) = match &self.work {
            Work::Pass(_) => (false, self.source.watermark(), 0),
            Work::Tasks(tasks) => (tasks.is_restoring(), tasks.watermark(), tasks.replayed()),
        };
        let mut status = self.shared.status();
        status.phase = match self.phase {
            _ if (restoring || !self.source.is_running()) && !self.stopping => QueryPhase::Starting,
            _ if self.stopping => QueryPhase::Stopping,
            _ => QueryPhase::Running,
        };
        status.account = self.account;
        status.lag = self.source.lag() + self.delivery.unacknowledged();
        status.watermark = watermark;
        status.partitions = self.source.owned();
        status.unacknowledged = self.delivery.unacknowledged();
        status.commits = self.commits;
        status.rewinds = self.rewinds;
        status.replayed = replayed;
        status.passed_over = self.passed_over;
        status.sent_again = self.store.as_ref().map_or(0, ConnectorOutlet::sent_again);
        self.notices.show(&mut status.notices);
        let store = self.store.as_ref().and_then(ConnectorOutlet::waiting);
        let waiting = store.or_else(|| self.outlet.retrying()).map(str::to_owned);
        status.waiting = waiting.or_else(|| self.gate.notice());
        status.first_output_ms =
            self.first_output.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    }

    /// Aborts and leaves, as far as the cluster still listens: others need not wait for time-outs then.
    pub(super) fn farewell(&mut self) {
        let until = self.network.now() + FAREWELL_MAX;
        let mut aborting =
            self.committer.abort(&mut self.network, self.outlet.producer()).unwrap_or_default();
        self.source.leave(&mut self.network);
        let mut left = false;
        while (aborting || !left) && self.network.now() < until {
            let stepped = self.committer.step(&mut self.network, self.outlet.producer());
            aborting &= matches!(stepped, Ok(None));
            if self.source.step(&mut self.network, &mut self.metadata, false).is_err() {
                return;
            }
            while let Some(event) = self.source.next_event() {
                left |= matches!(event, SourceEvent::Left);
            }
            if aborting || !left {
                self.network.poll(Duration::from_millis(20));
            }
        }
    }
}
