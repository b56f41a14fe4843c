//! Columns out of records: fields of JSON documents, Kafka's serializers, headers, and what every record has.

use crate::codec::json::value::{Mismatch, write_bytes};
use crate::codec::json::{JsonError, Kind, Paths, Scanner, Token, write_quoted};
use crate::codec::zone::Zone;
use crate::expression::Pseudo;
use crate::operator::builder::Builder;
use crate::operator::column::{Column, Vector};
use crate::operator::encode::Style;
use crate::operator::plan::{Bound, Origin, Part, Slot};
use crate::record::{Row, Slice};
use crate::schema::DataType;
use arrow_array::builder::LargeStringBuilder;
use arrow_array::{Int32Array, Int64Array};
use kolk_wire::record::Headers;
use std::fmt;

/// Bytes of a value that a message shows.
const SHOWN_MAX: usize = 80;

/// Some of the rows of a batch, few enough that their bytes stay in the processor's cache from one step to the next. Rows are
/// numbered from the first of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Morsel<'a> {
    pub(crate) rows: &'a [Row],
    pub(crate) buffer: &'a [u8],
    pub(crate) partition: i32,
}

/// The JSON documents of one part of the records, scanned for the fields that the plan names.
#[derive(Debug)]
pub(crate) struct Documents {
    part: Part,
    scanner: Scanner,
    /// As many for each row as there are paths.
    tokens: Vec<Token>,
    /// What each document is as a whole; missing for NULL.
    whole: Vec<Token>,
}

/// Where a slot's values are.
#[derive(Debug, Clone)]
pub(crate) enum Reader {
    /// In the documents of the key or value: a path with those of the objects around it; the document itself without.
    Json {
        part: Part,
        path: Option<usize>,
        around: Vec<usize>,
    },
    Kafka(Part),
    Header(Option<String>),
    Pseudo(Pseudo),
    Window(Bound),
    Computed,
}

/// The readers of all slots, and the documents that they read, key first.
pub(crate) fn readers(slots: &[Slot]) -> (Vec<Reader>, [Option<Documents>; 2]) {
    let mut paths: [Option<Paths>; 2] = [None, None];
    let readers = slots
        .iter()
        .map(|slot| match &slot.origin {
            Origin::Json { part, names } => {
                let paths = paths[*part as usize].get_or_insert_default();
                let mut around: Vec<usize> = (1..=names.len())
                    .filter_map(|len| paths.add(names[..len].iter().map(String::as_str)))
                    .collect();
                let path = around.pop();
                Reader::Json { part: *part, path, around }
            }
            Origin::Kafka(part) => Reader::Kafka(*part),
            Origin::Header(name) => Reader::Header(name.clone()),
            Origin::Pseudo(pseudo) => Reader::Pseudo(*pseudo),
            Origin::Window(bound) => Reader::Window(*bound),
            Origin::Computed => Reader::Computed,
        })
        .collect();
    let mut parts = [Part::Key, Part::Value].into_iter();
    let documents = paths.map(|paths| {
        let part = parts.next()?;
        let scanner = Scanner::new(paths?);
        Some(Documents { part, scanner, tokens: Vec::new(), whole: Vec::new() })
    });
    (readers, documents)
}

/// The key or value of a row.
pub(crate) fn slice_of(row: &Row, part: Part) -> Slice {
    match part {
        Part::Key => row.key,
        Part::Value => row.value,
    }
}

impl Documents {
    /// Scans the documents of all rows; `bad` is told the rows whose document is not what it must be, and why.
    pub(crate) fn scan(&mut self, rows: Morsel<'_>, mut bad: impl FnMut(usize, String)) {
        let width = self.scanner.paths().len();
        self.tokens.clear();
        self.tokens.resize(rows.rows.len() * width, Token::default());
        self.whole.clear();
        self.whole.reserve(rows.rows.len());
        for (number, row) in rows.rows.iter().enumerate() {
            let slice = slice_of(row, self.part);
            if slice.is_null() {
                self.whole.push(Token::default());
                continue;
            }
            let tokens = &mut self.tokens[number * width..(number + 1) * width];
            let found = self.scanner.scan(rows.buffer, slice, tokens);
            self.whole.push(found.unwrap_or_default());
            match found {
                Ok(whole) if width == 0 || matches!(whole.kind, Kind::Object | Kind::Null) => {}
                found => bad(number, refusal(self.part, found, rows.buffer)),
            }
        }
    }

    /// The field of a row.
    #[inline]
    pub(crate) fn token(&self, row: usize, path: Option<usize>) -> Token {
        let found = match path {
            Some(path) => self.tokens.get(row * self.scanner.paths().len() + path),
            None => self.whole.get(row),
        };
        found.copied().unwrap_or_default()
    }
}

#[cold]
fn refusal(part: Part, found: Result<Token, JsonError>, buffer: &[u8]) -> String {
    match found {
        Ok(whole) => format!("{part}: expected a JSON object, found {}", Shown(whole.of(buffer))),
        Err(error) => format!("{part}: {error}"),
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Value => "value",
        })
    }
}

/// The records that columns are decoded from.
pub(crate) struct Source<'a> {
    pub(crate) rows: Morsel<'a>,
    pub(crate) documents: &'a [Option<Documents>; 2],
    /// The rows to decode.
    pub(crate) selection: &'a [usize],
    /// The event time of each row, selected or not.
    pub(crate) times: &'a [i64],
    /// How values are written, which nested ones are already when they are read.
    pub(crate) style: Style,
}

impl Source<'_> {
    /// Decodes the selected rows; `bad` is told the position in the selection where a value is not of the slot's type, and why.
    pub(crate) fn decode(
        &self,
        (slot, reader): (&Slot, &Reader),
        zone: &mut Zone,
        bad: &mut Vec<(usize, String)>,
    ) -> Vector {
        match reader {
            Reader::Json { part, path, around } => {
                let Some(documents) = &self.documents[*part as usize] else { return nothing() };
                let buffer = self.rows.buffer;
                let len = self.selection.len();
                let mut builder = Builder::styled(&slot.data_type, self.style, len);
                for (at, row) in self.selection.iter().enumerate() {
                    let token = documents.token(*row, *path);
                    let around = around.iter().map(|path| documents.token(*row, Some(*path)));
                    let pushed = builder.push_token(token, buffer, zone);
                    if let Some(reason) = mismatch(slot, token, around, pushed, buffer) {
                        bad.push((at, reason));
                    }
                }
                Vector::each(builder.finish())
            }
            Reader::Kafka(part) => {
                let mut builder = Builder::new(&slot.data_type, self.selection.len());
                for (at, row) in self.selection.iter().enumerate() {
                    let bytes = slice_of(&self.rows.rows[*row], *part).of(self.rows.buffer);
                    if let Err(expected) = builder.push_kafka(bytes) {
                        bad.push((at, kafka_mismatch(slot, expected, bytes.unwrap_or_default())));
                    }
                }
                Vector::each(builder.finish())
            }
            Reader::Header(name) => Vector::each(self.headers(name.as_deref())),
            Reader::Pseudo(pseudo) => Vector::each(self.pseudo(*pseudo)),
            Reader::Window(bound) => Vector::each(self.bounds(*bound)),
            Reader::Computed => nothing(),
        }
    }

    fn pseudo(&self, pseudo: Pseudo) -> Column {
        let rows = self.selection.iter();
        match pseudo {
            Pseudo::RowTime => rows.map(|row| self.times[*row]).collect::<Int64Array>().into(),
            Pseudo::RowOffset => {
                rows.map(|row| self.rows.rows[*row].offset).collect::<Int64Array>().into()
            }
            Pseudo::RowPartition => {
                Int32Array::from(vec![self.rows.partition; self.selection.len()]).into()
            }
        }
    }

    /// The start of the key's window: its last eight bytes. The end stands before them where the key has both.
    fn bounds(&self, bound: Bound) -> Column {
        let of = |row: &usize| {
            let key = slice_of(&self.rows.rows[*row], Part::Key).of(self.rows.buffer)?;
            let end = match bound {
                Bound::Start => key.len(),
                Bound::End => key.len().checked_sub(8)?,
            };
            let bytes = key.get(end.checked_sub(8)?..end)?;
            Some(i64::from_be_bytes(bytes.try_into().ok()?))
        };
        self.selection.iter().map(of).collect::<Int64Array>().into()
    }

    fn headers(&self, name: Option<&str>) -> Column {
        let of = |row: &usize| {
            let bytes = self.rows.rows[*row].headers.of(self.rows.buffer).unwrap_or(&[0]);
            Headers::parse(bytes).unwrap_or_default()
        };
        let Some(name) = name else {
            let mut builder = LargeStringBuilder::new();
            for row in self.selection {
                builder.append_value(all_headers(of(row)));
            }
            return builder.finish().into();
        };
        let mut builder = Builder::new(&DataType::Bytes, self.selection.len());
        for row in self.selection {
            // Bytes are taken as they are.
            let _ = builder.push_kafka(of(row).last(name).and_then(|header| header.value));
        }
        builder.finish()
    }
}

/// All headers as JSON text, `[{"KEY":"trace","VALUE":"AQ=="}]`.
fn all_headers(headers: Headers<'_>) -> String {
    let mut json = b"[".to_vec();
    for (i, header) in headers.enumerate() {
        json.extend_from_slice(if i == 0 { b"{\"KEY\":" } else { b",{\"KEY\":" });
        write_quoted(header.name().as_bytes(), &mut json);
        json.extend_from_slice(b",\"VALUE\":");
        match header.value {
            Some(value) => write_bytes(value, &mut json),
            None => json.extend_from_slice(b"null"),
        }
        json.push(b'}');
    }
    json.push(b']');
    String::from_utf8(json).unwrap_or_default()
}

fn nothing() -> Vector {
    Vector { column: Int32Array::new_null(1).into(), constant: true }
}

/// Why the field of a row is not what it must be, if so.
#[inline]
pub(crate) fn mismatch(
    slot: &Slot,
    token: Token,
    mut around: impl Iterator<Item = Token>,
    decoded: Result<(), Mismatch>,
    buffer: &[u8],
) -> Option<String> {
    if decoded.is_err() {
        return Some(reason(&slot.name, &slot.data_type, token.of(buffer)));
    }
    let other = around.find(|token| !token.is_null() && token.kind != Kind::Object)?;
    let outer = slot.name.rsplit_once("->").map_or(&*slot.name, |(outer, _)| outer);
    Some(format!("column {outer}: expected STRUCT, found {}", Shown(other.of(buffer))))
}

#[cold]
fn reason(name: &str, data_type: &DataType, found: &[u8]) -> String {
    format!("column {name}: expected {data_type}, found {}", Shown(found))
}

#[cold]
fn kafka_mismatch(slot: &Slot, expected: &str, found: &[u8]) -> String {
    let Slot { name, data_type, .. } = slot;
    let len = found.len();
    format!("column {name}: expected {data_type} as {expected}, found {len} bytes {}", Shown(found))
}

/// The beginning of a value, for people.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN_MAX)];
        write!(f, "{}", String::from_utf8_lossy(shown))?;
        if shown.len() < self.0.len() { f.write_str("…") } else { Ok(()) }
    }
}
