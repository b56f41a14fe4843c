//! Values as text, as CAST and functions of text show them.
//!
//! A time-stamp's text is that of JSON output: ISO 8601 in the session's time zone; where JSON has numbers for it,
//! `2024-01-01T08:20:00.000` in UTC. Arrays, maps and structs are JSON, or look like Java's collections.

use super::Session;
use crate::codec::zone::Zone;
use crate::codec::{decimal, number, timestamp};
use crate::operator::value::{Value, write_json};
use crate::schema::DataType as T;
use crate::topology::{Collections, JsonTimestamps};

/// Appends the text of a value; `null` for NULL.
pub(super) fn write(value: &Value<'_>, of: &T, session: &mut Session, into: &mut Vec<u8>) {
    let iso = session.style.timestamps == JsonTimestamps::Iso8601;
    match (value, of) {
        (Value::Null, _) => into.extend_from_slice(b"null"),
        (Value::Boolean(true), _) => into.extend_from_slice(b"true"),
        (Value::Boolean(false), _) => into.extend_from_slice(b"false"),
        (Value::Integer(days), T::Date) => timestamp::write_date(*days, into),
        (Value::Integer(ms), T::Time) if iso => timestamp::write_time(*ms, into),
        (Value::Integer(ms), T::Time) => timestamp::write_time_briefly(*ms, into),
        (Value::Integer(value), _) => number::write_i64((*value).into(), into),
        (Value::Bigint(ms), T::Timestamp) if iso => {
            timestamp::write(*ms, &mut session.zone, into);
        }
        (Value::Bigint(ms), T::Timestamp) => {
            timestamp::write(*ms, &mut Zone::utc(), into);
            // The Z of UTC.
            into.pop();
        }
        (Value::Bigint(value), _) => number::write_i64(*value, into),
        (Value::Double(value), _) => number::write_f64(*value, into),
        (Value::Decimal(digits), T::Decimal { scale, .. }) => {
            decimal::write(*digits, *scale, into);
        }
        (Value::Decimal(digits), _) => decimal::write(*digits, 0, into),
        (Value::Text(text), _) => into.extend_from_slice(text.as_bytes()),
        (Value::Bytes(_), _) => {
            let start = into.len();
            write_json(value, of, (session.style, &mut session.zone), into);
            // Base64 without its quotes.
            into.pop();
            into.remove(start);
        }
        (Value::Array(_) | Value::Map(_) | Value::Struct(_), _) => match session.collections {
            Collections::Json => write_json(value, of, (session.style, &mut session.zone), into),
            Collections::Java => as_java(value, of, session, into),
        },
    }
}

/// `[1, null]`, `{a=1, b=2}`, `Struct{A=1,B=2}` (without its NULLs).
fn as_java(value: &Value<'_>, of: &T, session: &mut Session, into: &mut Vec<u8>) {
    let mut first = true;
    let mut separate = |by: &[u8], into: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            into.extend_from_slice(by);
        }
    };
    match (value, of) {
        (Value::Array(items), T::Array(of)) => {
            into.push(b'[');
            for item in items {
                separate(b", ", into);
                write(item, of, session, into);
            }
            into.push(b']');
        }
        (Value::Map(entries), T::Map(of_key, of_value)) => {
            into.push(b'{');
            for (key, value) in entries {
                separate(b", ", into);
                write(key, of_key, session, into);
                into.push(b'=');
                write(value, of_value, session, into);
            }
            into.push(b'}');
        }
        (Value::Struct(values), T::Struct(fields)) => {
            into.extend_from_slice(b"Struct{");
            for ((name, of), value) in fields.iter().zip(values).filter(|(_, v)| !v.is_null()) {
                separate(b",", into);
                into.extend_from_slice(name.as_bytes());
                into.push(b'=');
                write(value, of, session, into);
            }
            into.push(b'}');
        }
        _ => {}
    }
}
