//! How chunks travel through a repartition topic: a record holds rows of one task for one target partition as Arrow buffers,
//! or tells how far that task has come.
//!
//! ```text
//! version (1) · kind (1: rows, 2: told) · task (4, big-endian) ·
//!   rows: count (4) · flags (1) · times · origins · watermarks met and left · [deleted] · [old present] · columns · [old columns]
//!   told: watermark (8) · reached (8) · flags (1: caught up, idle)
//! ```
//! Numbers are little-endian, arrays of them one behind the other; a column is a byte for NULLs (and a byte for each row where there
//! are some), then the values, texts as the lengths and all bytes. The schema is that of the plan; a plan that changes its
//! schema changes the version of nothing here, so what does not fit is refused, never misread: sizes must add up.

use crate::operator::chunk::{Chunk, Old, Origin};
use crate::operator::column::{Column, Vector};
use crate::operator::lanes::Progress;
use crate::schema::DataType;
use arrow_array::{
    BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, LargeBinaryArray,
    LargeStringArray,
};

const VERSION: u8 = 1;
const ROWS: u8 = 1;
const TOLD: u8 = 2;
const HAS_DELETED: u8 = 1;
const HAS_OLD: u8 = 2;
const CAUGHT_UP: u8 = 1;
const IDLE: u8 = 2;
/// Stands for a watermark that is not there yet.
const NONE: i64 = i64::MIN;

/// What a record of a repartition topic says.
#[derive(Debug)]
pub(crate) enum Message {
    /// Rows, and the watermarks around each where it came from.
    Rows { task: i32, chunk: Chunk, around: Vec<Around> },
    /// How far a task has come.
    Told { task: i32, progress: Progress },
}

/// The watermarks around a row where it came from, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Around {
    /// The one that it met.
    pub(crate) met: Option<i64>,
    /// The one that it left.
    pub(crate) left: Option<i64>,
}

/// Bytes that are no message, or one of another schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}: written by another version of this query; reset the application, or give the changed query another name"
)]
pub(crate) struct NotAMessage(&'static str);

/// Rows of a chunk: each with its number and the watermarks around it.
pub(crate) type Part<'a> = (&'a Chunk, &'a [(usize, Around)]);

/// Appends rows, in the order of the parts, which are of the same node.
pub(crate) fn write_rows(task: i32, parts: &[Part<'_>], into: &mut Vec<u8>) {
    let rows = || {
        parts.iter().flat_map(|(chunk, rows)| rows.iter().map(move |row| (*chunk, row.0, row.1)))
    };
    let has_deleted = parts.iter().any(|(chunk, _)| !chunk.deleted.is_empty());
    let has_old = parts.iter().any(|(chunk, _)| chunk.old.is_some());
    into.extend([VERSION, ROWS]);
    into.extend(task.to_be_bytes());
    into.extend(u32::try_from(rows().count()).unwrap_or(u32::MAX).to_le_bytes());
    into.push(if has_deleted { HAS_DELETED } else { 0 } | if has_old { HAS_OLD } else { 0 });
    rows().for_each(|(chunk, row, _)| into.extend(chunk.times[row].to_le_bytes()));
    for (chunk, row, _) in rows() {
        // Rows that an operator made have no record of their own: their event time stands in.
        let made = Origin { timestamp: chunk.times[row], partition: task, offset: 0 };
        let origin = chunk.origins.get(row).copied().unwrap_or(made);
        into.extend(origin.timestamp.to_le_bytes());
        into.extend(origin.partition.to_le_bytes());
        into.extend(origin.offset.to_le_bytes());
    }
    rows().for_each(|(.., around)| into.extend(around.met.unwrap_or(NONE).to_le_bytes()));
    rows().for_each(|(.., around)| into.extend(around.left.unwrap_or(NONE).to_le_bytes()));
    if has_deleted {
        into.extend(rows().map(|(chunk, row, _)| u8::from(chunk.is_deleted(row))));
    }
    if has_old {
        into.extend(rows().map(|(chunk, row, _)| u8::from(chunk.had_old(row))));
    }
    let columns = parts.first().map_or(0, |(chunk, _)| chunk.columns.len());
    for column in 0..columns {
        let cells: Vec<(&Vector, usize)> =
            rows().map(|(chunk, row, _)| (&chunk.columns[column], row)).collect();
        write_column(&cells, into);
    }
    for column in (0..columns).filter(|_| has_old) {
        let cells: Vec<(&Vector, usize)> = rows()
            .map(|(chunk, row, _)| match &chunk.old {
                Some(old) => (&old.columns[column], row),
                None => (&chunk.columns[column], row),
            })
            .collect();
        write_column(&cells, into);
    }
}

/// Appends how far a task has come.
pub(crate) fn write_told(task: i32, progress: Progress, into: &mut Vec<u8>) {
    into.extend([VERSION, TOLD]);
    into.extend(task.to_be_bytes());
    into.extend(progress.watermark.unwrap_or(NONE).to_le_bytes());
    into.extend(progress.reached.to_le_bytes());
    let caught_up = if progress.caught_up { CAUGHT_UP } else { 0 };
    into.push(caught_up | if progress.idle { IDLE } else { 0 });
}

/// Reads a record's value; `types` are those of the columns.
///
/// # Errors
/// [`NotAMessage`].
pub(crate) fn read(bytes: &[u8], types: &[DataType]) -> Result<Message, NotAMessage> {
    let mut reader = Reader(bytes);
    if reader.byte()? != VERSION {
        return Err(NotAMessage("version of a repartition record"));
    }
    let kind = reader.byte()?;
    let task = i32::from_be_bytes(reader.array()?);
    match kind {
        TOLD => {
            let watermark = some(i64::from_le_bytes(reader.array()?));
            let reached = i64::from_le_bytes(reader.array()?);
            let flags = reader.byte()?;
            let (caught_up, idle) = (flags & CAUGHT_UP != 0, flags & IDLE != 0);
            let progress = Progress { watermark, reached, caught_up, idle };
            reader.end()?;
            Ok(Message::Told { task, progress })
        }
        ROWS => {
            let (chunk, around) = read_rows(&mut reader, types)?;
            reader.end()?;
            Ok(Message::Rows { task, chunk, around })
        }
        _ => Err(NotAMessage("kind of a repartition record")),
    }
}

fn some(watermark: i64) -> Option<i64> {
    (watermark != NONE).then_some(watermark)
}

fn read_rows(
    reader: &mut Reader<'_>,
    types: &[DataType],
) -> Result<(Chunk, Vec<Around>), NotAMessage> {
    let count = u32::from_le_bytes(reader.array()?) as usize;
    let flags = reader.byte()?;
    let times = reader.numbers(count, i64::from_le_bytes)?;
    let mut origins = Vec::with_capacity(times.len());
    for _ in 0..count {
        let timestamp = i64::from_le_bytes(reader.array()?);
        let partition = i32::from_le_bytes(reader.array()?);
        let offset = i64::from_le_bytes(reader.array()?);
        origins.push(Origin { timestamp, partition, offset });
    }
    let met = reader.numbers(count, i64::from_le_bytes)?.into_iter().map(some);
    let left = reader.numbers(count, i64::from_le_bytes)?.into_iter().map(some);
    let around = met.zip(left).map(|(met, left)| Around { met, left }).collect();
    let bits = |reader: &mut Reader<'_>| -> Result<Vec<bool>, NotAMessage> {
        Ok(reader.take(count)?.iter().map(|bit| *bit != 0).collect())
    };
    let deleted = if flags & HAS_DELETED == 0 { Vec::new() } else { bits(reader)? };
    let present = if flags & HAS_OLD == 0 { None } else { Some(bits(reader)?) };
    let columns = |reader: &mut Reader<'_>| -> Result<Vec<Vector>, NotAMessage> {
        types.iter().map(|of| read_column(reader, of, count).map(Vector::each)).collect()
    };
    let now = columns(reader)?;
    let old = match present {
        None => None,
        Some(present) => Some(Old { present, columns: columns(reader)? }),
    };
    let chunk =
        Chunk { rows: count, columns: now, times, deleted, old, origins, marks: Vec::new() };
    Ok((chunk, around))
}

fn write_column(cells: &[(&Vector, usize)], into: &mut Vec<u8>) {
    let has_nulls = cells.iter().any(|(vector, row)| vector.is_null(*row));
    into.push(u8::from(has_nulls));
    if has_nulls {
        into.extend(cells.iter().map(|(vector, row)| u8::from(vector.is_null(*row))));
    }
    let Some((first, _)) = cells.first() else { return };
    macro_rules! fixed {
        ($lane:ident) => {
            for (vector, row) in cells {
                into.extend(vector.$lane().get(*row).unwrap_or_default().to_le_bytes());
            }
        };
    }
    match &first.column {
        Column::Boolean(_) => {
            into.extend(
                cells
                    .iter()
                    .map(|(vector, row)| u8::from(vector.boolean().get(*row) == Some(true))),
            );
        }
        Column::Int32(_) => fixed!(int32),
        Column::Int64(_) => fixed!(int64),
        Column::Double(_) => fixed!(double),
        Column::Decimal(_) => fixed!(decimal),
        Column::Text(_) => {
            let text = |(vector, row): &(&'_ Vector, usize)| -> usize {
                vector.text().get(*row).map_or(0, str::len)
            };
            cells.iter().for_each(|cell| into.extend(length(text(cell))));
            for (vector, row) in cells {
                into.extend_from_slice(vector.text().get(*row).unwrap_or_default().as_bytes());
            }
        }
        Column::Bytes(_) => {
            for (vector, row) in cells {
                into.extend(length(vector.bytes().get(*row).map_or(0, <[u8]>::len)));
            }
            for (vector, row) in cells {
                into.extend_from_slice(vector.bytes().get(*row).unwrap_or_default());
            }
        }
    }
}

/// No value has 4 GiB: records are bounded far below.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

fn read_column(
    reader: &mut Reader<'_>,
    of: &DataType,
    count: usize,
) -> Result<Column, NotAMessage> {
    let nulls = match reader.byte()? {
        0 => None,
        _ => Some(reader.take(count)?),
    };
    let is_null = |row: usize| nulls.is_some_and(|nulls| nulls[row] != 0);
    macro_rules! fixed {
        ($array:ty, $number:ty) => {{
            let values = reader.numbers(count, <$number>::from_le_bytes)?;
            let values =
                values.into_iter().enumerate().map(|(row, value)| (!is_null(row)).then_some(value));
            values.collect::<$array>().into()
        }};
    }
    Ok(match of {
        DataType::Boolean => {
            let values = reader.take(count)?.iter().enumerate();
            values
                .map(|(row, value)| (!is_null(row)).then_some(*value != 0))
                .collect::<BooleanArray>()
                .into()
        }
        DataType::Integer | DataType::Date | DataType::Time => fixed!(Int32Array, i32),
        DataType::Bigint | DataType::Timestamp => fixed!(Int64Array, i64),
        DataType::Double => fixed!(Float64Array, f64),
        DataType::Decimal { .. } => fixed!(Decimal128Array, i128),
        DataType::Bytes => {
            let values = reader.pieces(count)?;
            let values =
                values.into_iter().enumerate().map(|(row, value)| (!is_null(row)).then_some(value));
            values.collect::<LargeBinaryArray>().into()
        }
        DataType::String | DataType::Array(_) | DataType::Map(..) | DataType::Struct(_) => {
            let mut texts = Vec::with_capacity(count);
            for (row, value) in reader.pieces(count)?.into_iter().enumerate() {
                let text = std::str::from_utf8(value)
                    .map_err(|_| NotAMessage("text of a repartition record"))?;
                texts.push((!is_null(row)).then_some(text));
            }
            texts.into_iter().collect::<LargeStringArray>().into()
        }
    })
}

/// Reads from the front; what is not there is an error.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], NotAMessage> {
        let (taken, rest) =
            self.0.split_at_checked(len).ok_or(NotAMessage("length of a repartition record"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], NotAMessage> {
        self.take(N)?.try_into().map_err(|_| NotAMessage("length of a repartition record"))
    }

    fn byte(&mut self) -> Result<u8, NotAMessage> {
        Ok(self.array::<1>()?[0])
    }

    /// So many numbers; their bytes are there before memory is taken for them.
    fn numbers<const N: usize, T>(
        &mut self,
        count: usize,
        of: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, NotAMessage> {
        let len = count.checked_mul(N).ok_or(NotAMessage("length of a repartition record"))?;
        let bytes = self.take(len)?;
        Ok(bytes.as_chunks::<N>().0.iter().map(|bytes| of(*bytes)).collect())
    }

    /// So many byte strings: their lengths, then all bytes.
    fn pieces(&mut self, count: usize) -> Result<Vec<&'a [u8]>, NotAMessage> {
        let lengths = self.numbers(count, u32::from_le_bytes)?;
        lengths.into_iter().map(|len| self.take(len as usize)).collect()
    }

    fn end(&self) -> Result<(), NotAMessage> {
        if self.0.is_empty() { Ok(()) } else { Err(NotAMessage("schema of a repartition record")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPES: [DataType; 4] =
        [DataType::Bigint, DataType::String, DataType::Boolean, DataType::Bytes];

    type Cells = (Option<i64>, Option<String>, Option<bool>, Option<Vec<u8>>);

    fn chunk(rows: &[(i64, Cells, bool)]) -> Chunk {
        let of = rows.iter().map(|(_, cells, _)| cells);
        let columns: Vec<Column> = vec![
            of.clone().map(|cells| cells.0).collect::<Int64Array>().into(),
            of.clone().map(|cells| cells.1.as_deref()).collect::<LargeStringArray>().into(),
            of.clone().map(|cells| cells.2).collect::<BooleanArray>().into(),
            of.map(|cells| cells.3.as_deref()).collect::<LargeBinaryArray>().into(),
        ];
        let origin = |(row, of): (usize, &(i64, Cells, bool))| Origin {
            timestamp: of.0 / 2,
            partition: 3,
            offset: row as i64,
        };
        Chunk {
            rows: rows.len(),
            columns: columns.into_iter().map(Vector::each).collect(),
            times: rows.iter().map(|row| row.0).collect(),
            deleted: rows.iter().map(|row| row.2).collect(),
            old: None,
            origins: rows.iter().enumerate().map(origin).collect(),
            marks: Vec::new(),
        }
    }

    fn cells(chunk: &Chunk, row: usize) -> Cells {
        let [number, text, flag, bytes] = &chunk.columns[..] else { panic!("four columns") };
        (
            number.int64().get(row),
            text.text().get(row).map(str::to_owned),
            flag.boolean().get(row),
            bytes.bytes().get(row).map(<[u8]>::to_vec),
        )
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(
            rows in prop::collection::vec((any::<i64>(), any::<Cells>(), any::<bool>()), 1..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let whole = chunk(&rows);
            let cut = cut.index(rows.len());
            let around = |row: usize| Around { met: row.is_multiple_of(2).then_some(row as i64), left: Some(9) };
            let numbered: Vec<(usize, Around)> = (0..rows.len()).map(|row| (row, around(row))).collect();
            let parts = [(&whole, &numbered[..cut]), (&whole, &numbered[cut..])];
            let mut bytes = Vec::new();
            write_rows(7, &parts, &mut bytes);
            let Ok(Message::Rows { task: 7, chunk, around }) = read(&bytes, &TYPES) else { panic!("rows") };
            prop_assert_eq!(chunk.rows, rows.len());
            for (row, (time, values, deleted)) in rows.iter().enumerate() {
                prop_assert_eq!(&cells(&chunk, row), values);
                prop_assert_eq!((chunk.times[row], chunk.is_deleted(row)), (*time, *deleted));
                prop_assert_eq!(chunk.origins[row], whole.origins[row]);
                prop_assert_eq!(around[row], numbered[row].1);
            }
            // Whatever is cut off or changed is refused or read as something, and never a panic.
            for end in 0..bytes.len() {
                prop_assert!(read(&bytes[..end], &TYPES).is_err());
            }
            prop_assert!(read(&bytes, &TYPES[..3]).is_err(), "a column fewer in the plan");
        }
    }

    #[test]
    fn what_a_task_tells_comes_back() {
        for (caught_up, idle) in [(true, true), (true, false), (false, false)] {
            tell(Progress { watermark: None, reached: 5, caught_up, idle });
        }
    }

    fn tell(progress: Progress) {
        let mut bytes = Vec::new();
        write_told(2, progress, &mut bytes);
        let Ok(Message::Told { task: 2, progress: found }) = read(&bytes, &TYPES) else {
            panic!("told")
        };
        assert_eq!(found, progress);
        bytes[0] = 9;
        let error = read(&bytes, &TYPES).unwrap_err().to_string();
        assert!(error.starts_with("version of a repartition record"), "{error}");
    }
}
