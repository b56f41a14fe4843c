//! Joins: which rows meet, for how long they wait for each other, and what becomes of those that stay alone.

use crate::topology::Late;
use std::time::Duration;

/// Joins two inputs on equal keys. A key with a NULL meets nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Which rows without a partner are kept.
    pub kind: JoinKind,
    /// The columns of the left input that make the key; as many and of the same types as those of the right.
    pub left_key: Vec<usize>,
    /// The columns of the right input.
    pub right_key: Vec<usize>,
    /// What is joined with what.
    pub with: JoinWith,
    /// What becomes of rows that come too late to meet anything.
    pub late: Late,
}

/// Which rows without a partner are kept, with NULLs in place of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// None.
    Inner,
    /// Those of the left.
    Left,
    /// Those of the right.
    Right,
    /// All.
    Full,
}

/// What is joined with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinWith {
    /// Rows of two streams whose times fit: `left - before ≤ right ≤ left + after`.
    Streams {
        /// How much earlier than the left row the right one may be.
        before: Duration,
        /// How much later it may be.
        after: Duration,
        /// How long after that a row is still waited for.
        grace: Duration,
        /// When a row of an outer join that found nobody goes out.
        unmatched: Unmatched,
    },
    /// Each row of a stream meets the table's row as it is at that moment. Changes of the table give nothing.
    StreamTable,
    /// The rows of two tables with the same primary key; the result is a table.
    Tables,
    /// The left table's rows meet the row of the right one whose primary key stands in `left_key`; the result is a table with
    /// the left one's primary key, whose columns (role `Key`) come first in the node's schema. The left table must be that of a
    /// topic, filtered and projected at most.
    ForeignKey,
}

/// When a row of an outer join of streams that found nobody goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unmatched {
    /// Once, when its bound has passed.
    #[default]
    WhenPassed,
    /// At once, and again when it is matched later: ksqlDB's way for joins without a grace period.
    Eagerly,
}

impl JoinKind {
    /// Whether left rows without a partner are kept.
    #[must_use]
    pub fn keeps_left(self) -> bool {
        matches!(self, Self::Left | Self::Full)
    }

    /// Whether right rows without a partner are kept.
    #[must_use]
    pub fn keeps_right(self) -> bool {
        matches!(self, Self::Right | Self::Full)
    }

    /// As SQL says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inner => "INNER",
            Self::Left => "LEFT",
            Self::Right => "RIGHT",
            Self::Full => "FULL OUTER",
        }
    }
}
