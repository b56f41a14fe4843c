//! The signatures of the built-in functions: names, argument types, results.

use kolk::expression::Function;
use kolk::schema::DataType;

use Outcome::{Boolean, Common, First, Of, Texts, WholeDecimal};

/// One way to call a function.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// The function.
    pub function: Function,
    /// Its parameters.
    pub parameters: &'static [Parameter],
    /// How many of the last parameters may be left out.
    pub optional: usize,
    /// Whether the last parameter may be repeated.
    pub repeats: Repeats,
    /// Its result.
    pub result: Outcome,
}

/// Whether the last parameter may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// It stands once.
    Once,
    /// It may be repeated.
    Any,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// STRING.
    Text,
    /// INTEGER.
    Integer,
    /// BIGINT.
    Bigint,
    /// DOUBLE.
    Double,
    /// DECIMAL of any size.
    Decimal,
    /// BYTES.
    Bytes,
    /// TIMESTAMP.
    Timestamp,
    /// Anything; all parameters of this kind are brought to one type.
    Same,
    /// An array of anything.
    Array,
    /// An item of the array.
    Item,
}

/// What a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// What such a parameter takes.
    Of(Parameter),
    /// BOOLEAN.
    Boolean,
    /// The type of the first argument.
    First,
    /// The common type of the [`Parameter::Same`] parameters.
    Common,
    /// `ARRAY<STRING>`.
    Texts,
    /// The first argument's DECIMAL without digits behind the point.
    WholeDecimal,
}

macro_rules! signatures {
    ($( $function:ident ( $($parameter:ident),* $(; $optional:literal)? ) $($repeats:ident)? -> $result:expr; )*) => {
        /// Every signature; those of one function in the order in which they are tried.
        pub const SIGNATURES: &[Signature] = &[ $( Signature {
            function: Function::$function,
            parameters: &[$(Parameter::$parameter),*],
            optional: signatures!(@optional $($optional)?),
            repeats: signatures!(@repeats $($repeats)?),
            result: $result,
        } ),* ];
    };
    (@optional) => { 0 };
    (@optional $optional:literal) => { $optional };
    (@repeats) => { Repeats::Once };
    (@repeats repeated) => { Repeats::Any };
}

signatures! {
    Abs(Integer) -> First;
    Abs(Bigint) -> First;
    Abs(Decimal) -> First;
    Abs(Double) -> First;
    Ceil(Integer) -> First;
    Ceil(Bigint) -> First;
    Ceil(Decimal) -> First;
    Ceil(Double) -> First;
    Floor(Integer) -> First;
    Floor(Bigint) -> First;
    Floor(Decimal) -> First;
    Floor(Double) -> First;
    Round(Integer) -> First;
    Round(Bigint) -> First;
    Round(Decimal) -> WholeDecimal;
    Round(Decimal, Integer) -> First;
    Round(Double) -> Of(Parameter::Bigint);
    Round(Double, Integer) -> First;
    Sign(Integer) -> Of(Parameter::Integer);
    Sign(Bigint) -> Of(Parameter::Integer);
    Sign(Double) -> Of(Parameter::Integer);
    Sqrt(Double) -> First;
    Exp(Double) -> First;
    Ln(Double) -> First;
    Greatest(Same) repeated -> Common;
    Least(Same) repeated -> Common;
    Coalesce(Same) repeated -> Common;
    IfNull(Same, Same) -> Common;
    NullIf(Same, Same) -> Common;
    Ucase(Text) -> First;
    Lcase(Text) -> First;
    InitCap(Text) -> First;
    Len(Text) -> Of(Parameter::Integer);
    Len(Bytes) -> Of(Parameter::Integer);
    Trim(Text) -> First;
    Substring(Text, Integer, Integer; 1) -> First;
    Concat(Text, Text) repeated -> First;
    ConcatWs(Text, Text, Text) repeated -> First;
    Replace(Text, Text, Text) -> First;
    Instr(Text, Text, Integer, Integer; 2) -> Of(Parameter::Integer);
    Lpad(Text, Integer, Text) -> First;
    Rpad(Text, Integer, Text) -> First;
    Split(Text, Text) -> Texts;
    Chr(Integer) -> Of(Parameter::Text);
    ExtractJsonField(Text, Text) -> First;
    ArrayLength(Array) -> Of(Parameter::Integer);
    ArrayContains(Array, Item) -> Boolean;
    ParseTimestamp(Text, Text, Text; 1) -> Of(Parameter::Timestamp);
    FormatTimestamp(Timestamp, Text, Text; 1) -> Of(Parameter::Text);
    FromUnixTime(Bigint) -> Of(Parameter::Timestamp);
    UnixTimestamp(Timestamp) -> Of(Parameter::Bigint);
}

/// Names by which people know a function that has another one here.
pub(crate) const SYNONYMS: &[(&str, Function)] = &[
    ("UPPER", Function::Ucase),
    ("LOWER", Function::Lcase),
    ("LENGTH", Function::Len),
    ("SUBSTR", Function::Substring),
    ("CEILING", Function::Ceil),
    ("NVL", Function::IfNull),
    ("POSITION", Function::Instr),
    ("LOG", Function::Ln),
    ("CHAR_LENGTH", Function::Len),
    ("STRINGTOTIMESTAMP", Function::ParseTimestamp),
    ("TIMESTAMPTOSTRING", Function::FormatTimestamp),
    ("TO_TIMESTAMP", Function::ParseTimestamp),
    ("DATE_FORMAT", Function::FormatTimestamp),
    ("JSON_VALUE", Function::ExtractJsonField),
];

/// Functions over many rows, which need state.
pub(crate) const AGGREGATES: &[&str] = &[
    "COUNT",
    "SUM",
    "AVG",
    "MIN",
    "MAX",
    "COUNT_DISTINCT",
    "COLLECT_LIST",
    "COLLECT_SET",
    "TOPK",
    "TOPKDISTINCT",
    "EARLIEST_BY_OFFSET",
    "LATEST_BY_OFFSET",
    "HISTOGRAM",
    "STDDEV_SAMP",
    "STDDEV_SAMPLE",
    "CORRELATION",
    "ATTR",
];

/// The signatures of the function with this name.
#[must_use]
pub fn find(name: &str) -> Vec<&'static Signature> {
    let name = name.to_uppercase();
    SIGNATURES.iter().filter(|signature| signature.function.name() == name).collect()
}

impl Signature {
    /// Whether it can be called with so many arguments.
    #[must_use]
    pub fn takes(&self, arguments: usize) -> bool {
        let most = if self.repeats == Repeats::Any { usize::MAX } else { self.parameters.len() };
        (self.parameters.len() - self.optional..=most).contains(&arguments)
    }

    /// The type of the result, for people.
    #[must_use]
    pub fn outcome(&self) -> String {
        match self.result {
            Outcome::Of(parameter) => parameter.name(),
            Outcome::Boolean => "BOOLEAN",
            Outcome::First => self.parameter(0).name(),
            Outcome::Common => "T",
            Outcome::Texts => "ARRAY<STRING>",
            Outcome::WholeDecimal => "DECIMAL",
        }
        .to_owned()
    }

    /// What the argument at this position must be.
    #[must_use]
    pub fn parameter(&self, position: usize) -> Parameter {
        self.parameters[position.min(self.parameters.len() - 1)]
    }
}

impl Parameter {
    /// The type, where it is one.
    #[must_use]
    pub fn data_type(self) -> Option<DataType> {
        Some(match self {
            Self::Text => DataType::String,
            Self::Integer => DataType::Integer,
            Self::Bigint => DataType::Bigint,
            Self::Double => DataType::Double,
            Self::Bytes => DataType::Bytes,
            Self::Timestamp => DataType::Timestamp,
            Self::Decimal | Self::Same | Self::Array | Self::Item => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "STRING",
            Self::Integer => "INTEGER",
            Self::Bigint => "BIGINT",
            Self::Double => "DOUBLE",
            Self::Decimal => "DECIMAL",
            Self::Bytes => "BYTES",
            Self::Timestamp => "TIMESTAMP",
            Self::Same => "T",
            Self::Array => "ARRAY<T>",
            Self::Item => "T",
        }
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}(", self.function.name())?;
        let required = self.parameters.len() - self.optional;
        for (i, parameter) in self.parameters.iter().enumerate() {
            if i == required {
                f.write_str(" [")?;
            }
            write!(f, "{}{}", if i == 0 { "" } else { ", " }, parameter.name())?;
        }
        if self.optional > 0 {
            f.write_str("]")?;
        }
        f.write_str(if self.repeats == Repeats::Any { ", …)" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_a_signature() {
        for function in Function::ALL {
            assert!(!find(function.name()).is_empty(), "{}", function.name());
        }
    }

    #[test]
    fn signatures_are_shown_with_what_may_be_left_out() {
        assert_eq!(find("substring")[0].to_string(), "SUBSTRING(STRING, INTEGER [, INTEGER])");
        assert_eq!(find("concat")[0].to_string(), "CONCAT(STRING, STRING, …)");
    }

    #[test]
    fn the_number_of_arguments_is_known() {
        let instr = find("INSTR")[0];
        let taken: Vec<usize> = (0..8).filter(|count| instr.takes(*count)).collect();
        assert_eq!(taken, [2, 3, 4]);
        assert!(find("CONCAT")[0].takes(40) && !find("CONCAT")[0].takes(1));
    }
}
