//! Control batches: the markers that end a transaction in a partition (KIP-98).
//!
//! ```text
//! key    version: i16 = 0 │ type: i16   0 abort, 1 commit; others belong to KRaft
//! value  version: i16 = 0 │ coordinator_epoch: i32
//! ```

use super::builder::BatchBuilder;
use super::compression::Compression;
use super::header::{bit, invalid};
use crate::read::DecodeError;
use bytes::BytesMut;

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlKind {
    /// Its records are void.
    Abort,
    /// Its records hold.
    Commit,
}

/// What a control record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlRecord {
    /// A transaction ended.
    End(ControlKind),
    /// Something that concerns no reader of records, or that a later version of Kafka has invented: to be passed over.
    Other(i16),
}

impl ControlRecord {
    /// Reads the key of a control record.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] when there is no key, or one that is too short or of a negative version.
    pub fn parse(key: Option<&[u8]>) -> Result<Self, DecodeError> {
        // A version is not negative; later ones keep the type where it is.
        let Some([..0x80, _, kind @ ..]) = key.and_then(|key| key.first_chunk::<4>()) else {
            return Err(invalid("control record", 0, "its key is not a version and a type"));
        };
        Ok(match i16::from_be_bytes(*kind) {
            0 => Self::End(ControlKind::Abort),
            1 => Self::End(ControlKind::Commit),
            other => Self::Other(other),
        })
    }

    /// Reads the coordinator's epoch from the value of an abort or commit marker.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] when the value is missing or too short.
    pub fn coordinator_epoch(value: Option<&[u8]>) -> Result<i32, DecodeError> {
        match value.and_then(|value| value.first_chunk::<6>()) {
            Some([_, _, epoch @ ..]) => Ok(i32::from_be_bytes(*epoch)),
            None => Err(invalid("control record", 0, "its value is not a version and an epoch")),
        }
    }
}

/// A batch with the marker that ends a transaction; `timestamp` in milliseconds.
#[must_use]
pub fn control_batch(
    kind: ControlKind,
    producer_id: i64,
    producer_epoch: i16,
    coordinator_epoch: i32,
    timestamp: i64,
) -> BytesMut {
    let kind: u8 = match kind {
        ControlKind::Abort => 0,
        ControlKind::Commit => 1,
    };
    let [a, b, c, d] = coordinator_epoch.to_be_bytes();
    let mut builder = BatchBuilder::new(Compression::None);
    let pushed = builder.push(timestamp, Some(&[0, 0, 0, kind]), Some(&[0, 0, a, b, c, d]), &[]);
    debug_assert_eq!(pushed, Ok(()), "a marker fits into a batch");
    builder.finish_with(|header| {
        header.attributes |= bit::TRANSACTIONAL | bit::CONTROL;
        header.producer_id = producer_id;
        header.producer_epoch = producer_epoch;
    })
}
