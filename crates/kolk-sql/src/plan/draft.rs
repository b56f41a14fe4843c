//! A query that lacks only its sink: its nodes, what it selects, and which of it is the key.

use super::declaration::named_column;
use super::graph::Graph;
use super::projection::{Output, Projection, passes_bytes};
use super::rows::Rows;
use super::{Planner, format, keys, sink};
use crate::ast::{Collection, Emit, Select, SelectItem};
use crate::connector::ConnectorOptions;
use crate::error::{Problem, Result};
use crate::options::Options;
use crate::resolve::{Relation, Scope};
use crate::settings::ProjectedKeys;
use crate::source::Span;
use crate::typing::{AggregateDraft, Calls, Collector, Exploded, Typing};
use kolk::expression::{Expression, Kind};
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{self, Format, Operator, Query, RowForm, Sink};

/// A query that lacks only its sink.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// The query's name.
    pub(super) name: String,
    /// Its nodes.
    pub(super) graph: Graph,
    /// The rows that are projected.
    pub(super) rows: Rows,
    /// What the sink may refer to, by position; what is selected comes first.
    pub(super) slots: Vec<Output>,
    /// Whether all that is selected is written; otherwise the sink passes bytes on, and slots only help it.
    pub(super) payload: PayloadKind,
    /// What is selected, as options name it.
    pub(super) schema: Schema,
}

/// What the sink writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PayloadKind {
    /// The bytes of the input.
    Unchanged,
    /// Slots.
    Encoded,
}

/// The query of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// What the query is called.
    pub(super) name: &'a str,
    /// The query.
    pub(super) select: &'a Select,
    /// The options of the statement.
    pub(super) options: &'a Options,
    /// What the statement says that it makes.
    pub(super) makes: Collection,
    /// Where it says so.
    pub(super) makes_span: Span,
}

impl Draft {
    /// The position of a slot with this expression, made if there is none.
    pub(super) fn slot(&mut self, name: &str, expression: &Expression) -> usize {
        match self.slots.iter().position(|slot| slot.expression == *expression) {
            Some(at) => at,
            None => self.hidden(name, expression, Role::Value),
        }
    }

    /// The position of a new slot that is not selected.
    pub(super) fn hidden(&mut self, name: &str, expression: &Expression, role: Role) -> usize {
        let mut unique = name.to_owned();
        while self.slots.iter().any(|slot| slot.column.name == unique) {
            unique.push('_');
        }
        let column = Column { name: unique, data_type: expression.data_type.clone(), role };
        let expression = expression.clone();
        self.slots.push(Output { column, expression, span: Span::default() });
        self.slots.len() - 1
    }

    /// The query; `sink` refers to slots.
    pub(super) fn finish(mut self, sink: Sink, planner: &Planner<'_>) -> Query {
        let plain = |slot: &Output| match slot.expression.kind {
            Kind::Column { index, .. } => Some(index),
            _ => None,
        };
        let direct: Option<Vec<usize>> = match self.payload {
            PayloadKind::Unchanged => self.slots.iter().map(plain).collect(),
            PayloadKind::Encoded => None,
        };
        let (input, sink) = match direct {
            // The sink only looks at columns of the rows: nothing is to be computed.
            Some(places) => (self.rows.node, sink::renumbered(sink, &|slot| places[slot])),
            None => {
                let slots = self.slots.into_iter().map(|slot| (slot.column, slot.expression));
                (self.graph.project(self.rows.node, slots.collect()), sink)
            }
        };
        self.graph.push(vec![input], Operator::Sink(sink), self.schema);
        self.graph.into_query(self.name, planner.settings.conventions.clone())
    }
}

impl Planner<'_> {
    /// What expressions over these relations mean; aggregates are refused in `clause`.
    pub(super) fn typing<'a>(
        &'a self,
        relations: &'a [Relation],
        clause: &'static str,
    ) -> Typing<'a> {
        let scope = Scope { relations, names: self.settings.names, types: self.catalog.types() };
        let timezone = &self.settings.conventions.timezone;
        Typing { scope, timezone, calls: Calls::Refused(clause), parameters: &[] }
    }

    /// A query up to its sink; `into` is how values are written in the stream to which it adds, if it does not make one.
    pub(super) fn draft(&self, asked: Asked<'_>, into: Option<Format>) -> Result<Draft> {
        let Asked { name, select, options, .. } = asked;
        let reading = self.reading(options)?;
        let mut graph = Graph::default();
        let mut rows = self.from(select, &reading, &mut graph)?;
        check_clauses(select, options, &graph)?;
        if let Some(filter) = &select.filter {
            let filter = self.typing(&rows.relations, "WHERE").condition(filter, "WHERE")?;
            rows.node = graph.filter(rows.node, filter);
        }
        let (rows, slots) = match &select.group_by {
            Some(by) => {
                let late = self.late(&reading, &rows);
                self.grouped(select, by, rows, late, &mut graph)?
            }
            None => {
                let rows = self.partitioned(rows, select)?;
                let inherited = format::inherited(rows.first(), &self.settings);
                let format = into.unwrap_or(format::formats(options, inherited)?.value);
                let takes_bytes = |store: &ConnectorOptions| store.kind.rows == RowForm::Bytes;
                if options.connector.as_ref().is_none_or(takes_bytes)
                    && select.window.is_none()
                    && passes_bytes(select, &rows, format, &self.settings)
                {
                    self.check_star(select, &rows)?;
                    check_result(&rows, asked)?;
                    let schema = rows.first().columns.schema();
                    let (payload, slots) = (PayloadKind::Unchanged, Vec::new());
                    return Ok(Draft {
                        name: name.to_owned(),
                        graph,
                        rows,
                        slots,
                        payload,
                        schema,
                    });
                }
                self.ungrouped(select, rows, &mut graph)?
            }
        };
        check_result(&rows, asked)?;
        self.check_timestamp(asked, &slots)?;
        let slots = match self.settings.projected_keys {
            ProjectedKeys::Key => keys::moved(slots, &rows.key, select)?,
            ProjectedKeys::Value => slots,
        };
        let schema = Schema { columns: slots.iter().map(|slot| slot.column.clone()).collect() };
        let payload = PayloadKind::Encoded;
        Ok(Draft { name: name.to_owned(), graph, rows, slots, payload, schema })
    }

    /// The option `timestamp` names something that is selected. What else is wrong may follow from a slip there.
    fn check_timestamp(&self, asked: Asked<'_>, slots: &[Output]) -> Result<()> {
        let Some(timestamp) = asked.options.text("timestamp") else { return Ok(()) };
        let columns = slots.iter().map(|slot| slot.column.clone()).collect();
        let relations = [Relation::of(asked.name, asked.name, Some(&Schema { columns }))];
        let scope = self.typing(&relations, "an option").scope;
        named_column(&timestamp, scope).map(|_| ())
    }

    /// The select list of a query without groups, with the table functions that it calls.
    fn ungrouped(
        &self,
        select: &Select,
        mut rows: Rows,
        graph: &mut Graph,
    ) -> Result<(Rows, Vec<Output>)> {
        let width = graph.schema(rows.node).columns.len();
        let collector = Collector::behind(width, 0);
        let calls = Calls::Collected(&collector);
        let typing = Typing { calls, ..self.typing(&rows.relations, "SELECT") };
        let outputs = Projection::of(select, &rows, typing, &self.settings)?;
        if let Some(aggregate) = collector.aggregates.take().first() {
            return Err(no_groups(select, aggregate, &outputs, width));
        }
        if let Some(window) = &select.window {
            let message = "WINDOW puts the rows of a group into windows, but there is no GROUP BY";
            return Err(Problem::new(window.span, message, "no groups"));
        }
        rows = exploded(rows, &collector.exploded.take(), graph)?;
        Ok((rows, outputs))
    }

    /// `stream.*` must be of the stream.
    fn check_star(&self, select: &Select, rows: &Rows) -> Result<()> {
        if let [SelectItem::All { qualifier: Some(qualifier), .. }] = &select.items[..] {
            self.typing(&rows.relations, "SELECT").scope.relation(qualifier)?;
        }
        Ok(())
    }
}

/// A row for each item of the arrays.
fn exploded(mut rows: Rows, calls: &[Exploded], graph: &mut Graph) -> Result<Rows> {
    let Some(first) = calls.first() else { return Ok(rows) };
    if rows.collection == topology::Collection::Table {
        let message = "a table is not supported with table functions: its keys would no longer tell rows apart";
        let label = format!("{} is a table", rows.first().name);
        return Err(Problem::new(first.span, message, label));
    }
    let mut schema = graph.schema(rows.node).clone();
    for (number, call) in calls.iter().enumerate() {
        let data_type = match &call.array.data_type {
            DataType::Array(item) => (**item).clone(),
            other => other.clone(),
        };
        schema.columns.push(Column {
            name: format!("item_{number}"),
            data_type,
            role: Role::Value,
        });
    }
    let arrays = calls.iter().map(|call| call.array.clone()).collect();
    rows.node = graph.push(vec![rows.node], Operator::Explode(arrays), schema);
    rows.bytes = false;
    Ok(rows)
}

/// Refuses clauses that need others.
fn check_clauses(select: &Select, options: &Options, graph: &Graph) -> Result<()> {
    if let Some(limit) = &select.limit {
        let message = "LIMIT is not supported: a query that writes a topic goes on for ever";
        return Err(Problem::new(limit.span, message, "leave it out"));
    }
    if let (Some(partition_by), Some(group_by)) = (&select.partition_by, &select.group_by) {
        let message = "PARTITION BY and GROUP BY both say what the key is";
        return Err(Problem::new(partition_by.span, message, "leave out one of them")
            .label(group_by.span, "the other"));
    }
    if let (Some(emit), None) = (&select.emit, &select.window)
        && emit.content == Emit::Final
    {
        let message =
            "EMIT FINAL is only supported for windowed aggregations: it waits for windows to close";
        return Err(Problem::new(emit.span, message, "there is no WINDOW"));
    }
    if let (Some(having), None) = (&select.having, &select.group_by) {
        let message = "HAVING chooses among groups, but there is no GROUP BY";
        return Err(
            Problem::new(having.span, message, "no groups").help("WHERE chooses among rows")
        );
    }
    if let (Some(span), None, true) = (options.span("late"), &select.window, !graph.joins_streams())
    {
        let message =
            "late means nothing here: only windows and joins of streams leave late rows out";
        return Err(Problem::new(span, message, "leave it out"));
    }
    Ok(())
}

/// Aggregates without GROUP BY.
fn no_groups(
    select: &Select,
    aggregate: &AggregateDraft,
    outputs: &[Output],
    width: usize,
) -> Box<Problem> {
    let mut of_rows = outputs.iter().filter(|output| {
        let mut used = std::collections::BTreeSet::new();
        super::expressions::columns_of(&output.expression, &mut used);
        used.first().is_some_and(|column| *column < width)
    });
    let help = format!("add GROUP BY: {} aggregates the rows of a group", aggregate.of);
    match of_rows.next() {
        Some(output) => {
            let message = format!(
                "{} is neither grouped nor aggregated: there is no GROUP BY",
                output.column.name
            );
            Problem::new(output.span, message, "not part of GROUP BY").help(help)
        }
        None => {
            let message =
                format!("{} is an aggregate function, used without a GROUP BY", aggregate.of);
            Problem::new(select.span, message, "there are no groups").help(help)
        }
    }
}

/// Refuses a statement that makes a stream of a table or the other way round.
fn check_result(rows: &Rows, asked: Asked<'_>) -> Result<()> {
    let (is, other) = match rows.collection {
        topology::Collection::Stream => (Collection::Stream, Collection::Table),
        topology::Collection::Table => (Collection::Table, Collection::Stream),
    };
    if asked.makes == is {
        return Ok(());
    }
    let message = format!("the query gives a {}, not a {}", is.noun(), other.noun());
    let why = match (is, &asked.select.group_by) {
        (Collection::Table, Some(_)) => "groups are the rows of a table".to_owned(),
        _ => format!("{} is a {}", rows.first().name, is.noun()),
    };
    Err(Problem::new(asked.makes_span, message, why).help(format!(
        "write {} in place of {}",
        is.keyword(),
        other.keyword()
    )))
}
