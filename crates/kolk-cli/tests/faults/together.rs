//! `kolk run` with the embedded broker in its own process: `kill -9` takes both, in the middle of everything.

use crate::check::{Bins, compare};
use crate::foreign::read_topic;
use crate::kolk::{self, Run};
use crate::say;
use crate::server::{Kind, Server};
use crate::world;
use std::fs;
use std::time::Duration;

const VISITS: usize = 20_000;
/// How long the process lives, the last time excepted.
const LIVES_MS: [u64; 5] = [200, 250, 150, 300, 400];
/// The statement's modes, and whether a second run of the process may repeat what the first delivered.
const MODES: &[(&str, bool)] =
    &[("batched", true), ("idempotent", true), ("exactly_once", false), ("bin_packed", false)];

#[test]
fn an_application_that_dies_with_its_broker_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = "CREATE STREAM v (visit_id STRING, event_time TIMESTAMP)
         WITH (kafka_topic='v', value_format='JSON', key='visit_id');\n"
        .to_owned();
    for (mode, _) in MODES {
        let bins = if *mode == "bin_packed" {
            ", bin_key='visit_id', bin_order_by='event_time', bin_rows=500, bin_header='delivery_batch'"
        } else {
            ""
        };
        program += &format!(
            "CREATE STREAM {mode} WITH (kafka_topic='{mode}', delivery='{mode}'{bins}) AS SELECT * FROM v;\n"
        );
    }
    fs::write(folder.path().join("app.sql"), program).unwrap();
    let generate = ["generate", "visits", "--topic", "v", "--count", &VISITS.to_string()];
    assert_eq!(kolk::run_in(folder.path(), &generate).status, Some(0));

    let arguments =
        ["run", "app.sql", "--until-end", "--commit-interval-ms", "25"].map(str::to_owned).to_vec();
    let mut run = Run::start(folder.path(), arguments).unwrap();
    let mut kills = 0;
    for life in LIVES_MS {
        world::pause(Duration::from_millis(life));
        if run.ended().is_none() {
            kolk::kill(run.pid());
            let status = world::wait_for(Duration::from_secs(5), || run.ended());
            assert!(status.is_some_and(kolk::was_killed), "{status:?}");
            kills += 1;
            run.again().unwrap();
        }
    }
    assert!(kills > 1, "it was faster than its killer");
    let ended = world::wait_for(Duration::from_secs(60), || run.ended());
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}:\n{}", run.log(20));

    let server = Server::start_in(Kind::Embedded, folder.path().join(".kolk/broker")).unwrap();
    let input = read_topic(server.address(), "v").unwrap();
    assert_eq!(input.iter().map(Vec::len).sum::<usize>(), VISITS);
    for (mode, may_repeat) in MODES {
        let bins = if *mode == "bin_packed" { Bins::Packed } else { Bins::None };
        let findings = compare(&input, &read_topic(server.address(), mode).unwrap(), bins);
        let repeats =
            if *may_repeat { crate::check::Repeats::Suffix } else { crate::check::Repeats::Never };
        say(&format!("killed with its broker {kills} times: {mode}: {} repeats", findings.repeats));
        assert!(findings.problems(repeats).is_empty(), "{mode}: {:?}", findings.problems(repeats));
    }
}
