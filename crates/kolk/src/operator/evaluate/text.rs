//! Functions of text.

use super::{Batch, evaluate, literal};
use crate::expression::{Expression, Function};
use crate::operator::column::{Column, Vector};
use crate::schema::DataType;
use arrow_array::Int32Array;
use arrow_array::builder::{LargeBinaryBuilder, LargeStringBuilder};
use std::borrow::Cow;

/// Bytes of a text that a function makes, at most; a longer one is a failure.
pub(super) const TEXT_MAX: usize = 16 << 20;

pub(super) fn call(function: Function, arguments: &[Expression], batch: &mut Batch<'_>) -> Vector {
    let values: Vec<Vector> = arguments.iter().map(|argument| evaluate(argument, batch)).collect();
    let operands: Vec<&Vector> = values.iter().collect();
    let extent = batch.extent(&operands);
    let [first, ..] = *operands else { return literal::null(&DataType::String) };
    let rows = extent.len;
    let mut failures = 0;
    let column = match function {
        Function::Len => length(first, rows),
        Function::Ucase => texts(rows, |row| Some(first.text().get(row)?.to_uppercase().into())),
        Function::Lcase => texts(rows, |row| Some(first.text().get(row)?.to_lowercase().into())),
        Function::InitCap => texts(rows, |row| Some(capitalized(first.text().get(row)?).into())),
        // As Java's trim: control characters too.
        Function::Trim => {
            texts(rows, |row| Some(first.text().get(row)?.trim_matches(|c| c <= ' ').into()))
        }
        Function::Replace => texts(rows, |row| {
            let text = |at: usize| operands.get(at)?.text().get(row);
            let (text, from, to) = (text(0)?, text(1)?, text(2)?);
            let most = text.len() + (text.len() + 1) * to.len();
            let replaced = (most <= TEXT_MAX).then(|| text.replace(from, to).into());
            failures += u64::from(replaced.is_none());
            replaced
        }),
        Function::Chr => texts(rows, |row| character(first, row).map(Cow::Owned)),
        Function::Concat => joined(&operands, None, rows),
        _ => joined(&operands[1..], Some(first), rows),
    };
    batch.finish(extent, failures, column)
}

fn texts<'a>(rows: usize, of: impl FnMut(usize) -> Option<Cow<'a, str>>) -> Column {
    let mut builder = LargeStringBuilder::new();
    for text in (0..rows).map(of) {
        builder.append_option(text);
    }
    builder.finish().into()
}

fn length(values: &Vector, rows: usize) -> Column {
    let len = |row: usize| match &values.column {
        Column::Bytes(_) => values.bytes().get(row).map(<[u8]>::len),
        _ => values.text().get(row).map(|text| text.chars().count()),
    };
    (0..rows).map(|row| i32::try_from(len(row)?).ok()).collect::<Int32Array>().into()
}

/// Each word's first letter in upper case, the rest in lower case; white space stays.
fn capitalized(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut starts = true;
    for letter in text.chars() {
        if starts {
            result.extend(letter.to_uppercase());
        } else {
            result.extend(letter.to_lowercase());
        }
        starts = letter.is_whitespace();
    }
    result
}

/// The character with a code point, given as a number or as `\u597d` (a pair of them for one beyond 16 bits).
fn character(values: &Vector, row: usize) -> Option<String> {
    if let Column::Text(_) = values.column {
        let units: Option<Vec<u16>> = values
            .text()
            .get(row)?
            .split("\\u")
            .skip(1)
            .map(|hex| if hex.len() == 4 { u16::from_str_radix(hex, 16).ok() } else { None })
            .collect();
        let escaped = values.text().get(row)?.starts_with("\\u");
        return units.filter(|_| escaped).and_then(|units| String::from_utf16(&units).ok());
    }
    let code = u32::try_from(values.int32().get(row)?).ok()?;
    char::from_u32(code).map(String::from)
}

/// Texts (or bytes) one behind the other, NULLs passed over, with a separator between them; NULL if that is NULL.
fn joined(parts: &[&Vector], separator: Option<&Vector>, rows: usize) -> Column {
    fn bytes(vector: &Vector, row: usize) -> Option<&[u8]> {
        match &vector.column {
            Column::Bytes(_) => vector.bytes().get(row),
            _ => vector.text().get(row).map(str::as_bytes),
        }
    }
    let binary = parts.iter().chain(&separator).any(|part| matches!(part.column, Column::Bytes(_)));
    let (mut of_text, mut of_bytes) = (LargeStringBuilder::new(), LargeBinaryBuilder::new());
    let mut whole = Vec::new();
    for row in 0..rows {
        whole.clear();
        let between = match separator {
            None => Some(&[][..]),
            Some(separator) => bytes(separator, row),
        };
        if let Some(between) = between {
            for (i, part) in parts.iter().filter_map(|part| bytes(part, row)).enumerate() {
                if i > 0 {
                    whole.extend_from_slice(between);
                }
                whole.extend_from_slice(part);
            }
        }
        if binary {
            of_bytes.append_option(between.map(|_| &whole));
        } else {
            of_text.append_option(between.and_then(|_| std::str::from_utf8(&whole).ok()));
        }
    }
    if binary { of_bytes.finish().into() } else { of_text.finish().into() }
}
