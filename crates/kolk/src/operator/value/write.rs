//! Values back into columns and JSON text.

use super::Value;
use crate::codec::json::value::write_bytes;
use crate::codec::json::write_quoted;
use crate::codec::zone::Zone;
use crate::codec::{decimal, number};
use crate::operator::column::Column;
use crate::operator::encode::{Style, write_date, write_double, write_time, write_timestamp};
use crate::operator::texts::Texts;
use crate::schema::DataType;
use crate::topology::{JsonNulls, JsonTimestamps};
use arrow_array::builder::{
    BooleanBuilder, Decimal128Builder, Float64Builder, Int32Builder, Int64Builder,
    LargeBinaryBuilder,
};

/// Appends a value as JSON, NULL as `null`. NULL fields of structs are written or left out, as the style says; items of arrays and
/// values of maps are always written.
pub(crate) fn write_json(
    value: &Value<'_>,
    data_type: &DataType,
    (style, zone): (Style, &mut Zone),
    into: &mut Vec<u8>,
) {
    let iso = style.timestamps == JsonTimestamps::Iso8601;
    match (value, data_type) {
        (Value::Null, _) => into.extend_from_slice(b"null"),
        (Value::Boolean(true), _) => into.extend_from_slice(b"true"),
        (Value::Boolean(false), _) => into.extend_from_slice(b"false"),
        (Value::Integer(days), DataType::Date) => write_date(*days, iso, into),
        (Value::Integer(ms), DataType::Time) => write_time(*ms, iso, into),
        (Value::Integer(value), _) => number::write_i64((*value).into(), into),
        (Value::Bigint(ms), DataType::Timestamp) => write_timestamp(*ms, iso, zone, into),
        (Value::Bigint(value), _) => number::write_i64(*value, into),
        (Value::Double(value), _) => write_double(*value, into),
        (Value::Decimal(digits), _) => decimal::write(*digits, scale(data_type), into),
        (Value::Text(text), _) => write_quoted(text.as_bytes(), into),
        (Value::Bytes(bytes), _) => write_bytes(bytes, into),
        (Value::Array(items), DataType::Array(of)) => {
            into.push(b'[');
            for (i, item) in items.iter().enumerate() {
                separate(i, into);
                write_json(item, of, (style, zone), into);
            }
            into.push(b']');
        }
        (Value::Map(entries), DataType::Map(of_key, of_value)) => {
            into.push(b'{');
            for (i, (key, value)) in entries.iter().enumerate() {
                separate(i, into);
                write_key(key, of_key, (style, zone), into);
                write_json(value, of_value, (style, zone), into);
            }
            into.push(b'}');
        }
        (Value::Struct(values), DataType::Struct(fields)) => {
            into.push(b'{');
            let there = fields.iter().zip(values);
            let there = there.filter(|(_, v)| style.nulls == JsonNulls::Write || !v.is_null());
            for (i, ((name, of), value)) in there.enumerate() {
                separate(i, into);
                write_quoted(name.as_bytes(), into);
                into.push(b':');
                write_json(value, of, (style, zone), into);
            }
            into.push(b'}');
        }
        // No value is of another type than it was read by.
        (Value::Array(_) | Value::Map(_) | Value::Struct(_), _) => into.extend_from_slice(b"null"),
    }
}

/// Appends `"key":`; JSON has all keys as text.
pub(crate) fn write_key(
    key: &Value<'_>,
    data_type: &DataType,
    (style, zone): (Style, &mut Zone),
    into: &mut Vec<u8>,
) {
    let start = into.len();
    write_json(key, data_type, (style, zone), into);
    if into.get(start) != Some(&b'"') {
        let plain = into.split_off(start);
        write_quoted(&plain, into);
    }
    into.push(b':');
}

fn separate(position: usize, into: &mut Vec<u8>) {
    if position > 0 {
        into.push(b',');
    }
}

fn scale(data_type: &DataType) -> u8 {
    if let DataType::Decimal { scale, .. } = data_type { *scale } else { 0 }
}

/// A column of one type in the making, value by value.
pub(crate) struct Values<'a> {
    data_type: &'a DataType,
    style: Style,
    into: Builder,
    text: Vec<u8>,
}

enum Builder {
    Boolean(BooleanBuilder),
    Integer(Int32Builder),
    Bigint(Int64Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Text(Texts),
    Bytes(LargeBinaryBuilder),
}

impl<'a> Values<'a> {
    /// For about so many values.
    pub(crate) fn new(data_type: &'a DataType, style: Style, len: usize) -> Self {
        let into = match data_type {
            DataType::Boolean => Builder::Boolean(BooleanBuilder::with_capacity(len)),
            DataType::Integer | DataType::Date | DataType::Time => {
                Builder::Integer(Int32Builder::with_capacity(len))
            }
            DataType::Bigint | DataType::Timestamp => {
                Builder::Bigint(Int64Builder::with_capacity(len))
            }
            DataType::Double => Builder::Double(Float64Builder::with_capacity(len)),
            DataType::Decimal { .. } => Builder::Decimal(Decimal128Builder::with_capacity(len)),
            DataType::Bytes => Builder::Bytes(LargeBinaryBuilder::new()),
            DataType::String | DataType::Array(_) | DataType::Map(..) | DataType::Struct(_) => {
                Builder::Text(Texts::with_capacity(len))
            }
        };
        Self { data_type, style, into, text: Vec::new() }
    }

    /// Adds a value of this type; what is of another one becomes NULL.
    pub(crate) fn push(&mut self, value: &Value<'_>, zone: &mut Zone) {
        match (&mut self.into, value) {
            (Builder::Boolean(builder), Value::Boolean(value)) => builder.append_value(*value),
            (Builder::Integer(builder), Value::Integer(value)) => builder.append_value(*value),
            (Builder::Bigint(builder), Value::Bigint(value)) => builder.append_value(*value),
            (Builder::Double(builder), Value::Double(value)) => builder.append_value(*value),
            (Builder::Decimal(builder), Value::Decimal(value)) => builder.append_value(*value),
            (Builder::Bytes(builder), Value::Bytes(value)) => builder.append_value(value),
            (Builder::Text(builder), Value::Text(value)) => builder.push(value.as_bytes()),
            (Builder::Text(builder), Value::Array(_) | Value::Map(_) | Value::Struct(_)) => {
                self.text.clear();
                write_json(value, self.data_type, (self.style, zone), &mut self.text);
                builder.push(&self.text);
            }
            _ => self.push_null(),
        }
    }

    /// Adds NULL.
    pub(crate) fn push_null(&mut self) {
        match &mut self.into {
            Builder::Boolean(builder) => builder.append_null(),
            Builder::Integer(builder) => builder.append_null(),
            Builder::Bigint(builder) => builder.append_null(),
            Builder::Double(builder) => builder.append_null(),
            Builder::Decimal(builder) => builder.append_null(),
            Builder::Text(builder) => builder.push_null(),
            Builder::Bytes(builder) => builder.append_null(),
        }
    }

    /// The column.
    pub(crate) fn finish(self) -> Column {
        match self.into {
            Builder::Boolean(mut builder) => builder.finish().into(),
            Builder::Integer(mut builder) => builder.finish().into(),
            Builder::Bigint(mut builder) => builder.finish().into(),
            Builder::Double(mut builder) => builder.finish().into(),
            Builder::Decimal(mut builder) => builder.finish().into(),
            Builder::Text(builder) => builder.finish().into(),
            Builder::Bytes(mut builder) => builder.finish().into(),
        }
    }
}
