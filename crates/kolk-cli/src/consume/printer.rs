//! Prints fetched records until there are enough.

use crate::output::{FormArgs, Output};
use crate::reader::each_record;
use crate::record_text::{LineFormat, to_json};
use kolk::client::Offset;
use kolk::client::fetch::FetchedPartition;
use kolk_wire::record::Scratch;
use std::rc::Rc;

/// Prints records.
#[derive(Debug)]
pub(super) struct Printer {
    format: LineFormat,
    form: FormArgs,
    topic: String,
    max: Option<u64>,
    printed: u64,
    /// Whether the last call printed anything.
    saw_records: bool,
    scratch: Scratch,
    line: Vec<u8>,
    out: Rc<Output>,
}

impl Printer {
    /// Prints at most `max` records.
    pub(super) fn new(
        format: LineFormat,
        form: FormArgs,
        topic: &str,
        max: Option<u64>,
        out: &Rc<Output>,
    ) -> Self {
        Self {
            format,
            form,
            topic: topic.to_owned(),
            max,
            printed: 0,
            saw_records: false,
            scratch: Scratch::new(),
            line: Vec::new(),
            out: Rc::clone(out),
        }
    }

    /// Whether enough was printed.
    pub(super) fn is_full(&self) -> bool {
        self.max.is_some_and(|max| self.printed >= max)
    }

    /// How many records were printed.
    pub(super) fn printed(&self) -> u64 {
        self.printed
    }

    /// Whether the last [`Self::print`] printed anything.
    pub(super) fn saw_records(&self) -> bool {
        self.saw_records
    }

    /// Prints records before `end`, as many as are still wanted; returns the offset to go on from.
    ///
    /// # Errors
    /// When a batch is damaged, or standard output is closed.
    pub(super) fn print(
        &mut self,
        fetched: &FetchedPartition,
        end: Option<&Offset>,
    ) -> anyhow::Result<Offset> {
        let mut next = None;
        let before = self.printed;
        let Self { format, form, topic, max, printed, scratch, line, out, .. } = self;
        let partition = fetched.partition.partition;
        each_record(fetched, scratch, |record, batch| {
            if next.is_some() || end.is_some_and(|end| record.offset >= end.0) {
                return Ok(());
            }
            if max.is_some_and(|max| *printed >= max) {
                next = Some(Offset(record.offset));
                return Ok(());
            }
            *printed += 1;
            if form.is_json() {
                return Ok(out.json(&to_json(topic, partition, record, batch))?);
            }
            line.clear();
            format.write(partition, record, batch, line);
            Ok(out.bytes(line)?)
        })?;
        self.saw_records = self.printed > before;
        Ok(next.unwrap_or(fetched.next))
    }

    /// Hands what was printed to the system.
    ///
    /// # Errors
    /// When standard output is closed.
    pub(super) fn flush(&self) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}
