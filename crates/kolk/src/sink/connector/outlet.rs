//! The stage's side of a connection: rows gather into batches, and outcomes become acknowledgements.

use super::batch::RowBatch;
use super::origin::InputTopics;
use super::worker::{Ends, Message, Order};
use crate::sink::held::{HeldRows, SinkRow};
use crate::sink::kafka::KafkaOutlet;
use crate::sink::outlet::{AddedHeader, Outlet, Stamp};
use crate::sink::progress::Lane;
use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::mpsc::TryRecvError;

/// Lanes of a connection: keys are spread over them. Individual delivery has one row on its way for each.
const LANES: u32 = 16;
/// A batch is handed over when it has this many rows, or nothing more comes.
const BATCH_ROWS: usize = 2000;
/// … or this many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// Memory of the rows that gather while a batch is being written, in bytes; then reading waits.
const GATHERED_MAX: usize = 8 << 20;

/// A row that the store will never take.
#[derive(Debug)]
pub struct Refused {
    /// The row, alone.
    rows: HeldRows,
    /// Why.
    pub why: String,
    /// Its lane.
    pub lane: Lane,
}

impl Refused {
    /// The row.
    #[must_use]
    pub fn row(&self) -> Option<SinkRow<'_>> {
        self.rows.get(0).map(|(row, _)| row)
    }
}

/// Rows on their way into a store.
#[derive(Debug)]
pub struct ConnectorOutlet {
    ends: Ends,
    /// The number of the first lane: those before belong to somebody else.
    first_lane: u32,
    gathering: RowBatch,
    /// Handed over whole, in order, once nothing is written: bins and rows that were dispatched together stay together.
    sealed: VecDeque<RowBatch>,
    sealed_memory: usize,
    /// A batch is with the worker.
    writing: bool,
    /// The batch that came back with refused rows: it is settled, or written further, when all of those are elsewhere.
    returned: Option<RowBatch>,
    /// Batches of former numbers belong to a past that was taken back.
    number: u64,
    topics: InputTopics,
    acknowledged: Vec<(Lane, u64)>,
    refused: VecDeque<Refused>,
    /// Refused rows that are not elsewhere yet.
    homeless: usize,
    /// Those of them that are on their way.
    buried: usize,
    waiting: Option<String>,
    sent_again: u64,
    notices: Vec<String>,
    fenced: Option<String>,
    gave_up: Option<String>,
}

impl ConnectorOutlet {
    pub(super) fn new(ends: Ends) -> Self {
        Self {
            ends,
            first_lane: 0,
            gathering: RowBatch::default(),
            sealed: VecDeque::new(),
            sealed_memory: 0,
            writing: false,
            returned: None,
            number: 0,
            topics: InputTopics::default(),
            acknowledged: Vec::new(),
            refused: VecDeque::new(),
            homeless: 0,
            buried: 0,
            waiting: None,
            sent_again: 0,
            notices: Vec::new(),
            fenced: None,
            gave_up: None,
        }
    }

    /// Lanes are counted from `first` on.
    pub fn set_first_lane(&mut self, first: u32) {
        self.first_lane = first;
    }

    /// Rows of this source come from this topic from now on.
    pub fn reads(&mut self, source: usize, topic: &str, id: [u8; 16]) {
        self.topics.set(source, topic, id);
    }

    /// Hears what has happened, and hands over what may go.
    ///
    /// # Errors
    /// Why the connection has given up.
    pub fn step(&mut self) -> Result<(), String> {
        loop {
            match self.ends.messages.try_recv() {
                Ok(message) => self.hear(message),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    let why = || "the thread of the connection has ended".to_owned();
                    return Err(self.gave_up.clone().unwrap_or_else(why));
                }
            }
        }
        if let Some(why) = &self.gave_up {
            return Err(why.clone());
        }
        self.go_on();
        Ok(())
    }

    fn go_on(&mut self) {
        if self.homeless > 0 {
            return;
        }
        if let Some(batch) = self.returned.take() {
            if batch.is_done() {
                self.settle(&batch);
            } else {
                self.order(batch);
            }
        }
        if !self.writing {
            if self.sealed.is_empty() {
                self.seal();
            }
            if let Some(batch) = self.sealed.pop_front() {
                self.sealed_memory -= batch.memory();
                self.order(batch);
            }
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Done(number, batch) => {
                self.writing = false;
                self.waiting = None;
                if batch.is_done() || number != self.number {
                    self.sent_again += batch.sent_again();
                }
                if number == self.number {
                    self.take_back(*batch);
                }
            }
            Message::Fenced(number, why) => {
                self.writing = false;
                self.waiting = None;
                if number == self.number {
                    self.fenced = Some(why);
                }
            }
            Message::Waiting { failures, why } => {
                let times =
                    if failures == 1 { String::new() } else { format!(" ({failures} times)") };
                self.waiting = Some(format!("the store does not take rows: {why}{times}"));
            }
            Message::GaveUp(why) => self.gave_up = Some(why),
        }
    }

    fn take_back(&mut self, mut batch: RowBatch) {
        self.notices.append(&mut batch.notices);
        for (index, why) in batch.take_refused() {
            let (Some(row), Some(as_it_came)) = (batch.get(index), batch.sink_row(index)) else {
                continue;
            };
            let mut rows = HeldRows::default();
            rows.push(&as_it_came, row.lane, None);
            self.refused.push_back(Refused { rows, why, lane: row.lane });
            self.homeless += 1;
        }
        self.returned = Some(batch);
    }

    /// Acknowledges a batch as a whole: lanes count rows without knowing which, so none may overtake a refused one.
    fn settle(&mut self, batch: &RowBatch) {
        for row in (0..batch.len()).filter_map(|index| batch.get(index)) {
            match self.acknowledged.last_mut() {
                Some((lane, rows)) if *lane == row.lane => *rows += 1,
                _ => self.acknowledged.push((row.lane, 1)),
            }
        }
    }

    fn order(&mut self, batch: RowBatch) {
        let order: Order = (self.number, batch);
        // There is room for one, and none is on its way; a worker that is gone is told of by the other channel.
        self.writing = self.ends.orders.try_send(order).is_ok();
    }

    fn seal(&mut self) {
        if !self.gathering.is_empty() {
            let next = RowBatch::of_session(self.number);
            let batch = std::mem::replace(&mut self.gathering, next);
            self.sealed_memory += batch.memory();
            self.sealed.push_back(batch);
        }
    }

    /// The next row that the store will never take. Say [`Self::left_out`] or [`Self::bury`] of each.
    pub fn take_refused(&mut self) -> Option<Refused> {
        self.refused.pop_front()
    }

    /// A refused row was passed over.
    pub fn left_out(&mut self) {
        self.homeless = self.homeless.saturating_sub(1);
        self.go_on();
    }

    /// A refused row is on its way elsewhere: it counts as acknowledged when it is there.
    pub fn bury(&mut self) {
        self.buried += 1;
    }

    /// All that was on its way elsewhere is there.
    pub fn buried(&mut self) {
        self.homeless = self.homeless.saturating_sub(std::mem::take(&mut self.buried));
        self.go_on();
    }

    /// Why the store refuses this instance, once: another has its partitions. All that is not acknowledged must be read again.
    pub fn take_fenced(&mut self) -> Option<String> {
        self.fenced.take()
    }

    /// What the connection has to tell people.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Why rows wait, if they do.
    #[must_use]
    pub fn waiting(&self) -> Option<&str> {
        self.waiting.as_deref()
    }

    /// How many rows were sent again because the store had not taken them, or had not said so.
    #[must_use]
    pub fn sent_again(&self) -> u64 {
        self.sent_again
    }

    /// Drops all that is not acknowledged: the query goes back to its committed offsets. What is being written may be stored all the
    /// same.
    pub fn clear(&mut self) {
        self.number += 1;
        self.gathering = RowBatch::of_session(self.number);
        self.sealed.clear();
        self.sealed_memory = 0;
        self.acknowledged.clear();
        self.refused.clear();
        self.returned = None;
        (self.homeless, self.buried) = (0, 0);
        self.fenced = None;
    }
}

impl Outlet for ConnectorOutlet {
    fn lane(&mut self, row: &SinkRow<'_>) -> Lane {
        let of_key = |key: &[u8]| {
            let hasher = BuildHasherDefault::<DefaultHasher>::default();
            u32::try_from(hasher.hash_one(key) % u64::from(LANES)).unwrap_or_default()
        };
        // Rows without a key stay in the order of the partition that they came from.
        let lane = row.key.map_or_else(|| row.partition.partition.unsigned_abs() % LANES, of_key);
        Lane(self.first_lane + lane)
    }

    fn append(
        &mut self,
        lane: Lane,
        row: &SinkRow<'_>,
        stamp: Stamp,
        header: Option<AddedHeader<'_>>,
    ) {
        let is_full = self.gathering.len() >= BATCH_ROWS || self.gathering.bytes() >= BATCH_BYTES;
        if is_full && !self.gathering.ends_within_record_of(row) {
            self.seal();
        }
        if let Some(topic) = self.topics.get(row.partition.source) {
            self.gathering.come_from(topic);
        }
        self.gathering.push(lane, row, stamp, header);
    }

    fn dispatch(&mut self) {
        self.seal();
    }

    fn has_room(&self) -> bool {
        self.sealed_memory + self.gathering.memory() < GATHERED_MAX
    }

    fn acknowledged(&mut self, each: &mut dyn FnMut(Lane, u64)) {
        for (lane, rows) in self.acknowledged.drain(..) {
            each(lane, rows);
        }
    }
}

/// Rows for the store, and beside them records for Kafka: dead letters.
#[derive(Debug)]
pub struct Beside<'a> {
    /// Where rows go.
    pub store: &'a mut ConnectorOutlet,
    /// Whose acknowledgements are heard too.
    pub kafka: &'a mut KafkaOutlet,
}

impl Outlet for Beside<'_> {
    fn lane(&mut self, row: &SinkRow<'_>) -> Lane {
        self.store.lane(row)
    }

    fn append(
        &mut self,
        lane: Lane,
        row: &SinkRow<'_>,
        stamp: Stamp,
        header: Option<AddedHeader<'_>>,
    ) {
        self.store.append(lane, row, stamp, header);
    }

    fn dispatch(&mut self) {
        self.store.dispatch();
        self.kafka.dispatch();
    }

    fn has_room(&self) -> bool {
        self.store.has_room() && self.kafka.has_room()
    }

    fn acknowledged(&mut self, each: &mut dyn FnMut(Lane, u64)) {
        self.store.acknowledged(each);
        self.kafka.acknowledged(each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::progress::InputPartition;
    use std::sync::mpsc::sync_channel;

    /// Small rows once gathered until they took many times the memory that there is for rows.
    #[test]
    fn rows_of_few_bytes_fill_it_too() {
        let (orders, _for_worker) = sync_channel(1);
        let (_messages, messages) = sync_channel(1);
        let mut outlet = ConnectorOutlet::new(Ends { orders, messages });
        let row = SinkRow {
            key: None,
            value: None,
            headers: &[],
            fields: None,
            timestamp: 0,
            partition: InputPartition { source: 0, partition: 0 },
            offset: 0,
        };
        let mut rows = 0;
        while outlet.has_room() && rows < 200_000 {
            outlet.append(Lane(0), &row, Stamp::At(0), None);
            rows += 1;
        }
        assert!((10_000..200_000).contains(&rows), "{rows} rows");
    }
}
