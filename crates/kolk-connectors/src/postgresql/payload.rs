//! The rows of a batch as a statement takes them: a JSON array of what is to be written, each key once.

use super::statement::Mode;
use crate::fields::{self, key_object};
use kolk::sink::connector::ConnectorRow;
use kolk::topology::Target;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::str;

/// What a row does to the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change<'a> {
    /// Its position in the batch.
    pub(super) index: usize,
    /// The key in the table, to tell rows of one key by; empty where rows are appended.
    key: Cow<'a, str>,
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

/// Reads rows, one after the other.
#[derive(Debug)]
pub(super) struct Reader<'t, 'a> {
    target: &'t Target,
    mode: &'t Mode,
    /// The fields of a row that are the table's key, in the table's order.
    key: &'t [String],
    /// Those of the row at hand.
    found: Vec<Option<&'a RawValue>>,
}

impl<'t, 'a> Reader<'t, 'a> {
    /// Of rows for this target.
    pub(super) fn new(target: &'t Target, mode: &'t Mode) -> Self {
        let key: &[String] = match mode {
            Mode::Upsert { key, .. } => key,
            Mode::Append { .. } => &[],
        };
        Self { target, mode, key, found: Vec::new() }
    }

    /// What the row at `index` does.
    ///
    /// # Errors
    /// In words, when it is no row of this target.
    pub(super) fn change(
        &mut self,
        index: usize,
        row: &ConnectorRow<'a>,
    ) -> Result<Change<'a>, String> {
        let text =
            |bytes: &'a [u8]| str::from_utf8(bytes).map_err(|_| "the row is no UTF-8".to_owned());
        match (row.value, self.mode) {
            (Some(json), Mode::Append { .. }) => {
                Ok(Change { index, key: Cow::Borrowed(""), verb: Verb::Write(text(json)?) })
            }
            (Some(json), Mode::Upsert { .. }) => {
                let json = text(json)?;
                fields::find(json, self.key, &mut self.found)?;
                Ok(Change { index, key: key_of(&self.found), verb: Verb::Write(json) })
            }
            (None, Mode::Upsert { delete: Some(_), .. }) => {
                let object = key_object(text(row.key.unwrap_or_default())?, self.target)?;
                let mut found = Vec::new();
                fields::find(&object, self.key, &mut found)?;
                let key = Cow::Owned(key_of(&found).into_owned());
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
}

/// The key's fields as they stand, in the table's order.
fn key_of<'a>(fields: &[Option<&'a RawValue>]) -> Cow<'a, str> {
    let text = |field: &Option<&'a RawValue>| field.map_or("null", RawValue::get);
    match fields {
        [field] => Cow::Borrowed(text(field)),
        fields => Cow::Owned(fields.iter().map(text).collect::<Vec<_>>().join("\u{0}")),
    }
}

/// The arrays for these changes, in order: of each key what came last.
pub(super) fn of(changes: &[Change<'_>]) -> Payload {
    let mut keys = HashSet::with_capacity(changes.len());
    let mut is_last = vec![false; changes.len()];
    for (change, is_last) in changes.iter().zip(&mut is_last).rev() {
        *is_last = keys.insert(&*change.key);
    }
    let (mut deletes, mut upserts) = (Array::default(), Array::default());
    for (change, is_last) in changes.iter().zip(is_last) {
        match &change.verb {
            // A key may be deleted and written anew.
            Verb::Delete(object) => deletes.push(object),
            Verb::Write(row) if is_last => upserts.push(row),
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
            Reader::new(&target, &mode).change(index, &row).unwrap()
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
        let refused = |row: &ConnectorRow<'static>, mode: &Mode| {
            Reader::new(&target(), mode).change(0, row).unwrap_err()
        };
        assert!(refused(&row(Some(b"{\"id\":1},{\"id\":2}"), b"1"), &mode()).contains("JSON"));
        assert!(refused(&row(Some(b"{\"id\":\"\xff\"}"), b"1"), &mode()).contains("UTF-8"));
        let append = Mode::Append { copy: String::new() };
        assert!(refused(&row(None, b"1"), &append).contains("deletes no rows"));
    }
}
