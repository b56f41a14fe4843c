//! The order in which a task takes rows from its inputs, and the watermark of each input.
//!
//! A lane is one source partition, or, behind a repartition topic, what one task of the stage before has sent: its rows are in
//! append order. The task takes the row with the smallest record time-stamp first, and waits for a lane that may still bring an
//! earlier one. A lane's watermark is its largest event time minus the input's delay. The input's is the minimum over its lanes
//! that still have something to read; when all are caught up, the largest of theirs. An input all of whose lanes are idle is left out
//! where inputs meet; [`super::task::Task`] tells its nodes.

use crate::operator::block::Around;
use crate::operator::chunk::{Chunk, Origin};
use crate::record::Rows;
use crate::topology::WatermarkPolicy;
use std::collections::VecDeque;

/// An event time may be this far beyond what is known of when the row came to be (R9); one beyond moves no watermark, or a single clock
/// gone wrong would make all that follows late.
const FUTURE_MAX_MS: i64 = 5 * 60 * 1000;
/// Rows that wait in all lanes for an earlier one, at most. Behind a repartition topic one lane cannot be held back without the
/// others: beyond this bound the smallest goes although an earlier one may come.
pub(crate) const WAITING_ROWS_MAX: usize = 1 << 20;

/// What waits in a lane, in order.
#[derive(Debug)]
pub(crate) enum Item {
    /// Records of a source, from row `next` on.
    Records { rows: Rows, next: usize },
    /// Rows of the stage before, from row `next` on, and the watermarks around each; `offset` is that of their record.
    Block { chunk: Chunk, around: Vec<Around>, next: usize, offset: i64 },
    /// How far the task before had come behind these rows.
    Told(Progress),
    /// The source had nothing more behind these rows.
    CaughtUp,
}

/// How far a lane has come. This is what is committed and restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The watermark, milliseconds since 1970.
    pub(crate) watermark: Option<i64>,
    /// No record with a smaller time-stamp comes any more, as far as append times rise.
    pub(crate) reached: i64,
    /// Nothing is left to read for the moment.
    pub(crate) caught_up: bool,
    /// And nothing has come for the input's `idle_timeout`.
    pub(crate) idle: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self { watermark: None, reached: i64::MIN, caught_up: false, idle: false }
    }
}

/// One lane.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The input that it belongs to, by number among the stage's sources.
    pub(crate) input: usize,
    /// The task of the stage before, behind a repartition topic.
    pub(crate) upstream: Option<i32>,
    /// How far its rows have come.
    pub(crate) progress: Progress,
    /// The next offset to read when everything taken so far is done; and, within the record there, rows that are done already.
    pub(crate) done: (i64, usize),
    delay_ms: i64,
    told_by: ToldBy,
    queue: VecDeque<Item>,
}

/// How the lanes of an input are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneSettings {
    pub(crate) delay_ms: i64,
    pub(crate) told_by: ToldBy,
}

/// What tells that an event time is of the future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToldBy {
    /// The time-stamp of the record: event times stand in a column.
    Timestamp,
    /// The clock when the record was read: its time-stamp is the event time. What is committed was judged once and for all: the
    /// watermark that it left is in the state, and nobody reads the record again.
    Clock,
}

/// All lanes of a task.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    /// The watermark of each input.
    watermarks: Vec<Option<i64>>,
    /// Which inputs the nodes know as idle.
    idle: Vec<bool>,
    /// Whether a lane has become idle, or ceased to be, since [`Self::next`] looked.
    idleness_moved: bool,
    policy: WatermarkPolicy,
    waiting_rows: usize,
    /// Rows that moved no watermark since they are of the future.
    future: u64,
    /// Memory is short: no row waits for one that may not come before it becomes free.
    hurry: bool,
}

/// What a task does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing, until something comes.
    Wait,
    /// The lane's first item has rows; take those with a record time-stamp up to the bound.
    Rows { lane: usize, until: i64 },
    /// The input's watermark has moved without a row.
    Watermark { input: usize, watermark: i64 },
    /// All lanes of the input are idle, or no longer.
    Idle { input: usize, idle: bool },
}

impl Item {
    fn timestamp(&self) -> Option<i64> {
        match self {
            Self::Records { rows, next } => rows.rows.get(*next).map(|row| row.timestamp),
            Self::Block { chunk, next, .. } => {
                chunk.origins.get(*next).map(|origin: &Origin| origin.timestamp)
            }
            Self::Told(_) | Self::CaughtUp => None,
        }
    }

    /// The offset of its first row.
    fn offset(&self) -> Option<i64> {
        match self {
            Self::Records { rows, next } => rows.rows.get(*next).map(|row| row.offset),
            Self::Block { chunk, next, offset, .. } => (*next < chunk.rows).then_some(*offset),
            Self::Told(_) | Self::CaughtUp => None,
        }
    }

    fn rows_left(&self) -> usize {
        match self {
            Self::Records { rows, next } => rows.rows.len() - next,
            Self::Block { chunk, next, .. } => chunk.rows - next,
            Self::Told(_) | Self::CaughtUp => 0,
        }
    }
}

impl Lanes {
    pub(crate) fn new(inputs: usize, policy: WatermarkPolicy) -> Self {
        Self {
            lanes: Vec::new(),
            watermarks: vec![None; inputs],
            idle: vec![false; inputs],
            idleness_moved: false,
            policy,
            waiting_rows: 0,
            future: 0,
            hurry: false,
        }
    }

    /// Adds a lane; its number.
    pub(crate) fn add(
        &mut self,
        input: usize,
        upstream: Option<i32>,
        settings: LaneSettings,
    ) -> usize {
        let LaneSettings { delay_ms, told_by } = settings;
        let (progress, queue) = (Progress::default(), VecDeque::new());
        self.lanes.push(Lane { input, upstream, progress, done: (0, 0), delay_ms, told_by, queue });
        self.lanes.len() - 1
    }

    /// The lane of an input, and of a task of the stage before.
    pub(crate) fn find(&self, input: usize, upstream: Option<i32>) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.input == input && lane.upstream == upstream)
    }

    pub(crate) fn all(&self) -> &[Lane] {
        &self.lanes
    }

    /// Goes on where a lane had come to when it was committed.
    pub(crate) fn restore(&mut self, lane: usize, progress: Progress, done: (i64, usize)) {
        self.lanes[lane].progress = progress;
        self.lanes[lane].done = done;
    }

    /// The watermark of an input, as committed.
    pub(crate) fn restore_watermark(&mut self, input: usize, watermark: Option<i64>) {
        self.watermarks[input] = watermark;
    }

    /// Which inputs are idle; those that the nodes hear of next. Nothing else does when it is restored.
    pub(crate) fn restore_idle(&mut self) -> &[bool] {
        self.idle = (0..self.idle.len()).map(|input| self.is_idle(input)).collect();
        self.idleness_moved = false;
        &self.idle
    }

    /// The watermark of an input.
    pub(crate) fn watermark(&self, input: usize) -> Option<i64> {
        self.watermarks[input]
    }

    /// Whether the smallest row goes although an earlier one may come; `true` when there are such.
    pub(crate) fn set_hurry(&mut self, hurry: bool) -> bool {
        let begins = hurry && !self.hurry;
        self.hurry = hurry;
        begins && self.waiting_rows > 0
    }

    /// Rows that wait.
    pub(crate) fn waiting_rows(&self) -> usize {
        self.waiting_rows
    }

    /// Puts an item behind the others of its lane.
    pub(crate) fn push(&mut self, lane: usize, item: Item) {
        self.waiting_rows += item.rows_left();
        let of = &mut self.lanes[lane];
        if item.rows_left() > 0 {
            of.progress.caught_up = false;
            self.idleness_moved |= std::mem::take(&mut of.progress.idle);
        }
        of.queue.push_back(item);
    }

    /// Nothing has come to a lane of records for its `idle_timeout`. `false` when that is known, or rows are still to be taken.
    pub(crate) fn set_idle(&mut self, lane: usize) -> bool {
        let of = &mut self.lanes[lane];
        let is_news = of.progress.caught_up && of.queue.is_empty() && !of.progress.idle;
        of.progress.idle |= is_news;
        self.idleness_moved |= is_news;
        is_news
    }

    fn is_idle(&self, input: usize) -> bool {
        self.lanes.iter().filter(|lane| lane.input == input).all(|lane| lane.progress.idle)
    }

    /// The first input whose idleness the nodes do not know yet.
    fn idleness(&mut self) -> Option<(usize, bool)> {
        if !self.idleness_moved {
            return None;
        }
        for input in 0..self.idle.len() {
            let idle = self.is_idle(input);
            if std::mem::replace(&mut self.idle[input], idle) != idle {
                return Some((input, idle));
            }
        }
        self.idleness_moved = false;
        None
    }

    /// The same for an item of a repartition topic, from the record at `offset`; what is done of it already is passed over.
    pub(crate) fn push_new(&mut self, lane: usize, mut item: Item, offset: i64) {
        let (next, rows) = self.lanes[lane].done;
        if offset < next {
            return;
        }
        if let (true, Item::Block { next, .. }) = (offset == next, &mut item) {
            *next = rows;
        }
        self.push(lane, item);
    }

    /// Takes the first item of a lane out, to work on it; [`Self::give_back`] follows.
    pub(crate) fn lend(&mut self, lane: usize) -> Option<Item> {
        self.lanes[lane].queue.pop_front()
    }

    /// Puts an item back of which so many rows are done now. One without rows left goes.
    pub(crate) fn give_back(&mut self, lane: usize, mut item: Item, rows: usize) {
        self.waiting_rows -= rows;
        let of = &mut self.lanes[lane];
        let last = match &mut item {
            Item::Records { rows: records, next } => {
                *next += rows;
                let last = next.checked_sub(1).and_then(|last| records.rows.get(last));
                if let Some(last) = last {
                    of.done = (last.offset + 1, 0);
                }
                last.map(|last| last.timestamp)
            }
            Item::Block { chunk, next, offset, .. } => {
                *next += rows;
                of.done = if *next == chunk.rows { (*offset + 1, 0) } else { (*offset, *next) };
                next.checked_sub(1)
                    .and_then(|last| chunk.origins.get(last))
                    .map(|last| last.timestamp)
            }
            Item::Told(_) | Item::CaughtUp => None,
        };
        of.progress.reached = of.progress.reached.max(last.unwrap_or(i64::MIN));
        if item.rows_left() > 0 {
            of.queue.push_front(item);
        }
    }

    /// The offset of the first row of an input that waits.
    pub(crate) fn first_waiting(&self, input: usize) -> Option<i64> {
        let lanes = self.lanes.iter().filter(|lane| lane.input == input);
        lanes.filter_map(|lane| lane.queue.iter().find_map(Item::offset)).min()
    }

    /// What to do next.
    pub(crate) fn next(&mut self) -> Next {
        if let Some((input, watermark)) = self.apply_signs() {
            return Next::Watermark { input, watermark };
        }
        if let Some((input, idle)) = self.idleness() {
            return Next::Idle { input, idle };
        }
        let heads = self
            .lanes
            .iter()
            .enumerate()
            .filter_map(|(number, lane)| Some((lane.queue.front()?.timestamp()?, number)));
        let Some((timestamp, first)) = heads.min() else { return Next::Wait };
        let others = || self.lanes.iter().enumerate().filter(|(number, _)| *number != first);
        // Of two with the same time-stamp the lane with the smaller number goes first, also when its row is still to come.
        let sure = |number: usize, to: i64| if number < first { to.saturating_sub(1) } else { to };
        let may_bring_earlier = |(number, lane): (usize, &Lane)| {
            let is_open = lane.queue.is_empty() && !lane.progress.caught_up;
            is_open && sure(number, lane.progress.reached) < timestamp
        };
        let is_full = self.hurry || self.waiting_rows >= WAITING_ROWS_MAX;
        if !is_full && others().any(may_bring_earlier) {
            return Next::Wait;
        }
        let bound = |(number, lane): (usize, &Lane)| {
            let head = lane.queue.front().and_then(Item::timestamp);
            match head {
                None if lane.progress.caught_up => i64::MAX,
                head => sure(number, head.unwrap_or(lane.progress.reached)),
            }
        };
        let until = others().map(bound).min().unwrap_or(i64::MAX);
        Next::Rows { lane: first, until: until.max(timestamp) }
    }

    /// Applies what stands at the front of lanes and is no row; stops at the first that moves an input's watermark.
    fn apply_signs(&mut self) -> Option<(usize, i64)> {
        for number in 0..self.lanes.len() {
            while let Some(sign) =
                self.lanes[number].queue.pop_front_if(|item| item.rows_left() == 0)
            {
                let lane = &mut self.lanes[number];
                match sign {
                    Item::Told(told) => {
                        lane.progress.watermark = lane.progress.watermark.max(told.watermark);
                        lane.progress.reached = lane.progress.reached.max(told.reached);
                        lane.progress.caught_up = told.caught_up && lane.queue.is_empty();
                        let idle = told.idle && lane.queue.is_empty();
                        self.idleness_moved |= lane.progress.idle != idle;
                        lane.progress.idle = idle;
                    }
                    Item::CaughtUp => lane.progress.caught_up = lane.queue.is_empty(),
                    Item::Records { .. } | Item::Block { .. } => {}
                }
                let input = lane.input;
                if let Some(watermark) = self.moved(input) {
                    return Some((input, watermark));
                }
            }
        }
        None
    }

    /// The task before had this watermark, around a row: the input's, if that moves it.
    pub(crate) fn raise(&mut self, lane: usize, watermark: Option<i64>) -> Option<i64> {
        let lane = &mut self.lanes[lane];
        if watermark <= lane.progress.watermark {
            return None;
        }
        lane.progress.watermark = watermark;
        let input = lane.input;
        self.moved(input)
    }

    /// How many rows moved no watermark, since the last call, because they are of the future.
    pub(crate) fn take_future(&mut self) -> u64 {
        std::mem::take(&mut self.future)
    }

    /// A row of this event time and record time, and what the clock said when it was read, if anybody looked: where the input's
    /// watermark stands then, if the row moves it.
    pub(crate) fn advance(
        &mut self,
        lane: usize,
        time: i64,
        (timestamp, read_at): (i64, Option<i64>),
    ) -> Option<i64> {
        let of = &mut self.lanes[lane];
        let input = of.input;
        if self.policy == WatermarkPolicy::Max {
            if Some(time) <= of.progress.watermark {
                return None;
            }
            of.progress.watermark = Some(time);
            return self.moved(input);
        }
        let known = match of.told_by {
            ToldBy::Timestamp => timestamp,
            ToldBy::Clock => read_at.unwrap_or(i64::MAX),
        };
        if time > known.saturating_add(FUTURE_MAX_MS) {
            self.future += 1;
            return None;
        }
        let watermark = Some(time.saturating_sub(of.delay_ms));
        if watermark <= of.progress.watermark {
            return None;
        }
        of.progress.watermark = watermark;
        self.moved(input)
    }

    /// The input's watermark, if it has moved.
    fn moved(&mut self, input: usize) -> Option<i64> {
        let lanes =
            || self.lanes.iter().filter(|lane| lane.input == input).map(|lane| &lane.progress);
        let open =
            || lanes().filter(|progress| !progress.caught_up).map(|progress| progress.watermark);
        let watermark = match self.policy {
            WatermarkPolicy::Max => lanes().filter_map(|progress| progress.watermark).max(),
            // One without a row yet has none, and holds all back.
            WatermarkPolicy::Min => match open().min() {
                Some(least) => least,
                None => lanes().filter_map(|progress| progress.watermark).max(),
            },
        };
        if watermark <= self.watermarks[input] {
            return None;
        }
        self.watermarks[input] = watermark;
        watermark
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Row, Slice};

    fn records(offset: i64, timestamp: i64) -> Item {
        let (key, value, headers) = (Slice::NULL, Slice::NULL, Slice::NULL);
        let row = Row { offset, timestamp, key, value, headers, fields: Slice::NULL };
        Item::Records { rows: Rows { rows: vec![row], ..Rows::default() }, next: 0 }
    }

    /// Takes a row, which must be due.
    fn take(lanes: &mut Lanes) -> Option<usize> {
        let Next::Rows { lane, .. } = lanes.next() else { return None };
        let item = lanes.lend(lane).unwrap();
        lanes.give_back(lane, item, 1);
        Some(lane)
    }

    #[test]
    fn of_rows_with_one_time_stamp_the_first_lanes_go_first_also_when_they_come_later() {
        let mut lanes = Lanes::new(1, WatermarkPolicy::Min);
        for _ in 0..2 {
            lanes.add(0, None, LaneSettings { delay_ms: 0, told_by: ToldBy::Clock });
        }
        lanes.push(0, records(0, 5));
        lanes.push(1, records(0, 5));
        assert_eq!(take(&mut lanes), Some(0));
        // What the first lane brings next may have the time-stamp of the second one's row.
        assert_eq!(take(&mut lanes), None);
        lanes.push(0, records(1, 5));
        assert_eq!(take(&mut lanes), Some(0));
        lanes.push(0, records(2, 6));
        assert_eq!(take(&mut lanes), Some(1));
        // A lane behind it has nothing to say about that.
        assert_eq!(take(&mut lanes), None);
        lanes.push(1, Item::CaughtUp);
        assert_eq!(take(&mut lanes), Some(0));
    }
    #[test]
    fn a_row_of_the_future_moves_no_watermark_unless_time_is_the_largest_seen() {
        let minutes = |minutes: i64| minutes * 60_000;
        let lanes = |policy, told_by| {
            let mut lanes = Lanes::new(1, policy);
            lanes.add(0, None, LaneSettings { delay_ms: 0, told_by });
            lanes
        };
        // The event time, the record's own, what the clock said; and what comes of it.
        for (told_by, time, timestamp, read_at, moved) in [
            (ToldBy::Timestamp, 15, 10, Some(0), true),
            (ToldBy::Timestamp, 16, 10, Some(99), false),
            (ToldBy::Clock, 15, 15, Some(10), true),
            (ToldBy::Clock, 16, 16, Some(10), false),
            (ToldBy::Clock, 16, 16, None, true),
        ] {
            let mut min = lanes(WatermarkPolicy::Min, told_by);
            let beside = (minutes(timestamp), read_at.map(minutes));
            let watermark = moved.then_some(minutes(time));
            assert_eq!(min.advance(0, minutes(time), beside), watermark, "{told_by:?} {time}");
            assert_eq!(min.take_future(), u64::from(!moved));
            assert_eq!(min.take_future(), 0);
            let mut max = lanes(WatermarkPolicy::Max, told_by);
            assert_eq!(max.advance(0, minutes(time), beside), Some(minutes(time)));
            assert_eq!(max.take_future(), 0);
        }
    }
}
