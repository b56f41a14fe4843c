//! Events of users, out of order within a bound: the input of windows, sessions and joins.

use crate::link::Link;
use anyhow::{Result, bail};
use fastrand::Rng;
use kolk::client::TopicPartition;
use kolk::client::producer::{AppendError, Event as ProducerEvent, Handle, Producer};
use kolk::time::{Clock, Timestamp};
use serde::Deserialize;
use std::fmt::Write;

/// How much an event may be behind an earlier one, in milliseconds: what the engines wait for is twice as much.
const DISORDER_MS: u64 = 5000;
/// From one event to the next, in milliseconds.
const STEP_MS: i64 = 1;
/// Records appended between two looks at the network.
const TURN: u64 = 4096;

/// What there is to know of an event.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    /// Its number, the same in no other topic of a run.
    pub(crate) event_id: i64,
    /// When it happened, milliseconds since 1970.
    pub(crate) event_time: i64,
}

/// Writes `count` events of `users` users in turn to the topics: record time-stamps rise by a millisecond, event times lie up to five
/// seconds before them. The key is the user.
pub(crate) fn write(bootstrap: &str, topics: &[&str], count: u64, users: u32) -> Result<()> {
    let config = crate::writer::config(bootstrap)?;
    let mut producer = Producer::new(&config);
    let Some(first) = topics.first() else { bail!("no topic") };
    let (mut link, partitions) = Link::to_topic(&config, first)?;
    for topic in topics {
        link.metadata.want(topic);
    }
    let handles: Vec<Vec<Handle>> = topics
        .iter()
        .map(|topic| {
            let of = |partition| TopicPartition::new(*topic, partition);
            (0..partitions).map(|partition| producer.register(&of(partition))).collect()
        })
        .collect();
    // The last one is of now: retention by time leaves all of them.
    let start = crate::link::clock().now_ms().0 - i64::try_from(count)? * STEP_MS;
    let (mut events, mut value) = (Draw::new(users), String::new());
    let (mut appended, mut acknowledged) = (0, 0);
    let mut last_news = link.network.now();
    let mut user = events.next(start, appended, &mut value);
    while acknowledged < count {
        let turn_ends = count.min(appended + TURN);
        while appended < turn_ends {
            let number = usize::try_from(appended)?;
            let partition =
                Producer::partition_of_key(Some(user.as_bytes()), partitions).unwrap_or(0);
            let handle = handles[number % handles.len()][usize::try_from(partition)?];
            let at = Timestamp(start + i64::try_from(appended)? * STEP_MS);
            match producer.append(handle, at, Some(user.as_bytes()), Some(value.as_bytes()), &[]) {
                Ok(()) => {
                    appended += 1;
                    user = events.next(start, appended, &mut value);
                }
                Err(AppendError::Full { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        if appended == count {
            producer.flush();
        }
        link.metadata.step(&mut link.network)?;
        producer.step(&mut link.network, &mut link.metadata)?;
        while let Some(event) = producer.take_event() {
            match event {
                ProducerEvent::Acknowledged(batch) => {
                    acknowledged += u64::from(batch.count);
                    last_news = link.network.now();
                }
                ProducerEvent::Refused(refusal) => bail!("refused: {}", refusal.why),
                ProducerEvent::Retrying { failures, why, .. } if failures > 8 => bail!("{why}"),
                ProducerEvent::Retrying { .. } => {}
            }
        }
        crate::writer::check_silence(&link, last_news)?;
        let waits = appended == count || appended < turn_ends;
        let soon = if waits { producer.deadline() } else { Some(link.network.now()) };
        link.poll([soon, link.metadata.deadline()]);
    }
    Ok(())
}

/// Draws events.
#[derive(Debug)]
pub(crate) struct Draw {
    rng: Rng,
    users: u32,
}

impl Draw {
    /// Of so many users; always the same events.
    pub(crate) fn new(users: u32) -> Self {
        Self { rng: Rng::with_seed(1), users }
    }

    /// Writes an event of about 450 bytes; its user comes back.
    pub(crate) fn next(&mut self, start: i64, number: u64, value: &mut String) -> String {
        let rng = &mut self.rng;
        let user = format!("user-{:07}", rng.u32(..self.users));
        let late = rng.u64(..DISORDER_MS);
        let time = start + i64::try_from(number).unwrap_or_default() * STEP_MS
            - i64::try_from(late).unwrap_or_default();
        value.clear();
        let _ = write!(
            value,
            concat!(
                r#"{{"event_id": {}, "page": "category_{}", "keep_private": {}, "event_time": {}, "context": "#,
                r#"{{"referral": "Google Search", "ad_id": "ad {}", "user": {{"ip": "{}.{}.17.4", "login": "laura{}", "#,
                r#""connected_since": "2023-12-0{}T03:03:20.000+00:00"}}, "technical": {{"browser": "Firefox", "#,
                r#""browser_version": "24.11", "network_type": "Wi-Fi", "device_type": "Smartphone", "#,
                r#""device_version": "{}.0", "fingerprint": "{:016x}{:016x}"}}}}}}"#,
            ),
            number,
            rng.u8(1..=20),
            rng.u8(..10) == 0,
            time,
            rng.u8(1..6),
            rng.u8(1..224),
            rng.u8(..),
            rng.u16(..),
            rng.u8(1..10),
            rng.u8(1..9),
            rng.u64(..),
            rng.u64(..),
        );
        user
    }
}
