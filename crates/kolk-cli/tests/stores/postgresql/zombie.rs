//! An instance that stands still in the middle of a transaction (SIGSTOP), loses its partitions to another one, and wakes up again
//! (SIGCONT) with rows in hand that the other has written: none may be there twice, though the table has no key.

use super::place;
use super::server::Server;
use crate::embedded::{Kolk, eventually};
use crate::world;
use std::io::Write;
use std::ops::Range;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

const PARTITIONS: &str = "4";
/// The shortest session that brokers allow.
const SESSION_MS: u32 = 6000;
const RUN: &str = "run program.sql --set session.timeout.ms=6000";
/// Between two questions, each a process: the two instances need the machine.
const PAUSE: Duration = Duration::from_millis(100);
/// The role by which the store knows the instance that is stopped.
const ZOMBIE: &str = "alice";

/// The connection still lives when it wakes up: nothing but the epochs tells that others have its partitions.
#[test]
fn an_instance_that_stood_still_finds_its_epochs_raised_and_goes_on() {
    let Some(server) = Server::shared() else { return };
    check(server, "stalled", 600_000);
}

/// It gives its connection up when it wakes up, and claims the partitions from under their new owner: who is told in turn.
#[test]
fn an_instance_that_stood_still_for_too_long_connects_again_and_writes_nothing_twice() {
    let Some(server) = Server::shared() else { return };
    check(server, "overdue", 3000);
}

/// Three parts of rows: while both instances live, while one stands still in the middle of them, and when it is the only one left.
fn check(server: &Server, table: &str, request_timeout_ms: u32) {
    server.sql(&format!("CREATE TABLE {table} (number bigint)"));
    let place = |login: &str| {
        let url =
            format!("postgresql://{login}@{}/postgres?sslmode=disable", server.script().address());
        place(&program(table, request_timeout_ms)).with_variable("STORE", url)
    };
    let case = Case { server, table, kolk: place("postgres") };
    let (kolk, of_zombie) = (&case.kolk, place(&format!("{ZOMBIE}:alice-secret")));
    let mut broker = kolk.start("broker --listen 127.0.0.1:0", "");
    broker.wait_until(|out| out.starts_with("ready 127.0.0.1:") && out.ends_with('\n'));
    let run =
        format!("{RUN} --bootstrap-servers {}", broker.out().trim().trim_start_matches("ready "));
    kolk.ok(&format!("topic create numbers --partitions {PARTITIONS}"));
    let (zombie, other) = (of_zombie.start(&run, ""), kolk.start(&run, ""));
    eventually("both instances have two partitions", || case.owners() == [2, 2]);
    case.produce(0..2000);
    case.holds(2000);

    let lock = Lock::take(&case);
    case.produce(2000..10_000);
    eventually("it waits with rows in hand", || case.copies("Lock") > 0);
    zombie.signal("STOP");
    lock.release();
    eventually("the other has all partitions", || case.owners() == [4]);
    case.holds(10_000);
    let epochs = case.epochs();
    assert!(epochs.iter().filter(|epoch| **epoch > 1).count() >= 2, "{epochs:?}");
    let is_open = case.copies("Client") == 1;
    assert!(is_open || request_timeout_ms < SESSION_MS, "its transaction is open");

    zombie.signal("CONT");
    eventually("its transaction has ended", || case.copies("Client") == 0);
    eventually("it has two partitions again", || case.owners() == [2, 2]);
    case.holds(10_000);
    other.stop().with(0);
    case.produce(10_000..12_000);
    case.holds(12_000);
    zombie.stop().with(0);
    broker.stop().with(0);
    assert_eq!(case.counts(), "12000|12000|0|11999");
}

fn program(table: &str, request_timeout_ms: u32) -> String {
    format!(
        "CREATE STREAM numbers (number BIGINT) WITH (kafka_topic = 'numbers', value_format = 'JSON');
         CREATE STREAM kept WITH (connector = 'postgresql', url = '${{env:STORE}}', table = '{table}', mode = 'append',
           offsets_table = '{table}_offsets', request_timeout_ms = {request_timeout_ms}) AS SELECT number FROM numbers EMIT CHANGES;",
    )
}

struct Case<'a> {
    server: &'a Server,
    table: &'a str,
    kolk: Kolk,
}

impl Case<'_> {
    fn produce(&self, numbers: Range<u32>) {
        // Lines go to partitions by their keys.
        let line = |number: u32| format!("{number}|{{\"number\":{number}}}\n");
        self.kolk
            .produce("--topic numbers --key-separator |", &numbers.map(line).collect::<String>());
    }

    /// How many rows there are, how many different ones, the least and the greatest.
    fn counts(&self) -> String {
        let counts = "SELECT count(*), count(DISTINCT number), min(number), max(number)";
        self.server.sql(&format!("{counts} FROM {}", self.table))
    }

    /// Waits until the first so many rows are there, each once.
    fn holds(&self, rows: u32) {
        let wanted = format!("{rows}|{rows}|0|{}", rows - 1);
        eventually("the rows", || {
            world::pause(PAUSE);
            let counts = self.counts();
            let found: u32 = counts.split('|').next().and_then(|it| it.parse().ok()).unwrap();
            assert!(found <= rows, "some rows are there twice: {counts}");
            counts == wanted
        });
    }

    /// How many partitions each member of the group has, those with the fewest first.
    fn owners(&self) -> Vec<usize> {
        world::pause(PAUSE);
        let group = self.kolk.run("group describe program-kept --output json");
        if group.status != 0 {
            return Vec::new();
        }
        let group = group.json();
        let members = group["members"].as_array().into_iter().flatten();
        let counts = members.filter_map(|member| Some(member["partitions"].as_array()?.len()));
        let mut counts: Vec<usize> = counts.collect();
        counts.sort_unstable();
        counts
    }

    /// How many sessions of the instance that is stopped are in the middle of writing rows, and wait for this.
    fn copies(&self, wait: &str) -> usize {
        let query = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = '{ZOMBIE}' AND state = 'active' AND wait_event_type = '{wait}'
               AND query LIKE 'COPY \"public\".\"{}\" %'",
            self.table
        );
        self.server.sql(&query).parse().unwrap()
    }

    fn epochs(&self) -> Vec<i64> {
        let epochs = self.server.sql(&format!("SELECT epoch FROM {}_offsets", self.table));
        epochs.lines().map(|epoch| epoch.parse().unwrap()).collect()
    }
}

/// A session that lets nobody write rows.
struct Lock {
    psql: Child,
    input: ChildStdin,
}

impl Lock {
    fn take(case: &Case<'_>) -> Self {
        let mut psql = case.server.psql();
        let mut psql = psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut input = psql.stdin.take().unwrap();
        writeln!(input, "BEGIN; LOCK TABLE {} IN SHARE MODE;", case.table).unwrap();
        let held = format!(
            "SELECT count(*) FROM pg_locks WHERE relation = '{}'::regclass AND mode = 'ShareLock' AND granted",
            case.table
        );
        eventually("the table is locked", || case.server.sql(&held) == "1");
        Self { psql, input }
    }

    fn release(mut self) {
        drop(self.input);
        assert!(self.psql.wait().unwrap().success());
    }
}
