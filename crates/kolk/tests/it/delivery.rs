//! Every mode of delivery copies every record once, in order for each key.

use crate::cluster::{Cluster, Seen};
use kolk::runtime::{Application, ApplicationOptions, QueryPhase, QueryStatus, Until};
use kolk::schema::Schema;
use kolk::topology::{
    Delivery, EventTime, Format, Node, OffsetReset, OnBadRecord, Operator, Payload, Query, Sink,
    Source, Topology,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn copy(name: &str, from: &str, to: &str, delivery: Delivery) -> Query {
    let source = Source {
        name: from.to_owned(),
        topic: from.to_owned(),
        partitions: None,
        key_column: None,
        key_format: Format::None,
        value_format: Format::None,
        event_time: EventTime::Record,
        watermark_delay: Duration::ZERO,
        idle_timeout: None,
        offset_reset: OffsetReset::Earliest,
        on_bad_record: OnBadRecord::Fail,
    };
    let sink = Sink {
        name: name.to_owned(),
        topic: to.to_owned(),
        partitions: None,
        replicas: None,
        topic_settings: Vec::new(),
        key: Payload::Unchanged,
        value: Payload::Unchanged,
        timestamp: None,
        delivery,
    };
    let schema = Schema::default();
    let nodes = vec![
        Node { inputs: vec![], operator: Operator::Source(source), schema: schema.clone() },
        Node { inputs: vec![0], operator: Operator::Sink(sink), schema },
    ];
    Query { name: name.to_owned(), nodes, conventions: kolk::topology::Conventions::default() }
}

pub(crate) fn options(cluster: &Cluster, until: Until) -> ApplicationOptions {
    ApplicationOptions {
        name: "app".to_owned(),
        client: cluster.config.clone(),
        state: cluster.folder.path().join("state"),
        until,
        commit_interval: Duration::from_millis(50),
    }
}

fn run_to_end(cluster: &Cluster, queries: Vec<Query>) -> Vec<QueryStatus> {
    let topology = Topology { queries };
    let application =
        Application::start(&topology, options(cluster, Until::End), Arc::clone(&cluster.clock))
            .unwrap();
    let results = application.join();
    for (status, result) in &results {
        assert!(result.is_ok(), "{}: {result:?}", status.name);
        assert_eq!(status.phase, QueryPhase::Stopped);
        assert!(status.account.balances(), "{}", status.account);
    }
    results.into_iter().map(|(status, _)| status).collect()
}

pub(crate) fn numbered(count: usize) -> Vec<(String, String)> {
    (0..count).map(|i| (format!("key-{}", i % 7), format!("value-{i:05}"))).collect()
}

pub(crate) fn fill(cluster: &Cluster, topic: &str, records: &[(String, String)]) {
    cluster.create(topic, 2);
    cluster.produce(topic, 2, records.iter().map(|(key, value)| (key.as_str(), value.as_str())));
}

/// Values by key, in the order of the topic.
fn by_key(seen: &[Seen]) -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in seen {
        keys.entry(record.key.clone().unwrap()).or_default().push(record.value.clone().unwrap());
    }
    keys
}

pub(crate) fn assert_copied(cluster: &Cluster, from: &str, to: &str) {
    let (input, output) = (cluster.read(from, 2), cluster.read(to, 2));
    assert_eq!(by_key(&input), by_key(&output), "{to}");
}

#[test]
fn every_mode_copies_every_record_once_and_in_order() {
    let cluster = Cluster::start();
    fill(&cluster, "in", &numbered(500));
    let queries = vec![
        copy("individual", "in", "out-individual", Delivery::Individual { pause: Duration::ZERO }),
        copy("batched", "in", "out-batched", Delivery::Batched),
        copy("idempotent", "in", "out-idempotent", Delivery::Idempotent),
        copy("exactly", "in", "out-exactly", Delivery::ExactlyOnce),
    ];
    for status in run_to_end(&cluster, queries) {
        assert_eq!(status.account.read, 500, "{}", status.name);
        assert_eq!(status.account.delivered, 500, "{}", status.name);
    }
    for mode in ["individual", "batched", "idempotent", "exactly"] {
        assert_copied(&cluster, "in", &format!("out-{mode}"));
    }
}

#[test]
fn a_second_run_goes_on_where_the_first_has_committed() {
    let cluster = Cluster::start();
    fill(&cluster, "in", &numbered(100));
    run_to_end(&cluster, vec![copy("q", "in", "out", Delivery::ExactlyOnce)]);
    cluster.produce("in", 2, [("key-0", "more")]);
    let status = run_to_end(&cluster, vec![copy("q", "in", "out", Delivery::ExactlyOnce)]);
    assert_eq!(status[0].account.read, 1);
    assert_copied(&cluster, "in", "out");
}

#[test]
fn individual_delivery_pauses_between_records_of_a_partition() {
    let cluster = Cluster::start();
    fill(&cluster, "in", &numbered(20));
    let pause = Duration::from_millis(30);
    run_to_end(&cluster, vec![copy("slow", "in", "out", Delivery::Individual { pause })]);
    let seen = cluster.read("out", 2);
    assert_eq!(seen.len(), 20);
    for pair in seen.windows(2).filter(|pair| pair[0].partition == pair[1].partition) {
        assert!(pair[1].timestamp - pair[0].timestamp >= 30, "{pair:?}");
    }
}

#[test]
fn chained_queries_end_one_after_the_other() {
    let cluster = Cluster::start();
    fill(&cluster, "in", &numbered(300));
    let queries = vec![
        copy("first", "in", "middle", Delivery::ExactlyOnce),
        copy("second", "middle", "out", Delivery::ExactlyOnce),
    ];
    run_to_end(&cluster, queries);
    assert_copied(&cluster, "in", "out");
}

#[test]
fn stopping_commits_what_was_delivered() {
    let cluster = Cluster::start();
    fill(&cluster, "in", &numbered(200));
    let topology = Topology { queries: vec![copy("q", "in", "out", Delivery::Idempotent)] };
    let application = Application::start(
        &topology,
        options(&cluster, Until::Stopped),
        Arc::clone(&cluster.clock),
    )
    .unwrap();
    while application.account().delivered < 200 {
        std::thread::yield_now();
    }
    application.stop_handle().stop();
    assert!(application.join().iter().all(|(_, result)| result.is_ok()));
    let offsets = cluster.admin().group_offsets("app-q").unwrap();
    let committed: i64 = offsets.values().map(|offset| offset.offset.0).sum();
    assert_eq!(committed, 200);
    let status = run_to_end(&cluster, vec![copy("q", "in", "out", Delivery::Idempotent)]);
    assert_eq!(status[0].account.read, 0, "nothing is read twice");
}
