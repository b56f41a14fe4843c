//! A client that writes and reads frames, one request after the other.

use bytes::Bytes;
use kolk_wire::ErrorCode;
use kolk_wire::frame::{decode_response, encode_request};
use kolk_wire::message::Request;
use kolk_wire::message::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use kolk_wire::message::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use kolk_wire::message::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use kolk_wire::record::{
    BatchBuilder, Batches, Compression, Scratch, Transactional, stamp_producer,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The version of Produce that adds partitions to transactions by itself, and still names topics.
pub(crate) const PRODUCE: i16 = 12;
/// The last version of Fetch that names topics.
pub(crate) const FETCH: i16 = 12;

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, correlation_id: 0 }
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn send<R: Request>(&mut self, request: &R, version: i16) {
        self.correlation_id += 1;
        let frame = encode_request(request, version, self.correlation_id, Some("tests"));
        self.stream.write_all(&frame.concat()).unwrap();
    }

    /// Reads the answer to the last request.
    pub(crate) fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let frame = self.frame().expect("an answer");
        let (correlation_id, response) = decode_response::<R>(frame, version).unwrap();
        assert_eq!(correlation_id, self.correlation_id);
        response
    }

    /// The next frame; `None` when the broker has closed the connection.
    pub(crate) fn frame(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut frame).unwrap();
        Some(frame.into())
    }

    pub(crate) fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.send(request, version);
        self.receive::<R>(version)
    }

    pub(crate) fn create_topic(&mut self, name: &str, configs: &[(&str, &str)]) {
        let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        };
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: 1,
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        let response = self.call(&request, 7);
        assert_eq!(response.topics[0].error_code, ErrorCode::NONE, "{response:?}");
    }

    /// Writes a batch into partition 0.
    pub(crate) fn produce(&mut self, topic: &str, batch: Bytes) -> PartitionProduceResponse {
        self.call(&produce_request(topic, batch, None), PRODUCE).responses[0].partition_responses[0]
            .clone()
    }

    /// Writes a batch into partition 0 as a part of a transaction.
    pub(crate) fn produce_in(
        &mut self,
        transactional_id: &str,
        topic: &str,
        batch: Bytes,
        version: i16,
    ) -> ErrorCode {
        let request = produce_request(topic, batch, Some(transactional_id));
        self.call(&request, version).responses[0].partition_responses[0].error_code
    }

    /// Reads partition 0 without waiting.
    pub(crate) fn fetch(&mut self, topic: &str, offset: i64, isolation: i8) -> PartitionData {
        let request = fetch_request(topic, offset, isolation, Duration::ZERO);
        first_of(&self.call(&request, FETCH))
    }

    /// The values in partition 0, from the first on.
    pub(crate) fn values(&mut self, topic: &str, isolation: i8) -> Vec<String> {
        values_of(&self.fetch(topic, 0, isolation))
    }
}

/// The one partition in an answer.
pub(crate) fn first_of(response: &kolk_wire::message::fetch::FetchResponse) -> PartitionData {
    response.responses[0].partitions.first().unwrap()
}

/// The values of all records but markers.
pub(crate) fn values_of(partition: &PartitionData) -> Vec<String> {
    let (mut values, mut scratch) = (Vec::new(), Scratch::new());
    for batch in Batches::new(partition.records.clone().unwrap_or_default()) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        if batch.header.is_control() {
            continue;
        }
        for record in batch.body(&mut scratch).unwrap().records() {
            let value = record.unwrap().value.unwrap_or_default();
            values.push(String::from_utf8(value.to_vec()).unwrap());
        }
    }
    values
}

pub(crate) fn produce_request(
    topic: &str,
    batch: Bytes,
    transactional_id: Option<&str>,
) -> ProduceRequest {
    let partition = PartitionProduceData { index: 0, records: Some(batch.into()) };
    let topic = TopicProduceData {
        name: topic.to_owned(),
        partition_data: vec![partition],
        ..TopicProduceData::default()
    };
    ProduceRequest {
        transactional_id: transactional_id.map(str::to_owned),
        topic_data: vec![topic],
        ..ProduceRequest::default()
    }
}

/// A fetch of partition 0 that waits for a byte.
pub(crate) fn fetch_request(
    topic: &str,
    offset: i64,
    isolation: i8,
    wait: Duration,
) -> FetchRequest {
    let partition = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    };
    let topic = FetchTopic {
        topic: topic.to_owned(),
        partitions: vec![partition],
        ..FetchTopic::default()
    };
    FetchRequest {
        max_wait_ms: i32::try_from(wait.as_millis()).unwrap(),
        min_bytes: 1,
        isolation_level: isolation,
        topics: vec![topic],
        ..FetchRequest::default()
    }
}

/// A batch of these values, made now.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    batch_of(values, None)
}

/// A batch of a producer: id, epoch, first sequence number.
pub(crate) fn batch_of(values: &[&str], producer: Option<(i64, i16, i32, Transactional)>) -> Bytes {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now_ms = i64::try_from(now.as_millis()).unwrap();
    let mut builder = BatchBuilder::new(Compression::None);
    for value in values {
        builder.push(now_ms, None, Some(value.as_bytes()), &[]).unwrap();
    }
    let mut batch = builder.finish();
    if let Some((id, epoch, sequence, transactional)) = producer {
        stamp_producer(&mut batch, id, epoch, sequence, transactional);
    }
    batch.freeze()
}
