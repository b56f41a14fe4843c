//! Joins, before it is said by which columns.

use super::{DslError, Rows, Stream, Table};
use crate::schema::{Column, Role, Schema};
use crate::topology::{Join, JoinKind, JoinWith, Late, Operator, Unmatched};
use std::marker::PhantomData;
use std::time::Duration;

/// How far apart in time the rows of two streams may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    before: Duration,
    after: Duration,
    grace: Duration,
}

/// A join that still needs its columns.
#[derive(Debug)]
#[must_use = "say by which columns: .on(…)"]
pub struct Joined<'p, T> {
    kind: JoinKind,
    sides: [Rows<'p>; 2],
    with: JoinWith,
    result: PhantomData<T>,
}

impl Within {
    /// At most so far apart, whichever is first.
    #[must_use]
    pub fn of(distance: Duration) -> Self {
        Self::between(distance, distance)
    }

    /// The right row is at most `before` earlier and at most `after` later than the left one.
    #[must_use]
    pub fn between(before: Duration, after: Duration) -> Self {
        Self { before, after, grace: Duration::ZERO }
    }

    /// Waits so much longer for rows that come out of order.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    pub(super) fn with(self) -> JoinWith {
        let Self { before, after, grace } = self;
        JoinWith::Streams { before, after, grace, unmatched: Unmatched::WhenPassed }
    }
}

impl<'p, T> Joined<'p, T> {
    pub(super) fn new(kind: JoinKind, sides: [Rows<'p>; 2], with: JoinWith) -> Self {
        Self { kind, sides, with, result: PhantomData }
    }

    fn node(self, on: &[(&str, &str)]) -> (Rows<'p>, usize) {
        let [left, right] = self.sides;
        let names =
            |side: fn(&(&str, &str)) -> String| on.iter().map(side).collect::<Vec<String>>();
        let left_key = left.keys(&names(|(left, _)| (*left).to_owned()), "join");
        let right_key = right.keys(&names(|(_, right)| (*right).to_owned()), "join");
        let sides = [left.schema(), right.schema()];
        let checked = match self.with {
            JoinWith::Tables => by_primary_key(&sides[0], &left_key)
                .and_then(|()| by_primary_key(&sides[1], &right_key)),
            JoinWith::StreamTable => by_primary_key(&sides[1], &right_key),
            JoinWith::Streams { .. } | JoinWith::ForeignKey => Ok(()),
        };
        left.program.or_fail(checked, || ());
        let schema = schema([&sides[0], &sides[1]], [&left_key, &right_key]);
        let schema = left.program.or_fail(schema, Schema::default);
        let Self { kind, with, .. } = self;
        let join = Join { kind, left_key, right_key, with, late: Late::Skip };
        let node = left.program.add(vec![left.node, right.node], Operator::Join(join), schema);
        (left, node)
    }
}

impl<'p> Joined<'p, Stream<'p>> {
    /// By equal values of these columns, left and right. The result has the columns `key` (or `key1`, `key2` …), those of
    /// the left and those of
    /// the right; where both have a name, [`Stream::named`] tells them apart.
    #[must_use]
    pub fn on(self, columns: &[(&str, &str)]) -> Stream<'p> {
        let (rows, node) = self.node(columns);
        Stream::new(rows.program, node)
    }
}

impl<'p> Joined<'p, Table<'p>> {
    /// By equal primary keys: the columns of both, left and right; those of windows belong to them. The result has the columns `key`
    /// (or `key1`, `key2` …), those of the left and those of the right; where both have a name, [`Table::named`] tells them
    /// apart.
    #[must_use]
    pub fn on(self, columns: &[(&str, &str)]) -> Table<'p> {
        let (rows, node) = self.node(columns);
        Table::new(rows.program, node)
    }
}

/// Refuses to look for a table's row by anything but its whole key, windows included: there may be several then.
fn by_primary_key(table: &Schema, key: &[usize]) -> Result<(), DslError> {
    let is_key = |role: &Role| matches!(role, Role::Key | Role::WindowStart | Role::WindowEnd);
    let columns = table.columns.iter().enumerate().filter(|(_, column)| is_key(&column.role));
    if columns.clone().map(|(at, _)| at).all(|at| key.contains(&at))
        && columns.clone().count() == key.len()
    {
        return Ok(());
    }
    let names: Vec<&str> = columns.map(|(_, column)| column.name.as_str()).collect();
    let why = format!("a table's rows are found by its whole primary key: {}", names.join(", "));
    Err(DslError::Step { step: "join".to_owned(), why })
}

fn schema(sides: [&Schema; 2], keys: [&[usize]; 2]) -> Result<Schema, DslError> {
    let step = || "join".to_owned();
    let mut columns = Vec::new();
    for (number, (left, right)) in keys[0].iter().zip(keys[1]).enumerate() {
        let (left, right) = (&sides[0].columns[*left], &sides[1].columns[*right]);
        if left.data_type != right.data_type {
            let (left, right) = (left.data_type.clone(), right.data_type.clone());
            return Err(DslError::Types { step: step(), operation: "=".to_owned(), left, right });
        }
        let name = if keys[0].len() == 1 { "key".to_owned() } else { format!("key{}", number + 1) };
        columns.push(Column { name, data_type: left.data_type.clone(), role: Role::Key });
    }
    for side in sides {
        for column in &side.columns {
            if columns.iter().any(|other| other.name == column.name) {
                let why =
                    format!("both sides have a column {}: call one side .named(…)", column.name);
                return Err(DslError::Step { step: step(), why });
            }
            columns.push(Column { role: Role::Value, ..column.clone() });
        }
    }
    Ok(Schema { columns })
}
