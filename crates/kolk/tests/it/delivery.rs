//! Every mode of delivery copies every record once, in order for each key.

use crate::cluster::{Cluster, Seen, wait_until};
use kolk::runtime::{Application, ApplicationOptions, QueryPhase, QueryStatus, Until};
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{BinPacking, Delivery, Format, Node, Operator, Query, Sink, Source, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Copies topic `from` to topic `to`.
pub(crate) fn copy(cluster: &Cluster, name: &str, path: [&str; 2], delivery: Delivery) -> Query {
    let [from, to] = path.map(|topic| cluster.name(topic));
    let source = Source::new(&from);
    let sink = Sink { name: name.to_owned(), delivery, ..Sink::new(&to) };
    let schema = Schema::default();
    let nodes = vec![
        Node { inputs: vec![], operator: Operator::Source(source), schema: schema.clone() },
        Node { inputs: vec![0], operator: Operator::Sink(sink), schema },
    ];
    Query { name: name.to_owned(), nodes, conventions: kolk::topology::Conventions::default() }
}

pub(crate) fn options(cluster: &Cluster, until: Until) -> ApplicationOptions {
    ApplicationOptions {
        name: cluster.name("app"),
        client: cluster.config.clone(),
        state: cluster.folder.path().join("state"),
        until,
        commit_interval: Duration::from_millis(50),
        memory_max: None,
    }
}

pub(crate) fn run_to_end(cluster: &Cluster, queries: Vec<Query>) -> Vec<QueryStatus> {
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

pub(crate) fn every_mode_copies_every_record_once_and_in_order(cluster: &Cluster) {
    fill(cluster, "in", &numbered(500));
    let queries = vec![
        copy(
            cluster,
            "individual",
            ["in", "out-individual"],
            Delivery::Individual { pause: Duration::ZERO },
        ),
        copy(cluster, "batched", ["in", "out-batched"], Delivery::Batched),
        copy(cluster, "idempotent", ["in", "out-idempotent"], Delivery::Idempotent),
        copy(cluster, "exactly", ["in", "out-exactly"], Delivery::ExactlyOnce),
    ];
    for status in run_to_end(cluster, queries) {
        assert_eq!(status.account.read, 500, "{}", status.name);
        assert_eq!(status.account.delivered, 500, "{}", status.name);
    }
    for mode in ["individual", "batched", "idempotent", "exactly"] {
        assert_copied(cluster, "in", &format!("out-{mode}"));
    }
    for mode in ["batched", "idempotent"] {
        let seen = cluster.read(&format!("out-{mode}"), 2);
        let batches: Vec<_> = seen.chunk_by(|a, b| a.batch == b.batch).collect();
        assert!(batches.len() < seen.len() / 2, "{mode}: {} batches", batches.len());
        for batch in batches {
            let first = batch[0].timestamp;
            assert!(batch.iter().all(|row| row.timestamp == first), "{mode}: one stamp per batch");
        }
    }
    let times: Vec<i64> = cluster.read("out-exactly", 2).iter().map(|row| row.timestamp).collect();
    assert!(times.iter().all(|time| *time == 1_000), "exactly_once keeps the row's time");
}

pub(crate) fn bins_hold_a_key_once_and_intervals_are_transactions(cluster: &Cluster) {
    let documents: Vec<(String, String)> = (0..120)
        .map(|i| (format!("key-{}", i % 7), format!(r#"{{"id":"key-{}","n":{i}}}"#, i % 7)))
        .collect();
    fill(cluster, "in", &documents);
    let packing = BinPacking {
        key: 0,
        order_by: 1,
        interval: Duration::from_secs(60),
        rows: 30,
        header: Some("bin".to_owned()),
    };
    let mut query = copy(cluster, "bins", ["in", "out"], Delivery::BinPacked(packing));
    let column =
        |name: &str, data_type| Column { name: name.to_owned(), data_type, role: Role::Value };
    let columns = vec![column("id", DataType::String), column("n", DataType::Bigint)];
    for node in &mut query.nodes {
        node.schema = Schema { columns: columns.clone() };
        if let Operator::Source(source) = &mut node.operator {
            source.value_format = Format::Json;
        }
    }
    run_to_end(cluster, vec![query]);
    assert_copied(cluster, "in", "out");
    let mut intervals = 0;
    for rows in cluster.read("out", 2).chunk_by(|a, b| a.partition == b.partition) {
        // A transaction's marker takes an offset, so that the next interval begins behind a gap.
        for interval in rows.chunk_by(|a, b| a.offset + 1 == b.offset) {
            intervals += 1;
            let bins: Vec<u32> = interval.iter().map(bin).collect();
            assert_eq!(bins[0], 1);
            assert!(bins.is_sorted_by(|a, b| b - a <= 1), "{bins:?}");
            let distinct: BTreeSet<_> = interval.iter().map(|row| (bin(row), &row.key)).collect();
            assert_eq!(distinct.len(), interval.len(), "a bin holds a key twice");
        }
    }
    assert!(intervals >= 4, "120 rows, 30 in an interval: {intervals}");
}

fn bin(row: &Seen) -> u32 {
    let [(name, Some(number))] = row.headers.as_slice() else { panic!("{row:?}") };
    assert_eq!(name, "bin");
    number.parse().unwrap()
}

pub(crate) fn a_second_run_goes_on_where_the_first_has_committed(cluster: &Cluster) {
    fill(cluster, "in", &numbered(100));
    run_to_end(cluster, vec![copy(cluster, "q", ["in", "out"], Delivery::ExactlyOnce)]);
    cluster.produce("in", 2, [("key-0", "more")]);
    let status =
        run_to_end(cluster, vec![copy(cluster, "q", ["in", "out"], Delivery::ExactlyOnce)]);
    assert_eq!(status[0].account.read, 1);
    assert_copied(cluster, "in", "out");
}

pub(crate) fn individual_delivery_pauses_between_records_of_a_partition(cluster: &Cluster) {
    fill(cluster, "in", &numbered(20));
    let pause = Duration::from_millis(30);
    run_to_end(cluster, vec![copy(cluster, "slow", ["in", "out"], Delivery::Individual { pause })]);
    let seen = cluster.read("out", 2);
    assert_eq!(seen.len(), 20);
    for pair in seen.windows(2).filter(|pair| pair[0].partition == pair[1].partition) {
        assert!(pair[1].timestamp - pair[0].timestamp >= 30, "{pair:?}");
    }
}

pub(crate) fn chained_queries_end_one_after_the_other(cluster: &Cluster) {
    fill(cluster, "in", &numbered(300));
    let queries = vec![
        copy(cluster, "first", ["in", "middle"], Delivery::ExactlyOnce),
        copy(cluster, "second", ["middle", "out"], Delivery::ExactlyOnce),
    ];
    run_to_end(cluster, queries);
    assert_copied(cluster, "in", "out");
}

pub(crate) fn stopping_commits_what_was_delivered(cluster: &Cluster) {
    fill(cluster, "in", &numbered(200));
    let topology =
        Topology { queries: vec![copy(cluster, "q", ["in", "out"], Delivery::Idempotent)] };
    let application =
        Application::start(&topology, options(cluster, Until::Stopped), Arc::clone(&cluster.clock))
            .unwrap();
    wait_until("200 records are delivered", || application.account().delivered == 200);
    application.stop_handle().stop();
    assert!(application.join().iter().all(|(_, result)| result.is_ok()));
    let offsets = cluster.admin().group_offsets(&cluster.name("app-q")).unwrap();
    let committed: i64 = offsets.values().map(|offset| offset.offset.0).sum();
    assert_eq!(committed, 200);
    let status = run_to_end(cluster, vec![copy(cluster, "q", ["in", "out"], Delivery::Idempotent)]);
    assert_eq!(status[0].account.read, 0, "nothing is read twice");
}

pub(crate) fn a_slow_query_that_is_stopped_gives_back_what_it_did_not_deliver(cluster: &Cluster) {
    fill(cluster, "in", &numbered(400));
    let slow = || {
        copy(cluster, "q", ["in", "out"], Delivery::Individual { pause: Duration::from_millis(5) })
    };
    let topology = Topology { queries: vec![slow()] };
    let application =
        Application::start(&topology, options(cluster, Until::Stopped), Arc::clone(&cluster.clock))
            .unwrap();
    while application.account().delivered < 20 {
        std::thread::yield_now();
    }
    application.stop_handle().stop();
    let results = application.join();
    let account = results[0].0.account;
    assert!(results[0].1.is_ok() && account.balances(), "{account}");
    assert_eq!(account.forwarded, account.delivered, "{account}");
    assert!(account.delivered < 400, "it was stopped in the middle: {account}");
    let query = copy(cluster, "q", ["in", "out"], Delivery::Individual { pause: Duration::ZERO });
    let rest = run_to_end(cluster, vec![query])[0].account;
    assert_eq!(account.delivered + rest.delivered, 400);
    assert_copied(cluster, "in", "out");
}
