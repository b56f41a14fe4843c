//! ARRAY, MAP and STRUCT, which are kept as JSON text: fields, elements, SPLIT and the functions of JSON.

use super::{Batch, evaluate, literal};
use crate::codec::json::{self, Kind, Token, plain_name, value, write_quoted};
use crate::expression::{Expression, Function};
use crate::operator::builder::Builder;
use crate::operator::column::{Column, Lane, Vector};
use crate::schema::DataType;
use arrow_array::builder::LargeStringBuilder;
use arrow_array::{BooleanArray, Int32Array, LargeStringArray};

/// `of->name`.
pub(super) fn field(
    of: &Expression,
    name: &str,
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    let fields = if let DataType::Struct(fields) = &of.data_type { &**fields } else { &[] };
    let of = evaluate(of, batch);
    let extent = batch.extent(&[&of]);
    let mut failures = 0;
    let column = each(&of, extent.len, data_type, (&mut failures, batch), |_, text| {
        member(text, name.as_bytes(), fields)
    });
    batch.finish(extent, failures, column)
}

/// `of[index]`.
pub(super) fn element(
    of: &Expression,
    index: &Expression,
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    let (of, index) = (evaluate(of, batch), evaluate(index, batch));
    let extent = batch.extent(&[&of, &index]);
    let mut failures = 0;
    let column =
        each(&of, extent.len, data_type, (&mut failures, batch), |row, text| match &index.column {
            Column::Text(_) => index.text().get(row).and_then(|name| exact_member(text, name)),
            Column::Int64(_) => index.int64().get(row).and_then(|at| item(text, at)),
            _ => index.int32().get(row).and_then(|at| item(text, at.into())),
        });
    batch.finish(extent, failures, column)
}

/// Decodes what `find` finds in the JSON text of each row; a value of another type is a failure.
fn each(
    of: &Vector,
    rows: usize,
    data_type: &DataType,
    (failures, batch): (&mut u64, &mut Batch<'_>),
    find: impl Fn(usize, &[u8]) -> Option<Token>,
) -> Column {
    let (lane, mut builder) = (of.text(), Builder::new(data_type, rows));
    for row in 0..rows {
        let text = lane.get(row).unwrap_or_default().as_bytes();
        let token = if text.is_empty() { None } else { find(row, text) };
        let pushed = builder.push_token(token.unwrap_or_default(), text, &mut batch.session.zone);
        *failures += u64::from(pushed.is_err());
    }
    builder.finish()
}

/// The last member of this name, else the last that differs only in case and is no other of the fields.
fn member(text: &[u8], name: &[u8], fields: &[(String, DataType)]) -> Option<Token> {
    let another = |found: &[u8]| fields.iter().any(|(field, _)| field.as_bytes() == found);
    let (mut exact, mut other) = (None, None);
    json::each_member(text, |found, value| {
        let found = plain_name(found, text);
        if *found == *name {
            exact = Some(value);
        } else if found.eq_ignore_ascii_case(name) && !another(&found) {
            other = Some(value);
        }
    });
    exact.or(other)
}

/// The value of a map's key, which has to be spelled the same.
fn exact_member(text: &[u8], name: &str) -> Option<Token> {
    let mut found = None;
    json::each_member(text, |key, value| {
        if *plain_name(key, text) == *name.as_bytes() {
            found = Some(value);
        }
    });
    found
}

/// The item at a position from 1, or from the end from −1.
fn item(text: &[u8], at: i64) -> Option<Token> {
    let number = if at > 0 { at - 1 } else { at + i64::from(length(text)?) };
    let (mut next, mut found) = (0, None);
    json::each_item(text, |token| {
        if next == number && at != 0 {
            found = Some(token);
        }
        next += 1;
    });
    found
}

fn length(text: &[u8]) -> Option<i32> {
    if text.trim_ascii_start().first() != Some(&b'[') {
        return None;
    }
    let mut count = 0;
    json::each_item(text, |_| count += 1);
    Some(count)
}

pub(super) fn call(function: Function, arguments: &[Expression], batch: &mut Batch<'_>) -> Vector {
    let values: Vec<Vector> = arguments.iter().map(|argument| evaluate(argument, batch)).collect();
    let operands: Vec<&Vector> = values.iter().collect();
    let extent = batch.extent(&operands);
    let [first, rest @ ..] = &*operands else { return literal::null(&DataType::String) };
    let texts = first.text();
    let mut failures = 0;
    let column: Column = match (function, rest) {
        (Function::ArrayLength, _) => (0..extent.len)
            .map(|row| length(texts.get(row)?.as_bytes()))
            .collect::<Int32Array>()
            .into(),
        (Function::ArrayContains, [wanted]) => (0..extent.len)
            .map(|row| Some(contains(texts.get(row)?.as_bytes(), wanted, row)))
            .collect::<BooleanArray>()
            .into(),
        (Function::Split, [separator]) => split(texts, separator, extent.len),
        (Function::ExtractJsonField, [path]) => {
            let mut builder = LargeStringBuilder::new();
            for row in 0..extent.len {
                let found = texts.get(row).zip(path.text().get(row)).map(|(t, p)| extract(t, p));
                failures += u64::from(matches!(found, Some(Err(()))));
                builder.append_option(found.and_then(|found| found.unwrap_or_default()));
            }
            builder.finish().into()
        }
        _ => literal::nulls(&DataType::String, extent.len),
    };
    batch.finish(extent, failures, column)
}

/// Whether an array has an item equal to a value; NULL is contained where an item is null.
fn contains(text: &[u8], wanted: &Vector, row: usize) -> bool {
    let mut found = false;
    json::each_item(text, |token| {
        found = found
            || if wanted.is_null(row) {
                token.kind == Kind::Null
            } else if token.kind == Kind::Null {
                false
            } else {
                match &wanted.column {
                    Column::Boolean(_) => value::boolean(token).ok() == wanted.boolean().get(row),
                    Column::Int32(_) => value::integer(token, text).ok() == wanted.int32().get(row),
                    Column::Int64(_) => value::bigint(token, text).ok() == wanted.int64().get(row),
                    Column::Double(_) => {
                        value::double(token, text).ok() == wanted.double().get(row)
                    }
                    Column::Text(_) => {
                        wanted.text().get(row).map(str::as_bytes)
                            == Some(&*value::text(token, text))
                    }
                    Column::Bytes(_) => {
                        value::bytes(token, text).ok().as_deref() == wanted.bytes().get(row)
                    }
                    Column::Decimal(_) => false,
                }
            };
    });
    found
}

/// SPLIT: the parts between separators as an ARRAY<STRING>; its characters for an empty separator.
fn split(texts: Lane<'_, LargeStringArray>, separator: &Vector, rows: usize) -> Column {
    let separators = separator.text();
    let mut builder = LargeStringBuilder::new();
    let mut json = Vec::new();
    for row in 0..rows {
        let Some((text, separator)) = texts.get(row).zip(separators.get(row)) else {
            builder.append_null();
            continue;
        };
        json.clear();
        json.push(b'[');
        let mut add = |part: &str| {
            if json.len() > 1 {
                json.push(b',');
            }
            write_quoted(part.as_bytes(), &mut json);
        };
        if separator.is_empty() && !text.is_empty() {
            text.chars().for_each(|letter| add(letter.encode_utf8(&mut [0; 4])));
        } else if separator.is_empty() {
            add("");
        } else {
            text.split(separator).for_each(add);
        }
        json.push(b']');
        builder.append_option(std::str::from_utf8(&json).ok());
    }
    builder.finish().into()
}

/// EXTRACTJSONFIELD: the text at a path like `$.a.b[0]`, `None` when nothing is there.
///
/// # Errors
/// When the text is not JSON, or the path is none.
fn extract(text: &str, path: &str) -> Result<Option<String>, ()> {
    let bytes = text.as_bytes();
    let mut found = json::document(bytes).map_err(|_| ())?;
    let mut rest = path.strip_prefix('$').ok_or(())?;
    let mut place = bytes;
    while !rest.is_empty() {
        let next = if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            let (name, tail) = tail.split_at(end);
            rest = tail;
            place = found.of(place);
            exact_member(place, name)
        } else {
            let (index, tail) = rest.strip_prefix('[').and_then(|r| r.split_once(']')).ok_or(())?;
            rest = tail;
            place = found.of(place);
            match index.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
                Some(name) => exact_member(place, name),
                None => {
                    item(place, index.parse::<i64>().map_err(|_| ())?.checked_add(1).ok_or(())?)
                }
            }
        };
        match next {
            Some(next) => found = next,
            None => return Ok(None),
        }
    }
    if found.kind == Kind::Null {
        return Ok(None);
    }
    Ok(String::from_utf8(value::text(found, place).into_owned()).ok())
}
