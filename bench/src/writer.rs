//! Writing a topic with Kolk's client: acks=all, idempotent, partitions by key as Kafka's clients choose them.

use crate::link::{Link, clock};
use anyhow::{Result, bail};
use kolk::client::TopicPartition;
use kolk::client::config::ClientConfig;
use kolk::client::producer::{AppendError, Event, Handle, Producer};
use kolk::time::{Clock, Moment};
use std::time::Duration;

/// Records appended between two looks at the network.
const TURN: u64 = 4096;
/// A writer that hears nothing for so long gives up.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// An endless supply of records.
pub(crate) trait Supply {
    /// Key and value of the record at hand.
    fn current(&self) -> (&[u8], &[u8]);

    /// Goes on to the next record.
    fn advance(&mut self);
}

/// Writes `count` records of `supply` to `topic`, and waits until all are acknowledged.
pub(crate) fn write(
    config: &ClientConfig,
    topic: &str,
    count: u64,
    supply: &mut impl Supply,
) -> Result<()> {
    let (mut link, partitions) = Link::to_topic(config, topic)?;
    let mut producer = Producer::new(config);
    let handles: Vec<Handle> = (0..partitions)
        .map(|partition| producer.register(&TopicPartition::new(topic, partition)))
        .collect();
    let clock = clock();
    let (mut appended, mut acknowledged) = (0, 0);
    let mut last_news = link.network.now();
    loop {
        let now = clock.now_ms();
        let turn_ends = count.min(appended + TURN);
        let mut full = false;
        while appended < turn_ends && !full {
            let (key, value) = supply.current();
            let partition = Producer::partition_of_key(Some(key), partitions).unwrap_or(0);
            let Some(&handle) = handles.get(usize::try_from(partition)?) else { bail!("{key:?}") };
            match producer.append(handle, now, Some(key), Some(value), &[]) {
                Ok(()) => {
                    appended += 1;
                    supply.advance();
                }
                Err(AppendError::Full { .. }) => full = true,
                Err(error) => return Err(error.into()),
            }
        }
        let waits = full || appended == count;
        if appended == count {
            producer.flush();
        }
        let news = step(&mut link, &mut producer)?;
        acknowledged += news;
        if acknowledged >= count {
            break;
        }
        if news > 0 {
            last_news = link.network.now();
        }
        check_silence(&link, last_news)?;
        let soon = if waits { producer.deadline() } else { Some(link.network.now()) };
        link.poll([soon, link.metadata.deadline()]);
    }
    Ok(())
}

/// Sends and receives; returns how many records were acknowledged.
fn step(link: &mut Link, producer: &mut Producer) -> Result<u64> {
    link.metadata.step(&mut link.network)?;
    producer.step(&mut link.network, &mut link.metadata)?;
    let mut acknowledged = 0;
    while let Some(event) = producer.take_event() {
        match event {
            Event::Acknowledged(batch) => acknowledged += u64::from(batch.count),
            Event::Refused(refusal) => bail!("refused: {}", refusal.why),
            Event::Retrying { failures, why, .. } if failures > 8 => bail!("{why}"),
            Event::Retrying { .. } => {}
        }
    }
    Ok(acknowledged)
}

/// A writer to which a broker has said nothing for long gives up.
pub(crate) fn check_silence(link: &Link, last_news: Moment) -> Result<()> {
    let silence = link.network.now().since(last_news);
    if silence > SILENCE_MAX {
        bail!("the broker has acknowledged nothing for {silence:?}");
    }
    Ok(())
}

/// Client settings for writing: what librdkafka's side has too.
pub(crate) fn config(bootstrap: &str) -> Result<ClientConfig> {
    let linger = Duration::from_millis(5);
    let config = crate::link::config(bootstrap)?;
    Ok(config.with("batch.size", "524288")?.with("linger.ms", linger.as_millis().to_string())?)
}
