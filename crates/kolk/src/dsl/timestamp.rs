//! A point in time as a field of a typed row: the column is TIMESTAMP.

use crate::codec::timestamp;
use crate::codec::zone::Zone;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// The name under which serde hears of it.
pub(super) const NAME: &str = "$kolk::Timestamp";

/// Milliseconds since 1970-01-01T00:00:00Z. A field of this type is a TIMESTAMP column: ISO 8601 text or a number in JSON.
/// Text that this type itself reads, without an offset, is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(NAME, &self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, Reader)
    }
}

/// Reads numbers, and text with an offset from UTC.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("milliseconds since 1970, or ISO 8601 text")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_i64<E>(self, milliseconds: i64) -> Result<Timestamp, E> {
        Ok(Timestamp(milliseconds))
    }

    fn visit_u64<E: Error>(self, milliseconds: u64) -> Result<Timestamp, E> {
        i64::try_from(milliseconds).map(Timestamp).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
        let read = timestamp::parse(text.as_bytes(), &mut Zone::utc());
        read.map(Timestamp).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}
