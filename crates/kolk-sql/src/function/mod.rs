//! The signatures of the built-in functions: names, argument types, results.

mod pattern;
mod scalar;

pub(crate) use pattern::Bindings;
pub use pattern::Pattern;
pub use scalar::SIGNATURES;

use kolk::expression::Function;

/// One way to call a function.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// The function.
    pub function: Function,
    /// Its parameters.
    pub parameters: &'static [Pattern],
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

/// What a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This type.
    Is(Pattern),
    /// The type of the first argument.
    First,
    /// The first argument's DECIMAL without digits behind the point.
    WholeDecimal,
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
    ("CHAR_LENGTH", Function::Len),
    ("TO_TIMESTAMP", Function::ParseTimestamp),
    ("DATE_FORMAT", Function::FormatTimestamp),
    ("TO_DATE", Function::ParseDate),
    ("DATE_ADD", Function::DateAdd),
    ("DATE_SUB", Function::DateSub),
    ("TRUNCATE", Function::Trunc),
    ("POW", Function::Power),
    ("REGEXP_SUBSTR", Function::RegexpExtract),
    ("CARDINALITY", Function::ArrayLength),
    ("MAP_ENTRIES", Function::Entries),
    ("HEX", Function::FromBytes),
    ("JSON_VALUE", Function::ExtractJsonField),
];

/// Functions that give another value each time, and what to use in their stead.
pub(crate) const UNSTABLE: &[(&str, &str)] = &[
    ("RANDOM", "a hash of a column is as spread, and repeats"),
    ("UUID", "UUID(bytes) shows 16 bytes; MD5(text) makes an id of what a row holds"),
    ("UNIX_TIMESTAMP", "ROWTIME is the row's own time"),
    ("UNIX_DATE", "ROWTIME is the row's own time"),
    ("NOW", "ROWTIME is the row's own time"),
];

/// Units of time, as functions of dates take them.
const UNITS: &[&str] =
    &["YEARS", "MONTHS", "WEEKS", "DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS"];

/// The unit that a word means, one or several.
pub(crate) fn unit(word: &str) -> Option<&'static str> {
    let word = word.to_uppercase();
    UNITS.iter().copied().find(|unit| *unit == word || unit.strip_suffix('S') == Some(&word))
}

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
            Outcome::Is(pattern) => pattern.to_string(),
            Outcome::First => self.parameter(0).to_string(),
            Outcome::WholeDecimal => "DECIMAL".to_owned(),
        }
    }

    /// What the argument at this position must be.
    #[must_use]
    pub fn parameter(&self, position: usize) -> Pattern {
        let last = self.parameters.len().saturating_sub(1);
        self.parameters.get(position.min(last)).copied().unwrap_or(Pattern::Any('T'))
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
            write!(f, "{}{parameter}", if i == 0 { "" } else { ", " })?;
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
