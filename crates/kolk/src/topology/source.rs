//! A topic as input: how it is read, where its time stands, what becomes of bad records.

use crate::topology::Exchange;
use std::fmt;
use std::time::Duration;

/// A topic as input.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The stream's name in SQL.
    pub name: String,
    /// The topic.
    pub topic: String,
    /// Partitions with which to create it if it does not exist; it must exist if absent.
    pub partitions: Option<u32>,
    /// The column whose text the record's key holds too, if the statement says so: rows of one value of the column then
    /// lie in one partition. Checked for every row where it matters.
    pub key_column: Option<usize>,
    /// How keys are written.
    pub key_format: Format,
    /// How values are written.
    pub value_format: Format,
    /// Where the event time stands.
    pub event_time: EventTime,
    /// How much disorder the input may have: its watermark stays this far behind the largest event time.
    pub watermark_delay: Duration,
    /// After how long without records (processing time) the input no longer holds the watermark back; never if absent.
    pub idle_timeout: Option<Duration>,
    /// Where to start without committed offsets.
    pub offset_reset: OffsetReset,
    /// What to do with a record that cannot be read.
    pub on_bad_record: OnBadRecord,
    /// Whether records are facts or changes of a table.
    pub collection: Collection,
    /// How the windows in its keys are written, if keys have windows: columns of role `WindowStart` and `WindowEnd` read them.
    pub window: Option<KeyWindow>,
    /// The way by which rows come that another stage of this query sends. Only the physical plan has it.
    pub exchange: Option<Exchange>,
    /// Whether only this query reads the topic, which the application has made for itself: what is done of it is deleted.
    pub is_internal: bool,
}

impl Source {
    /// A stream of the records of `topic`, under its name, of which nothing is read but the record's time-stamp; from the earliest
    /// record on, and without tolerance for bad ones.
    #[must_use]
    pub fn new(topic: &str) -> Self {
        Self {
            name: topic.to_owned(),
            topic: topic.to_owned(),
            partitions: None,
            key_column: None,
            key_format: Format::None,
            value_format: Format::None,
            event_time: EventTime::Record,
            watermark_delay: Duration::ZERO,
            idle_timeout: None,
            offset_reset: OffsetReset::Earliest,
            on_bad_record: OnBadRecord::Fail,
            collection: Collection::Stream,
            window: None,
            exchange: None,
            is_internal: false,
        }
    }
}

/// What the rows of a source or node are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Collection {
    /// Each row is a fact of its own.
    #[default]
    Stream,
    /// Each row is the new state of its key; a row without a value (a tombstone) deletes it.
    Table,
}

/// How a key's window is written behind the key's own bytes, as Kafka Streams does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWindow {
    /// Eight bytes: the start. The end follows from the size.
    Time {
        /// The window's size.
        size: Duration,
    },
    /// Eight bytes each: the end, then the start.
    Session,
}

/// How keys or values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object with a field for each column. A key of one column, and a value of one without a name, is the column's value
    /// itself.
    Json,
    /// The JSON value of one column, without an object around it.
    BareJson,
    /// The columns' text, one behind the other; see [`crate::codec::delimited`].
    Delimited {
        /// What stands between them.
        delimiter: char,
    },
    /// Kafka's own serializers: one column, big-endian numbers, UTF-8 text or bytes.
    Kafka,
    /// Nothing is read: the bytes are only passed on.
    None,
}

/// Where a row's event time stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTime {
    /// The Kafka record's own time-stamp.
    Record,
    /// A column of the source's schema.
    Column {
        /// Its position.
        index: usize,
        /// How text is to be read, in Java's letters; ISO 8601 if absent.
        format: Option<String>,
    },
}

/// Where to start reading when there is no committed offset. One that is out of range is another case: the client's
/// `auto.offset.reset` decides, and stops the query unless it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record that is still there.
    Earliest,
    /// Behind the last record.
    Latest,
    /// Not at all: the query stops with an error.
    None,
}

/// What becomes of a record that cannot be processed. It is counted in each case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnBadRecord {
    /// The query stops with an error that names topic, partition and offset.
    Fail,
    /// The record is passed over.
    Skip,
    /// The record goes to this topic, as it came, with headers that tell why.
    DeadLetter {
        /// The topic.
        topic: String,
    },
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json | Self::BareJson => "JSON",
            Self::Delimited { .. } => "DELIMITED",
            Self::Kafka => "KAFKA",
            Self::None => "NONE",
        })
    }
}
