//! Reading a topic from its beginning with Kolk's client: whole batches, each record looked at in place.

use crate::link::{self, Link};
use anyhow::{Result, bail};
use kolk::client::TopicPartition;
use kolk::client::config::ClientConfig;
use kolk::client::fetch::{FetchEvent, FetchedPartition, Fetcher, Start};
use kolk::time::Moment;
use kolk_wire::record::{Record, Scratch};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

/// A reader that gets nothing for so long gives up.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Where to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// After this many records.
    Count(u64),
    /// When every partition has been read to the end that it had.
    CaughtUp,
}

/// A reader of all partitions of a topic.
#[derive(Debug)]
pub(crate) struct Reader {
    link: Link,
    fetcher: Fetcher,
    scratch: Scratch,
    partitions: i32,
    records: u64,
    caught_up: BTreeSet<i32>,
    last_news: Moment,
}

/// Reads all of `topic`, so that it lies in the machine's memory for whoever comes next: some systems give memory of files that
/// nobody has read for a minute to others, and what a disk then costs differs by any factor from run to run.
pub(crate) fn bring_into_memory(bootstrap: &str, topic: &str) -> Result<()> {
    let reader = Reader::open(&link::config(bootstrap)?, topic)?;
    reader.read(Until::CaughtUp, |_, _| {}).map(drop)
}

impl Reader {
    /// Reads `topic` from the earliest record.
    pub(crate) fn open(config: &ClientConfig, topic: &str) -> Result<Self> {
        let (link, partitions) = Link::to_topic(config, topic)?;
        let mut fetcher = Fetcher::new(config);
        for partition in 0..partitions {
            fetcher.assign(TopicPartition::new(topic, partition), Start::Earliest);
        }
        let last_news = link.network.now();
        let scratch = Scratch::new();
        let (records, caught_up) = (0, BTreeSet::new());
        Ok(Self { link, fetcher, scratch, partitions, records, caught_up, last_news })
    }

    /// Shows each record to `visit`, with its partition; returns how many there were.
    pub(crate) fn read(
        mut self,
        until: Until,
        mut visit: impl FnMut(i32, &Record<'_>),
    ) -> Result<u64> {
        while self.step(until, &mut visit)?.is_continue() {
            let deadlines = [self.link.metadata.deadline(), self.fetcher.deadline()];
            self.link.poll(deadlines);
            let silence = self.link.network.now().since(self.last_news);
            if silence > SILENCE_MAX {
                bail!("{} records, and then none for {silence:?}", self.records);
            }
        }
        Ok(self.records)
    }

    /// Goes on for at most `wait`; whether a record has been seen by now.
    pub(crate) fn any_record(&mut self, wait: Duration) -> Result<bool> {
        let _ = self.step(Until::Count(1), &mut |_, _| {})?;
        if self.records == 0 {
            self.link.network.poll(wait);
            let _ = self.step(Until::Count(1), &mut |_, _| {})?;
        }
        Ok(self.records > 0)
    }

    /// Records seen so far.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Waits for records, at most so long.
    pub(crate) fn go_on(&mut self, wait: Duration) -> Result<()> {
        self.link.network.poll(wait);
        let _ = self.step(Until::CaughtUp, &mut |_, _| {})?;
        Ok(())
    }

    /// Reads everything that is there.
    pub(crate) fn catch_up(&mut self, limit: Duration) -> Result<()> {
        let start = self.link.network.now();
        while i32::try_from(self.caught_up.len())? < self.partitions {
            self.go_on(Duration::from_millis(20))?;
            if self.link.network.now().since(start) > limit {
                bail!("{} records, and not all of them after {limit:?}", self.records);
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        until: Until,
        visit: &mut impl FnMut(i32, &Record<'_>),
    ) -> Result<ControlFlow<()>> {
        let Link { network, metadata } = &mut self.link;
        metadata.step(network)?;
        self.fetcher.step(network, metadata)?;
        while let Some(event) = self.fetcher.next_event() {
            match event {
                FetchEvent::Records(fetched) => {
                    self.last_news = self.link.network.now();
                    self.take(&fetched, visit)?;
                }
                FetchEvent::Started { .. } => {}
                other => bail!("{other:?}"),
            }
            let done = match until {
                Until::Count(wanted) => self.records >= wanted,
                Until::CaughtUp => i32::try_from(self.caught_up.len())? == self.partitions,
            };
            if done {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn take(
        &mut self,
        fetched: &FetchedPartition,
        visit: &mut impl FnMut(i32, &Record<'_>),
    ) -> Result<()> {
        let partition = fetched.partition.partition;
        for batch in &fetched.batches {
            let body = batch.body(&mut self.scratch)?;
            for record in body.records() {
                let record = record?;
                if record.offset >= fetched.start.0 {
                    visit(partition, &record);
                    self.records += 1;
                }
            }
        }
        if fetched.caught_up {
            self.caught_up.insert(partition);
        }
        Ok(())
    }
}
