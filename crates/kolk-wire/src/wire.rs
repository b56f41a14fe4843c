//! How a value stands in a frame: the [`Wire`] trait, its implementations for Kafka's types, and the `wire_struct!`
//! macro with which every message is declared.

use crate::read::{DecodeError, LengthWidth, Reader};
use crate::write::Writer;
use bytes::Bytes;

/// The version of a message, and whether that version is flexible (compact lengths and tagged fields, KIP-482).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The message's version.
    pub number: i16,
    /// Whether lengths are compact and structures end with tagged fields.
    pub flexible: bool,
}

/// A value that can be read from and written to a frame at a given version.
pub trait Wire: Sized {
    /// Reads the value at the reader's position.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not such a value.
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError>;

    /// Writes the value. Fields that the version lacks are left out.
    fn write(&self, writer: &mut Writer, version: Version);
}

/// A structure declared with `wire_struct!`: what `Vec<T>` and `Option<T>` need to know apart from primitives.
pub trait WireStruct: Wire {}

macro_rules! primitive {
    ($($ty:ty => $read:ident),*) => {$(
        impl Wire for $ty {
            fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
                reader.$read()
            }

            fn write(&self, writer: &mut Writer, _: Version) {
                writer.put(&self.to_be_bytes());
            }
        }
    )*};
}
primitive!(i8 => i8, i16 => i16, u16 => u16, i32 => i32, u32 => u32, i64 => i64, f64 => f64);

impl Wire for bool {
    fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        Ok(reader.i8()? != 0)
    }

    fn write(&self, writer: &mut Writer, _: Version) {
        writer.put(&[u8::from(*self)]);
    }
}

/// A topic id or another UUID; all zero means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// Whether it is all zero: no id.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl Wire for Uuid {
    fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        Ok(Self(reader.uuid()?))
    }

    fn write(&self, writer: &mut Writer, _: Version) {
        writer.put(&self.0);
    }
}

/// Longest string in bytes; a longer one, which only a message for people can be, is written as its beginning.
const STRING_LEN_MAX: usize = i16::MAX as usize;

pub(crate) fn write_length(
    writer: &mut Writer,
    version: Version,
    width: LengthWidth,
    len: Option<usize>,
) {
    // Lengths beyond the width cannot arise: strings are cut, batches and requests bounded far below.
    if version.flexible {
        writer.unsigned_varint(len.map_or(0, |len| u32::try_from(len + 1).unwrap_or(u32::MAX)));
        return;
    }
    let len = len.map_or(-1, |len| i32::try_from(len).unwrap_or(i32::MAX));
    match width {
        LengthWidth::Two => writer.put(&i16::try_from(len).unwrap_or(i16::MAX).to_be_bytes()),
        LengthWidth::Four => writer.put(&len.to_be_bytes()),
    }
}

impl Wire for Option<String> {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        let Some(len) = reader.length(version.flexible, LengthWidth::Two, "STRING")? else {
            return Ok(None);
        };
        // Compact lengths could say more, but Apache Kafka refuses that too: not every version could carry it.
        if len > STRING_LEN_MAX {
            return Err(reader.invalid("STRING", "longer than 32767 bytes"));
        }
        reader.charge(len)?;
        let bytes = reader.take(len, "STRING")?;
        match str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(reader.invalid("STRING", "not UTF-8")),
        }
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        match self {
            None => write_length(writer, version, LengthWidth::Two, None),
            Some(text) => text.write(writer, version),
        }
    }
}

impl Wire for String {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        Option::<Self>::read(reader, version)?.ok_or_else(|| reader.invalid("STRING", "null"))
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        let text = &self[..self.floor_char_boundary(STRING_LEN_MAX)];
        write_length(writer, version, LengthWidth::Two, Some(text.len()));
        writer.put(text.as_bytes());
    }
}

impl Wire for Option<Bytes> {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        match reader.length(version.flexible, LengthWidth::Four, "BYTES")? {
            Some(len) => reader.take(len, "BYTES").map(Some),
            None => Ok(None),
        }
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        write_length(writer, version, LengthWidth::Four, self.as_ref().map(Bytes::len));
        if let Some(bytes) = self {
            writer.put_shared(bytes);
        }
    }
}

impl Wire for Bytes {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        Option::<Self>::read(reader, version)?.ok_or_else(|| reader.invalid("BYTES", "null"))
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        write_length(writer, version, LengthWidth::Four, Some(self.len()));
        writer.put_shared(self);
    }
}

impl<T: Wire> Wire for Option<Vec<T>> {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        // Every element takes at least one byte, so `length` has bounded the count by what remains.
        let Some(count) = reader.length(version.flexible, LengthWidth::Four, "ARRAY")? else {
            return Ok(None);
        };
        reader.charge(count.saturating_mul(size_of::<T>()))?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(T::read(reader, version)?);
        }
        Ok(Some(items))
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        write_length(writer, version, LengthWidth::Four, self.as_ref().map(Vec::len));
        for item in self.iter().flatten() {
            item.write(writer, version);
        }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        Option::<Self>::read(reader, version)?.ok_or_else(|| reader.invalid("ARRAY", "null"))
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        write_length(writer, version, LengthWidth::Four, Some(self.len()));
        for item in self {
            item.write(writer, version);
        }
    }
}

/// A nullable structure: one byte, −1 for null or 1, then the structure (KIP-893).
impl<T: WireStruct> Wire for Option<T> {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        if reader.i8()? < 0 { Ok(None) } else { T::read(reader, version).map(Some) }
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        match self {
            None => writer.put(&(-1i8).to_be_bytes()),
            Some(value) => {
                writer.put(&1i8.to_be_bytes());
                value.write(writer, version);
            }
        }
    }
}

/// Writes a field that not every version allows to be null; Java clients refuse a null out of place.
pub(crate) fn write_nullable<T: Wire + Default>(
    value: &Option<T>,
    writer: &mut Writer,
    version: Version,
    nullable: bool,
) where
    Option<T>: Wire,
{
    match value {
        None if !nullable => T::default().write(writer, version),
        _ => value.write(writer, version),
    }
}

/// Declares a structure of the protocol: each field with its type, the versions that have it, and its default.
///
/// ```text
/// wire_struct! {
///     /// What it is for.
///     pub struct FetchRequest {
///         /// Doc.
///         pub replica_id: i32 [0..=14] = -1,      // default −1, and −1 in versions that lack the field
///         /// Doc.
///         pub max_wait_ms: i32 [0..],             // default: that of the type
///         /// Doc.
///         pub cluster_id: Option<String> [tag 0, 12..],
///         /// Doc.
///         pub protocol_name: Option<String> [0.., null 7..],   // up to version 6, null is written as empty
///     }
/// }
/// ```
///
/// Nullability is the type's: `Option<String>`, `Option<Bytes>`, `Option<Vec<T>>`. Unknown tagged fields are passed over.
macro_rules! wire_struct {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident : $ty:ty [ $($spec:tt)* ] $(= $default:expr)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $ty, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $crate::wire::wire_default!($($default)?), )* }
            }
        }

        impl $crate::wire::WireStruct for $name {}

        #[cfg(test)]
        impl $crate::sample::Sample for $name {
            #[allow(unused_mut, unused_variables, reason = "some structures have no fields")]
            fn sample(entropy: &mut $crate::sample::Entropy<'_>, version: $crate::wire::Version) -> Self {
                let mut value = Self::default();
                $( $crate::wire::wire_sample!(entropy, version, value.$field, $($spec)*); )*
                value
            }
        }

        impl $crate::wire::Wire for $name {
            #[allow(unused_mut, unused_variables, clippy::manual_range_contains, reason = "some structures have no fields")]
            fn read(
                reader: &mut $crate::read::Reader,
                version: $crate::wire::Version,
            ) -> Result<Self, $crate::read::DecodeError> {
                let mut value = Self::default();
                $( $crate::wire::wire_read!(reader, version, value.$field, $($spec)*); )*
                if version.flexible {
                    for _ in 0..reader.unsigned_varint()? {
                        let tag = reader.unsigned_varint()?;
                        let size = reader.unsigned_varint()? as usize;
                        let end = reader.position().saturating_add(size);
                        if size > reader.remaining() {
                            return Err(reader.invalid("TAGGED_FIELD", "longer than the frame"));
                        }
                        $( $crate::wire::wire_read_tag!(reader, version, tag, value.$field, $($spec)*); )*
                        match end.checked_sub(reader.position()) {
                            Some(rest) => reader.skip(rest, "TAGGED_FIELD")?,
                            None => return Err(reader.invalid("TAGGED_FIELD", "longer than its size")),
                        }
                    }
                }
                Ok(value)
            }

            #[allow(unused_mut, unused_variables, reason = "some structures have no tagged fields")]
            fn write(&self, writer: &mut $crate::write::Writer, version: $crate::wire::Version) {
                $( $crate::wire::wire_write!(writer, version, self.$field, $($spec)*); )*
                if version.flexible {
                    let defaults = Self::default();
                    let mut tagged: Vec<(u32, $crate::write::Writer)> = Vec::new();
                    $( $crate::wire::wire_write_tag!(tagged, version, self.$field, defaults.$field, $($spec)*); )*
                    writer.unsigned_varint(u32::try_from(tagged.len()).unwrap_or(u32::MAX));
                    for (tag, body) in tagged {
                        writer.unsigned_varint(tag);
                        writer.unsigned_varint(u32::try_from(body.len()).unwrap_or(u32::MAX));
                        writer.append(body);
                    }
                }
            }
        }
    };
}

macro_rules! wire_default {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

macro_rules! wire_read {
    ($reader:ident, $version:ident, $field:expr, tag $tag:literal, $range:expr) => {};
    ($reader:ident, $version:ident, $field:expr, $range:expr $(, null $nullable:expr)?) => {
        if ($range).contains(&$version.number) {
            $field = $crate::wire::Wire::read($reader, $version)?;
        }
    };
}

macro_rules! wire_read_tag {
    ($reader:ident, $version:ident, $seen:ident, $field:expr, tag $tag:literal, $range:expr) => {
        if $seen == $tag && ($range).contains(&$version.number) {
            $field = $crate::wire::Wire::read($reader, $version)?;
        }
    };
    ($reader:ident, $version:ident, $seen:ident, $field:expr, $range:expr $(, null $nullable:expr)?) => {};
}

macro_rules! wire_write {
    ($writer:ident, $version:ident, $field:expr, tag $tag:literal, $range:expr) => {};
    ($writer:ident, $version:ident, $field:expr, $range:expr, null $nullable:expr) => {
        if ($range).contains(&$version.number) {
            let nullable = ($nullable).contains(&$version.number);
            $crate::wire::write_nullable(&$field, $writer, $version, nullable);
        }
    };
    ($writer:ident, $version:ident, $field:expr, $range:expr) => {
        if ($range).contains(&$version.number) {
            $crate::wire::Wire::write(&$field, $writer, $version);
        }
    };
}

macro_rules! wire_write_tag {
    ($tagged:ident, $version:ident, $field:expr, $default:expr, tag $tag:literal, $range:expr) => {
        if ($range).contains(&$version.number) && $field != $default {
            let mut body = $crate::write::Writer::new();
            $crate::wire::Wire::write(&$field, &mut body, $version);
            $tagged.push(($tag, body));
        }
    };
    ($tagged:ident, $version:ident, $field:expr, $default:expr, $range:expr $(, null $nullable:expr)?) => {};
}

/// For tests: a field that the version has gets some value.
#[cfg(test)]
macro_rules! wire_sample {
    ($entropy:ident, $version:ident, $field:expr, tag $tag:literal, $range:expr) => {
        $crate::wire::wire_sample!($entropy, $version, $field, $range);
    };
    ($entropy:ident, $version:ident, $field:expr, $range:expr, null $nullable:expr) => {
        $crate::wire::wire_sample!($entropy, $version, $field, $range);
        if ($range).contains(&$version.number) && !($nullable).contains(&$version.number) {
            $field = Some($field.unwrap_or_default());
        }
    };
    ($entropy:ident, $version:ident, $field:expr, $range:expr) => {
        if ($range).contains(&$version.number) {
            $field = $crate::sample::Sample::sample($entropy, $version);
        }
    };
}

#[cfg(test)]
pub(crate) use wire_sample;
pub(crate) use {wire_default, wire_read, wire_read_tag, wire_struct, wire_write, wire_write_tag};
