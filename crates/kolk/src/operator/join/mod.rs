//! Joins: rows of two inputs that have the same key are put out side by side.
//!
//! ```text
//! two streams        buffers of both sides, by key and time ─▶ pairs whose times fit, and those who stayed alone
//! stream and table   the table's latest rows ─▶ each row of the stream with the table's row of that moment
//! two tables         the latest rows of both ─▶ a table that follows both
//! foreign key        the same, where a column of the left table names the right one's primary key
//! ```
//! The columns of a result: those of the key, all of the left, all of the right.

mod bounds;
mod buffer;
mod chains;
mod pairs;
mod shape;
mod stored;
#[cfg(test)]
mod rig;
mod streams;

use crate::operator::operate::Operate;
use crate::topology::{Join, JoinWith, Node, Query};
use shape::Shape;
use streams::StreamJoin;

/// The join that a node plans.
pub(crate) fn operate(stage: &Query, node: &Node, join: &Join) -> Option<Box<dyn Operate>> {
    let shape = Shape::new(stage, node, join);
    let policy = stage.conventions.watermark_policy;
    match &join.with {
        JoinWith::Streams { .. } => Some(Box::new(StreamJoin::new(join, shape, policy)?)),
        JoinWith::StreamTable | JoinWith::Tables | JoinWith::ForeignKey => None,
    }
}
