//! A copy forwards whole batches where that is the same as writing each record, and what is read afterwards is the same.

use crate::cluster::{Cluster, Given, PATIENCE, Seen};
use crate::delivery::{copy, options};
use kolk::client::TopicPartition;
use kolk::client::metadata::Metadata;
use kolk::client::network::Network;
use kolk::client::producer::Producer;
use kolk::client::requests::ClusterView;
use kolk::client::transaction::{Event, Outcome, Transaction};
use kolk::runtime::{Application, Until};
use kolk::time::Timestamp;
use kolk::topology::{Delivery, Topology};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Input batches have about this many bytes. So small, they are worth forwarding only because output ones are not larger.
const BATCH: &str = "1500";

/// What a record is, wherever it lies.
type Content = (Option<String>, Option<String>, Vec<(String, Option<String>)>, i64);

/// Records of all kinds for two partitions: with and without key, value and headers.
fn records(count: usize) -> Vec<Seen> {
    let record = |i: usize| {
        let key = (i % 10 != 3).then(|| format!("key-{}", i % 7));
        let of_key = Producer::partition_of_key(key.as_deref().map(str::as_bytes), 2);
        let headers = [("trace".to_owned(), Some(i.to_string())), ("none".to_owned(), None)];
        Seen {
            partition: of_key.unwrap_or(i32::try_from(i % 2).unwrap()),
            offset: 0,
            timestamp: 1_000 + i64::try_from(i * 7 % 50).unwrap(),
            key,
            value: (i % 13 != 5).then(|| format!("{i:04} {}", "v".repeat(i % 100))),
            headers: headers[..i % 3].to_vec(),
            batch: 0,
        }
    };
    (0..count).map(record).collect()
}

fn fill(cluster: &Cluster, topic: &str, codec: &str, records: &[Seen]) {
    let headers: Vec<Vec<(&str, Option<&str>)>> = records
        .iter()
        .map(|it| it.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect())
        .collect();
    let given = records.iter().zip(&headers).map(|(it, headers)| Given {
        partition: it.partition,
        timestamp: it.timestamp,
        key: it.key.as_deref(),
        value: it.value.as_deref(),
        headers,
    });
    cluster.produce_with(&[("batch.size", BATCH), ("compression.type", codec)], topic, given);
}

/// Writes the records in a transaction, and ends it.
fn transact(cluster: &Cluster, id: &str, topic: &str, records: &[Seen], end: Outcome) {
    let id = cluster.name(id);
    let config = cluster.config.with("transactional.id", &*id).unwrap();
    let config = config.with("batch.size", BATCH).unwrap();
    let mut network = Network::new(&config, Arc::clone(&cluster.clock)).unwrap();
    let mut metadata = Metadata::new(&config);
    ClusterView::want(&mut metadata, &cluster.name(topic));
    let mut producer = Producer::new(&config);
    let mut transaction = Transaction::new(&config, &id);
    let (start, mut written, mut ended) = (Instant::now(), false, None);
    while ended.is_none() {
        assert!(start.elapsed() < PATIENCE, "the transaction did not end");
        metadata.step(&mut network).unwrap();
        for event in transaction.step(&mut network, &mut producer).unwrap() {
            match event {
                Event::Ready if !written => {
                    transaction.begin(&mut producer).unwrap();
                    append(&mut producer, &cluster.name(topic), records);
                    written = true;
                }
                Event::Ended(outcome) => ended = Some(outcome),
                _ => {}
            }
        }
        producer.flush();
        producer.step(&mut network, &mut metadata).unwrap();
        while producer.take_event().is_some() {}
        if written && ended.is_none() && producer.is_idle() {
            // What was begun is carried through; a second call is refused.
            let _ = match end {
                Outcome::Committed => transaction.commit(&mut producer),
                _ => transaction.abort(&mut network, &mut producer),
            };
        }
        network.poll(Duration::from_millis(5));
    }
    assert_eq!(ended, Some(end));
}

fn append(producer: &mut Producer, topic: &str, records: &[Seen]) {
    for record in records {
        let to = producer.register(&TopicPartition::new(topic, record.partition));
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let (key, value) = (key.map(str::as_bytes), value.map(str::as_bytes));
        producer.append(to, Timestamp(record.timestamp), key, value, &[]).unwrap();
    }
}

/// Copies `in` to `out` to its end, exactly once.
fn run(cluster: &Cluster) -> u64 {
    let query = copy(cluster, "q", ["in", "out"], Delivery::ExactlyOnce);
    let mut options = options(cluster, Until::End);
    options.client = options.client.with("batch.size", BATCH).unwrap();
    let topology = Topology { queries: vec![query] };
    let application = Application::start(&topology, options, Arc::clone(&cluster.clock)).unwrap();
    let (status, result) = application.join().remove(0);
    assert!(result.is_ok(), "{result:?}");
    assert!(status.account.balances(), "{}", status.account);
    status.account.delivered
}

fn contents(seen: &[Seen], partition: i32) -> Vec<Content> {
    let content = |it: &Seen| (it.key.clone(), it.value.clone(), it.headers.clone(), it.timestamp);
    seen.iter().filter(|it| it.partition == partition).map(content).collect()
}

/// How many records the batches of a partition have.
fn batches(seen: &[Seen], partition: i32) -> Vec<usize> {
    let of: Vec<&Seen> = seen.iter().filter(|it| it.partition == partition).collect();
    of.chunk_by(|a, b| a.batch == b.batch).map(<[&Seen]>::len).collect()
}

pub(crate) fn whole_batches_are_forwarded_as_they_are(cluster: &Cluster) {
    cluster.create("in", 2);
    cluster.create("out", 2);
    let all = records(400);
    fill(cluster, "in", "none", &all[..150]);
    transact(cluster, "t1", "in", &records(50), Outcome::Aborted);
    transact(cluster, "t2", "in", &all[150..250], Outcome::Committed);
    fill(cluster, "in", "none", &all[250..]);
    assert_eq!(run(cluster), 400);
    let (input, output) = (cluster.read("in", 2), cluster.read("out", 2));
    assert_eq!(input.len(), 400);
    for partition in 0..2 {
        assert_eq!(contents(&input, partition), contents(&output, partition));
        let (before, after) = (batches(&input, partition), batches(&output, partition));
        // The ends of what was produced at once may be too small, and are put together with others.
        let kept = after.iter().filter(|size| before.contains(size)).count();
        assert!(kept * 2 > after.len(), "{before:?} became {after:?}");
    }
}

pub(crate) fn batches_that_cannot_be_forwarded_are_written_anew(cluster: &Cluster) {
    cluster.create("in", 1);
    cluster.create("out", 3);
    let mut all = records(400);
    for record in &mut all {
        record.partition = 0;
    }
    for (part, codec) in all.chunks(100).zip(["none", "lz4", "zstd", "none"]) {
        fill(cluster, "in", codec, part);
    }
    assert_eq!(run(cluster), 400);
    let output = cluster.read("out", 3);
    for partition in 0..3 {
        let here = |it: &&Seen| {
            let of_key = Producer::partition_of_key(it.key.as_deref().map(str::as_bytes), 3);
            of_key.unwrap_or(0) == partition
        };
        let expected: Vec<Seen> = all.iter().filter(here).cloned().collect();
        let expected = expected.into_iter().map(|it| Seen { partition, ..it });
        let expected: Vec<Seen> = expected.collect();
        assert_eq!(contents(&expected, partition), contents(&output, partition));
    }
}

/// Records that somebody put into another partition than their key's go where their key belongs, whole batch or not.
pub(crate) fn records_in_the_wrong_partition_are_not_forwarded_there(cluster: &Cluster) {
    cluster.create("in", 2);
    cluster.create("out", 2);
    let mut all = records(200);
    for record in &mut all {
        record.partition = 1 - record.partition;
    }
    fill(cluster, "in", "none", &all);
    assert_eq!(run(cluster), 200);
    let output = cluster.read("out", 2);
    for record in output.iter().filter(|it| it.key.is_some()) {
        let of_key = Producer::partition_of_key(record.key.as_deref().map(str::as_bytes), 2);
        assert_eq!(Some(record.partition), of_key, "{record:?}");
    }
    // Those without a key keep their partition.
    let (mut expected, mut seen): (Vec<Content>, Vec<Content>) =
        (contents(&all, 0), contents(&output, 1));
    expected.retain(|(key, ..)| key.is_some());
    seen.retain(|(key, ..)| key.is_some());
    assert_eq!(expected, seen);
}
