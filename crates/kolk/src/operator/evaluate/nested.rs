//! Parts of arrays, maps and structs, found in their JSON text: fields and elements.

use super::{Batch, evaluate};
use crate::codec::json::{self, Token, plain_name};
use crate::expression::Expression;
use crate::operator::builder::Builder;
use crate::operator::column::{Column, Vector};
use crate::schema::DataType;

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
pub(super) fn exact_member(text: &[u8], name: &str) -> Option<Token> {
    let mut found = None;
    json::each_member(text, |key, value| {
        if *plain_name(key, text) == *name.as_bytes() {
            found = Some(value);
        }
    });
    found
}

/// The item at a position from 1, or from the end from −1.
pub(super) fn item(text: &[u8], at: i64) -> Option<Token> {
    let number = if at > 0 { at - 1 } else { at + i64::try_from(length(text)).ok()? };
    let (mut next, mut found) = (0, None);
    json::each_item(text, |token| {
        if next == number && at != 0 {
            found = Some(token);
        }
        next += 1;
    });
    found
}

fn length(text: &[u8]) -> usize {
    let mut count = 0;
    json::each_item(text, |_| count += 1);
    count
}
