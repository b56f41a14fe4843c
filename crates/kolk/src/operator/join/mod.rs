//! Joins: rows of two inputs that have the same key are put out side by side.
//!
//! ```text
//! two streams        buffers of both sides, by key and time ─▶ pairs whose times fit, and those who stayed alone
//! stream and table   the table's latest rows ─▶ each row of the stream with the table's row of that moment
//! two tables         the latest rows of both ─▶ a table that follows both
//! foreign key        the same, where columns of the left table name the right one's primary key
//! ```
//! The columns of a result: those of the key, all of the left, all of the right.

mod bounds;
mod buffer;
mod chains;
mod changes;
mod foreign_key;
mod latest;
mod pairs;
#[cfg(test)]
mod rig;
mod shape;
mod stored;
mod stream_table;
mod streams;
mod tables;

use crate::operator::PlanError;
use crate::operator::operate::Operate;
use crate::schema::Role;
use crate::topology::{Join, JoinKind, JoinWith, Node, Query};
use foreign_key::ForeignKeyJoin;
use shape::Shape;
use stream_table::StreamTableJoin;
use streams::StreamJoin;
use tables::TableJoin;

/// The join that a node of a stage plans.
///
/// # Errors
/// [`PlanError::Graph`] for a kind of join that there is not for such inputs.
pub(crate) fn operate(
    stage: &Query,
    node: &Node,
    join: &Join,
) -> Result<Box<dyn Operate>, PlanError> {
    let shape = Shape::new(stage, node, join);
    let policy = stage.conventions.watermark_policy;
    let graph = |why: String| PlanError::Graph { query: stage.name.clone(), why };
    let refuse = |with| graph(format!("there is no {} JOIN of {with}", join.kind.name()));
    let is_kept_right = matches!(join.kind, JoinKind::Right | JoinKind::Full);
    Ok(match join.with {
        JoinWith::Streams { before, after, grace, unmatched } => {
            let bounds = bounds::Bounds::new(before, after, grace);
            Box::new(StreamJoin::new(shape, bounds, (unmatched, &join.late), policy))
        }
        JoinWith::StreamTable if is_kept_right => return Err(refuse("a stream and a table")),
        JoinWith::StreamTable => Box::new(StreamTableJoin::new(shape)),
        JoinWith::Tables => Box::new(TableJoin::new(shape)),
        JoinWith::ForeignKey if is_kept_right => return Err(refuse("tables by a foreign key")),
        JoinWith::ForeignKey => {
            let left = node.inputs.first().and_then(|input| stage.nodes.get(*input));
            let columns = left.map(|left| left.schema.columns.iter().enumerate());
            let key = columns.into_iter().flatten().filter(|(_, column)| column.role == Role::Key);
            let key: Vec<usize> = key.map(|(at, _)| at).collect();
            if key.is_empty() {
                return Err(graph("the left table of a join has no primary key".to_owned()));
            }
            Box::new(ForeignKeyJoin::new(shape, key))
        }
    })
}
