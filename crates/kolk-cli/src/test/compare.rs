//! Where two records differ first. Numbers are compared by value to the last digit, members of objects in any order; nothing
//! else is lenient.

use super::file::{Record, Window, WindowKind};
use super::json::{Json, same_number};
use std::fmt;

/// A record that a query wrote, read by the formats of its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) key: Json,
    pub(crate) value: Json,
    pub(crate) timestamp: i64,
    pub(crate) window: Option<Window>,
    pub(crate) headers: Vec<(String, Option<String>)>,
}

/// The first place at which a record is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `value.ITEMS[2]`.
    pub(crate) path: String,
    /// What is there, and what should be.
    pub(crate) what: String,
}

/// The first difference of a written record from what is expected of it. Time-stamps and headers are compared where the
/// expectation has them.
pub(crate) fn difference(expected: &Record, written: &Written) -> Option<Difference> {
    let values = |part: &str, expected: &Json, written: &Json| {
        let mut path = part.to_owned();
        let what = differs(expected, written, &mut path)?;
        Some(Difference { path, what })
    };
    let told = |path: &str, expected: &dyn fmt::Display, found: &dyn fmt::Display| Difference {
        path: path.to_owned(),
        what: format!("expected {expected}, found {found}"),
    };
    if let Some(difference) = values("key", &expected.key, &written.key) {
        return Some(difference);
    }
    if expected.window != written.window {
        return Some(told("window", &Shown(expected.window), &Shown(written.window)));
    }
    if let Some(difference) = values("value", &expected.value, &written.value) {
        return Some(difference);
    }
    if let Some(stamp) = expected.timestamp.filter(|stamp| *stamp != written.timestamp) {
        return Some(told("timestamp", &stamp, &written.timestamp));
    }
    let headers = expected.headers.as_ref().filter(|headers| **headers != written.headers)?;
    Some(told("headers", &headers_text(headers), &headers_text(&written.headers)))
}

/// What differs first, and into `path` where.
fn differs(expected: &Json, found: &Json, path: &mut String) -> Option<String> {
    match (expected, found) {
        (Json::Number(left), Json::Number(right)) if same_number(left, right) => None,
        (Json::Array(left), Json::Array(right)) => {
            let len = path.len();
            for (at, (left, right)) in left.iter().zip(right).enumerate() {
                path.push_str(&format!("[{at}]"));
                if let Some(what) = differs(left, right, path) {
                    return Some(what);
                }
                path.truncate(len);
            }
            let lengths = (left.len(), right.len());
            (lengths.0 != lengths.1)
                .then(|| format!("expected {} items, found {}", lengths.0, lengths.1))
        }
        (Json::Object(members), Json::Object(others)) => {
            let len = path.len();
            for (name, left) in members {
                path.push('.');
                path.push_str(name);
                match found.get(name) {
                    None => return Some(format!("expected {left}, found no such field")),
                    Some(right) => {
                        if let Some(what) = differs(left, right, path) {
                            return Some(what);
                        }
                    }
                }
                path.truncate(len);
            }
            let (name, value) = others.iter().find(|(name, _)| expected.get(name).is_none())?;
            path.push('.');
            path.push_str(name);
            Some(format!("expected no such field, found {value}"))
        }
        _ if expected == found => None,
        _ => Some(format!("expected {expected}, found {found}")),
    }
}

/// A window for people.
struct Shown(Option<Window>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Window { start, end, kind }) = self.0 else { return f.write_str("none") };
        let kind = match kind {
            WindowKind::Time => "time",
            WindowKind::Session => "session",
        };
        write!(f, "{kind} [{start}, {end})")
    }
}

fn headers_text(headers: &[(String, Option<String>)]) -> String {
    let one = |(name, value): &(String, Option<String>)| {
        format!("{name}={}", value.as_deref().unwrap_or("null"))
    };
    format!("[{}]", headers.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// A record on one line.
pub(crate) fn line(
    (key, value): (&Json, &Json),
    window: Option<Window>,
    timestamp: Option<i64>,
) -> String {
    let window = window.map_or_else(String::new, |window| format!(" @ {}", Shown(Some(window))));
    let stamp = timestamp.map_or_else(String::new, |stamp| format!(" ({stamp} ms)"));
    format!("{key}{window} → {value}{stamp}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, found: &str, difference: Option<(&str, &str)>) {
        let parse = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let mut path = "value".to_owned();
        let what = differs(&parse(expected), &parse(found), &mut path);
        let seen = what.as_deref().map(|what| (&*path, what));
        assert_eq!(seen, difference, "{expected} {found}");
    }

    #[test]
    fn the_first_difference_is_found_and_order_of_fields_is_none() {
        check(r#"{"A":1,"B":[1.50]}"#, r#"{"B":[15e-1],"A":1}"#, None);
        check("1", "2", Some(("value", "expected 1, found 2")));
        check("1", r#""1""#, Some(("value", r#"expected 1, found "1""#)));
        check("null", "0", Some(("value", "expected null, found 0")));
        let nested = Some(("value.A[1].B", "expected 2, found 3"));
        check(r#"{"A":[1,{"B":2}]}"#, r#"{"A":[1,{"B":3}]}"#, nested);
        check("[1]", "[1,2]", Some(("value", "expected 1 items, found 2")));
        check("{}", r#"{"A":null}"#, Some(("value.A", "expected no such field, found null")));
        let missing = Some(("value.A", "expected null, found no such field"));
        check(r#"{"A":null}"#, "{}", missing);
        check(r#"{"A":1}"#, r#"{"a":1}"#, Some(("value.A", "expected 1, found no such field")));
    }

    #[test]
    fn records_differ_in_key_window_value_time_and_headers() {
        let expected = Record {
            topic: "t".to_owned(),
            key: Json::Null,
            value: Json::Null,
            timestamp: None,
            window: None,
            headers: None,
        };
        let written = Written {
            key: Json::Null,
            value: Json::Null,
            timestamp: 7,
            window: None,
            headers: vec![("h".to_owned(), None)],
        };
        let path = |expected: Record| difference(&expected, &written).map(|found| found.path);
        assert_eq!(path(expected.clone()), None);
        let window = Window { start: 0, end: 5, kind: WindowKind::Time };
        let cases = [
            (Record { key: Json::Boolean(true), ..expected.clone() }, "key"),
            (Record { window: Some(window), ..expected.clone() }, "window"),
            (Record { value: Json::Boolean(true), ..expected.clone() }, "value"),
            (Record { timestamp: Some(8), ..expected.clone() }, "timestamp"),
            (Record { headers: Some(Vec::new()), ..expected }, "headers"),
        ];
        for (expected, at) in cases {
            assert_eq!(path(expected).as_deref(), Some(at));
        }
    }
}
