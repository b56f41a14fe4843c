//! ARRAY[…], MAP(…) and STRUCT(…): JSON text put together from the values of their parts.

use super::{Batch, evaluate};
use crate::codec::json::write_quoted;
use crate::codec::zone::Zone;
use crate::expression::Expression;
use crate::operator::column::Vector;
use crate::operator::encode::{Style, write_value};
use crate::operator::texts::Texts;
use crate::operator::value::{Value, write_key};
use crate::schema::DataType;
use crate::topology::JsonNulls;

/// Values of one part, and their type.
type Part<'a> = (Vector, &'a DataType);

pub(super) fn array(items: &[Expression], batch: &mut Batch<'_>) -> Vector {
    let items = parts(items, batch);
    let extent = batch.extent(&vectors(&items));
    let (mut texts, mut text) = (Texts::with_capacity(extent.len), Vec::new());
    for row in 0..extent.len {
        text.clear();
        text.push(b'[');
        for (i, item) in items.iter().enumerate() {
            separate(i > 0, &mut text);
            write(item, row, (batch.session.style, &mut batch.session.zone), &mut text);
        }
        text.push(b']');
        texts.push(&text);
    }
    batch.finish(extent, 0, texts.finish())
}

pub(super) fn structure(
    values: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    let values = parts(values, batch);
    let extent = batch.extent(&vectors(&values));
    let fields = if let DataType::Struct(fields) = data_type { &**fields } else { &[] };
    let style = batch.session.style;
    let (mut texts, mut text) = (Texts::with_capacity(extent.len), Vec::new());
    for row in 0..extent.len {
        text.clear();
        text.push(b'{');
        for ((name, _), value) in fields.iter().zip(&values) {
            if style.nulls == JsonNulls::Omit && value.0.is_null(row) {
                continue;
            }
            separate(text.len() > 1, &mut text);
            write_quoted(name.as_bytes(), &mut text);
            text.push(b':');
            write(value, row, (style, &mut batch.session.zone), &mut text);
        }
        text.push(b'}');
        texts.push(&text);
    }
    batch.finish(extent, 0, texts.finish())
}

/// Of equal keys the last counts. A NULL key is a failure.
pub(super) fn map(entries: &[(Expression, Expression)], batch: &mut Batch<'_>) -> Vector {
    let keys = parts(entries.iter().map(|(key, _)| key), batch);
    let values = parts(entries.iter().map(|(_, value)| value), batch);
    let mut all = vectors(&keys);
    all.extend(vectors(&values));
    let extent = batch.extent(&all);
    let (mut texts, mut text, mut failures) = (Texts::with_capacity(extent.len), Vec::new(), 0);
    let (style, zone) = (batch.session.style, &mut batch.session.zone);
    for row in 0..extent.len {
        let keys: Option<Vec<Value<'_>>> = keys.iter().map(|key| key_of(key, row, zone)).collect();
        let Some(keys) = keys else {
            failures += 1;
            texts.push_null();
            continue;
        };
        text.clear();
        text.push(b'{');
        for (i, (key, value)) in keys.iter().zip(&values).enumerate() {
            if !keys[i + 1..].contains(key) {
                separate(text.len() > 1, &mut text);
                write_key(key, self::keys_type(entries), (style, &mut *zone), &mut text);
                write(value, row, (style, &mut *zone), &mut text);
            }
        }
        text.push(b'}');
        texts.push(&text);
    }
    batch.finish(extent, failures, texts.finish())
}

fn keys_type(entries: &[(Expression, Expression)]) -> &DataType {
    entries.first().map_or(&DataType::String, |(key, _)| &key.data_type)
}

fn key_of<'a>((key, of): &'a Part<'_>, row: usize, zone: &mut Zone) -> Option<Value<'a>> {
    Value::at(key, row, of, zone).ok().filter(|key| !key.is_null())
}

fn parts<'a>(
    expressions: impl IntoIterator<Item = &'a Expression>,
    batch: &mut Batch<'_>,
) -> Vec<Part<'a>> {
    expressions.into_iter().map(|part| (evaluate(part, batch), &part.data_type)).collect()
}

fn vectors<'a>(parts: &'a [Part<'_>]) -> Vec<&'a Vector> {
    parts.iter().map(|(vector, _)| vector).collect()
}

fn separate(needed: bool, text: &mut Vec<u8>) {
    if needed {
        text.push(b',');
    }
}

/// Appends the value of a row as JSON.
fn write((vector, of): &Part<'_>, row: usize, style: (Style, &mut Zone), into: &mut Vec<u8>) {
    if vector.is_null(row) {
        into.extend_from_slice(b"null");
    } else {
        write_value(vector, row, of, style, into);
    }
}
