//! What a broker has forgotten, and what it has lost: told apart when it refuses the number of the oldest batch.
//!
//! A Kafka broker that starts again after a crash remembers only the *last* batch of each producer. With several in flight,
//! the oldest may then be refused although it lies in the log. The queue *probes*: it repeats the latest batch that may be
//! there, then the one before it, and so on. A broker appends a producer's batches in order only, so the first one that it
//! takes, or knows, proves that all before it are there. When it takes none, it lacks what it had acknowledged.

use super::batch::{Batch, BatchId, State};
use super::queue::Queue;
use crate::time::Moment;

/// The broker refused the oldest batch's number although all before it were acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// Batches from this position on are refused as well, or were never sent: what is left to probe lies before it.
    probe_before: usize,
}

impl Queue {
    /// The latest batch behind the oldest of which it is not known whether the broker has it.
    pub(super) fn to_probe(&self, gap: Gap) -> Option<usize> {
        let may_be_there = |batch: &Batch| batch.uncertain && batch.state == State::Waiting;
        let mut probed = self.sealed.iter().take(gap.probe_before).skip(1);
        probed.rposition(may_be_there).map(|at| at + 1)
    }

    /// The broker missed a batch before this one. With an earlier one unanswered that is no wonder: it goes again after
    /// that one. Else something acknowledged is missing, or the broker has forgotten that this one is there.
    pub(super) fn out_of_sequence(&mut self, id: BatchId, now: Moment) {
        let at = self.position(id);
        let Some(batch) = self.answered(id) else { return };
        batch.state = State::Waiting;
        let later = self.sealed.iter().rposition(|b| matches!(b.state, State::Acknowledged(_)));
        match (self.gap, at, later) {
            // Of those in flight when the gap was found only the latest tells anything.
            (Some(gap), Some(at), _) if self.in_flight == 0 && self.to_probe(gap) == Some(at) => {
                self.gap = Some(Gap { probe_before: at });
            }
            (None, Some(0), Some(later)) => self.confirm_before(later),
            (None, Some(0), None) => self.gap = Some(Gap { probe_before: self.sealed.len() }),
            _ => {}
        }
        self.retry_at = now;
        self.draining = self.in_flight > 0;
    }

    /// A probe had no answer: late requests may have been appended meanwhile, and the broker may have crashed once more.
    pub(super) fn probe_anew(&mut self) {
        if let Some(gap) = &mut self.gap {
            gap.probe_before = self.sealed.len();
        }
    }

    /// A later batch is in the log, so all before it are. Those in flight will have their own answers.
    pub(super) fn confirm_before(&mut self, later: usize) {
        for batch in self.sealed.iter_mut().take(later).filter(|b| b.state == State::Waiting) {
            batch.state = State::Acknowledged(None);
        }
    }
}
