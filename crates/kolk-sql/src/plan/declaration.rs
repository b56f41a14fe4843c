//! `CREATE STREAM name (columns) WITH (…)`: a topic as a stream.

use super::Planner;
use super::format::{self, Formats};
use crate::ast::{Collection, ColumnRole, Declaration, Ident, Quoting, Text};
use crate::catalog::{self, Columns, Stream, written};
use crate::error::{Problem, Result};
use crate::options::{Options, Statement};
use crate::resolve::{self, Scope};
use crate::settings::{BadRecord, Names, Settings};
use crate::source::Span;
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{EventTime, Format};

impl Planner<'_> {
    pub(super) fn declare(&mut self, create: &Declaration) -> Result<()> {
        let names = self.settings.names;
        if create.collection == Collection::Table {
            return Err(Problem::unsupported(create.name.span, "CREATE TABLE"));
        }
        let options = Options::read(&create.options, Statement::Declaration)?;
        let columns = if create.columns.is_empty() {
            Columns::Unknown
        } else {
            Columns::Known(declared(create, names)?)
        };
        let Some(topic) = options.text("kafka_topic") else {
            let message = format!("{} does not say which topic it is", create.name);
            return Err(Problem::new(create.name.span, message, "this stream")
                .help("add WITH (kafka_topic='…')"));
        };
        let mut formats = declared_formats(create, &options, &columns, &self.settings)?;
        if let Columns::Known(schema) = &columns {
            let spans: Vec<Span> = create.columns.iter().map(|column| column.span).collect();
            formats = format::wrapping(&options, schema, formats, &self.settings)?;
            format::check(schema, formats, &spans)?;
        }
        let name = written(&create.name, names);
        let key_column = key_column(&options, &name, &columns, names)?;
        let event_time = event_time(&options, &name, &columns, names)?;
        if self.keeps_existing(&create.name, create.on_existing)? {
            return Ok(());
        }
        self.catalog.put(Stream {
            name,
            topic: topic.text,
            partitions: options.number("partitions").and_then(|count| u32::try_from(count).ok()),
            columns,
            key_column,
            key_format: formats.key,
            value_format: formats.value,
            window: format::key_window(&options)?,
            event_time,
            watermark_delay: options.duration("watermark_delay").unwrap_or_default(),
            idle_timeout: options.duration("idle_timeout"),
            on_bad_record: on_bad_record(&options)?,
            dead_letter_topic: options.text("dead_letter_topic").map(|text| text.text),
        });
        Ok(())
    }
}

fn declared_formats(
    create: &Declaration,
    options: &Options,
    columns: &Columns,
    settings: &Settings,
) -> Result<Formats> {
    let has_values = match columns {
        Columns::Known(schema) => schema.columns.iter().any(|column| column.role == Role::Value),
        Columns::Unknown => false,
    };
    let said = options.text("value_format").or(options.text("format")).is_some();
    if has_values && !said && settings.value_format.is_none() {
        let message = format!("the value_format of {} is missing", create.name);
        return Err(Problem::new(create.name.span, message, "how are its values written?").help(
            "add value_format='JSON' or another to WITH (…), or SET 'value_format' = 'JSON'",
        ));
    }
    let value = settings.value_format.unwrap_or(Format::None);
    format::formats(options, Formats { key: settings.key_format, value })
}

/// The declared columns, checked.
fn declared(create: &Declaration, names: Names) -> Result<Schema> {
    let mut schema = Schema::default();
    let mut spans: Vec<Span> = Vec::new();
    for column in &create.columns {
        let name = written(&column.name, names);
        resolve::check_not_pseudo(&name, column.name.span)?;
        let others =
            schema.columns.iter().zip(&spans).map(|(other, span)| (other.name.as_str(), *span));
        catalog::unique(&name, column.name.span, others, names)?;
        let data_type = resolve::data_type(&column.data_type, names)?;
        let role = match &column.role {
            ColumnRole::Value => Role::Value,
            ColumnRole::Key => Role::Key,
            ColumnRole::Headers => Role::Header(None),
            ColumnRole::Header(header) => Role::Header(Some(header.text.clone())),
        };
        check_header(&role, &data_type, column.data_type.span)?;
        schema.columns.push(Column { name, data_type, role });
        spans.push(column.name.span);
    }
    let mut headers = create.columns.iter().filter(|column| column.role == ColumnRole::Headers);
    if let (Some(first), Some(second)) = (headers.next(), headers.next()) {
        let message = "only one column can hold all headers";
        return Err(Problem::new(second.span, message, "the second").label(first.span, "the first"));
    }
    Ok(schema)
}

fn check_header(role: &Role, data_type: &DataType, span: Span) -> Result<()> {
    let expected = match role {
        Role::Header(Some(_)) if *data_type != DataType::Bytes => "BYTES",
        Role::Header(None) if !is_headers(data_type) => "ARRAY<STRUCT<key STRING, value BYTES>>",
        _ => return Ok(()),
    };
    let message = format!("this header column must be {expected}, not {data_type}");
    Err(Problem::new(span, message, format!("write {expected}")))
}

fn is_headers(data_type: &DataType) -> bool {
    let DataType::Array(item) = data_type else { return false };
    let DataType::Struct(fields) = &**item else { return false };
    match &fields[..] {
        [(key, DataType::String), (value, DataType::Bytes)] => {
            key.eq_ignore_ascii_case("key") && value.eq_ignore_ascii_case("value")
        }
        _ => false,
    }
}

/// The column that the option `key` names.
fn key_column(
    options: &Options,
    stream: &str,
    columns: &Columns,
    names: Names,
) -> Result<Option<usize>> {
    let Some(name) = options.text("key") else { return Ok(None) };
    let (index, data_type) = column(&name, scope(stream, columns, names))?;
    if columns.schema().columns[index].role == Role::Value && data_type == DataType::String {
        return Ok(Some(index));
    }
    let message = format!("{} cannot hold the text of the record key", name.text);
    Err(Problem::new(name.span, message, format!("{data_type}")).help(
        "key names a STRING column of the value; what stands in the key itself is declared KEY",
    ))
}

fn scope<'a>(stream: &'a str, columns: &'a Columns, names: Names) -> Scope<'a> {
    let schema = match columns {
        Columns::Known(schema) => Some(schema),
        Columns::Unknown => None,
    };
    Scope { name: stream, qualifier: stream, schema, names }
}

/// Where the options say that the event time stands.
pub(super) fn event_time(
    options: &Options,
    stream: &str,
    columns: &Columns,
    names: Names,
) -> Result<EventTime> {
    let Some(name) = options.text("timestamp") else {
        return match options.span("timestamp_format") {
            None => Ok(EventTime::Record),
            Some(span) => Err(Problem::new(
                span,
                "timestamp_format says how a column is written, but which?",
                "here",
            )
            .help("add timestamp='…' with the column's name")),
        };
    };
    let (index, data_type) = column(&name, scope(stream, columns, names))?;
    let format = timestamp_format(options, &data_type, &name)?;
    Ok(EventTime::Column { index, format })
}

/// The format in which text of a time-stamp column is written; refuses types that are no time.
pub(super) fn timestamp_format(
    options: &Options,
    data_type: &DataType,
    name: &Text,
) -> Result<Option<String>> {
    let format = options.text("timestamp_format");
    match (data_type, &format) {
        (DataType::String, _) | (DataType::Timestamp | DataType::Bigint, None) => {
            Ok(format.map(|format| format.text))
        }
        (DataType::Timestamp | DataType::Bigint, Some(format)) => {
            let message = format!("timestamp_format is for text, but {} is {data_type}", name.text);
            Err(Problem::new(format.span, message, "leave it out")
                .label(name.span, format!("{data_type}")))
        }
        (other, _) => {
            let message = format!("{} is {other}, which is no point in time", name.text);
            Err(Problem::new(name.span, message, format!("{other}"))
                .help("a time-stamp is TIMESTAMP, BIGINT (milliseconds) or STRING"))
        }
    }
}

/// The column that an option names, with its type.
pub(super) fn column(name: &Text, scope: Scope<'_>) -> Result<(usize, DataType)> {
    let quoted = name.text.strip_prefix('`').and_then(|text| text.strip_suffix('`'));
    let quoting = if quoted.is_some() { Quoting::Quoted } else { Quoting::Bare };
    let text = quoted.unwrap_or(&name.text).trim().to_owned();
    let ident = Ident { text, quoting, span: name.span };
    match scope.position(&ident).zip(scope.schema) {
        Some((index, schema)) => Ok((index, schema.columns[index].data_type.clone())),
        None => match scope.column(None, &ident) {
            Err(problem) => Err(problem),
            Ok(_) => {
                let message = format!("{} is not a column of its own", ident.text);
                Err(Problem::new(name.span, message, "every record has it").help("name a column"))
            }
        },
    }
}

/// What the options say about records that cannot be read.
pub(super) fn on_bad_record(options: &Options) -> Result<Option<BadRecord>> {
    let word = options.text("on_bad_record");
    let chosen = word.as_ref().map(|word| match word.text.as_str() {
        "skip" => BadRecord::Skip,
        "dead_letter" => BadRecord::DeadLetter,
        _ => BadRecord::Fail,
    });
    if let (Some(word), Some(span)) = (&word, options.span("dead_letter_topic"))
        && chosen != Some(BadRecord::DeadLetter)
    {
        let message =
            format!("no record goes to the dead_letter_topic with on_bad_record='{}'", word.text);
        return Err(Problem::new(span, message, "leave it out")
            .label(word.span, "or write 'dead_letter' here"));
    }
    Ok(chosen)
}
