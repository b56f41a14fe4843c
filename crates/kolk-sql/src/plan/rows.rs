//! The rows of a query on their way: which node gives them, what can be named, what their key is.

use super::graph::Graph;
use crate::catalog::Stream;
use crate::resolve::Relation;
use kolk::expression::Expression;
use kolk::topology::{Collection, Format, KeyWindow};
use std::time::Duration;

/// The rows of a query at one point of it.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// The node that gives them.
    pub(super) node: usize,
    /// What expressions over them may name.
    pub(super) relations: Vec<Relation>,
    /// What they are.
    pub(super) collection: Collection,
    /// Their key.
    pub(super) key: RecordKey,
    /// The window that belongs to their key.
    pub(super) window: Option<WindowColumns>,
    /// Whether they still have the bytes of a record of the only input.
    pub(super) bytes: bool,
    /// The inputs; at least one.
    pub(super) streams: Vec<Stream>,
}

/// The key of rows, over the columns of the node that gives them.
#[derive(Debug, Clone)]
pub(super) struct RecordKey {
    /// Its parts; none where rows have no key that is known.
    pub(super) parts: Vec<KeyPart>,
    /// Where it comes from.
    pub(super) origin: KeyOrigin,
}

/// A part of a key.
#[derive(Debug, Clone)]
pub(super) struct KeyPart {
    /// What it is called.
    pub(super) name: String,
    /// How it was written, for errors.
    pub(super) shown: String,
    /// Its value.
    pub(super) expression: Expression,
    /// Others that always have the same value: both sides of an inner join.
    pub(super) same: Vec<Expression>,
    /// The columns of a join of which one must be selected, so that the key is, the first of them rather; else the value itself.
    pub(super) selectable: Vec<Expression>,
}

/// Where a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyOrigin {
    /// From the input: its columns of role KEY.
    Input,
    /// From ON.
    Join,
    /// From PARTITION BY.
    Partition,
    /// From GROUP BY.
    Group,
}

/// The columns of a key's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WindowColumns {
    /// The column with its start.
    pub(super) start: usize,
    /// The column with its end.
    pub(super) end: usize,
    /// How it is written behind the key.
    pub(super) form: KeyWindow,
}

impl KeyPart {
    /// A part with this value.
    pub(super) fn new(name: String, shown: String, expression: Expression) -> Self {
        Self { name, shown, expression, same: Vec::new(), selectable: Vec::new() }
    }

    /// A part that is a column of a node.
    pub(super) fn column(graph: &Graph, node: usize, index: usize) -> Self {
        let name = graph.schema(node).columns[index].name.clone();
        let shown = name.clone();
        Self::new(name, shown, graph.column(node, index))
    }

    /// What can be selected, so that the key is.
    pub(super) fn candidates(&self) -> &[Expression] {
        match &self.selectable[..] {
            [] => std::slice::from_ref(&self.expression),
            columns => columns,
        }
    }

    /// Whether an expression has its value.
    pub(super) fn is(&self, expression: &Expression) -> bool {
        self.expression == *expression || self.same.contains(expression)
    }
}

impl KeyOrigin {
    /// What its parts are called in errors, as "the key column … is".
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Input => "key column",
            Self::Join => "join expression",
            Self::Partition => "partitioning expression",
            Self::Group => "grouping expression",
        }
    }
}

impl Rows {
    /// The first input: where the query says nothing of the output, it is like that.
    pub(super) fn first(&self) -> &Stream {
        &self.streams[0]
    }

    /// How much disorder the rows may have.
    pub(super) fn watermark_delay(&self) -> Duration {
        self.streams.iter().map(|stream| stream.watermark_delay).max().unwrap_or_default()
    }

    /// Whether the key's bytes are still those of the input's record.
    pub(super) fn keeps_key(&self) -> bool {
        self.bytes && self.key.origin == KeyOrigin::Input
    }

    /// How the input's keys are written.
    pub(super) fn key_format(&self) -> Format {
        self.first().key_format
    }
}
