//! Runs an operator of one's own: rows go to it as JSON, what it makes comes back as columns; timers follow the watermark.

use crate::operator::PlanError;
use crate::operator::chunk::{Chunk, Event, Mark, Origin};
use crate::operator::column::Vector;
use crate::operator::decode::Morsel;
use crate::operator::operate::{Context, Fates, Operate};
use crate::operator::pipeline::Pipeline;
use crate::operator::plan::Part;
use crate::operator::tail::Encoder;
use crate::record::{Output, Row, Slice};
use crate::schema::Schema;
use crate::state::row::Corrupt;
use crate::state::{Store, TimeIndex};
use crate::topology::{
    Conventions, Format, JsonNulls, JsonTimestamps, Node, Operator, Payload, Process, ProcessError,
    Processor, ProcessorContext, Query, Sink, Source,
};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A processor that runs.
pub(crate) struct Processing {
    name: String,
    processor: Box<dyn Processor>,
    encoder: Encoder,
    decoder: Box<Pipeline>,
    /// Whether there are state and timers.
    keeps_state: bool,
    state: Store,
    /// Time and key of each timer that is not due.
    timers: Store,
    due: TimeIndex<Vec<u8>>,
    watermark: Option<i64>,
    made: Made,
}

/// What the processor has made of a chunk so far.
#[derive(Debug, Default)]
struct Made {
    rows: Vec<u8>,
    ends: Vec<usize>,
    times: Vec<i64>,
    /// Without state, where each row comes from, as far as the input tells.
    origins: Vec<Origin>,
    marks: Vec<Mark>,
    timers: Vec<(i64, Vec<u8>)>,
}

impl fmt::Debug for Processing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processing").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Processing {
    /// From rows of `input` to rows of `output`.
    ///
    /// # Errors
    /// [`PlanError`] for columns that JSON does not have.
    pub(crate) fn new(
        process: &Process,
        input: &Schema,
        output: &Schema,
        conventions: &Conventions,
    ) -> Result<Self, PlanError> {
        let conventions = Conventions {
            json_timestamps: JsonTimestamps::Milliseconds,
            json_nulls: JsonNulls::Write,
            ..conventions.clone()
        };
        let json = |columns: usize| Payload::Encoded {
            format: Format::Json,
            columns: (0..columns).collect(),
        };
        Ok(Self {
            name: process.name.clone(),
            processor: (process.make)(),
            encoder: Encoder::new(input, &json(0), &json(input.columns.len()), &conventions)?,
            decoder: Box::new(decoder(output, conventions)?),
            keeps_state: process.keeps_state,
            state: Store::new("process"),
            timers: Store::new("timers"),
            due: TimeIndex::default(),
            watermark: None,
            made: Made::default(),
        })
    }

    /// Lets the processor do something, and takes what it made.
    fn call(
        &mut self,
        time: i64,
        work: impl FnOnce(&mut dyn Processor, &mut ProcessorContext<'_>) -> Result<(), ProcessError>,
    ) -> Result<(), ProcessError> {
        let made = &mut self.made;
        let mut own = ProcessorContext {
            time,
            watermark: self.watermark,
            state: &mut self.state,
            timers: &mut made.timers,
            rows: &mut made.rows,
            ends: &mut made.ends,
        };
        // What it leaves half done is never used: the query stops, and its transaction is aborted.
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut *self.processor, &mut own)));
        let result = result.unwrap_or_else(|panic| {
            Err(ProcessError::Failed(format!("panicked: {}", message(&*panic))))
        });
        made.times.resize(made.ends.len(), time);
        for (at, key) in made.timers.drain(..) {
            let stored = timer_key(at, &key);
            if self.timers.find(&stored).is_none() {
                self.timers.put(&stored, &[]);
                self.due.insert(at, key);
            }
        }
        result
    }

    /// Lets the processor take a row, and books what became of it.
    fn row(
        &mut self,
        text: Result<&[u8], String>,
        (time, origin): (i64, Option<Origin>),
        fates: &mut Fates,
    ) {
        let before = self.made.ends.len();
        let text = text.map_err(ProcessError::Failed);
        let result = self.call(time, |processor, own| processor.process(text?, own));
        let made = self.made.ends.len() - before;
        match (result, origin) {
            (Ok(()), _) if self.keeps_state => fates.taken += 1,
            (Ok(()), _) if made == 0 => fates.filtered += 1,
            (Ok(()), origin) => {
                fates.made += made as u64 - 1;
                self.made.origins.extend(origin.iter().cycle().take(made));
            }
            (Err(ProcessError::Unreadable(why)), Some(origin)) => {
                fates.unreadable.push((origin, format!("{}: {why}", self.name)));
            }
            (Err(error), _) => self.fail(error, fates),
        }
    }

    fn fail(&self, error: ProcessError, fates: &mut Fates) {
        let (ProcessError::Unreadable(why) | ProcessError::Failed(why)) = error;
        fates.failure.get_or_insert(format!("{}: {why}", self.name));
    }

    fn advance(&mut self, watermark: i64, fates: &mut Fates) {
        self.watermark = Some(watermark);
        // A timer may set another one that is due at once.
        while let Some((time, key)) = self.due.pop_until(watermark) {
            if let Some(entry) = self.timers.find(&timer_key(time, &key)) {
                self.timers.remove(entry);
            }
            let result = self.call(time, |processor, own| {
                processor.timer(&key, time, own).map_err(ProcessError::Failed)
            });
            if let Err(error) = result {
                self.fail(error, fates);
            }
        }
        self.made.marks.push(Mark { at: self.made.ends.len(), watermark });
    }

    /// What was made, as columns.
    fn finish(&mut self, context: &mut Context<'_>) -> Chunk {
        let made = std::mem::take(&mut self.made);
        let mut start = 0;
        let row = |end: &usize| {
            let value = Slice::new(narrow(start), narrow(*end - start));
            start = *end;
            Row {
                offset: 0,
                timestamp: 0,
                key: Slice::NULL,
                value,
                headers: Slice::NULL,
                fields: Slice::NULL,
            }
        };
        let rows: Vec<Row> = made.ends.iter().map(row).collect();
        let mut output = Output::default();
        let morsel = Morsel { rows: &rows, buffer: &made.rows, partition: 0 };
        let decoded = self.decoder.columns(0, morsel, &mut output);
        let columns = decoded.columns;
        if let Some(bad) = output.bad.first() {
            let why =
                format!("{}: what it made is not what it declares: {}", self.name, bad.reason);
            context.fates.failure.get_or_insert(why);
            return Chunk { marks: made.marks, ..Chunk::default() };
        }
        if self.keeps_state {
            context.fates.made += rows.len() as u64;
        }
        Chunk {
            rows: rows.len(),
            columns,
            times: made.times,
            origins: made.origins,
            marks: made.marks,
            ..Chunk::default()
        }
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// No chunk makes 4 GiB of rows: what is made of a batch is bounded by memory far below.
fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX - 1)
}

/// Time, so that it sorts, and key.
fn timer_key(time: i64, key: &[u8]) -> Vec<u8> {
    [&crate::codec::order::of_i64(time)[..], key].concat()
}

fn read_timer_key(bytes: &[u8]) -> Option<(i64, Vec<u8>)> {
    let (time, key) = bytes.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*time) ^ i64::MIN, key.to_vec()))
}

/// Reads JSON objects as rows of `schema`.
fn decoder(schema: &Schema, conventions: Conventions) -> Result<Pipeline, PlanError> {
    let mut values = schema.clone();
    for column in &mut values.columns {
        column.role = crate::schema::Role::Value;
    }
    let source = Source { value_format: Format::Json, ..Source::new("") };
    let columns = (0..schema.columns.len()).collect();
    let value = Payload::Encoded { format: Format::Json, columns };
    let key = Payload::Encoded { format: Format::Json, columns: Vec::new() };
    let sink = Sink { key, value, ..Sink::new("") };
    let nodes = vec![
        Node { inputs: vec![], operator: Operator::Source(source), schema: values.clone() },
        Node { inputs: vec![0], operator: Operator::Sink(sink), schema: values },
    ];
    Pipeline::new(&Query { name: "process".to_owned(), nodes, conventions })
}

impl Operate for Processing {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let columns: Vec<Option<Vector>> = chunk.columns.iter().cloned().map(Some).collect();
        let mut text = Vec::new();
        for event in chunk.events() {
            let row = match event {
                Event::Row(row) => row,
                Event::Watermark(watermark) => {
                    self.advance(watermark, context.fates);
                    continue;
                }
            };
            text.clear();
            let written =
                self.encoder.write(Part::Value, &columns, row, context.session, &mut text);
            let place = (chunk.times[row], chunk.origins.get(row).copied());
            self.row(written.map(|_| &text[..]), place, context.fates);
        }
        self.finish(context)
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        if self.keeps_state { vec![&mut self.state, &mut self.timers] } else { Vec::new() }
    }

    fn index_bytes(&self) -> usize {
        self.due.bytes()
    }

    fn restored(&mut self, watermark: Option<i64>) -> Result<(), Corrupt> {
        self.watermark = watermark;
        self.due.clear();
        let timers =
            self.timers.iter().map(|(_, key, _)| read_timer_key(key).ok_or(Corrupt("timer")));
        let mut timers: Vec<(i64, Vec<u8>)> = timers.collect::<Result<_, _>>()?;
        timers.sort();
        for (time, key) in timers {
            self.due.insert(time, key);
        }
        Ok(())
    }
}
