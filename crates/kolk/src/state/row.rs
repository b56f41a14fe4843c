//! Rows of columns as compact bytes: what stores hold as values.
//!
//! ```text
//! one bit for each column, set for NULL | the others' values: numbers little-endian, text and bytes behind their length as varint
//! ```

use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;

/// Bytes that are no row or key of the columns that were asked for: damaged, or of another version of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged state: {0}")]
pub(crate) struct Corrupt(pub(crate) &'static str);

/// Writes and reads the rows of some columns.
#[derive(Debug, Clone)]
pub(crate) struct RowCodec {
    kinds: Vec<Kind>,
}

/// How a type's values are kept.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Boolean,
    Int32,
    Int64,
    Double,
    Decimal,
    Text,
    Bytes,
}

impl Kind {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Integer | DataType::Date | DataType::Time => Self::Int32,
            DataType::Bigint | DataType::Timestamp => Self::Int64,
            DataType::Double => Self::Double,
            DataType::Decimal { .. } => Self::Decimal,
            DataType::String | DataType::Array(_) | DataType::Map(..) | DataType::Struct(_) => {
                Self::Text
            }
            DataType::Bytes => Self::Bytes,
        }
    }

    /// Whether there was a value.
    #[inline]
    fn encode(self, vector: &Vector, row: usize, into: &mut Vec<u8>) -> bool {
        macro_rules! fixed {
            ($lane:ident) => {
                vector.$lane().get(row).map(|value| into.extend_from_slice(&value.to_le_bytes()))
            };
        }
        let written = match self {
            Self::Boolean => vector.boolean().get(row).map(|value| into.push(u8::from(value))),
            Self::Int32 => fixed!(int32),
            Self::Int64 => fixed!(int64),
            Self::Double => fixed!(double),
            Self::Decimal => fixed!(decimal),
            Self::Text => vector.text().get(row).map(|text| put_bytes(text.as_bytes(), into)),
            Self::Bytes => vector.bytes().get(row).map(|bytes| put_bytes(bytes, into)),
        };
        written.is_some()
    }

    #[inline]
    fn decode(self, rest: &mut &[u8], into: &mut Appender) -> Result<(), Corrupt> {
        match self {
            Self::Boolean => into.push_bool(take::<1>(rest)? != [0]),
            Self::Int32 => into.push_i32(i32::from_le_bytes(take(rest)?)),
            Self::Int64 => into.push_i64(i64::from_le_bytes(take(rest)?)),
            Self::Double => into.push_f64(f64::from_le_bytes(take(rest)?)),
            Self::Decimal => into.push_i128(i128::from_le_bytes(take(rest)?)),
            Self::Text => {
                let text = std::str::from_utf8(take_bytes(rest)?);
                into.push_text(text.map_err(|_| Corrupt("a text is not UTF-8"))?);
            }
            Self::Bytes => into.push_bytes(take_bytes(rest)?),
        }
        Ok(())
    }
}

impl RowCodec {
    /// For rows of columns of these types.
    pub(crate) fn new(types: &[DataType]) -> Self {
        Self { kinds: types.iter().map(Kind::of).collect() }
    }

    /// Writes a row of as many columns behind what is there.
    pub(crate) fn encode(&self, columns: &[&Vector], row: usize, into: &mut Vec<u8>) {
        let nulls = into.len();
        into.resize(nulls + self.kinds.len().div_ceil(8), 0);
        for (number, (kind, column)) in self.kinds.iter().zip(columns).enumerate() {
            if !kind.encode(column, row, into) {
                into[nulls + number / 8] |= 1 << (number % 8);
            }
        }
    }

    /// Adds a row to as many appenders. After an error some of them have a value more than others: they are of no use then.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not one row of these types.
    pub(crate) fn decode(&self, bytes: &[u8], into: &mut [Appender]) -> Result<(), Corrupt> {
        let mut rest = bytes;
        self.decode_front(&mut rest, into)?;
        if rest.is_empty() { Ok(()) } else { Err(Corrupt("a row is longer than its columns")) }
    }

    /// Takes a row off the front of `rest`; otherwise as [`Self::decode`].
    ///
    /// # Errors
    /// [`Corrupt`].
    pub(crate) fn decode_front(
        &self,
        rest: &mut &[u8],
        into: &mut [Appender],
    ) -> Result<(), Corrupt> {
        let bitmap = self.kinds.len().div_ceil(8);
        let (nulls, mut values) = rest.split_at_checked(bitmap).ok_or(CUT)?;
        for (number, (kind, appender)) in self.kinds.iter().zip(into).enumerate() {
            if nulls[number / 8] >> (number % 8) & 1 == 1 {
                appender.push_null();
            } else {
                kind.decode(&mut values, appender)?;
            }
        }
        *rest = values;
        Ok(())
    }
}

const CUT: Corrupt = Corrupt("it is cut short");

/// Takes `N` bytes off the front.
#[inline]
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Corrupt> {
    let (bytes, behind) = rest.split_first_chunk().ok_or(CUT)?;
    *rest = behind;
    Ok(*bytes)
}

/// Writes a number in seven bits a byte, the lowest first.
#[inline]
pub(super) fn put_varint(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    into.push(value.to_le_bytes()[0]);
}

/// Takes a number that [`put_varint`] wrote off the front.
#[inline]
pub(super) fn take_varint(rest: &mut &[u8]) -> Result<u64, Corrupt> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(rest)?;
        if shift == 63 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Corrupt("a number has more than 64 bits"))
}

/// Writes bytes behind their length.
#[inline]
pub(super) fn put_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, into);
    into.extend_from_slice(bytes);
}

/// Takes bytes that [`put_bytes`] wrote off the front.
#[inline]
pub(super) fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Corrupt> {
    let len = usize::try_from(take_varint(rest)?).map_err(|_| CUT)?;
    let (bytes, behind) = rest.split_at_checked(len).ok_or(CUT)?;
    *rest = behind;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{
        BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, LargeBinaryArray,
        LargeStringArray,
    };
    use proptest::prelude::*;

    const TYPES: [DataType; 9] = [
        DataType::Boolean,
        DataType::Integer,
        DataType::Bigint,
        DataType::Double,
        DataType::Decimal { precision: 38, scale: 2 },
        DataType::String,
        DataType::Bytes,
        DataType::Timestamp,
        DataType::Date,
    ];

    type Row = (
        Option<bool>,
        Option<i32>,
        Option<i64>,
        Option<f64>,
        Option<i128>,
        Option<String>,
        Option<Vec<u8>>,
    );

    fn columns(rows: &[Row]) -> [Vector; 9] {
        let bigint: Int64Array = rows.iter().map(|row| row.2).collect();
        let integer: Int32Array = rows.iter().map(|row| row.1).collect();
        let text: LargeStringArray = rows.iter().map(|row| row.5.as_deref()).collect();
        let bytes: LargeBinaryArray = rows.iter().map(|row| row.6.as_deref()).collect();
        [
            Vector::each(rows.iter().map(|row| row.0).collect::<BooleanArray>()),
            Vector::each(integer.clone()),
            Vector::each(bigint.clone()),
            Vector::each(rows.iter().map(|row| row.3).collect::<Float64Array>()),
            Vector::each(rows.iter().map(|row| row.4).collect::<Decimal128Array>()),
            Vector::each(text),
            Vector::each(bytes),
            Vector::each(bigint),
            Vector::each(integer),
        ]
    }

    #[test]
    fn a_row_is_short() {
        let rows = [(Some(true), Some(-2), None, None, None, Some("ab".to_owned()), None)];
        let columns = columns(&rows);
        let mut bytes = Vec::new();
        RowCodec::new(&TYPES).encode(&columns.each_ref(), 0, &mut bytes);
        let expected =
            [0b1101_1100, 0, 1, 0xfe, 0xff, 0xff, 0xff, 2, b'a', b'b', 0xfe, 0xff, 0xff, 0xff];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn long_texts_have_long_lengths() {
        let text = "x".repeat(300);
        let column = Vector::each(LargeStringArray::from(vec![text.as_str()]));
        let mut bytes = Vec::new();
        RowCodec::new(&[DataType::String]).encode(&[&column], 0, &mut bytes);
        assert_eq!(bytes[..3], [0, 0xac, 0x02]);
        assert_eq!(bytes.len(), 303);
    }

    #[test]
    fn a_varint_of_more_than_64_bits_is_refused() {
        for len in [10, 11] {
            assert!(take_varint(&mut &[0xff; 11][..len]).is_err());
        }
        let mut bytes = Vec::new();
        put_varint(u64::MAX, &mut bytes);
        assert_eq!(take_varint(&mut &bytes[..]), Ok(u64::MAX));
    }

    proptest! {
        #[test]
        fn rows_come_back_and_no_shorter_or_longer_bytes_are_one(
            rows in prop::collection::vec(any::<Row>(), 1..8)
        ) {
            let (codec, columns) = (RowCodec::new(&TYPES), columns(&rows));
            let mut into = TYPES.each_ref().map(Appender::new);
            for row in 0..rows.len() {
                let mut bytes = Vec::new();
                codec.encode(&columns.each_ref(), row, &mut bytes);
                codec.decode(&bytes, &mut into).unwrap();
                let mut scratch = TYPES.each_ref().map(Appender::new);
                for cut in 0..bytes.len() {
                    prop_assert!(codec.decode(&bytes[..cut], &mut scratch).is_err());
                }
                bytes.push(0);
                prop_assert!(codec.decode(&bytes, &mut scratch).is_err());
            }
            let again = into.map(|mut appender| Vector::each(appender.finish()));
            for (number, row) in rows.iter().enumerate() {
                prop_assert_eq!(again[0].boolean().get(number), row.0);
                prop_assert_eq!(again[1].int32().get(number), row.1);
                prop_assert_eq!(again[2].int64().get(number), row.2);
                prop_assert_eq!(again[3].double().get(number).map(f64::to_bits), row.3.map(f64::to_bits));
                prop_assert_eq!(again[4].decimal().get(number), row.4);
                prop_assert_eq!(again[5].text().get(number), row.5.as_deref());
                prop_assert_eq!(again[6].bytes().get(number), row.6.as_deref());
                prop_assert_eq!(again[7].int64().get(number), row.2);
                prop_assert_eq!(again[8].int32().get(number), row.1);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut into = TYPES.each_ref().map(Appender::new);
            let _ = RowCodec::new(&TYPES).decode(&bytes, &mut into);
        }
    }
}
