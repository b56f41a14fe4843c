//! Records written on a schedule that does not wait for anybody, and read again behind a job: how long each was under way.
//!
//! A record's time counts from when it was to be written, so that a stall of the job, the broker or the writer itself is felt by all the
//! records that it holds up.

use crate::data::PARTITIONS;
use crate::link::{self, Link};
use anyhow::{Context, Result, bail};
use kolk::client::TopicPartition;
use kolk::client::fetch::{FetchEvent, FetchedPartition, Fetcher, Start};
use kolk::client::producer::{AppendError, Event, Handle, Producer};
use kolk::time::{Clock, Moment, SystemClock};
use kolk_wire::record::Scratch;
use std::sync::Arc;
use std::time::Duration;

/// Records appended between two looks at the network.
const TURN: u64 = 2048;
/// Records under way, at most, where the job is to say how many there are.
const UNDER_WAY_MAX: u64 = 30_000;
/// What is under way at the end must come within this.
const LATEST: Duration = Duration::from_secs(60);
/// Records that only show that the job runs have no number: one more than all that have.
const NO_NUMBER: u64 = 999_999_999_999;
/// What a value begins with, in the input and in the output; twelve digits follow.
const PREFIX: &[u8] = br#"{"visit_id":""#;
const REST: &str = concat!(
    r#"","event_time":"2023-12-01T03:03:20.000+00:00","page":"category_12","keep_private":false,"context":{"referral":"#,
    r#""Google Search","ad_id":"ad 4","user":{"ip":"11.201.17.4","login":"laura4711","connected_since":"#,
    r#""2023-12-01T03:03:20.000+00:00"},"technical":{"browser":"Firefox","browser_version":"24.11","network_type":"#,
    r#""Wi-Fi","device_type":"Smartphone","device_version":"7.0","fingerprint":"0123456789abcdef0123456789abcdef"}}}"#,
);

/// How fast records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So many in a second, whatever happens.
    Rate(u64),
    /// As fast as the job takes them.
    AsTaken,
}

/// What a run has shown.
#[derive(Debug)]
pub(crate) struct Passed {
    /// Records that came through in a second, the first part of the run left out.
    pub(crate) rate: u64,
    /// How long each of them was under way, in microseconds, rising; nothing for [`Pace::AsTaken`].
    pub(crate) latencies: Vec<u64>,
}

/// A writer and a reader on one thread, at both ends of a job.
#[derive(Debug)]
pub(crate) struct OpenLoop {
    link: Link,
    producer: Producer,
    handles: Vec<Handle>,
    fetcher: Fetcher,
    scratch: Scratch,
    clock: Arc<SystemClock>,
    value: Vec<u8>,
    came: Vec<u64>,
}

impl OpenLoop {
    /// Writes to `input`, reads `output` from its end.
    pub(crate) fn new(bootstrap: &str, input: &str, output: &str) -> Result<Self> {
        let config = link::config(bootstrap)?.with("linger.ms", "0")?;
        let (mut link, _) = Link::to_topic(&config, input)?;
        link.metadata.want(output);
        let mut producer = Producer::new(&config);
        let mut fetcher = Fetcher::new(&config);
        let mut handles = Vec::new();
        for partition in 0..PARTITIONS {
            handles.push(producer.register(&TopicPartition::new(input, partition)));
            fetcher.assign(TopicPartition::new(output, partition), Start::Earliest);
        }
        let (clock, scratch) = (link::clock(), Scratch::new());
        let (value, came) = (Vec::new(), Vec::new());
        Ok(Self { link, producer, handles, fetcher, scratch, clock, value, came })
    }

    /// Waits until a record of each partition has come through the job.
    pub(crate) fn wait_until_it_runs(&mut self) -> Result<()> {
        let (start, mut seen) = (self.link.network.now(), 0);
        for partition in 0..self.handles.len() {
            self.append(NO_NUMBER, partition)?;
        }
        while seen < self.handles.len() {
            self.turn(Duration::from_millis(50))?;
            seen += self.came.drain(..).count();
            if self.link.network.now().since(start) > LATEST {
                bail!("the job let nothing through within {LATEST:?}");
            }
        }
        Ok(())
    }

    /// Writes for `time`; of what is written in the first `warm_up` nothing counts.
    pub(crate) fn run(&mut self, pace: Pace, time: Duration, warm_up: Duration) -> Result<Passed> {
        let start = self.link.network.now();
        let (mut sent, mut received, mut counted) = (0_u64, 0_u64, 0_u64);
        let mut latencies = Vec::new();
        loop {
            let age = self.link.network.now().since(start);
            let writes = age < time;
            if !writes && (pace == Pace::AsTaken || received == sent) {
                break;
            }
            if age > time + LATEST {
                bail!(
                    "{received} of {sent} records had come through {LATEST:?} after the last one"
                );
            }
            if writes {
                let due = match pace {
                    Pace::Rate(rate) => micros(age) * rate / 1_000_000,
                    Pace::AsTaken => received + UNDER_WAY_MAX,
                };
                sent = self.send(sent, due)?;
            }
            let next = match pace {
                Pace::Rate(rate) if writes => due_at(sent + 1, rate),
                _ => age + Duration::from_millis(5),
            };
            self.turn(next.saturating_sub(age))?;
            let age = self.link.network.now().since(start);
            for number in self.came.drain(..).filter(|number| *number != NO_NUMBER) {
                received += 1;
                counted += u64::from(age >= warm_up && age < time);
                if let Pace::Rate(rate) = pace {
                    let at = due_at(number, rate);
                    if at >= warm_up {
                        latencies.push(micros(age.saturating_sub(at)));
                    }
                }
            }
        }
        latencies.sort_unstable();
        let rate = counted * 1_000_000 / micros(time.saturating_sub(warm_up)).max(1);
        Ok(Passed { rate, latencies })
    }

    /// Writes records up to number `due`, as far as there is room; returns the next number.
    fn send(&mut self, mut next: u64, due: u64) -> Result<u64> {
        let end = due.min(next + TURN);
        while next < end {
            let partition = usize::try_from(next)? % self.handles.len();
            if !self.append(next, partition)? {
                break;
            }
            next += 1;
        }
        Ok(next)
    }

    /// Appends a record; `false` when there is no room.
    fn append(&mut self, number: u64, partition: usize) -> Result<bool> {
        let digits = format!("{number:012}");
        self.value.clear();
        self.value.extend_from_slice(PREFIX);
        self.value.extend_from_slice(digits.as_bytes());
        self.value.extend_from_slice(REST.as_bytes());
        let (key, value) = (Some(digits.as_bytes()), Some(&self.value[..]));
        let now = self.clock.now_ms();
        match self.producer.append(self.handles[partition], now, key, value, &[]) {
            Ok(()) => Ok(true),
            Err(AppendError::Full { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends, receives and waits, at most so long; the numbers of records that came are in `came`.
    fn turn(&mut self, wait: Duration) -> Result<()> {
        let Link { network, metadata } = &mut self.link;
        metadata.step(network)?;
        self.producer.step(network, metadata)?;
        while let Some(event) = self.producer.take_event() {
            if let Event::Refused(refusal) = event {
                bail!("refused: {}", refusal.why);
            }
        }
        self.fetcher.step(network, metadata)?;
        while let Some(event) = self.fetcher.next_event() {
            match event {
                FetchEvent::Records(fetched) => take(&fetched, &mut self.scratch, &mut self.came)?,
                FetchEvent::Started { .. } => {}
                other => bail!("{other:?}"),
            }
        }
        if self.came.is_empty() {
            let deadlines: [Option<Moment>; 3] =
                [metadata.deadline(), self.producer.deadline(), self.fetcher.deadline()];
            let now = network.now();
            let soonest = deadlines.into_iter().flatten().map(|at| now.until(at)).min();
            network.poll(soonest.map_or(wait, |soonest| soonest.min(wait)));
        }
        Ok(())
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// When a record is due, at so many in a second.
fn due_at(number: u64, rate: u64) -> Duration {
    Duration::from_micros(number * 1_000_000 / rate)
}

/// The numbers of the records that were fetched.
fn take(fetched: &FetchedPartition, scratch: &mut Scratch, into: &mut Vec<u64>) -> Result<()> {
    for batch in &fetched.batches {
        for record in batch.body(scratch)?.records() {
            let record = record?;
            if record.offset >= fetched.start.0 {
                let value = record.value.unwrap_or_default();
                into.push(number(value).context("an output is not of a record that was written")?);
            }
        }
    }
    Ok(())
}

fn number(value: &[u8]) -> Option<u64> {
    let digits = value.strip_prefix(PREFIX)?.get(..12)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_its_number_behind_the_job() {
        let output = br#"{"visit_id":"000000000042","event_time":"t","page":"p"}"#;
        assert_eq!(number(output), Some(42));
        assert_eq!(number(br#"{"visit_id":"42"}"#), None);
    }
}
