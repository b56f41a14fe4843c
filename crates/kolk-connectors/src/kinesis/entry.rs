//! A row as an entry of a call: its bytes, the key that chooses its shard, and which rows wait for it.

use crate::cell;
use kolk::sink::connector::ConnectorRow;
use kolk::topology::Target;
use serde_json::Value;

/// What a record may have at most: its data and its partition key together, in bytes.
pub(super) const RECORD_BYTES: usize = 1 << 20;
/// What a partition key may have at most, in characters.
const KEY_CHARACTERS: usize = 256;

/// What becomes of rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Columns of the partition key; empty for the record's key.
    partition_key: Vec<String>,
}

/// A row that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its position among the rows.
    pub(super) row: usize,
    pub(super) data: Vec<u8>,
    pub(super) partition_key: String,
}

impl Entry {
    /// What it counts for in a call.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }

    /// Whose order it keeps: its key's. Rows without one are told apart by what chooses their shard.
    pub(super) fn group(&self, row: &ConnectorRow<'_>) -> Vec<u8> {
        row.key.unwrap_or(self.partition_key.as_bytes()).to_vec()
    }
}

impl Shape {
    /// As the statement says.
    ///
    /// # Errors
    /// A column that is not selected.
    pub(super) fn of(target: &Target) -> Result<Self, String> {
        let named = target.option("partition_key").map(|names| names.split(',').map(str::trim));
        let mut partition_key = Vec::new();
        for name in named.into_iter().flatten() {
            // Statements that pass bytes on may know no columns.
            let column = target.columns.iter().find(|it| it.name.eq_ignore_ascii_case(name));
            if column.is_none() && !target.columns.is_empty() {
                let selected: Vec<&str> =
                    target.columns.iter().map(|column| column.name.as_str()).collect();
                return Err(format!(
                    "kinesis: partition_key names {name}, which the query does not select; it selects {}",
                    selected.join(", ")
                ));
            }
            partition_key.push(column.map_or_else(|| name.to_owned(), |it| it.name.clone()));
        }
        Ok(Self { partition_key })
    }

    /// The entry of the row at position `at`, which came from input partition `partition`.
    ///
    /// # Errors
    /// Why Kinesis will never take it.
    pub(super) fn entry(
        &self,
        at: usize,
        row: &ConnectorRow<'_>,
        partition: i32,
    ) -> Result<Entry, String> {
        let Some(value) = row.value else {
            return Err("a record without a value: Kinesis has nothing to delete".to_owned());
        };
        let partition_key = self.partition_key(row, value, partition)?;
        let data = match row.header {
            None => value.to_vec(),
            Some((name, number)) => with_bin(value, name, number)?,
        };
        let entry = Entry { row: at, data, partition_key };
        if entry.bytes() > RECORD_BYTES {
            return Err(format!(
                "a record of {} bytes (with its partition key): Kinesis takes {RECORD_BYTES}",
                entry.bytes()
            ));
        }
        Ok(entry)
    }

    fn partition_key(
        &self,
        row: &ConnectorRow<'_>,
        value: &[u8],
        partition: i32,
    ) -> Result<String, String> {
        let key = match (self.partition_key.is_empty(), row.key) {
            (false, _) => self.of_columns(value)?,
            (true, Some(key)) => of_key(key),
            // They keep the order of the partition that they came from.
            (true, None) => format!("partition-{partition}"),
        };
        match key.chars().count() {
            0 => Err("its partition key is empty".to_owned()),
            1..=KEY_CHARACTERS => Ok(key),
            characters => Err(format!(
                "its partition key has {characters} characters, and Kinesis takes {KEY_CHARACTERS}: choose shorter columns \
                 by partition_key"
            )),
        }
    }

    fn of_columns(&self, value: &[u8]) -> Result<String, String> {
        let fields = cell::object(value)?;
        let mut parts = Vec::with_capacity(self.partition_key.len());
        for name in &self.partition_key {
            match fields.get(name) {
                None | Some(Value::Null) => {
                    return Err(format!("its {name} is NULL: no partition key"));
                }
                Some(Value::String(text)) => parts.push(text.clone()),
                Some(other) => parts.push(other.to_string()),
            }
        }
        Ok(parts.join(","))
    }
}

/// A record's key as text: JSON text without its quotes, text as it is, and bytes that are no text in hexadecimal digits.
fn of_key(key: &[u8]) -> String {
    if key.trim_ascii_start().starts_with(b"\"")
        && let Ok(text) = serde_json::from_slice(key)
    {
        return text;
    }
    match std::str::from_utf8(key) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => key.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// The JSON object `value` with the number of the bin as its last field: a Kinesis record has no headers.
fn with_bin(value: &[u8], name: &str, number: &[u8]) -> Result<Vec<u8>, String> {
    let end = value.trim_ascii_end();
    let Some(inside) =
        end.strip_suffix(b"}").filter(|_| value.trim_ascii_start().starts_with(b"{"))
    else {
        return Err(format!("bin_header adds the field {name} to JSON objects, and this is none"));
    };
    let is_empty = inside.trim_ascii() == b"{";
    let mut data = Vec::with_capacity(value.len() + name.len() + number.len() + 5);
    data.extend_from_slice(inside);
    if !is_empty {
        data.push(b',');
    }
    data.extend_from_slice(Value::from(name).to_string().as_bytes());
    data.push(b':');
    data.extend_from_slice(number);
    data.push(b'}');
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kolk::schema::{Column, DataType, Role};
    use kolk::sink::progress::Lane;

    fn row<'a>(key: Option<&'a [u8]>, value: &'a [u8]) -> ConnectorRow<'a> {
        ConnectorRow { key, value: Some(value), timestamp: 0, header: None, lane: Lane(0) }
    }

    fn shape(partition_key: Option<&str>) -> Result<Shape, String> {
        let column = |name: &str| Column {
            name: name.to_owned(),
            data_type: DataType::String,
            role: Role::Value,
        };
        let options = partition_key.map(|it| ("partition_key".to_owned(), it.to_owned()));
        Shape::of(&Target {
            options: options.into_iter().collect(),
            columns: vec![column("visit"), column("Page")],
            ..Target::default()
        })
    }

    fn key_of(partition_key: Option<&str>, row: &ConnectorRow<'_>) -> Result<String, String> {
        shape(partition_key)?.entry(0, row, 3).map(|entry| entry.partition_key)
    }

    #[test]
    fn the_partition_key_is_the_records_key_or_what_columns_say() {
        let value = br#"{"visit":"v1","Page":"p","n":7}"#;
        let check = |columns, key, expected: &str| {
            assert_eq!(key_of(columns, &row(key, value)), Ok(expected.to_owned()));
        };
        check(None, Some(b"plain"), "plain");
        check(None, Some(br#""quoted""#), "quoted");
        check(None, Some(br#"{"a":1}"#), r#"{"a":1}"#);
        check(None, Some(&[0, 0, 1, 255]), "000001ff");
        check(None, None, "partition-3");
        check(Some("visit"), Some(b"plain"), "v1");
        check(Some("PAGE, visit"), None, "p,v1");
    }

    #[test]
    fn rows_that_kinesis_will_never_take_are_told_of() {
        let says = |columns, row: &ConnectorRow<'_>, what: &str| {
            let why = key_of(columns, row).unwrap_err();
            assert!(why.contains(what), "{why}");
        };
        says(None, &row(Some(b""), b"{}"), "empty");
        says(None, &row(Some("ü".repeat(257).as_bytes()), b"{}"), "257 characters");
        says(Some("visit"), &row(Some(b"k"), b"{}"), "visit is NULL");
        says(Some("visit"), &row(Some(b"k"), b"text"), "no JSON");
        says(Some("other"), &row(Some(b"k"), b"{}"), "it selects visit, Page");
        says(None, &row(Some(b"k"), &vec![b'x'; RECORD_BYTES]), "1048577 bytes");
        says(None, &ConnectorRow { value: None, ..row(Some(b"k"), b"") }, "nothing to delete");
        assert!(key_of(None, &row(Some(b"k"), &vec![b'x'; RECORD_BYTES - 1])).is_ok());
    }

    #[test]
    fn the_bin_becomes_the_last_field() {
        let data =
            |value: &[u8]| with_bin(value, "bin", b"12").map(|it| String::from_utf8(it).unwrap());
        assert_eq!(data(br#"{"a": 1}"#).as_deref(), Ok(r#"{"a": 1,"bin":12}"#));
        assert_eq!(data(b"{ }\n").as_deref(), Ok(r#"{ "bin":12}"#));
        assert!(data(b"[1]").is_err());
        assert!(data(b"text}").is_err());
    }
}
