//! A broker in the process, with topics that tests fill and read.

use kolk::client::TopicPartition;
use kolk::client::admin::{Admin, NewTopic};
use kolk::client::config::ClientConfig;
use kolk::client::fetch::{FetchEvent, Fetcher, Start};
use kolk::client::metadata::Metadata;
use kolk::client::network::Network;
use kolk::client::producer::{Event, Producer};
use kolk::time::{Clock, SystemClock, Timestamp};
use kolk_broker::{Broker, BrokerConfig, BrokerOptions};
use kolk_wire::record::Scratch;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A record as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

/// A cluster of one broker in the process.
pub(crate) struct Cluster {
    pub(crate) broker: Broker,
    pub(crate) config: ClientConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) folder: tempfile::TempDir,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::start(BrokerOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertised: None,
            data: folder.path().join("broker"),
            config: BrokerConfig::default(),
        });
        let broker = broker.unwrap();
        let config = ClientConfig::for_bootstrap(&broker.bootstrap()).unwrap();
        Self { broker, config, clock: Arc::new(SystemClock::new()), folder }
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(&self.config, Arc::clone(&self.clock)).unwrap()
    }

    pub(crate) fn create(&self, topic: &str, partitions: i32) {
        self.admin().create_topic(&NewTopic::new(topic, partitions)).unwrap();
    }

    /// Produces records, partitioned by key.
    pub(crate) fn produce<'a>(
        &self,
        topic: &str,
        partitions: i32,
        records: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        let mut network = Network::new(&self.config, Arc::clone(&self.clock)).unwrap();
        let mut metadata = Metadata::new(&self.config);
        metadata.want(topic);
        let mut producer = Producer::new(&self.config);
        let handles: Vec<_> = (0..partitions)
            .map(|partition| producer.register(&TopicPartition::new(topic, partition)))
            .collect();
        for (key, value) in records {
            let partition = Producer::partition_of_key(Some(key.as_bytes()), partitions).unwrap();
            let handle = handles[usize::try_from(partition).unwrap()];
            producer
                .append(handle, Timestamp(1_000), Some(key.as_bytes()), Some(value.as_bytes()), &[])
                .unwrap();
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
        let config = self.config.with("isolation.level", "read_committed").unwrap();
        let mut network = Network::new(&config, Arc::clone(&self.clock)).unwrap();
        let mut metadata = Metadata::new(&config);
        metadata.want(topic);
        let mut fetcher = Fetcher::new(&config);
        for partition in 0..partitions {
            fetcher.assign(TopicPartition::new(topic, partition), Start::Earliest);
        }
        let (mut seen, mut ended, mut scratch) =
            (Vec::new(), vec![false; partitions as usize], Scratch::new());
        let start = Instant::now();
        while ended.contains(&false) {
            assert!(start.elapsed() < PATIENCE, "topic {topic} could not be read");
            metadata.step(&mut network).unwrap();
            fetcher.step(&mut network, &mut metadata).unwrap();
            while let Some(event) = fetcher.next_event() {
                let FetchEvent::Records(fetched) = event else { continue };
                let partition = fetched.partition.partition;
                ended[partition as usize] = fetched.caught_up;
                for batch in fetched.batches {
                    for record in batch.body(&mut scratch).unwrap().records() {
                        let record = record.unwrap();
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        let headers = record.headers().map(|header| {
                            (header.name().into_owned(), text(header.value.unwrap_or_default()))
                        });
                        seen.push(Seen {
                            partition,
                            offset: record.offset,
                            timestamp: record.timestamp,
                            key: record.key.map(text),
                            value: record.value.map(text),
                            headers: headers.collect(),
                        });
                    }
                }
            }
            network.poll(Duration::from_millis(5));
        }
        seen.sort();
        seen
    }
}
