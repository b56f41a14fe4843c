//! What the keys and values of a store are made of, so that they can be read without the program.

use crate::codec::zone::Zone;
use crate::codec::{json::write_quoted, number};
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::operator::encode::{Style, write_value};
use crate::schema::DataType;
use crate::state::keys::decode_key_front;
use crate::state::row::{Corrupt, RowCodec};
use crate::topology::{JsonNulls, JsonTimestamps};
use std::fmt::Write;

/// What the keys and values of a store are made of: parts, one behind the other. What stands behind the last part is shown as bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Of keys.
    pub key: Vec<Part>,
    /// Of values.
    pub value: Vec<Part>,
}

/// A part of a key or value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Columns by name and type, as `keys.rs` writes them.
    Key(Vec<(String, DataType)>),
    /// Columns by name and type, as `row.rs` writes them.
    Row(Vec<(String, DataType)>),
    /// A number with its name.
    Number(String, NumberForm),
    /// The rest, which only the program reads; the text says what it is of. State of another text is not taken for it.
    Opaque(String),
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberForm {
    /// In 8 bytes, big-endian, the sign turned: it sorts as the numbers do.
    Sorted,
    /// In so many bytes, at most 8, big-endian, two's complement.
    BigEndian(u8),
    /// In so many bytes, at most 8, little-endian, two's complement.
    LittleEndian(u8),
}

/// The bytes of a key or value as one JSON object: a field for each column and number, the rest in hexadecimal digits as
/// field `bytes`. Bytes that are not of these parts are shown so as a whole.
#[must_use]
pub fn show(parts: &[Part], bytes: &[u8]) -> String {
    let mut fields = Vec::new();
    let mut rest = bytes;
    for part in parts {
        if show_part(part, &mut rest, &mut fields).is_err() {
            return object(&[], bytes);
        }
    }
    object(&fields, rest)
}

type FieldText = (String, Vec<u8>);

fn object(fields: &[FieldText], rest: &[u8]) -> String {
    let mut text = b"{".to_vec();
    for (name, value) in fields {
        write_quoted(name.as_bytes(), &mut text);
        text.push(b':');
        text.extend_from_slice(value);
        text.push(b',');
    }
    if !rest.is_empty() {
        text.extend_from_slice(b"\"bytes\":\"");
        let mut digits = String::with_capacity(rest.len() * 2);
        for byte in rest {
            // Writing to a string does not fail.
            let _ = write!(digits, "{byte:02x}");
        }
        text.extend_from_slice(digits.as_bytes());
        text.extend_from_slice(b"\",");
    }
    if text.len() > 1 {
        text.pop();
    }
    text.push(b'}');
    String::from_utf8_lossy(&text).into_owned()
}

fn show_part(part: &Part, rest: &mut &[u8], into: &mut Vec<FieldText>) -> Result<(), Corrupt> {
    let (columns, is_key) = match part {
        Part::Opaque(_) => return Ok(()),
        Part::Number(name, form) => {
            let mut text = Vec::new();
            number::write_i64(take_number(*form, rest)?, &mut text);
            into.push((name.clone(), text));
            return Ok(());
        }
        Part::Key(columns) => (columns, true),
        Part::Row(columns) => (columns, false),
    };
    let types: Vec<DataType> = columns.iter().map(|(_, data_type)| data_type.clone()).collect();
    let mut appenders: Vec<Appender> = types.iter().map(Appender::new).collect();
    if is_key {
        decode_key_front(rest, &types, &mut appenders)?;
    } else {
        RowCodec::new(&types).decode_front(rest, &mut appenders)?;
    }
    for ((name, data_type), appender) in columns.iter().zip(&mut appenders) {
        let vector = Vector::each(appender.finish());
        let mut text = Vec::new();
        if vector.is_null(0) {
            text.extend_from_slice(b"null");
        } else {
            let style = Style { timestamps: JsonTimestamps::Iso8601, nulls: JsonNulls::Write };
            write_value(&vector, 0, data_type, (style, &mut Zone::utc()), &mut text);
        }
        into.push((name.clone(), text));
    }
    Ok(())
}

fn take_number(form: NumberForm, rest: &mut &[u8]) -> Result<i64, Corrupt> {
    const WRONG: Corrupt = Corrupt("a number is cut short");
    let len = match form {
        NumberForm::Sorted => 8,
        NumberForm::BigEndian(len) | NumberForm::LittleEndian(len) => usize::from(len),
    };
    let (bytes, behind) = rest.split_at_checked(len).ok_or(WRONG)?;
    *rest = behind;
    let mut wide = [0; 8];
    let slots = wide.get_mut(8_usize.checked_sub(len).ok_or(WRONG)?..).ok_or(WRONG)?;
    slots.copy_from_slice(bytes);
    if matches!(form, NumberForm::LittleEndian(_)) {
        slots.reverse();
    }
    if form == NumberForm::Sorted {
        return Ok(i64::from_be_bytes(wide) ^ i64::MIN);
    }
    // The sign is that of the first byte that was written.
    let unused = u32::try_from(8 * (8 - len)).unwrap_or(0);
    Ok(i64::from_be_bytes(wide).checked_shl(unused).map_or(0, |number| number >> unused))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::keys::Keys;
    use arrow_array::{Int64Array, LargeStringArray};

    fn columns() -> Vec<(String, DataType)> {
        vec![("user".to_owned(), DataType::String), ("at".to_owned(), DataType::Timestamp)]
    }

    fn vectors() -> [Vector; 2] {
        let users = LargeStringArray::from(vec![Some("a\"b"), None]);
        [Vector::each(users), Vector::each(Int64Array::from(vec![1_700_000_000_000, 0]))]
    }

    #[test]
    fn keys_and_rows_are_shown_by_the_names_of_their_columns() {
        let vectors = vectors();
        let mut keys = Keys::new();
        keys.encode(&vectors.each_ref(), 2);
        let mut key = keys.get(0).to_vec();
        key.extend_from_slice(&(-5_i64 ^ i64::MIN).to_be_bytes());
        let parts = [Part::Key(columns()), Part::Number("start".to_owned(), NumberForm::Sorted)];
        let expected = r#"{"user":"a\"b","at":"2023-11-14T22:13:20.000Z","start":-5}"#;
        assert_eq!(show(&parts, &key), expected);
        let mut value = Vec::new();
        let types = [DataType::String, DataType::Timestamp];
        RowCodec::new(&types).encode(&vectors.each_ref(), 1, &mut value);
        value.extend_from_slice(&[0xab, 0x01]);
        let expected = r#"{"user":null,"at":"1970-01-01T00:00:00.000Z","bytes":"ab01"}"#;
        assert_eq!(show(&[Part::Row(columns())], &value), expected);
    }

    #[test]
    fn what_does_not_fit_is_shown_as_bytes() {
        assert_eq!(show(&[Part::Row(columns())], &[0xff]), r#"{"user":null,"at":null}"#);
        assert_eq!(show(&[Part::Row(columns())], &[1, 2]), r#"{"bytes":"0102"}"#);
        assert_eq!(show(&[], b""), "{}");
    }

    #[test]
    fn numbers_are_read_in_every_form() {
        let number = |form, bytes: &[u8]| show(&[Part::Number("n".to_owned(), form)], bytes);
        assert_eq!(number(NumberForm::BigEndian(4), &[0xff, 0xff, 0xff, 0xfe]), r#"{"n":-2}"#);
        assert_eq!(number(NumberForm::BigEndian(2), &[1, 2]), r#"{"n":258}"#);
        assert_eq!(number(NumberForm::LittleEndian(3), &[1, 0, 0x80]), r#"{"n":-8388607}"#);
        assert_eq!(number(NumberForm::LittleEndian(8), &[5, 0, 0, 0, 0, 0, 0, 0]), r#"{"n":5}"#);
        assert_eq!(
            number(NumberForm::LittleEndian(9), &[5; 9]),
            r#"{"bytes":"050505050505050505"}"#
        );
    }
}
