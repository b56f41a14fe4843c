//! CAST.
//!
//! Text is trimmed of white space first. A fraction is cut off on the way to an integer; numbers beyond an integer's range wrap
//! around (doubles stop at the end of the range), as in Java; decimals are rounded half up. Text that is no number, no
//! time-stamp, or a number that does not fit a decimal fails, and so does the array, map or struct that it is in.

use super::{Batch, Extent, Session, evaluate, show};
use crate::codec::calendar::DAY_MS;
use crate::codec::decimal::{self, Rounding};
use crate::codec::zone::Zone;
use crate::codec::{number, timestamp};
use crate::expression::Expression;
use crate::operator::column::{Column, Vector};
use crate::operator::value::{Value, Values, put};
use crate::schema::DataType as T;
use arrow_array::{Float64Array, Int64Array};

pub(super) fn cast(operand: &Expression, to: &T, batch: &mut Batch<'_>) -> Vector {
    let from = &operand.data_type;
    let values = evaluate(operand, batch);
    if from == to {
        return values;
    }
    let extent = batch.extent(&[&values]);
    if let Some(column) = widened(&values, to, extent) {
        return batch.finish(extent, 0, column);
    }
    let (mut builder, mut failures) = (Values::new(to, batch.session.style, extent.len), 0);
    for row in 0..extent.len {
        if values.is_null(row) {
            builder.push_null();
            continue;
        }
        let value = Value::at(&values, row, from, &mut batch.session.zone).ok();
        let converted = value.and_then(|value| convert(&value, (from, to), batch.session));
        failures += u64::from(converted.is_none());
        builder.push(&converted.unwrap_or(Value::Null), &mut batch.session.zone);
    }
    let column = builder.finish();
    batch.finish(extent, failures, column)
}

/// Numbers that are only widened, which cannot fail.
fn widened(values: &Vector, to: &T, extent: Extent) -> Option<Column> {
    let rows = 0..extent.len;
    Some(match (&values.column, to) {
        (Column::Int32(_), T::Bigint) => {
            let lane = values.int32();
            rows.map(|row| lane.get(row).map(i64::from)).collect::<Int64Array>().into()
        }
        (Column::Int32(_), T::Double) => {
            let lane = values.int32();
            rows.map(|row| lane.get(row).map(f64::from)).collect::<Float64Array>().into()
        }
        (Column::Int64(_), T::Double) => {
            let lane = values.int64();
            rows.map(|row| lane.get(row).map(|value| value as f64)).collect::<Float64Array>().into()
        }
        _ => return None,
    })
}

/// A value as another type; `None` when it cannot be.
fn convert(
    value: &Value<'_>,
    (from, to): (&T, &T),
    session: &mut Session,
) -> Option<Value<'static>> {
    if value.is_null() {
        return Some(Value::Null);
    }
    Some(match (to, from) {
        (T::Boolean, _) => Value::Boolean(boolean(value)?),
        (T::Integer, _) => Value::Integer(integer(value, from)?),
        (T::Bigint, _) => Value::Bigint(bigint(value, from)?),
        (T::Double, _) => Value::Double(double(value, from)?),
        (T::Decimal { precision, scale }, _) => {
            Value::Decimal(to_decimal(value, from, (*precision, *scale))?)
        }
        (T::Timestamp, _) => Value::Bigint(to_timestamp(value, from, &mut session.zone)?),
        (T::Date, _) => Value::Integer(to_date(value, from)?),
        (T::Time, _) => Value::Integer(to_time(value)?),
        (T::String, _) => {
            let mut text = Vec::new();
            show::write(value, from, session, &mut text);
            Value::Text(String::from_utf8(text).ok()?.into())
        }
        (T::Bytes, _) => match value {
            Value::Bytes(bytes) => Value::Bytes(bytes.to_vec().into()),
            _ => return None,
        },
        (T::Array(to), T::Array(from)) => {
            let Value::Array(items) = value else { return None };
            let items = items.iter().map(|item| convert(item, (from, to), session));
            Value::Array(items.collect::<Option<_>>()?)
        }
        (T::Map(to_key, to_value), T::Map(from_key, from_value)) => {
            let Value::Map(entries) = value else { return None };
            let mut converted = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let key = convert(key, (from_key, to_key), session)?;
                put(&mut converted, key, convert(value, (from_value, to_value), session)?);
            }
            Value::Map(converted)
        }
        (T::Struct(to), T::Struct(from)) => {
            let Value::Struct(values) = value else { return None };
            let fields = to.iter().map(|(name, to)| {
                let found = from.iter().zip(values).find(|((other, _), _)| other == name);
                found.map_or(Some(Value::Null), |((_, from), value)| {
                    convert(value, (from, to), session)
                })
            });
            Value::Struct(fields.collect::<Option<_>>()?)
        }
        (T::Array(_) | T::Map(..) | T::Struct(_), _) => return None,
    })
}

fn boolean(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Boolean(value) => Some(*value),
        Value::Text(text) => Some(text.trim().eq_ignore_ascii_case("true")),
        _ => None,
    }
}

fn scale(of: &T) -> u8 {
    if let T::Decimal { scale, .. } = of { *scale } else { 0 }
}

#[expect(clippy::cast_possible_truncation, reason = "numbers wrap around, as Java's do")]
fn integer(value: &Value<'_>, from: &T) -> Option<i32> {
    match value {
        Value::Integer(value) => Some(*value),
        Value::Bigint(value) => Some(*value as i32),
        Value::Double(value) => Some(*value as i32),
        Value::Decimal(digits) => Some((digits / decimal::power(u32::from(scale(from)))?) as i32),
        Value::Text(text) => i32::try_from(number::parse_i64(text.trim().as_bytes())?).ok(),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "numbers wrap around, as Java's do")]
fn bigint(value: &Value<'_>, from: &T) -> Option<i64> {
    match value {
        Value::Integer(value) => Some((*value).into()),
        Value::Bigint(value) => Some(*value),
        Value::Double(value) => Some(*value as i64),
        Value::Decimal(digits) => Some((digits / decimal::power(u32::from(scale(from)))?) as i64),
        Value::Text(text) => number::parse_i64(text.trim().as_bytes()),
        _ => None,
    }
}

fn double(value: &Value<'_>, from: &T) -> Option<f64> {
    match value {
        Value::Integer(value) => Some((*value).into()),
        Value::Bigint(value) => Some(*value as f64),
        Value::Double(value) => Some(*value),
        Value::Decimal(digits) => Some(decimal::to_f64(*digits, scale(from))),
        Value::Text(text) => number::parse_f64(text.trim().as_bytes()),
        _ => None,
    }
}

fn to_decimal(value: &Value<'_>, from: &T, of: (u8, u8)) -> Option<i128> {
    let parsed = match value {
        Value::Integer(value) => ((*value).into(), 0),
        Value::Bigint(value) => ((*value).into(), 0),
        Value::Decimal(digits) => (*digits, scale(from).into()),
        Value::Text(text) => decimal::parse(text.trim().as_bytes())?,
        Value::Double(value) => {
            let mut text = Vec::new();
            number::write_f64(*value, &mut text);
            decimal::parse(&text)?
        }
        _ => return None,
    };
    decimal::fit(parsed, of, Rounding::HalfUp)
}

fn to_timestamp(value: &Value<'_>, from: &T, zone: &mut Zone) -> Option<i64> {
    match (value, from) {
        (Value::Integer(days), T::Date) => i64::from(*days).checked_mul(DAY_MS),
        (Value::Bigint(ms), _) => Some(*ms),
        (Value::Text(text), _) => timestamp::parse_partial(text.trim().as_bytes(), zone),
        _ => None,
    }
}

fn to_date(value: &Value<'_>, from: &T) -> Option<i32> {
    match (value, from) {
        (Value::Bigint(ms), T::Timestamp) => i32::try_from(ms.div_euclid(DAY_MS)).ok(),
        (Value::Integer(days), _) => Some(*days),
        (Value::Text(text), _) => {
            let ms = timestamp::parse_partial(text.trim().as_bytes(), &mut Zone::utc())?;
            i32::try_from(ms.div_euclid(DAY_MS)).ok()
        }
        _ => None,
    }
}

fn to_time(value: &Value<'_>) -> Option<i32> {
    match value {
        Value::Bigint(ms) => i32::try_from(ms.rem_euclid(DAY_MS)).ok(),
        Value::Integer(ms) => Some(*ms),
        Value::Text(text) => timestamp::parse_time(text.trim().as_bytes()),
        _ => None,
    }
}
