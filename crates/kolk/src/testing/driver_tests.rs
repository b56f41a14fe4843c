//! The driver on small programs: where records go, in which order, and what is refused.

use super::*;
use crate::expression::{Expression, Kind};
use crate::schema::{Column, DataType, Role, Schema};
use crate::topology::{
    Conventions, Format, Node, OnBadRecord, Operator, Payload, Query, Sink, Source,
};

/// `SELECT n` from one topic to another, keys and time-stamps kept.
fn copy(from: &str, to: &str, on_bad_record: OnBadRecord) -> Query {
    let column = Column { name: "n".to_owned(), data_type: DataType::Integer, role: Role::Value };
    let schema = Schema { columns: vec![column] };
    let source = Source {
        key_format: Format::Kafka,
        value_format: Format::Json,
        on_bad_record,
        ..Source::new(from)
    };
    let project = vec![Expression {
        kind: Kind::Column { index: 0, name: "n".to_owned() },
        data_type: DataType::Integer,
    }];
    let value = Payload::Encoded { format: Format::Json, columns: vec![0] };
    let sink = Sink { value, ..Sink::new(to) };
    let operators = [Operator::Source(source), Operator::Project(project), Operator::Sink(sink)];
    let nodes = operators.into_iter().enumerate().map(|(at, operator)| Node {
        inputs: at.checked_sub(1).into_iter().collect(),
        operator,
        schema: schema.clone(),
    });
    Query { name: to.to_owned(), nodes: nodes.collect(), conventions: Conventions::default() }
}

fn driver(queries: Vec<Query>) -> TestDriver {
    TestDriver::new(&Topology { queries }).unwrap()
}

fn record(key: &str, value: &str) -> TestRecord {
    TestRecord::new(Some(key.as_bytes()), Some(value.as_bytes()), 7)
}

fn values(records: &[TestRecord]) -> Vec<&str> {
    records
        .iter()
        .map(|record| std::str::from_utf8(record.value.as_ref().unwrap()).unwrap())
        .collect()
}

#[test]
fn a_record_passes_all_queries_before_pipe_returns_and_is_read_once() {
    let skip = OnBadRecord::Skip;
    let mut driver = driver(vec![
        copy("a", "b", skip.clone()),
        copy("b", "c", skip.clone()),
        copy("a", "c", skip),
    ]);
    driver.pipe("a", record("k", r#"{"n":1}"#)).unwrap();
    driver.pipe("b", record("k", r#"{"n":2}"#)).unwrap();
    assert_eq!(driver.unread(), ["b", "c"]);
    assert_eq!(values(&driver.read("b")), [r#"{"n":1}"#], "what was piped in is not written");
    assert_eq!(values(&driver.read("c")), [r#"{"n":1}"#, r#"{"n":1}"#, r#"{"n":2}"#]);
    assert_eq!(driver.read("c"), []);
    assert_eq!(driver.read("nowhere"), []);
}

#[test]
fn keys_choose_partitions_as_java_does_and_rows_without_key_keep_theirs() {
    let queries = vec![copy("a", "b", OnBadRecord::Fail)];
    let mut driver = driver(queries).partitions("a", 7).partitions("b", 5);
    let headers = vec![("h".to_owned(), Some(b"1".to_vec())), ("h".to_owned(), None)];
    driver.pipe("a", TestRecord { headers: headers.clone(), ..record("abc", "{}") }).unwrap();
    driver.pipe("a", TestRecord { key: None, partition: 6, ..record("", "{}") }).unwrap();
    let written = driver.read("b");
    // murmur2("abc") is 479 470 107.
    assert_eq!(written[0].partition, 2);
    assert_eq!((written[0].timestamp, &written[0].headers), (7, &headers));
    assert_eq!(written[1].partition, 1, "6 of 7 is 1 of 5");
    let error = driver.pipe("a", TestRecord { partition: 7, ..record("k", "{}") }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "topic a has no partition 7: it has 7, set by TestDriver::partitions"
    );
}

#[test]
fn a_bad_record_is_an_error_or_passed_over_or_a_dead_letter() {
    let letters = OnBadRecord::DeadLetter { topic: "dead".to_owned() };
    let bad = || record("k", r#"{"n":"x"}"#);

    let mut failing = driver(vec![copy("a", "b", OnBadRecord::Fail)]);
    failing.pipe("a", record("k", r#"{"n":1}"#)).unwrap();
    let error = failing.pipe("a", bad()).unwrap_err().to_string();
    assert_eq!(error, "query b: a-0 offset 1: column n: expected INTEGER, found \"x\"");

    let mut skipping = driver(vec![copy("a", "b", OnBadRecord::Skip)]);
    skipping.pipe("a", bad()).unwrap();
    assert_eq!(skipping.read("b"), []);
    assert_eq!(skipping.skipped().len(), 1, "{:?}", skipping.skipped());

    let mut burying = driver(vec![copy("a", "b", letters)]);
    burying.pipe("a", bad()).unwrap();
    let dead = burying.read("dead");
    assert_eq!(values(&dead), [r#"{"n":"x"}"#]);
    let names: Vec<&str> = dead[0].headers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["kolk.error", "kolk.topic", "kolk.partition", "kolk.offset"]);
}

#[test]
fn a_topic_that_nobody_reads_and_queries_that_feed_each_other_are_refused() {
    let mut circle =
        driver(vec![copy("a", "b", OnBadRecord::Fail), copy("b", "a", OnBadRecord::Fail)]);
    let error = circle.pipe("c", record("k", "{}")).unwrap_err();
    assert_eq!(error.to_string(), "no query reads the topic c; read are: a, b");
    let error = circle.pipe("a", record("k", "{}")).unwrap_err();
    assert_eq!(error, DriverError::Endless { topic: "a".to_owned() });
}
