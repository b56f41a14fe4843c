//! Names of things that transactions and groups share: a partition, a producer, an outcome.

use super::stored::stored;
use kolk_wire::{DecodeError, Reader, Version, Wire, Writer};
use std::fmt;

stored! {
    /// A partition of a topic.
    #[derive(PartialOrd, Ord, Hash)]
    pub struct TopicPartition {
        /// The topic's name.
        pub topic: String,
        /// The partition's number.
        pub partition: i32,
    }
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    #[must_use]
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A producer at one of its epochs. A higher epoch of the same id fences the lower ones (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Producer {
    /// Producer id.
    pub id: i64,
    /// Epoch, from 0.
    pub epoch: i16,
}

impl Producer {
    /// What the protocol writes where there is none: −1 and −1.
    pub const NONE: Self = Self { id: -1, epoch: -1 };
}

impl Wire for Producer {
    fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        Ok(Self { id: reader.i64()?, epoch: reader.i16()? })
    }

    fn write(&self, writer: &mut Writer, _: Version) {
        writer.put(&self.id.to_be_bytes());
        writer.put(&self.epoch.to_be_bytes());
    }
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionResult {
    /// What it wrote becomes visible.
    Commit,
    /// What it wrote is skipped by `read_committed` readers.
    Abort,
}

impl Wire for TransactionResult {
    fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        match reader.i8()? {
            0 => Ok(Self::Abort),
            1 => Ok(Self::Commit),
            _ => Err(reader.invalid("TransactionResult", "neither 0 nor 1")),
        }
    }

    fn write(&self, writer: &mut Writer, _: Version) {
        writer.put(&[u8::from(*self == Self::Commit)]);
    }
}
