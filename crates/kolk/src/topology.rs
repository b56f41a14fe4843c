//! The plan as data: what SQL and the Rust builder produce, what `explain` draws and the runtime runs.
//!
//! A [`Topology`] holds queries; a [`Query`] is a graph of nodes from sources to one sink, in an order in which every
//! node stands behind its inputs. Nothing here runs.

use crate::expression::Expression;
use crate::schema::Schema;
use std::fmt;
use std::time::Duration;

/// A program: the persistent queries of an application. Each has its own consumer group, offsets and producer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topology {
    /// The queries, in the order of their statements.
    pub queries: Vec<Query>,
}

/// One persistent query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Its name, unique in the application: that of the stream it creates. Part of the group's name.
    pub name: String,
    /// The nodes; inputs come before the nodes that read them, the sink is last.
    pub nodes: Vec<Node>,
    /// How its values are written and its time goes, where the dialects differ.
    pub conventions: Conventions,
}

/// How a query's values are written and its time goes, where the dialects of SQL differ. The default is dialect `kolk`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conventions {
    /// The IANA time zone in which text without an offset is read and time-stamps are written.
    pub timezone: String,
    /// How JSON time-stamps are written. Both forms are read.
    pub json_timestamps: JsonTimestamps,
    /// What becomes of NULL fields in JSON.
    pub json_nulls: JsonNulls,
    /// How inputs move an operator's watermark.
    pub watermark_policy: WatermarkPolicy,
}

/// How JSON time-stamps are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JsonTimestamps {
    /// ISO 8601 text with milliseconds and offset, `2024-01-01T09:20:00.000+01:00`.
    #[default]
    Iso8601,
    /// The number of milliseconds since 1970; dates in days, times in milliseconds since midnight.
    Milliseconds,
}

/// What becomes of NULL fields in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JsonNulls {
    /// They are left out.
    #[default]
    Omit,
    /// They are written as `null`.
    Write,
}

/// How inputs move an operator's watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WatermarkPolicy {
    /// The minimum over the inputs, a row being processed under the watermark that the rows before it left.
    #[default]
    Min,
    /// Kafka Streams' stream time: the largest time-stamp that the task has seen, this row included.
    Max,
}

impl Default for Conventions {
    fn default() -> Self {
        Self {
            timezone: "UTC".to_owned(),
            json_timestamps: JsonTimestamps::default(),
            json_nulls: JsonNulls::default(),
            watermark_policy: WatermarkPolicy::default(),
        }
    }
}

/// One node of a query's graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Positions of its inputs in [`Query::nodes`].
    pub inputs: Vec<usize>,
    /// What it does.
    pub operator: Operator,
    /// What it puts out.
    pub schema: Schema,
}

/// What a node does.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// Reads a topic.
    Source(Source),
    /// Keeps the rows for which the predicate is true (not false, not NULL).
    Filter(Expression),
    /// Computes new columns; one expression for each column of the node's schema.
    Project(Vec<Expression>),
    /// Writes to a topic or store.
    Sink(Sink),
}

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
}

/// How keys or values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON document; a record with one unnamed column may be a bare value.
    Json,
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

/// Where a query's rows go.
#[derive(Debug, Clone, PartialEq)]
pub struct Sink {
    /// The stream's name in SQL.
    pub name: String,
    /// The topic.
    pub topic: String,
    /// Partitions with which to create it if it does not exist; as many as the input if absent.
    pub partitions: Option<u32>,
    /// Replication factor with which to create it; the broker's default if absent.
    pub replicas: Option<u16>,
    /// Further settings with which to create it.
    pub topic_settings: Vec<(String, String)>,
    /// The record's key.
    pub key: Payload,
    /// The record's value.
    pub value: Payload,
    /// The record's time-stamp, if the statement chooses it: a column of the sink's input.
    pub timestamp: Option<usize>,
    /// In which order, with which guarantee.
    pub delivery: Delivery,
}

/// The bytes of an output record's key or value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The bytes of the input record, unchanged, NULL included.
    Unchanged,
    /// Columns of the sink's input, encoded. Without columns the payload is NULL.
    Encoded {
        /// How.
        format: Format,
        /// Which, by position.
        columns: Vec<usize>,
    },
}

/// The promise of delivery: which order, which guarantee. One place carries it out for every kind of sink.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// One record in flight for each target partition: the next is sent when the last is acknowledged.
    Individual {
        /// How long to wait after an acknowledgement.
        pause: Duration,
    },
    /// Batches, one request in flight for each connection.
    Batched,
    /// Batches with sequence numbers, up to five requests in flight: a retry makes no duplicate and no reorder.
    Idempotent,
    /// All of it, and one transaction with the input offsets.
    ExactlyOnce,
    /// Rows of an interval sorted, the i-th of each key in bin i, one bin acknowledged before the next is sent.
    BinPacked(BinPacking),
}

/// How rows are packed into bins.
#[derive(Debug, Clone, PartialEq)]
pub struct BinPacking {
    /// The column of the sink's input that no bin may hold twice.
    pub key: usize,
    /// The column of the sink's input by which the rows of a key are ordered.
    pub order_by: usize,
    /// An interval ends this long (processing time) after its first row …
    pub interval: Duration,
    /// … or when it holds this many rows, whichever comes first.
    pub rows: usize,
    /// The header that carries the bin's number, from 1; none if absent.
    pub header: Option<String>,
}

impl Query {
    /// The sources with their schemas.
    pub fn sources(&self) -> impl Iterator<Item = (&Source, &Schema)> {
        self.nodes.iter().filter_map(|node| match &node.operator {
            Operator::Source(source) => Some((source, &node.schema)),
            _ => None,
        })
    }

    /// The sink, the last node.
    #[must_use]
    pub fn sink(&self) -> Option<&Sink> {
        match &self.nodes.last()?.operator {
            Operator::Sink(sink) => Some(sink),
            _ => None,
        }
    }
}

impl Delivery {
    /// The word that stands for it in SQL.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Individual { .. } => "individual",
            Self::Batched => "batched",
            Self::Idempotent => "idempotent",
            Self::ExactlyOnce => "exactly_once",
            Self::BinPacked(_) => "bin_packed",
        }
    }

    /// Whether input offsets, output and state are one transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        matches!(self, Self::ExactlyOnce | Self::BinPacked(_))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::Kafka => "KAFKA",
            Self::None => "NONE",
        })
    }
}
