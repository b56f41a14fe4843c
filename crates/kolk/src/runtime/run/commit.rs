//! Flushing, committing, going back.

use super::{Phase, Reason, StageRun, Until, Work};
use crate::client::commit::CommittedOffset;
use crate::client::{Offset, TopicPartition};
use crate::runtime::bug::Bug;
use crate::runtime::committer::Committed;
use crate::runtime::error::QueryError;
use crate::runtime::failpoint::Point;
use crate::runtime::tasks::Way;
use crate::sink::delivery::Delivery;
use crate::sink::outlet::Outlet;
use crate::sink::progress::InputPartition;

impl StageRun {
    /// Moves the phase on as far as it goes.
    pub(super) fn advance(&mut self) -> Result<(), QueryError> {
        if self.phase == Phase::Running {
            self.leave_running()?;
        }
        if let Phase::Flushing(reason) = &self.phase {
            let reason = reason.clone();
            if self.is_flushed(&reason) {
                self.start_commit(reason)?;
            } else {
                self.dispatch();
            }
        }
        Ok(())
    }

    fn dispatch(&mut self) {
        self.outlet.dispatch();
        if let Some(store) = &mut self.store {
            store.dispatch();
        }
    }

    /// Whether something must be flushed or committed now.
    fn leave_running(&mut self) -> Result<(), QueryError> {
        if !self.may_flush()? {
            return Ok(());
        }
        let plain_pass = matches!(self.work, Work::Pass(_)) && !self.is_transactional();
        if !self.revoked.is_empty() {
            let revoked = std::mem::take(&mut self.revoked);
            self.flush(Reason::Revoked(revoked))?;
        } else if self.stopping {
            self.flush(Reason::Stop)?;
        } else if self.delivery.wants_commit() || std::mem::take(&mut self.chose_position) {
            self.flush(Reason::Interval)?;
        } else if !self.delivery.commits_by_itself() && self.network.now() >= self.next_commit {
            self.next_commit = self.network.now() + self.commit_interval;
            if !plain_pass {
                if self.has_news() {
                    self.flush(Reason::Interval)?;
                }
            } else if !self.committer.is_busy() {
                self.commit_beside()?;
            }
        }
        Ok(())
    }

    /// Whether what tasks hold back could be written now, if anything is.
    fn may_flush(&mut self) -> Result<bool, QueryError> {
        match &self.work {
            Work::Tasks(tasks) if tasks.is_dirty() => {
                Ok(self.committer.begin(self.outlet.producer())?)
            }
            _ => Ok(true),
        }
    }

    pub(super) fn is_transactional(&self) -> bool {
        self.sink.is_transactional()
    }

    /// Whether anything happened since the last commit.
    fn has_news(&mut self) -> bool {
        match &self.work {
            Work::Tasks(tasks) => tasks.is_dirty(),
            Work::Pass(_) => {
                self.delivery.unacknowledged() > 0
                    || self.passed().iter().any(|(of, at)| self.committed.get(of) != Some(at))
            }
        }
    }

    fn flush(&mut self, reason: Reason) -> Result<(), QueryError> {
        self.reach(Point::BeforeFlush);
        if let Work::Tasks(tasks) = &mut self.work {
            tasks.prepare(&mut Way {
                delivery: &mut self.delivery,
                outlet: &mut self.outlet,
                account: &mut self.account,
                now_ms: self.clock.now_ms().0,
            })?;
        }
        self.reach(Point::AfterPrepare);
        // What is still to come of a batch that was begun is read again after the commit, by whoever owns it then.
        self.delivery.drain();
        if !self.is_at_end_of_input() {
            if matches!(self.work, Work::Pass(_)) {
                self.delivery.pause();
            }
            // The generation must not change before the commit. At the end all that waits is delivered first, which may take
            // long: others must be free to join meanwhile.
            self.source.hold();
        }
        self.dispatch();
        self.phase = Phase::Flushing(reason);
        Ok(())
    }

    pub(super) fn is_at_end_of_input(&self) -> bool {
        self.until == Until::End && !self.control.is_stopping() && self.has_read_all()
    }

    fn is_flushed(&self, reason: &Reason) -> bool {
        // The offsets of tasks cover all that they have put out.
        let all = *reason == Reason::Stop && self.is_at_end_of_input()
            || matches!(self.work, Work::Tasks(_));
        let drained = if all { self.delivery.is_drained() } else { self.delivery.is_idle() };
        // Whoever stops the query must not wait for a store that is down: what it does not have is read again.
        drained || (self.control.is_stopping() && self.waits_for_store())
    }

    fn start_commit(&mut self, reason: Reason) -> Result<(), QueryError> {
        let offsets = self.new_positions();
        let epoch = i64::from(self.source.identity().generation);
        if offsets.is_empty() {
            self.delivery.committed();
            if let Work::Tasks(tasks) = &mut self.work {
                tasks.committed(&self.outlet, epoch);
            }
            return self.committed(reason);
        }
        // Whoever takes over reads from it whose transaction is open, and that there must be state.
        let has_owner = self.is_transactional() || matches!(self.work, Work::Tasks(_));
        let metadata = if has_owner { self.transactional_id.clone() } else { String::new() };
        if let Work::Tasks(tasks) = &mut self.work
            && self.bug.is(Bug::LocalFirst)
        {
            tasks.keep(&self.outlet, epoch);
        }
        self.reach(Point::BeforeOffsets);
        let mut offsets = to_commit(&offsets, &metadata);
        if self.bug.is(Bug::SkipOffsets) {
            offsets.clear();
        }
        self.source.hold();
        let identity = self.source.identity();
        self.committer.commit(&mut self.network, self.outlet.producer(), identity, offsets)?;
        self.phase = Phase::Committing(reason);
        Ok(())
    }

    /// Commits what is acknowledged without waiting for the rest.
    fn commit_beside(&mut self) -> Result<(), QueryError> {
        let offsets = self.new_positions();
        if offsets.is_empty() {
            return Ok(());
        }
        let offsets = to_commit(&offsets, "");
        let identity = self.source.identity();
        Ok(self.committer.commit(&mut self.network, self.outlet.producer(), identity, offsets)?)
    }

    /// Positions to commit; remembered as being committed.
    fn new_positions(&mut self) -> Vec<(TopicPartition, i64)> {
        // In both cases old positions of rows on the way are done with.
        let mut moved = self.passed();
        match &self.work {
            Work::Pass(_) if self.bug.is(Bug::CommitUnacknowledged) => {
                moved = self.source.positions();
            }
            Work::Pass(_) => moved.retain(|(of, at)| self.committed.get(of) != Some(at)),
            Work::Tasks(tasks) => moved = tasks.offsets(),
        }
        self.committing.clone_from(&moved);
        moved
    }

    /// The positions up to which all rows that passed are acknowledged.
    fn passed(&mut self) -> Vec<(TopicPartition, i64)> {
        let source = &self.source;
        let of = |(input, position): (InputPartition, i64)| {
            (TopicPartition::new(source.topic_of(input.source), input.partition), position)
        };
        self.delivery.positions().into_iter().map(of).collect()
    }

    pub(super) fn step_committer(&mut self) -> Result<(), QueryError> {
        let was_ending = self.committer.is_ending();
        if was_ending {
            self.reach(Point::EndSent);
        }
        let outcome = self.committer.step(&mut self.network, self.outlet.producer())?;
        if !was_ending && self.committer.is_ending() {
            // It leaves with the next look at the network.
            self.reach(Point::AfterOffsets);
        }
        match outcome {
            None => Ok(()),
            Some(Committed::Done) => self.on_committed(),
            Some(Committed::Refused(code)) => {
                self.source.commit_refused(code);
                self.committing.clear();
                if self.is_transactional() || matches!(self.work, Work::Tasks(_)) {
                    return self.rewind();
                }
                // Offsets of partitions that are still owned are committed with the next ones.
                match std::mem::replace(&mut self.phase, Phase::Running) {
                    Phase::Committing(reason) => self.committed(reason),
                    other => {
                        self.phase = other;
                        Ok(())
                    }
                }
            }
            Some(Committed::Rewind) => {
                self.go_back();
                Ok(())
            }
            Some(Committed::TimedOut) => {
                self.notices.push(
                    "a transaction was open for longer than transaction.timeout.ms, and the coordinator has aborted it: what was \
                     read for it is read again"
                        .to_owned(),
                );
                self.timed_out_at = Some(self.network.now());
                self.source.look_up_membership();
                self.go_back();
                Ok(())
            }
            Some(Committed::Fenced) => {
                Err(QueryError::Fenced { id: self.transactional_id.clone() })
            }
        }
    }

    /// After a transaction that timed out the id is taken back, which fences whoever else has it: not before the group has said that
    /// this instance still has its name there. Where another one has it, the group says that, and the stage ends.
    pub(super) fn take_back(&mut self) -> Result<(), QueryError> {
        if self.timed_out_at.is_some_and(|at| self.source.is_member_since(at)) {
            self.timed_out_at = None;
            self.committer.take_back()?;
        }
        Ok(())
    }

    /// A place where a test may have it end.
    pub(super) fn reach(&self, point: Point) {
        self.control.reach(&self.name, point);
    }

    fn on_committed(&mut self) -> Result<(), QueryError> {
        self.reach(Point::AfterEnd);
        self.commits += 1;
        self.committed.extend(self.committing.drain(..));
        if self.phase == Phase::Rewinding {
            // An abort came too late: the transaction is committed, and reading goes on behind it.
            self.go_back();
            return Ok(());
        }
        self.delivery.committed();
        if let Work::Tasks(tasks) = &mut self.work {
            let epoch = i64::from(self.source.identity().generation);
            tasks.committed(&self.outlet, epoch);
        }
        self.reach(Point::AfterLocal);
        self.settle_account();
        self.committed_account = self.account;
        match std::mem::replace(&mut self.phase, Phase::Running) {
            Phase::Committing(reason) => self.committed(reason),
            other => {
                self.phase = other;
                Ok(())
            }
        }
    }

    /// Everything before a commit for this reason is done.
    fn committed(&mut self, reason: Reason) -> Result<(), QueryError> {
        self.source.release();
        // What a query that ends holds back must not go out behind its last commit: the next run would send it again.
        if reason != Reason::Stop {
            self.delivery.resume();
        }
        self.phase = Phase::Running;
        match reason {
            Reason::Interval => {}
            Reason::Revoked(partitions) => {
                self.forget(&partitions);
                self.source.revoked_done();
            }
            Reason::Stop => {
                if self.is_at_end_of_input() {
                    self.shared.reach_end();
                }
                // Only individual delivery holds rows back; all else is acknowledged by now.
                self.account.give_back(self.delivery.unacknowledged());
                self.source.leave(&mut self.network);
                self.phase = Phase::Leaving;
            }
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.committed.remove(partition);
            let source = match &mut self.work {
                Work::Pass(feed) => {
                    feed.forget(partition);
                    self.source.node_of(&partition.topic)
                }
                Work::Tasks(_) => 0,
            };
            let input = InputPartition { source, partition: partition.partition };
            let before = self.delivery.unacknowledged();
            self.delivery.forget(input);
            self.account.give_back(before - self.delivery.unacknowledged());
        }
        if let Work::Tasks(tasks) = &mut self.work {
            tasks.forget(partitions);
            self.source.set_warm(tasks.warm());
        }
    }

    /// The transaction must not become visible.
    pub(super) fn rewind(&mut self) -> Result<(), QueryError> {
        if self.phase == Phase::Rewinding {
            return Ok(());
        }
        let aborting = self.committer.abort(&mut self.network, self.outlet.producer())?;
        self.phase = Phase::Rewinding;
        if !aborting {
            self.go_back();
        }
        Ok(())
    }

    /// Reads again from the committed offsets on.
    fn go_back(&mut self) {
        self.rewinds += 1;
        self.outlet.clear();
        if let Some(store) = &mut self.store {
            store.clear();
        }
        self.delivery = Delivery::new(&self.sink);
        self.account = self.committed_account;
        // Those left out were acknowledged, too, in the books of delivery.
        self.delivered_before = self.account.delivered + self.account.too_large;
        self.committing.clear();
        self.committed.clear();
        match &mut self.work {
            Work::Pass(feed) => feed.clear(),
            Work::Tasks(tasks) => tasks.clear(),
        }
        self.source.release();
        self.source.rewind();
        // The end of the inputs was reached with what is now read again.
        self.stopping = self.control.is_stopping();
        self.phase = Phase::Running;
    }
}

fn to_commit(positions: &[(TopicPartition, i64)], metadata: &str) -> Vec<CommittedOffset> {
    let offset = |(partition, position): &(TopicPartition, i64)| CommittedOffset {
        partition: partition.clone(),
        offset: Offset(*position),
        leader_epoch: -1,
        metadata: metadata.to_owned(),
    };
    positions.iter().map(offset).collect()
}
