//! Functions of positions in a text: SUBSTRING, INSTR, LPAD, RPAD. Positions count characters, from 1; negative ones count
//! from the end.

use super::text::TEXT_MAX;
use super::{Batch, evaluate, literal};
use crate::expression::{Expression, Function};
use crate::operator::column::{Column, Vector};
use crate::schema::DataType;
use arrow_array::Int32Array;
use arrow_array::builder::{LargeBinaryBuilder, LargeStringBuilder};

pub(super) fn call(function: Function, arguments: &[Expression], batch: &mut Batch<'_>) -> Vector {
    let values: Vec<Vector> = arguments.iter().map(|argument| evaluate(argument, batch)).collect();
    let operands: Vec<&Vector> = values.iter().collect();
    let extent = batch.extent(&operands);
    let mut failures = 0;
    if operands.len() < 2 {
        return literal::null(&DataType::String);
    }
    let column = match function {
        Function::Substring if matches!(operands[0].column, Column::Bytes(_)) => {
            byte_range(&operands, extent.len)
        }
        Function::Substring => substring(&operands, extent.len),
        Function::Instr => {
            (0..extent.len).map(|row| find(&operands, row)).collect::<Int32Array>().into()
        }
        _ if matches!(operands[0].column, Column::Bytes(_)) => {
            pad_bytes(&operands, extent.len, function == Function::Lpad, &mut failures)
        }
        _ => pad(&operands, extent.len, function == Function::Lpad, &mut failures),
    };
    batch.finish(extent, failures, column)
}

/// A number argument: `Some(None)` when it is not there, `None` when it is NULL.
fn optional(operands: &[&Vector], at: usize, row: usize) -> Option<Option<i64>> {
    match operands.get(at) {
        None => Some(None),
        Some(vector) => vector.int32().get(row).map(|value| Some(value.into())),
    }
}

/// Start and end of a part, counted from 0, out of `len`.
fn part(len: usize, from: i64, length: Option<i64>) -> (usize, usize) {
    let all = i64::try_from(len).unwrap_or(i64::MAX);
    let start = if from < 0 { all + from } else { from - 1 }.clamp(0, all);
    let end = length.map_or(all, |length| (start + length).clamp(start, all));
    (usize::try_from(start).unwrap_or(0), usize::try_from(end).unwrap_or(0))
}

fn substring(operands: &[&Vector], rows: usize) -> Column {
    let mut builder = LargeStringBuilder::new();
    for row in 0..rows {
        let found = (|| {
            let text = operands[0].text().get(row)?;
            let (from, length) = (optional(operands, 1, row)??, optional(operands, 2, row)?);
            if text.is_ascii() {
                let (start, end) = part(text.len(), from, length);
                return text.get(start..end);
            }
            let (start, end) = part(text.chars().count(), from, length);
            let byte =
                |number: usize| text.char_indices().nth(number).map_or(text.len(), |(at, _)| at);
            text.get(byte(start)..byte(end))
        })();
        builder.append_option(found);
    }
    builder.finish().into()
}

fn byte_range(operands: &[&Vector], rows: usize) -> Column {
    let mut builder = LargeBinaryBuilder::new();
    for row in 0..rows {
        let found = (|| {
            let bytes = operands[0].bytes().get(row)?;
            let (from, length) = (optional(operands, 1, row)??, optional(operands, 2, row)?);
            let (start, end) = part(bytes.len(), from, length);
            bytes.get(start..end)
        })();
        builder.append_option(found);
    }
    builder.finish().into()
}

/// INSTR: the position of the n-th occurrence, searching from a position on, or backwards from one counted from the end.
fn find(operands: &[&Vector], row: usize) -> Option<i32> {
    let (text, part) = (operands[0].text().get(row)?, operands[1].text().get(row)?);
    let from = optional(operands, 2, row)?.unwrap_or(1);
    let nth = optional(operands, 3, row)?.unwrap_or(1);
    let Ok(nth @ 1..) = usize::try_from(nth) else { return Some(0) };
    let matches = |at: &(usize, (usize, char))| text[at.1.0..].starts_with(part);
    let starts = text.char_indices().enumerate();
    let found = match usize::try_from(from.unsigned_abs()).ok()? {
        0 => None,
        skip if from > 0 => starts.skip(skip - 1).filter(matches).nth(nth - 1),
        skip => {
            let all: Vec<_> = starts.collect();
            all.into_iter().rev().skip(skip - 1).filter(matches).nth(nth - 1)
        }
    };
    found.map_or(Some(0), |(number, _)| i32::try_from(number + 1).ok())
}

/// LPAD and RPAD: a text of exactly so many characters. NULL for a negative length or an empty padding.
fn pad(operands: &[&Vector], rows: usize, left: bool, failures: &mut u64) -> Column {
    let mut builder = LargeStringBuilder::new();
    for row in 0..rows {
        let made = (|| {
            let text = operands[0].text().get(row)?;
            let len = usize::try_from(optional(operands, 1, row)??).ok()?;
            let padding = operands.get(2)?.text().get(row).filter(|padding| !padding.is_empty())?;
            if len.saturating_mul(4) > TEXT_MAX {
                *failures += 1;
                return None;
            }
            let own = text.chars().count().min(len);
            let kept = text.chars().take(own);
            let filling = padding.chars().cycle().take(len - own);
            Some(if left { filling.chain(kept).collect() } else { kept.chain(filling).collect() })
        })();
        let made: Option<String> = made;
        builder.append_option(made);
    }
    builder.finish().into()
}

/// The same of BYTES.
fn pad_bytes(operands: &[&Vector], rows: usize, left: bool, failures: &mut u64) -> Column {
    let mut builder = LargeBinaryBuilder::new();
    for row in 0..rows {
        let made: Option<Vec<u8>> = (|| {
            let bytes = operands[0].bytes().get(row)?;
            let len = usize::try_from(optional(operands, 1, row)??).ok()?;
            let padding =
                operands.get(2)?.bytes().get(row).filter(|padding| !padding.is_empty())?;
            if len > TEXT_MAX {
                *failures += 1;
                return None;
            }
            let kept = bytes.iter().take(len);
            let filling = padding.iter().cycle().take(len - kept.len());
            Some(if left {
                filling.chain(kept).copied().collect()
            } else {
                kept.chain(filling).copied().collect()
            })
        })();
        builder.append_option(made);
    }
    builder.finish().into()
}
