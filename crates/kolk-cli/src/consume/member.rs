//! Printing as a member of a consumer group: partitions come and go, what was printed is committed.

use super::{Ending, Printer};
use crate::reader::{Reader, WAIT_MAX};
use crate::session::Session;
use kolk::client::commit::{
    CommitOutcome, CommittedOffset, FetchedOffsets, OffsetCommit, OffsetFetch, Stability,
};
use kolk::client::config::ClientConfig;
use kolk::client::fetch::{FetchedPartition, Start};
use kolk::client::group::membership::{GroupEvent, MemberPhase, Membership};
use kolk::client::{Offset, TopicPartition};
use kolk::time::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// Time between commits.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a last commit and the good-bye may take.
const LEAVE_MAX: Duration = Duration::from_secs(5);

/// A member of a group that prints.
#[derive(Debug)]
pub(super) struct Member {
    config: ClientConfig,
    group: String,
    /// Where a partition without a committed offset starts.
    start: Start,
    reader: Reader,
    membership: Membership,
    /// Committed offsets of new partitions, being asked for.
    looking: Vec<(OffsetFetch, Vec<TopicPartition>)>,
    commit: OffsetCommit,
    /// Where to go on, by partition: what is committed next.
    positions: BTreeMap<TopicPartition, Offset>,
    dirty: bool,
    next_commit: Moment,
}

impl Member {
    /// Joins `group`, to read `topic`.
    ///
    /// # Errors
    /// When the group may not be joined.
    pub(super) fn join(
        session: &Session,
        group: &str,
        topic: &str,
        start: Start,
    ) -> anyhow::Result<Self> {
        let reset = if matches!(start, Start::Earliest) { "earliest" } else { "latest" };
        let config = session.config().with("auto.offset.reset", reset)?.with("group.id", group)?;
        let mut reader = Reader::new(&config, session.clock())?;
        reader.metadata.want(topic);
        let membership = Membership::new(&config, group, &[topic.to_owned()], Vec::new())?;
        let commit = OffsetCommit::new(&config, group);
        let next_commit = reader.network.now() + COMMIT_INTERVAL;
        Ok(Self {
            config,
            group: group.to_owned(),
            start,
            reader,
            membership,
            looking: Vec::new(),
            commit,
            positions: BTreeMap::new(),
            dirty: false,
            next_commit,
        })
    }

    /// Prints until it is time to end; returns how many records.
    ///
    /// # Errors
    /// When a partition cannot be read, or the group may not be used.
    pub(super) fn print(
        &mut self,
        mut printer: Printer,
        ending: &mut Ending<'_>,
    ) -> anyhow::Result<u64> {
        while !printer.is_full() && !ending.is_due() {
            for fetched in self.poll()? {
                // Taken away in the same round.
                if !self.membership.owned().contains(&fetched.partition) {
                    continue;
                }
                let next = printer.print(&fetched, None)?;
                self.dirty |= self.positions.insert(fetched.partition, next) != Some(next);
                if printer.saw_records() {
                    ending.saw_records();
                }
            }
            // Printed before it is committed.
            printer.flush()?;
            self.commit_when_due()?;
        }
        Ok(printer.printed())
    }

    /// Commits, and leaves the group so that others need not wait for the session's time-out.
    ///
    /// # Errors
    /// When the group may not be used.
    pub(super) fn leave(mut self) -> anyhow::Result<()> {
        self.commit_all()?;
        let until = self.reader.network.now() + LEAVE_MAX;
        self.membership.leave(&mut self.reader.network);
        while self.membership.phase() != MemberPhase::Left && self.reader.network.now() < until {
            self.membership.step(&mut self.reader.network, &mut self.reader.metadata)?;
            if self.membership.phase() != MemberPhase::Left {
                self.reader.network.poll(WAIT_MAX.min(Duration::from_millis(20)));
            }
        }
        Ok(())
    }

    fn poll(&mut self) -> anyhow::Result<Vec<FetchedPartition>> {
        let Reader { network, metadata, .. } = &mut self.reader;
        for event in self.membership.step(network, metadata)? {
            self.on_event(event)?;
        }
        self.look()?;
        let now = self.reader.network.now();
        let looking = self.looking.iter().filter_map(|(fetch, _)| fetch.deadline());
        let deadlines = looking.chain(self.membership.deadline()).chain([self.next_commit]);
        let wait = deadlines.min().map_or(WAIT_MAX, |at| now.until(at).min(WAIT_MAX));
        // Joining needs many short turns; the reader's own wait sees only its own answers.
        let stable = self.membership.phase() == MemberPhase::Stable && self.looking.is_empty();
        self.reader.poll(if stable { wait } else { wait.min(Duration::from_millis(5)) })
    }

    fn on_event(&mut self, event: GroupEvent) -> anyhow::Result<()> {
        match event {
            GroupEvent::Assigned(partitions) if !partitions.is_empty() => {
                let asked = Some(partitions.clone());
                let fetch = OffsetFetch::new(&self.config, &self.group, asked, Stability::Required);
                self.looking.push((fetch, partitions));
            }
            GroupEvent::Revoked(partitions) => {
                self.commit_all()?;
                self.forget(&partitions);
                self.membership.revoked_done();
            }
            GroupEvent::Lost(partitions) => self.forget(&partitions),
            GroupEvent::Assigned(_) | GroupEvent::Left => {}
        }
        Ok(())
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.reader.fetcher.unassign(partition);
            self.positions.remove(partition);
            for (_, wanted) in &mut self.looking {
                wanted.retain(|it| it != partition);
            }
        }
    }

    /// Starts to read the partitions whose committed offsets are known by now.
    fn look(&mut self) -> anyhow::Result<()> {
        let mut still = Vec::new();
        for (mut fetch, wanted) in std::mem::take(&mut self.looking) {
            match fetch.step(&mut self.reader.network)? {
                Some(FetchedOffsets::Committed(offsets)) => {
                    for partition in wanted {
                        let committed = offsets.iter().find(|it| it.partition == partition);
                        let start = committed.map_or(self.start, |it| Start::At(it.offset));
                        self.reader.assign(partition, start);
                    }
                }
                Some(FetchedOffsets::Unstable { .. }) | None => still.push((fetch, wanted)),
            }
        }
        self.looking = still;
        Ok(())
    }

    fn commit_when_due(&mut self) -> anyhow::Result<()> {
        let now = self.reader.network.now();
        if self.commit.is_busy() {
            let outcome = self.commit.step(&mut self.reader.network)?;
            self.on_outcome(outcome);
        } else if self.dirty && now >= self.next_commit {
            self.start_commit();
            self.commit.step(&mut self.reader.network)?;
        }
        if now >= self.next_commit {
            self.next_commit = now + COMMIT_INTERVAL;
        }
        Ok(())
    }

    fn start_commit(&mut self) {
        let offsets = self.positions.iter().map(|(partition, offset)| CommittedOffset {
            partition: partition.clone(),
            offset: *offset,
            leader_epoch: -1,
            metadata: String::new(),
        });
        let identity = self.membership.identity();
        self.commit.start(&mut self.reader.network, identity, offsets.collect());
        self.dirty = false;
    }

    fn on_outcome(&mut self, outcome: Option<CommitOutcome>) {
        if let Some(CommitOutcome::Rejoin(code)) = outcome {
            self.dirty = true;
            self.membership.commit_refused(code);
        }
    }

    /// Commits everything that was printed, and waits for the answer.
    fn commit_all(&mut self) -> anyhow::Result<()> {
        if self.dirty && !self.positions.is_empty() {
            self.start_commit();
        }
        let until = self.reader.network.now() + LEAVE_MAX;
        while self.commit.is_busy() && self.reader.network.now() < until {
            let outcome = self.commit.step(&mut self.reader.network)?;
            self.on_outcome(outcome);
            if self.commit.is_busy() {
                self.reader.network.poll(Duration::from_millis(20));
            }
        }
        Ok(())
    }
}
