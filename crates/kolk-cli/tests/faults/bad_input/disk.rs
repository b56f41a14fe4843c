//! A disk that is full under the broker: it says so, keeps what it has acknowledged, and goes on when there is room again. A disk
//! that is full or read-only under the state.

use super::{Desk, told};
use crate::check::{Bins, compare};
use crate::foreign::read_topic;
use crate::kolk::Run;
use crate::server::{Kind, Server};
use crate::{say, world};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Of the visits about 450 bytes each, so that input and half of the output fit.
const DISK: &str = "size=3m";
const ROOM: &str = "size=64m";
const VISITS: u32 = 4000;

#[test]
fn a_full_disk_under_the_broker_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("disk")) else {
        say("skipped: only root can mount a small disk");
        return;
    };
    for (number, mode) in ["batched", "exactly_once"].iter().enumerate() {
        disk.resize(DISK);
        check(&disk, &folder.path().join(number.to_string()), mode);
        fs::remove_dir_all(disk.0.join("data")).unwrap();
    }
}

fn check(disk: &Disk, folder: &Path, mode: &str) {
    let server = Server::start_in(Kind::Embedded, disk.0.join("data")).unwrap();
    let input = server.input(VISITS).unwrap();
    fs::create_dir_all(folder).unwrap();
    let program = format!(
        "CREATE STREAM v WITH (kafka_topic='{}');
         CREATE STREAM o WITH (kafka_topic='out', delivery='{mode}') AS SELECT * FROM v;",
        input.topic
    );
    fs::write(folder.join("app.sql"), program).unwrap();
    let address = server.address().to_string();
    let arguments =
        ["run", "app.sql", "--until-end", "--state-dir", "state", "--bootstrap-servers", &address];
    let mut run = Run::start(folder, arguments.map(str::to_owned).to_vec()).unwrap();
    let told = world::wait_for(Duration::from_secs(20), || {
        assert_eq!(run.ended(), None, "{mode}: it gave up:\n{}", run.log(20));
        run.log(200).contains("KAFKA_STORAGE_ERROR").then_some(())
    });
    assert!(told.is_some(), "{mode}: nobody was told of the full disk:\n{}", run.log(20));
    assert!(!server.is_dead(), "the broker died");

    disk.resize(ROOM);
    let ended = world::wait_for(Duration::from_secs(40), || run.ended());
    assert!(ended.is_some_and(|status| status.success()), "{mode}: {ended:?}:\n{}", run.log(20));
    let findings =
        compare(&input.records, &read_topic(server.address(), "out").unwrap(), Bins::None);
    assert_eq!(
        (findings.lost, findings.reordered, findings.extra),
        (0, 0, 0),
        "{mode}: {findings:?}"
    );
    if mode == "exactly_once" {
        assert_eq!(findings.repeats, 0, "{findings:?}");
    }
}

/// A count of 3000 users takes more.
const SMALL: &str = "size=128k";

#[test]
fn a_disk_that_refuses_state_costs_the_local_state_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("state")) else {
        say("skipped: only root can mount a small disk");
        return;
    };
    disk.resize(SMALL);
    let server = Server::start(Kind::Embedded).unwrap();
    let desk = Desk::at(server.address());
    desk.write(
        "app.sql",
        "CREATE STREAM v (user_name STRING) WITH (kafka_topic='in', value_format='JSON');
         CREATE TABLE c WITH (kafka_topic='out') AS SELECT user_name, COUNT(*) AS visits FROM v GROUP BY user_name;",
    );
    desk.ok("topic create in --partitions 1");
    let state = disk.0.display();
    let run = format!("run app.sql --app disk --until-end --state-dir {state}");
    let visits: Vec<String> =
        (0..3000).map(|n| format!("{{\"user_name\":\"{n:0>60}\"}}")).collect();
    let visits: Vec<&str> = visits.iter().map(String::as_str).collect();

    // Counted all the same; the next run reads the changelogs.
    for (round, size) in [SMALL, SMALL, ROOM].into_iter().enumerate() {
        disk.resize(size);
        desk.produce("in", &visits);
        let ended = desk.run(&run);
        let is_told = ended.error.contains("goes on without its local state");
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!(is_told, size == SMALL, "{ended:?}");
        assert!(!is_told || ended.error.contains("free some space there"), "{ended:?}");
        check_counts(&desk, round + 1);
    }
    desk.ok(&format!("state verify --state-dir {state}"));

    // Nobody can be an instance without a folder to write to: nothing begins.
    disk.resize("ro");
    desk.produce("in", &visits);
    told(&desk.run(&run), 2, &["cannot use the state directory", "Read-only file system"]);
    check_counts(&desk, 3);
    disk.resize("rw");
    assert_eq!(desk.run(&run).status, Some(0));
    check_counts(&desk, 4);
}

/// The last count of each user.
fn check_counts(desk: &Desk, expected: usize) {
    let all = desk.values("out");
    let last = &all[all.len() - 3000..];
    let visits = format!("\"VISITS\":{expected}}}");
    assert!(last.iter().all(|value| value.to_ascii_uppercase().ends_with(&visits)), "{}", last[0]);
    assert_eq!(all.len(), 3000 * expected, "each is written once with each round");
}

/// A small file system in memory, taken away at the end.
struct Disk(PathBuf);

impl Disk {
    fn mount(place: &Path) -> Option<Self> {
        fs::create_dir_all(place).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(place).output();
        mounted.ok()?.status.success().then(|| Self(place.to_owned()))
    }

    fn resize(&self, size: &str) {
        let resized =
            Command::new("mount").args(["-o", &format!("remount,{size}")]).arg(&self.0).status();
        assert!(resized.is_ok_and(|status| status.success()), "the disk keeps its size");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy"]).arg(&self.0).status();
    }
}
