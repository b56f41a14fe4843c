//! Columns out of records: fields of JSON documents and of texts with delimiters, Kafka's serializers, headers, and what every record has.

use crate::codec::json::value::{Mismatch, write_bytes};
use crate::codec::json::{Kind, Paths, Scanner, Token, write_quoted};
use crate::codec::zone::Zone;
use crate::expression::Pseudo;
use crate::operator::builder::Builder;
use crate::operator::column::{Column, Vector};
use crate::operator::documents::{Layout, WindowBytes};
use crate::operator::encode::Style;
use crate::operator::plan::{Bound, Field, Origin, Part, Slot};
use crate::operator::texts::Texts;
use crate::record::{Row, Slice};
use crate::schema::DataType;
use crate::topology::KeyWindow;
use arrow_array::{Int32Array, Int64Array};
use kolk_wire::record::Headers;
use std::fmt;

pub(crate) use crate::operator::documents::Documents;

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

/// Where a slot's values are.
#[derive(Debug, Clone)]
pub(crate) enum Reader {
    /// In the documents of the key or value: a path with those of the objects around it; the document itself without.
    Json {
        part: Part,
        path: Option<usize>,
        around: Vec<usize>,
    },
    /// A field of a key or value with delimiters.
    Delimited {
        part: Part,
        field: usize,
    },
    Kafka(Part, WindowBytes),
    Header(Option<String>),
    Pseudo(Pseudo),
    Window(Bound, Option<KeyWindow>),
    Computed,
}

impl Reader {
    /// The part of the record that it reads, if it is the key or the value.
    pub(crate) fn part(&self) -> Option<Part> {
        match self {
            Self::Json { part, .. } | Self::Delimited { part, .. } | Self::Kafka(part, _) => {
                Some(*part)
            }
            Self::Header(_) | Self::Pseudo(_) | Self::Window(..) | Self::Computed => None,
        }
    }
}

/// The readers of all slots, and the documents that they read, key first. Keys end in a window of this form, if in any.
pub(crate) fn readers(
    slots: &[Slot],
    window: Option<KeyWindow>,
) -> (Vec<Reader>, [Option<Documents>; 2]) {
    let mut paths: [Option<Paths>; 2] = [None, None];
    let mut documents: [Option<Documents>; 2] = [None, None];
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
            Origin::Delimited { part, field: Field { number, of, delimiter } } => {
                let layout = Layout::Delimited { delimiter: *delimiter, fields: *of };
                documents[*part as usize] = Some(Documents::new(*part, window, layout));
                Reader::Delimited { part: *part, field: *number }
            }
            Origin::Kafka(Part::Key) => Reader::Kafka(Part::Key, WindowBytes::of(window)),
            Origin::Kafka(Part::Value) => Reader::Kafka(Part::Value, WindowBytes::default()),
            Origin::Header(name) => Reader::Header(name.clone()),
            Origin::Pseudo(pseudo) => Reader::Pseudo(*pseudo),
            Origin::Window(bound) => Reader::Window(*bound, window),
            Origin::Computed => Reader::Computed,
        })
        .collect();
    for (part, paths) in [Part::Key, Part::Value].into_iter().zip(paths) {
        if let Some(paths) = paths {
            let is_whole = |slot: &Slot| matches!(&slot.origin, Origin::Json { part: of, names } if *of == part && names.is_empty());
            let scanner = Scanner::new(paths);
            let scanner = if slots.iter().any(is_whole) { scanner.to_the_end() } else { scanner };
            let layout = Layout::Json(scanner);
            documents[part as usize] = Some(Documents::new(part, window, layout));
        }
    }
    (readers, documents)
}

/// The key or value of a row.
pub(crate) fn slice_of(row: &Row, part: Part) -> Slice {
    match part {
        Part::Key => row.key,
        Part::Value => row.value,
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
            Reader::Delimited { part, field } => {
                let Some(documents) = &self.documents[*part as usize] else { return nothing() };
                let buffer = self.rows.buffer;
                let mut builder = Builder::new(&slot.data_type, self.selection.len());
                for (at, row) in self.selection.iter().enumerate() {
                    let token = documents.token(*row, Some(*field));
                    if builder.push_delimited(token, buffer).is_err() {
                        bad.push((at, reason(&slot.name, &slot.data_type, token.of(buffer))));
                    }
                }
                Vector::each(builder.finish())
            }
            Reader::Kafka(part, window) => {
                let mut builder = Builder::new(&slot.data_type, self.selection.len());
                for (at, row) in self.selection.iter().enumerate() {
                    let own = window.cut_from(slice_of(&self.rows.rows[*row], *part));
                    let bytes = own.as_ref().map_or(None, |own| own.of(self.rows.buffer));
                    if let Err(reason) = &own {
                        bad.push((at, reason.clone()));
                    }
                    if let Err(expected) = builder.push_kafka(bytes) {
                        bad.push((at, kafka_mismatch(slot, expected, bytes.unwrap_or_default())));
                    }
                }
                Vector::each(builder.finish())
            }
            Reader::Header(name) => Vector::each(self.headers(name.as_deref(), &slot.data_type)),
            Reader::Pseudo(pseudo) => Vector::each(self.pseudo(*pseudo)),
            Reader::Window(bound, window) => Vector::each(self.bounds(*bound, *window)),
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

    /// A bound of the key's window. Its last eight bytes are the start; the end stands before them, or follows from the size.
    fn bounds(&self, bound: Bound, window: Option<KeyWindow>) -> Column {
        let of = |row: &usize| {
            let key = slice_of(&self.rows.rows[*row], Part::Key).of(self.rows.buffer)?;
            let (rest, start) = key.split_last_chunk::<8>()?;
            let start = i64::from_be_bytes(*start);
            match (bound, window?) {
                (Bound::Start, _) => Some(start),
                (Bound::End, KeyWindow::Session) => {
                    Some(i64::from_be_bytes(*rest.split_last_chunk::<8>()?.1))
                }
                (Bound::End, KeyWindow::Time { size }) => {
                    start.checked_add(i64::try_from(size.as_millis()).ok()?)
                }
            }
        };
        self.selection.iter().map(of).collect::<Int64Array>().into()
    }

    fn headers(&self, name: Option<&str>, data_type: &DataType) -> Column {
        let of = |row: &usize| {
            let bytes = self.rows.rows[*row].headers.of(self.rows.buffer).unwrap_or(&[0]);
            Headers::parse(bytes).unwrap_or_default()
        };
        let Some(name) = name else {
            let prefixes = header_prefixes(data_type);
            let (mut texts, mut json) = (Texts::with_capacity(self.selection.len()), Vec::new());
            for row in self.selection {
                json.clear();
                write_headers(of(row), &prefixes, &mut json);
                texts.push(&json);
            }
            return texts.finish().into();
        };
        let mut builder = Builder::new(&DataType::Bytes, self.selection.len());
        for row in self.selection {
            // Bytes are taken as they are.
            let _ = builder.push_kafka(of(row).last(name).and_then(|header| header.value));
        }
        builder.finish()
    }
}

/// What stands before a header's name and before its value: `{"KEY":` and `,"VALUE":`, with the fields as they are declared.
fn header_prefixes(data_type: &DataType) -> [Vec<u8>; 2] {
    let mut names = ["KEY", "VALUE"];
    if let DataType::Array(item) = data_type
        && let DataType::Struct(fields) = &**item
        && let [(key, _), (value, _)] = fields.as_slice()
    {
        names = [key, value];
    }
    let mut prefixes = [b"{".to_vec(), b",".to_vec()];
    for (prefix, name) in prefixes.iter_mut().zip(names) {
        write_quoted(name.as_bytes(), prefix);
        prefix.push(b':');
    }
    prefixes
}

/// Appends all headers as JSON, `[{"KEY":"trace","VALUE":"AQ=="}]`.
fn write_headers(headers: Headers<'_>, prefixes: &[Vec<u8>; 2], json: &mut Vec<u8>) {
    json.push(b'[');
    for (i, header) in headers.enumerate() {
        json.extend_from_slice(if i == 0 { b"" } else { b"," });
        json.extend_from_slice(&prefixes[0]);
        write_quoted(header.name().as_bytes(), json);
        json.extend_from_slice(&prefixes[1]);
        match header.value {
            Some(value) => write_bytes(value, json),
            None => json.extend_from_slice(b"null"),
        }
        json.push(b'}');
    }
    json.push(b']');
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
