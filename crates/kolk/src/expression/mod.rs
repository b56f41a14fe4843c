//! Typed expressions as data: what the SQL front end plans, what operators evaluate a batch at a time.
//!
//! Every expression knows its type; the planner has inserted each widening as a [`Kind::Cast`], so evaluation never
//! guesses. An expression that fails on one row (a division by zero, a cast of text that is no number) gives NULL there
//! and is counted.

mod function;
mod operands;
mod display;

pub use function::{Family, Function};

use crate::schema::DataType;

/// An expression over the columns of its input, with its type.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// What is computed.
    pub kind: Kind,
    /// The type of the result.
    pub data_type: DataType,
}

/// What an expression computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The input's column at this position; the name is for people.
    Column {
        /// Position in the input's schema.
        index: usize,
        /// Its name.
        name: String,
    },
    /// Something that every record has beside its columns.
    Pseudo(Pseudo),
    /// A constant.
    Literal(Literal),
    /// A field of a struct: `of->name`.
    Field {
        /// The struct.
        of: Box<Expression>,
        /// The field's name.
        name: String,
    },
    /// An element of an array (from 1; negative from the end) or the value of a map's key: `of[index]`.
    Element {
        /// The array or map.
        of: Box<Expression>,
        /// Position or key.
        index: Box<Expression>,
    },
    /// `NOT x` or `-x`.
    Unary {
        /// The operator.
        operator: UnaryOperator,
        /// Its operand.
        operand: Box<Expression>,
    },
    /// Arithmetic, comparison, AND, OR. Both sides have the same type, save for AND/OR on booleans and `+` on strings.
    Binary {
        /// The operator.
        operator: BinaryOperator,
        /// Left side.
        left: Box<Expression>,
        /// Right side.
        right: Box<Expression>,
    },
    /// `CASE WHEN … THEN … ELSE … END`; the simple form is planned as comparisons.
    Case {
        /// Condition and result, in order.
        branches: Vec<(Expression, Expression)>,
        /// The result where no condition is true; NULL when absent.
        otherwise: Option<Box<Expression>>,
    },
    /// The operand as the expression's own type.
    Cast(Box<Expression>),
    /// `value LIKE pattern`: `%` any text, `_` one character.
    Like {
        /// The text.
        value: Box<Expression>,
        /// The pattern.
        pattern: Box<Expression>,
        /// The character that takes `%` and `_` literally.
        escape: Option<char>,
    },
    /// `value IN (list)`; all of one type. NULL when not found and the list holds a NULL.
    In {
        /// The value.
        value: Box<Expression>,
        /// The list.
        list: Vec<Expression>,
    },
    /// `x IS NULL`.
    IsNull(Box<Expression>),
    /// `ARRAY[x, …]`.
    Array(Vec<Expression>),
    /// `MAP(key := value, …)`; of equal keys the last counts.
    Map(Vec<(Expression, Expression)>),
    /// `STRUCT(name := value, …)`: a value for each field of the expression's type.
    Struct(Vec<Expression>),
    /// A parameter of a lambda function that stands around.
    Parameter {
        /// Its number: parameters are counted from the outermost lambda function inwards.
        number: usize,
        /// Its name.
        name: String,
    },
    /// `(x, y) => body`, the argument of a function that calls it; the expression's type is that of the body.
    Lambda {
        /// The number of the first parameter.
        first: usize,
        /// Names of the parameters.
        parameters: Vec<String>,
        /// What it computes.
        body: Box<Expression>,
    },
    /// A function of [`Function`].
    Call {
        /// Which.
        function: Function,
        /// Its arguments, already of the types that it takes.
        arguments: Vec<Expression>,
    },
}

/// What every record has beside its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pseudo {
    /// `ROWTIME`: the row's event time, BIGINT milliseconds.
    RowTime,
    /// `ROWPARTITION`: the source partition, INTEGER.
    RowPartition,
    /// `ROWOFFSET`: the source offset, BIGINT.
    RowOffset,
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// NULL of the expression's type.
    Null,
    /// TRUE or FALSE.
    Boolean(bool),
    /// INTEGER.
    Integer(i32),
    /// BIGINT.
    Bigint(i64),
    /// DOUBLE.
    Double(f64),
    /// DECIMAL: the digits without the point; the scale is the type's.
    Decimal(i128),
    /// STRING.
    String(String),
    /// BYTES.
    Bytes(Vec<u8>),
    /// TIMESTAMP, milliseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// DATE, days since 1970-01-01.
    Date(i32),
    /// TIME, milliseconds since midnight.
    Time(i32),
}

/// An operator with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOperator {
    /// `NOT`.
    Not,
    /// `-`.
    Negate,
}

/// An operator with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOperator {
    /// `+`, also joins strings.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`; integers truncate.
    Divide,
    /// `%`; the sign is the left side's.
    Remainder,
    /// `=`.
    Equal,
    /// `<>` or `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `AND`, three-valued.
    And,
    /// `OR`, three-valued.
    Or,
    /// `IS DISTINCT FROM`: NULL equals NULL.
    IsDistinct,
    /// `IS NOT DISTINCT FROM`.
    IsNotDistinct,
}
