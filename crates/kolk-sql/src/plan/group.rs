//! GROUP BY, WINDOW and HAVING: rows become groups, and the select list becomes one over groups.

use super::Planner;
use super::expressions::replace;
use super::graph::{Graph, of_role};
use super::partition::parts;
use super::projection::{Output, Projection};
use super::rows::{KeyOrigin, KeyPart, RecordKey, Rows, WindowColumns};
use super::window::{window_columns, windowing, with_window};
use crate::ast::{self, Clause, Expr, Select};
use crate::error::{Problem, Result};
use crate::settings::{Settings, StdDevSamp, TableAggregates};
use crate::source::Span;
use crate::typing::{AggregateDraft, Calls, Collector, Typing};
use kolk::expression::{Expression, Kind, Literal};
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{
    Aggregate, AggregateCall, AggregateFunction, Collection, Emit, KeyWindow, Late, Operator,
    Window, Windowing,
};

/// A select list over groups, before the groups are made: columns behind those of the rows stand for the window's bounds
/// and for aggregates.
#[derive(Debug)]
pub(super) struct Grouped<'a> {
    /// The clause.
    pub(super) by: &'a Clause<Vec<Expr>>,
    /// What is selected.
    pub(super) outputs: Vec<Output>,
    /// The condition on groups, with its place.
    pub(super) having: Option<(Expression, Span)>,
    /// The aggregates.
    pub(super) aggregates: Vec<AggregateDraft>,
    /// The windows.
    pub(super) windowing: Option<Windowing>,
    /// When results go out.
    pub(super) emit: Emit,
    /// What becomes of late rows.
    pub(super) late: Late,
}

impl Planner<'_> {
    /// The groups of a query's rows, and its select list over them.
    pub(super) fn grouped(
        &self,
        select: &Select,
        by: &Clause<Vec<Expr>>,
        rows: Rows,
        late: Late,
        graph: &mut Graph,
    ) -> Result<(Rows, Vec<Output>)> {
        let parts = parts(&by.content, self.typing(&rows.relations, "GROUP BY"), "GROUP BY")?;
        let windowing = match &select.window {
            Some(window) if rows.collection == Collection::Table => {
                let message = "WINDOW is only supported for streams: the rows of a table are states, not events";
                let label = format!("{} is a table", rows.first().name);
                return Err(Problem::new(window.span, message, label));
            }
            Some(window)
                if matches!(window.kind, ast::WindowKind::Timeout { .. })
                    && graph.is_stateful() =>
            {
                let message = "sessions with a time-out are named after the record that began them, which rows behind a \
                               join do not have";
                let help =
                    "write the join to a stream with CREATE STREAM … AS SELECT, and group that one";
                return Err(Problem::new(window.span, message, "ids would change").help(help));
            }
            Some(window) => Some(windowing(window, self.settings.window_grace)?),
            None => None,
        };
        let width = graph.schema(rows.node).columns.len();
        let (relations, windows) = match &windowing {
            Some(of) => {
                let relations = with_window(&rows.relations, &of.window, width);
                (relations, window_columns(&of.window).len())
            }
            None => (rows.relations.clone(), 0),
        };
        let collector = Collector::behind(width, windows);
        let calls = Calls::Collected(&collector);
        let typing = Typing { calls, ..self.typing(&relations, "SELECT") };
        let outputs = Projection::of(select, &rows, typing, &self.settings)?;
        let having = match &select.having {
            Some(having) => Some((typing.condition(having, "HAVING")?, having.span)),
            None => None,
        };
        if let Some(call) = collector.exploded.take().first() {
            let message = "table functions cannot stand beside aggregate functions and GROUP BY";
            return Err(Problem::new(call.span, message, "makes several rows of one")
                .help("explode first, in a stream of its own"));
        }
        let emit = match &select.emit {
            Some(clause) if clause.content == ast::Emit::Final => Emit::Final,
            _ => Emit::Changes,
        };
        let aggregates = collector.aggregates.take().into_iter();
        let aggregates = aggregates.map(|draft| settled(draft, &self.settings)).collect();
        Grouped { by, outputs, having, aggregates, windowing, emit, late }.plan(rows, parts, graph)
    }
}

impl Grouped<'_> {
    /// Makes groups by `parts`; the rows of groups and the select list over them.
    pub(super) fn plan(
        mut self,
        rows: Rows,
        parts: Vec<KeyPart>,
        graph: &mut Graph,
    ) -> Result<(Rows, Vec<Output>)> {
        let width = graph.schema(rows.node).columns.len();
        self.check(&rows)?;
        for output in &mut self.outputs {
            over_groups(&mut output.expression, &parts, width)
                .map_err(|column| ungrouped("SELECT", &column, output.span, self.by.span))?;
        }
        if let Some((having, span)) = &mut self.having {
            over_groups(having, &parts, width)
                .map_err(|column| ungrouped("HAVING", &column, *span, self.by.span))?;
        }
        let outputs = std::mem::take(&mut self.outputs);
        let rows = self.aggregate(rows, parts, graph);
        Ok((rows, outputs))
    }

    fn check(&self, rows: &Rows) -> Result<()> {
        if self.aggregates.is_empty() {
            let message = "GROUP BY requires aggregate functions in the SELECT or in HAVING";
            return Err(Problem::new(self.by.span, message, "nothing is aggregated")
                .help("for example COUNT(*)"));
        }
        let once: Vec<&str> =
            self.aggregates.iter().filter(|draft| !draft.undoes).map(|draft| draft.of).collect();
        if rows.collection == Collection::Table && !once.is_empty() {
            let message = format!(
                "{} cannot be applied to a table, only to a stream: rows of a table change, and these aggregate functions \
                 cannot take back the old one",
                once.join(", ")
            );
            let label = format!("{} is a table", rows.first().name);
            return Err(Problem::new(self.by.span, message, label)
                .help("SET 'table_aggregates' = 'all' keeps what they need to go back"));
        }
        Ok(())
    }

    /// The nodes: what is grouped and aggregated is computed, then groups are made, then some are left out.
    fn aggregate(self, rows: Rows, parts: Vec<KeyPart>, graph: &mut Graph) -> Rows {
        let mut columns = Columns::of(&rows, &parts, graph);
        let calls = self.aggregates.into_iter().map(|draft| AggregateCall {
            function: draft.function,
            arguments: draft.arguments.iter().map(|argument| columns.place(argument)).collect(),
            constants: draft.constants,
            data_type: draft.data_type,
        });
        let calls: Vec<AggregateCall> = calls.collect();
        let (input, place) = columns.node(&rows, graph);
        let group_by: Vec<usize> = (0..parts.len()).map(&place).collect();
        let calls = calls.into_iter().map(|mut call| {
            call.arguments.iter_mut().for_each(|argument| *argument = place(*argument));
            call
        });
        let aggregate = Aggregate {
            group_by,
            windowing: self.windowing,
            calls: calls.collect(),
            emit: self.emit,
            late: self.late,
        };
        let schema = schema(&aggregate, &parts, graph.schema(input));
        let (keys, window) = keys(&aggregate, &schema);
        let mut node = graph.push(vec![input], Operator::Aggregate(aggregate), schema);
        if let Some((having, _)) = self.having {
            node = graph.filter(node, having);
        }
        let mut keys: Vec<KeyPart> =
            keys.into_iter().map(|key| KeyPart::column(graph, node, key)).collect();
        for (key, part) in keys.iter_mut().zip(parts) {
            key.shown = part.shown;
        }
        Rows {
            node,
            relations: Vec::new(),
            collection: Collection::Table,
            key: RecordKey { parts: keys, origin: KeyOrigin::Group },
            window,
            bytes: false,
            streams: rows.streams,
        }
    }
}

/// A call as the settings want it.
fn settled(mut draft: AggregateDraft, settings: &Settings) -> AggregateDraft {
    let limit = match draft.function {
        AggregateFunction::CollectList => settings.collect_list_limit,
        AggregateFunction::CollectSet => settings.collect_set_limit,
        _ => None,
    };
    let limit = limit.and_then(|limit| i32::try_from(limit).ok());
    draft.constants.extend(limit.map(Literal::Integer));
    if draft.of == "STDDEV_SAMP" && settings.stddev_samp == StdDevSamp::Variance {
        draft.function = AggregateFunction::VarSamp;
    }
    draft.undoes |= draft.keeps && settings.table_aggregates == TableAggregates::All;
    draft
}

/// The columns that an aggregation reads: those of the group, then the key of a table, then the arguments.
struct Columns {
    columns: Vec<(Column, Expression)>,
}

impl Columns {
    fn of(rows: &Rows, parts: &[KeyPart], graph: &Graph) -> Self {
        let keys = match rows.collection {
            Collection::Table => of_role(graph.schema(rows.node), &Role::Key),
            Collection::Stream => Vec::new(),
        };
        let mut columns = Self { columns: Vec::new() };
        for part in parts {
            columns.add(&part.name, part.expression.clone());
        }
        for key in keys {
            let expression = graph.column(rows.node, key);
            let at = columns.place(&expression);
            columns.columns[at].0.role = Role::Key;
        }
        columns
    }

    fn add(&mut self, name: &str, expression: Expression) -> usize {
        let mut unique = name.to_owned();
        while self.columns.iter().any(|(column, _)| column.name == unique) {
            unique.push('_');
        }
        let data_type = expression.data_type.clone();
        self.columns.push((Column { name: unique, data_type, role: Role::Value }, expression));
        self.columns.len() - 1
    }

    /// The position of an expression, added if it is not there.
    fn place(&mut self, expression: &Expression) -> usize {
        if let Some(at) = self.columns.iter().position(|(_, other)| other == expression) {
            return at;
        }
        let name = match &expression.kind {
            Kind::Column { name, .. } => name.clone(),
            _ => format!("argument_{}", self.columns.len()),
        };
        self.add(&name, expression.clone())
    }

    /// The node that gives them, and where each stands there. What a topic gives as it is needs no node.
    fn node(self, rows: &Rows, graph: &mut Graph) -> (usize, impl Fn(usize) -> usize + use<>) {
        let plain = self.columns.iter().map(|(_, expression)| match expression.kind {
            Kind::Column { index, .. } => Some(index),
            _ => None,
        });
        let plain: Option<Vec<usize>> = plain.collect();
        let (node, places) = match plain.filter(|_| graph.is_source(rows.node)) {
            Some(places) => (rows.node, places),
            None => {
                let places = (0..self.columns.len()).collect();
                (graph.project(rows.node, self.columns), places)
            }
        };
        (node, move |column| places[column])
    }
}

fn schema(aggregate: &Aggregate, parts: &[KeyPart], input: &Schema) -> Schema {
    let groups = aggregate.group_by.iter().zip(parts).map(|(column, part)| {
        let data_type = input.columns[*column].data_type.clone();
        Column { name: part.name.clone(), data_type, role: Role::Key }
    });
    let windows =
        aggregate.windowing.iter().flat_map(|windowing| window_columns(&windowing.window));
    let windows = windows.map(|(name, role)| Column {
        name: name.to_owned(),
        data_type: DataType::Bigint,
        role,
    });
    let calls = aggregate.calls.iter().enumerate().map(|(number, call)| Column {
        name: format!("{}_{number}", call.function.name()),
        data_type: call.data_type.clone(),
        role: Role::Value,
    });
    Schema { columns: groups.chain(windows).chain(calls).collect() }
}

/// The columns of the key of the result, and those of its window.
fn keys(aggregate: &Aggregate, schema: &Schema) -> (Vec<usize>, Option<WindowColumns>) {
    let keys = of_role(schema, &Role::Key);
    let bound = |role| of_role(schema, &role).first().copied();
    let form = aggregate.windowing.as_ref().and_then(|windowing| match windowing.window {
        Window::Hopping { size, .. } => Some(KeyWindow::Time { size }),
        Window::Session { .. } => Some(KeyWindow::Session),
        // The session's id tells its rows apart.
        Window::Timeout { .. } => None,
    });
    let bounds = bound(Role::WindowStart).zip(bound(Role::WindowEnd)).zip(form);
    (keys, bounds.map(|((start, end), form)| WindowColumns { start, end, form }))
}

/// An expression over rows, window and aggregates as one over groups; the column that is neither grouped nor aggregated
/// where there is one.
fn over_groups(expression: &mut Expression, parts: &[KeyPart], width: usize) -> Result<(), String> {
    let mut ungrouped = None;
    replace(expression, &mut |of| {
        let moved = |index, name: &str| Expression {
            kind: Kind::Column { index, name: name.to_owned() },
            data_type: of.data_type.clone(),
        };
        if let Some(at) = parts.iter().position(|part| part.is(of)) {
            return Some(moved(at, &parts[at].name));
        }
        match &of.kind {
            Kind::Column { index, name } if *index >= width => {
                Some(moved(parts.len() + index - width, name))
            }
            Kind::Column { name, .. } => {
                ungrouped.get_or_insert_with(|| name.clone());
                None
            }
            Kind::Pseudo(_) => {
                ungrouped.get_or_insert_with(|| of.to_string());
                None
            }
            _ => None,
        }
    });
    ungrouped.map_or(Ok(()), Err)
}

fn ungrouped(clause: &str, column: &str, span: Span, by: Span) -> Box<Problem> {
    let message = format!("{column} in {clause} is neither grouped nor aggregated");
    Problem::new(span, message, "not part of GROUP BY")
        .label(by, "the groups")
        .help(format!("add it to GROUP BY, or aggregate it: LATEST_BY_OFFSET({column})"))
}
