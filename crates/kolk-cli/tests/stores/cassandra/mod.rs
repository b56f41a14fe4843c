//! Apache Cassandra by `scripts/cassandra.sh`: keyed idempotency end to end, read back by Python's driver.
//!
//! Needs Java 17, Maven for the first time, and Python; says `skipped: why` without.

mod node;
mod store;

pub(super) use store::start;

use crate::embedded::{self, Kolk};
use node::Node;
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
    kolk.write("sessions.sql", &program.replace("ndc_porto", keyspace));
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

/// Step 4: the node is killed and comes back; what was read waits, and nothing is missing.
#[test]
fn a_store_that_is_killed_gets_everything_when_it_is_back() {
    let Some(node) = Node::own() else { return };
    let kolk = place(&node, "killed");
    node.kill();
    let lines: Vec<String> = (1..=200)
        .map(|user| format!(r#"{{"user_id": {user}, "page": "P{user}.html", "event_time": "2023-02-20T03:03:20"}}"#))
        .chain([LATER.replace(r#""user_id": 2"#, r#""user_id": 201"#)])
        .collect();
    produce(&kolk, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let running = kolk.start("run sessions.sql", "");
    embedded::eventually("it says what it waits for", || {
        running.err().contains("the store does not take rows")
    });
    node.revive();
    // The last visit's session is closed by its own watermark, too.
    node.wait_for_rows("killed.sessions", 201);
    running.signal("TERM");
    running.wait().with(0);
    let rows = node.rows("killed.sessions");
    assert_eq!(rows.len(), 201);
    assert!(rows.iter().all(|row| pages(row).len() == 1), "no list is doubled");
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
    node.cql("CREATE KEYSPACE IF NOT EXISTS made WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};");
    let kolk = Kolk::new();
    kolk.ok("topic create users --partitions 2");
    let program = format!(
        "CREATE TABLE users (id STRING PRIMARY KEY, name STRING, age INT)
           WITH (kafka_topic = 'users', value_format = 'JSON');
         CREATE TABLE kept WITH (connector = 'cassandra', contact_points = '{}', keyspace = 'made', table = 'users',
           create_table = TRUE) AS SELECT id, name, age FROM users EMIT CHANGES;",
        node.address()
    );
    kolk.write("users.sql", &program);
    kolk.write(
        "lines",
        "a:{\"name\":\"Ann\",\"age\":30}\nb:{\"name\":\"Bob\",\"age\":40}\na:{\"name\":\"Anna\"}\n",
    );
    kolk.ok("produce --topic users --key-separator : --file lines");
    kolk.run("run users.sql --until-end").with(0);
    let rows = node.rows("made.users");
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Anna", "Bob"]);
    assert_eq!(rows[0]["age"], Value::Null, "what a later row does not have is gone");
}
