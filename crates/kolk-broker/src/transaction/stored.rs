//! Structures as they stand in the broker's journal: fields one after the other, in their order, compact lengths.
//!
//! An entry is a format byte, a kind byte and the fields of that kind. A new field means a new kind; old kinds stay readable.

use bytes::Bytes;
use kolk_wire::{DecodeError, Reader, Version, Writer};

/// The first byte of every entry.
pub(crate) const FORMAT: u8 = 1;
/// Lengths as varints; the number is not looked at by the field types that entries use.
pub(crate) const VERSION: Version = Version { number: 0, flexible: true };

/// Declares a structure with public fields that is written field by field.
macro_rules! stored {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident : $ty:ty ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $ty, )*
        }

        impl ::kolk_wire::Wire for $name {
            fn read(
                reader: &mut ::kolk_wire::Reader,
                version: ::kolk_wire::Version,
            ) -> Result<Self, ::kolk_wire::DecodeError> {
                Ok(Self { $( $field: ::kolk_wire::Wire::read(reader, version)?, )* })
            }

            fn write(&self, writer: &mut ::kolk_wire::Writer, version: ::kolk_wire::Version) {
                $( ::kolk_wire::Wire::write(&self.$field, writer, version); )*
            }
        }
    };
}
pub(crate) use stored;

/// Starts an entry of this kind.
pub(crate) fn begin(kind: u8) -> Writer {
    let mut writer = Writer::new();
    writer.put(&[FORMAT, kind]);
    writer
}

/// Reads the format and the kind of an entry.
pub(crate) fn open(entry: Bytes) -> Result<(u8, Reader), DecodeError> {
    let mut reader = Reader::new(entry);
    let format = reader.i8()?;
    if format != FORMAT.cast_signed() {
        return Err(
            reader.invalid("entry", "a format that this version of the broker does not know")
        );
    }
    let kind = reader.i8()?.cast_unsigned();
    Ok((kind, reader))
}

/// Checks that an entry was read to its end.
pub(crate) fn close<T>(reader: &Reader, entry: T) -> Result<T, DecodeError> {
    if reader.remaining() > 0 {
        return Err(reader.invalid("entry", "longer than its fields"));
    }
    Ok(entry)
}
