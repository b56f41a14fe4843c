//! What must come out, by the oracle in plain code, and what of it did.

use super::data::{DELAY_MS, Data, OUTPUTS, TIMEOUT_MS, Visit, WINDOW_MS, WITHIN_MS};
use super::oracle::{Emits, Output, Step, Timeouts, Windows};
use crate::foreign::{Delivered, Partitions};
use serde_json::Value;
use std::collections::BTreeMap;

/// At most this many examples of what is wrong are kept.
const EXAMPLES: usize = 4;

/// Rows of an output, and how often each is there. A row is told in a form that is the same however the engine writes it.
type Rows = BTreeMap<String, usize>;

/// What each of [`OUTPUTS`] must hold, in their order.
#[derive(Debug)]
pub(super) struct Expected {
    outputs: [Rows; 4],
    /// Visits with a higher number, and what is made of them, are there to end all others: not counted.
    last: u64,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Rows that came out.
    pub(super) rows: usize,
    /// Rows that are not there.
    pub(super) lost: usize,
    /// Rows that are there more often than they should.
    pub(super) duplicates: usize,
    /// Rows that should not be there at all.
    pub(super) wrong: usize,
    /// Counts before a smaller one of the same window.
    pub(super) reordered: usize,
    /// Some of all that in words.
    pub(super) examples: Vec<String>,
}

impl Findings {
    /// All that is wrong, in words.
    pub(super) fn problems(&self) -> Vec<String> {
        let counted = [
            (self.lost, "rows lost"),
            (self.duplicates, "duplicates"),
            (self.wrong, "rows that are not the oracle's"),
            (self.reordered, "counts out of order"),
        ];
        let counted = counted.iter().filter(|(count, _)| *count > 0);
        let mut problems: Vec<String> =
            counted.map(|(count, what)| format!("{count} {what}")).collect();
        problems.extend(self.examples.iter().cloned());
        problems
    }

    fn example(&mut self, what: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(what());
        }
    }
}

impl Expected {
    /// What the oracle makes of the data.
    pub(super) fn new(data: &Data, visits: u32) -> Self {
        let last = u64::from(visits);
        let outputs = [
            counted(data, Emits::Changes),
            counted(data, Emits::Final),
            enriched(data, visits),
            sessions(data, visits),
        ];
        Self { outputs, last }
    }

    /// How many rows all outputs have; of the changes of a count the last.
    pub(super) fn rows(&self) -> usize {
        self.outputs.iter().flat_map(BTreeMap::values).sum()
    }

    /// Compares the outputs, in the order of [`OUTPUTS`], with what must be there.
    pub(super) fn compare(&self, outputs: &[Partitions; 4]) -> Findings {
        let mut findings = Findings::default();
        let changes = last_counts(&outputs[0], &mut findings);
        for ((name, expected), output) in OUTPUTS.into_iter().zip(&self.outputs).zip(outputs) {
            let mut found = Rows::new();
            for record in output.iter().flatten() {
                // Of the changes of a count only the last says what came of it.
                let last = changes.get(&record.key[..]);
                let counts =
                    name != "counts" || last.is_some_and(|last| std::ptr::eq(*last, record));
                if let (true, Some(row)) = (counts, self.row(name, record)) {
                    *found.entry(row).or_default() += 1;
                }
            }
            findings.rows += found.values().sum::<usize>();
            findings.add(name, expected, &found);
        }
        findings
    }

    /// A record in the form in which rows are compared; `None` for one that is not counted.
    fn row(&self, output: &str, record: &Delivered) -> Option<String> {
        let Ok(value) = serde_json::from_slice::<Value>(&record.value) else {
            return Some(format!("no JSON: {}", String::from_utf8_lossy(&record.value)));
        };
        let text = |name: &str| value[name].to_string();
        match output {
            "counts" | "finals" => Some(count_row(&text("page"), &text("since"), &text("visits"))),
            "enriched" => {
                let counts = value["visit"].as_u64().is_none_or(|visit| visit < self.last);
                counts.then(|| enriched_row(&text("visit"), &text("ad")))
            }
            _ => {
                let visits = value["visits"].as_array().map_or(&[][..], Vec::as_slice);
                let mut visits: Vec<u64> = visits.iter().filter_map(Value::as_u64).collect();
                visits.sort_unstable();
                let counts = visits.first().is_none_or(|visit| *visit < self.last);
                counts.then(|| session_row(&text("user_id"), &visits))
            }
        }
    }

    /// The ids of the sessions, by user and first visit.
    pub(super) fn session_ids(&self, sessions: &Partitions) -> BTreeMap<String, Vec<i64>> {
        let mut ids: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for record in sessions.iter().flatten() {
            let Some(row) = self.row("sessions", record) else { continue };
            let value: Value = serde_json::from_slice(&record.value).unwrap_or_default();
            ids.entry(row).or_default().extend(value["session_id"].as_i64());
        }
        ids
    }
}

impl Findings {
    fn add(&mut self, name: &str, expected: &Rows, found: &Rows) {
        for (row, &count) in expected {
            let there = found.get(row).copied().unwrap_or(0);
            self.lost += count.saturating_sub(there);
            self.duplicates += there.saturating_sub(count);
            if there != count {
                self.example(|| format!("{name}: {there} times instead of {count}: {row}"));
            }
        }
        for (row, count) in found.iter().filter(|(row, _)| !expected.contains_key(*row)) {
            self.wrong += count;
            self.example(|| format!("{name}: not expected: {row}"));
        }
    }
}

/// The last count of each window, by key. Counts only grow.
fn last_counts<'a>(
    counts: &'a Partitions,
    findings: &mut Findings,
) -> BTreeMap<&'a [u8], &'a Delivered> {
    let number = |record: &Delivered| {
        let value: Value = serde_json::from_slice(&record.value).unwrap_or_default();
        value["visits"].as_u64().unwrap_or(0)
    };
    let mut last = BTreeMap::new();
    for record in counts.iter().flatten() {
        let Some(before) = last.insert(&record.key[..], record) else { continue };
        findings.duplicates += usize::from(number(before) == number(record));
        findings.reordered += usize::from(number(before) > number(record));
    }
    last
}

fn count_row(page: &str, since: &str, visits: &str) -> String {
    format!("page {page} from {since}: {visits}")
}

fn enriched_row(visit: &str, ad: &str) -> String {
    format!("visit {visit} with ad {ad}")
}

fn session_row(user: &str, visits: &[u64]) -> String {
    format!("user {user}: visits {visits:?}")
}

/// Rows, each with the watermark behind it: the order of one partition. The data are made so that no other order gives anything else.
fn steps<K>(visits: &[Visit], key: impl Fn(&Visit) -> K) -> Vec<Step<K, Visit>> {
    let mut watermark = i64::MIN;
    let mut steps = Vec::new();
    for visit in visits {
        let (key, time) = (Some(key(visit)), visit.time);
        steps.push(Step::Row { key, time, value: visit.clone() });
        watermark = watermark.max(time - DELAY_MS);
        steps.push(Step::Watermark(watermark));
    }
    steps
}

const WINDOWS: Windows = Windows { size: WINDOW_MS, advance: WINDOW_MS, grace: 0 };

/// The last count of each window; with [`Emits::Final`] of those only that have closed.
fn counted(data: &Data, emits: Emits) -> Rows {
    let results = WINDOWS.run(&steps(&data.visits, |visit| visit.page.clone()), emits);
    assert_eq!(results.late, Vec::<usize>::new(), "the delay covers the disorder");
    let mut last = BTreeMap::new();
    for output in results.outputs {
        let Output::Change(change) = output else { continue };
        let visits = change.rows.map_or(0, |rows| rows.len());
        last.insert((change.key, change.window.map_or(0, |(start, _)| start)), visits);
    }
    let row = |((page, since), visits): ((String, i64), usize)| {
        (count_row(&format!("{page:?}"), &since.to_string(), &visits.to_string()), 1)
    };
    last.into_iter().map(row).collect()
}

fn enriched(data: &Data, visits: u32) -> Rows {
    let mut rows = Rows::new();
    for visit in data.visits.iter().filter(|visit| visit.number < visits) {
        let span = visit.time..=visit.time + WITHIN_MS;
        let ads = data.ads.iter().filter(|ad| ad.page == visit.page && span.contains(&ad.time));
        let mut partners: Vec<String> = ads.map(|ad| ad.number.to_string()).collect();
        if partners.is_empty() {
            partners.push("null".to_owned());
        }
        for ad in partners {
            *rows.entry(enriched_row(&visit.number.to_string(), &ad)).or_default() += 1;
        }
    }
    rows
}

fn sessions(data: &Data, visits: u32) -> Rows {
    let results = Timeouts { timeout: TIMEOUT_MS }.run(&steps(&data.visits, |visit| visit.user));
    let mut rows = Rows::new();
    for output in results.outputs {
        let Output::Change(change) = output else { continue };
        let mut numbers: Vec<u64> =
            change.rows.iter().flatten().map(|visit| u64::from(visit.number)).collect();
        numbers.sort_unstable();
        if numbers.first().is_some_and(|number| *number < u64::from(visits)) {
            *rows.entry(session_row(&change.key.to_string(), &numbers)).or_default() += 1;
        }
    }
    rows
}

#[test]
fn the_comparison_sees_what_is_lost_doubled_wrong_or_out_of_order() {
    const VISITS: u32 = 700;
    let data = Data::generate(VISITS, 1, 4 * 86_400_000);
    let expected = Expected::new(&data, VISITS);
    let record = |key: &str, value: String| Delivered {
        key: key.into(),
        value: value.into_bytes(),
        ..Delivered::default()
    };
    let count = |visits: u32| {
        let value = format!(r#"{{"page":"page-1","since":0,"visits":{visits}}}"#);
        record("page-1", value)
    };
    let nothing: [Partitions; 4] = Default::default();
    let missing = expected.compare(&nothing);
    assert_eq!((missing.lost, missing.wrong), (expected.rows(), 0));

    let found = |records: Vec<Delivered>| {
        let [_, finals, enriched, sessions] = nothing.clone();
        expected.compare(&[vec![records], finals, enriched, sessions])
    };
    let most = expected.outputs[0].keys().find(|row| row.contains("page-1\" from 0")).unwrap();
    let most: u32 = most.rsplit_once(' ').unwrap().1.parse().unwrap();
    let right = found(vec![count(1), count(most)]);
    assert_eq!((right.lost, right.duplicates), (missing.lost - 1, 0), "{right:?}");
    assert_eq!((right.wrong, right.reordered), (0, 0));
    assert_eq!(found(vec![count(most), count(most)]).duplicates, 1);
    assert_eq!(found(vec![count(most), count(1)]).reordered, 1);
    assert_eq!(found(vec![count(most + 1)]).wrong, 1);

    // A user's bursts are a session each, whatever the order.
    let sessions = &expected.outputs[3];
    assert!(sessions.len() >= 80 && sessions.values().all(|count| *count == 1));
    assert!(!sessions.keys().any(|row| row.contains("visits []")));
}
