//! Kafka's own serializers: one value, numbers big endian, text UTF-8, a boolean one byte.

use crate::schema::DataType;

/// Bytes that are no value of the wanted type; the text says what was expected.
pub type Expected = &'static str;

/// The bytes as an array of a number's size.
///
/// # Errors
/// What was expected instead.
pub fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Expected> {
    let expected = match N {
        1 => "1 byte",
        4 => "4 bytes",
        _ => "8 bytes",
    };
    bytes.try_into().map_err(|_| expected)
}

/// BOOLEAN.
///
/// # Errors
/// What was expected instead.
pub fn boolean(bytes: &[u8]) -> Result<bool, Expected> {
    match fixed::<1>(bytes)? {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err("a byte 0 or 1"),
    }
}

/// STRING.
///
/// # Errors
/// What was expected instead.
pub fn text(bytes: &[u8]) -> Result<&str, Expected> {
    std::str::from_utf8(bytes).map_err(|_| "UTF-8")
}

/// Whether the serializers have this type.
#[must_use]
pub fn has(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(data_type, T::Integer | T::Bigint | T::Double | T::String | T::Bytes | T::Boolean)
}
