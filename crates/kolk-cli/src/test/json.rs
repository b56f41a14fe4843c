//! JSON as test files have it: numbers keep their digits, objects their order.

use kolk::codec::json::value::plain_text;
use kolk::codec::json::{Kind, Paths, Scanner, Token, each_item, each_member, write_quoted};
use kolk::record::Slice;
use std::fmt;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    /// As it is written; [`same_number`] compares.
    Number(String),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    /// Reads one document.
    ///
    /// # Errors
    /// What is no JSON, and where.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let len = u32::try_from(text.len()).map_err(|_| "more than 4 GiB".to_owned())?;
        let whole = Scanner::new(Paths::default())
            .scan(text, Slice::new(0, len), &mut [])
            .map_err(|error| error.to_string())?;
        Ok(Self::of(whole, text))
    }

    fn of(token: Token, text: &[u8]) -> Self {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match token.kind {
            Kind::Missing | Kind::Null => Self::Null,
            Kind::True => Self::Boolean(true),
            Kind::False => Self::Boolean(false),
            Kind::Integer | Kind::Number => Self::Number(lossy(token.of(text))),
            Kind::Text | Kind::EscapedText => {
                Self::Text(lossy(&plain_text(token, text).unwrap_or_default()))
            }
            Kind::Array => {
                let (inside, mut items) = (token.of(text), Vec::new());
                each_item(inside, |item| items.push(Self::of(item, inside)));
                Self::Array(items)
            }
            Kind::Object => {
                let (inside, mut members) = (token.of(text), Vec::new());
                each_member(inside, |name, value| {
                    let name = lossy(&plain_text(name, inside).unwrap_or_default());
                    members.push((name, Self::of(value, inside)));
                });
                Self::Object(members)
            }
        }
    }

    /// The member of an object; `None` when there is none, or this is no object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().rev().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// The members of an object; none of anything else.
    pub(crate) fn members(&self) -> &[(String, Self)] {
        if let Self::Object(members) = self { members } else { &[] }
    }

    /// The items of an array; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        if let Self::Array(items) = self { items } else { &[] }
    }

    /// A text.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A whole number.
    pub(crate) fn integer(&self) -> Option<i64> {
        if let Self::Number(digits) = self { digits.parse().ok() } else { None }
    }

    /// Puts `with` in place of `word` in every text.
    pub(crate) fn replace(&mut self, word: &str, with: &str) {
        match self {
            Self::Text(text) => *text = text.replace(word, with),
            Self::Array(items) => items.iter_mut().for_each(|item| item.replace(word, with)),
            Self::Object(members) => {
                members.iter_mut().for_each(|(_, value)| value.replace(word, with));
            }
            Self::Null | Self::Boolean(_) | Self::Number(_) => {}
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| {
            let mut quoted = Vec::new();
            write_quoted(text.as_bytes(), &mut quoted);
            String::from_utf8_lossy(&quoted).into_owned()
        };
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Array(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (i, (name, value)) in members.iter().enumerate() {
                    write!(f, "{}{}:{value}", if i == 0 { "" } else { "," }, quoted(name))?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Whether two JSON numbers are the same, to the last digit: `1.50` is `15e-1`.
pub(crate) fn same_number(left: &str, right: &str) -> bool {
    left == right || matches!((Exact::of(left), Exact::of(right)), (Some(a), Some(b)) if a == b)
}

/// A number as its digits without zeros around them, and the power of ten of the last one.
#[derive(Debug, PartialEq, Eq)]
struct Exact {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Exact {
    fn of(number: &str) -> Option<Self> {
        let (negative, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number),
        };
        let (mantissa, exponent) = match number.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (number, 0i64),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { negative: false, digits: String::new(), exponent: 0 });
        }
        let trailing = all.len() - all.trim_end_matches('0').len();
        let shift = i64::try_from(trailing).ok()? - i64::try_from(fraction.len()).ok()?;
        let exponent = exponent.checked_add(shift)?;
        Some(Self { negative, digits: digits.to_owned(), exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_shown_as_it_was() {
        for text in [
            r#"{"b":[1,2.50,-0.0,1e400],"a":{"":null,"x":true}}"#,
            r#""quote \" and ünicode""#,
            "12345678901234567890.123456789012345678901234567890",
        ] {
            assert_eq!(Json::parse(text.as_bytes()).unwrap().to_string(), text);
        }
        assert!(Json::parse(b"{} x").is_err());
        assert!(Json::parse(b"").is_err());
    }

    #[test]
    fn numbers_are_the_same_by_value_and_to_the_last_digit() {
        for (left, right, same) in [
            ("1", "1.0", true),
            ("1.50", "15e-1", true),
            ("100", "1E2", true),
            ("-0.0", "0", true),
            ("0.10", "0.1", true),
            ("1", "-1", false),
            ("9007199254740993", "9007199254740992", false),
            ("0.1", "0.10000000000000001", false),
            ("1e400", "1e401", false),
        ] {
            assert_eq!(same_number(left, right), same, "{left} {right}");
        }
    }

    #[test]
    fn placeholders_are_replaced_in_texts_only() {
        let mut json = Json::parse(br#"{"{X}":["a {X}",{"b":"{X}{X}"}],"n":1}"#).unwrap();
        json.replace("{X}", "JSON");
        assert_eq!(json.to_string(), r#"{"{X}":["a JSON",{"b":"JSONJSON"}],"n":1}"#);
    }
}
