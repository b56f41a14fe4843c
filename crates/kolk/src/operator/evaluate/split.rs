//! Lists in texts: SPLIT, SPLIT_TO_MAP, ELT and FIELD.

use super::Batch;
use super::rows::{Arguments, Outcome, each, or_null};
use crate::expression::{Expression, Function};
use crate::operator::column::Vector;
use crate::operator::value::{Value, put};
use crate::schema::DataType;

pub(super) fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    each(arguments, data_type, batch, |mut row, _| match function {
        Function::Split => split(&row),
        Function::SplitToMap => split_to_map(&row),
        Function::Elt => {
            let number = row.integer(0).and_then(|number| usize::try_from(number).ok());
            Ok(number.filter(|number| *number > 0).map_or(Value::Null, |number| row.take(number)))
        }
        _ => Ok(Value::Integer(field(&row))),
    })
}

/// The position of the first argument among the others; 0 if it is none of them.
fn field(row: &Arguments<'_>) -> i32 {
    let wanted = row.get(0);
    let found = (1..row.len()).find(|at| !wanted.is_null() && row.get(*at) == wanted);
    found.and_then(|at| i32::try_from(at).ok()).unwrap_or(0)
}

/// The parts between separators; the characters or bytes for an empty separator.
fn split<'v>(row: &Arguments<'v>) -> Outcome<'v> {
    let text = |part: &str| Value::Text(part.to_owned().into());
    let bytes = |part: &[u8]| Value::Bytes(part.to_vec().into());
    let items = match (row.text(0), row.text(1), row.bytes(0), row.bytes(1)) {
        (Some(whole), Some(""), ..) if !whole.is_empty() => {
            whole.chars().map(|letter| text(letter.encode_utf8(&mut [0; 4]))).collect()
        }
        (Some(""), Some(_), ..) => vec![text("")],
        (Some(whole), Some(separator), ..) => whole.split(separator).map(text).collect(),
        (_, _, Some(whole), Some([])) if !whole.is_empty() => whole.chunks(1).map(bytes).collect(),
        (_, _, Some([]), Some(_)) => vec![bytes(&[])],
        (_, _, Some(whole), Some(separator)) => {
            let (mut parts, mut start) = (Vec::new(), 0);
            for at in memchr::memmem::find_iter(whole, separator) {
                parts.push(bytes(&whole[start..at]));
                start = at + separator.len();
            }
            parts.push(bytes(&whole[start..]));
            parts
        }
        _ => return Ok(Value::Null),
    };
    Ok(Value::Array(items))
}

/// Entries without a separator between key and value are passed over; what follows a second one too.
fn split_to_map<'v>(row: &Arguments<'v>) -> Outcome<'v> {
    let (Some(text), Some(between), Some(inside)) = (row.text(0), row.text(1), row.text(2)) else {
        return Ok(Value::Null);
    };
    if between.is_empty() || inside.is_empty() {
        return Ok(Value::Null);
    }
    let mut entries = Vec::new();
    for entry in text.split(between) {
        let mut parts = entry.split(inside);
        if let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            let (key, value) = (key.to_owned().into(), value.to_owned().into());
            put(&mut entries, Value::Text(key), Value::Text(value));
        }
    }
    or_null(Some(Value::Map(entries)))
}
