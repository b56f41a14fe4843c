//! Writing a topic record by record: a producer with the loop around it.

use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;
use kolk::client::TopicPartition;
use kolk::client::admin::TopicDescription;
use kolk::client::metadata::Metadata;
use kolk::client::network::Network;
use kolk::client::producer::{AppendError, Event, Handle, Producer, Refusal};
use kolk::time::Timestamp;
use kolk_wire::ErrorCode;
use kolk_wire::record::Header;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait for room in the buffer before looking again.
const ROOM_WAIT: Duration = Duration::from_millis(50);
/// Records after which the sockets get their turn.
const RECORDS_PER_STEP: u32 = 256;

/// A record to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    /// Key; null if absent.
    pub(crate) key: Option<&'a [u8]>,
    /// Value; null if absent.
    pub(crate) value: Option<&'a [u8]>,
    /// Headers.
    pub(crate) headers: &'a [Header<'a>],
    /// The partition; by the key's hash if absent, or any for a null key.
    pub(crate) partition: Option<i32>,
    /// What the user knows the record by, such as a line's number: errors name it.
    pub(crate) number: u64,
}

/// Writes a topic.
#[derive(Debug)]
pub(crate) struct Writer {
    network: Network,
    metadata: Metadata,
    producer: Producer,
    topic: Arc<str>,
    handles: Vec<Handle>,
    /// The numbers of the records that are not acknowledged, by partition.
    waiting: Vec<VecDeque<u64>>,
    /// Where null keys go while a batch is being filled, as Kafka's clients do (KIP-480).
    sticky: usize,
    since_step: u32,
    acknowledged: u64,
    /// What numbers count, for errors.
    unit: &'static str,
    out: Rc<Output>,
}

impl Writer {
    /// Writes to `topic`. Errors call records by `unit` and number.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub(crate) fn new(
        session: &Session,
        topic: &TopicDescription,
        unit: &'static str,
        out: &Rc<Output>,
    ) -> anyhow::Result<Self> {
        let mut producer = Producer::new(session.config());
        let mut metadata = Metadata::new(session.config());
        metadata.want(&topic.name);
        let name: Arc<str> = Arc::from(topic.name.as_str());
        let handles: Vec<Handle> = topic
            .partitions
            .iter()
            .map(|it| producer.register(&TopicPartition::new(Arc::clone(&name), it.partition)))
            .collect();
        Ok(Self {
            network: Network::new(session.config(), Arc::clone(session.clock()))?,
            metadata,
            producer,
            topic: name,
            waiting: vec![VecDeque::new(); handles.len()],
            handles,
            sticky: 0,
            since_step: 0,
            acknowledged: 0,
            unit,
            out: Rc::clone(out),
        })
    }

    /// Records that the broker has acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Whether everything is acknowledged.
    pub(crate) fn is_idle(&self) -> bool {
        self.producer.is_idle()
    }

    /// Takes a record; waits while the buffer is full.
    ///
    /// # Errors
    /// [`Failure`] when a record is refused, there is no such partition, or the cluster cannot be reached.
    pub(crate) fn send(&mut self, record: &Outgoing<'_>) -> anyhow::Result<()> {
        let at = self.place(record)?;
        let handle = self.handles[at];
        let timestamp = Timestamp(self.network.clock().now_ms().0);
        loop {
            let Outgoing { key, value, headers, .. } = *record;
            match self.producer.append(handle, timestamp, key, value, headers) {
                Ok(()) => break,
                Err(AppendError::Full { .. }) => self.step(ROOM_WAIT)?,
                Err(error) => {
                    let failure =
                        Failure::failed(format!("{} {}: {error}", self.unit, record.number));
                    let help = "--set max.request.size=BYTES raises the limit, and so must the topic's max.message.bytes";
                    let too_large = matches!(error, AppendError::TooLarge { .. });
                    return Err(if too_large { failure.help(help) } else { failure }.into());
                }
            }
        }
        self.waiting[at].push_back(record.number);
        self.since_step += 1;
        if self.since_step >= RECORDS_PER_STEP {
            self.step(Duration::ZERO)?;
        }
        Ok(())
    }

    fn place(&mut self, record: &Outgoing<'_>) -> anyhow::Result<usize> {
        let count = self.handles.len();
        let partitions = i32::try_from(count).unwrap_or(i32::MAX);
        let partition =
            record.partition.or_else(|| Producer::partition_of_key(record.key, partitions));
        let Some(partition) = partition else {
            if self.producer.open_batch_timestamp(self.handles[self.sticky]).is_none() {
                self.sticky = (self.sticky + 1) % count;
            }
            return Ok(self.sticky);
        };
        usize::try_from(partition).ok().filter(|at| *at < count).ok_or_else(|| {
            let what = format!("topic `{}` has no partition {partition}", self.topic);
            Failure::usage(what).help(format!("it has {count}, counted from 0")).into()
        })
    }

    /// Sends and receives; waits at most `wait` for something to happen.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) fn step(&mut self, wait: Duration) -> anyhow::Result<()> {
        self.since_step = 0;
        self.turn()?;
        let now = self.network.now();
        let deadlines = [self.metadata.deadline(), self.producer.deadline()];
        let next = deadlines.into_iter().flatten().min();
        self.network.poll(next.map_or(wait, |at| now.until(at).min(wait)));
        self.turn()
    }

    fn turn(&mut self) -> anyhow::Result<()> {
        self.metadata.step(&mut self.network)?;
        self.producer.step(&mut self.network, &mut self.metadata)?;
        while let Some(event) = self.producer.take_event() {
            match event {
                Event::Acknowledged(batch) => {
                    self.acknowledged += u64::from(batch.count);
                    if let Some(waiting) =
                        self.at(batch.partition).and_then(|at| self.waiting.get_mut(at))
                    {
                        waiting.drain(..waiting.len().min(batch.count as usize));
                    }
                }
                Event::Refused(refusal) => return Err(self.refused(&refusal).into()),
                Event::Retrying { failures, why, .. } => {
                    self.out.note(&format!("trying again ({failures} failures so far): {why}"));
                }
            }
        }
        Ok(())
    }

    /// The place of a partition among `handles` and `waiting`.
    fn at(&self, handle: Handle) -> Option<usize> {
        self.handles.iter().position(|it| *it == handle)
    }

    fn refused(&self, refusal: &Refusal) -> Failure {
        let nothing = VecDeque::new();
        let at = self.at(refusal.partition);
        let numbers = at.and_then(|at| self.waiting.get(at)).unwrap_or(&nothing);
        let which = match refusal.record.and_then(|record| numbers.get(record)) {
            Some(number) => format!("{} {number}", self.unit),
            None => {
                let last = numbers.get((refusal.count as usize).saturating_sub(1));
                let first = numbers.front().copied().unwrap_or_default();
                format!("{} {first} to {}", self.unit, last.copied().unwrap_or(first))
            }
        };
        let what =
            format!("topic `{}` refuses {which}: {} ({})", self.topic, refusal.why, refusal.code);
        match refusal.code {
            ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => Failure::failed(what)
                .help(format!("`kolk topic alter {} --topic-config max.message.bytes=BYTES` lets larger records in", self.topic)),
            _ => Failure::failed(what),
        }
    }

    /// Waits until everything is acknowledged.
    ///
    /// # Errors
    /// As [`Self::send`]; [`Failure`] when a signal comes first.
    pub(crate) fn finish(&mut self, stop: &crate::signal::Stop) -> anyhow::Result<()> {
        while !self.producer.is_idle() {
            self.producer.flush();
            self.step(crate::reader::WAIT_MAX)?;
            if stop.is_wanted() && !self.producer.is_idle() {
                let waiting: usize = self.waiting.iter().map(VecDeque::len).sum();
                let what = format!("stopped while {waiting} records were not acknowledged");
                return Err(Failure::failed(what).into());
            }
        }
        Ok(())
    }
}
