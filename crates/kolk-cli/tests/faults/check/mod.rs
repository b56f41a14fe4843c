//! Compares what went in with what came out, knowing nothing of how Kolk delivers.

#[cfg(test)]
mod tests;

use crate::foreign::{Delivered, Partitions};
use std::collections::{HashMap, HashSet};

/// At most this many examples of what is wrong are kept.
const EXAMPLES: usize = 5;

/// What a delivery mode promises about records that occur again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// None.
    Never,
    /// A contiguous run of what was delivered, up to its end.
    Suffix,
    /// Whatever a network made of it that holds requests back until others have overtaken them.
    Any,
}

/// Whether records carry bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bins {
    None,
    Packed,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Records that came out, repeats included.
    pub(crate) records: usize,
    /// Input records without an output.
    pub(crate) lost: usize,
    /// Outputs without an input.
    pub(crate) extra: usize,
    /// Occurrences of a record after its first.
    pub(crate) repeats: usize,
    /// First occurrences that come before one that precedes it in the input, by key.
    pub(crate) reordered: usize,
    /// Keys in a partition other than their input's.
    pub(crate) moved: usize,
    /// Repeats after which something was left out that had to be repeated too.
    pub(crate) torn: usize,
    /// Violations of the rules of bins.
    pub(crate) bins: usize,
    /// Some of all that in words.
    pub(crate) examples: Vec<String>,
}

impl Findings {
    fn example(&mut self, what: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(what());
        }
    }

    /// What breaks the promise.
    pub(crate) fn problems(&self, repeats: Repeats) -> Vec<String> {
        let counted = [
            (self.lost, "lost"),
            (self.extra, "came from nowhere"),
            (self.reordered, "reordered"),
            (self.moved, "in another partition than their input"),
            (self.bins, "against the rules of bins"),
            (if repeats == Repeats::Never { self.repeats } else { 0 }, "duplicates"),
            (
                if repeats == Repeats::Suffix { self.torn } else { 0 },
                "repeats that are not the end of what was delivered",
            ),
        ];
        let mut problems: Vec<String> = counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if !problems.is_empty() {
            problems.extend(self.examples.iter().cloned());
        }
        problems
    }
}

/// Compares a topic with the one that it was copied from. Input records must differ from one another.
pub(crate) fn compare(input: &Partitions, output: &Partitions, bins: Bins) -> Findings {
    let mut findings = Findings::default();
    let places = places(input);
    let mut seen = HashSet::new();
    for (partition, records) in output.iter().enumerate() {
        compare_partition((partition, records), &places, &mut seen, &mut findings);
        if bins == Bins::Packed {
            check_bins((partition, records), &mut findings);
        }
    }
    findings.lost = places.len() - seen.len();
    if let Some((key, value)) = places.keys().find(|record| !seen.contains(*record)) {
        findings.example(|| format!("lost: {}", show(key, value)));
    }
    findings
}

type Identity<'a> = (&'a [u8], &'a [u8]);

/// Where a record stands: its partition, and its place there.
type Place = (usize, usize);

fn identity(record: &Delivered) -> Identity<'_> {
    (&record.key, &record.value)
}

fn places(input: &Partitions) -> HashMap<Identity<'_>, Place> {
    let mut places = HashMap::new();
    for (partition, records) in input.iter().enumerate() {
        for (at, record) in records.iter().enumerate() {
            let before = places.insert(identity(record), (partition, at));
            assert!(
                before.is_none(),
                "two input records are equal: {}",
                show(&record.key, &record.value)
            );
        }
    }
    places
}

fn compare_partition<'a>(
    (partition, records): (usize, &'a [Delivered]),
    places: &HashMap<Identity<'a>, Place>,
    seen: &mut HashSet<Identity<'a>>,
    findings: &mut Findings,
) {
    let mut last_of_key: HashMap<&[u8], usize> = HashMap::new();
    // The place of each first occurrence, and the one that must follow when a repeat goes on.
    let mut order: HashMap<Identity<'_>, usize> = HashMap::new();
    let mut expected = 0;
    for record in records {
        findings.records += 1;
        let identity = identity(record);
        let Some((home, at)) = places.get(&identity) else {
            findings.extra += 1;
            findings.example(|| format!("from nowhere: {}", show(&record.key, &record.value)));
            continue;
        };
        if *home != partition {
            findings.moved += 1;
            findings.example(|| {
                format!("moved from {home} to {partition}: {}", show(&record.key, &record.value))
            });
        }
        if !seen.insert(identity) {
            findings.repeats += 1;
            let first = order.get(&identity).copied().unwrap_or(0);
            if first > expected {
                findings.torn += 1;
                findings.example(|| format!("repeats from {expected} go on at {first}"));
            }
            expected = first + 1;
            continue;
        }
        if expected < order.len() {
            findings.torn += 1;
            findings.example(|| {
                format!("repeats end at {expected} of {} in partition {partition}", order.len())
            });
        }
        order.insert(identity, order.len());
        expected = order.len();
        let last = last_of_key.insert(&record.key, *at);
        if last.is_some_and(|last| last > *at) {
            findings.reordered += 1;
            findings.example(|| format!("too late: {}", show(&record.key, &record.value)));
        }
    }
}

/// Within a partition and a transaction, which holds one interval: bins from 1 without gaps, each in one piece, and no key
/// twice in a bin.
fn check_bins((partition, records): (usize, &[Delivered]), findings: &mut Findings) {
    for interval in records.chunk_by(|a, b| a.transaction == b.transaction) {
        let mut current = 0;
        let mut keys = HashSet::new();
        for record in interval {
            let bin = record.bin.unwrap_or(0);
            if bin != current {
                keys.clear();
            }
            if bin == 0 || (bin != current && bin != current + 1) {
                findings.bins += 1;
                findings.example(|| {
                    format!(
                        "partition {partition}: bin {bin} after {current}: {}",
                        show(&record.key, &record.value)
                    )
                });
            }
            current = bin;
            if !keys.insert(&record.key) {
                findings.bins += 1;
                findings.example(|| {
                    format!(
                        "partition {partition}: twice in bin {bin}: {}",
                        show(&record.key, &record.value)
                    )
                });
            }
        }
    }
}

fn show(key: &[u8], value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value);
    let short: String = value.chars().take(80).collect();
    format!("{} {short}", String::from_utf8_lossy(key))
}
