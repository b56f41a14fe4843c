//! A cluster with topics that tests fill and read: a broker in the process, or a server that many tests share.

use kolk::client::TopicPartition;
use kolk::client::admin::{Admin, NewTopic};
use kolk::client::config::ClientConfig;
use kolk::client::fetch::{FetchEvent, Fetcher, Start};
use kolk::client::metadata::Metadata;
use kolk::client::network::Network;
use kolk::client::producer::{Event, Producer};
use kolk::time::{Clock, SystemClock, Timestamp};
use kolk_broker::{Broker, BrokerConfig, BrokerOptions};
use kolk_wire::record::{Header, Record, Scratch};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A record as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) headers: Vec<(String, Option<String>)>,
    /// The offset with which its batch begins.
    pub(crate) batch: i64,
}

/// A record to be produced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) partition: i32,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<&'a str>,
    pub(crate) value: Option<&'a str>,
    pub(crate) headers: &'a [(&'a str, Option<&'a str>)],
}

/// A cluster as one test sees it.
pub(crate) struct Cluster {
    pub(crate) config: ClientConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) folder: tempfile::TempDir,
    /// What the names of the test's topics and groups begin with, where others use the same server.
    prefix: String,
    _broker: Option<Broker>,
}

impl Cluster {
    /// A broker of the test's own.
    #[allow(dead_code, reason = "the tests on Apache Kafka have no need of it")]
    pub(crate) fn embedded() -> Self {
        Self::embedded_with(BrokerConfig::default())
    }

    /// The same with settings of its own.
    #[allow(dead_code, reason = "the tests on Apache Kafka have no need of it")]
    pub(crate) fn embedded_with(config: BrokerConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::start(BrokerOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertised: None,
            data: folder.path().join("broker"),
            config,
        });
        let broker = broker.unwrap();
        let config = impatient(&ClientConfig::for_bootstrap(&broker.bootstrap()).unwrap());
        let clock = Arc::new(SystemClock::new());
        Self { config, clock, folder, prefix: String::new(), _broker: Some(broker) }
    }

    /// A server that runs already; `prefix` keeps tests apart.
    #[allow(dead_code, reason = "the tests on the embedded broker share none")]
    pub(crate) fn shared(config: &ClientConfig, prefix: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, prefix) = (Arc::new(SystemClock::new()), format!("{prefix}-"));
        Self { config: impatient(config), clock, folder, prefix, _broker: None }
    }

    /// What a topic or application is really called.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn partition(&self, topic: &str, partition: i32) -> TopicPartition {
        TopicPartition::new(self.name(topic), partition)
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(&self.config, Arc::clone(&self.clock)).unwrap()
    }

    pub(crate) fn create(&self, topic: &str, partitions: i32) {
        self.admin().create_topic(&NewTopic::new(self.name(topic), partitions)).unwrap();
    }

    /// Produces records, partitioned by key.
    pub(crate) fn produce<'a>(
        &self,
        topic: &str,
        partitions: i32,
        records: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        let given = records.into_iter().map(|(key, value)| {
            let partition = Producer::partition_of_key(Some(key.as_bytes()), partitions).unwrap();
            let (key, value) = (Some(key), Some(value));
            Given { partition, timestamp: 1_000, key, value, headers: &[] }
        });
        self.produce_with(&[], topic, given);
    }

    /// Produces records with these settings, and waits until all are acknowledged.
    pub(crate) fn produce_with<'a>(
        &self,
        settings: &[(&str, &str)],
        topic: &str,
        records: impl IntoIterator<Item = Given<'a>>,
    ) {
        let mut config = self.config.clone();
        for (name, value) in settings {
            config = config.with(name, *value).unwrap();
        }
        let topic = self.name(topic);
        let mut network = Network::new(&config, Arc::clone(&self.clock)).unwrap();
        let mut metadata = Metadata::new(&config);
        metadata.want(&topic);
        let mut producer = Producer::new(&config);
        for record in records {
            let to = producer.register(&TopicPartition::new(topic.as_str(), record.partition));
            let headers: Vec<Header<'_>> = record
                .headers
                .iter()
                .map(|(key, value)| Header { key: key.as_bytes(), value: value.map(str::as_bytes) })
                .collect();
            let (key, value) = (record.key.map(str::as_bytes), record.value.map(str::as_bytes));
            producer.append(to, Timestamp(record.timestamp), key, value, &headers).unwrap();
        }
        producer.flush();
        let start = Instant::now();
        while !producer.is_idle() {
            assert!(start.elapsed() < PATIENCE, "the records were not acknowledged");
            metadata.step(&mut network).unwrap();
            producer.step(&mut network, &mut metadata).unwrap();
            while let Some(event) = producer.take_event() {
                assert!(!matches!(event, Event::Refused(_)), "{event:?}");
            }
            network.poll(Duration::from_millis(5));
        }
    }

    /// All committed records of a topic, by partition and offset.
    pub(crate) fn read(&self, topic: &str, partitions: i32) -> Vec<Seen> {
        let mut seen = Vec::new();
        self.scan(&self.name(topic), 0..partitions, |partition, batch, record| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let headers =
                record.headers().map(|header| (header.name().into_owned(), header.value.map(text)));
            seen.push(Seen {
                partition,
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key.map(text),
                value: record.value.map(text),
                headers: headers.collect(),
                batch,
            });
        });
        seen.sort();
        seen
    }

    /// Shows all committed records of partitions of a topic, called so, with the partition and the offset that the batch begins
    /// with.
    pub(crate) fn scan(
        &self,
        topic: &str,
        partitions: Range<i32>,
        mut each: impl FnMut(i32, i64, &Record<'_>),
    ) {
        let config = self.config.with("isolation.level", "read_committed").unwrap();
        let mut network = Network::new(&config, Arc::clone(&self.clock)).unwrap();
        let mut metadata = Metadata::new(&config);
        metadata.want(topic);
        let mut fetcher = Fetcher::new(&config);
        for partition in partitions.clone() {
            fetcher.assign(TopicPartition::new(topic, partition), Start::Earliest);
        }
        // A commit is answered before its markers stand in the logs: what is not stable yet is waited for, unless it stays open.
        let mut ended: BTreeMap<i32, bool> = partitions.clone().map(|of| (of, false)).collect();
        let mut unstable = ended.clone();
        let (start, mut scratch) = (Instant::now(), Scratch::new());
        let any = |of: &BTreeMap<i32, bool>, is: bool| of.values().any(|it| *it == is);
        while any(&ended, false) || any(&unstable, true) && start.elapsed() < Duration::from_secs(5)
        {
            assert!(start.elapsed() < PATIENCE, "topic {topic} could not be read");
            metadata.step(&mut network).unwrap();
            fetcher.step(&mut network, &mut metadata).unwrap();
            while let Some(event) = fetcher.next_event() {
                let FetchEvent::Records(fetched) = event else { continue };
                let partition = fetched.partition.partition;
                ended.insert(partition, fetched.caught_up);
                unstable.insert(partition, fetched.last_stable_offset.0 < fetched.high_watermark.0);
                for batch in fetched.batches {
                    for record in batch.body(&mut scratch).unwrap().records() {
                        let record = record.unwrap();
                        if record.offset >= fetched.start.0 {
                            each(partition, batch.header.base_offset, &record);
                        }
                    }
                }
            }
            network.poll(Duration::from_millis(5));
        }
    }
}

/// Members hear of others that come and go with their heartbeats: by default every 3 seconds.
fn impatient(config: &ClientConfig) -> ClientConfig {
    config.with("heartbeat.interval.ms", "100").unwrap()
}

/// Looks until `holds` says yes; `what` says what was waited for.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
