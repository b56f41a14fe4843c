//! Keys and values of the output: JSON objects in column order, bare JSON values, text with delimiters, or Kafka's serializers.
//!
//! A field that comes straight from a JSON document is spliced: its text is copied when it is already what would be written.

use crate::codec::delimited::Place;
use crate::codec::json::value::{self, Mismatch, write_bytes, write_compact};
use crate::codec::json::{Kind, Token, write_quoted};
use crate::codec::zone::Zone;
use crate::codec::{decimal, delimited, number, timestamp};
use crate::operator::column::{Column, Vector};
use crate::operator::decode::{Documents, Reader, mismatch};
use crate::operator::plan::{Part, Slot, Written};
use crate::operator::value::{Value, write_json};
use crate::schema::DataType;
use crate::topology::{Format, JsonNulls, JsonTimestamps};

/// How values are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) timestamps: JsonTimestamps,
    pub(crate) nulls: JsonNulls,
}

/// A key or value to write.
#[derive(Debug)]
pub(crate) enum Payload {
    /// The input's bytes.
    Unchanged,
    /// NULL for every row.
    Null,
    /// A JSON object.
    Object(Vec<Field>),
    /// One JSON value without an object around it.
    Bare(Field),
    /// The columns' text, one behind the other.
    Delimited { delimiter: char, slots: Vec<usize>, part: Part },
    /// One value by Kafka's serializers.
    Kafka(usize),
}

/// A field of a JSON object.
#[derive(Debug)]
pub(crate) struct Field {
    /// `"name":`.
    prefix: Vec<u8>,
    slot: usize,
    /// Where its text is in the input, if it is there.
    spliced: Option<(Part, Option<usize>, Vec<usize>)>,
}

/// What a row is written from.
pub(crate) struct Input<'a> {
    pub(crate) slots: &'a [Slot],
    pub(crate) columns: &'a [Option<Vector>],
    pub(crate) documents: &'a [Option<Documents>; 2],
    pub(crate) buffer: &'a [u8],
}

impl Payload {
    /// Compiles a payload; `part` says whether it is the key, whose single JSON column has no object around it.
    pub(crate) fn new(written: &Written, readers: &[Reader], part: Part) -> Self {
        let Written::Encoded { format, columns } = written else { return Self::Unchanged };
        let field = |(name, slot): &(String, usize)| {
            let mut prefix = Vec::new();
            write_quoted(name.as_bytes(), &mut prefix);
            prefix.push(b':');
            let spliced = match &readers[*slot] {
                Reader::Json { part, path, around } => Some((*part, *path, around.clone())),
                _ => None,
            };
            Field { prefix, slot: *slot, spliced }
        };
        match (format, columns.as_slice()) {
            (_, []) => Self::Null,
            (Format::BareJson, [alone, ..]) => Self::Bare(field(alone)),
            (Format::Json, [alone]) if part == Part::Key || alone.0.is_empty() => {
                Self::Bare(field(alone))
            }
            (Format::Json, columns) => Self::Object(columns.iter().map(field).collect()),
            (Format::Delimited { delimiter }, columns) => {
                let slots = columns.iter().map(|(_, slot)| *slot).collect();
                Self::Delimited { delimiter: *delimiter, slots, part }
            }
            (Format::Kafka | Format::None, [(_, slot), ..]) => Self::Kafka(*slot),
        }
    }

    /// The slots that must be decoded before rows are written.
    pub(crate) fn decoded_slots(&self) -> Vec<usize> {
        let of = |field: &Field| field.spliced.is_none().then_some(field.slot);
        match self {
            Self::Unchanged | Self::Null => Vec::new(),
            Self::Object(fields) => fields.iter().filter_map(of).collect(),
            Self::Delimited { slots, .. } => slots.clone(),
            Self::Bare(field) => of(field).into_iter().collect(),
            Self::Kafka(slot) => vec![*slot],
        }
    }

    /// Appends the bytes of a row, which is number `at` of those selected and number `row` of the batch. `false` for NULL.
    ///
    /// # Errors
    /// What is wrong with the row; bytes may have been appended.
    #[inline]
    pub(crate) fn write(
        &self,
        (at, row): (usize, usize),
        input: &Input<'_>,
        (style, zone): (Style, &mut Zone),
        into: &mut Vec<u8>,
    ) -> Result<bool, String> {
        match self {
            Self::Unchanged | Self::Null => Ok(false),
            Self::Object(fields) => {
                into.push(b'{');
                let start = into.len();
                for field in fields {
                    let before = into.len();
                    if before > start {
                        into.push(b',');
                    }
                    into.extend_from_slice(&field.prefix);
                    if !field.write((at, row), input, (style, &mut *zone), into)? {
                        match style.nulls {
                            JsonNulls::Omit => into.truncate(before),
                            JsonNulls::Write => into.extend_from_slice(b"null"),
                        }
                    }
                }
                into.push(b'}');
                Ok(true)
            }
            Self::Delimited { delimiter, slots, part } => {
                let any = write_delimited(*delimiter, slots, at, input, into);
                // A key of one column is NULL with it.
                Ok(any || *part == Part::Value || slots.len() > 1)
            }
            Self::Bare(field) => field.write((at, row), input, (style, zone), into),
            Self::Kafka(slot) => Ok(input.columns[*slot]
                .as_ref()
                .is_some_and(|vector| write_kafka(vector, at, into))),
        }
    }
}

impl Field {
    #[inline]
    fn write(
        &self,
        (at, row): (usize, usize),
        input: &Input<'_>,
        (style, zone): (Style, &mut Zone),
        into: &mut Vec<u8>,
    ) -> Result<bool, String> {
        let slot = &input.slots[self.slot];
        let Some((part, path, around)) = &self.spliced else {
            let Some(vector) = &input.columns[self.slot] else { return Ok(false) };
            if vector.is_null(at) {
                return Ok(false);
            }
            write_value(vector, at, &slot.data_type, (style, zone), into);
            return Ok(true);
        };
        let Some(documents) = &input.documents[*part as usize] else { return Ok(false) };
        let token = documents.token(row, *path);
        let spliced = if token.is_null() {
            Ok(())
        } else {
            splice(token, input.buffer, &slot.data_type, (style, zone), into)
        };
        if spliced.is_err() || !around.is_empty() {
            let around = around.iter().map(|path| documents.token(row, Some(*path)));
            if let Some(reason) = mismatch(slot, token, around, spliced, input.buffer) {
                return Err(reason);
            }
        }
        Ok(!token.is_null())
    }
}

/// Appends the text of a token as a value of this type: copied if it can be.
#[inline]
fn splice(
    token: Token,
    buffer: &[u8],
    data_type: &DataType,
    (style, zone): (Style, &mut Zone),
    into: &mut Vec<u8>,
) -> Result<(), Mismatch> {
    // All integers of so many digits are in range.
    const INTEGER: u32 = 9;
    const BIGINT: u32 = 18;
    let iso = style.timestamps == JsonTimestamps::Iso8601;
    match (data_type, token.kind) {
        (DataType::Array(_) | DataType::Struct(_) | DataType::Map(..), _)
            if style.nulls == JsonNulls::Write =>
        {
            let value = Value::of_token(token, buffer, data_type, zone)?;
            write_json(&value, data_type, (style, zone), into);
        }
        (DataType::String, Kind::Text | Kind::EscapedText)
        | (DataType::Boolean, Kind::True | Kind::False)
        | (DataType::Array(_), Kind::Array)
        | (DataType::Struct(_) | DataType::Map(..), Kind::Object) => {
            into.extend_from_slice(token.of(buffer));
        }
        (DataType::String, _) => write_quoted(&value::text(token, buffer), into),
        (DataType::Integer, Kind::Integer) if token.len <= INTEGER && token.of(buffer) != b"-0" => {
            into.extend_from_slice(token.of(buffer));
        }
        (DataType::Bigint, Kind::Integer) if token.len <= BIGINT && token.of(buffer) != b"-0" => {
            into.extend_from_slice(token.of(buffer));
        }
        (DataType::Integer, _) => number::write_i64(value::integer(token, buffer)?.into(), into),
        (DataType::Bigint, _) => number::write_i64(value::bigint(token, buffer)?, into),
        (DataType::Double, Kind::Number) if number::is_canonical_f64(token.of(buffer)) => {
            into.extend_from_slice(token.of(buffer));
        }
        (DataType::Double, _) => write_double(value::double(token, buffer)?, into),
        (DataType::Decimal { precision, scale }, _) => {
            let digits = value::decimal(token, buffer, (*precision, *scale))?;
            decimal::write(digits, *scale, into);
        }
        (DataType::Timestamp, _) => {
            let ms = value::timestamp(token, buffer, zone)?;
            write_timestamp(ms, iso, zone, into);
        }
        (DataType::Date, _) => write_date(value::date(token, buffer)?, iso, into),
        (DataType::Time, _) => write_time(value::time(token, buffer)?, iso, into),
        (DataType::Bytes, _) => write_bytes(&value::bytes(token, buffer)?, into),
        (DataType::Boolean | DataType::Array(_) | DataType::Struct(_) | DataType::Map(..), _) => {
            return Err(Mismatch);
        }
    }
    Ok(())
}

/// Appends a value that is not NULL as JSON.
pub(crate) fn write_value(
    vector: &Vector,
    at: usize,
    data_type: &DataType,
    (style, zone): (Style, &mut Zone),
    into: &mut Vec<u8>,
) {
    let iso = style.timestamps == JsonTimestamps::Iso8601;
    match &vector.column {
        Column::Boolean(_) => {
            let value = vector.boolean().get(at).unwrap_or(false);
            into.extend_from_slice(if value { b"true" } else { b"false" });
        }
        Column::Int32(_) => {
            let value = vector.int32().get(at).unwrap_or(0);
            match data_type {
                DataType::Date => write_date(value, iso, into),
                DataType::Time => write_time(value, iso, into),
                _ => number::write_i64(value.into(), into),
            }
        }
        Column::Int64(_) => {
            let value = vector.int64().get(at).unwrap_or(0);
            match data_type {
                DataType::Timestamp => write_timestamp(value, iso, zone, into),
                _ => number::write_i64(value, into),
            }
        }
        Column::Double(_) => write_double(vector.double().get(at).unwrap_or(0.0), into),
        Column::Decimal(_) => {
            let scale = if let DataType::Decimal { scale, .. } = data_type { *scale } else { 0 };
            decimal::write(vector.decimal().get(at).unwrap_or(0), scale, into);
        }
        Column::Text(_) => {
            let text = vector.text().get(at).unwrap_or("").as_bytes();
            match data_type {
                DataType::Array(_) | DataType::Map(..) | DataType::Struct(_) => {
                    write_compact(text, into);
                }
                _ => write_quoted(text, into),
            }
        }
        Column::Bytes(_) => write_bytes(vector.bytes().get(at).unwrap_or_default(), into),
    }
}

/// Appends a value that is not NULL as text without quotes; time-stamps as their milliseconds.
pub(crate) fn write_plain(vector: &Vector, at: usize, data_type: &DataType, into: &mut Vec<u8>) {
    match &vector.column {
        Column::Text(_) => into.extend_from_slice(vector.text().get(at).unwrap_or("").as_bytes()),
        Column::Bytes(_) => into.extend_from_slice(vector.bytes().get(at).unwrap_or_default()),
        Column::Double(_) => number::write_f64(vector.double().get(at).unwrap_or(0.0), into),
        _ => {
            let style = Style { timestamps: JsonTimestamps::Milliseconds, nulls: JsonNulls::Omit };
            write_value(vector, at, data_type, (style, &mut Zone::utc()), into);
        }
    }
}

/// Appends the text of columns; `false` when all are NULL.
fn write_delimited(
    delimiter: char,
    slots: &[usize],
    at: usize,
    input: &Input<'_>,
    into: &mut Vec<u8>,
) -> bool {
    let (mut place, mut any) = (Place::First, false);
    for slot in slots {
        if place == Place::Later {
            into.extend_from_slice(delimiter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        if let Some(vector) = input.columns[*slot].as_ref().filter(|vector| !vector.is_null(at)) {
            let start = into.len();
            let data_type = &input.slots[*slot].data_type;
            match &vector.column {
                Column::Bytes(_) => {
                    delimited::write_bytes(vector.bytes().get(at).unwrap_or_default(), into);
                }
                _ => write_plain(vector, at, data_type, into),
            }
            delimited::quote(into, start, delimiter, place);
            any = true;
        }
        place = Place::Later;
    }
    any
}

/// A double as a JSON number; NaN and the infinities, which JSON does not have, as text.
pub(crate) fn write_double(value: f64, into: &mut Vec<u8>) {
    if value.is_finite() {
        return number::write_f64(value, into);
    }
    into.push(b'"');
    number::write_f64(value, into);
    into.push(b'"');
}

#[inline]
pub(crate) fn write_timestamp(ms: i64, iso: bool, zone: &mut Zone, into: &mut Vec<u8>) {
    if !iso {
        return number::write_i64(ms, into);
    }
    into.push(b'"');
    timestamp::write(ms, zone, into);
    into.push(b'"');
}

pub(crate) fn write_date(days: i32, iso: bool, into: &mut Vec<u8>) {
    if !iso {
        return number::write_i64(days.into(), into);
    }
    into.push(b'"');
    timestamp::write_date(days, into);
    into.push(b'"');
}

pub(crate) fn write_time(ms: i32, iso: bool, into: &mut Vec<u8>) {
    if !iso {
        return number::write_i64(ms.into(), into);
    }
    into.push(b'"');
    timestamp::write_time(ms, into);
    into.push(b'"');
}

/// Appends a value as Kafka's serializers do; `false` for NULL.
fn write_kafka(vector: &Vector, at: usize, into: &mut Vec<u8>) -> bool {
    if vector.is_null(at) {
        return false;
    }
    match &vector.column {
        Column::Boolean(_) => into.push(u8::from(vector.boolean().get(at).unwrap_or(false))),
        Column::Int32(_) => {
            into.extend_from_slice(&vector.int32().get(at).unwrap_or(0).to_be_bytes());
        }
        Column::Int64(_) => {
            into.extend_from_slice(&vector.int64().get(at).unwrap_or(0).to_be_bytes());
        }
        Column::Double(_) => {
            into.extend_from_slice(&vector.double().get(at).unwrap_or(0.0).to_be_bytes());
        }
        // The planner lets no decimal through.
        Column::Decimal(_) => return false,
        Column::Text(_) => into.extend_from_slice(vector.text().get(at).unwrap_or("").as_bytes()),
        Column::Bytes(_) => into.extend_from_slice(vector.bytes().get(at).unwrap_or_default()),
    }
    true
}
