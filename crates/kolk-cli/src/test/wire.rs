//! Keys and values of test files ↔ bytes, by the formats that a topic's stream declares.

use super::declared;
use super::file::{Window, WindowKind};
use super::json::Json;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kolk::codec::kafka;
use kolk::schema::{Column, DataType, Role};
use kolk::topology::{Format, KeyWindow};
use kolk_sql::catalog::Stream;

/// How the keys or values of a topic are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    format: Format,
    columns: Vec<Column>,
}

impl Layout {
    /// Of the keys of a stream.
    pub(crate) fn of_keys(stream: &Stream) -> Self {
        Self::new(stream.key_format, stream, &Role::Key)
    }

    /// Of the values of a stream.
    pub(crate) fn of_values(stream: &Stream) -> Self {
        Self::new(stream.value_format, stream, &Role::Value)
    }

    fn new(format: Format, stream: &Stream, role: &Role) -> Self {
        let mut columns = stream.columns.schema().columns;
        columns.retain(|column| column.role == *role);
        Self { format, columns }
    }

    /// The bytes of a key or value; `None` for null.
    ///
    /// # Errors
    /// Why it cannot be written in this format.
    pub(crate) fn write(&self, json: &Json) -> Result<Option<Vec<u8>>, String> {
        if *json == Json::Null {
            return Ok(None);
        }
        match self.format {
            Format::Json | Format::BareJson => Ok(Some(json.to_string().into_bytes())),
            Format::Delimited { .. } => Ok(Some(plain(json).into_bytes())),
            Format::Kafka => self.write_kafka(json).map(Some),
            Format::None => Err(format!("format NONE holds nothing, but there is {json}")),
        }
    }

    fn write_kafka(&self, json: &Json) -> Result<Vec<u8>, String> {
        let data_type = self.columns.first().map_or(&DataType::String, |column| &column.data_type);
        let refuse = || format!("{json} is no {data_type} of format KAFKA");
        let number = |json: &Json| match json {
            Json::Number(digits) | Json::Text(digits) => Some(digits.clone()),
            _ => None,
        };
        let bytes = match data_type {
            DataType::Integer => {
                let value = number(json).and_then(|digits| digits.parse::<i32>().ok());
                value.map(|value| value.to_be_bytes().to_vec())
            }
            DataType::Bigint => {
                let value = number(json).and_then(|digits| digits.parse::<i64>().ok());
                value.map(|value| value.to_be_bytes().to_vec())
            }
            DataType::Double => {
                let value = number(json).and_then(|digits| digits.parse::<f64>().ok());
                value.map(|value| value.to_be_bytes().to_vec())
            }
            DataType::Boolean => match json {
                Json::Boolean(value) => Some(vec![u8::from(*value)]),
                _ => None,
            },
            DataType::Bytes => json.text().and_then(|text| BASE64_STANDARD.decode(text).ok()),
            _ => Some(plain(json).into_bytes()),
        };
        bytes.ok_or_else(refuse)
    }

    /// What a test file expects, as [`Self::read`] would give it.
    pub(crate) fn expected(&self, json: &Json) -> Json {
        match (self.format, self.columns.as_slice()) {
            (Format::Json, columns) if !self.is_bare() => declared::object(json, columns),
            (Format::Json | Format::BareJson, [alone, ..]) => {
                declared::value(json, &alone.data_type)
            }
            (Format::Delimited { .. }, _) if *json != Json::Null => Json::Text(plain(json)),
            _ => json.clone(),
        }
    }

    /// Whether a single JSON value stands without an object around it.
    fn is_bare(&self) -> bool {
        matches!(self.columns.as_slice(), [alone] if alone.role == Role::Key)
    }

    /// The key or value that bytes stand for.
    ///
    /// # Errors
    /// Why they are none of this format.
    pub(crate) fn read(&self, bytes: Option<&[u8]>) -> Result<Json, String> {
        let Some(bytes) = bytes else { return Ok(Json::Null) };
        let text = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
            Ok(Json::Text(text.to_owned()))
        };
        match self.format {
            Format::Json | Format::BareJson => Json::parse(bytes),
            Format::Delimited { .. } => text(bytes),
            Format::Kafka => self.read_kafka(bytes),
            Format::None => text(bytes),
        }
    }

    fn read_kafka(&self, bytes: &[u8]) -> Result<Json, String> {
        let data_type = self.columns.first().map_or(&DataType::String, |column| &column.data_type);
        let read = match data_type {
            DataType::Integer => {
                kafka::fixed(bytes).map(|bytes| Json::Number(i32::from_be_bytes(bytes).to_string()))
            }
            DataType::Bigint => {
                kafka::fixed(bytes).map(|bytes| Json::Number(i64::from_be_bytes(bytes).to_string()))
            }
            DataType::Double => kafka::fixed(bytes).map(|bytes| double(f64::from_be_bytes(bytes))),
            DataType::Boolean => kafka::boolean(bytes).map(Json::Boolean),
            DataType::Bytes => Ok(Json::Text(BASE64_STANDARD.encode(bytes))),
            _ => kafka::text(bytes).map(|text| Json::Text(text.to_owned())),
        };
        read.map_err(|expected| {
            format!("expected {data_type} as {expected}, found the bytes {}", bytes.escape_ascii())
        })
    }
}

/// What a text says, and other values as they are written.
fn plain(json: &Json) -> String {
    json.text().map_or_else(|| json.to_string(), ToOwned::to_owned)
}

/// The bytes of a key with its window behind it.
///
/// # Errors
/// When the topic's windows are of another kind, or of another size.
pub(crate) fn with_window(
    key: Option<Vec<u8>>,
    window: Option<Window>,
    form: Option<KeyWindow>,
) -> Result<Option<Vec<u8>>, String> {
    let Some(mut key) = key else { return Ok(None) };
    match (window, form) {
        (None, None) => {}
        (Some(Window { start, end, kind: WindowKind::Session }), Some(KeyWindow::Session)) => {
            key.extend(end.to_be_bytes());
            key.extend(start.to_be_bytes());
        }
        (Some(Window { start, end, kind: WindowKind::Time }), Some(KeyWindow::Time { size })) => {
            if i64::try_from(size.as_millis()).ok() != end.checked_sub(start) {
                return Err(format!("its window is not {} ms long", size.as_millis()));
            }
            key.extend(start.to_be_bytes());
        }
        (None, Some(_)) => return Err("it has no window, but the topic's keys have".to_owned()),
        (Some(_), None) => return Err("it has a window, but the topic's keys have none".to_owned()),
        (Some(_), Some(_)) => {
            return Err("its window is of another kind than the topic's".to_owned());
        }
    }
    Ok(Some(key))
}

/// A key's own bytes, and the window behind them.
///
/// # Errors
/// When there are fewer bytes than a window takes.
pub(crate) fn without_window(
    key: Option<&[u8]>,
    form: Option<KeyWindow>,
) -> Result<(Option<&[u8]>, Option<Window>), String> {
    let (Some(key), Some(form)) = (key, form) else { return Ok((key, None)) };
    let number = |key: &'_ [u8]| -> Result<(usize, i64), String> {
        let (rest, number) = key.split_last_chunk::<8>().ok_or("it is too short for a window")?;
        Ok((rest.len(), i64::from_be_bytes(*number)))
    };
    let (rest, start) = number(key)?;
    Ok(match form {
        KeyWindow::Session => {
            let (rest, end) = number(&key[..rest])?;
            (Some(&key[..rest]), Some(Window { start, end, kind: WindowKind::Session }))
        }
        KeyWindow::Time { size } => {
            let size = i64::try_from(size.as_millis()).unwrap_or(i64::MAX);
            let window = Window { start, end: start.saturating_add(size), kind: WindowKind::Time };
            (Some(&key[..rest]), Some(window))
        }
    })
}

/// A double as JSON; NaN and the infinities, which JSON does not have, as text.
fn double(value: f64) -> Json {
    let mut text = Vec::new();
    kolk::codec::number::write_f64(value, &mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    if value.is_finite() { Json::Number(text) } else { Json::Text(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(format: Format, data_type: DataType) -> Layout {
        let column = Column { name: "c".to_owned(), data_type, role: Role::Value };
        Layout { format, columns: vec![column] }
    }

    #[test]
    fn each_format_reads_what_it_writes() {
        for (format, data_type, json, bytes) in [
            (Format::Json, DataType::Double, r#"{"a":1.10}"#, &br#"{"a":1.10}"#[..]),
            (Format::BareJson, DataType::String, r#""x""#, br#""x""#),
            (Format::Delimited { delimiter: ',' }, DataType::Bigint, r#""1,x""#, b"1,x"),
            (Format::Kafka, DataType::Integer, "-2", &[255, 255, 255, 254]),
            (Format::Kafka, DataType::Bigint, "258", &[0, 0, 0, 0, 0, 0, 1, 2]),
            (Format::Kafka, DataType::Double, "1.5", &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]),
            (Format::Kafka, DataType::String, r#""x""#, b"x"),
            (Format::Kafka, DataType::Bytes, r#""AQI=""#, &[1, 2]),
            (Format::Kafka, DataType::Boolean, "true", &[1]),
        ] {
            let (layout, json) = (layout(format, data_type), Json::parse(json.as_bytes()).unwrap());
            assert_eq!(layout.write(&json).unwrap().as_deref(), Some(bytes), "{json}");
            assert_eq!(layout.read(Some(bytes)).unwrap(), json);
            assert_eq!(layout.write(&Json::Null), Ok(None));
            assert_eq!(layout.read(None), Ok(Json::Null));
        }
    }

    #[test]
    fn windows_stand_behind_keys() {
        let time = KeyWindow::Time { size: std::time::Duration::from_millis(256) };
        let of_time = Window { start: 1, end: 257, kind: WindowKind::Time };
        let of_session = Window { start: 2, end: 3, kind: WindowKind::Session };
        for (form, window, bytes) in [
            (None, None, &b"k"[..]),
            (Some(time), Some(of_time), b"k\0\0\0\0\0\0\0\x01"),
            (Some(KeyWindow::Session), Some(of_session), b"k\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x02"),
        ] {
            let written = with_window(Some(b"k".to_vec()), window, form).unwrap();
            assert_eq!(written.as_deref(), Some(bytes));
            assert_eq!(without_window(Some(bytes), form), Ok((Some(&b"k"[..]), window)));
        }
        for (window, form) in
            [(None, Some(time)), (Some(of_time), None), (Some(of_session), Some(time))]
        {
            assert!(with_window(Some(b"k".to_vec()), window, form).is_err());
        }
        assert!(without_window(Some(b"short"), Some(time)).is_err());
    }

    #[test]
    fn what_does_not_fit_the_format_is_told() {
        let text = Json::Text("x".to_owned());
        let integer = layout(Format::Kafka, DataType::Integer);
        assert_eq!(integer.write(&text).unwrap_err(), r#""x" is no INTEGER of format KAFKA"#);
        let error = integer.read(Some(b"abc")).unwrap_err();
        assert_eq!(error, "expected INTEGER as 4 bytes, found the bytes abc");
        assert!(layout(Format::None, DataType::Integer).write(&text).is_err());
    }
}
