//! Groups, windows and aggregations.

use super::expr::position;
use super::{DslError, Rows, Table};
use crate::expression::Literal;
use crate::schema::{Column, DataType, Role, Schema};
use crate::topology::{
    Aggregate, AggregateCall, AggregateFunction, Emit, Late, Operator, Window, Windowing,
};
use std::time::Duration;

/// Rows by group.
#[derive(Debug)]
#[must_use = "groups are there to be aggregated"]
pub struct Grouped<'p> {
    rows: Rows<'p>,
    columns: Vec<String>,
}

/// Rows by group and window.
#[derive(Debug)]
#[must_use = "windows are there to be aggregated"]
pub struct Windowed<'p> {
    grouped: Grouped<'p>,
    windows: Windows,
}

/// Which windows, and for how long they wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    windowing: Windowing,
    emit: Emit,
    late: Late,
}

/// One column of an aggregation.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregation {
    function: AggregateFunction,
    argument: Option<String>,
    constants: Vec<Literal>,
    name: String,
}

impl Windows {
    fn new(window: Window) -> Self {
        let windowing = Windowing { window, grace: Duration::ZERO, retention: None };
        Self { windowing, emit: Emit::Changes, late: Late::Skip }
    }

    /// One behind the other, each of this size, aligned to 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn tumbling(size: Duration) -> Self {
        Self::hopping(size, size)
    }

    /// Of this size, one beginning at each multiple of `advance`.
    #[must_use]
    pub fn hopping(size: Duration, advance: Duration) -> Self {
        Self::new(Window::Hopping { size, advance })
    }

    /// Rows at most `gap` apart, in whichever order they come.
    #[must_use]
    pub fn sessions(gap: Duration) -> Self {
        Self::new(Window::Session { gap })
    }

    /// Sessions that each row prolongs to the watermark that it met + `timeout`. Their result goes out once, when they close, with the
    /// stable id `SESSION_ID`.
    #[must_use]
    pub fn timeout(timeout: Duration) -> Self {
        Self { emit: Emit::Final, ..Self::new(Window::Timeout { timeout }) }
    }

    /// Takes rows so long after the window's end.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.windowing.grace = grace;
        self
    }

    /// Keeps windows at least so long after their start.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.windowing.retention = Some(retention);
        self
    }

    /// Results go out once, when the window has closed.
    #[must_use]
    pub fn emit_final(self) -> Self {
        Self { emit: Emit::Final, ..self }
    }

    /// Rows that come too late go to this topic, as JSON of the columns that were there.
    #[must_use]
    pub fn late_to(self, topic: &str) -> Self {
        Self { late: Late::Topic(topic.to_owned()), ..self }
    }
}

macro_rules! aggregations {
    ($( $(#[$doc:meta])* $name:ident = $function:ident );* $(;)?) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(column: &str, name: &str) -> Aggregation {
                Aggregation {
                    function: AggregateFunction::$function,
                    argument: Some(column.to_owned()),
                    constants: Vec::new(),
                    name: name.to_owned(),
                }
            }
        )*
    };
}

aggregations! {
    /// How many values of a column are not NULL, as the column `name`.
    count_of = Count;
    /// How many different values a column has, as the column `name`.
    count_distinct = CountDistinct;
    /// The sum of a column, as the column `name`.
    sum = Sum;
    /// The least value of a column, as the column `name`.
    min = Min;
    /// The greatest value of a column, as the column `name`.
    max = Max;
    /// The mean of a column, DOUBLE, as the column `name`.
    avg = Avg;
    /// All values of a column in order, as the array `name`.
    collect_list = CollectList;
    /// The different values of a column, as the array `name`.
    collect_set = CollectSet;
    /// The first value of a column, as the column `name`.
    earliest = EarliestByOffset;
    /// The last value of a column, as the column `name`.
    latest = LatestByOffset;
}

/// How many rows, as the column `name`.
#[must_use]
pub fn count(name: &str) -> Aggregation {
    let (function, name) = (AggregateFunction::Count, name.to_owned());
    Aggregation { function, argument: None, constants: Vec::new(), name }
}

/// The greatest `k` values of a column, as the array `name`.
#[must_use]
pub fn top_k(column: &str, k: i32, name: &str) -> Aggregation {
    let (function, name) = (AggregateFunction::TopK, name.to_owned());
    Aggregation {
        function,
        argument: Some(column.to_owned()),
        constants: vec![Literal::Integer(k)],
        name,
    }
}

impl<'p> Grouped<'p> {
    pub(super) fn new(rows: Rows<'p>, columns: Vec<String>) -> Self {
        Self { rows, columns }
    }

    /// Puts the rows of each group into windows by their event time.
    pub fn windowed_by(self, windows: Windows) -> Windowed<'p> {
        Windowed { grouped: self, windows }
    }

    /// One row for each group: its columns, and a column for each aggregation.
    #[must_use]
    pub fn aggregate(self, calls: impl IntoIterator<Item = Aggregation>) -> Table<'p> {
        self.add(None, &calls.into_iter().collect::<Vec<_>>())
    }

    /// How many rows each group has, as the column `count`.
    #[must_use]
    pub fn count(self) -> Table<'p> {
        self.aggregate([count("count")])
    }

    fn add(self, windows: Option<Windows>, calls: &[Aggregation]) -> Table<'p> {
        let Self { rows, columns } = self;
        let group_by = rows.keys(&columns, "group_by");
        let schema = rows.schema();
        let bound = calls.iter().map(|call| call.bind(&schema)).collect::<Result<Vec<_>, _>>();
        let bound = rows.program.or_fail(bound, Vec::new);
        let result = result_schema(&schema, &group_by, windows.as_ref(), calls, &bound);
        let (windowing, emit, late) = match windows {
            None => (None, Emit::Changes, Late::Skip),
            Some(Windows { windowing, emit, late }) => (Some(windowing), emit, late),
        };
        let aggregate = Aggregate { group_by, windowing, calls: bound, emit, late };
        let node = rows.program.add(vec![rows.node], Operator::Aggregate(aggregate), result);
        Table::new(rows.program, node)
    }
}

impl<'p> Windowed<'p> {
    /// One row for each group and window: the group's columns, `WINDOWSTART` and `WINDOWEND`, and a column for each aggregation.
    #[must_use]
    pub fn aggregate(self, calls: impl IntoIterator<Item = Aggregation>) -> Table<'p> {
        self.grouped.add(Some(self.windows), &calls.into_iter().collect::<Vec<_>>())
    }

    /// How many rows each group has in each window, as the column `count`.
    #[must_use]
    pub fn count(self) -> Table<'p> {
        self.aggregate([count("count")])
    }
}

impl Aggregation {
    fn bind(&self, schema: &Schema) -> Result<AggregateCall, DslError> {
        let step = self.function.name();
        let argument =
            self.argument.as_ref().map(|name| position(schema, name, step)).transpose()?;
        let of = argument.map(|at| schema.columns[at].data_type.clone());
        let data_type = self.result(of, step)?;
        Ok(AggregateCall {
            function: self.function,
            arguments: argument.into_iter().collect(),
            constants: self.constants.clone(),
            data_type,
        })
    }

    fn result(&self, of: Option<DataType>, step: &str) -> Result<DataType, DslError> {
        use AggregateFunction as F;
        let Some(of) = of else { return Ok(DataType::Bigint) };
        let is_number = matches!(
            of,
            DataType::Integer | DataType::Bigint | DataType::Double | DataType::Decimal { .. }
        );
        match self.function {
            F::Sum | F::Avg if !is_number => {
                let (step, expected) = (step.to_owned(), "a number".to_owned());
                Err(DslError::Expected { step, expected, found: of })
            }
            F::Count | F::CountDistinct => Ok(DataType::Bigint),
            F::Avg => Ok(DataType::Double),
            F::CollectList | F::CollectSet | F::TopK => Ok(DataType::Array(Box::new(of))),
            _ => Ok(of),
        }
    }
}

fn result_schema(
    schema: &Schema,
    group_by: &[usize],
    windows: Option<&Windows>,
    calls: &[Aggregation],
    bound: &[AggregateCall],
) -> Schema {
    let mut columns: Vec<Column> = group_by
        .iter()
        .map(|at| Column { role: Role::Key, ..schema.columns[*at].clone() })
        .collect();
    let mut bigint = |name: &str, role| {
        columns.push(Column { name: name.to_owned(), data_type: DataType::Bigint, role });
    };
    if let Some(windows) = windows {
        if matches!(windows.windowing.window, Window::Timeout { .. }) {
            bigint("SESSION_ID", Role::Key);
        }
        bigint("WINDOWSTART", Role::WindowStart);
        bigint("WINDOWEND", Role::WindowEnd);
    }
    columns.extend(calls.iter().zip(bound).map(|(call, bound)| Column {
        name: call.name.clone(),
        data_type: bound.data_type.clone(),
        role: Role::Value,
    }));
    Schema { columns }
}
