//! Writes records with time-stamps of one's own: the order in which a task takes rows from several partitions is that of their
//! time-stamps, and of lines that are written at once many have the same.

use crate::foreign::Wire;
use kolk_wire::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kolk_wire::partitioner::partition_for_key;
use kolk_wire::record::{BatchBuilder, Compression};
use std::net::SocketAddr;

/// Fetches end with a batch: small ones are many fetches, among which faults find the middle.
const BATCH_BYTES: usize = 4096;

/// A record: key, value, time-stamp.
pub(super) type Line = (String, String, i64);

/// Writes records in this order, each into the partition that Kafka's clients choose for its key.
///
/// # Errors
/// In words.
pub(super) fn write(
    broker: SocketAddr,
    (topic, partitions): (&str, i32),
    lines: &[Line],
) -> Result<(), String> {
    let mut wire = Wire::connect(broker)?;
    let mut batches: Vec<BatchBuilder> =
        (0..partitions).map(|_| BatchBuilder::new(Compression::None)).collect();
    for (key, value, timestamp) in lines {
        let index = partition_for_key(key.as_bytes(), partitions);
        let batch = &mut batches[usize::try_from(index).unwrap_or_default()];
        batch
            .push(*timestamp, Some(key.as_bytes()), Some(value.as_bytes()), &[])
            .map_err(|error| error.to_string())?;
        if batch.size_estimate() > BATCH_BYTES {
            send(&mut wire, (topic, index), batch)?;
        }
    }
    for (index, batch) in (0..).zip(&mut batches).filter(|(_, batch)| !batch.is_empty()) {
        send(&mut wire, (topic, index), batch)?;
    }
    Ok(())
}

fn send(
    wire: &mut Wire,
    (topic, index): (&str, i32),
    batch: &mut BatchBuilder,
) -> Result<(), String> {
    let records = Some(batch.finish().freeze().into());
    let request = ProduceRequest {
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: vec![PartitionProduceData { index, records }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    };
    let response = wire.call(&request, 7)?;
    let written = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    match written.map(|partition| partition.error_code).find(|code| !code.is_none()) {
        Some(code) => Err(format!("{topic} {index}: {code}")),
        None => Ok(()),
    }
}
