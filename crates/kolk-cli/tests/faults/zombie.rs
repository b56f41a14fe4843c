//! An instance that stands still in the middle of a transaction (SIGSTOP), loses its place to another one, and wakes up again
//! (SIGCONT): nothing that it still does may be visible.

use crate::check::{Bins, Repeats, compare};
use crate::foreign::read_topic;
use crate::kolk::Run;
use crate::proxy::{Action, Moment, Plan, Planned, Proxy, Victim};
use crate::server::{Kind, Server};
use crate::{say, world};
use kolk_wire::ApiKey;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

const VISITS: u32 = 6000;
/// The shortest session that brokers allow, and requests small enough to be in the middle of something.
const SESSION: &str = "--set session.timeout.ms=6000 --set batch.size=16384";
/// For many small transactions.
const BINS: &str = ", bin_key='visit_id', bin_order_by='event_time', bin_rows=500";

#[test]
fn a_zombie_changes_nothing_on_the_embedded_broker() {
    check_modes(&Server::start(Kind::Embedded).unwrap());
}

#[test]
fn a_zombie_changes_nothing_on_apache_kafka() {
    if Kind::Kafka.is_at_hand() {
        check_modes(&Server::start(Kind::Kafka).unwrap());
    }
}

/// Side by side: most of it is waiting.
fn check_modes(server: &Server) {
    std::thread::scope(|scope| {
        scope.spawn(|| check(server, "exactly_once", ""));
        scope.spawn(|| check(server, "bin_packed", BINS));
    });
}

fn check(server: &Server, mode: &str, more: &str) {
    let input = server.input(VISITS).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = format!("zombie-{mode}");
    let program = format!(
        "CREATE STREAM v (visit_id STRING, event_time TIMESTAMP) WITH (kafka_topic='{}', value_format='JSON', key='visit_id');
         CREATE STREAM o WITH (kafka_topic='{output}', delivery='{mode}'{more}) AS SELECT * FROM v;",
        input.topic
    );
    fs::write(folder.path().join("app.sql"), program).unwrap();
    let start = |state: &str, address: String| {
        let line = format!(
            "run app.sql --app {output} --until-end --state-dir {state} --bootstrap-servers {address} {SESSION}"
        );
        Run::start(folder.path(), line.split(' ').map(str::to_owned).collect()).unwrap()
    };

    let stopped = Arc::new(AtomicI32::new(0));
    let proxy = proxy(server, &stopped);
    let mut zombie = start("first", proxy.address().to_string());
    stopped.store(zombie.pid().as_raw_nonzero().get(), Ordering::SeqCst);
    let stands =
        || proxy.ledger().faults.first().is_some_and(|fault| !fault.seen.is_empty()).then_some(());
    assert!(
        world::wait_for(Duration::from_secs(30), stands).is_some(),
        "{mode}: it never stood still\n{}",
        zombie.log(9)
    );

    let since = world::now();
    let mut second = start("second", server.address().to_string());
    let ended = world::wait_for(Duration::from_secs(90), || second.ended());
    assert!(ended.is_some_and(|status| status.success()), "{mode}: {ended:?}\n{}", second.log(15));
    let took_over = since.elapsed();
    assert_eq!(zombie.ended(), None, "{mode}: it did not stand still");

    kill_process(zombie.pid(), Signal::CONT).unwrap();
    let since = world::now();
    let ended = world::wait_for(Duration::from_secs(90), || zombie.ended());
    let woke = since.elapsed();
    assert!(ended.is_some(), "{mode}: awake, it never ends\n{}", zombie.log(15));
    let findings =
        compare(&input.records, &read_topic(server.address(), &output).unwrap(), Bins::None);
    say(&format!(
        "zombie, {mode}: taken over in {:.1} s; awake, it ended in {:.1} s: {ended:?}; {findings:?}",
        took_over.as_secs_f64(),
        woke.as_secs_f64()
    ));
    assert!(
        findings.problems(Repeats::Never).is_empty(),
        "{mode}: {:?}",
        findings.problems(Repeats::Never)
    );
}

/// Stops the process behind it when a Produce request is on its way.
fn proxy(server: &Server, pid: &Arc<AtomicI32>) -> Proxy {
    let pid = Arc::clone(pid);
    let stop = move |_| {
        // It may be faster than the test that tells its number.
        let pid =
            world::wait_for(Duration::from_secs(5), || Pid::from_raw(pid.load(Ordering::SeqCst)));
        format!("stopped: {:?}", pid.map(|pid| kill_process(pid, Signal::STOP)))
    };
    let action = Action::Kill { victim: Victim::Kolk, moment: Moment::AfterRequest };
    let plan = Plan::new(vec![Planned { api: ApiKey::Produce, nth: 8, action }]);
    Proxy::start(server.address(), plan, Box::new(stop))
}
