//! The groups behind their lock: calls, waiting for answers, and the passing of time.

use super::{OpenError, State, identity};
use crate::config::BrokerConfig;
use crate::group::{GroupEntry, Groups};
use crate::journal::Journal;
use crate::log::files::Files;
use bytes::Bytes;
use kolk_wire::ErrorCode;
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

/// The thread of the groups looks at them at least that often, in milliseconds.
const LOOK_MS_MAX: i64 = 1000;

/// The groups with their journal.
pub struct GroupDesk {
    /// The state machine.
    pub groups: Groups,
    journal: Journal,
}

impl GroupDesk {
    pub(super) fn open(
        folder: &Path,
        config: &BrokerConfig,
        files: &Arc<dyn Files>,
        now_ms: i64,
    ) -> Result<Self, OpenError> {
        let path = folder.join("groups.journal");
        let mut groups = Groups::new(config.groups.clone(), identity::random_u64()?);
        let mut unknown = false;
        let journal =
            Journal::open_with(&path, Arc::clone(files), |entry| {
                match GroupEntry::decode(Bytes::copy_from_slice(entry)) {
                    Ok(entry) => groups.replay(entry),
                    Err(_) => unknown = true,
                }
            })?;
        if unknown {
            return Err(OpenError::Newer { path });
        }
        groups.start(now_ms);
        Ok(Self { groups, journal })
    }

    fn save(&mut self) -> Result<(), ErrorCode> {
        let entries = self.groups.take_entries();
        for (done, entry) in entries.iter().enumerate() {
            if self.journal.append(&entry.encode()).is_err() {
                self.groups.give_back(entries.into_iter().skip(done).collect());
                return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
            }
        }
        if self.journal.wants_rewrite() {
            let snapshot = self.groups.snapshot();
            // If it cannot be rewritten the old one stays, and is still whole.
            let _ = self.journal.rewrite(snapshot.iter().map(GroupEntry::encode));
        }
        Ok(())
    }
}

impl State {
    /// The groups, to look at.
    pub fn groups(&self) -> MutexGuard<'_, GroupDesk> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` on the groups and makes its effects durable.
    ///
    /// # Errors
    /// [`ErrorCode::COORDINATOR_NOT_AVAILABLE`] when the journal cannot be written.
    pub fn with_groups<T>(&self, work: impl FnOnce(&mut Groups) -> T) -> Result<T, ErrorCode> {
        let mut desk = self.groups();
        let result = work(&mut desk.groups);
        let saved = desk.save();
        self.wake_answered(&desk);
        saved.map(|()| result)
    }

    /// As [`Self::with_groups`], for work that sets deadlines, and whose result matters even if the journal refused: a member
    /// comes, or goes.
    pub fn with_members<T>(
        &self,
        work: impl FnOnce(&mut Groups) -> T,
    ) -> (T, Result<(), ErrorCode>) {
        let mut desk = self.groups();
        let result = work(&mut desk.groups);
        let saved = desk.save();
        self.wake_answered(&desk);
        drop(desk);
        self.groups_moved.notify_one();
        (result, saved)
    }

    fn wake_answered(&self, desk: &GroupDesk) {
        if desk.groups.has_answers() {
            self.groups_answered.notify_all();
        }
    }

    /// Waits until `answer` finds one; `None` when the broker stops. Every wait of a group ends by the group's own deadlines.
    pub fn wait_for_group<T>(&self, mut answer: impl FnMut(&mut Groups) -> Option<T>) -> Option<T> {
        let mut desk = self.groups();
        loop {
            if let Some(answer) = answer(&mut desk.groups) {
                return Some(answer);
            }
            if self.is_stopping() {
                return None;
            }
            let waited = self.groups_answered.wait(desk);
            desk = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The thread that makes time pass for groups runs this until the broker stops.
    pub fn run_groups(&self) {
        let mut desk = self.groups();
        while !self.is_stopping() {
            let now_ms = self.steady_ms();
            desk.groups.tick(now_ms);
            // A full disk: the entries were given back, and the next tick tries again.
            let _ = desk.save();
            self.wake_answered(&desk);
            let next =
                desk.groups.next_deadline_ms().map_or(LOOK_MS_MAX, |deadline| deadline - now_ms);
            let wait = u64::try_from(next.clamp(1, LOOK_MS_MAX)).unwrap_or(1);
            let waited = self.groups_moved.wait_timeout(desk, Duration::from_millis(wait));
            desk = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends all waits; [`Self::is_stopping`] is true already.
    pub(super) fn stop_groups(&self) {
        // Under the lock: whoever looks at `is_stopping` under it either sees it or waits already.
        let mut desk = self.groups();
        desk.groups.shut_down();
        self.groups_answered.notify_all();
        self.groups_moved.notify_all();
    }
}
