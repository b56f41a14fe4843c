//! The keys of the rows of a batch, as bytes that compare and hash as the values do.
//!
//! Each column is a marker, 0 for NULL or 1, and the value: numbers big-endian with the sign turned, so that negative ones come
//! first; text and bytes with 0 written as `00 ff`, and `00 00` behind them. So no key is the beginning of another of the same
//! columns, NULLs come first, and something can be written behind a key without leading to another one.

use crate::operator::appender::Appender;
use crate::operator::column::{Column, Vector};
use crate::schema::DataType;
use crate::state::row::{Corrupt, take};
use memchr::memchr;
use std::ops::Range;

const NULL: u8 = 0;
const VALUE: u8 = 1;
/// What follows a byte 0 of a text; anything else ends it.
const ESCAPED: u8 = 0xff;

/// The keys of a batch, in memory that is used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
    /// Where each key ends.
    ends: Vec<usize>,
    /// Whether a column of the key is NULL.
    nulls: Vec<bool>,
}

impl Keys {
    /// No keys.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Replaces the keys by those of `rows` rows.
    ///
    /// NaNs are one key; 0.0 and -0.0 are two, as they are in the bytes of Kafka's keys.
    pub(crate) fn encode(&mut self, columns: &[&Vector], rows: usize) {
        self.encode_some(columns, 0..rows);
    }

    /// The same for some of the rows, which are numbered from the first of them.
    pub(crate) fn encode_some(&mut self, columns: &[&Vector], rows: Range<usize>) {
        self.clear();
        for row in rows {
            let mut null = false;
            for column in columns {
                null |= !encode_value(column, row, &mut self.bytes);
            }
            self.ends.push(self.bytes.len());
            self.nulls.push(null);
        }
    }

    /// No keys; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.nulls.clear();
    }

    /// Adds a key that is made of two parts, and of no NULL.
    #[inline]
    pub(crate) fn push(&mut self, first: &[u8], second: &[u8]) {
        self.bytes.extend_from_slice(first);
        self.bytes.extend_from_slice(second);
        self.ends.push(self.bytes.len());
        self.nulls.push(false);
    }

    /// The key of a row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }

    /// Whether a column of a row's key is NULL.
    #[inline]
    pub(crate) fn has_null(&self, row: usize) -> bool {
        self.nulls[row]
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

/// Appends the key of a value of one column; whether it is not NULL.
#[inline]
pub(crate) fn encode_value(vector: &Vector, row: usize, into: &mut Vec<u8>) -> bool {
    macro_rules! fixed {
        ($lane:ident, $bytes:expr) => {
            match vector.$lane().get(row) {
                Some(value) => {
                    into.push(VALUE);
                    into.extend_from_slice(&$bytes(value));
                    return true;
                }
                None => {
                    into.push(NULL);
                    return false;
                }
            }
        };
    }
    let bytes = match &vector.column {
        Column::Boolean(_) => fixed!(boolean, |value| [u8::from(value)]),
        Column::Int32(_) => fixed!(int32, |value: i32| (value ^ i32::MIN).to_be_bytes()),
        Column::Int64(_) => fixed!(int64, |value: i64| (value ^ i64::MIN).to_be_bytes()),
        Column::Double(_) => fixed!(double, |value| ordered(value).to_be_bytes()),
        Column::Decimal(_) => fixed!(decimal, |value: i128| (value ^ i128::MIN).to_be_bytes()),
        Column::Text(_) => vector.text().get(row).map(str::as_bytes),
        Column::Bytes(_) => vector.bytes().get(row),
    };
    let Some(mut bytes) = bytes else {
        into.push(NULL);
        return false;
    };
    into.push(VALUE);
    while let Some(zero) = memchr(0, bytes) {
        into.extend_from_slice(&bytes[..=zero]);
        into.push(ESCAPED);
        bytes = &bytes[zero + 1..];
    }
    into.extend_from_slice(bytes);
    into.extend_from_slice(&[0, 0]);
    true
}

/// The bits of a number, so that they compare as the numbers do.
fn ordered(value: f64) -> u64 {
    let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn unordered(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 0 { !bits } else { bits & !(1 << 63) })
}

/// Adds the columns of a key to as many appenders. After an error some of them have a value more than others: they are of no
/// use then.
///
/// # Errors
/// [`Corrupt`] when the bytes are not the key of columns of these types.
pub(crate) fn decode_key(
    bytes: &[u8],
    types: &[DataType],
    into: &mut [Appender],
) -> Result<(), Corrupt> {
    let mut rest = bytes;
    decode_key_front(&mut rest, types, into)?;
    if rest.is_empty() { Ok(()) } else { Err(Corrupt("a key is longer than its columns")) }
}

/// Takes a key off the front of `rest`; otherwise as [`decode_key`].
///
/// # Errors
/// [`Corrupt`].
pub(crate) fn decode_key_front(
    rest: &mut &[u8],
    types: &[DataType],
    into: &mut [Appender],
) -> Result<(), Corrupt> {
    for (data_type, appender) in types.iter().zip(into) {
        match take::<1>(rest)? {
            [NULL] => appender.push_null(),
            [VALUE] => decode_value(rest, data_type, appender)?,
            _ => return Err(Corrupt("a key's column begins with neither 0 nor 1")),
        }
    }
    Ok(())
}

fn decode_value(
    rest: &mut &[u8],
    data_type: &DataType,
    into: &mut Appender,
) -> Result<(), Corrupt> {
    match data_type {
        DataType::Boolean => into.push_bool(take::<1>(rest)? != [0]),
        DataType::Integer | DataType::Date | DataType::Time => {
            into.push_i32(i32::from_be_bytes(take(rest)?) ^ i32::MIN);
        }
        DataType::Bigint | DataType::Timestamp => {
            into.push_i64(i64::from_be_bytes(take(rest)?) ^ i64::MIN);
        }
        DataType::Double => into.push_f64(unordered(u64::from_be_bytes(take(rest)?))),
        DataType::Decimal { .. } => into.push_i128(i128::from_be_bytes(take(rest)?) ^ i128::MIN),
        DataType::Bytes => with_unescaped(rest, |bytes| {
            into.push_bytes(bytes);
            Ok(())
        })?,
        DataType::String | DataType::Array(_) | DataType::Map(..) | DataType::Struct(_) => {
            with_unescaped(rest, |bytes| {
                let text = std::str::from_utf8(bytes);
                into.push_text(text.map_err(|_| Corrupt("a text is not UTF-8"))?);
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Takes an escaped text off the front.
fn with_unescaped(
    rest: &mut &[u8],
    use_it: impl FnOnce(&[u8]) -> Result<(), Corrupt>,
) -> Result<(), Corrupt> {
    const UNFINISHED: Corrupt = Corrupt("a key's text does not end");
    let mut unescaped = Vec::new();
    loop {
        let zero = memchr(0, rest).ok_or(UNFINISHED)?;
        let escaped = *rest.get(zero + 1).ok_or(UNFINISHED)? == ESCAPED;
        let (text, behind) = (&rest[..zero], &rest[zero + 2..]);
        *rest = behind;
        if escaped {
            unescaped.extend_from_slice(text);
            unescaped.push(0);
        } else if unescaped.is_empty() {
            return use_it(text);
        } else {
            unescaped.extend_from_slice(text);
            return use_it(&unescaped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int32Array, Int64Array, LargeBinaryArray, LargeStringArray};
    use proptest::prelude::*;

    fn keys(columns: &[&Vector], rows: usize) -> Vec<Vec<u8>> {
        let mut keys = Keys::new();
        keys.encode(columns, rows);
        assert_eq!(keys.len(), rows);
        (0..rows).map(|row| keys.get(row).to_vec()).collect()
    }

    #[test]
    fn columns_stand_one_behind_the_other() {
        let number = Vector::each(Int32Array::from(vec![Some(1), None, Some(-1)]));
        let text = Vector::each(LargeStringArray::from(vec!["ab", "", "\0"]));
        let expected: [&[u8]; 3] = [
            &[1, 0x80, 0, 0, 1, 1, b'a', b'b', 0, 0],
            &[0, 1, 0, 0],
            &[1, 0x7f, 0xff, 0xff, 0xff, 1, 0, 0xff, 0, 0],
        ];
        assert_eq!(keys(&[&number, &text], 3), expected);
        let mut keys = Keys::new();
        keys.encode(&[&number, &text], 3);
        assert_eq!([0, 1, 2].map(|row| keys.has_null(row)), [false, true, false]);
    }

    #[test]
    fn keys_can_be_put_together_in_memory_that_was_used() {
        let number = Vector::each(Int32Array::from(vec![None]));
        let mut keys = Keys::new();
        keys.encode(&[&number], 1);
        keys.clear();
        assert_eq!(keys.len(), 0);
        keys.push(b"ab", b"c");
        keys.push(b"", b"");
        assert_eq!((keys.get(0), keys.get(1), keys.has_null(0)), (&b"abc"[..], &b""[..], false));
    }

    #[test]
    fn numbers_sort_as_they_count() {
        let values = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
        let column = Vector::each(Float64Array::from(values.to_vec()));
        assert!(keys(&[&column], values.len()).is_sorted());
        let nans = [f64::NAN, -f64::NAN, f64::from_bits(0x7ff8_0000_0000_0001)];
        let nans = keys(&[&Vector::each(Float64Array::from(nans.to_vec()))], 3);
        assert!(nans.iter().all(|key| *key == nans[0]), "NaNs are one key");
    }

    #[test]
    fn damaged_keys_are_refused() {
        let types = [DataType::Bigint, DataType::String];
        let damaged: [&[u8]; 6] =
            [&[], &[2], &[1, 0, 0], &[0, 1, b'a', 0], &[0, 1, 0xff, 0, 0], &[0, 0, 0]];
        for bytes in damaged {
            let mut into = types.each_ref().map(Appender::new);
            assert!(decode_key(bytes, &types, &mut into).is_err(), "{bytes:?}");
        }
    }

    type Row = (Option<i64>, Option<Vec<u8>>, Option<String>);

    proptest! {
        /// `Option` and `Vec<u8>` compare as NULL and bytes do.
        #[test]
        fn keys_compare_as_values_and_come_back(
            rows in prop::collection::vec(
                any::<(Option<i64>, Option<Vec<u8>>, Option<String>)>().prop_map(|(number, bytes, text)| {
                    // Small domains, so that keys share beginnings.
                    let bytes = bytes.map(|bytes| bytes.iter().take(3).map(|byte| byte % 3).collect());
                    (number.map(|number| number % 3), bytes, text)
                }),
                1..20,
            )
        ) {
            let rows: Vec<Row> = rows;
            let numbers: Int64Array = rows.iter().map(|row| row.0).collect();
            let bytes: LargeBinaryArray = rows.iter().map(|row| row.1.as_deref()).collect();
            let texts: LargeStringArray = rows.iter().map(|row| row.2.as_deref()).collect();
            let columns = [Vector::each(numbers), Vector::each(bytes), Vector::each(texts)];
            let keys = keys(&columns.each_ref(), rows.len());
            for (left, left_key) in rows.iter().zip(&keys) {
                for (right, right_key) in rows.iter().zip(&keys) {
                    prop_assert_eq!(left.cmp(right), left_key.cmp(right_key));
                }
            }
            let types = [DataType::Bigint, DataType::Bytes, DataType::String];
            let mut into = types.each_ref().map(Appender::new);
            for key in &keys {
                decode_key(key, &types, &mut into).unwrap();
            }
            let [numbers, bytes, texts] = into.map(|mut appender| Vector::each(appender.finish()));
            for (at, row) in rows.iter().enumerate() {
                prop_assert_eq!(numbers.int64().get(at), row.0);
                prop_assert_eq!(bytes.bytes().get(at), row.1.as_deref());
                prop_assert_eq!(texts.text().get(at), row.2.as_deref());
            }
        }
    }
}
