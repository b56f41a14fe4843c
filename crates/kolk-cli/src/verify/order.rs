//! The check itself: records in, a report out. Nothing here reads a topic, so tests feed it records.

use super::bins::{BinCheck, BinProblem, KeyBins};
use super::contents::Contents;
use super::field::{Field, Rank};
use super::report::{Finding, Kind, Report};
use super::{Entry, Plan, Shards};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Whether a record may occur more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duplicates {
    /// It may: at-least-once delivery.
    Allowed,
    /// It may not.
    Refused,
}

/// The last record of a key.
#[derive(Debug)]
struct Last {
    partition: i32,
    offset: i64,
    rank: Rank,
}

/// Where bins are looked at.
#[derive(Debug)]
enum Bins {
    /// In a topic: by partition, whose rows are those of one bin after the other.
    Of(BTreeMap<i32, BinCheck>),
    /// In a stream: by key, for several instances may write to a shard.
    OfKeys(KeyBins),
}

/// A check that is under way: first all records of the topic, each partition in order, then those of the other topic.
#[derive(Debug)]
pub(crate) struct Check {
    key: Field,
    by: Field,
    duplicates: Duplicates,
    contents: Contents,
    keys: HashMap<String, Last>,
    /// With `--bins`.
    bins: Option<Bins>,
    shards: Shards,
    compared: bool,
    report: Report,
}

impl Check {
    /// Checks what `plan` says.
    pub(crate) fn new(plan: &Plan, partitions: usize) -> Self {
        Self {
            key: Field::parse(&plan.key),
            by: Field::parse(&plan.by),
            duplicates: plan.duplicates,
            contents: Contents::new(),
            keys: HashMap::new(),
            bins: plan.bins.as_ref().map(|_| Bins::Of(BTreeMap::new())),
            shards: Shards::default(),
            compared: plan.against.is_some(),
            report: Report::new(plan, partitions),
        }
    }

    /// Checks what `plan` says of a stream with these shards.
    #[cfg_attr(not(feature = "kinesis"), expect(dead_code, reason = "there are no streams"))]
    pub(super) fn of_shards(plan: &Plan, shards: Shards) -> Self {
        let mut check = Self::new(plan, shards.names.len());
        check.bins = plan.bins.as_ref().map(|_| Bins::OfKeys(KeyBins::default()));
        check.report.shards = Some(shards.names.clone());
        check.shards = shards;
        check
    }

    /// Takes a record of the topic into account.
    pub(crate) fn record(&mut self, entry: &Entry<'_>) {
        self.report.records += 1;
        let first = self.contents.add(entry);
        if let Some(first) = first {
            self.report.repeats += 1;
            if self.duplicates == Duplicates::Refused {
                let what =
                    format!("the same as {}", self.report.place(first.partition, first.offset));
                self.find(Kind::Duplicate, entry, what);
            }
        }
        let wants_json = self.key.is_json() || self.by.is_json();
        let json: Option<Value> = match entry.value {
            Some(value) if wants_json => serde_json::from_slice(value).ok(),
            _ => None,
        };
        let key = self.key.text(entry, json.as_ref());
        let rank = self.by.rank(entry, json.as_ref());
        let (Some(key), Some(rank)) = (key, rank) else {
            let plan = &self.report.plan;
            let what = format!("no {} or no {} in it", plan.key, plan.by);
            self.find(Kind::Unreadable, entry, what);
            return;
        };
        // A bin of a stream that was written again is there once more, bit by bit.
        if first.is_none() || matches!(self.bins, Some(Bins::Of(_))) {
            self.check_bin(entry, &key);
        }
        if first.is_none() {
            self.check_order(entry, key, rank);
        }
    }

    fn check_bin(&mut self, entry: &Entry<'_>, key: &str) {
        let Some(bins) = &mut self.bins else { return };
        let problem = match bins {
            Bins::Of(bins) => {
                bins.entry(entry.partition).or_default().row(entry.bin, key, entry.offset)
            }
            Bins::OfKeys(bins) => bins.row(entry.bin, key),
        };
        let Some(problem) = problem else { return };
        let name = self.report.plan.bins.clone().unwrap_or_default();
        let what = match problem {
            BinProblem::NoNumber => format!("{name} does not hold a number from 1"),
            BinProblem::OutOfTurn { after, bin } => format!("bin {bin} follows bin {after}"),
            BinProblem::Twice { bin } => format!("bin {bin} holds {key} twice"),
        };
        self.find(Kind::Bin, entry, what);
    }

    fn check_order(&mut self, entry: &Entry<'_>, key: String, rank: Rank) {
        if let Some(bins) = &mut self.bins {
            let before = match bins {
                Bins::Of(bins) => {
                    bins.entry(entry.partition).or_default().order(&key, rank.clone(), entry.offset)
                }
                Bins::OfKeys(bins) => bins.order(&key, rank.clone(), entry.offset),
            };
            if let Some((before, offset)) = before {
                self.violation(entry, &key, &rank, &before, offset);
            }
        }
        let in_intervals = self.bins.is_some();
        let Some(last) = self.keys.get_mut(&key) else {
            let last = Last { partition: entry.partition, offset: entry.offset, rank };
            self.keys.insert(key, last);
            return;
        };
        let at = usize::try_from(entry.partition).unwrap_or(usize::MAX);
        let goes_on = self.shards.ancestors.get(at).is_some_and(|it| it.contains(&last.partition));
        if last.partition != entry.partition && !goes_on {
            let place = self.report.place(last.partition, last.offset);
            let what = format!("{key} is in {place} too");
            self.find(Kind::NotComparable, entry, what);
        } else if in_intervals || !rank.is_before(&last.rank) {
            *last = Last { partition: entry.partition, offset: entry.offset, rank };
        } else {
            let (before, offset) = (last.rank.clone(), last.offset);
            self.violation(entry, &key, &rank, &before, offset);
        }
    }

    fn violation(&mut self, entry: &Entry<'_>, key: &str, rank: &Rank, before: &Rank, offset: i64) {
        let by = &self.report.plan.by;
        let what = format!("{key}: {by} falls from {before} (offset {offset}) to {rank}");
        self.find(Kind::Violation, entry, what);
    }

    /// Takes a record of the other topic into account.
    pub(crate) fn against(&mut self, entry: &Entry<'_>) {
        self.report.against_records += 1;
        if self.contents.is_missing(entry) {
            let key = entry.key.map_or("null".into(), String::from_utf8_lossy);
            self.find(Kind::Missing, entry, format!("record with key {key}"));
        }
    }

    /// What was found.
    pub(crate) fn finish(mut self) -> Report {
        if self.compared {
            for (place, count) in self.contents.extra(self.duplicates) {
                let entry =
                    Entry { partition: place.partition, offset: place.offset, ..Entry::default() };
                let what = match count {
                    1 => "not in the other topic".to_owned(),
                    count => format!("{count} times more often than in the other topic"),
                };
                self.report.add(Kind::Extra, u64::from(count), finding(Kind::Extra, &entry, what));
            }
        }
        self.report.keys = self.keys.len() as u64;
        if let Some(Bins::Of(bins)) = &self.bins {
            self.report.intervals = bins.values().map(|bins| bins.intervals).sum();
            self.report.bins = bins.values().map(|bins| bins.bins).sum();
        }
        self.report
    }

    fn find(&mut self, kind: Kind, entry: &Entry<'_>, what: String) {
        self.report.add(kind, 1, finding(kind, entry, what));
    }
}

fn finding(kind: Kind, entry: &Entry<'_>, what: String) -> Finding {
    Finding { kind, partition: entry.partition, offset: entry.offset, what }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
