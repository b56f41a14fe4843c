//! What a parameter takes and a function gives: types, with letters for any type.

use kolk::schema::DataType;
use std::fmt;

/// A type, or what types look like. The same letter stands for the same type throughout a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// BOOLEAN.
    Boolean,
    /// INTEGER.
    Integer,
    /// BIGINT.
    Bigint,
    /// DOUBLE.
    Double,
    /// DECIMAL of any size.
    Decimal,
    /// STRING.
    Text,
    /// BYTES.
    Bytes,
    /// TIMESTAMP.
    Timestamp,
    /// DATE.
    Date,
    /// TIME.
    Time,
    /// Any type.
    Any(char),
    /// Any type but ARRAY, MAP and STRUCT.
    Plain(char),
    /// A number: INTEGER, BIGINT, DECIMAL or DOUBLE.
    Number(char),
    /// An array.
    Array(&'static Self),
    /// A map.
    Map(&'static Self, &'static Self),
    /// A struct of these fields.
    Struct(&'static [(&'static str, Self)]),
    /// A lambda function: its parameters, and what it gives.
    Lambda(&'static [Self], &'static Self),
    /// A word for a unit of time, like DAYS.
    Unit,
}

/// The types that letters stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bindings(Vec<(char, DataType)>);

impl Bindings {
    /// The type of a letter.
    pub(crate) fn get(&self, letter: char) -> Option<&DataType> {
        self.0.iter().find(|(known, _)| *known == letter).map(|(_, data_type)| data_type)
    }

    /// Gives a letter its type; it may have had another one.
    pub(crate) fn set(&mut self, letter: char, data_type: DataType) {
        match self.0.iter_mut().find(|(known, _)| *known == letter) {
            Some(known) => known.1 = data_type,
            None => self.0.push((letter, data_type)),
        }
    }
}

impl Pattern {
    /// Calls `bind` with each letter and the type that stands in its place. `false` if a type is not built like the pattern; types
    /// without letters are not compared.
    pub(crate) fn bind(&self, found: &DataType, bind: &mut dyn FnMut(char, &DataType)) -> bool {
        match (self, found) {
            (Self::Any(letter), _) => {
                bind(*letter, found);
                true
            }
            (Self::Plain(_), DataType::Array(_) | DataType::Map(..) | DataType::Struct(_)) => false,
            (Self::Plain(letter), _) => {
                bind(*letter, found);
                true
            }
            (
                Self::Number(letter),
                DataType::Integer | DataType::Bigint | DataType::Decimal { .. } | DataType::Double,
            ) => {
                bind(*letter, found);
                true
            }
            (Self::Number(_), _) => false,
            (Self::Array(item), DataType::Array(found)) => item.bind(found, bind),
            (Self::Map(key, value), DataType::Map(found_key, found_value)) => {
                key.bind(found_key, bind) && value.bind(found_value, bind)
            }
            (Self::Array(_) | Self::Map(..), _) => false,
            _ => true,
        }
    }

    /// The type, once every letter has one. DECIMAL and what is no type of a value has none.
    pub(crate) fn data_type(&self, bindings: &Bindings) -> Option<DataType> {
        Some(match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Integer,
            Self::Bigint => DataType::Bigint,
            Self::Double => DataType::Double,
            Self::Text => DataType::String,
            Self::Bytes => DataType::Bytes,
            Self::Timestamp => DataType::Timestamp,
            Self::Date => DataType::Date,
            Self::Time => DataType::Time,
            Self::Any(letter) | Self::Plain(letter) | Self::Number(letter) => {
                bindings.get(*letter)?.clone()
            }
            Self::Array(item) => DataType::Array(Box::new(item.data_type(bindings)?)),
            Self::Map(key, value) => {
                let (key, value) = (key.data_type(bindings)?, value.data_type(bindings)?);
                DataType::Map(Box::new(key), Box::new(value))
            }
            Self::Struct(fields) => {
                let of = |(name, field): &(&str, Self)| {
                    Some(((*name).to_owned(), field.data_type(bindings)?))
                };
                DataType::Struct(fields.iter().map(of).collect::<Option<_>>()?)
            }
            Self::Decimal | Self::Lambda(..) | Self::Unit => return None,
        })
    }

    /// Whether it is a letter.
    pub(crate) fn letter(&self) -> Option<char> {
        match self {
            Self::Any(letter) | Self::Plain(letter) | Self::Number(letter) => Some(*letter),
            _ => None,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Integer => f.write_str("INTEGER"),
            Self::Bigint => f.write_str("BIGINT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Decimal => f.write_str("DECIMAL"),
            Self::Text => f.write_str("STRING"),
            Self::Bytes => f.write_str("BYTES"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Date => f.write_str("DATE"),
            Self::Time => f.write_str("TIME"),
            Self::Any(letter) | Self::Plain(letter) | Self::Number(letter) => write!(f, "{letter}"),
            Self::Array(item) => write!(f, "ARRAY<{item}>"),
            Self::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            Self::Struct(fields) => {
                f.write_str("STRUCT<")?;
                for (i, (name, field)) in fields.iter().enumerate() {
                    write!(f, "{}{name} {field}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(">")
            }
            Self::Lambda([only], result) => write!(f, "{only} => {result}"),
            Self::Lambda(parameters, result) => {
                f.write_str("(")?;
                for (i, parameter) in parameters.iter().enumerate() {
                    write!(f, "{}{parameter}", if i == 0 { "" } else { ", " })?;
                }
                write!(f, ") => {result}")
            }
            Self::Unit => f.write_str("unit"),
        }
    }
}
