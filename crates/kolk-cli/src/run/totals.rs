//! The books of a run: where every record went.

use super::monitor::rate;
use crate::failure::describe;
use crate::table::{Table, grouped};
use kolk::account::Account;
use kolk::runtime::{QueryError, QueryStatus};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// A column of the books.
type Count = (&'static str, fn(&Account) -> u64);

/// The books, in the order of their equation.
const COUNTS: &[Count] = &[
    ("read#", |account| account.read),
    ("+ made#", |account| account.made),
    ("= forwarded#", |account| account.forwarded),
    ("+ filtered#", |account| account.filtered),
    ("+ skipped#", |account| account.skipped),
    ("+ dead-lettered#", |account| account.dead_lettered),
    ("+ late#", |account| account.late),
    ("+ null key#", |account| account.null_key),
    ("+ taken#", |account| account.taken),
    ("delivered#", |account| account.delivered),
    ("too large#", |account| account.too_large),
];

/// What only queries with state have: not shown where it is all 0.
const OF_STATE: [&str; 4] = ["+ made#", "+ late#", "+ null key#", "+ taken#"];

/// When queries ended, or last delivered something: each has its own speed, whatever the others do.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// Rows delivered when last looked at, and how long after the start that number was first seen.
    delivered: HashMap<String, (u64, Duration)>,
}

impl Clocks {
    /// Looks at the queries `since` the start.
    pub(super) fn look(&mut self, queries: &[QueryStatus], since: Duration) {
        for query in queries {
            let delivered = query.account.delivered;
            match self.delivered.get_mut(&query.name) {
                Some(seen) if seen.0 == delivered => {}
                Some(seen) => *seen = (delivered, since),
                None => {
                    self.delivered.insert(query.name.clone(), (delivered, since));
                }
            }
        }
    }

    /// Rows per second from the start to the last delivery.
    fn rate(&self, status: &QueryStatus) -> u64 {
        let last = self.delivered.get(&status.name).map_or(Duration::ZERO, |(_, last)| *last);
        rate(status.account.delivered, last.as_secs_f64())
    }
}

/// The books of all queries, with what ended those that failed.
#[derive(Debug)]
pub(crate) struct Totals {
    queries: Vec<(QueryStatus, Option<anyhow::Error>)>,
    clocks: Clocks,
    took: Duration,
}

impl Totals {
    /// The books of an application that has ended.
    pub(super) fn new(
        queries: Vec<(QueryStatus, Result<(), QueryError>)>,
        clocks: Clocks,
        took: Duration,
    ) -> Self {
        let queries =
            queries.into_iter().map(|(status, outcome)| (status, outcome.err().map(Into::into)));
        Self { queries: queries.collect(), clocks, took }
    }

    /// The queries.
    pub(crate) fn queries(&self) -> impl Iterator<Item = &QueryStatus> {
        self.queries.iter().map(|(status, _)| status)
    }

    /// Rows that a query delivered per second, from the application's start to its last delivery.
    pub(crate) fn rate(&self, query: &str) -> u64 {
        self.queries()
            .find(|status| status.name == query)
            .map_or(0, |status| self.clocks.rate(status))
    }

    /// The books for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let shown: Vec<&Count> = COUNTS
            .iter()
            .filter(|(name, count)| {
                let is_there = || self.queries().any(|status| count(&status.account) > 0);
                !OF_STATE.contains(name) || is_there()
            })
            .collect();
        let names = shown.iter().map(|(name, _)| *name);
        let names: Vec<&str> =
            ["query", "delivery"].into_iter().chain(names).chain(["commits#", "rows/s#"]).collect();
        let mut table = Table::new(&names);
        let seconds = self.took.as_secs_f64();
        for status in self.queries() {
            let counts = shown.iter().map(|(_, count)| count(&status.account));
            let others = [status.commits, self.clocks.rate(status)];
            let names = [status.name.clone(), status.delivery.to_owned()];
            table.row(names.into_iter().chain(counts.chain(others).map(grouped)));
        }
        let mut lines = table.lines();
        lines.push(format!("{seconds:.1} s"));
        for status in self.queries() {
            let account = &status.account;
            if !account.balances() {
                lines.push(format!("the books of {} do not balance: {account}", status.name));
            }
            if account.failed_expressions > 0 {
                let count = grouped(account.failed_expressions);
                lines.push(format!(
                    "{}: an expression failed on {count} rows and gave NULL",
                    status.name
                ));
            }
            if account.future > 0 {
                let count = grouped(account.future);
                lines.push(format!(
                    "{}: {count} records are of the future, and moved no watermark",
                    status.name
                ));
            }
            if status.passed_over > 0 {
                let count = grouped(status.passed_over);
                lines.push(format!(
                    "{}: {count} offsets were passed over, because the input no longer had them",
                    status.name
                ));
            }
            if status.sent_again > 0 {
                let count = grouped(status.sent_again);
                lines.push(format!(
                    "{}: {count} rows were sent again, because the store had not taken them or had not said so",
                    status.name
                ));
            }
            if status.rewinds > 0 {
                let count = grouped(status.rewinds);
                lines.push(format!(
                    "{}: went back to its committed offsets {count} times",
                    status.name
                ));
            }
        }
        lines
    }

    /// The books for programs.
    pub(crate) fn to_json(&self, app: &str) -> Value {
        let query = |(status, error): &(QueryStatus, Option<anyhow::Error>)| {
            let account = &status.account;
            json!({
                "name": status.name, "topic": status.topic, "delivery": status.delivery,
                "read": account.read, "forwarded": account.forwarded, "filtered": account.filtered,
                "skipped": account.skipped, "dead_lettered": account.dead_lettered,
                "made": account.made, "late": account.late, "null_key": account.null_key, "taken": account.taken,
                "delivered": account.delivered, "too_large": account.too_large,
                "future": account.future, "failed_expressions": account.failed_expressions, "balances": account.balances(),
                "lag": status.lag, "watermark_ms": status.watermark, "commits": status.commits,
                "rows_per_second": self.clocks.rate(status), "rewinds": status.rewinds, "sent_again": status.sent_again,
                "passed_over": status.passed_over, "notices": status.notices, "first_output_ms": status.first_output_ms,
                "error": error.as_ref().map(|error| describe(error).to_string()),
            })
        };
        let queries: Vec<Value> = self.queries.iter().map(query).collect();
        json!({ "app": app, "seconds": self.took.as_secs_f64(), "queries": queries })
    }

    /// An error when a query failed: the one of the first, with all of them named.
    ///
    /// # Errors
    /// A [`Failure`](crate::failure::Failure).
    pub(crate) fn outcome(self) -> anyhow::Result<()> {
        let mut failed: Vec<(String, anyhow::Error)> = self
            .queries
            .into_iter()
            .filter_map(|(status, error)| Some((status.name, error?)))
            .collect();
        match failed.len() {
            0 => Ok(()),
            1 => {
                let (name, error) = failed.remove(0);
                Err(error.context(format!("query {name}")))
            }
            count => {
                let told: Vec<String> = failed
                    .iter()
                    .map(|(name, error)| format!("query {name}: {}", describe(error)))
                    .collect();
                Err(super::failed(count).help(told.join("\n")).into())
            }
        }
    }
}
