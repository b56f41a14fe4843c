//! The bytes inside JoinGroup and SyncGroup of consumer groups: subscriptions and assignments ("consumer" protocol).
//!
//! Their schemas are Kafka's `ConsumerProtocolSubscription` (versions 0–3: owned partitions of KIP-429 from 1, generation of
//! KIP-792 from 2, rack of KIP-881 from 3) and `ConsumerProtocolAssignment`, so that every tool can show them. What Kolk
//! adds, co-partition groups and warm partitions, travels in the user data.

use crate::client::TopicPartition;
use bytes::Bytes;
use kolk_wire::{DecodeError, Reader, Version, Wire, Writer};
use std::collections::BTreeMap;

/// The version written; any newer one is read up to the fields known here, as Kafka's own clients do.
pub const SUBSCRIPTION_VERSION: i16 = 3;
/// The version of assignments written: 1 says that the member speaks the cooperative protocol; the fields never changed.
pub const ASSIGNMENT_VERSION: i16 = 1;
/// The version of [`KolkUserData`] written.
pub const USER_DATA_VERSION: i16 = 1;

const PLAIN: Version = Version { number: 0, flexible: false };

/// What a member tells the group's leader about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// Topics that it wants to read.
    pub topics: Vec<String>,
    /// Whatever the assignor wants to know: for Kolk's a [`KolkUserData`].
    pub user_data: Option<Bytes>,
    /// Partitions that it holds and has not given up.
    pub owned: Vec<TopicPartition>,
    /// The generation in which it got them; −1: none, or not told.
    pub generation: i32,
    /// Its rack, if known.
    pub rack: Option<String>,
}

impl Subscription {
    /// The bytes for JoinGroup.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        SUBSCRIPTION_VERSION.write(&mut writer, PLAIN);
        self.topics.write(&mut writer, PLAIN);
        self.user_data.write(&mut writer, PLAIN);
        grouped(&self.owned).write(&mut writer, PLAIN);
        self.generation.write(&mut writer, PLAIN);
        self.rack.write(&mut writer, PLAIN);
        writer.into_bytes()
    }

    /// Reads the bytes of another member.
    ///
    /// # Errors
    /// [`DecodeError`] when they are not a subscription.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16()?;
        if version < 0 {
            return Err(reader.invalid("SUBSCRIPTION", "negative version"));
        }
        let topics = Wire::read(&mut reader, PLAIN)?;
        let user_data = Wire::read(&mut reader, PLAIN)?;
        let mut subscription = Self { topics, user_data, generation: -1, ..Self::default() };
        if version >= 1 {
            subscription.owned = flattened(&mut reader)?;
        }
        if version >= 2 {
            subscription.generation = reader.i32()?;
        }
        if version >= 3 {
            subscription.rack = Wire::read(&mut reader, PLAIN)?;
        }
        Ok(subscription)
    }
}

/// What the leader gives to a member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assignment {
    /// The partitions, sorted by topic and number.
    pub partitions: Vec<TopicPartition>,
    /// Whatever the assignor wants to tell.
    pub user_data: Option<Bytes>,
}

impl Assignment {
    /// The bytes for SyncGroup.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        ASSIGNMENT_VERSION.write(&mut writer, PLAIN);
        grouped(&self.partitions).write(&mut writer, PLAIN);
        self.user_data.write(&mut writer, PLAIN);
        writer.into_bytes()
    }

    /// Reads the bytes from the leader; no bytes at all are an empty assignment.
    ///
    /// # Errors
    /// [`DecodeError`] when they are not an assignment.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(bytes);
        if reader.i16()? < 0 {
            return Err(reader.invalid("ASSIGNMENT", "negative version"));
        }
        let mut partitions = flattened(&mut reader)?;
        partitions.sort();
        Ok(Self { partitions, user_data: Wire::read(&mut reader, PLAIN)? })
    }
}

/// User data of members that use the assignor `kolk`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KolkUserData {
    /// Sets of topics whose partitions of the same number belong to the same task. A topic in none is a set of its own.
    pub copartitioned: Vec<Vec<String>>,
    /// Partitions whose state this member has on its disk though it does not own them: it gets them if nobody else has them, and
    /// before others if some must move to it.
    pub warm: Vec<TopicPartition>,
}

impl KolkUserData {
    /// The bytes for [`Subscription::user_data`].
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        USER_DATA_VERSION.write(&mut writer, PLAIN);
        self.copartitioned.write(&mut writer, PLAIN);
        grouped(&self.warm).write(&mut writer, PLAIN);
        writer.into_bytes()
    }

    /// Reads the user data of another member; a later version is read as far as known.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not such user data.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.i16()? < USER_DATA_VERSION {
            return Err(reader.invalid("KOLK_USER_DATA", "unknown version"));
        }
        let copartitioned = Wire::read(&mut reader, PLAIN)?;
        Ok(Self { copartitioned, warm: flattened(&mut reader)? })
    }
}

/// Partitions of one topic as the protocol writes them.
struct PartitionsOfTopic {
    topic: String,
    partitions: Vec<i32>,
}

impl Wire for PartitionsOfTopic {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        let topic = Wire::read(reader, version)?;
        Ok(Self { topic, partitions: Wire::read(reader, version)? })
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        self.topic.write(writer, version);
        self.partitions.write(writer, version);
    }
}

fn grouped(partitions: &[TopicPartition]) -> Vec<PartitionsOfTopic> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    let of = |(topic, mut partitions): (&str, Vec<i32>)| {
        partitions.sort_unstable();
        PartitionsOfTopic { topic: topic.to_owned(), partitions }
    };
    topics.into_iter().map(of).collect()
}

fn flattened(reader: &mut Reader) -> Result<Vec<TopicPartition>, DecodeError> {
    let topics: Vec<PartitionsOfTopic> = Wire::read(reader, PLAIN)?;
    let mut partitions = Vec::new();
    for PartitionsOfTopic { topic, partitions: numbers } in topics {
        // One name is shared by all partitions of its topic, so the cost is that of the numbers that were in the frame.
        reader.charge(numbers.len().saturating_mul(size_of::<TopicPartition>() / 4))?;
        let topic: std::sync::Arc<str> = topic.into();
        for partition in numbers {
            if partition < 0 {
                return Err(reader.invalid("PARTITION", "negative"));
            }
            partitions.push(TopicPartition { topic: std::sync::Arc::clone(&topic), partition });
        }
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tp(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition::new(topic, partition)
    }

    #[test]
    fn a_subscription_has_the_bytes_that_kafkas_tools_read() {
        let subscription = Subscription {
            topics: vec!["ab".into()],
            user_data: None,
            owned: vec![tp("ab", 1), tp("ab", 0)],
            generation: 7,
            rack: None,
        };
        let expected = [
            &[0, 3][..],                           // version
            &[0, 0, 0, 1, 0, 2, b'a', b'b'],       // topics
            &[0xff, 0xff, 0xff, 0xff],             // user data: null
            &[0, 0, 0, 1, 0, 2, b'a', b'b'],       // owned partitions: one topic
            &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1], // its two partitions
            &[0, 0, 0, 7],                         // generation
            &[0xff, 0xff],                         // rack: null
        ]
        .concat();
        assert_eq!(&subscription.encode()[..], &expected[..]);
    }

    #[test]
    fn older_and_newer_versions_are_read() {
        let v0 = Bytes::from_static(&[0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 9]);
        let read = Subscription::decode(v0).unwrap();
        assert_eq!(read.topics, ["t"]);
        assert_eq!(read.user_data.as_deref(), Some(&[9][..]));
        assert_eq!((read.owned.len(), read.generation), (0, -1));

        let mut v9 =
            Subscription { topics: vec!["t".into()], ..Subscription::default() }.encode().to_vec();
        v9[1] = 9;
        v9.extend_from_slice(b"fields of a later version");
        assert_eq!(Subscription::decode(v9.into()).unwrap().topics, ["t"]);
    }

    #[test]
    fn no_bytes_are_an_empty_assignment() {
        assert_eq!(Assignment::decode(Bytes::new()).unwrap(), Assignment::default());
    }

    #[test]
    fn a_count_beyond_the_bytes_is_refused() {
        let bytes = Bytes::from_static(&[0, 1, 0x7f, 0xff, 0xff, 0xff]);
        assert!(Assignment::decode(bytes).is_err());
    }

    fn partitions() -> impl Strategy<Value = Vec<TopicPartition>> {
        proptest::collection::btree_set(("[a-c]{1,2}", 0..9i32), 0..12).prop_map(|set| {
            set.into_iter().map(|(topic, partition)| tp(&topic, partition)).collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            topics in proptest::collection::vec("[a-z]{1,9}", 0..4),
            owned in partitions(),
            warm in partitions(),
            generation in -1..99i32,
        ) {
            let data = KolkUserData { copartitioned: vec![topics.clone()], warm };
            let user_data = data.encode();
            prop_assert_eq!(KolkUserData::decode(user_data.clone()).unwrap(), data);
            let assignment = Assignment { partitions: owned.clone(), user_data: None };
            prop_assert_eq!(Assignment::decode(assignment.encode()).unwrap(), assignment);
            let rack = Some("r".to_owned());
            let subscription = Subscription { topics, user_data: Some(user_data), owned, generation, rack };
            prop_assert_eq!(Subscription::decode(subscription.encode()).unwrap(), subscription);
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let bytes = Bytes::from(bytes);
            let _ = Subscription::decode(bytes.clone());
            let _ = Assignment::decode(bytes.clone());
            let _ = KolkUserData::decode(bytes);
        }
    }
}
