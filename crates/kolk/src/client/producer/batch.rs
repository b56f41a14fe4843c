//! One batch of one partition, from being complete to being acknowledged.
//!
//! ```text
//!            take                 acknowledged
//! Waiting ─────────▶ Sent ─────────────────────▶ Acknowledged ──▶ gone, once all before it are
//!    ▲                │ │ refused                       ▲
//!    └── disconnect, ─┘ └────────▶ Refused ── decision ─┴─▶ Waiting again, or without the record
//!        retriable error
//! ```

use super::sequence::{Identity, Sequence};
use crate::client::Offset;
use bytes::{Bytes, BytesMut};
use kolk_wire::record::{
    Batch as Fetched, BatchBuilder, BatchHeader, Batches, HEADER_SIZE, Scratch, Transactional,
    stamp_producer,
};
use kolk_wire::{DecodeError, Spliced};

/// Names a batch within its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchId(pub u64);

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// To be sent (again).
    Waiting,
    /// In a request without a response.
    Sent,
    /// Appended; the offset of its first record is unknown for duplicates that the broker has forgotten, and without acks.
    Acknowledged(Option<Offset>),
    /// The broker does not want it; the owner has been asked.
    Refused,
    /// The owner has answered.
    Decided(Decision),
}

/// What is to be done about a batch that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send it again as it is: what was in the way is gone.
    SendAgain,
    /// Leave out one record, counted from 0 within the batch.
    DropRecord(usize),
    /// Leave out all of it.
    DropBatch,
}

/// A complete batch.
#[derive(Debug)]
pub(super) struct Batch {
    pub id: BatchId,
    payload: Payload,
    /// The records of a batch that is forwarded.
    forwarded: Bytes,
    pub records: i32,
    pub tag: u64,
    pub state: State,
    /// Whose count it belongs to, and the number of its first record; none before it was sent first, or without idempotence.
    pub number: Option<(Identity, Sequence)>,
    /// Whether an attempt under this number ended without an answer: it may lie in the log.
    pub uncertain: bool,
    /// Whether it is a half of a batch that was too large.
    pub divided: bool,
}

/// The bytes of a batch that was built here, or the header of one that is forwarded: exclusive until stamped, then shared with
/// requests.
#[derive(Debug)]
enum Payload {
    Own(BytesMut),
    Shared(Bytes),
}

impl Batch {
    pub(super) fn new(id: BatchId, bytes: BytesMut, records: i32, tag: u64) -> Self {
        let payload = Payload::Own(bytes);
        let state = State::Waiting;
        let forwarded = Bytes::new();
        let (number, uncertain, divided) = (None, false, false);
        Self { id, payload, forwarded, records, tag, state, number, uncertain, divided }
    }

    /// The same records as in `batch`, which was fetched; they stay where they are.
    pub(super) fn forward(id: BatchId, batch: &Fetched, tag: u64) -> Self {
        let forwarded = batch.bytes.slice(HEADER_SIZE..);
        let records = batch.header.records_count;
        Self { forwarded, ..Self::new(id, batch.portable_header(), records, tag) }
    }

    pub(super) fn size(&self) -> usize {
        let own = match &self.payload {
            Payload::Own(bytes) => bytes.len(),
            Payload::Shared(bytes) => bytes.len(),
        };
        own + self.forwarded.len()
    }

    /// Writes its number into the header.
    pub(super) fn stamp(
        &mut self,
        identity: Identity,
        first: Sequence,
        transactional: Transactional,
    ) {
        self.number = Some((identity, first));
        self.uncertain = false;
        self.change(|bytes| {
            stamp_producer(bytes, identity.id, identity.epoch, first.0, transactional);
        });
    }

    fn change(&mut self, change: impl FnOnce(&mut BytesMut)) {
        let mut bytes = match std::mem::replace(&mut self.payload, Payload::Shared(Bytes::new())) {
            Payload::Own(bytes) => bytes,
            // Copied only while a request of a former attempt still holds the bytes.
            Payload::Shared(bytes) => {
                bytes.try_into_mut().unwrap_or_else(|b| BytesMut::from(&b[..]))
            }
        };
        change(&mut bytes);
        self.payload = Payload::Own(bytes);
    }

    /// The bytes for a request; shared, not copied.
    pub(super) fn share(&mut self) -> Spliced {
        let bytes = match std::mem::replace(&mut self.payload, Payload::Shared(Bytes::new())) {
            Payload::Own(bytes) => bytes.freeze(),
            Payload::Shared(bytes) => bytes,
        };
        self.payload = Payload::Shared(bytes.clone());
        Spliced::new(bytes, self.forwarded.clone())
    }

    /// The memory, unless something else still refers to it.
    pub(super) fn into_memory(self) -> Option<BytesMut> {
        match self.payload {
            _ if !self.forwarded.is_empty() => None,
            Payload::Own(bytes) => Some(bytes),
            Payload::Shared(bytes) => bytes.try_into_mut().ok(),
        }
    }

    /// Two batches with the first and the second half of the records, in order. Their numbers, if any, stay as they were.
    pub(super) fn split(mut self, second: BatchId) -> Result<(Self, Self), DecodeError> {
        let at = self.records / 2;
        let bytes = self.share().into_bytes();
        let first_half = rebuild(&bytes, |index| index < at)?;
        let second_half = rebuild(&bytes, |index| index >= at)?;
        let mut first = Self::new(self.id, first_half, at, self.tag);
        let mut rest = Self::new(second, second_half, self.records - at, self.tag);
        if let Some((identity, sequence)) = self.number {
            let transactional = transactional(&bytes)?;
            first.stamp(identity, sequence, transactional);
            rest.stamp(identity, sequence.plus(at), transactional);
        }
        (first.divided, rest.divided) = (true, true);
        Ok((first, rest))
    }

    /// The batch without one record, and without a number.
    pub(super) fn without(mut self, record: usize) -> Result<Self, DecodeError> {
        let bytes =
            rebuild(&self.share().into_bytes(), |index| usize::try_from(index) != Ok(record))?;
        let left = BatchHeader::parse(&bytes)?.records_count;
        Ok(Self::new(self.id, bytes, left, self.tag))
    }
}

fn transactional(bytes: &[u8]) -> Result<Transactional, DecodeError> {
    let is = BatchHeader::parse(bytes)?.is_transactional();
    Ok(if is { Transactional::Yes } else { Transactional::No })
}

/// The records whose index is wanted, as a batch with the same compression and time-stamps.
fn rebuild(bytes: &Bytes, wanted: impl Fn(i32) -> bool) -> Result<BytesMut, DecodeError> {
    let mut scratch = Scratch::new();
    let mut builder = None;
    for batch in Batches::new(bytes.clone()) {
        let batch = batch?;
        let codec = batch.header.compression()?;
        let builder = builder.get_or_insert_with(|| BatchBuilder::new(codec));
        for (index, record) in (0..).zip(batch.body(&mut scratch)?.records()) {
            let record = record?;
            if wanted(index) && builder.push_record(&record).is_err() {
                return Err(DecodeError::Invalid {
                    what: "batch",
                    at: 0,
                    why: "grew when it was divided",
                });
            }
        }
    }
    Ok(builder.map(|mut builder| builder.finish()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kolk_wire::record::{Compression, Header};

    fn batch_of(values: &[&str], codec: Compression) -> Batch {
        let mut builder = BatchBuilder::new(codec);
        for (value, at) in values.iter().zip(1_000..) {
            builder
                .push(at, Some(b"k"), Some(value.as_bytes()), &[Header::new("h", b"1")])
                .unwrap();
        }
        Batch::new(BatchId(1), builder.finish(), i32::try_from(values.len()).unwrap(), 9)
    }

    fn shown(batch: &mut Batch) -> String {
        let mut text = String::new();
        for batch in Batches::new(batch.share().into_bytes()) {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            text += &format!("{}+", batch.header.base_sequence);
            for record in batch.body(&mut Scratch::new()).unwrap().records() {
                let record = record.unwrap();
                assert_eq!(record.headers().len(), 1);
                text += &format!(
                    " {}@{}",
                    str::from_utf8(record.value.unwrap()).unwrap(),
                    record.timestamp
                );
            }
        }
        text
    }

    #[test]
    fn halves_keep_order_numbers_and_time_stamps() {
        for codec in [Compression::None, Compression::Lz4] {
            let mut batch = batch_of(&["a", "b", "c"], codec);
            batch.stamp(Identity { id: 3, epoch: 1 }, Sequence(7), Transactional::Yes);
            let (mut first, mut second) = batch.split(BatchId(2)).unwrap();
            assert_eq!(shown(&mut first), "7+ a@1000");
            assert_eq!(shown(&mut second), "8+ b@1001 c@1002");
            assert_eq!((first.records, second.records), (1, 2));
            assert!(BatchHeader::parse(&second.share().into_bytes()).unwrap().is_transactional());
        }
    }

    #[test]
    fn one_record_is_left_out() {
        let mut rest = batch_of(&["a", "b", "c"], Compression::None).without(1).unwrap();
        assert_eq!(shown(&mut rest), "-1+ a@1000 c@1002");
        assert_eq!((rest.records, rest.number), (2, None));
    }

    #[test]
    fn a_batch_is_stamped_again_while_an_old_request_still_holds_it() {
        let mut batch = batch_of(&["a"], Compression::None);
        batch.stamp(Identity { id: 3, epoch: 1 }, Sequence(7), Transactional::No);
        let held = batch.share();
        batch.stamp(Identity { id: 3, epoch: 2 }, Sequence(0), Transactional::No);
        assert_eq!(shown(&mut batch), "0+ a@1000");
        assert_eq!(BatchHeader::parse(&held.into_bytes()).unwrap().base_sequence, 7);
    }
}
