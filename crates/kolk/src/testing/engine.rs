//! The queries of a program, one record at a time: what the test driver has inside.

use super::driver::{DriverError, TestRecord};
use crate::operator::{Pipeline, PlanError};
use crate::record::{BadRecord, Output, Rows, RowsReader};
use crate::sink::held::SinkRow;
use crate::topology::{OnBadRecord, Query, Topology};
use kolk_wire::record::{
    BatchBuilder, Batches, Compression, Header, Headers, Scratch, set_base_offset,
};

/// A record and the topic that it goes to.
pub(super) type Addressed = (String, TestRecord);

/// All queries, in the order of their statements.
#[derive(Debug)]
pub(super) struct Engine {
    queries: Vec<Running>,
}

/// A query that runs.
#[derive(Debug)]
struct Running {
    name: String,
    source: String,
    on_bad_record: OnBadRecord,
    sink: String,
    pipeline: Pipeline,
    output: Output,
}

impl Engine {
    pub(super) fn new(topology: &Topology) -> Result<Self, PlanError> {
        let queries = topology.queries.iter().map(Running::new).collect::<Result<_, _>>()?;
        Ok(Self { queries })
    }

    /// Whether any query reads a topic.
    pub(super) fn reads(&self, topic: &str) -> bool {
        self.queries.iter().any(|query| query.source == topic)
    }

    /// The topics that are read, each once, in order.
    pub(super) fn topics_read(&self) -> Vec<String> {
        let mut topics: Vec<String> =
            self.queries.iter().map(|query| query.source.clone()).collect();
        topics.sort();
        topics.dedup();
        topics
    }

    /// Runs every query that reads the topic on the record; appends what they write, and why records were passed over.
    pub(super) fn process(
        &mut self,
        (topic, record, offset): (&str, &TestRecord, i64),
        written: &mut Vec<Addressed>,
        skipped: &mut Vec<String>,
    ) -> Result<(), DriverError> {
        let rows = rows(record, offset)
            .map_err(|reason| DriverError::Unwritable { topic: topic.to_owned(), reason })?;
        for query in self.queries.iter_mut().filter(|query| query.source == topic) {
            query.process(&rows, written)?;
            for bad in &query.output.bad {
                written.extend(query.dead_letter(record, offset, bad));
                skipped.push(query.error(&rows, bad).to_string());
            }
        }
        Ok(())
    }
}

impl Running {
    fn new(query: &Query) -> Result<Self, PlanError> {
        let pipeline = Pipeline::new(query)?;
        let graph = |why: &str| PlanError::Graph { query: query.name.clone(), why: why.to_owned() };
        let (source, _) = query.sources().next().ok_or_else(|| graph("it reads no topic"))?;
        let sink = query.sink().ok_or_else(|| graph("its last node is no sink"))?;
        Ok(Self {
            name: query.name.clone(),
            source: source.topic.clone(),
            on_bad_record: source.on_bad_record.clone(),
            sink: sink.topic.clone(),
            pipeline,
            output: Output::default(),
        })
    }

    /// The one place where rows become the records of a query's sink.
    fn process(&mut self, rows: &Rows, written: &mut Vec<Addressed>) -> Result<(), DriverError> {
        self.output.clear();
        self.pipeline.process(rows, &mut self.output);
        if let (OnBadRecord::Fail, Some(bad)) = (&self.on_bad_record, self.output.bad.first()) {
            return Err(self.error(rows, bad));
        }
        let sink_rows = self.output.rows.iter().map(|row| SinkRow::of(rows, &self.output, row));
        written.extend(sink_rows.map(|row| (self.sink.clone(), record(&row))));
        Ok(())
    }

    fn error(&self, rows: &Rows, bad: &BadRecord) -> DriverError {
        DriverError::BadRecord {
            query: self.name.clone(),
            topic: self.source.clone(),
            partition: rows.partition,
            offset: rows.rows.get(bad.input as usize).map_or(-1, |row| row.offset),
            reason: bad.reason.clone(),
        }
    }

    /// What goes to the dead-letter topic, if there is one: the record as it came, and headers that tell why.
    fn dead_letter(&self, record: &TestRecord, offset: i64, bad: &BadRecord) -> Option<Addressed> {
        let OnBadRecord::DeadLetter { topic } = &self.on_bad_record else { return None };
        let mut letter = record.clone();
        letter.partition = if letter.key.is_some() { -1 } else { record.partition };
        for (name, value) in [
            ("kolk.error", bad.reason.clone()),
            ("kolk.topic", self.source.clone()),
            ("kolk.partition", record.partition.to_string()),
            ("kolk.offset", offset.to_string()),
        ] {
            letter.headers.push((name.to_owned(), Some(value.into_bytes())));
        }
        Some((topic.clone(), letter))
    }
}

/// The record as a source would give it: through a record batch.
fn rows(record: &TestRecord, offset: i64) -> Result<Rows, String> {
    let headers: Vec<Header<'_>> = record
        .headers
        .iter()
        .map(|(name, value)| Header { key: name.as_bytes(), value: value.as_deref() })
        .collect();
    let mut builder = BatchBuilder::new(Compression::None);
    builder
        .push(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers)
        .map_err(|error| error.to_string())?;
    let mut batch = builder.finish();
    set_base_offset(&mut batch, offset, 0);
    let batch = batch.freeze();
    let mut reader = RowsReader::new(batch.clone(), Batches::new(batch), offset);
    let mut rows = Rows { partition: record.partition, ..Rows::default() };
    reader.next_rows(&mut Scratch::new(), &mut rows).map_err(|error| error.to_string())?;
    Ok(rows)
}

/// The record that a sink would write. Its partition is the key's, or without one the input's.
fn record(row: &SinkRow<'_>) -> TestRecord {
    let headers = Headers::from_bytes(row.headers).unwrap_or_default();
    TestRecord {
        key: row.key.map(<[u8]>::to_vec),
        value: row.value.map(<[u8]>::to_vec),
        timestamp: row.timestamp,
        headers: headers
            .map(|header| (header.name().into_owned(), header.value.map(<[u8]>::to_vec)))
            .collect(),
        partition: if row.key.is_some() { -1 } else { row.partition.partition },
    }
}
