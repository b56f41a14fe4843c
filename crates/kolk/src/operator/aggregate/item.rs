//! Values inside states that grow: one after the other behind their lengths, as JSON in a normal form where they end in arrays.

use super::accumulator::Scope;
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::operator::encode::write_value;
use crate::operator::value::{Value, write_json};
use crate::schema::DataType;
use crate::state::row::RowCodec;
use std::cmp::Ordering;

/// The items of a state, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Items<'a>(&'a [u8]);

/// The items of a state.
pub(super) fn items(state: &[u8]) -> Items<'_> {
    Items(state)
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, behind) = self.0.split_first_chunk()?;
        let (item, behind) = behind.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        self.0 = behind;
        Some(item)
    }
}

/// Appends an item, written by `write`.
pub(super) fn put_item(into: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = into.len();
    into.extend_from_slice(&[0; 4]);
    write(into);
    // No store takes a state of 4 GiB.
    let len = u32::try_from(into.len() - start - 4).unwrap_or(u32::MAX);
    into[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

/// Appends the value of a row as JSON: fields in declared order, maps in the order of their keys, so that equal values are equal
/// texts. What is not of its type is NULL, and counted as failed.
pub(super) fn write_item(
    vector: &Vector,
    row: usize,
    of: &DataType,
    scope: &mut Scope<'_>,
    into: &mut Vec<u8>,
) {
    if vector.is_null(row) {
        into.extend_from_slice(b"null");
        return;
    }
    let (style, zone) = (scope.session.style, &mut scope.session.zone);
    if !is_nested(of) {
        write_value(vector, row, of, (style, zone), into);
        return;
    }
    let mut value = Value::at(vector, row, of, zone).unwrap_or_else(|_| {
        *scope.failed += 1;
        Value::Null
    });
    sort_maps(&mut value);
    write_json(&value, of, (style, zone), into);
}

/// Whether values stand in columns as JSON.
pub(super) fn is_nested(of: &DataType) -> bool {
    matches!(of, DataType::Array(_) | DataType::Map(..) | DataType::Struct(_))
}

fn sort_maps(value: &mut Value<'_>) {
    match value {
        Value::Array(values) | Value::Struct(values) => values.iter_mut().for_each(sort_maps),
        Value::Map(entries) => {
            entries.sort_by(|(left, _), (right, _)| key_order(left, right));
            entries.iter_mut().for_each(|(_, value)| sort_maps(value));
        }
        _ => {}
    }
}

/// The order of two keys of one map.
fn key_order(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (left, right) {
        (Value::Boolean(left), Value::Boolean(right)) => left.cmp(right),
        (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
        (Value::Bigint(left), Value::Bigint(right)) => left.cmp(right),
        (Value::Double(left), Value::Double(right)) => left.total_cmp(right),
        (Value::Decimal(left), Value::Decimal(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
        _ => Ordering::Equal,
    }
}

/// Appends texts of JSON values as a JSON array.
pub(super) fn push_array<'a>(
    values: impl Iterator<Item = &'a [u8]>,
    into: &mut Appender,
    text: &mut Vec<u8>,
) {
    text.clear();
    text.push(b'[');
    for value in values {
        if text.len() > 1 {
            text.push(b',');
        }
        text.extend_from_slice(value);
    }
    text.push(b']');
    push_text(text, into);
}

/// Appends a text that was written as UTF-8; NULL if it is damaged.
pub(super) fn push_text(text: &[u8], into: &mut Appender) {
    match std::str::from_utf8(text) {
        Ok(text) => into.push_text(text),
        Err(_) => into.push_null(),
    }
}

/// How single values of a type stand in a state.
#[derive(Debug)]
pub(super) struct Cell {
    of: DataType,
    codec: RowCodec,
}

impl Cell {
    pub(super) fn new(of: &DataType) -> Self {
        Self { of: of.clone(), codec: RowCodec::new(std::slice::from_ref(of)) }
    }

    /// Appends the value of a row, NULL too.
    pub(super) fn write(
        &self,
        vector: &Vector,
        row: usize,
        scope: &mut Scope<'_>,
        into: &mut Vec<u8>,
    ) {
        if is_nested(&self.of) {
            write_item(vector, row, &self.of, scope, into);
        } else {
            self.codec.encode(&[vector], row, into);
        }
    }

    /// Appends a value that was written to a column; NULL if it is damaged.
    pub(super) fn push(&self, bytes: &[u8], into: &mut Appender) {
        if !is_nested(&self.of) {
            let before = into.len();
            let read = self.codec.decode(bytes, std::slice::from_mut(into));
            if read.is_err() && into.len() == before {
                into.push_null();
            }
        } else if bytes == b"null" {
            into.push_null();
        } else {
            push_text(bytes, into);
        }
    }
}
