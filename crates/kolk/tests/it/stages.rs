//! Queries that are run as tasks: several inputs, several stages, state.

use crate::cluster::Cluster;
use crate::delivery::run_to_end;
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{Conventions, Format, Node, Operator, Payload, Query, Sink, Source};

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
