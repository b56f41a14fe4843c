//! Joins: rows of two inputs that have the same key are put out side by side.
//!
//! ```text
//! two streams        buffers of both sides, by key and time ─▶ pairs whose times fit, and those who stayed alone
//! stream and table   the table's latest rows ─▶ each row of the stream with the table's row of that moment
//! two tables         the latest rows of both ─▶ a table that follows both
//! foreign key        the same, where columns of the left table name the right one's primary key, in three steps
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
use crate::topology::{ForeignKey, Join, JoinKind, JoinWith, Node, Query};
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
        JoinWith::ForeignKey => {
            return Err(graph(
                "a join by a foreign key runs in steps, which stages have".to_owned(),
            ));
        }
    })
}

/// A step of a join by foreign key.
pub(crate) fn foreign_key(stage: &Query, node: &Node, of: &ForeignKey) -> Box<dyn Operate> {
    foreign_key::step(stage, node, of)
}
