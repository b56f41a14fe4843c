//! Joins by a foreign key where the topics have several partitions, and not the same number.

use crate::cluster::{Cluster, Given};
use crate::delivery::run_to_end;
use crate::stages::{column, query};
use kolk::client::producer::Producer;
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{
    Collection, Format, Join, JoinKind, JoinWith, Late, Node, Operator, Payload, Query, Sink,
    Source,
};
use std::collections::BTreeMap;

const ORDERS: i32 = 3;
const CUSTOMERS: i32 = 2;
const OUT: i32 = 4;

/// `orders LEFT JOIN customers ON orders.customer = customers.name`.
fn joined(cluster: &Cluster) -> Query {
    let key = |name: &str| Column { role: Role::Key, ..column(name, DataType::String) };
    let value = |name: &str, data_type| column(name, data_type);
    let source = |topic: &str| {
        Operator::Source(Source {
            collection: Collection::Table,
            key_format: Format::Kafka,
            value_format: Format::Json,
            ..Source::new(&cluster.name(topic))
        })
    };
    let orders =
        [key("id"), value("customer", DataType::String), value("amount", DataType::Bigint)];
    let customers = [key("name"), value("city", DataType::String)];
    let all = [&[key("order")][..], &orders, &customers].concat();
    let all: Vec<Column> = all
        .into_iter()
        .enumerate()
        .map(|(at, of)| Column { role: if at == 0 { Role::Key } else { Role::Value }, ..of })
        .collect();
    let join = Join {
        kind: JoinKind::Left,
        left_key: vec![1],
        right_key: vec![0],
        with: JoinWith::ForeignKey,
        late: Late::Skip,
    };
    let sink = Sink {
        key: Payload::Encoded { format: Format::Kafka, columns: vec![0] },
        value: Payload::Encoded { format: Format::Json, columns: vec![2, 3, 5] },
        partitions: Some(OUT.unsigned_abs()),
        ..Sink::new(&cluster.name("out"))
    };
    let node = |inputs: &[usize], operator, columns: &[Column]| Node {
        inputs: inputs.to_vec(),
        operator,
        schema: Schema { columns: columns.to_vec() },
    };
    query(
        "joined",
        vec![
            node(&[], source("orders"), &orders),
            node(&[], source("customers"), &customers),
            node(&[0, 1], Operator::Join(join), &all),
            node(&[2], Operator::Sink(sink), &all),
        ],
    )
}

/// Changes of a table: keys and values, none for those that delete.
type Changes = Vec<(String, Option<String>)>;

/// Changes number `from` to `to` of both tables; each key changes several times, and some are deleted.
fn changes(from: u64, to: u64) -> (Changes, Changes) {
    let (mut orders, mut customers) = (Vec::new(), Vec::new());
    for number in from..to {
        let random = |salt: u64| (number * 2_654_435_761 + salt * 40_503) >> 7;
        let customer = format!("c{}", random(1) % 5);
        let value = match random(2) % 6 {
            0 => None,
            1 => Some(format!("{{\"amount\":{number}}}")),
            _ => Some(format!("{{\"customer\":\"{customer}\",\"amount\":{number}}}")),
        };
        orders.push((format!("o{}", random(3) % 40), value));
        if number % 4 == 0 {
            let city = (random(4) % 4 > 0).then(|| format!("{{\"city\":\"town-{number}\"}}"));
            customers.push((format!("c{}", random(5) % 5), city));
        }
    }
    (orders, customers)
}

fn produce(cluster: &Cluster, topic: &str, partitions: i32, changes: &Changes) {
    let given = changes.iter().map(|(key, value)| Given {
        partition: Producer::partition_of_key(Some(key.as_bytes()), partitions).unwrap(),
        timestamp: 1_000,
        key: Some(key),
        value: value.as_deref(),
        headers: &[],
    });
    cluster.produce_with(&[], topic, given);
}

/// What is left of changes: the last value of each key.
fn table<'a>(
    changes: impl IntoIterator<Item = &'a (String, Option<String>)>,
) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    for (key, value) in changes {
        match value {
            Some(value) => table.insert(key.clone(), value.clone()),
            None => table.remove(key),
        };
    }
    table
}

/// The join of the tables, as text.
fn expected(
    orders: &BTreeMap<String, String>,
    customers: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let join = |(key, order): (&String, &String)| {
        let named = order.split('"').nth(3).filter(|_| order.contains("customer"));
        let city = named.and_then(|name| customers.get(name)).and_then(|row| row.strip_prefix('{'));
        let row = match city {
            Some(city) => format!("{},{city}", order.trim_end_matches('}')),
            None => order.clone(),
        };
        (key.clone(), row)
    };
    orders.iter().map(join).collect()
}

pub(crate) fn a_foreign_key_joins_topics_of_any_numbers_of_partitions(cluster: &Cluster) {
    cluster.create("orders", ORDERS);
    cluster.create("customers", CUSTOMERS);
    let (mut orders, mut customers) = (Vec::new(), Vec::new());
    for (from, to) in [(0, 150), (150, 230)] {
        let (more_orders, more_customers) = changes(from, to);
        produce(cluster, "orders", ORDERS, &more_orders);
        produce(cluster, "customers", CUSTOMERS, &more_customers);
        orders.extend(more_orders);
        customers.extend(more_customers);
        run_to_end(cluster, vec![joined(cluster)]);
        let written: Changes = cluster
            .read("out", OUT)
            .into_iter()
            .map(|record| (record.key.unwrap_or_default(), record.value))
            .collect();
        let (result, expected) = (table(&written), expected(&table(&orders), &table(&customers)));
        assert!(expected.len() > 20 && expected.values().any(|row| row.contains("town")));
        assert_eq!(result, expected, "after {to} changes");
    }
}
