//! Expressions as text, as plans show them.

use super::{BinaryOperator, Expression, Kind, Literal, Pseudo, UnaryOperator};
use crate::schema::DataType;
use std::fmt;

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
            Kind::Array(items) => write!(f, "ARRAY[{}]", Separated(items)),
            Kind::Map(entries) => {
                f.write_str("MAP(")?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key} := {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Kind::Struct(values) => {
                let DataType::Struct(fields) = &self.data_type else {
                    return f.write_str("STRUCT()");
                };
                f.write_str("STRUCT(")?;
                for (i, ((name, _), value)) in fields.iter().zip(values).enumerate() {
                    write!(f, "{}{name} := {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Kind::Parameter { name, .. } => f.write_str(name),
            Kind::Lambda { parameters, body, .. } => match &**parameters {
                [only] => write!(f, "{only} => {body}"),
                several => write!(f, "({}) => {body}", several.join(", ")),
            },
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
