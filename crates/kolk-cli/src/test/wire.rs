//! Keys and values of test files ↔ bytes, by the formats that a topic's stream declares.

use super::json::Json;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kolk::codec::kafka;
use kolk::schema::{Column, DataType, Role};
use kolk::topology::Format;
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
            Format::Json => Ok(Some(json.to_string().into_bytes())),
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
            _ => Some(json.text().map_or_else(|| json.to_string(), ToOwned::to_owned).into_bytes()),
        };
        bytes.ok_or_else(refuse)
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
            Format::Json => Json::parse(bytes),
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
            (Format::Json, DataType::String, r#""x""#, br#""x""#),
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
    fn what_does_not_fit_the_format_is_told() {
        let text = Json::Text("x".to_owned());
        let integer = layout(Format::Kafka, DataType::Integer);
        assert_eq!(integer.write(&text).unwrap_err(), r#""x" is no INTEGER of format KAFKA"#);
        let error = integer.read(Some(b"abc")).unwrap_err();
        assert_eq!(error, "expected INTEGER as 4 bytes, found the bytes abc");
        assert!(layout(Format::None, DataType::Integer).write(&text).is_err());
    }
}
