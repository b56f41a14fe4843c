//! One task: partition `i` of each input of a stage, its operators and their state. No I/O and no clock: bytes come in, bytes go out.
//!
//! ```text
//! offer ─▶ lanes (append order, watermarks) ─▶ head (decode) ─▶ nodes ⇄ stores ─▶ tail (encode) ─▶ Output
//! prepare_commit ─▶ what was held back, repartition blocks, how far time has come, changelog entries ─▶ Output
//! ```

mod bad_row;
mod exchange;
mod graph;
mod late;
mod meeting;
mod time_state;
#[cfg(test)]
mod catching_up;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod tests;

use crate::operator::PlanError;
use crate::operator::block::{self, Around, Message, NotAMessage};
use crate::operator::chunk::{Chunk, Mark};
use crate::operator::head::{Fate, Head};
use crate::operator::lanes::{Item, LaneSettings, Lanes, Next, Progress, ToldBy};
use crate::operator::operate::Turn;
use crate::operator::stateless::types;
use crate::operator::tail::Tail;
use crate::record::{Addressed, Destination, Output, Row, Rows, Slice};
use crate::schema::DataType;
use crate::state::Store;
use crate::topology::{EventTime, Operator, Sink, Source, Stage, WatermarkPolicy};
use exchange::Sender;
use graph::Graph;
use late::LateRows;
use time_state::TimeState;

pub use crate::operator::operate::Fates;
pub use bad_row::BadRow;
pub use time_state::StateTopic;

/// What a task must know beside its stage.
#[derive(Debug, Clone)]
pub struct TaskOptions {
    /// Its number: the partition of each input that it reads.
    pub task: i32,
    /// How many partitions the repartition topic has that the stage writes; of no matter for other sinks.
    pub targets: i32,
    /// For each of the stage's sources, in order: how many tasks the stage has that feeds it; 0 for topics of records.
    pub upstream: Vec<i32>,
}

/// A task that runs.
#[derive(Debug)]
pub struct Task {
    inputs: Vec<Input>,
    lanes: Lanes,
    graph: Graph,
    end: End,
    late: LateRows,
    time: TimeState,
    /// The watermark of the sink's node before the chunk at hand.
    sink: usize,
    sink_watermark: Option<i64>,
    policy: WatermarkPolicy,
    /// For each store of the stage the node that it belongs to, and its number there.
    stores: Vec<Option<(usize, usize)>>,
    bad: Vec<BadRow>,
    /// The node at which the rows of the two inputs meet, if they go nowhere else; and their turns, in memory that is used again.
    meeting: Option<usize>,
    turns: Vec<Turn>,
    /// The input and the offsets, first and last, of the rows taken last.
    at: Option<(usize, (i64, i64))>,
    /// Rows, or blocks of them, that were offered, and their bytes.
    offered: (usize, usize),
}

/// One source of the stage.
#[derive(Debug)]
struct Input {
    /// Its node.
    node: usize,
    /// Where its rows come from.
    from: From,
    /// The next offset behind everything that was offered.
    end: Option<i64>,
}

#[derive(Debug)]
enum From {
    /// Records of a topic; their rows leave the head as those of this node.
    Records { head: Box<Head>, out: usize, lane: usize },
    /// Blocks of a repartition topic, with columns of these types.
    Blocks { types: Vec<DataType> },
}

#[derive(Debug)]
enum End {
    Records(Tail),
    Blocks(Sender),
}

impl Task {
    /// Compiles a stage for one task. Its stores are empty: [`Self::restore`] fills them, then [`Self::restored`] makes it ready.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn new(stage: &Stage, options: &TaskOptions) -> Result<Self, PlanError> {
        let query = &stage.query;
        let policy = query.conventions.watermark_policy;
        let sources = || query.sources().count();
        let mut lanes = Lanes::new(sources(), policy);
        let mut inputs = Vec::with_capacity(sources());
        for (node, of) in query.nodes.iter().enumerate() {
            let Operator::Source(source) = &of.operator else { continue };
            let input = inputs.len();
            let settings = lane_settings(source);
            let from = if source.exchange.is_some() {
                let upstream = options.upstream.get(input).copied().unwrap_or(1);
                (0..upstream).for_each(|task| {
                    lanes.add(input, Some(task), settings);
                });
                From::Blocks { types: types(&of.schema) }
            } else {
                let (head, out) = Head::new(query, node)?;
                From::Records { head: Box::new(head), out, lane: lanes.add(input, None, settings) }
            };
            inputs.push(Input { node, from, end: None });
        }
        let mut graph = Graph::new(stage)?;
        let meeting = match &inputs[..] {
            [
                Input { from: From::Records { out: left, .. }, .. },
                Input { from: From::Records { out: right, .. }, .. },
            ] => graph.meeting([*left, *right]),
            _ => None,
        };
        let sink = query.nodes.len() - 1;
        let end = end(stage, options)?;
        let mut numbers = vec![0_usize; query.nodes.len()];
        let stores = stage.stores.iter().map(|store| {
            let node = store.node?;
            numbers[node] += 1;
            Some((node, numbers[node] - 1))
        });
        Ok(Self {
            stores: stores.collect(),
            inputs,
            lanes,
            graph,
            end,
            late: LateRows::new(query)?,
            time: TimeState::default(),
            sink,
            sink_watermark: None,
            policy,
            bad: Vec::new(),
            meeting,
            turns: Vec::new(),
            at: None,
            offered: (0, 0),
        })
    }

    /// How many inputs it has: the stage's sources, in order.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Takes rows of an input, in offset order. They are processed by [`Self::run`].
    ///
    /// # Errors
    /// A record of a repartition topic that this version of the query did not write, with its offset.
    pub fn offer(&mut self, input: usize, rows: Rows) -> Result<(), (i64, String)> {
        let of = &mut self.inputs[input];
        let Some(next) = rows.rows.last().map(|last| last.offset + 1) else { return Ok(()) };
        let done = of.end.replace(of.end.map_or(next, |end| end.max(next)));
        let types = match &of.from {
            From::Records { lane, .. } => {
                // One offset is committed for a partition that two inputs read, though one of them may have been ahead.
                let rows = rows.behind(done);
                let (count, Some(last)) = (rows.rows.len(), rows.rows.last()) else {
                    return Ok(());
                };
                self.offered.0 += count;
                self.offered.1 += count * (size_of::<Row>() + last.key.len() + last.value.len());
                self.lanes.push(*lane, Item::Records { rows, next: 0 });
                return Ok(());
            }
            From::Blocks { types } => types,
        };
        for row in &rows.rows {
            let bytes = row.value.of(&rows.buffer).unwrap_or_default();
            let message = block::read(bytes, types);
            let message = message.map_err(|error: NotAMessage| (row.offset, error.to_string()))?;
            let (task, item) = match message {
                Message::Told { task, progress } => (task, Item::Told(progress)),
                Message::Rows { task, chunk, around } => {
                    self.offered.0 += chunk.rows;
                    self.offered.1 += bytes.len();
                    (task, Item::Block { chunk, around, next: 0, offset: row.offset })
                }
            };
            let lane = self.lanes.find(input, Some(task)).ok_or_else(|| {
                (row.offset, format!("comes from task {task}, which the stage before does not have: a topic has grown"))
            })?;
            self.lanes.push_new(lane, item, row.offset);
        }
        Ok(())
    }

    /// The position of an input has moved to this offset, past what are no rows: markers, and records that were compacted or aborted.
    pub fn passed(&mut self, input: usize, next: i64) {
        let of = &mut self.inputs[input];
        of.end = of.end.max(Some(next));
    }

    /// A fetch has shown that the input, a topic of records, has nothing more for the moment.
    pub fn caught_up(&mut self, input: usize) {
        if let From::Records { lane, .. } = &self.inputs[input].from {
            self.lanes.push(*lane, Item::CaughtUp);
        }
    }

    /// Moves the watermark of an input, a topic of records, without a row.
    pub fn move_time(&mut self, input: usize, watermark: i64) {
        if let From::Records { lane, .. } = &self.inputs[input].from {
            let (watermark, reached) = (Some(watermark), i64::MIN);
            self.lanes.push(
                *lane,
                Item::Told(Progress { watermark, reached, caught_up: true, idle: false }),
            );
        }
    }

    /// Nothing has come for the input's `idle_timeout`, a topic of records that is caught up: it no longer holds the watermark back
    /// where inputs meet, until a row comes. `false` when that is known already, or rows of it still wait.
    pub fn idle(&mut self, input: usize) -> bool {
        match &self.inputs[input].from {
            From::Records { lane, .. } => self.lanes.set_idle(*lane),
            From::Blocks { .. } => false,
        }
    }

    /// Rows that wait for their turn.
    #[must_use]
    pub fn waiting_rows(&self) -> usize {
        self.lanes.waiting_rows()
    }

    /// Whether rows of this input wait: then it is others that must bring something first.
    #[must_use]
    pub fn has_waiting(&self, input: usize) -> bool {
        self.lanes.first_waiting(input).is_some()
    }

    /// Processes some rows; `false` when there is nothing to do until something is offered.
    ///
    /// # Errors
    /// A row that cannot be written, and why.
    pub fn run(&mut self, output: &mut Output) -> Result<bool, String> {
        self.at = None;
        if let Some(node) = self.meeting {
            return self.run_both(node, output);
        }
        match self.lanes.next() {
            Next::Wait => return Ok(false),
            Next::Idle { input, idle } => {
                let mut sink = Vec::new();
                self.graph.set_idle(self.out_of(input), idle, &mut sink);
                self.write(sink, output)?;
                return Ok(true);
            }
            Next::Watermark { input, watermark } => {
                let marks = vec![Mark { at: 0, watermark }];
                self.enter(input, Chunk { marks, ..Chunk::default() }, output)?;
            }
            Next::Rows { lane, until } => {
                let Some(item) = self.lanes.lend(lane) else { return Ok(true) };
                let (chunk, taken) = self.take(lane, &item, until, output);
                self.graph.fates.read += taken as u64;
                let input = self.lanes.all()[lane].input;
                self.at = offsets(&item, taken).map(|offsets| (input, offsets));
                self.enter(input, chunk, output)?;
                self.note_unreadable(input, &item)?;
                self.lanes.give_back(lane, item, taken);
            }
        }
        Ok(true)
    }

    /// Leads rows and marks of an input through the nodes.
    fn enter(&mut self, input: usize, chunk: Chunk, output: &mut Output) -> Result<(), String> {
        let mut sink = Vec::new();
        self.graph.enter(self.out_of(input), chunk, &mut sink);
        self.write(sink, output)
    }

    /// Rows that code of the user's own cannot read are bad records as long as their records are at hand.
    fn note_unreadable(&mut self, input: usize, item: &Item) -> Result<(), String> {
        for (origin, reason) in std::mem::take(&mut self.graph.fates.unreadable) {
            let bad = match item {
                Item::Records { rows, .. } => BadRow::at(origin.offset, input, rows, &reason),
                _ => None,
            };
            self.bad.push(bad.ok_or(reason)?);
        }
        Ok(())
    }

    /// The node as whose rows an input's rows begin.
    fn out_of(&self, input: usize) -> usize {
        match &self.inputs[input].from {
            From::Records { out, .. } => *out,
            From::Blocks { .. } => self.inputs[input].node,
        }
    }

    /// Takes rows of a lane's first item up to a record time-stamp: them, and how many rows of the item they were.
    fn take(
        &mut self,
        lane: usize,
        item: &Item,
        until: i64,
        output: &mut Output,
    ) -> (Chunk, usize) {
        let input = self.lanes.all()[lane].input;
        match (item, &mut self.inputs[input].from) {
            (Item::Records { rows, next }, From::Records { head, .. }) => {
                if head.is_empty() {
                    head.decode(rows, *next, output);
                }
                let before = output.bad.len();
                let (mut marks, mut taken, first) = (Vec::new(), 0, head.rows_taken());
                while let Some(record) = head.next(until, output) {
                    taken += 1;
                    if record.fate == Fate::Bad {
                        continue;
                    }
                    let own = head.marks_before() && record.fate == Fate::Row;
                    let at = head.rows_taken() - first - usize::from(own);
                    let beside = (record.timestamp, rows.read_at);
                    if let Some(watermark) = self.lanes.advance(lane, record.time, beside) {
                        push_mark(&mut marks, at, watermark);
                    }
                }
                self.bad.extend(
                    output.bad.drain(before..).filter_map(|bad| BadRow::new(input, rows, &bad)),
                );
                let chunk = head.cut(first..head.rows_taken());
                (Chunk { marks, ..chunk }, taken)
            }
            (Item::Block { chunk, around, next, .. }, _) => {
                let rest = chunk.origins[*next..].iter();
                let fit = rest.take_while(|origin| origin.timestamp <= until).count().max(1);
                (self.cut(lane, chunk, around, *next..*next + fit), fit)
            }
            _ => (Chunk::default(), 0),
        }
    }

    /// Rows of a block, with the marks that stood before them where they came from.
    fn cut(
        &mut self,
        lane: usize,
        chunk: &Chunk,
        around: &[Around],
        rows: std::ops::Range<usize>,
    ) -> Chunk {
        let kept: Vec<usize> = rows.clone().collect();
        let mut cut = chunk.select(&kept);
        cut.marks.clear();
        for (at, row) in rows.enumerate() {
            let mut mark = |at: usize, moved: Option<i64>| {
                cut.marks.extend(moved.map(|watermark| Mark { at, watermark }));
            };
            let Around { met, left } = around[row];
            match self.policy {
                WatermarkPolicy::Min => {
                    mark(at, self.lanes.raise(lane, met));
                    mark(at + 1, self.lanes.raise(lane, left));
                }
                WatermarkPolicy::Max => {
                    let timestamp = chunk.origins[row].timestamp;
                    mark(at, self.lanes.advance(lane, chunk.times[row], (timestamp, None)));
                }
            }
        }
        cut
    }

    /// The input and the offsets, first and last, of the rows taken last: what an error is about.
    #[must_use]
    pub fn at(&self) -> Option<(usize, (i64, i64))> {
        self.at
    }

    fn write(&mut self, sink: Vec<Chunk>, output: &mut Output) -> Result<(), String> {
        if let Some(why) = self.graph.fates.failure.take() {
            return Err(why);
        }
        for (node, input, chunk) in std::mem::take(&mut self.graph.late) {
            self.late.write((node, input), &chunk, self.graph.session(), output)?;
        }
        for chunk in sink {
            let before = self.sink_watermark;
            self.sink_watermark = chunk.marks.last().map(|mark| mark.watermark).or(before);
            self.graph.fates.forwarded += chunk.rows as u64;
            match &mut self.end {
                End::Records(tail) => tail.write(&chunk, self.graph.session(), output)?,
                End::Blocks(sender) => sender.push(chunk, before, self.graph.session(), output)?,
            }
        }
        Ok(())
    }

    /// The next offset of an input to read when everything processed so far is committed.
    #[must_use]
    pub fn position(&self, input: usize) -> Option<i64> {
        self.lanes.first_waiting(input).or(self.inputs[input].end)
    }

    /// The next offset behind everything of an input that was offered.
    #[must_use]
    pub fn offered(&self, input: usize) -> Option<i64> {
        self.inputs[input].end
    }

    /// Before a commit: appends what was held back, what goes to other stages, and the changelog of every store.
    ///
    /// # Errors
    /// A row that cannot be written, and why.
    pub fn prepare_commit(&mut self, output: &mut Output) -> Result<(), String> {
        let mut sink = Vec::new();
        self.graph.flush(&mut sink);
        self.write(sink, output)?;
        if let End::Blocks(sender) = &mut self.end {
            let lanes = self.lanes.all();
            sender.commit(
                Progress {
                    watermark: self.graph.watermark(self.sink),
                    reached: lanes
                        .iter()
                        .map(|lane| lane.progress.reached)
                        .min()
                        .unwrap_or(i64::MIN),
                    caught_up: lanes.iter().all(|lane| lane.progress.caught_up),
                    idle: lanes.iter().all(|lane| lane.progress.idle),
                },
                output,
            );
        }
        let positions: Vec<Option<i64>> =
            (0..self.inputs.len()).map(|input| self.position(input)).collect();
        let own = self.time.store.len();
        let others = self.entries() - own;
        self.graph.ahead().for_each(|(node, watermark)| self.time.note_node(node, watermark));
        self.time.note(&self.lanes, &positions, others);
        for number in 0..self.stores.len() {
            let task = self.stores[number];
            let to = Destination::Changelog(number);
            self.with_store(task, |store| {
                store.drain_changes(&mut |key: &[u8], value: Option<&[u8]>| {
                    append(to, key, value, output);
                });
            });
        }
        Ok(())
    }

    fn with_store<T>(
        &mut self,
        place: Option<(usize, usize)>,
        f: impl FnOnce(&mut Store) -> T,
    ) -> Option<T> {
        match place {
            None => Some(f(&mut self.time.store)),
            Some((node, number)) => self.graph.stores(node).into_iter().nth(number).map(f),
        }
    }

    /// All stores, in the order of the stage's plan.
    pub fn stores(&mut self) -> Vec<&mut Store> {
        let mut of_nodes: Vec<_> = self.graph.all_stores().map(Vec::into_iter).collect();
        let mut time = Some(&mut self.time.store);
        let places = self.stores.iter();
        let store = places.map(|place| match place {
            None => time.take(),
            Some((node, _)) => of_nodes.get_mut(*node)?.next(),
        });
        store.flatten().collect()
    }

    /// About what it holds, in bytes: each store with what belongs to it, by number; then the rows that wait.
    pub fn memory(&mut self, mut tell: impl FnMut(usize, usize)) {
        for number in 0..self.stores.len() {
            let place = self.stores[number];
            let store = self.with_store(place, |store| store.bytes()).unwrap_or_default();
            let index = place.filter(|(_, number)| *number == 0);
            tell(number, store + index.map_or(0, |(node, _)| self.graph.index_bytes(node)));
        }
        // A row as large as those until now.
        let each = self.offered.1.checked_div(self.offered.0).unwrap_or_default();
        tell(self.stores.len(), self.lanes.waiting_rows() * each);
    }

    /// While memory is short, rows wait no longer for earlier ones of other lanes: those may have to wait for the memory that these
    /// would set free. `true` when that lets some go.
    pub fn set_hurry(&mut self, hurry: bool) -> bool {
        self.lanes.set_hurry(hurry)
    }

    /// Whether time waits for other inputs, and not for this one.
    #[must_use]
    pub fn is_ahead(&self, input: usize) -> bool {
        let least = (0..self.inputs.len()).map(|input| self.lanes.watermark(input)).min();
        self.lanes.watermark(input) > least.flatten()
    }

    /// Puts an entry of a changelog or snapshot into the store of this number.
    pub fn restore(&mut self, store: usize, key: &[u8], value: Option<&[u8]>) {
        let Some(place) = self.stores.get(store).copied() else { return };
        self.with_store(place, |store| store.restore(key, value));
    }

    /// All stores are as they were committed: lanes, watermarks and operators go on from there.
    ///
    /// # Errors
    /// What is wrong with a store: it is damaged, or another version of the query wrote it.
    pub fn restored(&mut self) -> Result<(), String> {
        self.time.restore(&mut self.lanes);
        for number in 0..self.inputs.len() {
            self.inputs[number].end = self.time.position(number);
        }
        let watermark =
            |(number, input): (usize, &Input)| (input.node, self.lanes.watermark(number));
        let mut sources: Vec<(usize, Option<i64>)> =
            self.inputs.iter().enumerate().map(watermark).collect();
        sources.extend(
            (0..self.inputs.len()).map(|input| (self.out_of(input), self.lanes.watermark(input))),
        );
        let idle = self.lanes.restore_idle().iter().enumerate().filter(|(_, idle)| **idle);
        let idle: Vec<usize> = idle.map(|(input, _)| input).collect();
        let idle: Vec<usize> = idle.into_iter().map(|input| self.out_of(input)).collect();
        self.graph.restored(&sources, &idle, &self.time.nodes())?;
        self.sink_watermark = self.graph.watermark(self.sink);
        Ok(())
    }

    /// Notes the id of a topic that state is built on or kept in: it is committed with the state.
    pub fn note_topic(&mut self, topic: StateTopic, id: [u8; 16]) {
        self.time.note_topic(topic, id);
    }

    /// The id that a topic had when state was committed.
    #[must_use]
    pub fn noted_topic(&self, topic: StateTopic) -> Option<[u8; 16]> {
        self.time.topic(topic)
    }

    /// How many entries the stores had together when state was committed, if that was noted.
    #[must_use]
    pub fn noted_entries(&self) -> Option<usize> {
        self.time.entries()
    }

    /// How many entries the stores have together.
    pub fn entries(&mut self) -> usize {
        self.stores().iter().map(|store| store.len()).sum()
    }

    /// The next offset of an input to read when state was committed; `None` when none ever was.
    #[must_use]
    pub fn noted_position(&self, input: usize) -> Option<i64> {
        self.time.position(input)
    }

    /// A store, for those who look into it.
    pub fn store(&mut self, number: usize, look: &mut dyn FnMut(&Store)) {
        let Some(place) = self.stores.get(number).copied() else { return };
        self.with_store(place, |store| look(store));
    }

    /// The watermark of the stage's result, in milliseconds since 1970.
    #[must_use]
    pub fn watermark(&self) -> Option<i64> {
        self.graph.watermark(self.sink)
    }

    /// What became of rows inside since the last call.
    pub fn take_fates(&mut self) -> Fates {
        let fates = std::mem::take(&mut self.graph.fates);
        Fates { future: self.lanes.take_future(), ..fates }
    }

    /// Records that could not be processed since the last call, in the order in which they were found.
    pub fn take_bad(&mut self) -> Vec<BadRow> {
        std::mem::take(&mut self.bad)
    }
}

fn lane_settings(source: &Source) -> LaneSettings {
    LaneSettings {
        delay_ms: i64::try_from(source.watermark_delay.as_millis()).unwrap_or(i64::MAX),
        told_by: match source.event_time {
            EventTime::Column { .. } => ToldBy::Timestamp,
            EventTime::Record => ToldBy::Clock,
        },
    }
}

fn end(stage: &Stage, options: &TaskOptions) -> Result<End, PlanError> {
    let query = &stage.query;
    let graph = |why: &str| PlanError::Graph { query: query.name.clone(), why: why.to_owned() };
    let sink: &Sink = query.sink().ok_or_else(|| graph("its last node is no sink"))?;
    let node = query.nodes.last().and_then(|node| query.nodes.get(*node.inputs.first()?));
    let schema = &node.ok_or_else(|| graph("its sink has no input"))?.schema;
    Ok(match &sink.exchange {
        None => End::Records(Tail::new(sink, schema, &query.conventions)?),
        Some(exchange) => {
            let numbers = (options.task, options.targets);
            End::Blocks(Sender::new(exchange, schema, &query.conventions, numbers)?)
        }
    })
}

/// Adds a mark. Of several in one place the last says it all.
fn push_mark(marks: &mut Vec<Mark>, at: usize, watermark: i64) {
    match marks.last_mut() {
        Some(last) if last.at == at => last.watermark = watermark,
        _ => marks.push(Mark { at, watermark }),
    }
}

/// The offsets, first and last, of the next rows of an item.
fn offsets(item: &Item, taken: usize) -> Option<(i64, i64)> {
    match item {
        Item::Records { rows, next } => {
            let rows = rows.rows.get(*next..*next + taken)?;
            Some((rows.first()?.offset, rows.last()?.offset))
        }
        Item::Block { offset, .. } => Some((*offset, *offset)),
        _ => None,
    }
}

/// Appends a changelog entry.
fn append(to: Destination, key: &[u8], value: Option<&[u8]>, output: &mut Output) {
    let key = put(key, &mut output.encoded);
    let value = value.map_or(Slice::NULL, |value| put(value, &mut output.encoded));
    output.addressed.push(Addressed { to, partition: 0, timestamp: 0, key, value });
}

/// Appends bytes. No store's changes of one commit have 4 GiB: memory is bounded far below.
fn put(bytes: &[u8], into: &mut Vec<u8>) -> Slice {
    let start = u32::try_from(into.len()).unwrap_or_default();
    into.extend_from_slice(bytes);
    Slice::new(start, u32::try_from(bytes.len()).unwrap_or_default())
}
