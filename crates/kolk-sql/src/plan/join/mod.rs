//! JOIN: two inputs become one, whose rows have the columns of both.

mod condition;
mod key;
mod refusal;
mod side;

use super::Planner;
use super::from::Reading;
use super::graph::Graph;
use super::rows::{KeyOrigin, RecordKey, Rows, WindowColumns};
use crate::ast::{self, JoinKind, Select};
use crate::error::{Problem, Result};
use crate::resolve::Relation;
use crate::settings::OuterJoin;
use condition::{Condition, Fixed};
use kolk::topology::{
    self, Collection, Join, JoinWith, Late, Operator, Unmatched, WatermarkPolicy,
};
use side::Side;
use std::time::Duration;

/// For how long Kafka Streams keeps the rows of joins that say nothing of it.
const DEFAULT_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

impl Planner<'_> {
    /// The rows of an input, joined with the others of the query from left to right.
    pub(super) fn joins(
        &self,
        first: Rows,
        select: &Select,
        reading: &Reading,
        graph: &mut Graph,
    ) -> Result<Rows> {
        if select.joins.is_empty() {
            return Ok(first);
        }
        let has_pseudo = side::names_pseudo(select);
        let prepared = |rows, graph: &mut Graph| {
            if has_pseudo { side::with_pseudo(rows, graph) } else { rows }
        };
        let mut left = prepared(first, graph);
        for join in &select.joins {
            let right = prepared(self.input(&join.relation, reading, graph)?, graph);
            left = self.joined(left, right, join, reading, graph)?;
        }
        Ok(left)
    }

    /// The rows of two inputs, joined.
    fn joined(
        &self,
        left: Rows,
        right: Rows,
        join: &ast::Join,
        reading: &Reading,
        graph: &mut Graph,
    ) -> Result<Rows> {
        let left = key::without_synthetic(left);
        refusal::check_inputs(&left, &right, join, &self.settings)?;
        let width = graph.schema(left.node).columns.len();
        let condition = self.condition(join, &left, &right, width)?;
        refusal::check_windows(&left, &right, &condition)?;
        let with = self.with(&left, &right, join, &condition)?;
        let fixed = match with {
            JoinWith::Streams { .. } => Fixed::Neither,
            JoinWith::StreamTable | JoinWith::ForeignKey => Fixed::Right,
            JoinWith::Tables => Fixed::Both,
        };
        let condition = self.one_type(condition, fixed)?;
        refusal::check_key(&condition)?;
        refusal::check_partitions(&left, &right, &condition)?;
        let late = match with {
            JoinWith::Streams { .. } => self.late(reading, &left),
            _ => Late::Skip,
        };
        let left = Side::new(left, &condition.left, graph);
        let right = Side::new(right, &condition.right, graph);
        let (left_key, right_key) = (left.key.clone(), right.key.clone());
        let join = Join { kind: kind(join.kind), left_key, right_key, with, late };
        Ok(self.join_node(join, [left, right], &condition, graph))
    }

    /// What is joined with what, by which rules.
    fn with(
        &self,
        left: &Rows,
        right: &Rows,
        join: &ast::Join,
        condition: &Condition,
    ) -> Result<JoinWith> {
        let tables = [left, right].map(|rows| rows.collection == Collection::Table);
        if let (true, Some(within)) = (tables.contains(&true), &join.within) {
            let message = "WITHIN says how far apart in time rows of two streams may be: a table has its rows as they are";
            let table = if tables[1] { right } else { left };
            let label = format!("{} is a table", table.first().name);
            return Err(Problem::new(within.span, message, label).help("leave it out"));
        }
        match tables {
            [false, false] => self.within(join),
            [true, false] => Err(refusal::table_with_stream(left, right, join)),
            [false, true] => {
                refusal::check_primary_key(right, condition, "a stream and a table")?;
                refusal::check_kind(join, "a stream and a table")?;
                Ok(JoinWith::StreamTable)
            }
            [true, true] => {
                refusal::check_primary_key(right, condition, "two tables")?;
                if condition.left.is_key_of(left) {
                    return Ok(JoinWith::Tables);
                }
                refusal::check_foreign_key(left, condition)?;
                refusal::check_kind(join, "tables on a foreign key")?;
                Ok(JoinWith::ForeignKey)
            }
        }
    }

    /// How far apart rows of two streams may be.
    fn within(&self, join: &ast::Join) -> Result<JoinWith> {
        let Some(within) = &join.within else {
            let message = "a join of two streams must have a WITHIN clause: how far apart in time may two rows be?";
            return Err(Problem::new(join.span, message, "no WITHIN")
                .help(format!("JOIN {} WITHIN 1 HOUR ON …", join.relation.name)));
        };
        let (before, after) = (within.before.duration, within.after.duration);
        let by_stream_time = self.settings.conventions.watermark_policy == WatermarkPolicy::Max;
        let grace = match within.grace {
            Some(grace) => grace.duration,
            None if by_stream_time => DEFAULT_RETENTION.saturating_sub(before + after),
            None => Duration::ZERO,
        };
        let unmatched = match (self.settings.outer_join, within.grace) {
            (OuterJoin::Eager, None) => Unmatched::Eagerly,
            _ => Unmatched::WhenPassed,
        };
        Ok(JoinWith::Streams { before, after, grace, unmatched })
    }

    /// The node, and what its rows are.
    fn join_node(
        &self,
        join: Join,
        [left, right]: [Side; 2],
        condition: &Condition,
        graph: &mut Graph,
    ) -> Rows {
        let (kind, is_foreign) = (join.kind, join.with == JoinWith::ForeignKey);
        // By a foreign key, the result keeps the left table's primary key.
        let key = if is_foreign { left.primary_key() } else { left.key.clone() };
        let width = graph.schema(left.rows.node).columns.len();
        let schema = side::schema(graph, &left.rows, &right.rows, &key);
        let inputs = vec![left.rows.node, right.rows.node];
        let node = graph.push(inputs, Operator::Join(join), schema);

        let (left, right) = (left.rows.moved(key.len()), right.rows.moved(key.len() + width));
        let mut relations: Vec<Relation> = [&left.relations[..], &right.relations].concat();
        let parts = if is_foreign {
            key::primary_key(&left, node, graph)
        } else {
            let condition = condition.moved(key.len(), key.len() + width);
            let part = key::part(kind, [&left, &right], &condition, graph.column(node, 0));
            vec![self.named(part, &mut relations)]
        };
        Rows {
            node,
            relations,
            collection: left.collection,
            key: RecordKey { parts, origin: KeyOrigin::Join },
            window: left.window.map(|window| WindowColumns { start: 1, end: 2, ..window }),
            bytes: false,
            streams: [left.streams, right.streams].concat(),
        }
    }
}

fn kind(kind: JoinKind) -> topology::JoinKind {
    match kind {
        JoinKind::Inner => topology::JoinKind::Inner,
        JoinKind::Left => topology::JoinKind::Left,
        JoinKind::Right => topology::JoinKind::Right,
        JoinKind::Full => topology::JoinKind::Full,
    }
}
