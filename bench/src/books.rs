//! What a job with state must have written: counts that add up to the input, and every pair of a join.

use crate::events::Event;
use crate::job::Job;
use crate::link;
use crate::reader::{Reader, Until};
use anyhow::{Context, Result};
use foldhash::quality::FixedState;
use serde::Deserialize;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// How far after an event a click belongs to it, in milliseconds.
const WITHIN_MS: i64 = 120_000;

/// What a job has made of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Books {
    /// Events in the final counts, or pairs of event and click.
    pub(crate) counted: u64,
    /// The pairs, whatever their order.
    pairs: u64,
}

/// A group's count.
#[derive(Deserialize)]
struct Count {
    #[serde(alias = "EVENTS")]
    events: u64,
}

/// An event with one of its clicks, or without any.
#[derive(Deserialize)]
struct Clicked {
    #[serde(alias = "EVENT_ID", alias = "eventId")]
    event_id: i64,
    #[serde(alias = "CLICK_ID", alias = "clickId")]
    click_id: Option<i64>,
}

impl Books {
    /// Of what `job` has written to `output`.
    pub(crate) fn of(bootstrap: &str, output: &str, job: Job) -> Result<Self> {
        if job == Job::Join {
            return Self::of_pairs(bootstrap, output);
        }
        // The last count of each group and window; a session that grew or merged was deleted under its old bounds.
        let mut last: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut failed = None;
        Reader::open(&link::config(bootstrap)?, output)?.read(Until::CaughtUp, |_, record| {
            let key = record.key.unwrap_or_default().to_vec();
            match record.value.map(serde_json::from_slice::<Count>) {
                None => drop(last.remove(&key)),
                Some(Ok(count)) => drop(last.insert(key, count.events)),
                Some(Err(error)) => failed = Some(error),
            }
        })?;
        failed.map_or(Ok(()), Err).context("a count cannot be read")?;
        Ok(Self { counted: last.values().sum(), pairs: 0 })
    }

    fn of_pairs(bootstrap: &str, output: &str) -> Result<Self> {
        let (mut books, mut failed) = (Self::default(), None);
        Reader::open(&link::config(bootstrap)?, output)?.read(Until::CaughtUp, |_, record| {
            match serde_json::from_slice::<Clicked>(record.value.unwrap_or_default()) {
                Ok(Clicked { event_id, click_id: Some(click_id) }) => {
                    books.pair(event_id, click_id);
                }
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
        })?;
        failed.map_or(Ok(()), Err).context("a pair cannot be read")?;
        Ok(books)
    }

    /// What must be there.
    pub(crate) fn expected(
        bootstrap: &str,
        inputs: &[&str],
        records: u64,
        job: Job,
    ) -> Result<Self> {
        let [events, clicks] = *inputs else { return Ok(Self { counted: records, pairs: 0 }) };
        debug_assert_eq!(job, Job::Join);
        let mut by_user: HashMap<Vec<u8>, Vec<(i64, i64)>> = HashMap::new();
        read(bootstrap, clicks, |user, click| {
            by_user.entry(user).or_default().push((click.event_time, click.event_id));
        })?;
        by_user.values_mut().for_each(|clicks| clicks.sort_unstable());
        let mut books = Self::default();
        read(bootstrap, events, |user, event| {
            let clicks = by_user.get(&user).map_or(&[][..], Vec::as_slice);
            let from = clicks.partition_point(|(time, _)| *time < event.event_time);
            let to = clicks.partition_point(|(time, _)| *time <= event.event_time + WITHIN_MS);
            for (_, click) in &clicks[from..to] {
                books.pair(event.event_id, *click);
            }
        })?;
        Ok(books)
    }

    fn pair(&mut self, event: i64, click: i64) {
        self.counted += 1;
        self.pairs = self.pairs.wrapping_add(FixedState::with_seed(1).hash_one((event, click)));
    }
}

fn read(bootstrap: &str, topic: &str, mut visit: impl FnMut(Vec<u8>, Event)) -> Result<()> {
    let mut failed = None;
    Reader::open(&link::config(bootstrap)?, topic)?.read(Until::CaughtUp, |_, record| {
        match serde_json::from_slice(record.value.unwrap_or_default()) {
            Ok(event) => visit(record.key.unwrap_or_default().to_vec(), event),
            Err(error) => failed = Some(error),
        }
    })?;
    failed.map_or(Ok(()), Err).context("an event cannot be read")
}
