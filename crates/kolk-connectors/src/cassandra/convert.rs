//! JSON to CQL values, by the table's column types; and which SQL types fit which.

use crate::cell::millis;
use crate::fields;
use kolk::schema::DataType;
use scylla::cluster::metadata::{CollectionType, ColumnType, NativeType};
use scylla::value::{CqlDate, CqlTime, CqlTimestamp, CqlValue};
use serde_json::Value;

/// Days since 1970 of CQL's first date.
const DATE_ORIGIN: i64 = 1 << 31;

/// Whether every value of `from` can be written into a column of type `to`, apart from numbers that are too large.
pub(super) fn fits(from: &DataType, to: &ColumnType<'_>) -> bool {
    match (from, to) {
        (from, ColumnType::Native(to)) => fits_native(from, to),
        (
            DataType::Array(item),
            ColumnType::Collection {
                typ: CollectionType::List(to) | CollectionType::Set(to), ..
            },
        ) => fits(item, to),
        (
            DataType::Map(key, value),
            ColumnType::Collection { typ: CollectionType::Map(to_key, to_value), .. },
        ) => fits(key, to_key) && fits(value, to_value),
        _ => false,
    }
}

fn fits_native(from: &DataType, to: &NativeType) -> bool {
    use NativeType as N;
    match from {
        DataType::Boolean => matches!(to, N::Boolean),
        DataType::Integer => matches!(to, N::Int | N::BigInt | N::Double),
        DataType::Bigint => matches!(to, N::BigInt | N::Int | N::Timestamp),
        DataType::Double => matches!(to, N::Double | N::Float),
        DataType::String => matches!(to, N::Text | N::Ascii),
        DataType::Timestamp => matches!(to, N::Timestamp | N::Text),
        DataType::Date => matches!(to, N::Date | N::Text),
        DataType::Time => matches!(to, N::Time | N::Text),
        DataType::Struct(_) => matches!(to, N::Text),
        DataType::Decimal { .. } | DataType::Bytes | DataType::Array(_) | DataType::Map(..) => {
            false
        }
    }
}

/// What `create_table` makes of a type.
pub(super) fn created(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Integer => "int".to_owned(),
        DataType::Bigint => "bigint".to_owned(),
        DataType::Double => "double".to_owned(),
        DataType::String | DataType::Struct(_) => "text".to_owned(),
        DataType::Timestamp => "timestamp".to_owned(),
        DataType::Date => "date".to_owned(),
        DataType::Time => "time".to_owned(),
        DataType::Array(item) => format!("list<{}>", frozen(item)?),
        DataType::Map(key, value) => format!("map<{}, {}>", frozen(key)?, frozen(value)?),
        DataType::Decimal { .. } | DataType::Bytes => return None,
    })
}

fn frozen(data_type: &DataType) -> Option<String> {
    let inner = created(data_type)?;
    let nested = matches!(data_type, DataType::Array(_) | DataType::Map(..));
    Some(if nested { format!("frozen<{inner}>") } else { inner })
}

/// The CQL value of JSON text; `None` for NULL.
///
/// # Errors
/// In words.
pub(super) fn of_text(json: &str, to: &ColumnType<'_>) -> Result<Option<CqlValue>, String> {
    // The common ones need no JSON value in between.
    let plain = match to {
        ColumnType::Native(NativeType::BigInt) => json.parse().ok().map(CqlValue::BigInt),
        ColumnType::Native(NativeType::Int) => json.parse().ok().map(CqlValue::Int),
        ColumnType::Native(NativeType::Text) => {
            fields::unquoted(json).map(|text| CqlValue::Text(text.to_owned()))
        }
        _ => None,
    };
    if plain.is_some() {
        return Ok(plain);
    }
    let json: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    value(&json, to)
}

/// The CQL value of a JSON value; `None` for NULL.
///
/// # Errors
/// In words.
fn value(json: &Value, to: &ColumnType<'_>) -> Result<Option<CqlValue>, String> {
    match (json, to) {
        (Value::Null, _) => Ok(None),
        (json, ColumnType::Native(to)) => native(json, to).map(Some),
        (Value::Array(items), ColumnType::Collection { typ: CollectionType::List(to), .. }) => {
            Ok(Some(CqlValue::List(all(items, to)?)))
        }
        (Value::Array(items), ColumnType::Collection { typ: CollectionType::Set(to), .. }) => {
            Ok(Some(CqlValue::Set(all(items, to)?)))
        }
        (
            Value::Object(fields),
            ColumnType::Collection { typ: CollectionType::Map(key, to), .. },
        ) => {
            let mut entries = Vec::with_capacity(fields.len());
            for (name, field) in fields {
                let name = value(&Value::String(name.clone()), key)?.ok_or("a key is NULL")?;
                let field = value(field, to)?.ok_or("CQL maps hold no NULL")?;
                entries.push((name, field));
            }
            Ok(Some(CqlValue::Map(entries)))
        }
        (json, to) => Err(format!("{json} does not fit {to:?}")),
    }
}

fn all(items: &[Value], to: &ColumnType<'_>) -> Result<Vec<CqlValue>, String> {
    let one = |item| value(item, to)?.ok_or_else(|| "CQL lists and sets hold no NULL".to_owned());
    items.iter().map(one).collect()
}

fn native(json: &Value, to: &NativeType) -> Result<CqlValue, String> {
    let misfit = || format!("{json} does not fit {to:?}");
    Ok(match (to, json) {
        (NativeType::Boolean, Value::Bool(value)) => CqlValue::Boolean(*value),
        (NativeType::Text, Value::String(text)) => CqlValue::Text(text.clone()),
        (NativeType::Text, structure @ Value::Object(_)) => CqlValue::Text(structure.to_string()),
        (NativeType::Ascii, Value::String(text)) if text.is_ascii() => {
            CqlValue::Ascii(text.clone())
        }
        (NativeType::Timestamp, json) => CqlValue::Timestamp(CqlTimestamp(millis(json)?)),
        (NativeType::Date, Value::String(text)) => {
            let days = kolk::codec::timestamp::parse_date(text.as_bytes()).ok_or_else(misfit)?;
            CqlValue::Date(CqlDate(
                u32::try_from(i64::from(days) + DATE_ORIGIN).map_err(|_| misfit())?,
            ))
        }
        (NativeType::Time, Value::String(text)) => {
            let ms = kolk::codec::timestamp::parse_time(text.as_bytes()).ok_or_else(misfit)?;
            CqlValue::Time(CqlTime(i64::from(ms) * 1_000_000))
        }
        (NativeType::Int, Value::Number(number)) => {
            let number = number.as_i64().and_then(|number| i32::try_from(number).ok());
            CqlValue::Int(number.ok_or_else(misfit)?)
        }
        (NativeType::BigInt, Value::Number(number)) => {
            CqlValue::BigInt(number.as_i64().ok_or_else(misfit)?)
        }
        (NativeType::Double, Value::Number(number)) => {
            CqlValue::Double(number.as_f64().ok_or_else(misfit)?)
        }
        #[expect(clippy::cast_possible_truncation, reason = "the table has chosen 32 bits")]
        (NativeType::Float, Value::Number(number)) => {
            CqlValue::Float(number.as_f64().ok_or_else(misfit)? as f32)
        }
        _ => return Err(misfit()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn list_of(item: NativeType) -> ColumnType<'static> {
        let typ = CollectionType::List(Box::new(ColumnType::Native(item)));
        ColumnType::Collection { frozen: false, typ }
    }

    #[test]
    fn values_become_those_of_the_column() {
        let of = |json: Value, to: NativeType| native(&json, &to);
        assert_eq!(of(json!(7), NativeType::BigInt), Ok(CqlValue::BigInt(7)));
        assert!(of(json!(3_000_000_000_i64), NativeType::Int).is_err());
        let at = CqlValue::Timestamp(CqlTimestamp(1_676_862_200_000));
        assert_eq!(of(json!("2023-02-20T03:03:20.000Z"), NativeType::Timestamp), Ok(at));
        assert_eq!(
            of(json!("1970-01-02"), NativeType::Date),
            Ok(CqlValue::Date(CqlDate((1 << 31) + 1)))
        );
        assert!(of(json!("no date"), NativeType::Date).is_err());
        let pages = value(&json!(["A", "B"]), &list_of(NativeType::Text));
        let texts = ["A", "B"].map(|page| CqlValue::Text(page.to_owned()));
        assert_eq!(pages, Ok(Some(CqlValue::List(texts.to_vec()))));
        assert_eq!(value(&Value::Null, &list_of(NativeType::Text)), Ok(None));
        assert!(value(&json!([null]), &list_of(NativeType::Text)).is_err());
    }

    #[test]
    fn types_are_compared_before_there_is_a_row() {
        let texts = DataType::Array(Box::new(DataType::String));
        assert!(fits(&texts, &list_of(NativeType::Text)));
        assert!(!fits(&texts, &list_of(NativeType::BigInt)));
        assert!(!fits(&DataType::String, &ColumnType::Native(NativeType::BigInt)));
        assert_eq!(created(&texts).as_deref(), Some("list<text>"));
        let nested = DataType::Array(Box::new(texts));
        assert_eq!(created(&nested).as_deref(), Some("list<frozen<list<text>>>"));
    }
}
