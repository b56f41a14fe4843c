//! Formats of keys and values, and which columns they can hold.

use crate::catalog::Stream;
use crate::error::{Problem, Result};
use crate::options::{DELIMITER, Options, TAB_AND_SPACE};
use crate::settings::{SelectStar, Settings};
use crate::source::Span;
use kolk::codec::{delimited, kafka};
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{Format, KeyWindow};

/// The formats of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Formats {
    pub(super) key: Format,
    pub(super) value: Format,
}

/// The formats that the options say; `otherwise` where they say nothing.
pub(super) fn formats(options: &Options, otherwise: Formats) -> Result<Formats> {
    let value = part(options, "value", otherwise.value)?;
    let value = match (value, options.boolean("wrap_single_value")) {
        (Format::Json, Some(false)) => Format::BareJson,
        (Format::BareJson, Some(true)) => Format::Json,
        (value, _) => value,
    };
    Ok(Formats { key: part(options, "key", otherwise.key)?, value })
}

/// The formats that a query takes over from its input. That a single value stands bare is taken over only with its bytes.
pub(super) fn inherited(input: &Stream, settings: &Settings) -> Formats {
    let value = match input.value_format {
        Format::BareJson if settings.select_star == SelectStar::Columns => Format::Json,
        format => format,
    };
    Formats { key: input.key_format, value }
}

/// The format of keys or values.
fn part(options: &Options, part: &str, otherwise: Format) -> Result<Format> {
    let word = options.text(&format!("{part}_format")).or_else(|| options.text("format"));
    let name = format!("{part}_delimiter");
    let delimiter = options.text(&name).map(|text| delimiter(&text.text));
    // An output's delimiter is its input's, where nothing else is said.
    let inherited =
        if let Format::Delimited { delimiter } = otherwise { delimiter } else { DELIMITER };
    let format = match word.as_ref().map(|word| word.text.as_str()) {
        None => otherwise,
        Some("KAFKA") => Format::Kafka,
        Some("NONE") => Format::None,
        Some("DELIMITED") => Format::Delimited { delimiter: inherited },
        Some(_) => Format::Json,
    };
    match (format, delimiter) {
        (Format::Delimited { .. }, Some(delimiter)) => Ok(Format::Delimited { delimiter }),
        (format, Some(_)) => {
            let span = options.span(&name).unwrap_or_default();
            let message = format!("{name} is for the format DELIMITED, these {part}s are {format}");
            Err(Problem::new(span, message, "leave it out")
                .help(format!("or write {part}_format='DELIMITED'")))
        }
        (format, None) => Ok(format),
    }
}

/// The delimiter that a word or character stands for.
fn delimiter(text: &str) -> char {
    let named = TAB_AND_SPACE.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    named.map(|(_, delimiter)| *delimiter).or_else(|| text.chars().next()).unwrap_or(DELIMITER)
}

/// How the windows in keys are written, if the options say that keys have windows.
pub(super) fn key_window(options: &Options) -> Result<Option<KeyWindow>> {
    let size = options.duration("window_size");
    let Some(kind) = options.text("window_type") else {
        return match options.span("window_size") {
            None => Ok(None),
            Some(span) => Err(Problem::new(
                span,
                "window_size says how large the windows of keys are, but not which kind they are",
                "here",
            )
            .help("add window_type='TUMBLING' or window_type='HOPPING'")),
        };
    };
    match (kind.text.as_str(), size) {
        ("SESSION", None) => Ok(Some(KeyWindow::Session)),
        ("SESSION", Some(_)) => {
            let span = options.span("window_size").unwrap_or_default();
            Err(Problem::new(span, "windows of type SESSION have no size", "leave it out"))
        }
        (_, Some(size)) => Ok(Some(KeyWindow::Time { size })),
        (word, None) => {
            let message = format!("windows of type {word} need a window_size");
            Err(Problem::new(kind.span, message, "how large?").help("add window_size='1 hour'"))
        }
    }
}

/// Decides how a single value stands, and refuses `wrap_single_value` where there is none; `columns` are those of the value.
pub(super) fn wrapping(
    options: &Options,
    columns: usize,
    formats: Formats,
    settings: &Settings,
) -> Result<Formats> {
    let Some(span) = options.span("wrap_single_value") else {
        let bare = columns == 1 && formats.value == Format::Json && !settings.wrap_single_values;
        return Ok(if bare { Formats { value: Format::BareJson, ..formats } } else { formats });
    };
    let wrap = options.boolean("wrap_single_value").unwrap_or(true);
    let problem = |message: String| Err(Problem::new(span, message, "leave it out"));
    let word = if wrap { "TRUE" } else { "FALSE" };
    match formats.value {
        Format::Json | Format::BareJson => {}
        // They have no object around a value.
        Format::Delimited { .. } | Format::Kafka if !wrap => {}
        format => {
            return problem(format!(
                "the format {format} does not support wrap_single_value={word}"
            ));
        }
    }
    if columns > 1 {
        return problem(format!(
            "wrap_single_value is only for a single value column, here are {columns}"
        ));
    }
    Ok(formats)
}

/// Refuses columns that the formats cannot hold; `spans` are the columns' places.
pub(super) fn check(schema: &Schema, formats: Formats, spans: &[Span]) -> Result<()> {
    for (format, role, part) in
        [(formats.key, Role::Key, "key"), (formats.value, Role::Value, "value")]
    {
        let columns = schema.columns.iter().zip(spans.iter().copied());
        let columns: Vec<_> = columns.filter(|(column, _)| column.role == role).collect();
        check_part(format, part, &columns)?;
    }
    Ok(())
}

/// Equal maps may have different bytes, and rows meet by the bytes of their keys.
fn check_keys(columns: &[(&Column, Span)]) -> Result<()> {
    match columns.iter().find(|(column, _)| has_map(&column.data_type)) {
        None => Ok(()),
        Some((column, span)) => {
            let message =
                format!("a MAP is not supported in a key: {} {}", column.name, column.data_type);
            Err(Problem::new(*span, message, "this column")
                .help("equal maps may be written in different ways, so their rows would not meet"))
        }
    }
}

/// Refuses columns that the format of a `part` of records, key or value, cannot hold.
pub(super) fn check_part(format: Format, part: &str, columns: &[(&Column, Span)]) -> Result<()> {
    if part == "key" {
        check_keys(columns)?;
    }
    let misfit = |fits: fn(&DataType) -> bool| {
        columns.iter().find(|(column, _)| !fits(&column.data_type)).copied()
    };
    let refuse = |(column, span): (&Column, Span), help: &str| {
        let (name, data_type) = (&column.name, &column.data_type);
        let message = format!("{part}_format='{format}' does not support {name} {data_type}");
        Err(Problem::new(span, message, "this column").help(help))
    };
    match format {
        Format::None => match columns {
            [] => Ok(()),
            [(column, span), ..] => {
                let message = format!(
                    "{part}_format='NONE' can only be used without columns, but {} is one",
                    column.name
                );
                Err(Problem::new(*span, message, "this column"))
            }
        },
        Format::Kafka => {
            if let [_, (second, span), ..] = columns {
                let message = format!(
                    "{part}_format='KAFKA' only supports a single column, but {} is a second",
                    second.name
                );
                return Err(Problem::new(*span, message, "the second column")
                    .help(format!("{part}_format='JSON' holds several")));
            }
            let misfit = misfit(is_kafka);
            misfit.map_or(Ok(()), |of| refuse(of, "it holds INT, BIGINT, DOUBLE, STRING or BYTES"))
        }
        Format::Delimited { .. } => {
            let misfit = misfit(delimited::has);
            misfit.map_or(Ok(()), |of| refuse(of, "JSON holds arrays, maps and structs"))
        }
        Format::Json | Format::BareJson => {
            if let (Format::BareJson, [_, (second, span), ..]) = (format, columns) {
                let message = format!(
                    "values without an object around them only support a single column, but {} is a second",
                    second.name
                );
                return Err(Problem::new(*span, message, "the second column")
                    .help("wrap_single_value=TRUE writes an object"));
            }
            let Some((column, span)) = misfit(has_text_keys) else { return Ok(()) };
            let message = format!(
                "JSON only supports a MAP with keys of type STRING, so {} cannot be written",
                column.name
            );
            Err(Problem::new(span, message, format!("{}", column.data_type)).help("MAP<STRING, …>"))
        }
    }
}

/// What Kafka's own serializers know in SQL.
pub(super) fn is_kafka(data_type: &DataType) -> bool {
    kafka::has(data_type) && *data_type != DataType::Boolean
}

fn has_text_keys(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(key, value) => **key == DataType::String && has_text_keys(value),
        DataType::Array(item) => has_text_keys(item),
        DataType::Struct(fields) => fields.iter().all(|(_, field)| has_text_keys(field)),
        _ => true,
    }
}

pub(super) fn has_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::Array(item) => has_map(item),
        DataType::Struct(fields) => fields.iter().any(|(_, field)| has_map(field)),
        _ => false,
    }
}
