//! How far each lane and input of a task has come, as a store like any other: it is committed with the rest, and restored.

use crate::operator::lanes::{Lanes, Progress};
use crate::state::{NumberForm, Part, Shape, Store};

/// Stands for the task of a lane that has none before it …
const DIRECT: i32 = -1;
/// … and for the input as a whole.
const WHOLE: i32 = -2;
/// Stands for a watermark that is not there yet.
const NONE: i64 = i64::MIN;

/// The store, and how its entries look: input and task → watermark, reached, next offset, rows done of the record there.
#[derive(Debug)]
pub(super) struct TimeState {
    pub(super) store: Store,
}

impl Default for TimeState {
    fn default() -> Self {
        let number = |name: &str, form| Part::Number(name.to_owned(), form);
        let of = ["watermark", "reached", "offset", "rows"];
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
    /// Notes what has changed.
    pub(super) fn note(&mut self, lanes: &Lanes, inputs: usize) {
        for lane in lanes.all() {
            // Offsets of records are committed with the group; only blocks may be done in parts.
            let (offset, rows) = if lane.upstream.is_some() { lane.done } else { (0, 0) };
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            let Progress { watermark, reached, .. } = lane.progress;
            let of = [watermark.unwrap_or(NONE), reached, offset, rows];
            self.put(lane.input, lane.upstream.unwrap_or(DIRECT), of);
        }
        for input in 0..inputs {
            self.put(input, WHOLE, [lanes.watermark(input).unwrap_or(NONE), 0, 0, 0]);
        }
    }

    fn put(&mut self, input: usize, task: i32, of: [i64; 4]) {
        let mut value = [0; 32];
        for (bytes, number) in value.as_chunks_mut::<8>().0.iter_mut().zip(of) {
            *bytes = number.to_le_bytes();
        }
        let key = key(input, task);
        match self.store.find(&key) {
            Some(entry) if *self.store.value(entry) == value => {}
            _ => {
                self.store.put(&key, &value);
            }
        }
    }

    /// Lets lanes and inputs go on from there.
    pub(super) fn restore(&self, lanes: &mut Lanes) {
        for (_, key, value) in self.store.iter() {
            let (Some((input, task)), Some([watermark, reached, offset, rows])) =
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
                let progress = Progress { watermark, reached, caught_up: false };
                lanes.restore(lane, progress, (offset, usize::try_from(rows).unwrap_or_default()));
            }
        }
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

fn read(value: &[u8]) -> Option<[i64; 4]> {
    let (numbers, rest) = value.as_chunks::<8>();
    let numbers: [[u8; 8]; 4] = numbers.try_into().ok()?;
    rest.is_empty().then(|| numbers.map(i64::from_le_bytes))
}
