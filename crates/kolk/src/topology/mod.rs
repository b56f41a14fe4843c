//! The plan as data: what SQL and the Rust builder produce, what `explain` draws and the runtime runs.
//!
//! A [`Topology`] holds queries; a [`Query`] is a graph of nodes from sources to one sink, in an order in which every
//! node stands behind its inputs. Nothing here runs.

mod source;
mod aggregate;
mod join;
mod foreign_key;
mod process;
mod exchange;
mod sink;
mod origins;
mod connector;
mod physical;
mod outbox;
mod prune;

pub use aggregate::{Aggregate, AggregateCall, AggregateFunction, Emit, Late, Window, Windowing};
pub use connector::{
    Connect, Connector, Given, Keyless, Kind, OptionKind, OptionRow, Promise, RowForm, Secrets,
    Target,
};
pub use exchange::Exchange;
pub use foreign_key::{ForeignKey, ForeignKeyStep};
pub use join::{Join, JoinKind, JoinWith, Unmatched};
pub use physical::{PhysicalError, Stage, StoreSpec, stages};
pub use process::{Process, ProcessError, Processor, ProcessorContext};
pub use sink::{BinPacking, Delivery, Payload, Sink, SinkWindow, Updates};
pub use source::{Collection, EventTime, Format, KeyWindow, OffsetReset, OnBadRecord, Source};

use crate::expression::Expression;
use crate::schema::Schema;

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
    /// What a comparison with NULL is.
    pub null_comparisons: NullComparisons,
    /// How collections show themselves.
    pub collections: Collections,
    /// What becomes of a lambda function's failure.
    pub lambda_failures: LambdaFailures,
    /// What a condition on a stream says of a record without a value.
    pub where_without_value: WithoutValue,
    /// How inputs move an operator's watermark.
    pub watermark_policy: WatermarkPolicy,
    /// How many bytes all queries of the process together may hold in memory; no bound if absent. Of several the least counts.
    pub memory_max: Option<usize>,
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

/// What a comparison with NULL is, IN and BETWEEN too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NullComparisons {
    /// NULL, as SQL has it.
    #[default]
    Unknown,
    /// FALSE.
    False,
}

/// How collections show themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Collections {
    /// Cast to text they are JSON, and the entries of maps keep their order.
    #[default]
    Json,
    /// Cast to text they look like Java's, `[1, 2]`, `{a=1}`, `Struct{A=1}`, and functions go through maps in the order of
    /// Java's hash tables.
    Java,
}

/// What becomes of it when arithmetic in a lambda function fails on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LambdaFailures {
    /// The function gives NULL for the item.
    #[default]
    Item,
    /// The whole result is NULL; arithmetic with NULL fails too.
    Whole,
}

/// What a condition on a stream says of a record without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WithoutValue {
    /// It looks at it: all its value columns are NULL.
    #[default]
    Evaluated,
    /// It is false.
    False,
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
            null_comparisons: NullComparisons::default(),
            collections: Collections::default(),
            lambda_failures: LambdaFailures::default(),
            where_without_value: WithoutValue::default(),
            watermark_policy: WatermarkPolicy::default(),
            memory_max: None,
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
    /// Computes new columns; one expression for each column of the node's schema. On tables the key's columns must stay.
    Project(Vec<Expression>),
    /// A row for each item of the arrays that the expressions give, side by side (the shorter ones end in NULLs); none where all
    /// are NULL or empty. The node's schema is its input's, and a column for each expression.
    Explode(Vec<Expression>),
    /// The rows of several inputs, whose schemas are equal.
    Merge,
    /// Groups and aggregates; gives a table. The node's schema: the columns of the group, those of the window, the calls.
    Aggregate(Aggregate),
    /// Joins two inputs, left and right. The node's schema: the columns of the join's key, all of the left, all of the right.
    Join(Join),
    /// A step of a join by foreign key, between repartition topics; [`stages`] makes them of the join.
    ForeignKey(ForeignKey),
    /// Does what code of one's own does; gives a stream of the node's schema.
    Process(Process),
    /// Writes to a topic or store.
    Sink(Sink),
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

    /// The same query without columns that do not matter for its output.
    #[must_use]
    pub fn pruned(&self) -> Self {
        prune::prune(self)
    }

    /// What the rows of a node are.
    #[must_use]
    pub fn collection(&self, node: usize) -> Collection {
        let Some(Node { inputs, operator, .. }) = self.nodes.get(node) else {
            return Collection::Stream;
        };
        let of_input = || match inputs.first() {
            Some(input) if *input < node => self.collection(*input),
            _ => Collection::Stream,
        };
        match operator {
            Operator::Source(source) => source.collection,
            Operator::Aggregate(_) => Collection::Table,
            Operator::Explode(_) | Operator::Merge | Operator::Process(_) => Collection::Stream,
            Operator::ForeignKey(of) => match of.step {
                ForeignKeyStep::Ask | ForeignKeyStep::Answer => Collection::Stream,
                ForeignKeyStep::Settle => Collection::Table,
            },
            // Whatever a stream is joined with, its rows stay facts.
            Operator::Join(_) | Operator::Filter(_) | Operator::Project(_) | Operator::Sink(_) => {
                of_input()
            }
        }
    }

    /// Whether a node keeps state: groups, windows, joins.
    #[must_use]
    pub fn is_stateful(&self) -> bool {
        self.nodes.iter().any(|node| match &node.operator {
            Operator::Aggregate(_) | Operator::Join(_) | Operator::ForeignKey(_) => true,
            Operator::Process(process) => process.keeps_state,
            _ => false,
        })
    }
}
