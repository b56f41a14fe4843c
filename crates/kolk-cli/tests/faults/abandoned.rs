//! An instance that is killed (`kill -9`) with a transaction open and never comes back: nobody takes its transactional id over, so
//! readers of committed records wait until the coordinator ends the transaction; a second instance does the work meanwhile.

use crate::check::{Bins, Repeats, compare};
use crate::foreign::read_topic;
use crate::kolk::{self, Run};
use crate::proxy::{Action, Moment, Plan, Planned, Proxy, Victim};
use crate::server::{Kind, Server};
use crate::{say, world};
use kolk_wire::ApiKey;
use rustix::process::Pid;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

const VISITS: u32 = 6000;
/// The time-out of transactions is that of the default; besides, brokers look for such transactions every ten seconds, and the machine
/// that runs tests may be slow. With Kafka's own default, a minute, it would take longer.
const BOUND: Duration = Duration::from_secs(45);

#[test]
fn a_transaction_that_nobody_ends_holds_readers_back_for_seconds() {
    let server = Server::start(Kind::Embedded).unwrap();
    let input = server.input(VISITS).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = format!(
        "CREATE STREAM v (visit_id STRING) WITH (kafka_topic='{}', value_format='JSON', key='visit_id');
         CREATE STREAM o WITH (kafka_topic='abandoned', delivery='exactly_once') AS SELECT * FROM v;",
        input.topic
    );
    fs::write(folder.path().join("app.sql"), program).unwrap();
    let start = |state: &str, address: String| {
        let line = format!(
            "run app.sql --until-end --state-dir {state} --bootstrap-servers {address} --set session.timeout.ms=6000 \
             --set batch.size=16384 --set max.partition.fetch.bytes=8192"
        );
        Run::start(folder.path(), line.split(' ').map(str::to_owned).collect()).unwrap()
    };

    let victim = Arc::new(AtomicI32::new(0));
    let proxy = proxy(&server, &victim);
    let mut first = start("first", proxy.address().to_string());
    victim.store(first.pid().as_raw_nonzero().get(), Ordering::SeqCst);
    let ended = world::wait_for(Duration::from_secs(60), || first.ended());
    assert!(ended.is_some_and(kolk::was_killed), "{ended:?}\n{}", first.log(9));

    let since = world::now();
    let mut second = start("second", server.address().to_string());
    let ended = world::wait_for(Duration::from_secs(90), || second.ended());
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}\n{}", second.log(15));
    let worked = since.elapsed();
    // What is not readable yet is missing: the reader waits some seconds for transactions that are open.
    let all = world::wait_for(Duration::from_secs(90), || {
        let findings =
            compare(&input.records, &read_topic(server.address(), "abandoned").ok()?, Bins::None);
        (findings.lost == 0).then_some(findings)
    });
    let readable = since.elapsed();
    say(&format!(
        "abandoned: the second instance was done after {:.1} s, all was readable after {:.1} s",
        worked.as_secs_f64(),
        readable.as_secs_f64()
    ));
    let problems = all.expect("everything is readable in the end").problems(Repeats::Never);
    assert!(problems.is_empty(), "{problems:?}");
    assert!(readable < BOUND, "readers waited for {:.1} s", readable.as_secs_f64());
}

/// Kills the process behind it when the broker has its first rows, and not yet the offsets that belong to them.
fn proxy(server: &Server, pid: &Arc<AtomicI32>) -> Proxy {
    let pid = Arc::clone(pid);
    let kill = move |_| {
        // It may be faster than the test that tells its number.
        let pid =
            world::wait_for(Duration::from_secs(5), || Pid::from_raw(pid.load(Ordering::SeqCst)));
        pid.map_or_else(|| "nobody to kill".to_owned(), kolk::kill)
    };
    let action = Action::Kill { victim: Victim::Kolk, moment: Moment::AtResponse };
    let plan = Plan::new(vec![Planned { api: ApiKey::Produce, nth: 1, action }]);
    Proxy::start(server.address(), plan, Box::new(kill))
}
