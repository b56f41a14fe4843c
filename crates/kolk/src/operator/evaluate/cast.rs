//! CAST.
//!
//! Text is trimmed of white space first. A fraction is cut off on the way to an integer; numbers beyond an integer's range wrap
//! around (doubles stop at the end of the range), as in Java; decimals are rounded half up. Text that is no number, no
//! time-stamp, or a number that does not fit a decimal fails. A time-stamp's text is that of JSON output: ISO 8601 in the
//! session's time zone; where that writes numbers, `2024-01-01T08:20:00.000` in UTC.

use super::{Batch, evaluate};
use crate::codec::calendar::DAY_MS;
use crate::codec::decimal::{self, Rounding};
use crate::codec::json::{self, Kind};
use crate::codec::zone::Zone;
use crate::codec::{number, timestamp};
use crate::expression::Expression;
use crate::operator::builder::Builder;
use crate::operator::column::{Column, Vector};
use crate::schema::DataType as T;
use crate::topology::JsonTimestamps;
use arrow_array::builder::LargeStringBuilder;
use arrow_array::{BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array};

pub(super) fn cast(operand: &Expression, to: &T, batch: &mut Batch<'_>) -> Vector {
    let from = &operand.data_type;
    let values = evaluate(operand, batch);
    if from == to {
        return values;
    }
    let extent = batch.extent(&[&values]);
    let mut failures = 0;
    let column = match to {
        T::String => to_text(&values, from, extent.len, batch),
        T::Array(_) | T::Map(..) | T::Struct(_) => {
            to_nested(&values, to, extent.len, &mut failures)
        }
        _ => {
            let zone = &mut batch.session.zone;
            let each =
                Each { values: &values, from, zone, len: extent.len, failures: &mut failures };
            each.convert(to)
        }
    };
    batch.finish(extent, failures, column)
}

/// One value, of any type that can be cast.
enum Value<'a> {
    Boolean(bool),
    Int(i64),
    Double(f64),
    Decimal(i128, u8),
    Text(&'a str),
}

struct Each<'a> {
    values: &'a Vector,
    from: &'a T,
    zone: &'a mut Zone,
    len: usize,
    failures: &'a mut u64,
}

impl Each<'_> {
    fn convert(self, to: &T) -> Column {
        match to {
            T::Boolean => self.map(|value, _, _| boolean(value)).collect::<BooleanArray>().into(),
            T::Integer => self.map(|value, _, _| integer(value)).collect::<Int32Array>().into(),
            T::Bigint => self.map(|value, _, _| bigint(value)).collect::<Int64Array>().into(),
            T::Double => self.map(|value, _, _| double(value)).collect::<Float64Array>().into(),
            T::Decimal { precision, scale } => self
                .map(|value, _, _| to_decimal(value, (*precision, *scale)))
                .collect::<Decimal128Array>()
                .into(),
            T::Timestamp => self.map(to_timestamp).collect::<Int64Array>().into(),
            T::Date => self.map(to_date).collect::<Int32Array>().into(),
            _ => self.map(to_time).collect::<Int32Array>().into(),
        }
    }

    fn map<'s, U>(
        self,
        convert: impl Fn(&Value<'_>, &T, &mut Zone) -> Option<U> + 's,
    ) -> impl Iterator<Item = Option<U>> + 's
    where
        Self: 's,
    {
        (0..self.len).map(move |row| {
            let value = value(self.values, self.from, row)?;
            let converted = convert(&value, self.from, &mut *self.zone);
            *self.failures += u64::from(converted.is_none());
            converted
        })
    }
}

fn value<'a>(values: &'a Vector, from: &T, row: usize) -> Option<Value<'a>> {
    Some(match &values.column {
        Column::Boolean(_) => Value::Boolean(values.boolean().get(row)?),
        Column::Int32(_) => Value::Int(values.int32().get(row)?.into()),
        Column::Int64(_) => Value::Int(values.int64().get(row)?),
        Column::Double(_) => Value::Double(values.double().get(row)?),
        Column::Decimal(_) => {
            let scale = if let T::Decimal { scale, .. } = from { *scale } else { 0 };
            Value::Decimal(values.decimal().get(row)?, scale)
        }
        Column::Text(_) => Value::Text(values.text().get(row)?.trim()),
        Column::Bytes(_) => return None,
    })
}

fn boolean(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Boolean(value) => Some(*value),
        Value::Text(text) => Some(text.eq_ignore_ascii_case("true")),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "numbers wrap around, as Java's do")]
fn integer(value: &Value<'_>) -> Option<i32> {
    match value {
        Value::Int(value) => Some(*value as i32),
        Value::Double(value) => Some(*value as i32),
        Value::Decimal(digits, scale) => Some((digits / decimal::power(u32::from(*scale))?) as i32),
        Value::Text(text) => i32::try_from(number::parse_i64(text.as_bytes())?).ok(),
        Value::Boolean(_) => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "numbers wrap around, as Java's do")]
fn bigint(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(value) => Some(*value),
        Value::Double(value) => Some(*value as i64),
        Value::Decimal(digits, scale) => Some((digits / decimal::power(u32::from(*scale))?) as i64),
        Value::Text(text) => number::parse_i64(text.as_bytes()),
        Value::Boolean(_) => None,
    }
}

fn double(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Double(value) => Some(*value),
        Value::Decimal(digits, scale) => Some(decimal::to_f64(*digits, *scale)),
        Value::Text(text) => number::parse_f64(text.as_bytes()),
        Value::Boolean(_) => None,
    }
}

fn to_decimal(value: &Value<'_>, of: (u8, u8)) -> Option<i128> {
    let parsed = match value {
        Value::Int(value) => ((*value).into(), 0),
        Value::Decimal(digits, scale) => (*digits, (*scale).into()),
        Value::Text(text) => decimal::parse(text.as_bytes())?,
        Value::Double(value) => {
            let mut text = Vec::new();
            number::write_f64(*value, &mut text);
            decimal::parse(&text)?
        }
        Value::Boolean(_) => return None,
    };
    decimal::fit(parsed, of, Rounding::HalfUp)
}

fn to_timestamp(value: &Value<'_>, from: &T, zone: &mut Zone) -> Option<i64> {
    match (value, from) {
        (Value::Int(days), T::Date) => days.checked_mul(DAY_MS),
        (Value::Int(ms), _) => Some(*ms),
        (Value::Text(text), _) => timestamp::parse(text.as_bytes(), zone),
        _ => None,
    }
}

fn to_date(value: &Value<'_>, from: &T, _: &mut Zone) -> Option<i32> {
    match (value, from) {
        (Value::Int(ms), T::Timestamp) => i32::try_from(ms.div_euclid(DAY_MS)).ok(),
        (Value::Int(days), _) => i32::try_from(*days).ok(),
        (Value::Text(text), _) => timestamp::parse_date(text.as_bytes()),
        _ => None,
    }
}

fn to_time(value: &Value<'_>, _: &T, _: &mut Zone) -> Option<i32> {
    match value {
        Value::Int(ms) => i32::try_from(ms.rem_euclid(DAY_MS)).ok(),
        Value::Text(text) => timestamp::parse_time(text.as_bytes()),
        _ => None,
    }
}

fn to_text(values: &Vector, from: &T, len: usize, batch: &mut Batch<'_>) -> Column {
    let mut builder = LargeStringBuilder::new();
    let mut text = Vec::new();
    for row in 0..len {
        if let Column::Text(_) = values.column {
            builder.append_option(values.text().get(row));
            continue;
        }
        let Some(value) = value(values, from, row) else {
            builder.append_null();
            continue;
        };
        text.clear();
        match (value, from) {
            (Value::Int(ms), T::Timestamp)
                if batch.session.timestamps == JsonTimestamps::Iso8601 =>
            {
                timestamp::write(ms, &mut batch.session.zone, &mut text);
            }
            (Value::Int(ms), T::Timestamp) => {
                timestamp::write(ms, &mut Zone::utc(), &mut text);
                text.pop();
            }
            (Value::Int(days), T::Date) => {
                timestamp::write_date(i32::try_from(days).unwrap_or(0), &mut text);
            }
            (Value::Int(ms), T::Time) => {
                timestamp::write_time(i32::try_from(ms).unwrap_or(0), &mut text);
            }
            (Value::Int(value), _) => number::write_i64(value, &mut text),
            (Value::Double(value), _) => number::write_f64(value, &mut text),
            (Value::Decimal(digits, scale), _) => decimal::write(digits, scale, &mut text),
            (Value::Boolean(true), _) => text.extend_from_slice(b"true"),
            (Value::Boolean(false), _) => text.extend_from_slice(b"false"),
            (Value::Text(value), _) => text.extend_from_slice(value.as_bytes()),
        }
        builder.append_option(std::str::from_utf8(&text).ok());
    }
    builder.finish().into()
}

/// Another ARRAY, MAP or STRUCT: the JSON text stays, its values are read as the new type says.
fn to_nested(values: &Vector, to: &T, len: usize, failures: &mut u64) -> Column {
    let wanted = if matches!(to, T::Array(_)) { Kind::Array } else { Kind::Object };
    let mut builder = Builder::new(&T::String, len);
    for row in 0..len {
        let text = values.text().get(row);
        let sound = text
            .filter(|text| json::document(text.as_bytes()).is_ok_and(|token| token.kind == wanted));
        *failures += u64::from(text.is_some() && sound.is_none());
        if builder.push_kafka(sound.map(str::as_bytes)).is_err() {
            *failures += 1;
        }
    }
    builder.finish()
}
