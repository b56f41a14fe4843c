//! What cannot be joined.

use super::condition::Condition;
use crate::ast::{Join, JoinKind};
use crate::catalog::Columns;
use crate::error::{Problem, Result};
use crate::plan::format::has_map;
use crate::plan::rows::Rows;
use crate::settings::{JoinRules, Names, Settings};
use kolk::topology::{Collection, Format};

/// What allows what ksqlDB refuses.
const FREE: &str = "SET 'join_rules' = 'free' allows it";

/// Refuses inputs that cannot stand side by side.
pub(super) fn check_inputs(
    left: &Rows,
    right: &Rows,
    join: &Join,
    settings: &Settings,
) -> Result<()> {
    let span = join.relation.alias.as_ref().unwrap_or(&join.relation.name).span;
    let (qualifier, stream) = (&right.relations[0].qualifier, right.first());
    let is_same = |other: &str| match settings.names {
        Names::AsWritten => other.to_lowercase() == qualifier.to_lowercase(),
        Names::UpperCase => other == qualifier,
    };
    let strict = settings.join_rules == JoinRules::Strict;
    if strict && left.streams.iter().any(|other| other.name == stream.name) {
        let name = &stream.name;
        let message = format!("{name} is joined with itself: self joins are not supported");
        let span = join.relation.name.span;
        return Err(Problem::new(span, message, "more than once").help(FREE));
    }
    if left.relations.iter().any(|relation| is_same(&relation.qualifier)) {
        let message = format!("two inputs of this query are called {qualifier}");
        return Err(Problem::new(span, message, "the second").help(format!(
            "give them names of their own: FROM {0} AS one JOIN {0} AS two …",
            stream.name
        )));
    }
    let mut streams = left.streams.iter().chain([stream]);
    let of_kafka = streams
        .find(|stream| stream.value_format == Format::Kafka && stream.columns != Columns::Unknown);
    match of_kafka {
        Some(stream) if strict => {
            let message =
                format!("the value format KAFKA of {} does not support JOIN", stream.name);
            Err(Problem::new(join.kind_span, message, "joined here").help(FREE))
        }
        _ => Ok(()),
    }
}

/// A table joined with a stream.
pub(super) fn table_with_stream(left: &Rows, right: &Rows, join: &Join) -> Box<Problem> {
    let (left, right) = (&left.first().name, &right.first().name);
    let message = format!(
        "invalid join order: a table cannot be joined with a stream, only a stream with a table: {left} {} {right}",
        join.kind.text()
    );
    Problem::new(join.kind_span, message, format!("{left} is a table"))
        .help(format!("FROM {right} JOIN {left} ON …"))
}

/// Refuses a join that looks for rows of the right table by something else than their key.
pub(super) fn check_primary_key(right: &Rows, condition: &Condition, of: &str) -> Result<()> {
    if condition.right.is_key_of(right) {
        return Ok(());
    }
    let key: Vec<&str> = right.key.parts.iter().map(|part| part.shown.as_str()).collect();
    let message = format!(
        "invalid join condition {}: a join of {of} must be on the primary key of the right table",
        condition.shown()
    );
    let label = format!("not the primary key of {}", right.first().name);
    Err(Problem::new(condition.right.span, message, label)
        .help(format!("the primary key is {}", key.join(", "))))
}

/// Refuses a foreign key behind other joins.
pub(super) fn check_foreign_key(left: &Rows, condition: &Condition) -> Result<()> {
    if left.streams.len() == 1 {
        return Ok(());
    }
    let message = format!(
        "invalid join condition {}: a foreign key is not supported behind other joins",
        condition.shown()
    );
    Err(Problem::new(condition.left.span, message, "not the key of the rows so far")
        .help("make a table of the joins before, and join that"))
}

/// Refuses joins that keep rows of the right side where they cannot.
pub(super) fn check_kind(join: &Join, of: &str) -> Result<()> {
    if matches!(join.kind, JoinKind::Inner | JoinKind::Left) {
        return Ok(());
    }
    let message = format!("invalid join type: {} of {of} is not supported", join.kind.text());
    Err(Problem::new(join.kind_span, message, "INNER JOIN and LEFT JOIN are"))
}

/// Refuses to join windowed rows with others, or by something else than their keys.
pub(super) fn check_windows(left: &Rows, right: &Rows, condition: &Condition) -> Result<()> {
    let form = |rows: &Rows| rows.window.map(|window| window.form);
    let (left_name, right_name) = (&left.first().name, &right.first().name);
    let message = match (form(left), form(right)) {
        (None, None) => return Ok(()),
        (Some(one), Some(two)) => {
            let by_key = condition.left.is_key_of(left) && condition.right.is_key_of(right);
            let streams = [left, right].iter().all(|rows| rows.collection == Collection::Stream);
            if one == two && by_key && streams {
                return Ok(());
            }
            format!(
                "{left_name} and {right_name} are windowed: they can only be joined on their keys and with the same windows, \
                 repartitioning of windowed rows is not supported"
            )
        }
        (Some(_), None) => {
            format!("{left_name} is windowed, {right_name} is not windowed: they cannot be joined")
        }
        (None, Some(_)) => {
            format!("{right_name} is windowed, {left_name} is not windowed: they cannot be joined")
        }
    };
    Err(Problem::new(condition.span, message, "joined here"))
}

/// Refuses keys that may be equal and look different.
pub(super) fn check_key(condition: &Condition) -> Result<()> {
    let term = &condition.left;
    let data_type = &term.expression.data_type;
    if !has_map(data_type) {
        return Ok(());
    }
    let message = format!("a MAP is not supported in a key: {} {data_type}", term.shown);
    Err(Problem::new(term.span, message, "the key of the join")
        .help("equal maps may be written in different ways, so their rows would not meet"))
}

/// Refuses inputs whose declared numbers of partitions differ, when their rows are joined where they lie.
pub(super) fn check_partitions(left: &Rows, right: &Rows, condition: &Condition) -> Result<()> {
    let (one, two) = (left.first(), right.first());
    let lie_by_key = condition.left.is_key_of(left) && condition.right.is_key_of(right);
    match (one.partitions, two.partitions) {
        (Some(first), Some(second)) if first != second && lie_by_key => {
            let message = format!(
                "{} and {} cannot be joined: the number of partitions don't match, {first} and {second}",
                one.name, two.name
            );
            Err(Problem::new(condition.span, message, "joined here")
                .help("give their topics the same number of partitions"))
        }
        _ => Ok(()),
    }
}
