//! Typed expressions as data: what the SQL front end plans, what operators evaluate a batch at a time.
//!
//! Every expression knows its type; the planner has inserted each widening as a [`Kind::Cast`], so evaluation never
//! guesses. An expression that fails on one row (a division by zero, a cast of text that is no number) gives NULL there
//! and is counted.

use crate::schema::DataType;
use std::fmt;

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

macro_rules! functions {
    ($( $(#[$meta:meta])* $variant:ident = $name:literal ),* $(,)?) => {
        /// The built-in scalar functions. Their signatures stand in the SQL front end, their evaluation in `operator`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Function { $( $(#[$meta])* $variant ),* }

        impl Function {
            /// Every function.
            pub const ALL: &[Self] = &[ $( Self::$variant ),* ];

            /// The name in SQL, in upper case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $name ),* }
            }
        }
    };
}

functions! {
    /// `ABS(number)`.
    Abs = "ABS",
    /// `CEIL(number)`.
    Ceil = "CEIL",
    /// `FLOOR(number)`.
    Floor = "FLOOR",
    /// `ROUND(number [, scale])`: half up; one argument gives BIGINT for DOUBLE.
    Round = "ROUND",
    /// `SIGN(number)`: INTEGER −1, 0 or 1.
    Sign = "SIGN",
    /// `SQRT(double)`.
    Sqrt = "SQRT",
    /// `EXP(double)`.
    Exp = "EXP",
    /// `LN(double)`.
    Ln = "LN",
    /// `GREATEST(x, …)`: NULLs are passed over.
    Greatest = "GREATEST",
    /// `LEAST(x, …)`: NULLs are passed over.
    Least = "LEAST",
    /// `COALESCE(x, …)`: the first that is not NULL.
    Coalesce = "COALESCE",
    /// `IFNULL(x, otherwise)`.
    IfNull = "IFNULL",
    /// `NULLIF(x, y)`: NULL where they are equal.
    NullIf = "NULLIF",
    /// `UCASE(text)`.
    Ucase = "UCASE",
    /// `LCASE(text)`.
    Lcase = "LCASE",
    /// `INITCAP(text)`: each word's first letter in upper case.
    InitCap = "INITCAP",
    /// `LEN(text or bytes)`: characters or bytes, INTEGER.
    Len = "LEN",
    /// `TRIM(text)`: white space at both ends.
    Trim = "TRIM",
    /// `SUBSTRING(text, from [, length])`: from 1; negative from the end.
    Substring = "SUBSTRING",
    /// `CONCAT(text, …)`: NULLs are passed over.
    Concat = "CONCAT",
    /// `CONCAT_WS(separator, text, …)`: NULL texts are passed over.
    ConcatWs = "CONCAT_WS",
    /// `REPLACE(text, from, to)`.
    Replace = "REPLACE",
    /// `INSTR(text, part [, from [, occurrence]])`: position from 1, 0 when absent.
    Instr = "INSTR",
    /// `LPAD(text, length, pad)`.
    Lpad = "LPAD",
    /// `RPAD(text, length, pad)`.
    Rpad = "RPAD",
    /// `SPLIT(text, separator)`: `ARRAY<STRING>`.
    Split = "SPLIT",
    /// `REGEXP_LIKE` is not here yet; `CHR(code)`: the character with this code point.
    Chr = "CHR",
    /// `EXTRACTJSONFIELD(json, path)`: the text at `$.a.b[0]`.
    ExtractJsonField = "EXTRACTJSONFIELD",
    /// `ARRAY_LENGTH(array)`: INTEGER.
    ArrayLength = "ARRAY_LENGTH",
    /// `ARRAY_CONTAINS(array, value)`.
    ArrayContains = "ARRAY_CONTAINS",
    /// `PARSE_TIMESTAMP(text, format [, zone])`: Java's letters.
    ParseTimestamp = "PARSE_TIMESTAMP",
    /// `FORMAT_TIMESTAMP(timestamp, format [, zone])`: Java's letters.
    FormatTimestamp = "FORMAT_TIMESTAMP",
    /// `FROM_UNIXTIME(milliseconds)`: TIMESTAMP.
    FromUnixTime = "FROM_UNIXTIME",
    /// `UNIX_TIMESTAMP(timestamp)`: BIGINT milliseconds. Without argument it would read the clock: refused.
    UnixTimestamp = "UNIX_TIMESTAMP",
}

impl fmt::Display for BinaryOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::And => "AND",
            Self::Or => "OR",
            Self::IsDistinct => "IS DISTINCT FROM",
            Self::IsNotDistinct => "IS NOT DISTINCT FROM",
        })
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Bigint(value) => write!(f, "{value}"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Decimal(digits) => write!(f, "DECIMAL {digits}"),
            Self::String(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Bytes(bytes) => write!(f, "BYTES of {}", bytes.len()),
            Self::Timestamp(ms) => write!(f, "TIMESTAMP {ms}"),
            Self::Date(days) => write!(f, "DATE {days}"),
            Self::Time(ms) => write!(f, "TIME {ms}"),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Column { name, .. } => f.write_str(name),
            Kind::Pseudo(Pseudo::RowTime) => f.write_str("ROWTIME"),
            Kind::Pseudo(Pseudo::RowPartition) => f.write_str("ROWPARTITION"),
            Kind::Pseudo(Pseudo::RowOffset) => f.write_str("ROWOFFSET"),
            Kind::Literal(literal) => write!(f, "{literal}"),
            Kind::Field { of, name } => write!(f, "{of}->{name}"),
            Kind::Element { of, index } => write!(f, "{of}[{index}]"),
            Kind::Unary { operator: UnaryOperator::Not, operand } => write!(f, "NOT {operand}"),
            Kind::Unary { operator: UnaryOperator::Negate, operand } => write!(f, "-{operand}"),
            Kind::Binary { operator, left, right } => write!(f, "({left} {operator} {right})"),
            Kind::Case { branches, otherwise } => {
                f.write_str("CASE")?;
                for (when, then) in branches {
                    write!(f, " WHEN {when} THEN {then}")?;
                }
                if let Some(otherwise) = otherwise {
                    write!(f, " ELSE {otherwise}")?;
                }
                f.write_str(" END")
            }
            Kind::Cast(operand) => write!(f, "CAST({operand} AS {})", self.data_type),
            Kind::Like { value, pattern, escape } => {
                write!(f, "{value} LIKE {pattern}")?;
                escape.map_or(Ok(()), |escape| write!(f, " ESCAPE '{escape}'"))
            }
            Kind::In { value, list } => write!(f, "{value} IN ({})", Separated(list)),
            Kind::IsNull(operand) => write!(f, "{operand} IS NULL"),
            Kind::Call { function, arguments } => {
                write!(f, "{}({})", function.name(), Separated(arguments))
            }
        }
    }
}

struct Separated<'a>(&'a [Expression]);

impl fmt::Display for Separated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
