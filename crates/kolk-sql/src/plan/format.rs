//! Formats of keys and values, and which columns they can hold.

use crate::error::{Problem, Result};
use crate::options::Options;
use crate::source::Span;
use kolk::schema::{Column, DataType, Role, Schema};
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

/// Refuses `wrap_single_value` where there is no single value to wrap.
pub(super) fn check_wrapping(options: &Options, schema: &Schema, formats: Formats) -> Result<()> {
    let Some(span) = options.span("wrap_single_value") else { return Ok(()) };
    let columns = schema.columns.iter().filter(|column| column.role == Role::Value).count();
    let problem = |message: String| Problem::new(span, message, "leave it out");
    if formats.value != Format::Json {
        return Err(problem(format!("wrap_single_value means nothing for {}", formats.value)));
    }
    if columns > 1 {
        return Err(problem(format!(
            "wrap_single_value is for one value column, here are {columns}"
        )));
    }
    Ok(())
}

/// Refuses columns that the formats cannot hold; `spans` are the columns' places.
pub(super) fn check(schema: &Schema, formats: Formats, spans: &[Span]) -> Result<()> {
    for (format, role, part) in
        [(formats.key, Role::Key, "key"), (formats.value, Role::Value, "value")]
    {
        let columns = schema.columns.iter().zip(spans);
        let columns: Vec<_> = columns.filter(|(column, _)| column.role == role).collect();
        check_part(format, part, &columns)?;
    }
    Ok(())
}

fn check_part(format: Format, part: &str, columns: &[(&Column, &Span)]) -> Result<()> {
    let misfit = |fits: fn(&DataType) -> bool| {
        columns.iter().find(|(column, _)| !fits(&column.data_type)).copied()
    };
    match format {
        Format::None => match columns {
            [] => Ok(()),
            [(column, span), ..] => {
                let message =
                    format!("{part}_format='NONE' holds no columns, but {} is one", column.name);
                Err(Problem::new(**span, message, "this column"))
            }
        },
        Format::Kafka => {
            if let [_, (second, span), ..] = columns {
                let message = format!(
                    "{part}_format='KAFKA' holds one column, but {} is a second",
                    second.name
                );
                return Err(Problem::new(**span, message, "the second column")
                    .help(format!("{part}_format='JSON' holds several")));
            }
            let Some((column, span)) = misfit(is_kafka) else { return Ok(()) };
            let message =
                format!("{part}_format='KAFKA' cannot hold {} {}", column.name, column.data_type);
            Err(Problem::new(*span, message, "this column")
                .help("it holds INT, BIGINT, DOUBLE, STRING or BYTES"))
        }
        Format::Json => {
            let Some((column, span)) = misfit(has_text_keys) else { return Ok(()) };
            let message =
                format!("in JSON the keys of a MAP are text, so {} cannot be written", column.name);
            Err(Problem::new(*span, message, format!("{}", column.data_type))
                .help("MAP<STRING, …>"))
        }
    }
}

/// What Kafka's own serializers know.
pub(super) fn is_kafka(data_type: &DataType) -> bool {
    use DataType::{Bigint, Bytes, Double, Integer, String};
    matches!(data_type, Integer | Bigint | Double | String | Bytes)
}

fn has_text_keys(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(key, value) => **key == DataType::String && has_text_keys(value),
        DataType::Array(item) => has_text_keys(item),
        DataType::Struct(fields) => fields.iter().all(|(_, field)| has_text_keys(field)),
        _ => true,
    }
}
