//! A program in the making: nodes, and the sinks at which queries end.

use super::{DslError, Record, Stream, Table, Typed};
use crate::schema::{Column, DataType, Role, Schema};
use crate::topology::{
    Collection, Conventions, Format, Node, Operator, Query, Sink, Source, Topology,
};
use std::cell::RefCell;

/// A program. Streams and tables are made here, derived from each other, and end in topics; [`Self::build`] makes the plan.
#[derive(Debug, Default)]
pub struct Program {
    parts: RefCell<Parts>,
    conventions: Conventions,
}

#[derive(Debug, Default)]
struct Parts {
    nodes: Vec<Node>,
    /// The queries: name, sink, and the node that it writes.
    queries: Vec<(String, Sink, usize)>,
    /// The first thing that went wrong: what follows from it is not worth telling.
    failed: Option<DslError>,
}

impl Program {
    /// An empty program with the conventions of dialect `kolk`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty program with other conventions: time zone, JSON, watermark policy.
    #[must_use]
    pub fn with(conventions: Conventions) -> Self {
        Self { parts: RefCell::default(), conventions }
    }

    /// The records of a topic as a stream: JSON values with these columns, nothing of the key read, the record's time-stamp as event
    /// time. [`Self::stream_of`] reads anything else.
    pub fn stream<'a>(
        &self,
        topic: &str,
        columns: impl IntoIterator<Item = (&'a str, DataType)>,
    ) -> Stream<'_> {
        self.stream_of(
            Source { value_format: Format::Json, ..Source::new(topic) },
            schema(&[], columns),
        )
    }

    /// The records of a topic as values of a serde type: JSON values with a column for each field, nothing of the key read, the record's
    /// time-stamp as event time (or [`Typed::event_time`]).
    pub fn typed_stream<T: Record>(&self, topic: &str) -> Typed<'_, T> {
        let columns = self.or_fail(super::typed::columns::<T>("typed_stream"), Vec::new);
        let source = Source { value_format: Format::Json, ..Source::new(topic) };
        Typed::new(self.stream_of(source, Schema { columns }).0)
    }

    /// The records of a topic as a stream.
    pub fn stream_of(&self, source: Source, schema: Schema) -> Stream<'_> {
        Stream::new(self, self.add(Vec::new(), Operator::Source(source), schema))
    }

    /// The records of a topic as a table: the key is one column by Kafka's serializers (text as UTF-8, numbers big-
    /// endian), the value JSON with
    /// these columns; a record without a value deletes its key. [`Self::table_of`] reads anything else.
    pub fn table<'a>(
        &self,
        topic: &str,
        key: (&'a str, DataType),
        columns: impl IntoIterator<Item = (&'a str, DataType)>,
    ) -> Table<'_> {
        let formats = (Format::Kafka, Format::Json);
        let source =
            Source { key_format: formats.0, value_format: formats.1, ..Source::new(topic) };
        self.table_of(source, schema(&[key], columns))
    }

    /// The records of a topic as a table, whose key is made of the columns of role `Key`.
    pub fn table_of(&self, source: Source, schema: Schema) -> Table<'_> {
        let source = Source { collection: Collection::Table, ..source };
        Table::new(self, self.add(Vec::new(), Operator::Source(source), schema))
    }

    /// The plan.
    ///
    /// # Errors
    /// The first step that means nothing, see [`DslError`].
    pub fn build(&self) -> Result<Topology, DslError> {
        let parts = self.parts.borrow();
        if let Some(error) = &parts.failed {
            return Err(error.clone());
        }
        let query = |(name, sink, node): &(String, Sink, usize)| {
            let mut nodes = Vec::new();
            let mut places = vec![None; parts.nodes.len()];
            let input = take(&parts.nodes, *node, &mut nodes, &mut places);
            let schema = parts.nodes[*node].schema.clone();
            nodes.push(Node {
                inputs: vec![input],
                operator: Operator::Sink(sink.clone()),
                schema,
            });
            Query { name: name.clone(), nodes, conventions: self.conventions.clone() }
        };
        Ok(Topology { queries: parts.queries.iter().map(query).collect() })
    }

    pub(super) fn add(&self, inputs: Vec<usize>, operator: Operator, schema: Schema) -> usize {
        let mut parts = self.parts.borrow_mut();
        parts.nodes.push(Node { inputs, operator, schema });
        parts.nodes.len() - 1
    }

    /// Changes a source; another node has none to change.
    pub(super) fn change_source(&self, node: usize, step: &str, set: impl FnOnce(&mut Source)) {
        let mut parts = self.parts.borrow_mut();
        if let Operator::Source(source) = &mut parts.nodes[node].operator {
            return set(source);
        }
        let why = "say it right behind the topic, before anything else".to_owned();
        parts.failed.get_or_insert(DslError::Step { step: step.to_owned(), why });
    }

    pub(super) fn schema(&self, node: usize) -> Schema {
        self.parts.borrow().nodes[node].schema.clone()
    }

    pub(super) fn end(&self, name: String, sink: Sink, node: usize) {
        let mut parts = self.parts.borrow_mut();
        if parts.queries.iter().any(|(other, ..)| *other == name) {
            let why = format!("there are two queries {name}: name one of the sinks otherwise");
            let step = "to".to_owned();
            parts.failed.get_or_insert(DslError::Step { step, why });
            return;
        }
        parts.queries.push((name, sink, node));
    }

    /// What a step gives, or, if it failed, a stand-in that lets the program be written to its end.
    pub(super) fn or_fail<T>(
        &self,
        result: Result<T, DslError>,
        otherwise: impl FnOnce() -> T,
    ) -> T {
        result.unwrap_or_else(|error| {
            self.parts.borrow_mut().failed.get_or_insert(error);
            otherwise()
        })
    }
}

/// Copies a node and all that leads to it, once each; its place.
fn take(from: &[Node], node: usize, into: &mut Vec<Node>, places: &mut [Option<usize>]) -> usize {
    if let Some(place) = places[node] {
        return place;
    }
    let inputs = from[node].inputs.iter().map(|input| take(from, *input, into, places)).collect();
    into.push(Node { inputs, ..from[node].clone() });
    places[node] = Some(into.len() - 1);
    into.len() - 1
}

/// Columns of values.
pub(super) fn values<'a>(columns: impl IntoIterator<Item = (&'a str, DataType)>) -> Schema {
    schema(&[], columns)
}

fn schema<'a>(
    keys: &[(&'a str, DataType)],
    values: impl IntoIterator<Item = (&'a str, DataType)>,
) -> Schema {
    let column = |(name, data_type): (&str, DataType), role| Column {
        name: name.to_owned(),
        data_type,
        role,
    };
    let keys = keys.iter().cloned().map(|key| column(key, Role::Key));
    Schema {
        columns: keys.chain(values.into_iter().map(|value| column(value, Role::Value))).collect(),
    }
}
