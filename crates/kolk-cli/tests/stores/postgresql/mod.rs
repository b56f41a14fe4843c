//! PostgreSQL by `scripts/postgres.sh`: rows and positions in one transaction, read back by `psql`.
//!
//! Needs `psql` and `openssl`, and Maven where no server is installed; says `skipped: why` without.

mod rows;
mod server;
mod store;
mod waiting;
mod zombie;

pub(super) use store::{appends, upserts};

use crate::embedded::{self, Kolk};
use server::Server;

/// The folder of a test with a program of this name.
fn place(program: &str) -> Kolk {
    let kolk = Kolk::new();
    kolk.write("program.sql", program);
    kolk
}

fn produce(kolk: &Kolk, topic: &str, lines: &str) {
    kolk.write("lines", lines);
    kolk.ok(&format!("produce --topic {topic} --key-separator | --file lines"));
}

/// A table of users that goes to the store's table `name`.
fn users(server: &Server, name: &str, options: &str) -> String {
    format!(
        "CREATE TABLE users (id STRING PRIMARY KEY, name STRING, age INT) WITH (kafka_topic = 'users', value_format = 'JSON');
         CREATE TABLE kept WITH ({}, table = '{name}'{options}) AS SELECT id, name, age FROM users EMIT CHANGES;",
        server.options()
    )
}

#[test]
fn a_table_is_made_and_rows_take_the_place_of_each_other_and_go() {
    let Some(server) = Server::shared() else { return };
    let kolk =
        place(&users(server, "made", ", create_table = TRUE, offsets_table = 'made \"offsets\"'"));
    kolk.ok("topic create users --partitions 2");
    let lines = "a|{\"name\":\"Ann\",\"age\":30}\nb|{\"name\":\"B'ob\",\"age\":40}\na|{\"name\":\"Anna\"}\nc|{\"name\":\"Cy\"}\n";
    produce(&kolk, "users", lines);
    kolk.run("run program.sql --until-end").with(0);
    let made = || server.sql("SELECT id, name, age FROM made ORDER BY id");
    assert_eq!(made(), "a|Anna|\nb|B'ob|40\nc|Cy|");
    kolk.write("lines", "b|NULL\n");
    kolk.ok("produce --topic users --key-separator | --null-marker NULL --file lines");
    kolk.run("run program.sql --until-end").with(0);
    assert_eq!(made(), "a|Anna|\nc|Cy|");
    let positions =
        r#"SELECT topic, sum(position), max(epoch) FROM "made ""offsets""" GROUP BY topic"#;
    assert_eq!(server.sql(positions), "users|5|2");
}

/// Positions, not keys, keep rows from being there twice: the table has no key, and the group's offsets are gone.
#[test]
fn rows_that_are_there_already_are_passed_over() {
    let Some(server) = Server::shared() else { return };
    server.sql("CREATE TABLE visited (page text, at timestamptz)");
    let program = format!(
        "CREATE STREAM visits (page STRING, at TIMESTAMP) WITH (kafka_topic = 'visits', value_format = 'JSON');
         CREATE STREAM kept WITH ({}, table = 'visited') AS SELECT page, at FROM visits EMIT CHANGES;",
        server.options()
    );
    let kolk = place(&program);
    kolk.ok("topic create visits --partitions 2");
    kolk.write("lines", &"{\"page\":\"A\",\"at\":\"2023-02-20T03:03:20\"}\n".repeat(3000));
    kolk.ok("produce --topic visits --file lines");
    kolk.run("run program.sql --until-end").with(0);
    let count = || server.sql("SELECT count(*), min(at) FROM visited");
    assert_eq!(count(), "3000|2023-02-20 03:03:20+00");
    kolk.ok("reset program");
    kolk.write("lines", "{\"page\":\"B\"}\n");
    kolk.ok("produce --topic visits --file lines");
    kolk.run("run program.sql --until-end")
        .with(0)
        .says(&["has the rows of visits-", "already: they are passed over"]);
    assert_eq!(count(), "3001|2023-02-20 03:03:20+00");
    // A topic that was made anew is another one, though its offsets are the same.
    kolk.ok("reset program");
    kolk.ok("topic delete visits");
    kolk.ok("topic create visits --partitions 2");
    kolk.write("lines", "{\"page\":\"C\"}\n");
    kolk.ok("produce --topic visits --file lines");
    kolk.run("run program.sql --until-end").with(0);
    assert_eq!(count(), "3002|2023-02-20 03:03:20+00");
}

/// Whoever finds the epoch raised has lost its partitions, as far as it knows: nothing of its batch is stored, it reads again from the
/// committed offsets, and claims anew.
#[test]
fn an_instance_that_finds_its_epoch_raised_stores_nothing_and_reads_again() {
    let Some(server) = Server::shared() else { return };
    server.sql("CREATE TABLE fenced (page text)");
    let program = format!(
        "CREATE STREAM visits (page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON');
         CREATE STREAM kept WITH ({}, table = 'fenced', offsets_table = 'fence_offsets') AS SELECT page FROM visits EMIT CHANGES;",
        server.options()
    );
    let kolk = place(&program);
    let mut broker = kolk.start("broker --listen 127.0.0.1:0", "");
    broker.wait_until(|out| out.starts_with("ready 127.0.0.1:"));
    let produce = |lines: std::ops::Range<u32>| {
        kolk.write(
            "lines",
            &lines.map(|at| format!("{{\"page\":\"{at}\"}}\n")).collect::<String>(),
        );
        kolk.ok("produce --topic visits --file lines");
    };
    kolk.ok("topic create visits");
    produce(0..100);
    let running = kolk.start("run program.sql", "");
    let count = || server.sql("SELECT count(DISTINCT page), count(*) FROM fenced");
    embedded::eventually("the first rows are there", || count() == "100|100");
    server.sql("UPDATE fence_offsets SET epoch = epoch + 1");
    produce(100..200);
    embedded::eventually("all rows are there", || count() == "200|200");
    running.stop().with(0).says(&["another instance writes rows of these partitions"]);
    broker.stop().with(0);
    assert_eq!(server.sql("SELECT position, epoch FROM fence_offsets"), "200|3");
    assert_eq!(count(), "200|200");
}

/// Rows with state come through the outbox.
#[test]
fn counts_are_those_of_the_last_rows() {
    let Some(server) = Server::shared() else { return };
    let program = format!(
        "CREATE STREAM visits (page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON');
         CREATE TABLE counted WITH ({}, table = 'counted', create_table = TRUE)
           AS SELECT page, COUNT(*) AS n FROM visits GROUP BY page EMIT CHANGES;",
        server.options()
    );
    let kolk = place(&program);
    kolk.ok("topic create visits --partitions 2");
    let lines: String = (0..500).map(|at| format!("{{\"page\":\"{}\"}}\n", at % 7)).collect();
    kolk.write("lines", &lines);
    for _ in 0..2 {
        kolk.ok("produce --topic visits --file lines");
        kolk.run("run program.sql --until-end").with(0);
    }
    assert_eq!(server.sql("SELECT count(*), sum(n), min(n) FROM counted"), "7|1000|142");
    kolk.ok("reset program");
    kolk.run("run program.sql --until-end").with(0);
    assert_eq!(server.sql("SELECT count(*), sum(n), min(n) FROM counted"), "7|1000|142");
}

#[test]
fn what_does_not_fit_the_table_is_told_before_there_is_a_row() {
    let Some(server) = Server::shared() else { return };
    server.sql(
        "CREATE TABLE misfit (id text PRIMARY KEY, name text, age integer);
         CREATE TABLE keyless (id text, name text, age integer);
         CREATE TABLE strict (id text PRIMARY KEY, name text, age integer, tenant text NOT NULL)",
    );
    let kolk = Kolk::new();
    kolk.ok("topic create users");
    produce(&kolk, "users", "a|{\"name\":\"Ann\"}\n");
    let cases = [
        ("misfit", "name,", "name AS title,", ["has no column title", "it has id, name, age"]),
        (
            "misfit",
            "age FROM",
            "CAST(age AS STRING) AS age FROM",
            ["column age of type integer", "does not take STRING"],
        ),
        (
            "misfit",
            "') AS SELECT id, name",
            "', mode = 'upsert') AS SELECT name",
            ["column id, which takes no NULL", "does not select it"],
        ),
        ("keyless", "", "", ["no primary key and no unique index", "mode = 'append'"]),
        ("strict", "", "", ["column tenant", "does not select it"]),
        ("nowhere", "", "", ["there is no table public.nowhere", "create_table = TRUE"]),
    ];
    for (number, (table, from, to, says)) in cases.into_iter().enumerate() {
        let file = format!("misfit-{number}.sql");
        kolk.write(
            &file,
            &users(server, table, "").replacen(from, to, usize::from(!from.is_empty())),
        );
        kolk.run(&format!("run {file} --until-end")).with(1).says(&says);
    }
}

#[test]
fn tls_and_passwords_are_checked_and_never_shown() {
    let Some(server) = Server::shared() else { return };
    let ca = server.script().folder().join("ca.pem");
    let options = |host: &str, password: &str, ca: &str| {
        let to = server.options().replace("host = '127.0.0.1'", &format!("host = '{host}'"));
        let program = users(server, "secured", ", create_table = TRUE");
        let secure = format!("{to}, username = 'alice', password = '{password}', tls = TRUE{ca}");
        program.replace(&server.options(), &secure)
    };
    let trusted = format!(", tls_ca = '{}'", ca.display());
    let kolk = place(&options("localhost", "${file:password}", &trusted));
    kolk.write("password", "alice-secret");
    kolk.ok("topic create users");
    produce(&kolk, "users", "a|{\"name\":\"Ann\"}\n");
    kolk.run("run program.sql --until-end").with(0);
    assert_eq!(server.sql("SELECT id, name FROM secured"), "a|Ann");
    let wrong = [
        (options("127.0.0.1", "not-hers", &trusted), "password authentication failed"),
        (options("localhost", "alice-secret", ""), "certificate"),
    ];
    for (program, says) in wrong {
        kolk.write("program.sql", &program);
        produce(&kolk, "users", "b|{\"name\":\"Bob\"}\n");
        let ended = kolk.run("run program.sql --until-end").with(1).says(&[says]);
        assert!(!ended.err.contains("not-hers"), "{}", ended.err);
    }
}
