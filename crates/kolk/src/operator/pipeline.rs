//! One query's way from rows to output: decode → filter and project → encode, a batch at a time.

use crate::codec::order;
use crate::codec::pattern::Pattern;
use crate::codec::timestamp;
use crate::operator::PlanError;
use crate::operator::column::{Column, Vector};
use crate::operator::decode::{Documents, Morsel, Reader, Shown, Source, readers, slice_of};
use crate::operator::encode::{Input, Payload, Style, write_plain};
use crate::operator::evaluate::{Batch, Session, evaluate, literal_null, mark_columns};
use crate::operator::plan::{BinColumns, EventTimeColumn, Part, Plan, Slot, Step, Written, plan};
use crate::operator::work::Work;
use crate::record::{BinKey, Output, OutputRow, Place, Row, Rows, Slice};
use crate::topology::{Collection, Query, WithoutValue};

/// A query, compiled. The same rows give the same output, however they are cut into batches.
///
/// Of a record only the columns are read that its fate needs: those of the event time, then those of a filter, and, if it
/// passes, those of the output. A record is bad when its JSON is not sound, or one of these columns is not of its type. A
/// record without a value (a tombstone) has NULL in all value columns, and its output has no value either.
#[derive(Debug)]
pub struct Pipeline {
    plan: Plan,
    /// Nothing is read: rows go on as they are.
    unchanged: bool,
    readers: Vec<Reader>,
    documents: [Option<Documents>; 2],
    key: Payload,
    value: Payload,
    /// The key is written from columns of the record's key alone.
    key_is_of_key: bool,
    /// The slots that are decoded before rows are written.
    decoded: Vec<usize>,
    event_time_pattern: Option<Pattern>,
    session: Session,
    style: Style,
    /// What a condition says of records without a value.
    without_value: WithoutValue,
    work: Work,
}

/// Rows, decoded.
pub(crate) struct Decoded<'a> {
    /// The columns over the selection.
    pub(crate) columns: Vec<Vector>,
    /// The rows that are left, by number.
    pub(crate) selection: &'a [usize],
    /// The event time of each row, left or not.
    pub(crate) times: &'a [i64],
    /// Which rows are bad; the others move the watermark.
    pub(crate) bad: &'a [bool],
    value: Option<&'a Documents>,
}

impl Decoded<'_> {
    /// Whether a row has no value, or a JSON `null`.
    pub(crate) fn has_no_value(&self, row: usize, value: Slice) -> bool {
        value.is_null() || self.value.is_some_and(|documents| documents.token(row, None).is_null())
    }
}

/// Rows that are worked on together have about so many bytes: what a processor's cache keeps from scan to output …
pub(crate) const MORSEL_BYTES: usize = 128 << 10;
/// … and are at most so many.
pub(crate) const MORSEL_ROWS: usize = 1024;

impl Pipeline {
    /// Compiles a query.
    ///
    /// # Errors
    /// [`PlanError`] when the query cannot be run.
    pub fn new(query: &Query) -> Result<Self, PlanError> {
        let mut plan = plan(query)?;
        let conventions = &query.conventions;
        let format = plan.event_time.as_ref().and_then(|column| column.format.as_deref());
        let event_time_pattern = format.map(pattern).transpose()?;
        let (readers, documents) = readers(&plan.slots, plan.window);
        let key = Payload::new(&plan.key, &readers, Part::Key);
        let value = Payload::new(&plan.value, &readers, Part::Value);
        let key_is_of_key = match &plan.key {
            Written::Unchanged => false,
            Written::Encoded { columns, .. } => {
                columns.iter().all(|(_, slot)| readers[*slot].part() == Some(Part::Key))
            }
        };
        let without_value = match plan.collection {
            Collection::Stream => conventions.where_without_value,
            Collection::Table => WithoutValue::Evaluated,
        };
        let mut decoded = key.decoded_slots();
        decoded.extend(value.decoded_slots());
        decoded.extend(plan.timestamp);
        decoded.extend(plan.key_text);
        decoded.extend(plan.bins.into_iter().flat_map(|bins| [bins.key, bins.order_by]));
        plan.note_last_reads(&decoded);
        let session = Session::new(conventions)?;
        let style = session.style;
        let unchanged = plan.slots.is_empty()
            && plan.steps.is_empty()
            && plan.collection == Collection::Stream
            && matches!((&key, &value), (Payload::Unchanged, Payload::Unchanged));
        let work = Work::default();
        Ok(Self {
            plan,
            unchanged,
            readers,
            documents,
            key,
            value,
            key_is_of_key,
            decoded,
            event_time_pattern,
            session,
            style,
            without_value,
            work,
        })
    }

    /// Runs all rows of one batch; appends to `output`, which the caller has cleared.
    pub fn process(&mut self, rows: &Rows, output: &mut Output) {
        if self.unchanged {
            return pass_on(rows, output);
        }
        let from = output.bad.len();
        let (mut first, mut bytes) = (0, 0);
        for (number, row) in rows.rows.iter().enumerate() {
            bytes += row.value.len() + row.key.len();
            let next = number + 1;
            if bytes >= MORSEL_BYTES || next - first == MORSEL_ROWS || next == rows.rows.len() {
                let (partition, buffer) = (rows.partition, &*rows.buffer);
                self.work.first = first;
                self.run(Morsel { rows: &rows.rows[first..next], buffer, partition }, output);
                (first, bytes) = (next, 0);
            }
        }
        output.bad[from..].sort_by_key(|bad| bad.input);
    }

    fn run(&mut self, rows: Morsel<'_>, output: &mut Output) {
        self.start(rows, output);
        self.read_event_times(rows, output);
        for step in 0..self.plan.steps.len() {
            self.step(step, rows, output);
        }
        self.write(rows, output);
        let good = self.work.times.iter().zip(&self.work.bad).filter(|(_, bad)| !**bad);
        output.max_event_time = output.max_event_time.max(good.map(|(time, _)| *time).max());
    }

    /// Of the rows that would be written, the columns that would be: what comes before operators with state. `first` is the number
    /// of the first row in its batch.
    pub(crate) fn columns(
        &mut self,
        first: usize,
        rows: Morsel<'_>,
        output: &mut Output,
    ) -> Decoded<'_> {
        self.work.first = first;
        self.start(rows, output);
        self.read_event_times(rows, output);
        for step in 0..self.plan.steps.len() {
            self.step(step, rows, output);
        }
        let slots: Vec<usize> = self.plan.value_slots().collect();
        for slot in &slots {
            self.load(*slot, rows, output);
        }
        let columns = slots.iter().map(|slot| match &self.work.columns[*slot] {
            Some(vector) => vector.clone(),
            None => literal_null(&self.plan.slots[*slot].data_type),
        });
        let columns = columns.collect();
        let value = self.documents[Part::Value as usize].as_ref();
        Decoded {
            columns,
            selection: &self.work.selection,
            times: &self.work.times,
            bad: &self.work.bad,
            value,
        }
    }

    /// Scans the documents; rows with sound ones are selected.
    fn start(&mut self, rows: Morsel<'_>, output: &mut Output) {
        let work = &mut self.work;
        work.columns.clear();
        work.columns.resize(self.plan.slots.len(), None);
        work.bad.clear();
        work.bad.resize(rows.rows.len(), false);
        work.times.clear();
        work.times.extend(rows.rows.iter().map(|row| row.timestamp));
        for documents in self.documents.iter_mut().flatten() {
            documents.scan(rows, |row, reason| work.refuse(row, reason, output));
        }
        work.selection.clear();
        work.selection.extend((0..rows.rows.len()).filter(|row| !work.bad[*row]));
        if self.plan.collection == Collection::Table {
            // A table's row is the state of its key: without one it is the state of nothing.
            let good = work.selection.len();
            work.selection.retain(|row| !rows.rows[*row].key.is_null());
            output.filtered += (good - work.selection.len()) as u64;
        }
    }

    fn read_event_times(&mut self, rows: Morsel<'_>, output: &mut Output) {
        let Some(EventTimeColumn { slot, .. }) = self.plan.event_time else { return };
        self.load(slot, rows, output);
        let Some(column) = self.work.columns[slot].take() else { return };
        let name = &self.plan.slots[slot].name;
        let mut reasons = std::mem::take(&mut self.work.reasons);
        for at in 0..self.work.selection.len() {
            let time = match &column.column {
                Column::Text(_) => column.text().get(at).map(|text| {
                    let zone = &mut self.session.zone;
                    let parsed = match &self.event_time_pattern {
                        Some(pattern) => pattern.parse(text, zone),
                        None => timestamp::parse(text.as_bytes(), zone),
                    };
                    parsed.ok_or(text)
                }),
                _ => column.int64().get(at).map(Ok),
            };
            let row = self.work.selection[at];
            if time.is_none() && self.is_deletion(row, rows) {
                continue;
            }
            match time {
                Some(Ok(time @ 0..)) => self.work.times[row] = time,
                Some(Ok(time)) => reasons.push((
                    at,
                    format!("column {name}: the event time {time} is before 1970, which no Kafka record can have"),
                )),
                Some(Err(text)) => reasons.push((
                    at,
                    format!("column {name}: expected a time-stamp, found \"{}\"", Shown(text.as_bytes())),
                )),
                None => reasons.push((at, format!("column {name}: the event time is NULL"))),
            }
        }
        self.work.columns[slot] = Some(column);
        self.work.drop_refused(&mut reasons, output);
        self.work.reasons = reasons;
    }

    /// Whether a record deletes a table's row: it has no columns, so its time is the record's own.
    fn is_deletion(&self, row: usize, rows: Morsel<'_>) -> bool {
        self.plan.collection == Collection::Table
            && is_null(&self.documents, (row, Part::Value), &rows.rows[row])
    }

    /// Decodes a column for the selected rows, if that was not done; rows where it is of another type leave the selection.
    fn load(&mut self, slot: usize, rows: Morsel<'_>, output: &mut Output) {
        let work = &mut self.work;
        if work.columns[slot].is_some() || matches!(self.readers[slot], Reader::Computed) {
            return;
        }
        let mut reasons = std::mem::take(&mut work.reasons);
        let source = Source {
            rows,
            documents: &self.documents,
            selection: &work.selection,
            times: &work.times,
            style: self.style,
        };
        let of = (&self.plan.slots[slot], &self.readers[slot]);
        work.columns[slot] = Some(source.decode(of, &mut self.session.zone, &mut reasons));
        work.drop_refused(&mut reasons, output);
        work.reasons = reasons;
    }

    fn step(&mut self, number: usize, morsel: Morsel<'_>, output: &mut Output) {
        let (Step::Filter(expression) | Step::Compute { expression, .. }) =
            &self.plan.steps[number];
        let mut named = vec![false; self.plan.slots.len()];
        mark_columns(expression, &mut named);
        for slot in (0..named.len()).filter(|slot| named[*slot]) {
            self.load(slot, morsel, output);
        }
        let work = &mut self.work;
        let (rows, failed) = (work.selection.len(), &mut output.failed_expressions);
        let mut batch = Batch::new(rows, &work.columns, failed, &mut self.session);
        match &self.plan.steps[number] {
            Step::Filter(predicate) => {
                let holds = evaluate(predicate, &mut batch);
                let holds = holds.boolean();
                let mut kept: Vec<usize> =
                    (0..rows).filter(|at| holds.get(*at) == Some(true)).collect();
                if self.without_value == WithoutValue::False {
                    kept.retain(|at| {
                        let row = work.selection[*at];
                        !is_null(&self.documents, (row, Part::Value), &morsel.rows[row])
                    });
                }
                output.filtered += (rows - kept.len()) as u64;
                for slot in self.plan.last_read_by(number) {
                    work.columns[*slot] = None;
                }
                work.keep(&kept);
            }
            Step::Compute { slot, expression } => {
                let vector = evaluate(expression, &mut batch);
                work.columns[*slot] = Some(vector);
            }
        }
    }

    fn write(&mut self, rows: Morsel<'_>, output: &mut Output) {
        for at in 0..self.decoded.len() {
            self.load(self.decoded[at], rows, output);
        }
        output.rows.reserve(self.work.selection.len());
        let selection = std::mem::take(&mut self.work.selection);
        for (at, row) in selection.iter().enumerate() {
            let start = output.encoded.len();
            match self.write_row((at, *row), rows, output) {
                Ok(written) => output.rows.push(written),
                Err(reason) => {
                    output.encoded.truncate(start);
                    self.work.refuse(*row, reason, output);
                }
            }
        }
        self.work.selection = selection;
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "rows are bounded far below")]
    fn write_row(
        &mut self,
        (at, row): (usize, usize),
        rows: Morsel<'_>,
        output: &mut Output,
    ) -> Result<OutputRow, String> {
        let input = Input {
            slots: &self.plan.slots,
            columns: &self.work.columns,
            documents: &self.documents,
            buffer: rows.buffer,
        };
        let record = &rows.rows[row];
        let mut place = |payload: &Payload, part: Part| -> Result<Place, String> {
            if matches!(payload, Payload::Unchanged) {
                return Ok(Place::Input(slice_of(record, part)));
            }
            // What is made of a NULL is NULL, whichever of its columns are written.
            let follows = part == Part::Value || self.key_is_of_key;
            if follows && is_null(input.documents, (row, part), record) {
                return Ok(Place::Encoded(Slice::NULL));
            }
            let (start, into) = (output.encoded.len(), &mut output.encoded);
            let style = (self.style, &mut self.session.zone);
            let written = payload.write((at, row), &input, style, into)?;
            if written {
                slice(start, into.len()).map(Place::Encoded)
            } else {
                Ok(Place::Encoded(Slice::NULL))
            }
        };
        let key = place(&self.key, Part::Key)?;
        let value = place(&self.value, Part::Value)?;
        let timestamp = match self.plan.timestamp {
            None => self.work.times[row],
            Some(slot) => self.chosen_timestamp(slot, at)?,
        };
        if let Some(slot) = self.plan.key_text {
            self.check_key(slot, at, record.key.of(rows.buffer).unwrap_or_default())?;
        }
        let bin =
            self.plan.bins.map(|bins| self.bin_key(bins, at, &mut output.encoded)).transpose()?;
        Ok(OutputRow { input: (self.work.first + row) as u32, timestamp, key, value, bin })
    }

    /// The time-stamp that the statement chooses for the output record.
    fn chosen_timestamp(&mut self, slot: usize, at: usize) -> Result<i64, String> {
        let name = &self.plan.slots[slot].name;
        let Some(vector) = &self.work.columns[slot] else {
            return Err(format!("column {name} is missing"));
        };
        let time = match &vector.column {
            Column::Text(_) => {
                let text = vector.text().get(at);
                text.and_then(|text| timestamp::parse(text.as_bytes(), &mut self.session.zone))
            }
            _ => vector.int64().get(at),
        };
        time.filter(|time| *time >= 0).ok_or_else(|| {
            format!("column {name}: the record's time-stamp is NULL, no time-stamp, or before 1970")
        })
    }

    /// Whether the record's key is the text of a column, as its declaration says.
    fn check_key(&self, slot: usize, at: usize, key: &[u8]) -> Result<(), String> {
        // NULL is told by those who need the column.
        let Some(vector) = self.work.columns[slot].as_ref().filter(|vector| !vector.is_null(at))
        else {
            return Ok(());
        };
        let Slot { name, data_type, .. } = &self.plan.slots[slot];
        let mut written = Vec::new();
        let text = match vector.text().get(at) {
            Some(text) => text.as_bytes(),
            None => {
                write_plain(vector, at, data_type, &mut written);
                &written
            }
        };
        if key == text {
            return Ok(());
        }
        let (key, text) = (Shown(key), Shown(text));
        Err(format!(
            "record key \"{key}\" is not {name} \"{text}\", as the source's declaration says"
        ))
    }

    fn bin_key(&self, bins: BinColumns, at: usize, into: &mut Vec<u8>) -> Result<BinKey, String> {
        let mut of = |slot: usize, what: &str| -> Result<Slice, String> {
            let start = into.len();
            let vector = self.work.columns[slot].as_ref();
            match vector.filter(|vector| !vector.is_null(at)) {
                Some(vector) => write_ordered(vector, at, into),
                None => {
                    let name = &self.plan.slots[slot].name;
                    return Err(format!(
                        "column {name}: the {what} of bin-packed delivery is NULL"
                    ));
                }
            }
            slice(start, into.len())
        };
        Ok(BinKey { key: of(bins.key, "key")?, order: of(bins.order_by, "order")? })
    }
}

/// Whether the record has no key or value, or a JSON `null`.
#[inline]
fn is_null(documents: &[Option<Documents>; 2], (row, part): (usize, Part), record: &Row) -> bool {
    slice_of(record, part).is_null()
        || documents[part as usize]
            .as_ref()
            .is_some_and(|documents| documents.token(row, None).is_null())
}

/// Rows as they are.
#[expect(clippy::cast_possible_truncation, reason = "rows are bounded far below")]
fn pass_on(rows: &Rows, output: &mut Output) {
    output.as_read = true;
    output.rows.reserve(rows.rows.len());
    let mut latest = output.max_event_time.unwrap_or(i64::MIN);
    for (input, row) in rows.rows.iter().enumerate() {
        latest = latest.max(row.timestamp);
        let (key, value) = (Place::Input(row.key), Place::Input(row.value));
        let timestamp = row.timestamp;
        output.rows.push(OutputRow { input: input as u32, timestamp, key, value, bin: None });
    }
    if !rows.rows.is_empty() {
        output.max_event_time = Some(latest);
    }
}

fn pattern(format: &str) -> Result<Pattern, PlanError> {
    Pattern::new(format).map_err(|why| PlanError::Setting {
        setting: "timestamp_format",
        value: format.to_owned(),
        why,
    })
}

/// What was appended to the encoded bytes.
#[inline]
fn slice(start: usize, end: usize) -> Result<Slice, String> {
    match (u32::try_from(start), u32::try_from(end)) {
        (Ok(start), Ok(end)) if end < u32::MAX => Ok(Slice::new(start, end - start)),
        _ => Err("the output of the batch is larger than 4 GiB".to_owned()),
    }
}

/// Appends a value that is not NULL as bytes that compare as the values of its column do.
fn write_ordered(vector: &Vector, at: usize, into: &mut Vec<u8>) {
    match &vector.column {
        Column::Boolean(_) => into.push(u8::from(vector.boolean().get(at).unwrap_or(false))),
        Column::Int32(_) => {
            into.extend(order::of_i64(vector.int32().get(at).unwrap_or(0).into()));
        }
        Column::Int64(_) => into.extend(order::of_i64(vector.int64().get(at).unwrap_or(0))),
        Column::Double(_) => into.extend(order::of_f64(vector.double().get(at).unwrap_or(0.0))),
        Column::Decimal(_) => into.extend(order::of_i128(vector.decimal().get(at).unwrap_or(0))),
        Column::Text(_) => into.extend_from_slice(vector.text().get(at).unwrap_or("").as_bytes()),
        Column::Bytes(_) => into.extend_from_slice(vector.bytes().get(at).unwrap_or_default()),
    }
}
