//! The fields that a check looks at: where they stand in a record, and how their values compare.

use super::Entry;
use kolk::codec::timestamp;
use kolk::codec::zone::Zone;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    /// `@key`: the record's key.
    RecordKey,
    /// `@timestamp`: the record's time-stamp.
    RecordTimestamp,
    /// A path into the JSON value.
    Json(Vec<String>),
}

impl Field {
    /// Reads `@key`, `@timestamp`, or names with `.` or `->` between them.
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "@key" => Self::RecordKey,
            "@timestamp" => Self::RecordTimestamp,
            path => Self::Json(path.replace("->", ".").split('.').map(str::to_owned).collect()),
        }
    }

    /// Whether the value's JSON is needed.
    pub(super) fn is_json(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    /// The field as text; `None` when it is not there, is null, or is no scalar.
    pub(super) fn text(&self, entry: &Entry<'_>, json: Option<&Value>) -> Option<String> {
        match self {
            Self::RecordKey => entry.key.map(|key| String::from_utf8_lossy(key).into_owned()),
            Self::RecordTimestamp => Some(entry.timestamp.to_string()),
            Self::Json(path) => match at(json?, path)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(flag) => Some(flag.to_string()),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            },
        }
    }

    /// The field as a value with an order.
    pub(super) fn rank(&self, entry: &Entry<'_>, json: Option<&Value>) -> Option<Rank> {
        match self {
            Self::RecordTimestamp => Some(Rank::Integer(entry.timestamp.into())),
            _ => self.text(entry, json).map(Rank::of),
        }
    }
}

fn at<'a>(json: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(json, |value, name| value.get(name))
}

/// A value with an order: a time-stamp or number where it is one, else text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rank {
    /// ISO 8601 text: milliseconds since 1970 (UTC where there is no offset), and the text.
    Time(i64, String),
    /// A whole number.
    Integer(i128),
    /// Another number.
    Number(f64),
    /// Anything else.
    Text(String),
}

impl Rank {
    fn of(text: String) -> Self {
        if let Some(ms) = timestamp::parse(text.as_bytes(), &mut Zone::utc()) {
            return Self::Time(ms, text);
        }
        if let Ok(integer) = text.parse() {
            return Self::Integer(integer);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::Text(text),
        }
    }

    /// Whether it comes before `other`. Values of different kinds are compared as text.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        let order = match (self, other) {
            (Self::Time(a, _), Self::Time(b, _)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a number with a fraction is no exact value anyway"
            )]
            (Self::Integer(a), Self::Number(b)) => (*a as f64).total_cmp(b),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a number with a fraction is no exact value anyway"
            )]
            (Self::Number(a), Self::Integer(b)) => a.total_cmp(&(*b as f64)),
            (a, b) => a.to_string().cmp(&b.to_string()),
        };
        order == Ordering::Less
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(_, text) | Self::Text(text) => f.write_str(text),
            Self::Integer(number) => fmt::Display::fmt(number, f),
            Self::Number(number) => fmt::Display::fmt(number, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_as_what_they_are() {
        let check = |a: &str, b: &str, before: bool| {
            let (rank_a, rank_b) = (Rank::of(a.to_owned()), Rank::of(b.to_owned()));
            assert_eq!(rank_a.is_before(&rank_b), before, "{a} before {b}");
        };
        check("9", "10", true);
        check("10", "9", false);
        check("9.5", "10", true);
        check("abc", "abd", true);
        check("2024-01-01T10:00:00+02:00", "2024-01-01T09:00:00Z", true);
        check("2024-01-01T09:00:00Z", "2024-01-01T10:00:00+02:00", false);
        check("2024-01-01T09:00:00Z", "2024-01-01T10:00:00+01:00", false);
    }

    #[test]
    fn paths_reach_into_objects() {
        let json: Value = serde_json::from_str(r#"{"a": {"b": 7}, "n": null, "l": []}"#).unwrap();
        let text = |path: &str| Field::parse(path).text(&Entry::default(), Some(&json));
        assert_eq!(text("a.b").as_deref(), Some("7"));
        assert_eq!(text("a->b").as_deref(), Some("7"));
        assert_eq!([text("a"), text("n"), text("l"), text("x")], [None, None, None, None]);
    }
}
