//! Writing records: as fast as the C library goes, and as most Rust programs do it.

use crate::Outcome;
use crate::pool::Entry;
use rdkafka::bindings;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::ffi::CString;
use std::ptr;
use std::time::Duration;

/// Messages handed over at once.
const BATCH: usize = 4096;
const WAIT: Duration = Duration::from_secs(120);
/// RD_KAFKA_PARTITION_UA, a macro in C: the partitioner chooses.
const ANY_PARTITION: i32 = -1;

/// Writes with `rd_kafka_produce_batch`.
pub fn by_batch(bootstrap: &str, topic: &str, records: u64, pool: &[Entry]) -> Outcome {
    let producer = producer(bootstrap)?;
    let name = CString::new(topic).map_err(|error| error.to_string())?;
    let handle = producer.client().native_ptr();
    // SAFETY: the handle lives as long as `producer`; a null configuration means the default one, and `name` is copied.
    let topic = unsafe { bindings::rd_kafka_topic_new(handle, name.as_ptr(), ptr::null_mut()) };
    if topic.is_null() {
        return Err("rd_kafka_topic_new failed".to_owned());
    }
    let mut entries = pool.iter().cycle();
    let mut messages: Vec<bindings::rd_kafka_message_t> = Vec::with_capacity(BATCH);
    let mut handed_over = 0;
    while handed_over < records || !messages.is_empty() {
        while messages.len() < BATCH && handed_over < records {
            let Some(entry) = entries.next() else { break };
            messages.push(message(entry));
            handed_over += 1;
        }
        // SAFETY: the array holds as many messages as it says; the flag makes the library copy what they point to.
        unsafe {
            bindings::rd_kafka_produce_batch(
                topic,
                ANY_PARTITION,
                bindings::RD_KAFKA_MSG_F_COPY as i32,
                messages.as_mut_ptr(),
                messages.len() as i32,
            );
        }
        retain_refused(&mut messages)?;
        let wait = if messages.is_empty() { Duration::ZERO } else { Duration::from_millis(5) };
        producer.poll(wait);
    }
    finish(&producer, records)?;
    // SAFETY: taken above, and not used any more.
    unsafe { bindings::rd_kafka_topic_destroy(topic) };
    Ok(())
}

/// Writes with `BaseProducer::send`.
pub fn one_by_one(bootstrap: &str, topic: &str, records: u64, pool: &[Entry]) -> Outcome {
    let producer = producer(bootstrap)?;
    let mut entries = pool.iter().cycle();
    for number in 0..records {
        let Some(entry) = entries.next() else { break };
        let mut record = BaseRecord::to(topic).key(&entry.key).payload(&entry.value);
        while let Err((error, refused)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.to_string());
            }
            producer.poll(Duration::from_millis(5));
            record = refused;
        }
        if number % BATCH as u64 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    finish(&producer, records)
}

fn producer(bootstrap: &str) -> Result<BaseProducer, String> {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "none")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "5")
        .set("batch.size", "524288")
        .set("batch.num.messages", "1000000")
        .set("queue.buffering.max.messages", "1000000")
        // Without a report per message: the bench counts what arrived.
        .set("delivery.report.only.error", "true")
        .create()
        .map_err(|error| error.to_string())
}

fn finish(producer: &BaseProducer, records: u64) -> Outcome {
    producer.flush(WAIT).map_err(|error| error.to_string())?;
    println!("records={records} touched=0");
    Ok(())
}

fn message(entry: &Entry) -> bindings::rd_kafka_message_t {
    bindings::rd_kafka_message_t {
        err: bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
        rkt: ptr::null_mut(),
        partition: 0,
        payload: entry.value.as_ptr().cast_mut().cast(),
        len: entry.value.len(),
        key: entry.key.as_ptr().cast_mut().cast(),
        key_len: entry.key.len(),
        offset: 0,
        _private: ptr::null_mut(),
    }
}

/// Leaves the messages that did not fit into the library's queue, to be handed over again.
fn retain_refused(messages: &mut Vec<bindings::rd_kafka_message_t>) -> Outcome {
    use bindings::rd_kafka_resp_err_t as Code;
    for message in messages.iter() {
        if !matches!(
            message.err,
            Code::RD_KAFKA_RESP_ERR_NO_ERROR | Code::RD_KAFKA_RESP_ERR__QUEUE_FULL
        ) {
            return Err(format!("a message was refused: {:?}", message.err));
        }
    }
    messages.retain(|message| message.err == Code::RD_KAFKA_RESP_ERR__QUEUE_FULL);
    Ok(())
}
