//! Groups for all time, and hopping windows.

use super::{Change, Emits, Output, Results, Step};
use std::collections::BTreeMap;

/// Windows of `size`, one from each multiple of `advance` on; all in milliseconds. A row at the end is outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    /// The length.
    pub(crate) size: i64,
    /// From one start to the next.
    pub(crate) advance: i64,
    /// A window takes no more rows when the watermark has reached its end and this.
    pub(crate) grace: i64,
}

struct Group<K, V> {
    key: K,
    window: Option<(i64, i64)>,
    rows: Vec<V>,
    time: i64,
    /// Its place in the order in which groups came.
    number: usize,
    gone_out: bool,
}

impl Windows {
    /// The starts of the windows around a time, by trying all that could be.
    fn around(self, time: i64) -> Vec<i64> {
        let mut starts = Vec::new();
        let mut start = time - time.rem_euclid(self.advance);
        while start + self.size > time {
            if start >= 0 {
                starts.insert(0, start);
            }
            start -= self.advance;
        }
        starts
    }

    /// What groups in windows give; times are not before 1970.
    pub(crate) fn run<K: Ord + Clone, V: Clone>(
        self,
        steps: &[Step<K, V>],
        emits: Emits,
    ) -> Results<K, V> {
        grouped(Some(self), steps, emits)
    }

    /// What groups without windows give: a result with every row.
    pub(crate) fn without<K: Ord + Clone, V: Clone>(steps: &[Step<K, V>]) -> Results<K, V> {
        grouped(None, steps, Emits::Changes)
    }
}

fn grouped<K: Ord + Clone, V: Clone>(
    windows: Option<Windows>,
    steps: &[Step<K, V>],
    emits: Emits,
) -> Results<K, V> {
    let mut results = Results::default();
    let mut groups: BTreeMap<(K, i64), Group<K, V>> = BTreeMap::new();
    let (mut watermark, mut number) = (i64::MIN, 0);
    for step in steps {
        let (key, time, value) = match step {
            Step::Row { key, time, value } => (key, *time, value),
            Step::Watermark(at) => {
                watermark = watermark.max(*at);
                if let (Some(windows), Emits::Final) = (windows, emits) {
                    close(windows, &mut groups, watermark, &mut results.outputs);
                }
                results.outputs.push(Output::Watermark(*at));
                continue;
            }
        };
        number += 1;
        let Some(key) = key else {
            results.without_key += 1;
            continue;
        };
        let mut taken = false;
        for start in windows.map_or(vec![0], |windows| windows.around(time)) {
            let window = windows.map(|windows| (start, start + windows.size));
            if windows.is_some_and(|windows| watermark >= start + windows.size + windows.grace) {
                continue;
            }
            taken = true;
            let place = groups.len();
            let group = groups.entry((key.clone(), start)).or_insert_with(|| Group {
                key: key.clone(),
                window,
                rows: Vec::new(),
                time,
                number: place,
                gone_out: false,
            });
            group.rows.push(value.clone());
            group.time = group.time.max(time);
            if emits == Emits::Changes {
                results.outputs.push(Output::Change(group.result()));
            }
        }
        if !taken {
            results.late.push(number - 1);
        }
    }
    results
}

fn close<K: Clone, V: Clone>(
    windows: Windows,
    groups: &mut BTreeMap<(K, i64), Group<K, V>>,
    watermark: i64,
    outputs: &mut Vec<Output<K, V>>,
) {
    let is_due = |group: &&mut Group<K, V>| {
        !group.gone_out && group.window.is_some_and(|(_, end)| watermark >= end + windows.grace)
    };
    let mut due: Vec<&mut Group<K, V>> = groups.values_mut().filter(is_due).collect();
    due.sort_by_key(|group| (group.window, group.number));
    for group in due {
        group.gone_out = true;
        outputs.push(Output::Change(group.result()));
    }
}

impl<K: Clone, V: Clone> Group<K, V> {
    fn result(&self) -> Change<K, V> {
        let (key, rows) = (self.key.clone(), Some(self.rows.clone()));
        Change { key, window: self.window, rows, time: self.time }
    }
}
