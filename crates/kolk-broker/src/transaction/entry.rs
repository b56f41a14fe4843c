//! What the journal keeps of producer ids and transactions.

use super::partition::TopicPartition;
use super::state::Transaction;
use super::stored::{VERSION, begin, close, open};
use bytes::Bytes;
use kolk_wire::{DecodeError, Wire};

/// One change that must survive a restart. Entries are replayed in the order in which they were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionEntry {
    /// The state of a transactional id.
    Transaction(Transaction),
    /// More partitions and groups take part in the open transaction of this id.
    Joined {
        /// The id.
        transactional_id: String,
        /// Partitions.
        partitions: Vec<TopicPartition>,
        /// Groups.
        groups: Vec<String>,
    },
    /// The id has not been used for long.
    Forgotten {
        /// The id.
        transactional_id: String,
    },
    /// Producer ids below this one may have been given out.
    ProducerIds {
        /// The first that has not.
        until: i64,
    },
}

const TRANSACTION: u8 = 1;
const JOINED: u8 = 2;
const FORGOTTEN: u8 = 3;
const PRODUCER_IDS: u8 = 4;

impl TransactionEntry {
    /// The entry as bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let writer = match self {
            Self::Transaction(transaction) => {
                let mut writer = begin(TRANSACTION);
                transaction.write(&mut writer, VERSION);
                writer
            }
            Self::Joined { transactional_id, partitions, groups } => {
                let mut writer = begin(JOINED);
                transactional_id.write(&mut writer, VERSION);
                partitions.write(&mut writer, VERSION);
                groups.write(&mut writer, VERSION);
                writer
            }
            Self::Forgotten { transactional_id } => {
                let mut writer = begin(FORGOTTEN);
                transactional_id.write(&mut writer, VERSION);
                writer
            }
            Self::ProducerIds { until } => {
                let mut writer = begin(PRODUCER_IDS);
                until.write(&mut writer, VERSION);
                writer
            }
        };
        writer.into_bytes()
    }

    /// Reads what [`Self::encode`] wrote, now or in an earlier version.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are no such entry.
    pub fn decode(entry: Bytes) -> Result<Self, DecodeError> {
        let (kind, mut reader) = open(entry)?;
        let entry = match kind {
            TRANSACTION => Self::Transaction(Wire::read(&mut reader, VERSION)?),
            JOINED => Self::Joined {
                transactional_id: Wire::read(&mut reader, VERSION)?,
                partitions: Wire::read(&mut reader, VERSION)?,
                groups: Wire::read(&mut reader, VERSION)?,
            },
            FORGOTTEN => Self::Forgotten { transactional_id: Wire::read(&mut reader, VERSION)? },
            PRODUCER_IDS => Self::ProducerIds { until: Wire::read(&mut reader, VERSION)? },
            _ => return Err(reader.invalid("entry", "a kind that this version does not know")),
        };
        close(&reader, entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::{Producer, TransactionState};

    fn entries() -> Vec<TransactionEntry> {
        let partitions = || vec![TopicPartition::new("visits", 1)];
        vec![
            TransactionEntry::Transaction(Transaction {
                transactional_id: "t".to_owned(),
                producer: Producer { id: 5, epoch: 2 },
                last_epoch: 1,
                previous_producer_id: 5,
                next_producer_id: -1,
                timeout_ms: 60_000,
                state: TransactionState::PrepareAbort,
                partitions: partitions(),
                groups: vec!["g".to_owned()],
                started_at_ms: 10,
                updated_at_ms: 20,
            }),
            TransactionEntry::Joined {
                transactional_id: "t".to_owned(),
                partitions: partitions(),
                groups: Vec::new(),
            },
            TransactionEntry::Forgotten { transactional_id: "t".to_owned() },
            TransactionEntry::ProducerIds { until: 1_000 },
        ]
    }

    #[test]
    fn every_kind_of_entry_is_read_as_it_was_written() {
        for entry in entries() {
            assert_eq!(TransactionEntry::decode(entry.encode()).unwrap(), entry);
        }
    }

    #[test]
    fn torn_prolonged_and_foreign_entries_are_refused() {
        for entry in entries() {
            let bytes = entry.encode();
            for len in 0..bytes.len() {
                assert!(
                    TransactionEntry::decode(bytes.slice(..len)).is_err(),
                    "{entry:?} at {len}"
                );
            }
            let mut longer = bytes.to_vec();
            longer.push(0);
            assert!(TransactionEntry::decode(Bytes::from(longer)).is_err());
        }
        assert!(TransactionEntry::decode(Bytes::from_static(&[2, FORGOTTEN, 2, b't'])).is_err());
        assert!(TransactionEntry::decode(Bytes::from_static(&[1, 99])).is_err());
    }

    /// Bytes that an earlier build wrote: they must stay readable.
    #[test]
    fn the_encoding_is_fixed() {
        let bytes = [
            1, 1, 2, b't', 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 255, 255,
            255, 255, 255, 255, 255, 255, 0, 0, 0xea, 0x60, 3, 2, 7, b'v', b'i', b's', b'i', b't',
            b's', 0, 0, 0, 1, 2, 2, b'g', 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 20,
        ];
        let entry = &entries()[0];
        assert_eq!(entry.encode(), Bytes::copy_from_slice(&bytes));
        assert_eq!(&TransactionEntry::decode(Bytes::copy_from_slice(&bytes)).unwrap(), entry);
    }
}
