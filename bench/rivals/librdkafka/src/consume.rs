//! Reading all of a topic: as fast as the C library goes, and as most Rust programs do it.

use crate::Outcome;
use rdkafka::bindings;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::ptr;
use std::slice;
use std::time::Duration;

/// Messages taken from the queue at once.
const BATCH: usize = 10_000;
const WAIT: Duration = Duration::from_secs(30);

/// Reads with `rd_kafka_consume_batch_queue`.
pub fn by_batch(bootstrap: &str, topic: &str, partitions: i32, records: u64) -> Outcome {
    let consumer = consumer(bootstrap, topic, partitions)?;
    // SAFETY: the handle lives as long as `consumer`; the queue is given back below.
    let queue = unsafe { bindings::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
    let mut messages = vec![ptr::null_mut::<bindings::rd_kafka_message_t>(); BATCH];
    let (mut seen, mut touched) = (0, 0_u64);
    while seen < records {
        let wait_ms = WAIT.as_millis() as i32;
        // SAFETY: `messages` has room for BATCH pointers.
        let count = unsafe {
            bindings::rd_kafka_consume_batch_queue(queue, wait_ms, messages.as_mut_ptr(), BATCH)
        };
        let count = usize::try_from(count).map_err(|_| "consume_batch_queue failed".to_owned())?;
        if count == 0 {
            return Err(format!("{seen} of {records} records after {WAIT:?} of silence"));
        }
        for &message in &messages[..count] {
            // SAFETY: the library handed these out; each is destroyed exactly once, after its last use.
            unsafe {
                let it = &*message;
                if it.err != bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return Err(format!("a message with error {:?}", it.err));
                }
                touched = touched.wrapping_add(touch(bytes(it.key, it.key_len)));
                touched = touched.wrapping_add(touch(bytes(it.payload, it.len)));
                bindings::rd_kafka_message_destroy(message);
            }
        }
        seen += count as u64;
    }
    // SAFETY: taken above, and not used any more.
    unsafe { bindings::rd_kafka_queue_destroy(queue) };
    println!("records={seen} touched={touched}");
    Ok(())
}

/// Reads with `BaseConsumer::poll`.
pub fn by_poll(bootstrap: &str, topic: &str, partitions: i32, records: u64) -> Outcome {
    let consumer = consumer(bootstrap, topic, partitions)?;
    let (mut seen, mut touched) = (0, 0_u64);
    while seen < records {
        let message = consumer.poll(WAIT);
        let message = message.ok_or_else(|| format!("{seen} of {records}, then silence"))?;
        let message = message.map_err(|error| error.to_string())?;
        touched = touched.wrapping_add(touch(message.key().unwrap_or_default()));
        touched = touched.wrapping_add(touch(message.payload().unwrap_or_default()));
        seen += 1;
    }
    println!("records={seen} touched={touched}");
    Ok(())
}

fn consumer(bootstrap: &str, topic: &str, partitions: i32) -> Result<BaseConsumer, String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "not-joined")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // As much per fetch as Kolk asks for; the default of 1 MiB costs librdkafka more.
        .set("fetch.message.max.bytes", "2097152")
        .set("fetch.max.bytes", "16777216")
        .create()
        .map_err(|error| error.to_string())?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        let added = assignment.add_partition_offset(topic, partition, Offset::Beginning);
        added.map_err(|error| error.to_string())?;
    }
    consumer.assign(&assignment).map_err(|error| error.to_string())?;
    Ok(consumer)
}

/// Looks at both ends of a key or value, and at its length. The bench's own worker computes the same.
fn touch(bytes: &[u8]) -> u64 {
    let first = bytes.first().copied().unwrap_or(0);
    let last = bytes.last().copied().unwrap_or(0);
    bytes.len() as u64 + (u64::from(first) << 32) + (u64::from(last) << 40)
}

/// # Safety
/// `start` is null or points to `length` readable bytes for as long as the result is used.
unsafe fn bytes<'a>(start: *const std::ffi::c_void, length: usize) -> &'a [u8] {
    // SAFETY: passed on to the caller.
    if start.is_null() { &[] } else { unsafe { slice::from_raw_parts(start.cast(), length) } }
}
