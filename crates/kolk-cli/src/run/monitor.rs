//! What a running application shows: a live line for each query on a terminal, plain lines every few seconds otherwise.

use super::Shown;
use crate::session::Context;
use crate::table::{Table, grouped};
use kolk::codec::timestamp;
use kolk::codec::zone::Zone;
use kolk::runtime::{QueryPhase, QueryStatus};
use kolk::time::Moment;
use std::collections::HashMap;
use std::time::Duration;

/// Time between live lines, and over which their rates are taken.
const LIVE_INTERVAL: Duration = Duration::from_millis(500);
/// Time between plain lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// Shows the queries of an application.
#[derive(Debug)]
pub(super) struct Monitor {
    shown: Shown,
    next: Moment,
    last_shown: Moment,
    /// Rows delivered when last shown, by query.
    delivered: HashMap<String, u64>,
    /// What each query was last reported to wait for.
    waiting: HashMap<String, String>,
    /// What was last told of each query's notices.
    noticed: HashMap<String, String>,
    /// Queries whose failure was told.
    failed: Vec<String>,
}

impl Monitor {
    /// Shows an application that starts at `now`.
    pub(super) fn new(shown: Shown, now: Moment) -> Self {
        Self {
            shown,
            next: now,
            last_shown: now,
            delivered: HashMap::new(),
            waiting: HashMap::new(),
            noticed: HashMap::new(),
            failed: Vec::new(),
        }
    }

    /// Shows what is due.
    pub(super) fn show(&mut self, queries: &[QueryStatus], context: &Context) {
        for query in queries {
            self.tell_news(query, context);
        }
        let now = context.clock.monotonic();
        if self.shown == Shown::Nothing || now < self.next {
            return;
        }
        let live = context.out.is_live();
        // The first plain line after an interval: before, there is nothing to say.
        let first = self.delivered.is_empty();
        let since = now.since(self.last_shown).as_secs_f64();
        let lines = self.lines(queries, since);
        if live {
            context.out.draw_live(&lines);
        } else if !first {
            for line in &lines[1..] {
                context.out.note(line);
            }
        }
        self.last_shown = now;
        self.next = now + if live { LIVE_INTERVAL } else { PLAIN_INTERVAL };
    }

    /// Tells what a person should know at once.
    pub(super) fn tell_news(&mut self, query: &QueryStatus, context: &Context) {
        let told = self.noticed.get(&query.name);
        let told = told.and_then(|told| query.notices.iter().rposition(|notice| notice == told));
        for notice in &query.notices[told.map_or(0, |told| told + 1)..] {
            context.out.note(&format!("query {}: {notice}", query.name));
            self.noticed.insert(query.name.clone(), notice.clone());
        }
        if query.phase == QueryPhase::Failed && !self.failed.contains(&query.name) {
            self.failed.push(query.name.clone());
            context
                .out
                .note(&format!("query {} failed and has stopped; the others go on", query.name));
        }
        let told = self.waiting.get(&query.name);
        if told != query.waiting.as_ref() {
            match &query.waiting {
                Some(waiting) => {
                    context.out.note(&format!("query {}: {waiting}", query.name));
                    self.waiting.insert(query.name.clone(), waiting.clone());
                }
                None => {
                    context.out.note(&format!("query {}: goes on", query.name));
                    self.waiting.remove(&query.name);
                }
            }
        }
    }

    fn lines(&mut self, queries: &[QueryStatus], seconds: f64) -> Vec<String> {
        let mut table = Table::new(&[
            "query",
            "delivery",
            "state",
            "delivered#",
            "rows/s#",
            "lag#",
            "watermark",
        ]);
        for query in queries {
            let delivered = query.account.delivered;
            let before = self.delivered.insert(query.name.clone(), delivered).unwrap_or(0);
            table.row([
                query.name.clone(),
                query.delivery.to_owned(),
                phase(query.phase).to_owned(),
                grouped(delivered),
                grouped(rate(delivered.saturating_sub(before), seconds)),
                grouped(query.lag),
                query.watermark.map_or("-".to_owned(), time),
            ]);
        }
        table.lines()
    }
}

/// Per second, rounded.
pub(crate) fn rate(count: u64, seconds: f64) -> u64 {
    if seconds <= 0.0 {
        return 0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = count as f64 / seconds;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "neither negative nor near u64::MAX"
    )]
    let rate = rate.round() as u64;
    rate
}

fn phase(phase: QueryPhase) -> &'static str {
    match phase {
        QueryPhase::Starting => "starting",
        QueryPhase::Running => "running",
        QueryPhase::Stopping => "stopping",
        QueryPhase::Stopped => "stopped",
        QueryPhase::Failed => "failed",
    }
}

fn time(ms: i64) -> String {
    let mut text = Vec::new();
    timestamp::write(ms, &mut Zone::utc(), &mut text);
    String::from_utf8(text).unwrap_or_default()
}
