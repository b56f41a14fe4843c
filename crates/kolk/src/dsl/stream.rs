//! Streams and tables, and what they have in common.

use super::expr::position;
use super::process::{Process, Running};
use super::program::values;
use super::{DslError, Expr, Grouped, Joined, Program, Within};
use crate::expression::Expression;
use crate::schema::{Column, DataType, Role, Schema};
use crate::topology::{self, Processor};
use crate::topology::{
    Collection, EventTime, Format, JoinKind, JoinWith, KeyWindow, OnBadRecord, Operator, Payload,
    Sink, SinkWindow, Source,
};
use std::sync::Arc;
use std::time::Duration;

/// Rows of either kind: what stands behind [`Stream`] and [`Table`].
#[derive(Debug, Clone, Copy)]
pub struct Rows<'p> {
    pub(super) program: &'p Program,
    pub(super) node: usize,
}

/// Facts, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'p>(pub(super) Rows<'p>);

/// The state of each key, and its changes.
#[derive(Debug, Clone, Copy)]
pub struct Table<'p>(pub(super) Rows<'p>);

impl<'p> Rows<'p> {
    pub(super) fn schema(self) -> Schema {
        self.program.schema(self.node)
    }

    pub(super) fn then(self, operator: Operator, schema: Schema) -> Self {
        Self { node: self.program.add(vec![self.node], operator, schema), ..self }
    }

    fn filter(self, predicate: &Expr) -> Self {
        let schema = self.schema();
        let bound = predicate.bind(&schema, "filter").and_then(|bound| match bound.data_type {
            DataType::Boolean => Ok(bound),
            found => {
                let (step, expected) = ("filter".to_owned(), "BOOLEAN".to_owned());
                Err(DslError::Expected { step, expected, found })
            }
        });
        let bound = bound.map(|bound| self.then(Operator::Filter(bound), schema));
        self.program.or_fail(bound, || self)
    }

    fn select(self, columns: Vec<(String, Expr)>, collection: Collection) -> Self {
        let projected = project(&self.schema(), columns, collection);
        let projected = projected
            .map(|(schema, expressions)| self.then(Operator::Project(expressions), schema));
        self.program.or_fail(projected, || self)
    }

    /// Names every column `name.column`, so that a join tells the two sides apart.
    fn named(self, name: &str) -> Self {
        let mut schema = self.schema();
        let all = (0..schema.columns.len()).map(|at| column(&schema, at)).collect();
        for column in &mut schema.columns {
            let plain = column.name.rsplit_once('.').map_or(&*column.name, |(_, plain)| plain);
            column.name = format!("{name}.{plain}");
        }
        self.then(Operator::Project(all), schema)
    }

    fn to(self, sink: Sink) {
        self.program.end(sink.name.clone(), sink, self.node);
    }

    pub(super) fn keys(self, names: &[String], step: &str) -> Vec<usize> {
        let schema = self.schema();
        let keys = names.iter().map(|name| position(&schema, name, step)).collect();
        self.program.or_fail(keys, Vec::new)
    }
}

/// The column as an expression.
fn column(schema: &Schema, index: usize) -> Expression {
    let Column { name, data_type, .. } = &schema.columns[index];
    let kind = crate::expression::Kind::Column { index, name: name.clone() };
    Expression { kind, data_type: data_type.clone() }
}

fn project(
    schema: &Schema,
    columns: Vec<(String, Expr)>,
    collection: Collection,
) -> Result<(Schema, Vec<Expression>), DslError> {
    let (mut projected, mut expressions) = (Schema::default(), Vec::new());
    // A table stays one only with its key.
    if collection == Collection::Table {
        for at in (0..schema.columns.len()).filter(|at| schema.columns[*at].role != Role::Value) {
            projected.columns.push(schema.columns[at].clone());
            expressions.push(column(schema, at));
        }
    }
    for (name, expression) in columns {
        if projected.position(&name).is_some() {
            continue;
        }
        let bound = expression.bind(schema, "select")?;
        let data_type = bound.data_type.clone();
        projected.columns.push(Column { name, data_type, role: Role::Value });
        expressions.push(bound);
    }
    Ok((projected, expressions))
}

/// A sink for JSON: all columns in the value, by plain name; a table's key by Kafka's serializers where they have its
/// type, as JSON otherwise.
fn sink(topic: &str, schema: &Schema) -> Sink {
    let of = |role: &Role| -> Vec<usize> {
        (0..schema.columns.len()).filter(|at| schema.columns[*at].role == *role).collect()
    };
    let keys = of(&Role::Key);
    let format = match *keys {
        [key] if crate::codec::kafka::has(&schema.columns[key].data_type) => Format::Kafka,
        _ => Format::Json,
    };
    let window = of(&Role::WindowStart).first().copied().zip(of(&Role::WindowEnd).first().copied());
    let form = KeyWindow::Session;
    Sink {
        key: Payload::Encoded { format, columns: keys },
        value: Payload::Encoded {
            format: Format::Json,
            columns: (0..schema.columns.len()).collect(),
        },
        window: window.map(|(start, end)| SinkWindow { start, end, form }),
        ..Sink::new(topic)
    }
}

macro_rules! shared {
    ($kind:ident, $collection:expr) => {
        impl<'p> $kind<'p> {
            pub(super) fn new(program: &'p Program, node: usize) -> Self {
                Self(Rows { program, node })
            }

            /// Keeps the rows for which the predicate is true (not false, not NULL).
            #[must_use]
            pub fn filter(self, predicate: Expr) -> Self {
                Self(self.0.filter(&predicate))
            }

            /// Computes new columns. A table keeps its key beside them.
            #[must_use]
            pub fn select<N: Into<String>>(
                self,
                columns: impl IntoIterator<Item = (N, Expr)>,
            ) -> Self {
                let columns =
                    columns.into_iter().map(|(name, expression)| (name.into(), expression));
                Self(self.0.select(columns.collect(), $collection))
            }

            /// Calls the columns `name.column` from here on, for joins of rows with the same names.
            #[must_use]
            pub fn named(self, name: &str) -> Self {
                Self(self.0.named(name))
            }

            /// Groups by columns.
            pub fn group_by<'n>(self, columns: impl IntoIterator<Item = &'n str>) -> Grouped<'p> {
                Grouped::new(self.0, columns.into_iter().map(str::to_owned).collect())
            }

            /// Writes the rows to a topic as JSON, exactly once; the query has the topic's name.
            pub fn to(self, topic: &str) {
                self.0.to(sink(topic, &self.0.schema()));
            }

            /// Writes the rows as the sink says; its columns are positions in [`Self::schema`].
            pub fn to_sink(self, sink: Sink) {
                self.0.to(sink);
            }

            /// The columns.
            #[must_use]
            pub fn schema(self) -> Schema {
                self.0.schema()
            }
        }
    };
}

shared!(Stream, Collection::Stream);
shared!(Table, Collection::Table);

impl<'p> Stream<'p> {
    /// Takes event times from a TIMESTAMP or BIGINT column (milliseconds since 1970); rows come up to `delay` out of order: the input's
    /// watermark stays that far behind the largest time. Right behind the topic only.
    #[must_use]
    pub fn event_time(self, column: &str, delay: Duration) -> Self {
        let schema = self.schema();
        let index = position(&schema, column, "event_time").and_then(|index| {
            let found = schema.columns[index].data_type.clone();
            if matches!(found, DataType::Timestamp | DataType::Bigint) {
                return Ok(index);
            }
            let (step, expected) = ("event_time".to_owned(), "TIMESTAMP or BIGINT".to_owned());
            Err(DslError::Expected { step, expected, found })
        });
        let index = self.0.program.or_fail(index, || 0);
        self.of_source("event_time", |source| {
            source.event_time = EventTime::Column { index, format: None };
            source.watermark_delay = delay;
        })
    }

    /// What becomes of a record that cannot be read; without it the query stops. It is counted in each case. Right behind the topic
    /// only.
    #[must_use]
    pub fn on_bad_record(self, then: OnBadRecord) -> Self {
        self.of_source("on_bad_record", |source| source.on_bad_record = then)
    }

    fn of_source(self, step: &str, set: impl FnOnce(&mut Source)) -> Self {
        self.0.program.change_source(self.0.node, step, set);
        self
    }

    /// The rows of both; their columns must be the same.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let schema = self.schema();
        let merged = if schema == other.schema() {
            let inputs = vec![self.0.node, other.0.node];
            Ok(Self::new(self.0.program, self.0.program.add(inputs, Operator::Merge, schema)))
        } else {
            let why = format!("({}) and ({}) have other columns", schema, other.schema());
            Err(DslError::Step { step: "merge".to_owned(), why })
        };
        self.0.program.or_fail(merged, || self)
    }

    /// Leads the rows through an operator of one's own, which `make` makes for each task; rows with equal values of `keys` meet in one
    /// task (no keys: any). `columns` are those of what it emits.
    #[must_use]
    pub fn process<'n, P: Process + 'static>(
        self,
        name: &str,
        keys: impl IntoIterator<Item = &'n str>,
        columns: impl IntoIterator<Item = (&'n str, DataType)>,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> Self {
        let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        let keys = self.0.keys(&keys, "process");
        let make = move || -> Box<dyn Processor> { Box::new(Running(make())) };
        let process = topology::Process {
            name: name.to_owned(),
            keys,
            keeps_state: true,
            make: Arc::new(make),
        };
        Self(self.0.then(Operator::Process(process), values(columns)))
    }

    /// Each row meets those of `other` that are near it in time. [`Joined::on`] says by which columns.
    pub fn join(self, other: Self, within: Within) -> Joined<'p, Self> {
        Joined::new(JoinKind::Inner, [self.0, other.0], within.with())
    }

    /// The same; rows that met nobody go out with NULLs when their bound has passed.
    pub fn left_join(self, other: Self, within: Within) -> Joined<'p, Self> {
        Joined::new(JoinKind::Left, [self.0, other.0], within.with())
    }

    /// The same, for the rows of `other` that met nobody.
    pub fn right_join(self, other: Self, within: Within) -> Joined<'p, Self> {
        Joined::new(JoinKind::Right, [self.0, other.0], within.with())
    }

    /// The same, for the rows of both sides.
    pub fn full_join(self, other: Self, within: Within) -> Joined<'p, Self> {
        Joined::new(JoinKind::Full, [self.0, other.0], within.with())
    }

    /// Each row meets the table's row of its key as it is at that moment.
    pub fn join_table(self, table: Table<'p>) -> Joined<'p, Self> {
        Joined::new(JoinKind::Inner, [self.0, table.0], JoinWith::StreamTable)
    }

    /// The same; rows that find nothing go out with NULLs.
    pub fn left_join_table(self, table: Table<'p>) -> Joined<'p, Self> {
        Joined::new(JoinKind::Left, [self.0, table.0], JoinWith::StreamTable)
    }
}

impl<'p> Table<'p> {
    /// The rows of both tables with the same key, kept up to date.
    pub fn join(self, other: Self) -> Joined<'p, Self> {
        Joined::new(JoinKind::Inner, [self.0, other.0], JoinWith::Tables)
    }

    /// The same, with the left rows that have no partner.
    pub fn left_join(self, other: Self) -> Joined<'p, Self> {
        Joined::new(JoinKind::Left, [self.0, other.0], JoinWith::Tables)
    }

    /// The same, with the right rows that have no partner.
    pub fn right_join(self, other: Self) -> Joined<'p, Self> {
        Joined::new(JoinKind::Right, [self.0, other.0], JoinWith::Tables)
    }

    /// The same, with the rows of both sides that have no partner.
    pub fn full_join(self, other: Self) -> Joined<'p, Self> {
        Joined::new(JoinKind::Full, [self.0, other.0], JoinWith::Tables)
    }
}
