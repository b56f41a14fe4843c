//! Where a query's rows go: the topic, the bytes of key and value, and the promise of delivery.

use crate::topology::{Connector, Exchange, Format, KeyWindow};
use std::time::Duration;

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
    /// The window written behind the key's bytes, for windowed keys.
    pub window: Option<SinkWindow>,
    /// Which changes of a table are written.
    pub updates: Updates,
    /// The way by which rows go to another stage of this query. Only the physical plan has it; key and value are not used then.
    pub exchange: Option<Exchange>,
    /// The store that takes the rows in place of the topic, whose name then only says where they go.
    pub connector: Option<Box<Connector>>,
}

impl Sink {
    /// Writes the input's bytes to `topic`, exactly once.
    #[must_use]
    pub fn new(topic: &str) -> Self {
        Self {
            name: topic.to_owned(),
            topic: topic.to_owned(),
            partitions: None,
            replicas: None,
            topic_settings: Vec::new(),
            key: Payload::Unchanged,
            value: Payload::Unchanged,
            timestamp: None,
            delivery: Delivery::ExactlyOnce,
            window: None,
            updates: Updates::All,
            exchange: None,
            connector: None,
        }
    }

    /// Whether input offsets, output and state are one transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.connector.is_none() && self.delivery.is_transactional()
    }
}

/// The window of the output's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkWindow {
    /// The column of the sink's input with the window's start, BIGINT milliseconds.
    pub start: usize,
    /// The column with its end.
    pub end: usize,
    /// How it is written.
    pub form: KeyWindow,
}

/// Which changes of a table are written. Streams write every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Updates {
    /// Every change, in order.
    #[default]
    All,
    /// The last change of each key since the last commit: what a reader of the table needs, at a fraction of the cost.
    Latest,
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

    /// Whether it is a transaction with the input offsets, in Kafka.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        matches!(self, Self::ExactlyOnce | Self::BinPacked(_))
    }
}
