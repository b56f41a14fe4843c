//! What a task has put out, on its way to delivery: rows to the sink, everything else to a place of its own.

use super::{Tasks, Way};
use crate::operator::task::BadRow;
use crate::record::{Addressed, Destination, Rows};
use crate::runtime::bug::Bug;
use crate::runtime::dead_letter::DeadLetter;
use crate::runtime::error::QueryError;
use crate::runtime::stage_plan::StagePlan;
use crate::runtime::topics::late_topic;
use crate::sink::held::SinkRow;
use crate::sink::kafka::{KafkaOutlet, Side};
use crate::sink::outlet::{Outlet, Stamp};
use crate::sink::progress::{InputPartition, Lane};
use crate::state::local::changelog_topic;
use crate::topology::OnBadRecord;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where records go that choose their partition themselves.
#[derive(Debug)]
pub(super) struct Sides {
    sink: Side,
    /// By number of the store.
    changelogs: Vec<Side>,
    /// By node.
    late: BTreeMap<usize, Side>,
}

impl Sides {
    /// The topics are added to the outlet.
    pub(super) fn new(plan: &StagePlan, outlet: &mut KafkaOutlet) -> Self {
        let query = &plan.stage.query;
        let mut side =
            |topic: &str| outlet.add_topic(&Arc::from(topic), plan.topics.partitions_of(topic));
        let sink = side(query.sink().map_or("", |sink| &sink.topic));
        let stores = plan.stage.stores.iter();
        let changelogs =
            stores.map(|store| side(&changelog_topic(&plan.application, &store.name))).collect();
        let nodes = query.nodes.iter().enumerate();
        let late =
            nodes.filter_map(|(node, of)| Some((node, side(late_topic(&of.operator)?)))).collect();
        Self { sink, changelogs, late }
    }

    /// The lane of a store's changelog for a task.
    pub(super) fn changelog(&self, store: usize, task: i32) -> Option<Lane> {
        self.changelogs.get(store).map(|side| side.lane(task))
    }

    fn lane(&self, of: &Addressed, task: i32) -> Option<Lane> {
        match of.to {
            Destination::Sink => Some(self.sink.lane(of.partition)),
            Destination::Changelog(store) => self.changelog(store, task),
            Destination::Late(node) => self.late.get(&node).map(|side| side.lane(of.partition)),
        }
    }
}

impl Tasks {
    /// Hands over what a task has put out, and books what became of its rows.
    pub(super) fn deliver(&mut self, number: i32, way: &mut Way<'_>) -> Result<(), QueryError> {
        let Some(running) = self.running.get_mut(&number) else { return Ok(()) };
        let (fates, bad) = (running.task.take_fates(), running.task.take_bad());
        let account = &mut *way.account;
        account.read += fates.read;
        account.made += fates.made;
        account.forwarded += fates.forwarded;
        account.filtered += fates.filtered + self.output.filtered;
        account.late += fates.late;
        account.null_key += fates.null_key;
        account.taken += fates.taken;
        account.future += fates.future;
        account.failed_expressions += fates.failed_expressions + self.output.failed_expressions;
        if self.output.rows.is_empty() && self.output.addressed.is_empty() && bad.is_empty() {
            return Ok(());
        }
        running.sent = true;
        if self.bug.is(Bug::LoseRow) {
            self.output.rows.pop();
        }
        self.leave_out_too_large(way)?;
        let input = InputPartition { source: 0, partition: number };
        // What was encoded is all there is: rows of a task are no slices of its input.
        let nothing = Rows { partition: number, ..Rows::default() };
        way.delivery.accept((&nothing, &self.output), 0, way.outlet, way.now_ms);
        self.deliver_addressed(input, way)?;
        bad.iter().try_for_each(|bad| self.bury(number, bad, way))
    }

    fn deliver_addressed(
        &self,
        input: InputPartition,
        way: &mut Way<'_>,
    ) -> Result<(), QueryError> {
        let mut last: Option<(Lane, u64)> = None;
        for of in &self.output.addressed {
            let Some(lane) = self.sides.lane(of, input.partition) else { continue };
            // Retention of changelogs goes by the time when an entry was written, and nobody reads the time-stamp of a block: an
            // event time may be one that the broker refuses.
            let timestamp = match of.to {
                Destination::Late(_) => of.timestamp,
                Destination::Sink | Destination::Changelog(_) => way.now_ms,
            };
            let row = SinkRow {
                key: of.key.of(&self.output.encoded),
                value: of.value.of(&self.output.encoded),
                headers: &[],
                fields: None,
                timestamp,
                partition: input,
                offset: -1,
            };
            let too_large = |error| self.too_large(of.to, &error);
            way.outlet.check_size(&row).map_err(too_large)?;
            way.outlet.append(lane, &row, Stamp::At(timestamp), None);
            match &mut last {
                Some((of, count)) if *of == lane => *count += 1,
                _ => {
                    if let Some((lane, count)) = last.replace((lane, 1)) {
                        way.delivery.also_sent(input, lane, count);
                    }
                }
            }
        }
        if let Some((lane, count)) = last {
            way.delivery.also_sent(input, lane, count);
        }
        Ok(())
    }

    /// The error of a record without which the query would not be right.
    fn too_large(&self, of: Destination, error: &dyn std::fmt::Display) -> QueryError {
        let query = &self.stage.query;
        let what = match of {
            Destination::Sink => "rows for the next stage".to_owned(),
            Destination::Late(_) => "a row that came too late".to_owned(),
            Destination::Changelog(store) => {
                let store = self.stage.stores.get(store).map_or("", |store| &store.name);
                format!("an entry of store {store}")
            }
        };
        let why = format!("{what} cannot be sent: {error}");
        QueryError::Row { query: query.name.clone(), why }
    }

    /// Rows that could never be sent stop the query, or are left out where all sources pass over bad records.
    fn leave_out_too_large(&mut self, way: &mut Way<'_>) -> Result<(), QueryError> {
        if !way.outlet.may_be_too_large(self.output.encoded.len()) {
            return Ok(());
        }
        let fails = self.fails_on_bad_rows();
        let (nothing, mut error) = (Rows::default(), None);
        let rows = std::mem::take(&mut self.output.rows);
        let (fit, large): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| {
            let checked = way.outlet.check_size(&SinkRow::of(&nothing, &self.output, row));
            checked.map_err(|why| error = Some(why)).is_ok()
        });
        self.output.rows = fit;
        match error {
            Some(error) if fails => {
                let why = format!("a row cannot be sent: {error}");
                Err(QueryError::Row { query: self.stage.query.name.clone(), why })
            }
            _ => {
                let rows = large.len() as u64;
                way.account.too_large += rows;
                way.delivery.left_out(rows);
                Ok(())
            }
        }
    }

    /// A record that cannot be processed.
    fn bury(&self, task: i32, bad: &BadRow, way: &mut Way<'_>) -> Result<(), QueryError> {
        let Some(input) = self.inputs.get(bad.input) else { return Ok(()) };
        let partition = InputPartition { source: 0, partition: task };
        let row = SinkRow {
            key: bad.key.as_deref(),
            value: bad.value.as_deref(),
            headers: &bad.headers,
            fields: None,
            timestamp: bad.timestamp,
            partition,
            offset: bad.offset,
        };
        let letter =
            DeadLetter { row, topic: &input.topic, offset: Some(bad.offset), reason: &bad.reason };
        match (&input.on_bad_record, input.dead_letters) {
            (OnBadRecord::Fail, _) => Err(letter.error()),
            (OnBadRecord::DeadLetter { .. }, Some(to)) => {
                let lane = letter.send(to, way.outlet)?;
                way.delivery.also_sent(partition, lane, 1);
                way.account.dead_lettered += 1;
                Ok(())
            }
            _ => {
                way.account.skipped += 1;
                Ok(())
            }
        }
    }
}
