//! What stands in a field of a row's JSON object, for clients that bind typed values.
#![cfg(any(feature = "cassandra", feature = "kinesis", feature = "postgresql"))]

#[cfg(any(feature = "cassandra", feature = "postgresql"))]
use kolk::codec::{timestamp, zone::Zone};
#[cfg(feature = "kinesis")]
use serde_json::Map;
use serde_json::Value;

/// The object of a row.
///
/// # Errors
/// In words.
#[cfg(feature = "kinesis")]
pub(crate) fn object(json: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(json) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("the row is no JSON object".to_owned()),
        Err(error) => Err(format!("the row is no JSON: {error}")),
    }
}

/// A time-stamp in milliseconds since 1970: ISO 8601 text, or the number itself.
///
/// # Errors
/// In words.
#[cfg(any(feature = "cassandra", feature = "postgresql"))]
pub(crate) fn millis(value: &Value) -> Result<i64, String> {
    match value {
        Value::Number(number) => {
            number.as_i64().ok_or_else(|| format!("{number} is no whole number of milliseconds"))
        }
        Value::String(text) => timestamp::parse(text.as_bytes(), &mut Zone::utc())
            .ok_or_else(|| format!("'{text}' is no time-stamp")),
        other => Err(format!("{other} is no time-stamp")),
    }
}
