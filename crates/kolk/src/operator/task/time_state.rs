//! How far each lane and input of a task has come, as a store like any other: it is committed with the rest, and restored.

use crate::operator::lanes::{Lanes, Progress};
use crate::state::{NumberForm, Part, Shape, Store};

/// Stands for the task of a lane that has none before it …
const DIRECT: i32 = -1;
/// … for the input as a whole …
const WHOLE: i32 = -2;
/// … and for a topic, whose id is the value.
const TOPIC: i32 = -3;
/// … and for a node, in place of the input: what its watermark is beyond those of its inputs, since one is left out.
const NODE: i32 = -4;
/// Numbers of changelogs begin here, behind those of inputs.
const CHANGELOGS: usize = 1 << 15;
/// The number of the topic for the next stage.
const EXCHANGE: usize = u16::MAX as usize;
/// Stands for a watermark that is not there yet.
const NONE: i64 = i64::MIN;

/// A topic that state was built on, or is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateTopic {
    /// That of an input, by number.
    Input(usize),
    /// The changelog of a store, by number.
    Changelog(usize),
    /// That to which rows are sent for the next stage.
    Exchange,
}

/// The store, and how its entries look: input and task → watermark, reached, next offset, rows done of the record there, whether
/// nothing was left to read (1), for long (2). Of an input as a whole the fourth number says how many entries all stores of the task
/// have: it changes with every commit, so no part of a changelog can be missing unnoticed.
#[derive(Debug)]
pub(super) struct TimeState {
    pub(super) store: Store,
}

impl Default for TimeState {
    fn default() -> Self {
        let number = |name: &str, form| Part::Number(name.to_owned(), form);
        let of = ["watermark", "reached", "offset", "rows", "caught_up"];
        let shape = Shape {
            key: vec![
                number("input", NumberForm::BigEndian(2)),
                number("task", NumberForm::BigEndian(4)),
            ],
            value: of.map(|name| number(name, NumberForm::LittleEndian(8))).to_vec(),
        };
        let mut store = Store::new("time");
        store.set_shape(shape);
        Self { store }
    }
}

impl TimeState {
    /// Notes what has changed; `positions` are the next offsets of the inputs to read, `entries` those of all other stores together.
    pub(super) fn note(&mut self, lanes: &Lanes, positions: &[Option<i64>], entries: usize) {
        for lane in lanes.all() {
            // Offsets of records are committed with the group; only blocks may be done in parts. Whether a topic of records has
            // more shows with the next fetch; what another task has told is told once.
            let Progress { watermark, reached, caught_up, idle } = lane.progress;
            let (offset, rows, flags) = match lane.upstream {
                Some(_) => (lane.done.0, lane.done.1, i64::from(caught_up) + 2 * i64::from(idle)),
                None => (0, 0, 0),
            };
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            let of = [watermark.unwrap_or(NONE), reached, offset, rows, flags];
            self.put(&key(lane.input, lane.upstream.unwrap_or(DIRECT)), &bytes(of));
        }
        let wholes = (0..positions.len()).map(|input| key(input, WHOLE));
        let new = wholes.filter(|whole| self.store.find(whole).is_none()).count();
        let entries = i64::try_from(entries + self.store.len() + new).unwrap_or(i64::MAX);
        for (input, position) in positions.iter().enumerate() {
            let watermark = lanes.watermark(input).unwrap_or(NONE);
            let of = [watermark, 0, position.unwrap_or(NONE), entries, 0];
            self.put(&key(input, WHOLE), &bytes(of));
        }
    }

    /// Notes the watermark of a node that is beyond those of its inputs.
    pub(super) fn note_node(&mut self, node: usize, watermark: i64) {
        self.put(&key(node, NODE), &bytes([watermark, 0, 0, 0, 0]));
    }

    /// The watermarks of nodes that were once beyond those of their inputs.
    pub(super) fn nodes(&self) -> Vec<(usize, i64)> {
        let entries =
            self.store.iter().filter_map(|(_, key, value)| Some((read_key(key)?, read(value)?)));
        let nodes = entries.filter(|((_, task), _)| *task == NODE);
        nodes.map(|((node, _), [watermark, ..])| (node, watermark)).collect()
    }

    /// Notes the id of a topic.
    pub(super) fn note_topic(&mut self, topic: StateTopic, id: [u8; 16]) {
        self.put(&topic_key(topic), &id);
    }

    /// The id that a topic had.
    pub(super) fn topic(&self, topic: StateTopic) -> Option<[u8; 16]> {
        let entry = self.store.find(&topic_key(topic))?;
        self.store.value(entry).try_into().ok()
    }

    /// The next offset of an input to read.
    pub(super) fn position(&self, input: usize) -> Option<i64> {
        let entry = self.store.find(&key(input, WHOLE))?;
        let [_, _, position, ..] = read(self.store.value(entry))?;
        (position != NONE).then_some(position)
    }

    /// How many entries all stores had together; `None` where that was not noted.
    pub(super) fn entries(&self) -> Option<usize> {
        let entry =
            (0..CHANGELOGS).map_while(|input| self.store.find(&key(input, WHOLE))).next()?;
        let [.., entries, _] = read(self.store.value(entry))?;
        usize::try_from(entries).ok().filter(|entries| *entries > 0)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        match self.store.find(key) {
            Some(entry) if self.store.value(entry) == value => {}
            _ => {
                self.store.put(key, value);
            }
        }
    }

    /// Lets lanes and inputs go on from there.
    pub(super) fn restore(&self, lanes: &mut Lanes) {
        for (_, key, value) in self.store.iter() {
            let (Some((input, task)), Some([watermark, reached, offset, rows, flags])) =
                (read_key(key), read(value))
            else {
                continue;
            };
            let watermark = (watermark != NONE).then_some(watermark);
            if task == WHOLE {
                lanes.restore_watermark(input, watermark);
                continue;
            }
            let upstream = (task != DIRECT).then_some(task);
            if let Some(lane) = lanes.find(input, upstream) {
                let (caught_up, idle) = (flags & 1 != 0, flags & 2 != 0);
                let progress = Progress { watermark, reached, caught_up, idle };
                lanes.restore(lane, progress, (offset, usize::try_from(rows).unwrap_or_default()));
            }
        }
    }
}

fn bytes(of: [i64; 5]) -> [u8; 40] {
    let mut value = [0; 40];
    for (bytes, number) in value.as_chunks_mut::<8>().0.iter_mut().zip(of) {
        *bytes = number.to_le_bytes();
    }
    value
}

fn topic_key(topic: StateTopic) -> [u8; 6] {
    match topic {
        StateTopic::Input(input) => key(input, TOPIC),
        StateTopic::Changelog(store) => key(CHANGELOGS + store, TOPIC),
        StateTopic::Exchange => key(EXCHANGE, TOPIC),
    }
}

fn key(input: usize, task: i32) -> [u8; 6] {
    let [a, b] = u16::try_from(input).unwrap_or(u16::MAX).to_be_bytes();
    let [c, d, e, f] = task.to_be_bytes();
    [a, b, c, d, e, f]
}

fn read_key(key: &[u8]) -> Option<(usize, i32)> {
    let (input, task) = key.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*input).into(), i32::from_be_bytes(task.try_into().ok()?)))
}

fn read(value: &[u8]) -> Option<[i64; 5]> {
    let (numbers, rest) = value.as_chunks::<8>();
    let numbers: [[u8; 8]; 5] = numbers.try_into().ok()?;
    rest.is_empty().then(|| numbers.map(i64::from_le_bytes))
}
