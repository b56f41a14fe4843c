//! Sessions of many visits, late ones among them, out of four partitions by two instances: the table must hold what plain code makes
//! of the same visits, whatever happens to the node, to connections and to an instance; and every session has its id for good.

use super::node::{Killable, LOGIN};
use super::{example, pages};
use crate::harness::{Act, Planned, Proxy};
use crate::kolk::{self, Run};
use crate::server::{Kind, Server};
use crate::world;
use crate::writer::{Line, write};
use fastrand::Rng;
use rustix::process::Pid;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);
const PARTITIONS: i32 = 4;
const KEYSPACE: &str = "whole";

/// A visit comes every fifth of a second.
const STEP_MS: i64 = 200;
const VISITS: i64 = 4_000;
/// So many users visit for 20 seconds, less than the time-out of 50; then so many other crowds come, longer than it.
const CROWD: i64 = 20;
const CROWD_VISITS: i64 = 100;
const CROWDS: i64 = 8;
/// So much earlier is the event time of a late visit: behind every watermark that it may meet.
const LATE_MS: i64 = 25_000;
/// The last visits, a day later, close all sessions in every partition.
const LAST: i64 = 32;
const DAY_MS: i64 = 86_400_000;

/// Visits as records, and the sessions that they are: a user and pages, in order.
struct Visits {
    lines: Vec<Line>,
    sessions: BTreeSet<(i64, Vec<String>)>,
}

impl Visits {
    fn generate(now: i64) -> Self {
        let mut rng = Rng::with_seed(1);
        let mut lines = Vec::new();
        let mut sessions: BTreeMap<(i64, i64), Vec<String>> = BTreeMap::new();
        // The order of the records' time-stamps is that in which visits are taken.
        let line = |number: i64, user: i64, page: &str, at: i64| {
            let value = format!(r#"{{"user_id": {user}, "page": "{page}", "event_time": {at}}}"#);
            (page.to_owned(), value, now - VISITS - LAST + number)
        };
        // No event time is beyond its record's time-stamp.
        let begin = now - 2 * DAY_MS;
        for number in 0..VISITS {
            let crowd = number / CROWD_VISITS;
            let user = crowd % CROWDS * CROWD + rng.i64(0..CROWD);
            let page = format!("page-{number}");
            let late = if rng.u32(..10) == 0 { LATE_MS } else { 0 };
            lines.push(line(number, user, &page, begin + number * STEP_MS - late));
            sessions.entry((user, crowd)).or_default().push(page);
        }
        for number in VISITS..VISITS + LAST {
            let user = CROWD * CROWDS + number;
            lines.push(line(number, user, &format!("last-{number}"), begin + DAY_MS));
        }
        let sessions = sessions.into_iter().map(|((user, _), pages)| (user, pages)).collect();
        Self { lines, sessions }
    }
}

/// What a table holds: the session's id, its user and pages. Sessions of those who end it all are left out.
type Table = BTreeMap<i64, (i64, Vec<String>)>;

fn table(node: &Killable, name: &str) -> Result<Table, String> {
    let row = |row: &Value| {
        let pages = pages(row).into_iter().map(str::to_owned).collect();
        (row["session_id"].as_i64().unwrap(), (row["user_id"].as_i64().unwrap(), pages))
    };
    let rows = node.try_select(&format!("* FROM {KEYSPACE}.{name}"))?;
    Ok(rows.iter().map(row).filter(|(_, (user, _))| *user < CROWD * CROWDS).collect())
}

/// What happens while a table is filled.
struct Story {
    name: &'static str,
    plan: Vec<Planned>,
    delay: Duration,
    /// What [`Act::Meet`] kills.
    victim: Victim,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Victim {
    Nobody,
    Node,
    Instance,
}

#[test]
fn the_table_is_the_oracles_whatever_happens_and_ids_stay() {
    let Some(node) = Killable::take() else { return };
    let broker = Server::start(Kind::Embedded).unwrap();
    let address = broker.address().to_string();
    let partitions = PARTITIONS.to_string();
    kolk::done(&[
        "topic",
        "create",
        "visits",
        "--partitions",
        &partitions,
        "--bootstrap-servers",
        &address,
    ])
    .unwrap();
    let visits = Visits::generate(world::wall_clock_ms());
    write(broker.address(), ("visits", PARTITIONS), &visits.lines).unwrap();
    node.keyspace(KEYSPACE);
    let node = Arc::new(node);

    let at = |at: u64, act: Act| Planned { at, act };
    let quiet = play(
        &node,
        broker.address(),
        &visits,
        Story { name: "quiet", plan: Vec::new(), delay: Duration::ZERO, victim: Victim::Nobody },
    );
    let cut = play(
        &node,
        broker.address(),
        &visits,
        Story {
            name: "cut",
            plan: vec![
                at(20_000, Act::CutAnswer),
                at(32_000, Act::Meet),
                at(50_000, Act::CutAnswer),
                at(65_000, Act::CutRequest),
            ],
            delay: Duration::from_millis(5),
            victim: Victim::Instance,
        },
    );
    assert_eq!(cut, quiet, "the same sessions have the same ids in another application");
    let killed = play(
        &node,
        broker.address(),
        &visits,
        Story {
            name: "killed",
            plan: vec![at(30_000, Act::Meet)],
            delay: Duration::ZERO,
            victim: Victim::Node,
        },
    );
    assert_eq!(killed, quiet, "and over a node that was killed");
}

/// Fills a table of this name by an application of this name; returns what is in it when all is there.
fn play(node: &Arc<Killable>, broker: SocketAddr, visits: &Visits, story: Story) -> Table {
    let Story { name, plan, delay, victim } = story;
    let create = example("table.cql").replace("ndc_porto.sessions", &format!("{KEYSPACE}.{name}"));
    node.cql(&create.replace("ndc_porto", KEYSPACE));
    let first_pid = Arc::new(AtomicI32::new(0));
    let faults = plan.len();
    let (of_node, of_first) = (Arc::clone(node), Arc::clone(&first_pid));
    let meet = move || match victim {
        Victim::Node => of_node.script().kill(),
        _ => {
            if let Some(pid) = Pid::from_raw(of_first.load(Ordering::SeqCst)) {
                kolk::kill(pid);
            }
        }
    };
    let proxy = Proxy::start(node.script().address(), plan, delay, Box::new(meet));
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut team =
        folders.each_ref().map(|folder| start(folder.path(), name, broker, proxy.address()));
    first_pid.store(team[0].pid().as_raw_nonzero().get(), Ordering::SeqCst);

    let wanted = visits.sessions.len();
    let there = || {
        if victim == Victim::Node && proxy.done() > 0 {
            node.script().revive();
        }
        for (number, run) in team.iter_mut().enumerate() {
            if let Some(status) = run.ended() {
                let is_meant =
                    number == 0 && victim == Victim::Instance && kolk::was_killed(status);
                assert!(is_meant, "instance {number} ended with {status}: {}", run.log(15));
                run.again().unwrap();
            }
        }
        world::pause(Duration::from_millis(300));
        // The node may die while it is asked.
        table(node, name).ok().filter(|found| found.len() >= wanted)
    };
    let found = world::wait_for(PATIENCE, there);
    let logs = team.each_ref().map(|run| run.log(10)).join("\n--\n");
    let found =
        found.unwrap_or_else(|| panic!("{name}: not all {wanted} sessions are there\n{logs}"));
    for run in &mut team {
        run.stop();
        let ended = world::wait_for(PATIENCE, || run.ended());
        assert!(ended.is_some_and(|status| status.success()), "{name}: {ended:?} {}", run.log(15));
    }
    assert_eq!(proxy.done(), faults, "{name}: every fault took effect");
    let sessions: BTreeSet<(i64, Vec<String>)> = found.values().cloned().collect();
    assert_eq!(sessions, visits.sessions, "{name}");
    assert_eq!(table(node, name).unwrap(), found, "{name}: nothing comes behind the end");
    found
}

fn start(folder: &Path, name: &str, broker: SocketAddr, store: SocketAddr) -> Run {
    let program = example("sessions.sql")
        .replace("127.0.0.1:9042", &store.to_string())
        .replace("partitions = 2", &format!("partitions = {PARTITIONS}"))
        .replace(
            "'ndc_porto', table = 'sessions'",
            &format!("'{KEYSPACE}', table = '{name}', {LOGIN}"),
        );
    fs::write(folder.join("case.sql"), program).unwrap();
    let broker = broker.to_string();
    let arguments =
        ["run", "case.sql", "--app", name, "--state-dir", "state", "--commit-interval-ms", "25"];
    let arguments = arguments.into_iter().chain(["--bootstrap-servers", &broker]);
    Run::start(folder, arguments.map(str::to_owned).collect()).unwrap()
}
