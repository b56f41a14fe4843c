//! Reading topics record by record: a fetcher with the loop around it.

use crate::failure::Failure;
use crate::session::Session;
use kolk::client::Offset;
use kolk::client::TopicPartition;
use kolk::client::admin::TopicDescription;
use kolk::client::config::ClientConfig;
use kolk::client::fetch::{FetchEvent, FetchedPartition, Fetcher, Start};
use kolk::client::metadata::Metadata;
use kolk::client::network::Network;
use kolk::client::offsets::OffsetSpec;
use kolk::time::Clock;
use kolk_wire::record::{BatchHeader, Record, Scratch};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long one wait may be, so that a signal is noticed soon.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(100);

/// How long an end waits for transactions that are still open.
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// How soon it is looked for again.
const SETTLE_PAUSE: Duration = Duration::from_millis(20);

/// Reads partitions.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) network: Network,
    pub(crate) metadata: Metadata,
    pub(crate) fetcher: Fetcher,
}

impl Reader {
    /// Reads nothing yet.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub(crate) fn new(config: &ClientConfig, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        Ok(Self {
            network: Network::new(config, Arc::clone(clock))?,
            metadata: Metadata::new(config),
            fetcher: Fetcher::new(config),
        })
    }

    /// Reads `partition` too.
    pub(crate) fn assign(&mut self, partition: TopicPartition, start: Start) {
        self.metadata.want(&partition.topic);
        self.fetcher.assign(partition, start);
    }

    /// What has arrived; waits at most `wait` for something.
    ///
    /// # Errors
    /// [`Failure`] when a partition cannot be read any further, or the cluster cannot be reached.
    pub(crate) fn poll(&mut self, wait: Duration) -> anyhow::Result<Vec<FetchedPartition>> {
        let until = self.network.now() + wait;
        let mut polled = false;
        loop {
            self.metadata.step(&mut self.network)?;
            self.fetcher.step(&mut self.network, &mut self.metadata)?;
            let mut fetched = Vec::new();
            while let Some(event) = self.fetcher.next_event() {
                fetched.extend(records_of(event)?);
            }
            let now = self.network.now();
            // The sockets get their turn once even when there is no time to wait.
            if !fetched.is_empty() || (polled && now >= until) {
                return Ok(fetched);
            }
            polled = true;
            let deadlines = [self.metadata.deadline(), self.fetcher.deadline(), Some(until)];
            let next = deadlines.into_iter().flatten().min();
            self.network.poll(next.map_or(Duration::ZERO, |at| now.until(at)));
        }
    }
}

fn records_of(event: FetchEvent) -> anyhow::Result<Option<FetchedPartition>> {
    match event {
        FetchEvent::Records(fetched) => Ok(Some(fetched)),
        FetchEvent::Started { .. } => Ok(None),
        FetchEvent::OutOfRange { partition, position, policy } => match policy {
            kolk::client::config::OffsetReset::None => {
                let what = format!("{partition} has no offset {position} (any more)");
                Err(Failure::usage(what)
                    .help("`kolk topic describe` shows its first and last offsets")
                    .into())
            }
            _ => Ok(None),
        },
        FetchEvent::Truncated { partition, position, valid_to } => Err(Failure::failed(format!(
            "the log of {partition} was cut off at {valid_to} while it was read at {position}"
        ))
        .into()),
        FetchEvent::Recreated { partition, .. } => Err(Failure::failed(format!(
            "topic `{}` was deleted and made again while it was read",
            partition.topic
        ))
        .into()),
        FetchEvent::Failed { error, .. } => Err(error.into()),
    }
}

/// Hands every record of `fetched` to `each`, in order.
///
/// # Errors
/// What `each` returns, and [`Failure`] for a batch that is damaged.
pub(crate) fn each_record(
    fetched: &FetchedPartition,
    scratch: &mut Scratch,
    mut each: impl FnMut(&Record<'_>, &BatchHeader) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let damaged =
        |error| Failure::failed(format!("{}: a batch cannot be read: {error}", fetched.partition));
    for batch in &fetched.batches {
        let body = batch.body(scratch).map_err(damaged)?;
        for record in body.records() {
            let record = record.map_err(damaged)?;
            if record.offset >= fetched.start.0 {
                each(&record, &batch.header)?;
            }
        }
    }
    Ok(())
}

/// The first offset of each partition, and the one behind its last readable record.
///
/// # Errors
/// As [`Admin::list_offsets`](kolk::client::admin::Admin::list_offsets).
pub(crate) fn bounds(
    session: &Session,
    topic: &TopicDescription,
) -> anyhow::Result<BTreeMap<i32, (Offset, Offset)>> {
    let mut admin = session.admin()?;
    let name: Arc<str> = Arc::from(topic.name.as_str());
    let all = |spec| {
        let name = Arc::clone(&name);
        let partition = move |it: &kolk::client::admin::PartitionDescription| {
            (TopicPartition::new(Arc::clone(&name), it.partition), spec)
        };
        topic.partitions.iter().map(partition)
    };
    let starts = admin.list_offsets(all(OffsetSpec::Earliest))?;
    let ends = admin.list_offsets(all(OffsetSpec::Latest))?;
    let bound = |(partition, end): (&TopicPartition, &kolk::client::offsets::Found)| {
        let start = starts.get(partition).and_then(|found| found.offset).unwrap_or_default();
        (partition.partition, (start, end.offset.unwrap_or_default()))
    };
    Ok(ends.iter().map(bound).collect())
}

/// The same, and the ends take in all that was written when this was called: transactions that are being committed are waited for,
/// those that stay open no longer than [`SETTLE_MAX`].
///
/// # Errors
/// As [`bounds`].
pub(crate) fn settled_bounds(
    session: &Session,
    topic: &TopicDescription,
) -> anyhow::Result<BTreeMap<i32, (Offset, Offset)>> {
    let written = bounds(&session.reading(&[("isolation.level", "read_uncommitted")])?, topic)?;
    let mut pause = Network::new(session.config(), Arc::clone(session.clock()))?;
    let until = pause.now() + SETTLE_MAX;
    loop {
        let bounds = bounds(session, topic)?;
        let is_settled = bounds.iter().all(|(partition, (_, end))| {
            written.get(partition).is_none_or(|(_, written)| end >= written)
        });
        if is_settled || pause.now() >= until {
            return Ok(bounds);
        }
        pause.poll(SETTLE_PAUSE);
    }
}

/// Hands every record that a topic holds now to `each`: partitions mixed, each in its order.
///
/// # Errors
/// What `each` returns; [`Failure`] when a signal comes or a partition cannot be read.
pub(crate) fn read_all(
    session: &Session,
    topic: &TopicDescription,
    stop: &crate::signal::Stop,
    each: impl FnMut(i32, &Record<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let bounds = settled_bounds(session, topic)?;
    read_between(session, &topic.name, &bounds, stop, each)
}

/// Hands every record of some partitions between two offsets (the second one exclusive) to `each`: partitions mixed, each in its
/// order.
///
/// # Errors
/// As [`read_all`].
pub(crate) fn read_between(
    session: &Session,
    topic: &str,
    bounds: &BTreeMap<i32, (Offset, Offset)>,
    stop: &crate::signal::Stop,
    mut each: impl FnMut(i32, &Record<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut reader = Reader::new(session.config(), session.clock())?;
    let mut scratch = Scratch::new();
    let mut left: BTreeMap<TopicPartition, Offset> = BTreeMap::new();
    for (&partition, &(start, end)) in bounds {
        if start < end {
            let partition = TopicPartition::new(topic, partition);
            reader.assign(partition.clone(), Start::At(start));
            left.insert(partition, end);
        }
    }
    while !left.is_empty() {
        if stop.is_wanted() {
            return Err(Failure::failed("stopped before everything was read").into());
        }
        for fetched in reader.poll(WAIT_MAX)? {
            let Some(&end) = left.get(&fetched.partition) else { continue };
            each_record(&fetched, &mut scratch, |record, _| {
                if record.offset < end.0 {
                    each(fetched.partition.partition, record)?;
                }
                Ok(())
            })?;
            if fetched.next >= end {
                reader.fetcher.unassign(&fetched.partition);
                left.remove(&fetched.partition);
            }
        }
    }
    Ok(())
}
