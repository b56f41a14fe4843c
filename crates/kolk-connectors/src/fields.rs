//! The fields of a row that a store wants, out of its JSON object, as they stand there: numbers keep all their digits.
#![cfg(any(feature = "cassandra", feature = "postgresql"))]

use kolk::topology::Target;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Finds the fields called `names` in the object `json`, each at its name's place in `found`. Nothing is copied or decoded, and the names
/// that come in the row's order are not searched for.
///
/// # Errors
/// In words.
pub(crate) fn find<'a>(
    json: &'a str,
    names: &[String],
    found: &mut Vec<Option<&'a RawValue>>,
) -> Result<(), String> {
    found.clear();
    found.resize(names.len(), None);
    let mut reading = serde_json::Deserializer::from_str(json);
    let read = reading.deserialize_map(Object { names, found }).and_then(|()| reading.end());
    read.map_err(|error| format!("the row is no JSON object: {error}"))
}

/// The key of a row as an object of its columns: one alone stands without an object around it.
///
/// # Errors
/// In words.
pub(crate) fn key_object(json: &str, target: &Target) -> Result<String, String> {
    let value: &RawValue =
        serde_json::from_str(json).map_err(|error| format!("the key: {error}"))?;
    let value = value.get();
    match &*target.key {
        _ if value.starts_with('{') => Ok(value.to_owned()),
        [at] => {
            let name =
                target.columns.get(*at).map(|column| column.name.as_str()).unwrap_or_default();
            Ok(format!("{{{}:{value}}}", serde_json::Value::from(name)))
        }
        _ => Err(format!("the key {value} is no JSON object")),
    }
}

/// What stands between the quotes, if it is a text in which nothing is escaped.
pub(crate) fn unquoted(json: &str) -> Option<&str> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('\\')).then_some(inside)
}

struct Object<'w, 'a> {
    names: &'w [String],
    found: &'w mut [Option<&'a RawValue>],
}

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut expected = 0;
        while let Some(at) = map.next_key_seed(Name { names: self.names, expected })? {
            match at.and_then(|at| Some((at, self.found.get_mut(at)?))) {
                Some((at, found)) => {
                    *found = Some(map.next_value()?);
                    expected = at + 1;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The place of a name.
struct Name<'w> {
    names: &'w [String],
    /// Where it is if fields come in the order of names.
    expected: usize,
}

impl<'a> DeserializeSeed<'a> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<Option<usize>, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        if self.names.get(self.expected).is_some_and(|it| it == name) {
            return Ok(Some(self.expected));
        }
        Ok(self.names.iter().position(|it| it == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str, names: &[&str]) -> Result<Vec<Option<String>>, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut found = vec![None; 7];
        find(json, &names, &mut found)?;
        Ok(found.iter().map(|it| it.map(|raw| raw.get().to_owned())).collect())
    }

    #[test]
    fn fields_are_found_by_name_and_stand_as_they_are() {
        let json =
            r#" {"a":1.50,"b":{"a":[2]},"c":"x\ty","a":12345678901234567890.1, "\u0064":null} "#;
        let text = |it: &str| Some(it.to_owned());
        let (last, nested) = (text("12345678901234567890.1"), text(r#"{"a":[2]}"#));
        assert_eq!(found(json, &["a", "b"]), Ok(vec![last.clone(), nested]));
        assert_eq!(found(json, &["e", "c", "a"]), Ok(vec![None, text(r#""x\ty""#), last]));
        assert_eq!(found(json, &["d"]), Ok(vec![text("null")]));
        assert_eq!(found("{}", &["a"]), Ok(vec![None]));
    }

    #[test]
    fn texts_with_escapes_are_not_what_stands_between_quotes() {
        assert_eq!(unquoted(r#""a b""#), Some("a b"));
        for other in [r#""a\"b""#, r#""\u0061""#, "\"", "1", "null"] {
            assert_eq!(unquoted(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_object_is_told_of() {
        for json in ["", "[]", "1", r#"{"a":1"#, r#"{"a":1},{"a":2}"#, r#"{"b":01}"#] {
            let why = found(json, &["a"]).unwrap_err();
            assert!(why.contains("no JSON object"), "{json}: {why}");
        }
    }
}
