//! From fetched batches to delivery: rows are cut out, processed and handed over, and every record gets its fate.

use super::dead_letter::DeadLetter;
use super::error::QueryError;
use crate::account::Account;
use crate::client::TopicPartition;
use crate::client::fetch::FetchedPartition;
use crate::operator::Pipeline;
use crate::record::{BadRecord, Output, Rows, RowsReader};
use crate::sink::connector::{ConnectorOutlet, Refused};
use crate::sink::delivery::Delivery;
use crate::sink::held::SinkRow;
use crate::sink::kafka::{KafkaOutlet, Side};
use crate::sink::progress::{InputPartition, Lane};
use crate::source::Source;
use crate::topology::OnBadRecord;
use kolk_wire::DecodeError;
use kolk_wire::record::{Batch, Scratch};

type Batches = std::iter::Map<std::vec::IntoIter<Batch>, fn(Batch) -> Result<Batch, DecodeError>>;

/// A fetched partition of which rows are still to come.
#[derive(Debug)]
struct Open {
    partition: TopicPartition,
    reader: RowsReader<Batches>,
    next: i64,
    caught_up: bool,
}

/// Where rows go: to the store if there is one, else to Kafka.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) kafka: &'a mut KafkaOutlet,
    pub(super) store: Option<&'a mut ConnectorOutlet>,
}

/// Feeds delivery. Its buffers are used again and again.
#[derive(Debug)]
pub(super) struct Feed {
    pipeline: Pipeline,
    on_bad_record: OnBadRecord,
    /// The dead-letter topic, if there is one.
    dead_letters: Option<Side>,
    open: Option<Open>,
    scratch: Scratch,
    rows: Rows,
    output: Output,
}

impl Feed {
    pub(super) fn new(
        pipeline: Pipeline,
        on_bad_record: OnBadRecord,
        dead_letters: Option<Side>,
    ) -> Self {
        let (scratch, rows, output) = (Scratch::new(), Rows::default(), Output::default());
        Self { pipeline, on_bad_record, dead_letters, open: None, scratch, rows, output }
    }

    pub(super) fn on_bad_record(&self) -> &OnBadRecord {
        &self.on_bad_record
    }

    /// Whether a fetched partition is not finished.
    pub(super) fn has_rows(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn open(&mut self, fetched: FetchedPartition) {
        let FetchedPartition { partition, start, next, batches, records, caught_up, .. } = fetched;
        let batches: Batches = batches.into_iter().map(Ok);
        let reader = RowsReader::new(records, batches, start.0);
        self.open = Some(Open { partition, reader, next: next.0, caught_up });
    }

    /// Drops what is left of a partition that goes to somebody else.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        if self.open.as_ref().is_some_and(|open| open.partition == *partition) {
            self.open = None;
        }
    }

    pub(super) fn clear(&mut self) {
        self.open = None;
    }

    /// Processes the next rows of the open partition; tells of how many bytes they were read.
    pub(super) fn next(
        &mut self,
        source: &mut Source,
        (delivery, Target { kafka, store }): (&mut Delivery, Target<'_>),
        account: &mut Account,
        now_ms: i64,
    ) -> Result<usize, QueryError> {
        let Some(open) = &mut self.open else { return Ok(0) };
        let partition = open.partition.clone();
        self.rows.source = source.node_of(&partition.topic);
        self.rows.partition = partition.partition;
        open.reader.limit(delivery.rows_wanted());
        let more = open.reader.next_rows(&mut self.scratch, &mut self.rows).map_err(|error| {
            let offset = open.reader.position();
            QueryError::Input {
                what: format!("{partition} cannot be read at offset {offset}: {error}"),
            }
        })?;
        self.output.clear();
        if !more {
            // Markers, aborted and compacted records at the end move the position too.
            let (end, caught_up) = (open.next, open.caught_up);
            self.open = None;
            self.hand_over(delivery, (kafka, store), end, now_ms);
            source.processed(&partition, end);
            source.fetched(&partition, caught_up);
            source.observe(&partition, None, caught_up);
            return Ok(0);
        }
        let end = open.reader.position();
        self.pipeline.process(&self.rows, &mut self.output);
        if store.is_none() {
            self.sort_out_too_large(kafka);
        }
        self.check_bad(&partition)?;
        self.hand_over(delivery, (kafka, store), end, now_ms);
        self.bury(&partition, (delivery, kafka))?;
        self.book(account);
        source.processed(&partition, end);
        source.fetched(&partition, false);
        source.observe(&partition, self.output.max_event_time, false);
        Ok(self.rows.bytes())
    }

    fn hand_over(
        &self,
        delivery: &mut Delivery,
        (kafka, store): (&mut KafkaOutlet, Option<&mut ConnectorOutlet>),
        end: i64,
        now_ms: i64,
    ) {
        let rows = (&self.rows, &self.output);
        match store {
            None => delivery.accept(rows, end, kafka, now_ms),
            Some(store) => delivery.accept(rows, end, store, now_ms),
        }
    }

    /// Rows that could never be sent are bad records.
    fn sort_out_too_large(&mut self, outlet: &KafkaOutlet) {
        // Nothing in a small batch can be too large.
        if !outlet.may_be_too_large(self.rows.buffer.len().max(self.output.encoded.len())) {
            return;
        }
        let Output { rows, bad, encoded, .. } = &mut self.output;
        let all = std::mem::take(rows);
        let output = Output { encoded: std::mem::take(encoded), ..Output::default() };
        for row in all {
            match outlet.check_size(&SinkRow::of(&self.rows, &output, &row)) {
                Ok(()) => rows.push(row),
                Err(error) => {
                    bad.push(BadRecord { input: row.input, reason: error.to_string() });
                }
            }
        }
        bad.sort_by_key(|bad| bad.input);
        *encoded = output.encoded;
    }

    fn check_bad(&self, partition: &TopicPartition) -> Result<(), QueryError> {
        let bad = self.output.bad.first().filter(|_| self.on_bad_record == OnBadRecord::Fail);
        bad.and_then(|bad| self.letter(partition, bad)).map_or(Ok(()), |bad| Err(bad.error()))
    }

    /// Sends bad records to the dead-letter topic, if there is one.
    fn bury(
        &self,
        partition: &TopicPartition,
        (delivery, outlet): (&mut Delivery, &mut KafkaOutlet),
    ) -> Result<(), QueryError> {
        let Some(to) = self.dead_letters else { return Ok(()) };
        for letter in self.output.bad.iter().filter_map(|bad| self.letter(partition, bad)) {
            let lane = letter.send(to, outlet)?;
            delivery.also_sent(letter.row.partition, lane, 1);
        }
        Ok(())
    }

    /// Sends a row that the sink's store did not want to the dead-letter topic; the lane that it took.
    pub(super) fn bury_refused(
        &self,
        refused: &Refused,
        topic: &str,
        outlet: &mut KafkaOutlet,
    ) -> Result<Option<(InputPartition, Lane)>, QueryError> {
        let (Some(to), Some(row)) = (self.dead_letters, refused.row()) else { return Ok(None) };
        let letter = DeadLetter { row, topic, offset: None, reason: &refused.why };
        Ok(Some((row.partition, letter.send(to, outlet)?)))
    }

    fn letter<'a>(
        &'a self,
        partition: &'a TopicPartition,
        bad: &'a BadRecord,
    ) -> Option<DeadLetter<'a>> {
        let Rows { source, partition: number, buffer, rows, .. } = &self.rows;
        let row = rows.get(bad.input as usize)?;
        let (offset, reason) = (Some(row.offset), bad.reason.as_str());
        let row = SinkRow {
            key: row.key.of(buffer),
            value: row.value.of(buffer),
            headers: row.headers.of(buffer).unwrap_or_default(),
            fields: None,
            timestamp: row.timestamp,
            partition: InputPartition { source: *source, partition: *number },
            offset: offset.unwrap_or(-1),
        };
        Some(DeadLetter { row, topic: &partition.topic, offset, reason })
    }

    fn book(&self, account: &mut Account) {
        let bad = self.output.bad.len() as u64;
        account.read += self.rows.rows.len() as u64;
        account.forwarded += self.output.rows.len() as u64;
        account.filtered += self.output.filtered;
        account.failed_expressions += self.output.failed_expressions;
        match self.on_bad_record {
            OnBadRecord::DeadLetter { .. } => account.dead_lettered += bad,
            OnBadRecord::Fail | OnBadRecord::Skip => account.skipped += bad,
        }
    }
}
