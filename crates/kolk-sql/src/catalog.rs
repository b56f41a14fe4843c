//! The streams that the statements so far have declared.

use crate::ast::{Ident, Quoting};
use crate::error::{Problem, Result, listed, nearest};
use crate::resolve::Types;
use crate::settings::Names;
use crate::source::Span;
use kolk::schema::Schema;
use kolk::topology::{Collection, EventTime, Format, KeyWindow};
use std::time::Duration;

/// A stream or table: a topic and how it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// Whether its records are facts or states of keys.
    pub collection: Collection,
    /// Whether statements may change it.
    pub access: Access,
    /// The query that makes it; none for a topic that is declared.
    pub query: Option<String>,
    /// Its topic.
    pub topic: String,
    /// Partitions with which the topic is created if it does not exist.
    pub partitions: Option<u32>,
    /// What is known of its columns.
    pub columns: Columns,
    /// The column of the value whose text the record key holds too.
    pub key_column: Option<usize>,
    /// How keys are written.
    pub key_format: Format,
    /// How values are written.
    pub value_format: Format,
    /// How the windows in its keys are written, if keys have windows: `columns` end with their bounds.
    pub window: Option<KeyWindow>,
    /// Where the event time stands, in the schema of `columns`.
    pub event_time: EventTime,
    /// How much disorder it may have.
    pub watermark_delay: Duration,
    /// After how long without records it no longer holds the watermark back.
    pub idle_timeout: Option<Duration>,
    /// What it says about records that cannot be read.
    pub on_bad_record: Option<crate::settings::BadRecord>,
    /// Where they go.
    pub dead_letter_topic: Option<String>,
}

impl Stream {
    /// A stream of nothing but records, from this topic.
    #[must_use]
    pub fn new(name: &str, topic: &str) -> Self {
        Self {
            name: name.to_owned(),
            collection: Collection::Stream,
            access: Access::Change,
            query: None,
            topic: topic.to_owned(),
            partitions: None,
            columns: Columns::Unknown,
            key_column: None,
            key_format: Format::None,
            value_format: Format::None,
            window: None,
            event_time: EventTime::Record,
            watermark_delay: Duration::ZERO,
            idle_timeout: None,
            on_bad_record: None,
            dead_letter_topic: None,
        }
    }

    /// What it is, for people.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self.collection {
            Collection::Stream => "stream",
            Collection::Table => "table",
        }
    }
}

/// Whether statements may change a stream or table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// They may.
    Change,
    /// They may not: it was declared as SOURCE.
    Read,
}

/// What is known of a stream's columns.
#[derive(Debug, Clone, PartialEq)]
pub enum Columns {
    /// They are declared, or follow from a query.
    Known(Schema),
    /// The declaration leaves them out: records can only be passed on as they are.
    Unknown,
}

impl Columns {
    /// The columns, if they are known.
    #[must_use]
    pub fn known(&self) -> Option<&Schema> {
        match self {
            Self::Known(schema) => Some(schema),
            Self::Unknown => None,
        }
    }

    /// The columns; none when they are not known.
    #[must_use]
    pub fn schema(&self) -> Schema {
        match self {
            Self::Known(schema) => schema.clone(),
            Self::Unknown => Schema::default(),
        }
    }
}

/// The streams of a program, and the names that a failed statement was to create.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    streams: Vec<Stream>,
    types: Types,
    failed: Vec<Ident>,
}

impl Catalog {
    /// The stream that a name means.
    pub(crate) fn find(&self, name: &Ident, names: Names) -> Result<&Stream> {
        if let Some(stream) = self.streams.iter().find(|stream| matches(&stream.name, name, names))
        {
            return Ok(stream);
        }
        let message = format!("there is no stream or table {name}");
        if self.failed.iter().any(|failed| matches(&written(failed, names), name, names)) {
            return Err(Problem::consequence(name.span, message));
        }
        let known = || self.streams.iter().map(|stream| stream.name.as_str());
        let help = match nearest(&name.text, known()) {
            Some(nearest) => format!("did you mean {nearest}?"),
            None if self.streams.is_empty() => {
                format!(
                    "declare it first: CREATE STREAM {name} (…) WITH (kafka_topic='…', value_format='JSON')"
                )
            }
            None => format!("declared so far: {}", listed(&name.text, known())),
        };
        Err(Problem::new(name.span, message, "not declared above").help(help))
    }

    /// The stream or table of this name, if there is one.
    pub(crate) fn get(&self, name: &Ident, names: Names) -> Option<&Stream> {
        self.streams.iter().find(|stream| matches(&stream.name, name, names))
    }

    /// Types of one's own.
    pub(crate) fn types(&self) -> &Types {
        &self.types
    }

    /// Types of one's own, to add to.
    pub(crate) fn types_mut(&mut self) -> &mut Types {
        &mut self.types
    }

    /// Adds a stream, in place of one with its name.
    pub(crate) fn put(&mut self, stream: Stream) {
        self.streams.retain(|other| other.name != stream.name);
        self.streams.push(stream);
    }

    /// Takes away the stream with this name.
    pub(crate) fn remove(&mut self, name: &Ident, names: Names) -> Option<Stream> {
        let at = self.streams.iter().position(|stream| matches(&stream.name, name, names))?;
        Some(self.streams.remove(at))
    }

    /// All streams, in the order in which they were created.
    pub(crate) fn into_streams(self) -> Vec<Stream> {
        self.streams
    }

    /// Remembers that the statement which was to create this stream failed: who reads it is not to blame.
    pub(crate) fn failed(&mut self, name: Ident) {
        self.failed.push(name);
    }
}

/// A name as it is stored and written to the output.
pub(crate) fn written(name: &Ident, names: Names) -> String {
    match (names, name.quoting) {
        (Names::UpperCase, Quoting::Bare) => name.text.to_uppercase(),
        _ => name.text.clone(),
    }
}

/// Whether a stored name is meant by a written one.
pub(crate) fn matches(stored: &str, name: &Ident, names: Names) -> bool {
    match names {
        Names::AsWritten => {
            stored == name.text || stored.to_lowercase() == name.text.to_lowercase()
        }
        Names::UpperCase => stored == written(name, names),
    }
}

/// Refuses a name that is there already.
pub(crate) fn unique<'a>(
    name: &str,
    span: Span,
    others: impl IntoIterator<Item = (&'a str, Span)>,
    names: Names,
) -> Result<()> {
    let same = |other: &str| match names {
        Names::AsWritten => other.to_lowercase() == name.to_lowercase(),
        Names::UpperCase => other == name,
    };
    match others.into_iter().find(|(other, _)| same(other)) {
        None => Ok(()),
        Some((_, first)) => {
            Err(Problem::new(span, format!("there are two columns {name}"), "the second")
                .label(first, "the first"))
        }
    }
}
