//! The aggregate functions by their names in SQL, and which arguments they take.

use kolk::topology::AggregateFunction;

/// An aggregate function as SQL knows it.
#[derive(Debug, Clone, Copy)]
pub struct Aggregate {
    /// Its name, in upper case.
    pub name: &'static str,
    /// What computes it.
    pub function: AggregateFunction,
    /// What its first argument must be.
    pub takes: Takes,
    /// What it gives.
    pub gives: Gives,
    /// Its other arguments.
    pub more: More,
    /// Whether it can take a row back, which a table's rows need when they change.
    pub undoes: bool,
    /// Whether it can where all values of a table are kept for it.
    pub keeps: bool,
    /// How it is called, for people.
    pub form: &'static str,
}

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Anything.
    Any,
    /// INT, BIGINT, DOUBLE or DECIMAL.
    Number,
    /// A number; it is read as a DOUBLE.
    Double,
    /// A number; whole ones are read as BIGINT, others as DOUBLE.
    WholeOrDouble,
    /// Something of which one is less than another.
    Ordered,
    /// STRING.
    Text,
    /// An array of numbers; of each row its sum is taken.
    Numbers,
}

/// What an aggregate function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// BIGINT.
    Count,
    /// DOUBLE.
    Double,
    /// The type of its argument.
    Argument,
    /// An array of its argument's type.
    Array,
    /// `MAP<STRING, BIGINT>`.
    Counts,
}

/// The arguments behind the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// None.
    Nothing,
    /// None; the first may be missing too.
    OrNothing,
    /// Another one like the first.
    Second,
    /// The number of values to keep.
    Limit,
    /// Any columns to keep beside the first, then the number of values to keep: an array of structs if there are columns.
    ColumnsAndLimit,
    /// The number of values to keep, if several, and whether NULLs are passed over.
    LimitAndNulls,
}

macro_rules! aggregates {
    ($( $name:literal $function:ident ( $takes:ident, $more:ident ) -> $gives:ident $($undoes:ident)?, $form:literal; )*) => {
        /// Every aggregate function.
        pub const AGGREGATES: &[Aggregate] = &[ $( Aggregate {
            name: $name,
            function: AggregateFunction::$function,
            takes: Takes::$takes,
            gives: Gives::$gives,
            more: More::$more,
            undoes: aggregates!(@undoes $($undoes)?),
            keeps: aggregates!(@keeps $($undoes)?),
            form: $form,
        } ),* ];
    };
    (@undoes undoes) => { true };
    (@keeps keeps) => { true };
    (@$of:ident $($other:ident)?) => { false };
}

aggregates! {
    "COUNT" Count(Any, OrNothing) -> Count undoes, "COUNT(*), COUNT(value)";
    "COUNT_DISTINCT" CountDistinct(Any, Nothing) -> Count keeps, "COUNT_DISTINCT(value)";
    "SUM" Sum(Number, Nothing) -> Argument undoes, "SUM(number)";
    "SUM_LIST" Sum(Numbers, Nothing) -> Argument undoes, "SUM_LIST(array of numbers)";
    "AVG" Avg(WholeOrDouble, Nothing) -> Double undoes, "AVG(number)";
    "MIN" Min(Ordered, Nothing) -> Argument keeps, "MIN(value)";
    "MAX" Max(Ordered, Nothing) -> Argument keeps, "MAX(value)";
    "COLLECT_LIST" CollectList(Any, Nothing) -> Array undoes, "COLLECT_LIST(value)";
    "COLLECT_SET" CollectSet(Any, Nothing) -> Array keeps, "COLLECT_SET(value)";
    "TOPK" TopK(Ordered, ColumnsAndLimit) -> Array keeps, "TOPK(value[, column, …], k)";
    "TOPKDISTINCT" TopKDistinct(Ordered, Limit) -> Array keeps, "TOPKDISTINCT(value, k)";
    "EARLIEST_BY_OFFSET" EarliestByOffset(Any, LimitAndNulls) -> Argument keeps,
        "EARLIEST_BY_OFFSET(value[, n][, ignore nulls])";
    "LATEST_BY_OFFSET" LatestByOffset(Any, LimitAndNulls) -> Argument keeps,
        "LATEST_BY_OFFSET(value[, n][, ignore nulls])";
    "HISTOGRAM" Histogram(Text, Nothing) -> Counts undoes, "HISTOGRAM(text)";
    "STDDEV_SAMP" StdDevSamp(Double, Nothing) -> Double undoes, "STDDEV_SAMP(number)";
    "STDDEV_SAMPLE" StdDevSamp(Double, Nothing) -> Double undoes, "STDDEV_SAMPLE(number)";
    "CORRELATION" Correlation(Double, Second) -> Double undoes, "CORRELATION(number, number)";
    "ATTR" Attr(Any, Nothing) -> Argument undoes, "ATTR(value)";
}

/// The aggregate function of this name.
pub(crate) fn find(name: &str) -> Option<&'static Aggregate> {
    AGGREGATES.iter().find(|aggregate| aggregate.name.eq_ignore_ascii_case(name))
}
