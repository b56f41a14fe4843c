//! Sessions: by gaps between event times, and by a deadline that each row replaces.

use super::{Change, Emits, Output, Results, Step};

/// Rows of a key at most `gap` apart are one session; it closes when the watermark is behind its last row by more than gap and
/// grace. Milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sessions {
    /// The largest gap inside.
    pub(crate) gap: i64,
    /// How much later rows may come.
    pub(crate) grace: i64,
}

/// Rows of a key until the watermark has passed the deadline: each row sets it to the watermark that it met and `timeout`, or to
/// its own time and `timeout` while there is no watermark. Milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// How long a session waits.
    pub(crate) timeout: i64,
}

struct Session<K, V> {
    key: K,
    start: i64,
    end: i64,
    rows: Vec<V>,
    /// The step that it began with.
    number: usize,
    deadline: i64,
}

impl<K: Clone, V: Clone> Session<K, V> {
    fn change(&self, is_there: bool) -> Output<K, V> {
        Output::Change(Change {
            key: self.key.clone(),
            window: Some((self.start, self.end)),
            rows: is_there.then(|| self.rows.clone()),
            time: self.end,
        })
    }
}

impl Sessions {
    /// What sessions give.
    pub(crate) fn run<K: Ord + Clone, V: Clone>(
        self,
        steps: &[Step<K, V>],
        emits: Emits,
    ) -> Results<K, V> {
        let mut results = Results::default();
        let mut open: Vec<Session<K, V>> = Vec::new();
        let (mut watermark, mut row) = (i64::MIN, 0);
        for (number, step) in steps.iter().enumerate() {
            let (key, time, value) = match step {
                Step::Row { key, time, value } => (key, *time, value),
                Step::Watermark(at) => {
                    watermark = watermark.max(*at);
                    let closed = open.extract_if(.., |of| of.deadline < watermark).collect();
                    if emits == Emits::Final {
                        go_out(closed, &mut results.outputs);
                    }
                    results.outputs.push(Output::Watermark(*at));
                    continue;
                }
            };
            row += 1;
            let Some(key) = key else {
                results.without_key += 1;
                continue;
            };
            let touches = |of: &mut Session<K, V>| {
                of.key == *key && of.start - self.gap <= time && time <= of.end + self.gap
            };
            let mut merged: Vec<Session<K, V>> = open.extract_if(.., touches).collect();
            merged.sort_by_key(|of| of.start);
            let end = merged.iter().map(|of| of.end).fold(time, i64::max);
            if end.saturating_add(self.gap + self.grace) < watermark {
                results.late.push(row - 1);
                continue;
            }
            let start = merged.iter().map(|of| of.start).fold(time, i64::min);
            if emits == Emits::Changes && (start, end) != (time, time) {
                results.outputs.extend(merged.iter().map(|of| of.change(false)));
            }
            let mut rows: Vec<V> = merged.iter().flat_map(|of| of.rows.clone()).collect();
            rows.push(value.clone());
            let number = merged.iter().map(|of| of.number).fold(number, usize::min);
            let deadline = end + self.gap + self.grace;
            let session = Session { key: key.clone(), start, end, rows, number, deadline };
            if emits == Emits::Changes {
                results.outputs.push(session.change(true));
            }
            open.push(session);
        }
        results
    }
}

impl Timeouts {
    /// What sessions give: each once, when it closes.
    pub(crate) fn run<K: Ord + Clone, V: Clone>(self, steps: &[Step<K, V>]) -> Results<K, V> {
        let mut results = Results::default();
        let mut open: Vec<Session<K, V>> = Vec::new();
        let mut watermark = None;
        for (number, step) in steps.iter().enumerate() {
            let (key, time, value) = match step {
                Step::Row { key, time, value } => (key, *time, value),
                Step::Watermark(at) => {
                    watermark = watermark.max(Some(*at));
                    let closed = open.extract_if(.., |of| Some(of.deadline) < watermark).collect();
                    go_out(closed, &mut results.outputs);
                    results.outputs.push(Output::Watermark(*at));
                    continue;
                }
            };
            let Some(key) = key else {
                results.without_key += 1;
                continue;
            };
            let deadline = watermark.unwrap_or(time) + self.timeout;
            match open.iter_mut().find(|of| of.key == *key) {
                Some(of) => {
                    (of.start, of.end) = (of.start.min(time), of.end.max(time));
                    of.rows.push(value.clone());
                    of.deadline = deadline;
                }
                None => {
                    let (key, rows) = (key.clone(), vec![value.clone()]);
                    open.push(Session { key, start: time, end: time, rows, number, deadline });
                }
            }
        }
        results
    }
}

/// Sessions go out in the order in which they closed, and of those that closed together the first that began goes first.
fn go_out<K: Clone, V: Clone>(mut closed: Vec<Session<K, V>>, outputs: &mut Vec<Output<K, V>>) {
    closed.sort_by_key(|of| (of.deadline, of.number));
    outputs.extend(closed.iter().map(|of| of.change(true)));
}
