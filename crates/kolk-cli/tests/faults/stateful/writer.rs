//! Writes records with time-stamps of one's own: the order in which a task takes rows from several partitions is that of their
//! time-stamps, and of lines that are written at once many have the same.

use crate::foreign::Wire;
use crate::world;
use kolk_wire::ErrorCode;
use kolk_wire::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kolk_wire::partitioner::partition_for_key;
use kolk_wire::record::{BatchBuilder, Compression};
use std::net::SocketAddr;
use std::time::Duration;

/// Fetches end with a batch: small ones are many fetches, among which faults find the middle.
const BATCH_BYTES: usize = 4096;
/// A new topic is there within this time.
const PATIENCE: Duration = Duration::from_secs(30);

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
    // The leader of a new topic may not know yet that it is.
    let outcome = world::wait_for(PATIENCE, || match attempt(wire, &request) {
        Ok(ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => None,
        other => Some(other),
    });
    match outcome {
        Some(Ok(code)) if code.is_none() => Ok(()),
        Some(Err(problem)) => Err(problem),
        other => Err(format!("{topic} {index}: {other:?}")),
    }
}

fn attempt(wire: &mut Wire, request: &ProduceRequest) -> Result<ErrorCode, String> {
    let response = wire.call(request, 7)?;
    let mut written = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    written.next().map(|partition| partition.error_code).ok_or_else(|| "no answer".to_owned())
}
