//! A reader of its own kind: plain blocking requests and its own rules for committed reads, so that a mistake of Kolk's
//! client or of its filter for aborted transactions cannot hide itself. It shares only the message definitions with them.

use crate::world;
use bytes::Bytes;
use kolk_wire::frame::{decode_response, encode_request};
use kolk_wire::message::Request;
use kolk_wire::message::fetch::{
    AbortedTransaction, FetchPartition, FetchRequest, FetchTopic, PartitionData,
};
use kolk_wire::message::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kolk_wire::message::metadata::{MetadataRequest, MetadataRequestTopic};
use kolk_wire::record::{Batch, Batches, Record, Scratch};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long the last transaction may take to end after everything else has: beyond, it hangs.
const HANGING: Duration = Duration::from_secs(15);
const SOCKET_TIMEOUT: Duration = Duration::from_secs(20);

/// A record as a committed reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Delivered {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    /// How many transactions were committed in the partition before this record's.
    pub(crate) transaction: u32,
    /// The number in its header `delivery_batch`.
    pub(crate) bin: Option<u32>,
}

/// A topic's committed records, by partition, in offset order.
pub(crate) type Partitions = Vec<Vec<Delivered>>;

/// A connection to one broker.
pub(crate) struct Wire {
    stream: TcpStream,
    correlation_id: i32,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| format!("{address}: {error}"))?;
        stream.set_read_timeout(Some(SOCKET_TIMEOUT)).map_err(|error| error.to_string())?;
        Ok(Self { stream, correlation_id: 0 })
    }

    /// Waits no longer than this for a response.
    pub(crate) fn give_up_after(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("a time-out that is not zero");
    }

    /// Sends a request and waits for its response.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn call<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, String> {
        self.correlation_id += 1;
        let frame = encode_request(request, version, self.correlation_id, Some("checker")).concat();
        let failed = |error: std::io::Error| format!("{:?}: {error}", R::KEY);
        self.stream.write_all(&frame).map_err(failed)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).map_err(failed)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut answer).map_err(failed)?;
        let (correlation_id, response) = decode_response::<R>(Bytes::from(answer), version)
            .map_err(|error| error.to_string())?;
        if correlation_id != self.correlation_id {
            return Err(format!("{:?}: the answer to another request", R::KEY));
        }
        Ok(response)
    }

    fn partition_count(&mut self, topic: &str) -> Result<i32, String> {
        let topic_wanted = MetadataRequestTopic {
            name: Some(topic.to_owned()),
            ..MetadataRequestTopic::default()
        };
        let request = MetadataRequest {
            topics: Some(vec![topic_wanted]),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        let response = self.call(&request, 7)?;
        let found = response.topics.first().ok_or("no topic in the answer")?;
        if !found.error_code.is_none() {
            return Err(format!("topic {topic}: {}", found.error_code));
        }
        i32::try_from(found.partitions.len()).map_err(|_| "too many partitions".to_owned())
    }

    /// The end of a partition: that of committed reads, or the high watermark.
    fn end(
        &mut self,
        (topic, partition): (&str, i32),
        committed: Committed,
    ) -> Result<i64, String> {
        let wanted = ListOffsetsPartition {
            partition_index: partition,
            timestamp: -1,
            ..ListOffsetsPartition::default()
        };
        let request = ListOffsetsRequest {
            replica_id: -1,
            isolation_level: committed as i8,
            topics: vec![ListOffsetsTopic { name: topic.to_owned(), partitions: vec![wanted] }],
            ..ListOffsetsRequest::default()
        };
        let response = self.call(&request, 4)?;
        let topic = response.topics.first().ok_or("no topic in the answer")?;
        let found = topic.partitions.first().ok_or("no partition in the answer")?;
        if !found.error_code.is_none() {
            return Err(format!("end of {} {partition}: {}", topic.name, found.error_code));
        }
        Ok(found.offset)
    }

    fn fetch(
        &mut self,
        (topic, partition): (&str, i32),
        offset: i64,
    ) -> Result<PartitionData, String> {
        let wanted = FetchPartition {
            partition,
            fetch_offset: offset,
            partition_max_bytes: 4 << 20,
            ..FetchPartition::default()
        };
        let request = FetchRequest {
            max_wait_ms: 200,
            min_bytes: 1,
            isolation_level: Committed::Yes as i8,
            topics: vec![FetchTopic {
                topic: topic.to_owned(),
                partitions: vec![wanted],
                ..FetchTopic::default()
            }],
            ..FetchRequest::default()
        };
        let response = self.call(&request, 11)?;
        let topic = response.responses.first().ok_or("no topic in the answer")?;
        let data = topic.partitions.iter().next().ok_or("no partition in the answer")?;
        if !data.error_code.is_none() {
            return Err(format!("fetch of {} {partition}: {}", topic.topic, data.error_code));
        }
        Ok(data)
    }
}

#[derive(Clone, Copy)]
enum Committed {
    No = 0,
    Yes = 1,
}

/// Reads what a `read_committed` reader gets of a whole topic.
///
/// # Errors
/// In words; also when a transaction is still open after [`HANGING`], which would stop every such reader there.
pub(crate) fn read_topic(address: SocketAddr, topic: &str) -> Result<Partitions, String> {
    let mut wire = Wire::connect(address)?;
    (0..wire.partition_count(topic)?)
        .map(|partition| read_partition(&mut wire, (topic, partition)))
        .collect()
}

fn read_partition(wire: &mut Wire, partition: (&str, i32)) -> Result<Vec<Delivered>, String> {
    let settled = world::wait_for(HANGING, || {
        let ends = wire
            .end(partition, Committed::No)
            .and_then(|end| Ok((end, wire.end(partition, Committed::Yes)?)));
        match ends {
            Ok((end, stable)) if end == stable => Some(Ok(end)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    });
    let end = settled.ok_or_else(|| format!("{partition:?}: a transaction hangs"))??;
    let (mut offset, mut log) = (0, Log::default());
    while offset < end {
        let data = wire.fetch(partition, offset)?;
        let next = log.read(data, offset)?;
        if next == offset {
            return Err(format!(
                "{partition:?}: nothing to read at {offset}, before the end {end}"
            ));
        }
        offset = next;
    }
    Ok(log.records)
}

/// What was read of a partition so far.
#[derive(Default)]
struct Log {
    records: Vec<Delivered>,
    commits: u32,
    /// Producers in the middle of an aborted transaction, which goes over the end of a response.
    void: BTreeSet<i64>,
    scratch: Scratch,
}

impl Log {
    /// Takes the answer to a fetch from `offset`; returns the next offset to fetch.
    fn read(&mut self, data: PartitionData, offset: i64) -> Result<i64, String> {
        let aborted = data.aborted_transactions.unwrap_or_default();
        let mut next = offset;
        for batch in Batches::new(data.records.unwrap_or_default()) {
            let batch = batch.map_err(|error| error.to_string())?;
            batch.verify_crc().map_err(|error| error.to_string())?;
            self.batch(&batch, &aborted, offset)?;
            next = batch.header.last_offset() + 1;
        }
        Ok(next)
    }

    fn batch(
        &mut self,
        batch: &Batch,
        aborted: &[AbortedTransaction],
        offset: i64,
    ) -> Result<(), String> {
        let header = &batch.header;
        let begins = |transaction: &&AbortedTransaction| {
            transaction.producer_id == header.producer_id
                && (header.base_offset..=header.last_offset()).contains(&transaction.first_offset)
        };
        if aborted.iter().any(|transaction| begins(&transaction)) {
            self.void.insert(header.producer_id);
        }
        let body = batch.body(&mut self.scratch).map_err(|error| error.to_string())?;
        for record in body.records() {
            let record = record.map_err(|error| error.to_string())?;
            if header.is_control() {
                self.marker(header.producer_id, record.key.unwrap_or_default());
            } else if record.offset >= offset
                && !(header.is_transactional() && self.void.contains(&header.producer_id))
            {
                self.records.push(delivered(&record, self.commits));
            }
        }
        Ok(())
    }

    /// A marker's key: version, then 0 for an abort, 1 for a commit; both of two bytes (KIP-98).
    fn marker(&mut self, producer_id: i64, key: &[u8]) {
        match key {
            [_, _, 0, 0] => {
                self.void.remove(&producer_id);
            }
            [_, _, 0, 1] => self.commits += 1,
            _ => {}
        }
    }
}

fn delivered(record: &Record<'_>, transaction: u32) -> Delivered {
    let bin = record
        .headers()
        .find(|header| header.key == b"delivery_batch")
        .and_then(|header| header.value);
    Delivered {
        key: record.key.unwrap_or_default().to_vec(),
        value: record.value.unwrap_or_default().to_vec(),
        transaction,
        bin: bin.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()),
    }
}
