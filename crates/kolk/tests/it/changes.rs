//! What becomes of a query when its topics are not what they were.

use crate::cluster::{Cluster, wait_until};
use crate::delivery::{copy, fill, numbered, options, run_to_end};
use kolk::client::Offset;
use kolk::client::config::ClientConfig;
use kolk::runtime::{Application, QueryStatus, Until};
use kolk::topology::{Delivery, OffsetReset, Operator, Query, Topology};
use std::sync::Arc;

/// Runs a query to its end with these settings; its books, or the error that stopped it.
fn try_to_end(
    cluster: &Cluster,
    client: ClientConfig,
    query: Query,
) -> Result<QueryStatus, String> {
    let topology = Topology { queries: vec![query] };
    let options = kolk::runtime::ApplicationOptions { client, ..options(cluster, Until::End) };
    let application = Application::start(&topology, options, Arc::clone(&cluster.clock)).unwrap();
    let (status, result) = application.join().remove(0);
    result.map(|()| status).map_err(|error| error.to_string())
}

/// Starts a copy from `in` to `out`, and has `topic` deleted and created again under it; the error that stops the query.
fn error_after_recreation_of(cluster: &Cluster, topic: &str) -> String {
    fill(cluster, "in", &numbered(100));
    let queries = vec![copy(cluster, "q", ["in", "out"], Delivery::ExactlyOnce)];
    let options = options(cluster, Until::Stopped);
    let clock = Arc::clone(&cluster.clock);
    let application = Application::start(&Topology { queries }, options, clock).unwrap();
    wait_until("100 records are committed", || {
        let status = &application.status()[0];
        status.account.delivered == 100 && status.unacknowledged == 0 && status.commits > 0
    });
    cluster.admin().delete_topic(&cluster.name(topic)).unwrap();
    cluster.create(topic, 2);
    cluster.produce("in", 2, [("key-0", "afterwards"), ("key-1", "afterwards")]);
    wait_until("the query stops", || application.is_finished());
    let (_, result) = application.join().remove(0);
    result.unwrap_err().to_string()
}

pub(crate) fn an_input_that_is_created_again_stops_the_query(cluster: &Cluster) {
    let error = error_after_recreation_of(cluster, "in");
    assert!(error.contains(&cluster.name("in")) && error.contains("deleted"), "{error}");
    assert!(error.contains("kolk reset"), "{error}");
}

pub(crate) fn an_output_that_is_created_again_stops_the_query(cluster: &Cluster) {
    let error = error_after_recreation_of(cluster, "out");
    assert!(error.contains(&cluster.name("out")) && error.contains("deleted"), "{error}");
    assert!(error.contains("kolk reset"), "{error}");
}

pub(crate) fn offsets_out_of_range_follow_the_policy(cluster: &Cluster) {
    let records = numbered(100);
    let produce = |records: &[(String, String)]| {
        cluster.produce("in", 1, records.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    };
    cluster.create("in", 1);
    produce(&records[..50]);
    let policies = ["none", "earliest", "latest"];
    let query = |policy: &str| copy(cluster, policy, ["in", policy], Delivery::ExactlyOnce);
    run_to_end(cluster, policies.iter().map(|policy| query(policy)).collect());
    produce(&records[50..]);
    // The queries stand at 50; what is there begins at 80.
    cluster.admin().delete_records(&cluster.partition("in", 0), Offset(80)).unwrap();
    let run = |policy| {
        let client = cluster.config.with("auto.offset.reset", policy).unwrap();
        try_to_end(cluster, client, query(policy))
    };
    let error = run("none").unwrap_err();
    assert!(error.contains("offset 50 of") && error.contains("kolk group reset"), "{error}");
    // Nothing is skipped unless somebody said so.
    let error = try_to_end(cluster, cluster.config.clone(), query("earliest")).unwrap_err();
    assert!(error.contains("offset 50 of"), "{error}");
    assert_eq!(run("earliest").unwrap().account.read, 20);
    assert_eq!(run("latest").unwrap().account.read, 0);
    assert_eq!(cluster.read("earliest", 1).len(), 70);
    assert_eq!(cluster.read("latest", 1).len(), 50);
    produce(&[("late".to_owned(), "late".to_owned())]);
    assert_eq!(run("latest").unwrap().account.read, 1, "it stands at the end that it went to");
}

pub(crate) fn a_start_without_offsets_follows_the_statement(cluster: &Cluster) {
    fill(cluster, "in", &numbered(30));
    let run = |name: &str, policy: OffsetReset| {
        let mut query = copy(cluster, name, ["in", name], Delivery::Idempotent);
        for node in &mut query.nodes {
            if let Operator::Source(source) = &mut node.operator {
                source.offset_reset = policy;
            }
        }
        try_to_end(cluster, cluster.config.clone(), query)
    };
    assert_eq!(run("earliest", OffsetReset::Earliest).unwrap().account.read, 30);
    assert_eq!(run("latest", OffsetReset::Latest).unwrap().account.read, 0);
    let error = run("none", OffsetReset::None).unwrap_err();
    assert!(
        error.contains("has no committed offset") && error.contains("kolk group reset"),
        "{error}"
    );
    // What was skipped at the first start stays skipped: the end at that time is committed.
    cluster.produce("in", 2, [("key-0", "more")]);
    assert_eq!(run("latest", OffsetReset::Latest).unwrap().account.read, 1);
}
