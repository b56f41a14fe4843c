//! Values out of columns and JSON text, by their declared type.

use super::{Value, put};
use crate::codec::json::value::{self, Mismatch};
use crate::codec::json::{Kind, Token, each_item, each_member, plain_name};
use crate::codec::zone::Zone;
use crate::codec::{decimal, number};
use crate::operator::column::{Column, Vector};
use crate::schema::DataType;
use std::borrow::Cow;

impl<'a> Value<'a> {
    /// The value of a row.
    ///
    /// # Errors
    /// [`Mismatch`] when the text of a nested value holds something else than its type says.
    pub(crate) fn at(
        vector: &'a Vector,
        row: usize,
        data_type: &DataType,
        zone: &mut Zone,
    ) -> Result<Self, Mismatch> {
        if vector.is_null(row) {
            return Ok(Self::Null);
        }
        let value = match &vector.column {
            Column::Boolean(_) => vector.boolean().get(row).map(Self::Boolean),
            Column::Int32(_) => vector.int32().get(row).map(Self::Integer),
            Column::Int64(_) => vector.int64().get(row).map(Self::Bigint),
            Column::Double(_) => vector.double().get(row).map(Self::Double),
            Column::Decimal(_) => vector.decimal().get(row).map(Self::Decimal),
            Column::Bytes(_) => vector.bytes().get(row).map(|bytes| Self::Bytes(bytes.into())),
            Column::Text(_) => match (data_type, vector.text().get(row)) {
                (DataType::Array(_) | DataType::Map(..) | DataType::Struct(_), Some(text)) => {
                    return Self::of_json(text.as_bytes(), data_type, zone);
                }
                (_, text) => text.map(|text| Self::Text(text.into())),
            },
        };
        Ok(value.unwrap_or(Self::Null))
    }

    /// The value that a JSON text, which a scan has found sound, stands for.
    fn of_json(text: &'a [u8], data_type: &DataType, zone: &mut Zone) -> Result<Self, Mismatch> {
        let token = crate::codec::json::document(text).map_err(|_| Mismatch)?;
        Self::of_token(token, text, data_type, zone)
    }

    /// The value of a token.
    ///
    /// # Errors
    /// [`Mismatch`] when it is no value of this type.
    pub(crate) fn of_token(
        token: Token,
        buffer: &'a [u8],
        data_type: &DataType,
        zone: &mut Zone,
    ) -> Result<Self, Mismatch> {
        if token.is_null() {
            return Ok(Self::Null);
        }
        Ok(match data_type {
            DataType::Boolean => Self::Boolean(value::boolean(token)?),
            DataType::Integer => Self::Integer(value::integer(token, buffer)?),
            DataType::Date => Self::Integer(value::date(token, buffer)?),
            DataType::Time => Self::Integer(value::time(token, buffer)?),
            DataType::Bigint => Self::Bigint(value::bigint(token, buffer)?),
            DataType::Timestamp => Self::Bigint(value::timestamp(token, buffer, zone)?),
            DataType::Double => Self::Double(value::double(token, buffer)?),
            DataType::Decimal { precision, scale } => {
                Self::Decimal(value::decimal(token, buffer, (*precision, *scale))?)
            }
            DataType::String => Self::Text(text(token, buffer)?),
            DataType::Bytes => Self::Bytes(value::bytes(token, buffer)?.into()),
            DataType::Array(item) => Self::Array(array(token, buffer, item, zone)?),
            DataType::Map(key, value) => Self::Map(map(token, buffer, (key, value), zone)?),
            DataType::Struct(fields) => Self::Struct(structure(token, buffer, fields, zone)?),
        })
    }
}

fn text(token: Token, buffer: &[u8]) -> Result<Cow<'_, str>, Mismatch> {
    match value::text(token, buffer) {
        Cow::Borrowed(text) => std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| Mismatch),
        Cow::Owned(text) => String::from_utf8(text).map(Cow::Owned).map_err(|_| Mismatch),
    }
}

fn array<'a>(
    token: Token,
    buffer: &'a [u8],
    item: &DataType,
    zone: &mut Zone,
) -> Result<Vec<Value<'a>>, Mismatch> {
    if token.kind != Kind::Array {
        return Err(Mismatch);
    }
    let (text, mut items, mut sound) = (token.of(buffer), Vec::new(), Ok(()));
    each_item(text, |token| match Value::of_token(token, text, item, zone) {
        Ok(value) => items.push(value),
        Err(error) => sound = Err(error),
    });
    sound.map(|()| items)
}

fn map<'a>(
    token: Token,
    buffer: &'a [u8],
    (of_key, of_value): (&DataType, &DataType),
    zone: &mut Zone,
) -> Result<Vec<(Value<'a>, Value<'a>)>, Mismatch> {
    if token.kind != Kind::Object {
        return Err(Mismatch);
    }
    let (text, mut entries, mut sound) = (token.of(buffer), Vec::new(), Ok(()));
    each_member(text, |name, member| {
        let read = key(name, text, of_key).and_then(|key| {
            put(&mut entries, key, Value::of_token(member, text, of_value, zone)?);
            Ok(())
        });
        sound = sound.and(read);
    });
    sound.map(|()| entries)
}

/// A key, which JSON always has as text.
fn key<'a>(name: Token, buffer: &'a [u8], of: &DataType) -> Result<Value<'a>, Mismatch> {
    let text = text(name, buffer)?;
    let bytes = text.as_bytes();
    let value = match of {
        DataType::Integer => {
            number::parse_i64(bytes).and_then(|v| i32::try_from(v).ok()).map(Value::Integer)
        }
        DataType::Bigint => number::parse_i64(bytes).map(Value::Bigint),
        DataType::Double => number::parse_f64(bytes).map(Value::Double),
        DataType::Boolean => text.parse().ok().map(Value::Boolean),
        DataType::Decimal { precision, scale } => decimal::parse(bytes)
            .and_then(|v| decimal::fit(v, (*precision, *scale), decimal::Rounding::Refuse))
            .map(Value::Decimal),
        _ => Some(Value::Text(text)),
    };
    value.ok_or(Mismatch)
}

/// A value for each field: of the last member of exactly its name, else of the last that differs only in case and is no other
/// field's.
fn structure<'a>(
    token: Token,
    buffer: &'a [u8],
    fields: &[(String, DataType)],
    zone: &mut Zone,
) -> Result<Vec<Value<'a>>, Mismatch> {
    if token.kind != Kind::Object {
        return Err(Mismatch);
    }
    let text = token.of(buffer);
    let mut found = vec![(Token::default(), false); fields.len()];
    each_member(text, |name, member| {
        let name = plain_name(name, text);
        if let Some(at) = fields.iter().position(|(field, _)| field.as_bytes() == &*name) {
            found[at] = (member, true);
            return;
        }
        for ((field, _), found) in fields.iter().zip(&mut found) {
            if !found.1 && field.as_bytes().eq_ignore_ascii_case(&name) {
                *found = (member, false);
            }
        }
    });
    let of = |((_, data_type), (token, _)): (&(String, DataType), (Token, bool))| {
        Value::of_token(token, text, data_type, zone)
    };
    fields.iter().zip(found).map(of).collect()
}
