//! `CREATE STREAM | TABLE name (columns) WITH (…)`: a topic as a stream or table.

use super::Planner;
use super::format::{self, Formats};
use super::graph::of_role;
use crate::ast::{self, ColumnDefinition, ColumnRole, Declaration, Ident, Quoting, Text};
use crate::catalog::{self, Access, Columns, Stream, written};
use crate::error::{Problem, Result};
use crate::options::{Options, Statement};
use crate::resolve::{self, Relation, Scope, Types, Visible, WINDOW_END, WINDOW_START};
use crate::settings::{BadRecord, Names, Settings};
use crate::source::Span;
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{Collection, EventTime, Format};

impl Planner<'_> {
    pub(super) fn declare(&mut self, create: &Declaration) -> Result<()> {
        let names = self.settings.names;
        let options = Options::read(&create.options, Statement::Declaration, self.connectors)?;
        let name = written(&create.name, names);
        let mut columns = if create.columns.is_empty() {
            Columns::Unknown
        } else {
            Columns::Known(declared(create, names, self.catalog.types())?)
        };
        let Some(topic) = options.text("kafka_topic") else {
            let message = format!("{} does not say which topic it is", create.name);
            let label = format!("this {}", create.collection.noun());
            return Err(
                Problem::new(create.name.span, message, label).help("add WITH (kafka_topic='…')")
            );
        };
        let mut formats = declared_formats(create, &options, &columns, &self.settings)?;
        check_key(create)?;
        if let Columns::Known(schema) = &columns {
            let spans: Vec<Span> = create.columns.iter().map(|column| column.span).collect();
            formats = format::wrapping(
                &options,
                of_role(schema, &Role::Value).len(),
                formats,
                &self.settings,
            )?;
            format::check(schema, formats, &spans)?;
        }
        let window = format::key_window(&options)?;
        if let (Some(_), Columns::Known(schema)) = (window, &mut columns) {
            schema.columns.extend(window_bounds());
        }
        let relations = [Relation::of(&name, &name, columns.known())];
        let scope = Scope { relations: &relations, names, types: self.catalog.types() };
        let key_column = key_column(&options, scope)?;
        let event_time = event_time(&options, scope)?;
        let (collection, access) = self.declared_as(create)?;
        if self.keeps_existing(&create.name, create.on_existing)? {
            return Ok(());
        }
        self.catalog.put(Stream {
            collection,
            access,
            partitions: options.number("partitions").and_then(|count| u32::try_from(count).ok()),
            columns,
            key_column,
            key_format: formats.key,
            value_format: formats.value,
            window,
            event_time,
            watermark_delay: options.duration("watermark_delay").unwrap_or_default(),
            idle_timeout: options.duration("idle_timeout"),
            on_bad_record: on_bad_record(&options)?,
            dead_letter_topic: options.text("dead_letter_topic").map(|text| text.text),
            ..Stream::new(&name, &topic.text)
        });
        Ok(())
    }

    /// Whether it is a stream or a table, and whether statements may change it.
    fn declared_as(&self, create: &Declaration) -> Result<(Collection, Access)> {
        let collection = match create.collection {
            ast::Collection::Stream => Collection::Stream,
            ast::Collection::Table => Collection::Table,
        };
        let Some(span) = create.read_only else { return Ok((collection, Access::Change)) };
        if create.on_existing == ast::OnExisting::Replace {
            let noun = create.collection.noun();
            let message = format!(
                "{} cannot be added: CREATE OR REPLACE is not supported on source {noun}s",
                create.name
            );
            return Err(Problem::new(span, message, "what is SOURCE stays as it is"));
        }
        Ok((collection, Access::Read))
    }
}

/// A table has a key, and its rows are told apart by it.
fn check_key(create: &Declaration) -> Result<()> {
    let mut keys = create.columns.iter().filter(|column| column.role == ColumnRole::Key);
    if create.collection == ast::Collection::Table && keys.next().is_none() {
        let message = format!("the PRIMARY KEY of the table {} is missing", create.name);
        return Err(Problem::new(create.name.span, message, "what tells its rows apart?")
            .help("mark the column that the record key holds: (id STRING PRIMARY KEY, …)"));
    }
    Ok(())
}

/// The columns that windows in keys add.
pub(super) fn window_bounds() -> [Column; 2] {
    [(WINDOW_START, Role::WindowStart), (WINDOW_END, Role::WindowEnd)].map(|(name, role)| Column {
        name: name.to_owned(),
        data_type: DataType::Bigint,
        role,
    })
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
fn declared(create: &Declaration, names: Names, types: &Types) -> Result<Schema> {
    let mut schema = Schema::default();
    let mut spans: Vec<Span> = Vec::new();
    for definition in &create.columns {
        let column = column(definition, names, types)?;
        let others =
            schema.columns.iter().zip(&spans).map(|(other, span)| (other.name.as_str(), *span));
        catalog::unique(&column.name, definition.name.span, others, names)?;
        schema.columns.push(column);
        spans.push(definition.name.span);
    }
    let mut headers = create.columns.iter().filter(|column| column.role == ColumnRole::Headers);
    if let (Some(first), Some(second)) = (headers.next(), headers.next()) {
        let message = "only one column can hold all headers";
        return Err(Problem::new(second.span, message, "the second").label(first.span, "the first"));
    }
    Ok(schema)
}

/// A declared column, checked by itself.
pub(super) fn column(definition: &ColumnDefinition, names: Names, types: &Types) -> Result<Column> {
    let name = written(&definition.name, names);
    resolve::check_not_pseudo(&name, definition.name.span)?;
    let data_type = resolve::data_type(&definition.data_type, names, types)?;
    let role = match &definition.role {
        ColumnRole::Value => Role::Value,
        ColumnRole::Key => Role::Key,
        ColumnRole::Headers => Role::Header(None),
        ColumnRole::Header(header) => Role::Header(Some(header.text.clone())),
    };
    check_header(&role, &data_type, definition.data_type.span)?;
    Ok(Column { name, data_type, role })
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
fn key_column(options: &Options, scope: Scope<'_>) -> Result<Option<usize>> {
    let Some(name) = options.text("key") else { return Ok(None) };
    let found = named_column(&name, scope)?;
    if found.role == Role::Value && found.data_type == DataType::String {
        return Ok(Some(found.index));
    }
    let message = format!("{} cannot hold the text of the record key", name.text);
    Err(Problem::new(name.span, message, format!("{}", found.data_type)).help(
        "key names a STRING column of the value; what stands in the key itself is declared KEY",
    ))
}

/// Where the options say that the event time stands.
fn event_time(options: &Options, scope: Scope<'_>) -> Result<EventTime> {
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
    let found = named_column(&name, scope)?;
    let format = timestamp_format(options, &found.data_type, &name)?;
    Ok(EventTime::Column { index: found.index, format })
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

/// The column that an option names.
pub(super) fn named_column(name: &Text, scope: Scope<'_>) -> Result<Visible> {
    let quoted = name.text.strip_prefix('`').and_then(|text| text.strip_suffix('`'));
    let quoting = if quoted.is_some() { Quoting::Quoted } else { Quoting::Bare };
    let text = quoted.unwrap_or(&name.text).trim().to_owned();
    let ident = Ident { text, quoting, span: name.span };
    match scope.find(&ident) {
        Some(column) => Ok(column.clone()),
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
