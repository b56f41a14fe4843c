//! Apache Cassandra by `scripts/cassandra.sh`: keyed idempotency end to end, read back by Python's driver.
//!
//! Needs Java 17, Maven for the first time, and Python; says `skipped: why` without.

mod node;
mod refuser;
mod sessions;
mod store;

pub(super) use store::start;

use crate::embedded::{self, Kolk};
use node::{LOGIN, Node};
use serde_json::Value;

const VISITS: [&str; 3] = [
    r#"{"user_id": 1, "page": "A.html", "event_time": "2023-02-20T03:03:20"}"#,
    r#"{"user_id": 1, "page": "B.html", "event_time": "2023-02-20T03:03:26"}"#,
    r#"{"user_id": 1, "page": "C.html", "event_time": "2023-02-20T03:05:26"}"#,
];
const LATER: &str = r#"{"user_id": 2, "page": "D.html", "event_time": "2023-02-20T04:55:26"}"#;

fn example(file: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/keyed-idempotency");
    std::fs::read_to_string(format!("{folder}/{file}")).unwrap()
}

/// The folder of a test: the example's program on this node, with a keyspace of its own.
fn place(node: &Node, keyspace: &str) -> Kolk {
    node.cql(&example("table.cql").replace("ndc_porto", keyspace));
    let kolk = Kolk::new();
    let program = example("sessions.sql").replace("127.0.0.1:9042", &node.address());
    let program = program.replace("'ndc_porto', ", &format!("'{keyspace}', {LOGIN}, "));
    kolk.write("sessions.sql", &program);
    kolk.ok("topic create visits --partitions 2");
    kolk
}

fn produce(kolk: &Kolk, lines: &[&str]) {
    kolk.write("lines", &(lines.join("\n") + "\n"));
    kolk.ok("produce --topic visits --partition 0 --file lines");
}

fn pages(row: &Value) -> Vec<&str> {
    row["pages"].as_array().unwrap().iter().map(|page| page.as_str().unwrap()).collect()
}

/// Steps 1 to 3 of the scenario: one row for a user's session, the same one after everything was wiped and read again.
#[test]
fn a_session_read_again_takes_the_place_of_itself() {
    let Some(node) = Node::shared() else { return };
    let kolk = place(node, "again");
    produce(&kolk, &VISITS);
    kolk.run("run sessions.sql --until-end").with(0);
    let first = node.rows("again.sessions");
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(first[0]["user_id"], 1);
    assert_eq!(pages(&first[0]), ["A.html", "B.html", "C.html"]);

    kolk.ok("reset sessions");
    produce(&kolk, &[LATER]);
    kolk.run("run sessions.sql --until-end").with(0);
    let again = node.rows("again.sessions");
    assert_eq!(again.len(), 2, "{again:?}");
    let of = |user: u64| again.iter().find(|row| row["user_id"] == user).unwrap();
    assert_eq!(of(1)["session_id"], first[0]["session_id"]);
    assert_eq!(pages(of(1)), ["A.html", "B.html", "C.html"], "a list is not doubled");
    let written = |row: &Value| row["ingestion_time"].as_str().unwrap().to_owned();
    assert!(written(of(1)) > written(&first[0]), "it was written again, later");
    assert_eq!(pages(of(2)), ["D.html"]);
}

#[test]
fn what_does_not_fit_the_table_is_told_before_there_is_a_row() {
    let Some(node) = Node::shared() else { return };
    let kolk = place(node, "misfit");
    let misfits = [
        (
            "COLLECT_LIST(page) AS pages",
            "COUNT(*) AS pages",
            ["has column pages", "does not take BIGINT"],
        ),
        (
            "AS pages",
            "AS sites",
            ["has no column sites", "ingestion_time, pages, session_id, user_id"],
        ),
        (
            "SELECT user_id, session_id,",
            "SELECT user_id,",
            ["primary key (session_id, user_id)", "does not select session_id"],
        ),
        (
            "table = 'sessions'",
            "table = 'nothing'",
            ["there is no table misfit.nothing", "create_table = TRUE"],
        ),
    ];
    for (number, (from, to, says)) in misfits.into_iter().enumerate() {
        let program = std::fs::read_to_string(kolk.folder().join("sessions.sql")).unwrap();
        let program = program.replace(from, to);
        kolk.write(&format!("misfit-{number}.sql"), &program);
        kolk.run(&format!("run misfit-{number}.sql --until-end")).with(1).says(&says);
    }
}

#[test]
fn a_table_can_be_made_and_rows_are_deleted_by_their_key() {
    let Some(node) = Node::shared() else { return };
    node.keyspace("made");
    let kolk = Kolk::new();
    kolk.ok("topic create users --partitions 2");
    let program = format!(
        "CREATE TABLE users (id STRING PRIMARY KEY, name STRING, age INT)
           WITH (kafka_topic = 'users', value_format = 'JSON');
         CREATE TABLE kept WITH (connector = 'cassandra', contact_points = '{}', {LOGIN}, keyspace = 'made', table = 'users',
           create_table = TRUE) AS SELECT id, name, age FROM users EMIT CHANGES;",
        node.address()
    );
    kolk.write("users.sql", &program);
    kolk.write(
        "lines",
        "a|{\"name\":\"Ann\",\"age\":30}\nb|{\"name\":\"Bob\",\"age\":40}\nc|{\"name\":\"Cid\",\"age\":50}\na|{\"name\":\"Anna\"}\nc|-\n",
    );
    kolk.ok("produce --topic users --key-separator | --null-marker - --file lines");
    kolk.run("run users.sql --until-end").with(0);
    let rows = node.rows("made.users");
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Anna", "Bob"], "and Cid is deleted");
    assert_eq!(rows[0]["age"], Value::Null, "what a later row does not have is gone");
}

/// Over TLS, into a table of somebody else's, with types that CQL has beside SQL's.
#[test]
fn collections_times_and_ttl_by_tls() {
    let Some(node) = Node::shared() else { return };
    node.keyspace("typed");
    node.cql(
        "CREATE TABLE typed.rows (id text PRIMARY KEY, at timestamp, day date, flag boolean, share float,
           tags set<text>, scores list<bigint>, ratings map<text, int>, place text, \"Odd Name\" bigint)",
    );
    let kolk = Kolk::new();
    kolk.ok("topic create rows --partitions 2");
    let program = format!(
        "CREATE STREAM rows (id STRING KEY, at TIMESTAMP, day DATE, flag BOOLEAN, share DOUBLE, tags ARRAY<STRING>,
             scores ARRAY<BIGINT>, ratings MAP<STRING, INT>, place STRUCT<city STRING>, odd BIGINT)
           WITH (kafka_topic = 'rows', value_format = 'JSON');
         CREATE STREAM kept WITH (connector = 'cassandra', contact_points = '{}', {LOGIN}, {}, keyspace = 'typed', table = 'rows',
             ttl = 3600) AS
           SELECT id, at, day, flag, share, tags, scores, ratings, place, odd AS `Odd Name` FROM rows EMIT CHANGES;",
        node.address(),
        node.tls()
    );
    kolk.write("typed.sql", &program);
    let row = r#"{"at":"2023-02-20T03:03:20Z","day":19408,"flag":true,"share":0.5,"tags":["b","a","b"],"scores":[3,1,3],
        "ratings":{"x":1},"place":{"city":"Porto"},"odd":9007199254740993}"#;
    kolk.write("lines", &format!("k|{}\nempty|{{}}\n", row.replace('\n', "")));
    kolk.ok("produce --topic rows --key-separator | --file lines");
    kolk.run("run typed.sql --until-end").with(0);
    let rows = node.select("id, at, day, flag, share, tags, scores, ratings, place, \"Odd Name\" AS odd, ttl(flag) AS ttl FROM typed.rows");
    assert_eq!(rows.len(), 2, "{rows:?}");
    let of = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap();
    let (full, empty) = (of("k"), of("empty"));
    assert_eq!(full["at"], "2023-02-20 03:03:20");
    assert_eq!(full["day"], "2023-02-20");
    assert_eq!((&full["flag"], &full["share"]), (&true.into(), &0.5.into()));
    assert_eq!(full["tags"], serde_json::json!(["a", "b"]), "a set");
    assert_eq!(full["scores"], serde_json::json!([3, 1, 3]), "a list");
    assert_eq!(full["ratings"], serde_json::json!({"x": 1}));
    assert_eq!(full["place"], r#"{"city":"Porto"}"#);
    assert_eq!(full["odd"], 9_007_199_254_740_993_i64, "to the last digit");
    let ttl = full["ttl"].as_i64().unwrap();
    assert!((1..=3600).contains(&ttl), "{ttl}");
    assert!(empty["tags"].is_null() && empty["flag"].is_null(), "{empty}");
}

#[test]
fn a_certificate_of_an_authority_that_nobody_named_is_refused() {
    let Some(node) = Node::shared() else { return };
    let kolk = place(node, "stranger");
    produce(&kolk, &VISITS);
    let program = std::fs::read_to_string(kolk.folder().join("sessions.sql")).unwrap();
    kolk.write("sessions.sql", &program.replace(LOGIN, &format!("{LOGIN}, tls = TRUE")));
    let running = kolk.start("run sessions.sql", "");
    embedded::eventually("it says what is wrong", || running.err().contains("UnknownIssuer"));
    running.stop().with(0);
    assert!(node.rows("stranger.sessions").is_empty());
}
