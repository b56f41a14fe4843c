//! Where chunks leave a stage as records: keys and values are encoded, windows stand behind keys, deletions have no value.

use crate::operator::PlanError;
use crate::operator::chunk::Chunk;
use crate::operator::column::{Column, Vector};
use crate::operator::decode::Reader;
use crate::operator::encode::{Input, Payload, Style};
use crate::operator::evaluate::Session;
use crate::operator::plan::{Origin, Part, Slot};
use crate::operator::planner::{Definition, Planner};
use crate::record::{Output, OutputRow, Place, Slice};
use crate::schema::Schema;
use crate::topology::{Conventions, KeyWindow, Payload as Declared, Sink, SinkWindow, Source};

/// Stands for the input row of an output row that has none: it was made by an operator.
pub(crate) const NO_INPUT: u32 = u32::MAX;

/// Encodes rows of one schema as keys and values.
#[derive(Debug)]
pub(crate) struct Encoder {
    slots: Vec<Slot>,
    key: Payload,
    value: Payload,
    style: Style,
}

/// Writes the rows of a stage's last node.
#[derive(Debug)]
pub(crate) struct Tail {
    encoder: Encoder,
    window: Option<SinkWindow>,
    timestamp: Option<usize>,
}

impl Encoder {
    /// For rows of `schema`.
    ///
    /// # Errors
    /// [`PlanError::Column`] for a column that its format does not have.
    pub(crate) fn new(
        schema: &Schema,
        key: &Declared,
        value: &Declared,
        conventions: &Conventions,
    ) -> Result<Self, PlanError> {
        let nowhere = Source::new("");
        let mut planner = Planner { source: &nowhere, schema, slots: Vec::new() };
        let current: Vec<Definition> = schema
            .columns
            .iter()
            .map(|column| {
                let (data_type, name) = (column.data_type.clone(), column.name.clone());
                Definition::Slot(planner.slot(Slot { origin: Origin::Computed, data_type, name }))
            })
            .collect();
        let key = planner.written(key, schema, &current)?;
        let value = planner.written(value, schema, &current)?;
        let slots = planner.slots;
        let readers: Vec<Reader> = slots.iter().map(|_| Reader::Computed).collect();
        let style =
            Style { timestamps: conventions.json_timestamps, nulls: conventions.json_nulls };
        let key = Payload::new(&key, &readers, Part::Key);
        let value = Payload::new(&value, &readers, Part::Value);
        Ok(Self { slots, key, value, style })
    }

    /// Appends the key or value of a row; `false` for NULL.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub(crate) fn write(
        &self,
        part: Part,
        columns: &[Option<Vector>],
        row: usize,
        session: &mut Session,
        into: &mut Vec<u8>,
    ) -> Result<bool, String> {
        const NONE: [Option<crate::operator::decode::Documents>; 2] = [None, None];
        let input = Input { slots: &self.slots, columns, documents: &NONE, buffer: &[] };
        let payload = match part {
            Part::Key => &self.key,
            Part::Value => &self.value,
        };
        payload.write((row, row), &input, (self.style, &mut session.zone), into)
    }
}

impl Tail {
    /// For a sink whose input has this schema.
    ///
    /// # Errors
    /// [`PlanError::Column`] for a column that its format does not have.
    pub(crate) fn new(
        sink: &Sink,
        schema: &Schema,
        conventions: &Conventions,
    ) -> Result<Self, PlanError> {
        let encoder = Encoder::new(schema, &sink.key, &sink.value, conventions)?;
        Ok(Self { encoder, window: sink.window, timestamp: sink.timestamp })
    }

    /// Appends all rows of a chunk to the output.
    ///
    /// # Errors
    /// The first row that cannot be written, and why.
    pub(crate) fn write(
        &self,
        chunk: &Chunk,
        session: &mut Session,
        output: &mut Output,
    ) -> Result<(), String> {
        let columns: Vec<Option<Vector>> = chunk.columns.iter().cloned().map(Some).collect();
        output.rows.reserve(chunk.rows);
        for row in 0..chunk.rows {
            let start = output.encoded.len();
            let into = &mut output.encoded;
            let mut has_key = self.encoder.write(Part::Key, &columns, row, session, into)?;
            if let Some(window) = self.window {
                write_window(window, &chunk.columns, row, into);
                has_key = true;
            }
            let key = placed(has_key, start, into)?;
            let start = into.len();
            let has_value = !chunk.is_deleted(row)
                && self.encoder.write(Part::Value, &columns, row, session, into)?;
            let value = placed(has_value, start, into)?;
            let timestamp = match self.timestamp {
                None => chunk.times[row],
                Some(column) => chosen_time(&chunk.columns[column], row)
                    .ok_or("the record's time-stamp is NULL or before 1970")?,
            };
            output.rows.push(OutputRow { input: NO_INPUT, timestamp, key, value, bin: None });
        }
        Ok(())
    }
}

fn chosen_time(column: &Vector, row: usize) -> Option<i64> {
    column.int64().get(row).filter(|time| *time >= 0)
}

/// What was appended from `start` on; NULL takes nothing, whatever was appended before it was known to be.
fn placed(is_there: bool, start: usize, into: &mut Vec<u8>) -> Result<Place, String> {
    if !is_there {
        into.truncate(start);
        return Ok(Place::Encoded(Slice::NULL));
    }
    match (u32::try_from(start), u32::try_from(into.len())) {
        (Ok(start), Ok(end)) if end < u32::MAX => {
            Ok(Place::Encoded(Slice::new(start, end - start)))
        }
        _ => Err("the output of the batch is larger than 4 GiB".to_owned()),
    }
}

/// Appends the window as Kafka Streams writes it behind a key.
fn write_window(window: SinkWindow, columns: &[Vector], row: usize, into: &mut Vec<u8>) {
    let bound = |column: usize| match columns.get(column).map(|of| &of.column) {
        Some(Column::Int64(_)) => columns[column].int64().get(row).unwrap_or_default(),
        _ => 0,
    };
    if window.form == KeyWindow::Session {
        into.extend(bound(window.end).to_be_bytes());
    }
    into.extend(bound(window.start).to_be_bytes());
}
