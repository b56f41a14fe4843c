//! What waits to be taken by the reader, in order: events, and arrivals whose batches are checked as they are taken.

use super::arrival::Arrival;
use super::{FetchEvent, FetchedPartition, Fetcher, State};
use crate::client::TopicPartition;
use crate::client::error::{Action, ClientError};
use kolk_wire::DecodeError;

/// How often batches that fail their check are fetched again.
const CORRUPT_RETRIES: u32 = 3;

/// Something that waits.
#[derive(Debug)]
pub(super) enum Waiting {
    Event(FetchEvent),
    Arrival(Box<Arrival>),
}

impl Waiting {
    fn partition(&self) -> &TopicPartition {
        match self {
            Self::Event(event) => event.partition(),
            Self::Arrival(arrival) => &arrival.partition,
        }
    }
}

impl Fetcher {
    /// Whether [`Self::next_event`] has anything to say.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next event. Batches come in pieces, which are checked now: read them before the next one is taken, while they are
    /// in the processor's cache.
    pub fn next_event(&mut self) -> Option<FetchEvent> {
        loop {
            let mut arrival = match self.waiting.pop_front()? {
                Waiting::Event(event) => return Some(event),
                Waiting::Arrival(arrival) => arrival,
            };
            let before = arrival.left();
            match arrival.piece() {
                Ok(fetched) => {
                    self.took(&fetched, before - arrival.left());
                    if arrival.left() > 0 {
                        self.waiting.push_front(Waiting::Arrival(arrival));
                    }
                    return Some(FetchEvent::Records(fetched));
                }
                Err(error) => {
                    let Arrival { partition, position, epoch, .. } = *arrival;
                    if let Some(assigned) = self.partitions.get_mut(&partition) {
                        // An answer to what was asked for behind it is of no use any more.
                        assigned.state = State::Reading(position);
                        assigned.fetched_epoch = epoch;
                        assigned.caught_up = false;
                    }
                    self.drop_waiting(&partition);
                    self.damaged(&partition, position, &error);
                }
            }
        }
    }

    fn took(&mut self, fetched: &FetchedPartition, bytes: usize) {
        self.buffered -= bytes;
        self.counts.bytes += fetched.bytes as u64;
        if let Some(assigned) = self.partitions.get_mut(&fetched.partition) {
            assigned.buffered -= bytes;
            assigned.failures = 0;
        }
    }

    pub(super) fn tell(&mut self, event: FetchEvent) {
        self.waiting.push_back(Waiting::Event(event));
    }

    /// Drops what waits of a partition.
    pub(super) fn drop_waiting(&mut self, partition: &TopicPartition) {
        self.waiting.retain(|waiting| waiting.partition() != partition);
        if let Some(assigned) = self.partitions.get_mut(partition) {
            self.buffered -= assigned.buffered;
            assigned.buffered = 0;
        }
    }

    /// The batch at `position` is damaged: it is fetched again, a few times.
    pub(super) fn damaged(
        &mut self,
        partition: &TopicPartition,
        position: i64,
        error: &DecodeError,
    ) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        self.counts.corrupt += 1;
        assigned.back_off(self.retry.after(assigned.failures + 1), self.stepped_at);
        // Once may be the wire; the same bytes again are on the broker's disk.
        if assigned.failures > CORRUPT_RETRIES {
            let what = format!("{partition} cannot be read at offset {position}: {error}");
            assigned.state = State::Halted;
            let error = ClientError::new(Action::Fatal, what);
            self.tell(FetchEvent::Failed { partition: partition.clone(), error });
        }
    }
}
