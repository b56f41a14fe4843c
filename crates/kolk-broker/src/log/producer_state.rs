//! What a partition remembers of its producers: who may write, what was written already, which transactions are open.
//!
//! Idempotence is KIP-98, forgotten producers are KIP-360 (Kafka ≥ 2.5): a producer that the log does not know, or knows
//! without an epoch, starts with any sequence number; a known one goes on where it stopped or starts a new epoch at 0.
//! The last [`REMEMBERED_BATCHES`] batches of each producer answer a repeated batch with the offsets of the first time.
//!
//! Rebuilt from the log by [`ProducerState::replay`]; [`ProducerState::snapshot`] saves most of that work.

use super::error::AppendError;
use super::files::{seal, unseal};
use super::{AbortedSpan, ProducerInfo};
use kolk_wire::record::{BatchHeader, ControlKind};
use std::collections::BTreeMap;

/// Batches that are remembered of each producer, as many as it may have in flight.
pub const REMEMBERED_BATCHES: usize = 5;

const MAGIC: &[u8; 8] = b"KOLKPRD1";

/// A batch that a producer wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Sequence number of its first record.
    pub base_sequence: i32,
    /// Sequence number of its last record.
    pub last_sequence: i32,
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Its greatest time-stamp in milliseconds.
    pub timestamp: i64,
}

impl Written {
    fn of(header: &BatchHeader) -> Self {
        Self {
            base_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            timestamp: header.max_timestamp,
        }
    }
}

/// What to do with a batch of an idempotent producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    New,
    /// It is in the log: answer as the first time.
    Duplicate(Written),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Producer {
    epoch: i16,
    /// Of the last marker; −1 before the first.
    coordinator_epoch: i32,
    last_timestamp: i64,
    transaction_start: Option<i64>,
    /// Oldest first; of the present epoch only.
    batches: Vec<Written>,
}

impl Producer {
    fn new(epoch: i16) -> Self {
        let batches = Vec::new();
        Self { epoch, coordinator_epoch: -1, last_timestamp: -1, transaction_start: None, batches }
    }

    fn enter_epoch(&mut self, epoch: i16) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
    }

    fn last_sequence(&self) -> i32 {
        self.batches.last().map_or(-1, |written| written.last_sequence)
    }

    fn remember(&mut self, written: Written) {
        if self.batches.len() == REMEMBERED_BATCHES {
            self.batches.remove(0);
        }
        self.batches.push(written);
    }
}

/// The last thing that compaction must keep of a producer, so that a replay finds its sequence number and epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastWritten {
    /// The batch that ends at this offset.
    Data(i64),
    /// No batch of this epoch is known: the marker that set the epoch.
    Marker(i16),
}

/// All producers of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerState {
    producers: BTreeMap<i64, Producer>,
    /// Producer by the first offset of its open transaction.
    open: BTreeMap<i64, i64>,
}

impl ProducerState {
    /// Whether a client's batch may be appended. Changes nothing; the batch needs no offsets yet.
    ///
    /// # Errors
    /// [`AppendError::Fenced`], [`AppendError::OutOfOrder`], [`AppendError::NotTransactional`].
    pub fn check(&self, header: &BatchHeader) -> Result<Verdict, AppendError> {
        let producer_id = header.producer_id;
        let Some(producer) = self.producers.get(&producer_id).filter(|_| header.has_producer_id())
        else {
            return Ok(Verdict::New);
        };
        if header.producer_epoch < producer.epoch {
            let (got, current) = (header.producer_epoch, producer.epoch);
            return Err(AppendError::Fenced { producer_id, got, current });
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        if header.producer_epoch == producer.epoch {
            let same = |written: &&Written| {
                written.base_sequence == first && written.last_sequence == last
            };
            if let Some(written) = producer.batches.iter().find(same) {
                return Ok(Verdict::Duplicate(*written));
            }
        }
        let expected = match producer.last_sequence() {
            _ if header.producer_epoch != producer.epoch => 0,
            i32::MAX => 0,
            last => last + 1,
        };
        if first != expected {
            let last = producer.last_sequence();
            return Err(AppendError::OutOfOrder { producer_id, got: first, last });
        }
        if producer.transaction_start.is_some() && !header.is_transactional() {
            return Err(AppendError::NotTransactional { producer_id });
        }
        Ok(Verdict::New)
    }

    /// Whether a coordinator's marker may be appended. Changes nothing.
    ///
    /// # Errors
    /// [`AppendError::Fenced`], [`AppendError::CoordinatorFenced`].
    pub fn check_marker(
        &self,
        producer_id: i64,
        epoch: i16,
        coordinator_epoch: i32,
    ) -> Result<(), AppendError> {
        let Some(producer) = self.producers.get(&producer_id) else { return Ok(()) };
        if epoch < producer.epoch {
            let current = producer.epoch;
            return Err(AppendError::Fenced { producer_id, got: epoch, current });
        }
        if coordinator_epoch < producer.coordinator_epoch {
            let (got, current) = (coordinator_epoch, producer.coordinator_epoch);
            return Err(AppendError::CoordinatorFenced { producer_id, got, current });
        }
        Ok(())
    }

    /// Takes note of a data batch that is in the log, with its offsets.
    pub fn replay(&mut self, header: &BatchHeader) {
        if !header.has_producer_id() {
            return;
        }
        let epoch = header.producer_epoch;
        let producer =
            self.producers.entry(header.producer_id).or_insert_with(|| Producer::new(epoch));
        producer.enter_epoch(epoch);
        producer.remember(Written::of(header));
        producer.last_timestamp = header.max_timestamp;
        if header.is_transactional() && producer.transaction_start.is_none() {
            producer.transaction_start = Some(header.base_offset);
            self.open.insert(header.base_offset, header.producer_id);
        }
    }

    /// Takes note of a marker that is in the log: it ends the producer's transaction. Returns it if it was aborted.
    pub fn replay_marker(
        &mut self,
        header: &BatchHeader,
        kind: ControlKind,
        coordinator_epoch: i32,
    ) -> Option<AbortedSpan> {
        let (producer_id, epoch) = (header.producer_id, header.producer_epoch);
        let producer = self.producers.entry(producer_id).or_insert_with(|| Producer::new(epoch));
        producer.enter_epoch(epoch);
        producer.coordinator_epoch = coordinator_epoch;
        producer.last_timestamp = header.max_timestamp;
        let first_offset = producer.transaction_start.take()?;
        self.open.remove(&first_offset);
        let last_offset = header.last_offset();
        let aborted = AbortedSpan { producer_id, first_offset, last_offset };
        (kind == ControlKind::Abort).then_some(aborted)
    }

    /// Takes note of a marker that compaction has emptied: of it only the producer's epoch is left.
    pub fn replay_emptied_marker(&mut self, header: &BatchHeader) {
        let epoch = header.producer_epoch;
        let producer =
            self.producers.entry(header.producer_id).or_insert_with(|| Producer::new(epoch));
        producer.enter_epoch(epoch);
        producer.last_timestamp = header.max_timestamp;
    }

    /// First offset of the oldest open transaction: what a committed reader waits at.
    #[must_use]
    pub fn first_open(&self) -> Option<i64> {
        self.open.first_key_value().map(|(offset, _)| *offset)
    }

    /// First offset of the producer's open transaction.
    #[must_use]
    pub fn open_transaction(&self, producer_id: i64) -> Option<i64> {
        self.producers.get(&producer_id)?.transaction_start
    }

    /// Forgets producers without an open transaction that have been silent for `after_ms`. Returns how many.
    pub fn expire(&mut self, now_ms: i64, after_ms: i64) -> usize {
        let before = self.producers.len();
        self.producers.retain(|_, producer| {
            producer.transaction_start.is_some()
                || now_ms.saturating_sub(producer.last_timestamp) < after_ms
        });
        before - self.producers.len()
    }

    /// What compaction must keep of the producer, if it is known.
    #[must_use]
    pub fn last_written(&self) -> BTreeMap<i64, LastWritten> {
        let last = |producer: &Producer| match producer.batches.last() {
            Some(written) => LastWritten::Data(written.last_offset),
            None => LastWritten::Marker(producer.epoch),
        };
        self.producers.iter().map(|(id, producer)| (*id, last(producer))).collect()
    }

    /// Every producer, for DescribeProducers.
    #[must_use]
    pub fn list(&self) -> Vec<ProducerInfo> {
        let info = |(id, producer): (&i64, &Producer)| ProducerInfo {
            producer_id: *id,
            epoch: producer.epoch,
            last_sequence: producer.last_sequence(),
            last_timestamp: producer.last_timestamp,
            coordinator_epoch: producer.coordinator_epoch,
            transaction_start: producer.transaction_start,
        };
        self.producers.iter().map(info).collect()
    }

    /// The whole state as a file's contents; `offset` is the log's end at which it holds.
    #[must_use]
    pub fn snapshot(&self, offset: i64) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&offset.to_be_bytes());
        for (id, producer) in &self.producers {
            out.extend_from_slice(&id.to_be_bytes());
            out.extend_from_slice(&producer.epoch.to_be_bytes());
            out.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
            out.extend_from_slice(&producer.last_timestamp.to_be_bytes());
            out.extend_from_slice(&producer.transaction_start.unwrap_or(-1).to_be_bytes());
            #[expect(clippy::cast_possible_truncation, reason = "at most five")]
            out.push(producer.batches.len() as u8);
            for written in &producer.batches {
                out.extend_from_slice(&written.base_sequence.to_be_bytes());
                out.extend_from_slice(&written.last_sequence.to_be_bytes());
                out.extend_from_slice(&written.base_offset.to_be_bytes());
                out.extend_from_slice(&written.last_offset.to_be_bytes());
                out.extend_from_slice(&written.timestamp.to_be_bytes());
            }
        }
        seal(out)
    }

    /// Reads what [`Self::snapshot`] wrote at `offset`; `None` if it is damaged or of another offset.
    #[must_use]
    pub fn from_snapshot(bytes: &[u8], offset: i64) -> Option<Self> {
        let mut rest = unseal(bytes, MAGIC)?;
        if i64::from_be_bytes(take(&mut rest)?) != offset {
            return None;
        }
        let mut state = Self::default();
        while !rest.is_empty() {
            let id = i64::from_be_bytes(take(&mut rest)?);
            let mut producer = Producer::new(i16::from_be_bytes(take(&mut rest)?));
            producer.coordinator_epoch = i32::from_be_bytes(take(&mut rest)?);
            producer.last_timestamp = i64::from_be_bytes(take(&mut rest)?);
            let start = i64::from_be_bytes(take(&mut rest)?);
            if start >= 0 {
                producer.transaction_start = Some(start);
                state.open.insert(start, id);
            }
            let [count] = take(&mut rest)?;
            for _ in 0..count {
                producer.remember(Written {
                    base_sequence: i32::from_be_bytes(take(&mut rest)?),
                    last_sequence: i32::from_be_bytes(take(&mut rest)?),
                    base_offset: i64::from_be_bytes(take(&mut rest)?),
                    last_offset: i64::from_be_bytes(take(&mut rest)?),
                    timestamp: i64::from_be_bytes(take(&mut rest)?),
                });
            }
            state.producers.insert(id, producer);
        }
        Some(state)
    }
}

/// The next `N` bytes.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}
