//! The rows of a batch as a statement takes them: a JSON array of what is to be written, each key once.

use super::statement::Mode;
use crate::cell::{self, Fields};
use kolk::sink::connector::ConnectorRow;
use kolk::topology::Target;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::str;

/// What a row does to the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change<'a> {
    /// Its position in the batch.
    pub(super) index: usize,
    /// The key in the table, to tell rows of one key by; empty where rows are appended.
    key: String,
    pub(super) verb: Verb<'a>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verb<'a> {
    /// The row as it stands.
    Write(&'a str),
    /// An object with the key.
    Delete(String),
}

/// Rows of a statement each, as JSON arrays; none where there are no rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Payload {
    /// Before the upserts: what a key held before it was deleted must not shine through.
    pub(super) deletes: Option<String>,
    pub(super) upserts: Option<String>,
}

/// What the row at `index` does.
///
/// # Errors
/// In words, when it is no row of this target.
pub(super) fn change<'a>(
    index: usize,
    row: &ConnectorRow<'a>,
    target: &Target,
    mode: &Mode,
) -> Result<Change<'a>, String> {
    let text =
        |bytes: &'a [u8]| str::from_utf8(bytes).map_err(|_| "the row is no UTF-8".to_owned());
    match (row.value, mode) {
        (Some(json), Mode::Append { .. }) => {
            Ok(Change { index, key: String::new(), verb: Verb::Write(text(json)?) })
        }
        (Some(json), Mode::Upsert { key, .. }) => {
            let json = text(json)?;
            let key = key_of(&cell::fields(json)?, key);
            Ok(Change { index, key, verb: Verb::Write(json) })
        }
        (None, Mode::Upsert { delete: Some(_), key, .. }) => {
            let object = key_object(text(row.key.unwrap_or_default())?, target)?;
            let key = key_of(&cell::fields(&object)?, key);
            Ok(Change { index, key, verb: Verb::Delete(object) })
        }
        (None, Mode::Upsert { .. }) => {
            Err("a row is deleted by its key, which is not the table's".to_owned())
        }
        (None, Mode::Append { .. }) => {
            Err("mode = 'append' deletes no rows: the table has no key".to_owned())
        }
    }
}

/// The key's fields as they stand, in the table's order.
fn key_of(fields: &Fields<'_>, key: &[String]) -> String {
    let parts = key.iter().map(|name| fields.get(name.as_str()).map_or("null", |it| it.get()));
    parts.collect::<Vec<_>>().join("\u{0}")
}

/// The key as an object: one column alone stands without one around it.
fn key_object(json: &str, target: &Target) -> Result<String, String> {
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

/// The arrays for these changes, in order: of each key what came last.
pub(super) fn of(changes: &[Change<'_>]) -> Payload {
    let mut last: HashMap<&str, usize> = HashMap::with_capacity(changes.len());
    for (at, change) in changes.iter().enumerate() {
        last.insert(&change.key, at);
    }
    let (mut deletes, mut upserts) = (Array::default(), Array::default());
    for (at, change) in changes.iter().enumerate() {
        match &change.verb {
            // A key may be deleted and written anew.
            Verb::Delete(object) => deletes.push(object),
            Verb::Write(row) if last.get(change.key.as_str()) == Some(&at) => upserts.push(row),
            Verb::Write(_) => {}
        }
    }
    Payload { deletes: deletes.finish(), upserts: upserts.finish() }
}

/// A JSON array that grows.
#[derive(Debug, Default)]
struct Array(String);

impl Array {
    fn push(&mut self, item: &str) {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        self.0.push_str(item);
    }

    fn finish(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push(']');
        Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kolk::schema::{Column, DataType, Role};

    fn target() -> Target {
        let column = |name: &str| Column {
            name: name.to_owned(),
            data_type: DataType::Bigint,
            role: Role::Value,
        };
        Target { columns: vec![column("id"), column("n")], key: vec![0], ..Target::default() }
    }

    fn mode() -> Mode {
        let delete = Some(String::new());
        Mode::Upsert { insert: String::new(), delete, key: vec!["id".to_owned()] }
    }

    fn payload(rows: &[(&str, Option<&str>)]) -> Payload {
        let (target, mode) = (target(), mode());
        let row = |(index, (key, value)): (usize, &(&'static str, Option<&'static str>))| {
            let row = ConnectorRow {
                key: Some(key.as_bytes()),
                value: value.map(str::as_bytes),
                timestamp: 0,
                header: None,
                lane: kolk::sink::progress::Lane(0),
            };
            change(index, &row, &target, &mode).unwrap()
        };
        let rows: Vec<(&'static str, Option<&'static str>)> = rows
            .iter()
            .map(|(key, value)| {
                let leak =
                    |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
                (leak(key), value.map(leak))
            })
            .collect();
        of(&rows.iter().enumerate().map(row).collect::<Vec<_>>())
    }

    #[test]
    fn of_each_key_the_last_row_counts() {
        let of = payload(&[
            ("1", Some(r#"{"id":1,"n":1}"#)),
            ("2", Some(r#"{"id":2,"n":1}"#)),
            ("1", Some(r#"{"id":1,"n":2}"#)),
        ]);
        let upserts = Some(r#"[{"id":2,"n":1},{"id":1,"n":2}]"#.to_owned());
        assert_eq!(of, Payload { deletes: None, upserts });
    }

    #[test]
    fn a_key_that_was_deleted_may_come_again_and_one_that_came_may_go() {
        let (row, array) = (r#"{"id":1,"n":1}"#, Some(r#"[{"id":1}]"#.to_owned()));
        let again = payload(&[("1", None), ("1", Some(row))]);
        assert_eq!((again.deletes, again.upserts), (array.clone(), Some(format!("[{row}]"))));
        let gone = payload(&[("1", Some(row)), ("1", None)]);
        assert_eq!((gone.deletes, gone.upserts), (array, None));
    }

    #[test]
    fn numbers_keep_their_digits() {
        let long = r#"{"id":12345678901234567890.123456789,"n":1}"#;
        let longer = r#"{"id":12345678901234567890.123456788,"n":1}"#;
        let both = payload(&[("1", Some(long)), ("1", Some(longer))]);
        assert_eq!(both.upserts, Some(format!("[{long},{longer}]")));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let row = |value: Option<&'static [u8]>, key: &'static [u8]| ConnectorRow {
            key: Some(key),
            value,
            timestamp: 0,
            header: None,
            lane: kolk::sink::progress::Lane(0),
        };
        let refused =
            |row: &ConnectorRow<'static>, mode: &Mode| change(0, row, &target(), mode).unwrap_err();
        assert!(refused(&row(Some(b"{\"id\":1},{\"id\":2}"), b"1"), &mode()).contains("JSON"));
        assert!(refused(&row(Some(b"{\"id\":\"\xff\"}"), b"1"), &mode()).contains("UTF-8"));
        let append = Mode::Append { copy: String::new() };
        assert!(refused(&row(None, b"1"), &append).contains("deletes no rows"));
    }
}
