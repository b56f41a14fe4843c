//! What a node of a running plan is: rows and marks in, rows and marks out, with stores of its own.

use crate::operator::chunk::{Chunk, Origin};
use crate::operator::evaluate::Session;
use crate::state::Store;
use crate::state::row::Corrupt;
use std::fmt::Debug;

/// A node that runs. Synchronous and deterministic: what it gives depends on the sequence of rows and marks alone, not on how they
/// were cut into chunks, and on no clock.
///
/// The marks of a chunk are already the node's own watermark: the minimum over its inputs (or, by policy `max`, the
/// largest time-stamp seen). A row is processed under the watermark that the marks before it left; at a mark, what is due
/// by then happens. A node repeats the marks in its output, behind the rows that they made due; where these rows have earlier times,
/// as far behind as [`Operate::output_watermark`] says.
pub(crate) trait Operate: Debug + Send {
    /// Processes what comes from one input.
    fn process(&mut self, input: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk;

    /// Before a commit: what was held back so that only the last change goes out.
    fn flush(&mut self, _context: &mut Context<'_>) -> Chunk {
        Chunk::default()
    }

    /// Itself, if it has two inputs and can take rows of both in turn.
    fn meet(&mut self) -> Option<&mut dyn Meet> {
        None
    }

    /// Its stores, in the order in which the physical plan names them.
    fn stores(&mut self) -> Vec<&mut Store> {
        Vec::new()
    }

    /// What it holds beside its stores, in bytes: indexes of them.
    fn index_bytes(&self) -> usize {
        0
    }

    /// The watermark of its output when its own is this: rows that it puts out later may be no earlier.
    fn output_watermark(&self, watermark: i64) -> i64 {
        watermark
    }

    /// The stores hold what was committed: indexes are built, nothing goes out. `watermark` is the node's, as committed.
    ///
    /// # Errors
    /// [`Corrupt`] when a store holds what this node has not written.
    fn restored(&mut self, _watermark: Option<i64>) -> Result<(), Corrupt> {
        Ok(())
    }
}

/// A node of two inputs whose rows may come in turn: one call for all of them costs less than one for each time that it is the other's.
pub(crate) trait Meet {
    /// Processes rows of both inputs, and marks, in this order. The marks of the chunks themselves count for nothing.
    fn process_both(
        &mut self,
        chunks: [&Chunk; 2],
        turns: &[Turn],
        context: &mut Context<'_>,
    ) -> Chunk;
}

/// One step of two inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A row of an input, by number in its chunk; numbers rise by one.
    Row { input: usize, row: usize },
    /// The node's watermark has come so far.
    Watermark(i64),
}

/// What a node works with beside its rows.
pub(crate) struct Context<'a> {
    /// For expressions.
    pub(crate) session: &'a mut Session,
    /// What becomes of rows that end here.
    pub(crate) fates: &'a mut Fates,
}

/// What became of rows inside operators. `taken + late + null_key + filtered` counts rows that ended there, `made` those that began.
#[derive(Debug, Default, Clone)]
pub struct Fates {
    /// Taken from the inputs; counted by the task.
    pub read: u64,
    /// Come to the sink; counted by the task.
    pub forwarded: u64,
    /// Taken into state.
    pub taken: u64,
    /// Too late.
    pub late: u64,
    /// Left out because the key, or a part of it, is NULL.
    pub null_key: u64,
    /// Left out by a predicate, or an explosion of nothing.
    pub filtered: u64,
    /// Made by an operator: results of aggregations and joins, and more than one row of an explosion.
    pub made: u64,
    /// Rows that moved no watermark, because their event time is too far ahead; counted by the task.
    pub future: u64,
    /// How many times an expression failed on a row and gave NULL.
    pub failed_expressions: u64,
    /// What stops the query: an operator of the user's own cannot go on.
    pub(crate) failure: Option<String>,
    /// Rows that an operator of the user's own cannot read, still those of their records, and why.
    pub(crate) unreadable: Vec<(Origin, String)>,
    /// Rows that came too late, or without a key, and are wanted elsewhere: the input's columns.
    pub(crate) late_rows: Vec<Chunk>,
}
