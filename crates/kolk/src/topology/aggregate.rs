//! Grouping: which columns, which windows, which functions, and when a result goes out.

use crate::expression::Literal;
use crate::schema::DataType;
use std::fmt;
use std::time::Duration;

/// Groups rows by columns of the input, and aggregates each group.
///
/// On a stream, rows whose group has a NULL are left out and counted. On a table each change first takes the old row out of its
/// group, then puts the new one into its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The columns of the input that make the group, by position. They are the key of the result, role `Key`.
    pub group_by: Vec<usize>,
    /// The windows, if any: two columns BIGINT of role `WindowStart` and `WindowEnd` follow those of the group. [`Window::Timeout`] has
    /// one more in front of them, `SESSION_ID` BIGINT, role `Key`.
    pub windowing: Option<Windowing>,
    /// The functions, a column each.
    pub calls: Vec<AggregateCall>,
    /// When results go out.
    pub emit: Emit,
    /// What becomes of rows that come too late for their window.
    pub late: Late,
}

/// One call of an aggregate function.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateCall {
    /// Which.
    pub function: AggregateFunction,
    /// The columns of the input that are its arguments, by position.
    pub arguments: Vec<usize>,
    /// Its constant arguments: `k` of TOPK, `n` and whether NULLs are ignored of LATEST_BY_OFFSET.
    pub constants: Vec<Literal>,
    /// The type of the result.
    pub data_type: DataType,
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateFunction {
    /// `COUNT(*)`, or how many values are not NULL.
    Count,
    /// How many different values, NULLs aside.
    CountDistinct,
    /// The sum; NULLs add nothing.
    Sum,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The mean, DOUBLE.
    Avg,
    /// All values in order, NULLs too, as an array.
    CollectList,
    /// The different values in the order in which they came first, as an array.
    CollectSet,
    /// The greatest `k` values, the greatest first; with further columns an array of structs.
    TopK,
    /// The greatest `k` different values.
    TopKDistinct,
    /// The first value; the first `n` as an array. Of a table: of the rows that are there, in the order of their last changes.
    EarliestByOffset,
    /// The last value; the last `n` as an array. Of a table as [`Self::EarliestByOffset`].
    LatestByOffset,
    /// How often each text came, as a map.
    Histogram,
    /// The standard deviation of the sample.
    StdDevSamp,
    /// The variance of the sample, the square of its standard deviation.
    VarSamp,
    /// Pearson's correlation of two columns.
    Correlation,
    /// The value if all are the same, else NULL.
    Attr,
}

/// How rows are put into windows by their event time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windowing {
    /// Which windows.
    pub window: Window,
    /// How long after its end a window still takes rows: it closes when the watermark reaches end + grace.
    pub grace: Duration,
    /// How long after its start a window is kept, at least until it closes.
    pub retention: Option<Duration>,
}

/// A kind of window. Windows of hopping kind are aligned to 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Of fixed size, one beginning at each multiple of `advance`; tumbling where `advance` equals `size`. A row at the end is outside.
    Hopping {
        /// The length.
        size: Duration,
        /// From one start to the next; at most the size.
        advance: Duration,
    },
    /// Rows of a key that are at most `gap` apart, in whichever order they come; the window goes from the first to the last of them.
    Session {
        /// The largest gap inside.
        gap: Duration,
    },
    /// Rows of a key until none has come for `timeout`: each row sets the session's deadline to the watermark that it met + `timeout`
    /// (its own time stands in while there is no watermark); it closes when the watermark has passed the deadline. Rows come in
    /// append order, so nothing merges, and the id, a hash of group and first record, never changes. Its result goes out
    /// once, when it closes: start and end are the least and greatest event time inside.
    Timeout {
        /// How long a session waits.
        timeout: Duration,
    },
}

/// When results go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Emit {
    /// With every change.
    #[default]
    Changes,
    /// Once, when the window has closed.
    Final,
}

/// What becomes of rows that come too late. They are counted in each case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Late {
    /// They are left out.
    #[default]
    Skip,
    /// They go to this topic, as JSON of the columns that the operator would have taken.
    Topic(String),
}

impl AggregateFunction {
    /// Its name in SQL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::CountDistinct => "COUNT_DISTINCT",
            Self::Sum => "SUM",
            Self::Min => "MIN",
            Self::Max => "MAX",
            Self::Avg => "AVG",
            Self::CollectList => "COLLECT_LIST",
            Self::CollectSet => "COLLECT_SET",
            Self::TopK => "TOPK",
            Self::TopKDistinct => "TOPKDISTINCT",
            Self::EarliestByOffset => "EARLIEST_BY_OFFSET",
            Self::LatestByOffset => "LATEST_BY_OFFSET",
            Self::Histogram => "HISTOGRAM",
            Self::StdDevSamp => "STDDEV_SAMP",
            Self::VarSamp => "VAR_SAMP",
            Self::Correlation => "CORRELATION",
            Self::Attr => "ATTR",
        }
    }
}

impl fmt::Display for AggregateFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
