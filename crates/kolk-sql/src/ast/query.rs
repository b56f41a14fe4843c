//! Queries as written.

use super::{Expr, Ident};
use crate::source::Span;
use std::time::Duration;

/// `SELECT items FROM relation joins WINDOW … WHERE … GROUP BY … PARTITION BY … HAVING … EMIT … LIMIT …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// What is selected; at least one.
    pub items: Vec<SelectItem>,
    /// The first input.
    pub from: Relation,
    /// What is joined to it, from the left.
    pub joins: Vec<Join>,
    /// The windows in which rows are grouped.
    pub window: Option<Window>,
    /// The condition on rows.
    pub filter: Option<Expr>,
    /// The keys of the groups.
    pub group_by: Option<Clause<Vec<Expr>>>,
    /// The new keys of the rows.
    pub partition_by: Option<Clause<Vec<Expr>>>,
    /// The condition on groups.
    pub having: Option<Expr>,
    /// Which changes are put out.
    pub emit: Option<Clause<Emit>>,
    /// After how many rows the query would end.
    pub limit: Option<Clause<i64>>,
    /// All of it.
    pub span: Span,
}

/// A clause's content and the place of all of it, keyword included.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause<T> {
    /// What it says.
    pub content: T,
    /// Its place.
    pub span: Span,
}

/// Which changes are put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    /// `EMIT CHANGES`: every one.
    Changes,
    /// `EMIT FINAL`: the last of each window, when it closes.
    Final,
}

/// One item of a select list.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// `*` or `stream.*`.
    All {
        /// The stream's name or alias.
        qualifier: Option<Ident>,
        /// Its place.
        span: Span,
    },
    /// `of->*`: all fields of a struct.
    Fields {
        /// The struct.
        of: Expr,
        /// All of it.
        span: Span,
    },
    /// `value [AS alias]`.
    Value {
        /// The expression.
        value: Expr,
        /// Its name in the output.
        alias: Option<Ident>,
    },
}

/// `name [AS alias]`: a stream or table as input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The stream or table.
    pub name: Ident,
    /// Another name for it in this query.
    pub alias: Option<Ident>,
}

/// `[INNER | LEFT | RIGHT | FULL [OUTER]] JOIN relation [WITHIN …] ON condition`.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// What becomes of rows without a match.
    pub kind: JoinKind,
    /// Where the kind is written, JOIN included.
    pub kind_span: Span,
    /// The right side.
    pub relation: Relation,
    /// How far apart in time two rows may be.
    pub within: Option<Within>,
    /// What two rows must have in common.
    pub on: Expr,
    /// All of it.
    pub span: Span,
}

/// What becomes of rows without a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// Left out.
    Inner,
    /// Those of the left side are kept.
    Left,
    /// Those of the right side are kept.
    Right,
    /// Those of both sides are kept.
    Full,
}

impl JoinKind {
    /// How it is written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Inner => "INNER JOIN",
            Self::Left => "LEFT JOIN",
            Self::Right => "RIGHT JOIN",
            Self::Full => "FULL OUTER JOIN",
        }
    }
}

/// `WITHIN length` or `WITHIN (before, after)`, with `GRACE PERIOD length`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    /// How much earlier than the left row the right one may be.
    pub before: Length,
    /// How much later than the left row the right one may be.
    pub after: Length,
    /// How long late rows are still joined.
    pub grace: Option<Length>,
    /// All of it.
    pub span: Span,
}

/// `WINDOW kind (…, RETENTION length, GRACE PERIOD length)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Which windows.
    pub kind: WindowKind,
    /// How long a window is kept to be asked for.
    pub retention: Option<Length>,
    /// How long behind its end a window takes late rows.
    pub grace: Option<Length>,
    /// All of it.
    pub span: Span,
}

/// The kinds of window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowKind {
    /// `TUMBLING (SIZE length)`: one after the other.
    Tumbling {
        /// How long each is.
        size: Length,
    },
    /// `HOPPING (SIZE length, ADVANCE BY length)`: overlapping.
    Hopping {
        /// How long each is.
        size: Length,
        /// From one start to the next.
        advance: Length,
    },
    /// `SESSION (length)`: rows of which none is further than the gap from the next.
    Session {
        /// The gap.
        gap: Length,
    },
    /// `TIMEOUT (length)`: sessions whose deadline each row replaces by the watermark that it met and this length.
    Timeout {
        /// What is added to the watermark.
        timeout: Length,
    },
}

/// `n unit`: a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// How long.
    pub duration: Duration,
    /// Its place.
    pub span: Span,
}
