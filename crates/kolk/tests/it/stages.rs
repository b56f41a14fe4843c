//! Queries that are run as tasks: several inputs, several stages, state.

use crate::cluster::Cluster;
use crate::delivery::{options, run_to_end};
use kolk::runtime::{Application, ApplicationOptions, Until};
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{Conventions, Format, Node, Operator, Payload, Query, Sink, Source, Topology};
use std::sync::Arc;
use std::time::Duration;

/// A column of a value.
pub(crate) fn column(name: &str, data_type: DataType) -> Column {
    Column { name: name.to_owned(), data_type, role: Role::Value }
}

/// A query of nodes that stand behind their inputs.
pub(crate) fn query(name: &str, nodes: Vec<Node>) -> Query {
    Query { name: name.to_owned(), nodes, conventions: Conventions::default() }
}

/// `a` and `b`, merged into `out`.
fn merge(cluster: &Cluster) -> Query {
    let schema = Schema { columns: vec![column("n", DataType::Bigint)] };
    let node = |inputs, operator| Node { inputs, operator, schema: schema.clone() };
    let source = |topic: &str| {
        let value_format = Format::Json;
        Operator::Source(Source { value_format, ..Source::new(&cluster.name(topic)) })
    };
    let sink = Sink {
        key: Payload::Encoded { format: Format::Kafka, columns: vec![0] },
        value: Payload::Encoded { format: Format::Json, columns: vec![0] },
        ..Sink::new(&cluster.name("out"))
    };
    let nodes = vec![
        node(vec![], source("a")),
        node(vec![], source("b")),
        node(vec![0, 1], Operator::Merge),
        node(vec![2], Operator::Sink(sink)),
    ];
    query("merged", nodes)
}

pub(crate) fn merged_streams_hold_every_row_once(cluster: &Cluster) {
    let values: Vec<String> = (0..100).map(|n| format!("{{\"n\":{n}}}")).collect();
    let produce = |topic: &str, values: &[String]| {
        cluster.produce(topic, 2, values.iter().map(|value| (value.as_str(), value.as_str())));
    };
    cluster.create("a", 2);
    cluster.create("b", 2);
    let mut read = 0;
    for round in 0..2 {
        produce("a", &values[round * 50..round * 50 + 20]);
        produce("b", &values[round * 50 + 20..round * 50 + 50]);
        let status = run_to_end(cluster, vec![merge(cluster)]).remove(0);
        read += status.account.read;
        assert_eq!(status.account.delivered, 50, "{}", status.account);
    }
    assert_eq!(read, 100, "the second run goes on where the first has committed");
    let mut seen: Vec<String> =
        cluster.read("out", 2).into_iter().filter_map(|record| record.value).collect();
    seen.sort();
    let mut expected = values;
    expected.sort();
    assert_eq!(seen, expected);
}

/// What a task did after a commit with rows that it had been offered before was once left out of all commits until something else
/// arrived: a run to the end was over without its last rows.
pub(crate) fn rows_that_outlast_a_commit_are_in_a_later_one(cluster: &Cluster) {
    const ROWS: usize = 40_000;
    cluster.create("a", 1);
    cluster.create("b", 1);
    let values: Vec<String> = (0..ROWS).map(|n| format!("{{\"n\":{n}}}")).collect();
    cluster.produce("a", 1, values.iter().map(|value| (value.as_str(), value.as_str())));
    // One fetch brings them all, and there is a commit between each two turns of the task.
    let commit_interval = Duration::from_millis(1);
    let options = ApplicationOptions { commit_interval, ..options(cluster, Until::End) };
    let topology = Topology { queries: vec![merge(cluster)] };
    let application = Application::start(&topology, options, Arc::clone(&cluster.clock)).unwrap();
    let (status, result) = application.join().remove(0);
    assert!(result.is_ok(), "{result:?}");
    assert!(status.commits > 2, "{} commits", status.commits);
    let seen = cluster.read("out", 1);
    let values_seen: Vec<&str> = seen.iter().filter_map(|it| it.value.as_deref()).collect();
    assert_eq!(values_seen.len(), ROWS);
    assert!(values_seen == values, "each once, in order");
}
