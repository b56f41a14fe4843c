//! Formats of keys and values, and which columns they can hold.

use crate::error::{Problem, Result};
use crate::options::Options;
use crate::source::Span;
use kolk::schema::{DataType, Role, Schema};
use kolk::topology::Format;

/// The formats of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Formats {
    pub(super) key: Format,
    pub(super) value: Format,
}

/// The formats that the options say; `otherwise` where they say nothing.
pub(super) fn formats(options: &Options, otherwise: Formats) -> Result<Formats> {
    if options.boolean("wrap_single_value") == Some(false) {
        let span = options.span("wrap_single_value").unwrap_or_default();
        return Err(Problem::unsupported(span, "wrap_single_value=FALSE"));
    }
    let both = options.text("format");
    let word =
        |name: &str| options.text(name).or_else(|| both.clone()).map(|text| named(&text.text));
    Ok(Formats {
        key: word("key_format").unwrap_or(otherwise.key),
        value: word("value_format").unwrap_or(otherwise.value),
    })
}

fn named(word: &str) -> Format {
    match word {
        "KAFKA" => Format::Kafka,
        "NONE" => Format::None,
        _ => Format::Json,
    }
}

/// Refuses columns that the formats cannot hold; `span` is what to point at.
pub(super) fn check(schema: &Schema, formats: Formats, span: Span) -> Result<()> {
    for (format, role, part) in
        [(formats.key, Role::Key, "key"), (formats.value, Role::Value, "value")]
    {
        let columns: Vec<_> = schema.columns.iter().filter(|column| column.role == role).collect();
        match format {
            Format::None if !columns.is_empty() => {
                let message = format!(
                    "{part}_format='NONE' holds no columns, but {} is one",
                    columns[0].name
                );
                return Err(Problem::new(span, message, "this stream"));
            }
            Format::Kafka => {
                if let [_, second, ..] = columns[..] {
                    let message = format!(
                        "{part}_format='KAFKA' holds one column, but {} is a second",
                        second.name
                    );
                    return Err(Problem::new(span, message, "this stream")
                        .help(format!("{part}_format='JSON' holds several")));
                }
                if let Some(column) = columns.iter().find(|column| !is_kafka(&column.data_type)) {
                    let message = format!(
                        "{part}_format='KAFKA' cannot hold {} {}",
                        column.name, column.data_type
                    );
                    return Err(Problem::new(span, message, "this stream")
                        .help("it holds INT, BIGINT, DOUBLE, STRING or BYTES"));
                }
            }
            Format::Json => {
                if let Some(column) = columns.iter().find(|column| has_odd_map(&column.data_type)) {
                    let message =
                        format!("in JSON the keys of a MAP are text, so {} cannot be", column.name);
                    return Err(Problem::new(span, message, format!("{}", column.data_type))
                        .help("MAP<STRING, …>"));
                }
            }
            Format::None => {}
        }
    }
    Ok(())
}

/// What Kafka's own serializers know.
pub(super) fn is_kafka(data_type: &DataType) -> bool {
    use DataType::{Bigint, Bytes, Double, Integer, String};
    matches!(data_type, Integer | Bigint | Double | String | Bytes)
}

fn has_odd_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(key, value) => **key != DataType::String || has_odd_map(value),
        DataType::Array(item) => has_odd_map(item),
        DataType::Struct(fields) => fields.iter().any(|(_, field)| has_odd_map(field)),
        _ => false,
    }
}
