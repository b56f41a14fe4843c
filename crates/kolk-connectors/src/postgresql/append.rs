//! Rows as lines of `COPY`'s text format.

use super::column_type::Way;
use super::statement::Bound;
use crate::{cell, fields};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kolk::codec::timestamp;
use kolk::codec::zone::Zone;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The lines of rows.
#[derive(Debug)]
pub(super) struct Lines<'c, 'a> {
    columns: &'c [Bound],
    names: Vec<String>,
    /// The fields of the row at hand.
    found: Vec<Option<&'a RawValue>>,
    lines: Vec<u8>,
}

impl<'c, 'a> Lines<'c, 'a> {
    /// None yet; rows bring these columns.
    pub(super) fn new(columns: &'c [Bound]) -> Self {
        let names = columns.iter().map(|column| column.field.clone()).collect();
        Self { columns, names, found: Vec::new(), lines: Vec::new() }
    }

    /// Appends the line of a row.
    ///
    /// # Errors
    /// In words: the value that is none of its column. What was appended of the line is taken back.
    pub(super) fn push(&mut self, json: &'a str) -> Result<(), String> {
        let before = self.lines.len();
        let written = self.line(json);
        if written.is_err() {
            self.lines.truncate(before);
        }
        written
    }

    fn line(&mut self, json: &'a str) -> Result<(), String> {
        fields::find(json, &self.names, &mut self.found)?;
        for (at, (column, field)) in self.columns.iter().zip(&self.found).enumerate() {
            if at > 0 {
                self.lines.push(b'\t');
            }
            match field.map(RawValue::get) {
                None | Some("null") => self.lines.extend_from_slice(b"\\N"),
                Some(raw) => {
                    let text =
                        text(raw, column).map_err(|why| format!("{}: {why}", column.field))?;
                    escape(&text, &mut self.lines);
                }
            }
        }
        self.lines.push(b'\n');
        Ok(())
    }

    /// All of them.
    pub(super) fn finish(self) -> Vec<u8> {
        self.lines
    }
}

/// What the column's type reads.
fn text<'a>(raw: &'a str, column: &Bound) -> Result<Cow<'a, str>, String> {
    let value = || serde_json::from_str::<Value>(raw).map_err(|error| error.to_string());
    match column.way {
        Way::Plain if column.data_type.category == "A" && raw.starts_with('[') => {
            Ok(Cow::Owned(array(raw)?))
        }
        Way::Plain | Way::Document => Ok(plain(raw)),
        Way::Bytes => {
            let bytes =
                STANDARD.decode(&*plain(raw)).map_err(|error| format!("no base64: {error}"))?;
            let hex = bytes.iter().fold("\\x".to_owned(), |hex, byte| hex + &format!("{byte:02x}"));
            Ok(Cow::Owned(hex))
        }
        Way::Timestamp => {
            let ms = cell::millis(&value()?)?;
            Ok(written(|into| timestamp::write(ms, &mut Zone::utc(), into)))
        }
        Way::Date => match value()?.as_i64().map(i32::try_from) {
            Some(Ok(days)) => Ok(written(|into| timestamp::write_date(days, into))),
            _ => Ok(plain(raw)),
        },
        Way::Time => match value()?.as_i64().map(i32::try_from) {
            Some(Ok(ms)) => Ok(written(|into| timestamp::write_time(ms, into))),
            _ => Ok(plain(raw)),
        },
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Cow<'static, str> {
    let mut into = Vec::new();
    write(&mut into);
    Cow::Owned(String::from_utf8_lossy(&into).into_owned())
}

/// A text without its quotes, all else as it stands.
fn plain(raw: &str) -> Cow<'_, str> {
    match fields::unquoted(raw) {
        Some(inside) => Cow::Borrowed(inside),
        None if raw.starts_with('"') => {
            serde_json::from_str(raw).map_or(Cow::Borrowed(raw), Cow::Owned)
        }
        None => Cow::Borrowed(raw),
    }
}

/// `[1, null, "a"]` as `{1,NULL,"a"}`.
fn array(raw: &str) -> Result<String, String> {
    let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(|error| error.to_string())?;
    let mut text = "{".to_owned();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        match item.get() {
            "null" => text.push_str("NULL"),
            item if item.starts_with('[') => text.push_str(&array(item)?),
            item => {
                let quoted = plain(item).replace('\\', "\\\\").replace('"', "\\\"");
                text.push('"');
                text.push_str(&quoted);
                text.push('"');
            }
        }
    }
    text.push('}');
    Ok(text)
}

/// `COPY` ends fields and lines by tab and newline, and escapes by backslash.
fn escape(text: &str, into: &mut Vec<u8>) {
    let is_special = |byte: &u8| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t');
    if !text.as_bytes().iter().any(is_special) {
        into.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'\\' => into.extend_from_slice(b"\\\\"),
            b'\n' => into.extend_from_slice(b"\\n"),
            b'\r' => into.extend_from_slice(b"\\r"),
            b'\t' => into.extend_from_slice(b"\\t"),
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::column_type::ColumnType;
    use super::*;

    fn column(field: &str, name: &str, category: &str, way: Way) -> Bound {
        let [shown, name, category] = [name, name, category].map(str::to_owned);
        let data_type = ColumnType { shown, name, category };
        Bound { field: field.to_owned(), column: field.to_owned(), data_type, way }
    }

    fn copied(json: &str, columns: &[Bound]) -> Result<String, String> {
        let mut lines = Lines::new(columns);
        lines.push(json).map(|()| String::from_utf8(lines.finish()).unwrap())
    }

    #[test]
    fn values_are_what_the_types_read() {
        let columns = [
            column("t", "text", "S", Way::Plain),
            column("n", "numeric", "N", Way::Plain),
            column("a", "_text", "A", Way::Plain),
            column("d", "jsonb", "U", Way::Plain),
        ];
        let row = r#"{"t":"a\tb\\c\nd","n":1.50,"a":["x","y\"z",null,"\\"],"d":{"k":"v\""}}"#;
        let line =
            "a\\tb\\\\c\\nd\t1.50\t{\"x\",\"y\\\\\"z\",NULL,\"\\\\\\\\\"}\t{\"k\":\"v\\\\\"\"}\n";
        assert_eq!(copied(row, &columns).unwrap(), line);
        assert_eq!(copied(r#"{"n":null}"#, &columns).unwrap(), "\\N\t\\N\t\\N\t\\N\n");
        // A text that looks like the sign for NULL is none.
        assert_eq!(copied(r#"{"t":"\\N"}"#, &columns[..1]).unwrap(), "\\\\N\n");
    }

    #[test]
    fn times_and_bytes_are_converted() {
        let columns = [
            column("at", "timestamptz", "D", Way::Timestamp),
            column("day", "date", "D", Way::Date),
            column("b", "bytea", "U", Way::Bytes),
        ];
        let row = r#"{"at":1676862200000,"day":1,"b":"AAH/"}"#;
        let line = "2023-02-20T03:03:20.000Z\t1970-01-02\t\\\\x0001ff\n";
        assert_eq!(copied(row, &columns).unwrap(), line);
        let row = r#"{"at":"2023-02-20T03:03:20.000Z","day":"1970-01-02","b":"AAH/"}"#;
        assert_eq!(copied(row, &columns).unwrap(), line);
        assert!(copied(r#"{"b":"?"}"#, &columns[2..]).unwrap_err().starts_with("b: no base64"));
    }
}
