//! What a check found, for people and for programs.

use super::Plan;
use crate::table::grouped;
use serde_json::{Map, Value, json};

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Order falls.
    Violation,
    /// A key in two partitions.
    NotComparable,
    /// The same record again.
    Duplicate,
    /// Only in the other topic.
    Missing,
    /// Not in the other topic.
    Extra,
    /// A bin is not as promised.
    Bin,
    /// Key or order value is not there.
    Unreadable,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Violation,
        Self::NotComparable,
        Self::Duplicate,
        Self::Missing,
        Self::Extra,
        Self::Bin,
        Self::Unreadable,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Violation => "violation",
            Self::NotComparable => "not comparable",
            Self::Duplicate => "duplicate",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Bin => "bin",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether the check can find it at all.
    fn applies(self, plan: &Plan) -> bool {
        match self {
            Self::Missing | Self::Extra => plan.against.is_some(),
            Self::Bin => plan.bins.is_some(),
            _ => true,
        }
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(super) kind: Kind,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) what: String,
}

/// What a check found.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(super) plan: Plan,
    pub(super) partitions: usize,
    /// Their names, if they are shards of a stream.
    pub(super) shards: Option<Vec<String>>,
    /// Records of the topic.
    pub(super) records: u64,
    /// Records of the other topic.
    pub(super) against_records: u64,
    /// Distinct keys.
    pub(super) keys: u64,
    /// Records that occurred before.
    pub(super) repeats: u64,
    pub(super) intervals: u64,
    pub(super) bins: u64,
    counts: [u64; Kind::ALL.len()],
    examples: Vec<Finding>,
}

impl Report {
    pub(super) fn new(plan: &Plan, partitions: usize) -> Self {
        Self {
            plan: plan.clone(),
            partitions,
            shards: None,
            records: 0,
            against_records: 0,
            keys: 0,
            repeats: 0,
            intervals: 0,
            bins: 0,
            counts: [0; Kind::ALL.len()],
            examples: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, kind: Kind, count: u64, finding: Finding) {
        self.counts[kind as usize] += count;
        let shown = self.examples.iter().filter(|finding| finding.kind == kind).count();
        if shown < self.plan.show {
            self.examples.push(finding);
        }
    }

    /// Where a record of the topic or stream is.
    pub(super) fn place(&self, partition: i32, offset: i64) -> String {
        let shard = usize::try_from(partition).ok().and_then(|at| self.shards.as_ref()?.get(at));
        match shard {
            Some(shard) => format!("{shard} record {offset}"),
            None => format!("{}-{partition} offset {offset}", self.plan.topic),
        }
    }

    /// How many problems of a kind there are.
    pub(crate) fn count(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// Whether nothing was found.
    pub(crate) fn is_clean(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// How many records the topic has.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// The report on one line.
    pub(crate) fn summary(&self) -> String {
        let found: Vec<String> = Kind::ALL
            .into_iter()
            .filter(|kind| self.count(*kind) > 0)
            .map(|kind| format!("{} {}", kind.name(), grouped(self.count(kind))))
            .collect();
        if found.is_empty() {
            "in order".to_owned()
        } else {
            format!("NOT as promised: {}", found.join(", "))
        }
    }

    /// The report for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Plan { topic, key, by, against, .. } = &self.plan;
        let mut lines = vec![format!(
            "{topic}: {} records of {} keys ({key}) in {} {}, by {by}",
            grouped(self.records),
            grouped(self.keys),
            self.partitions,
            if self.shards.is_some() { "shards" } else { "partitions" }
        )];
        if self.plan.bins.is_some() && self.shards.is_none() {
            let (bins, intervals) = (grouped(self.bins), grouped(self.intervals));
            lines.push(format!("  {bins} bins in {intervals} intervals"));
        }
        if let Some(against) = against {
            lines.push(format!("  against {against}: {} records", grouped(self.against_records)));
        }
        for kind in Kind::ALL.into_iter().filter(|kind| kind.applies(&self.plan)) {
            let count = grouped(self.count(kind));
            let mut line = format!("  {:<15} {count:>7}", kind.name());
            if kind == Kind::Duplicate && self.repeats > 0 && self.count(kind) == 0 {
                line = format!("{line}   ({} repeated records are allowed)", grouped(self.repeats));
            }
            lines.push(line);
            for finding in self.examples.iter().filter(|finding| finding.kind == kind) {
                let Finding { partition, offset, what, .. } = finding;
                let place = match against.as_deref().filter(|_| kind == Kind::Missing) {
                    Some(against) => format!("{against}-{partition} offset {offset}"),
                    None => self.place(*partition, *offset),
                };
                lines.push(format!("    {place}: {what}"));
            }
        }
        lines.push(self.summary());
        lines
    }

    /// The report for programs.
    pub(crate) fn to_json(&self) -> Value {
        let mut problems = Map::new();
        for kind in Kind::ALL.into_iter().filter(|kind| kind.applies(&self.plan)) {
            problems.insert(kind.name().replace(' ', "_"), self.count(kind).into());
        }
        let example = |finding: &Finding| {
            json!({
                "kind": finding.kind.name().replace(' ', "_"), "partition": finding.partition,
                "offset": finding.offset, "what": finding.what,
            })
        };
        let examples: Vec<Value> = self.examples.iter().map(example).collect();
        let mut report = json!({
            "topic": self.plan.topic, "ok": self.is_clean(), "records": self.records, "keys": self.keys,
            "partitions": self.partitions, "repeated": self.repeats, "problems": problems,
            "examples": examples,
        });
        if let Some(against) = &self.plan.against {
            report["against"] = json!({ "topic": against, "records": self.against_records });
        }
        if self.plan.bins.is_some() {
            report["bins"] = self.bins.into();
            report["intervals"] = self.intervals.into();
        }
        report
    }
}
