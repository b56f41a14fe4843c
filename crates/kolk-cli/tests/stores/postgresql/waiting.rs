//! While no server answers: rows wait in Kafka, memory stays bounded, and it is told why. Needs no server.

use crate::kolk::{self, Run};
use crate::server::{Kind, Server};
use crate::world;
use std::fs;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// Rows were read, and wait.
const GROWTH_MIN_KIB: u64 = 4 << 10;
/// A run may grow by this: 8 MiB of rows in the outlet, a batch with the worker, and what was fetched.
const GROWTH_MAX_KIB: u64 = 36 << 10;
/// Who does not grow for so long reads no more.
const STILL: Duration = Duration::from_secs(2);

/// Large rows: memory would hold more than twice of what it may.
#[test]
fn large_rows_wait_in_kafka_while_the_server_is_down() {
    let note = "n".repeat(16_000);
    let lines: String = (0..6_000).map(|at| format!("{at}|{{\"note\":\"{note}\"}}\n")).collect();
    assert!(lines.len() as u64 >> 10 > 2 * GROWTH_MAX_KIB);
    waits(&lines);
}

/// Small ones: what is known of a row takes more memory than its bytes do.
#[test]
fn small_rows_wait_in_kafka_while_the_server_is_down() {
    let lines: String = (0..600_000).map(|at| format!("{at}|{{\"note\":\"n\"}}\n")).collect();
    waits(&lines);
}

fn waits(lines: &str) {
    let broker = Server::start(Kind::Embedded).unwrap();
    let address = broker.address().to_string();
    let at = ["--bootstrap-servers", &address];
    kolk::done(&[&["topic", "create", "notes", "--partitions", "4"][..], &at].concat()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens at port 1.
    let program = "CREATE STREAM notes (id STRING KEY, note STRING) WITH (kafka_topic = 'notes', value_format = 'JSON');
         CREATE STREAM kept WITH (connector = 'postgresql', host = '127.0.0.1', port = 1, database = 'none', table = 'none',
           mode = 'append') AS SELECT id, note FROM notes EMIT CHANGES;";
    fs::write(folder.path().join("program.sql"), program).unwrap();
    let arguments = ["run", "program.sql", "--app", "waiting", "--state-dir", "state"];
    let arguments = arguments.into_iter().chain(at).map(str::to_owned).collect();
    let mut run = Run::start(folder.path(), arguments).unwrap();
    let why = || run.log(50).contains("the store does not take rows: postgresql").then_some(());
    world::wait_for(PATIENCE, why).unwrap_or_else(|| panic!("it does not wait: {}", run.log(15)));
    assert!(run.log(50).contains("Connection refused"), "{}", run.log(15));

    let before = peak_kib(&run);
    let file = folder.path().join("lines");
    fs::write(&file, lines).unwrap();
    let file = file.display().to_string();
    let produce = ["produce", "--topic", "notes", "--key-separator", "|", "--file", &file];
    kolk::done(&[&produce[..], &at].concat()).unwrap();
    let grown = || Some(peak_kib(&run) - before).filter(|grown| *grown > GROWTH_MIN_KIB);
    world::wait_for(PATIENCE, grown).unwrap_or_else(|| panic!("it reads nothing: {}", run.log(15)));
    let (mut peak, mut since) = (peak_kib(&run), world::now());
    while since.elapsed() < STILL {
        world::pause(Duration::from_millis(50));
        let now = peak_kib(&run);
        if now > peak {
            (peak, since) = (now, world::now());
        }
    }
    let grown = peak - before;
    assert!(grown <= GROWTH_MAX_KIB, "it has grown by {grown} KiB to {peak} KiB");

    // Whoever stops it does not wait for the server.
    run.stop();
    let ended = world::wait_for(PATIENCE, || run.ended());
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}: {}", run.log(15));
}

/// The most memory that it has taken so far.
fn peak_kib(run: &Run) -> u64 {
    let status =
        fs::read_to_string(format!("/proc/{}/status", run.pid().as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
