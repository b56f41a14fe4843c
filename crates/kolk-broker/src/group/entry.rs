//! What the journal keeps of groups.

use super::member::Protocol;
use super::offset::PartitionOffset;
use crate::transaction::stored::{VERSION, begin, close, open, stored};
use crate::transaction::{TopicPartition, TransactionResult};
use bytes::Bytes;
use kolk_wire::{DecodeError, Reader, Wire, Writer};

/// One change that must survive a restart. Entries are replayed in the order in which they were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupEntry {
    /// The members and the generation; replaces the former ones, leaves the offsets alone.
    Group(GroupImage),
    /// The group and its offsets are gone.
    GroupDropped {
        /// Group.
        group_id: String,
    },
    /// Offsets were committed.
    Committed {
        /// Group.
        group_id: String,
        /// Offsets.
        offsets: Vec<PartitionOffset>,
    },
    /// Offsets were committed in a transaction that is still open.
    Pending {
        /// Group.
        group_id: String,
        /// The transaction's producer.
        producer_id: i64,
        /// Offsets.
        offsets: Vec<PartitionOffset>,
    },
    /// The transaction has ended for this group.
    TransactionEnded {
        /// Group.
        group_id: String,
        /// The transaction's producer.
        producer_id: i64,
        /// Whether its offsets count.
        result: TransactionResult,
    },
    /// Offsets were deleted, have expired, or lost their topic.
    OffsetsDropped {
        /// Group.
        group_id: String,
        /// Partitions.
        partitions: Vec<TopicPartition>,
    },
}

stored! {
    /// A group without its offsets: empty, or stable with all assignments.
    pub struct GroupImage {
        /// Group.
        pub group_id: String,
        /// Since when it is in its state.
        pub state_since_ms: i64,
        /// Generation.
        pub generation: i32,
        /// `consumer`, `connect`, ...
        pub protocol_type: Option<String>,
        /// The chosen protocol.
        pub protocol: Option<String>,
        /// The leader's member id.
        pub leader: Option<String>,
        /// Members.
        pub members: Vec<MemberImage>,
    }
}

stored! {
    /// A member.
    pub struct MemberImage {
        /// Member id.
        pub id: String,
        /// `group.instance.id` of a static member.
        pub instance_id: Option<String>,
        /// `client.id`.
        pub client_id: String,
        /// Address.
        pub client_host: String,
        /// In milliseconds.
        pub session_timeout_ms: i32,
        /// In milliseconds.
        pub rebalance_timeout_ms: i32,
        /// All that it offered.
        pub protocols: Vec<Protocol>,
        /// Its assignment.
        pub assignment: Bytes,
    }
}

const GROUP: u8 = 1;
const GROUP_DROPPED: u8 = 2;
const COMMITTED: u8 = 3;
const PENDING: u8 = 4;
const TRANSACTION_ENDED: u8 = 5;
const OFFSETS_DROPPED: u8 = 6;

impl GroupEntry {
    /// The entry as bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let put = |writer: &mut Writer, field: &dyn Field| field.put(writer);
        let (kind, fields): (u8, Vec<&dyn Field>) = match self {
            Self::Group(image) => (GROUP, vec![image]),
            Self::GroupDropped { group_id } => (GROUP_DROPPED, vec![group_id]),
            Self::Committed { group_id, offsets } => (COMMITTED, vec![group_id, offsets]),
            Self::Pending { group_id, producer_id, offsets } => {
                (PENDING, vec![group_id, producer_id, offsets])
            }
            Self::TransactionEnded { group_id, producer_id, result } => {
                (TRANSACTION_ENDED, vec![group_id, producer_id, result])
            }
            Self::OffsetsDropped { group_id, partitions } => {
                (OFFSETS_DROPPED, vec![group_id, partitions])
            }
        };
        let mut writer = begin(kind);
        for field in fields {
            put(&mut writer, field);
        }
        writer.into_bytes()
    }

    /// Reads what [`Self::encode`] wrote, now or in an earlier version.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are no such entry.
    pub fn decode(entry: Bytes) -> Result<Self, DecodeError> {
        let (kind, mut reader) = open(entry)?;
        let reader = &mut reader;
        let entry = match kind {
            GROUP => Self::Group(get(reader)?),
            GROUP_DROPPED => Self::GroupDropped { group_id: get(reader)? },
            COMMITTED => Self::Committed { group_id: get(reader)?, offsets: get(reader)? },
            PENDING => Self::Pending {
                group_id: get(reader)?,
                producer_id: get(reader)?,
                offsets: get(reader)?,
            },
            TRANSACTION_ENDED => Self::TransactionEnded {
                group_id: get(reader)?,
                producer_id: get(reader)?,
                result: get(reader)?,
            },
            OFFSETS_DROPPED => {
                Self::OffsetsDropped { group_id: get(reader)?, partitions: get(reader)? }
            }
            _ => return Err(reader.invalid("entry", "a kind that this version does not know")),
        };
        close(reader, entry)
    }
}

fn get<T: Wire>(reader: &mut Reader) -> Result<T, DecodeError> {
    T::read(reader, VERSION)
}

/// [`Wire`] as a trait object.
trait Field {
    fn put(&self, writer: &mut Writer);
}

impl<T: Wire> Field for T {
    fn put(&self, writer: &mut Writer) {
        self.write(writer, VERSION);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::CommittedOffset;

    fn entries() -> Vec<GroupEntry> {
        let group_id = || "g".to_owned();
        let partition = || TopicPartition::new("visits", 3);
        let offset = CommittedOffset {
            offset: 42,
            leader_epoch: -1,
            metadata: "ä".to_owned(),
            committed_at_ms: 1_700_000_000_000,
            expires_at_ms: -1,
        };
        let offsets = || vec![PartitionOffset { partition: partition(), offset: offset.clone() }];
        let member = MemberImage {
            id: "m-1".to_owned(),
            instance_id: Some("one".to_owned()),
            client_id: "c".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocols: vec![Protocol {
                name: "range".to_owned(),
                metadata: Bytes::from_static(b"x"),
            }],
            assignment: Bytes::from_static(b"yz"),
        };
        vec![
            GroupEntry::Group(GroupImage {
                group_id: group_id(),
                state_since_ms: 5,
                generation: 7,
                protocol_type: Some("consumer".to_owned()),
                protocol: None,
                leader: Some("m-1".to_owned()),
                members: vec![member],
            }),
            GroupEntry::GroupDropped { group_id: group_id() },
            GroupEntry::Committed { group_id: group_id(), offsets: offsets() },
            GroupEntry::Pending { group_id: group_id(), producer_id: 9, offsets: offsets() },
            GroupEntry::TransactionEnded {
                group_id: group_id(),
                producer_id: 9,
                result: TransactionResult::Commit,
            },
            GroupEntry::OffsetsDropped { group_id: group_id(), partitions: vec![partition()] },
        ]
    }

    #[test]
    fn every_kind_of_entry_is_read_as_it_was_written() {
        for entry in entries() {
            assert_eq!(GroupEntry::decode(entry.encode()).unwrap(), entry);
        }
    }

    #[test]
    fn torn_prolonged_and_foreign_entries_are_refused() {
        for entry in entries() {
            let bytes = entry.encode();
            for len in 0..bytes.len() {
                assert!(GroupEntry::decode(bytes.slice(..len)).is_err(), "{entry:?} cut at {len}");
            }
            let mut longer = bytes.to_vec();
            longer.push(0);
            assert!(GroupEntry::decode(Bytes::from(longer)).is_err());
        }
        assert!(GroupEntry::decode(Bytes::from_static(&[2, GROUP_DROPPED, 2, b'g'])).is_err());
        assert!(GroupEntry::decode(Bytes::from_static(&[1, 99])).is_err());
    }

    /// Bytes that an earlier build wrote: they must stay readable.
    #[test]
    fn the_encoding_is_fixed() {
        let entry = &entries()[3];
        let bytes = [
            1, 4, 2, b'g', 0, 0, 0, 0, 0, 0, 0, 9, 2, 7, b'v', b'i', b's', b'i', b't', b's', 0, 0,
            0, 3, 0, 0, 0, 0, 0, 0, 0, 42, 255, 255, 255, 255, 3, 0xc3, 0xa4, 0, 0, 0x01, 0x8b,
            0xcf, 0xe5, 0x68, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        ];
        assert_eq!(entry.encode(), Bytes::copy_from_slice(&bytes));
        assert_eq!(&GroupEntry::decode(Bytes::copy_from_slice(&bytes)).unwrap(), entry);
    }
}
