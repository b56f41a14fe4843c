//! One value of any type, for functions that look inside arrays, maps and structs.
//!
//! Columns keep nested values as JSON text, which passes through for free. A function that needs their items reads the text by
//! its declared type into a [`Value`], and writes its result back as text in the normal form: fields in declared order and
//! spelling, no others.

mod order;
mod java;
mod read;
mod write;

pub(crate) use write::{Values, write_json, write_key};

use std::borrow::Cow;

/// A value. Its [`DataType`](crate::schema::DataType) says which kind it is; any may be NULL.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Null,
    Boolean(bool),
    /// INTEGER, DATE and TIME.
    Integer(i32),
    /// BIGINT and TIMESTAMP.
    Bigint(i64),
    Double(f64),
    /// Digits; the scale is the type's.
    Decimal(i128),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Array(Vec<Self>),
    /// In the order in which they were put in; keys differ and are not NULL.
    Map(Vec<(Self, Self)>),
    /// A value for each declared field.
    Struct(Vec<Self>),
}

impl Value<'_> {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Without what it borrows.
    pub(crate) fn owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Bigint(value) => Value::Bigint(value),
            Self::Double(value) => Value::Double(value),
            Self::Decimal(value) => Value::Decimal(value),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Array(items) => Value::Array(items.into_iter().map(Value::owned).collect()),
            Self::Map(entries) => Value::Map(
                entries.into_iter().map(|(key, value)| (key.owned(), value.owned())).collect(),
            ),
            Self::Struct(values) => Value::Struct(values.into_iter().map(Value::owned).collect()),
        }
    }
}

/// Puts an entry into a map: the value of a key that is there already is replaced.
pub(crate) fn put<'a>(entries: &mut Vec<(Value<'a>, Value<'a>)>, key: Value<'a>, value: Value<'a>) {
    match entries.iter_mut().find(|(known, _)| *known == key) {
        Some(entry) => entry.1 = value,
        None => entries.push((key, value)),
    }
}
