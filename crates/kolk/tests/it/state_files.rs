//! State files that are damaged, missing, of another version or ahead: what is missing is read from the changelogs, and somebody
//! is told.

use crate::cluster::Cluster;
use crate::trio::Trio;
use crate::verify::differences;
use kolk::runtime::QueryStatus;
use kolk::state::Store;
use kolk::state::local::{Changes, LocalState, read_folder, task_folders};
use std::fs;
use std::path::{Path, PathBuf};

/// Whether somebody must be told: a log that ends between two commits is only an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Yes,
    Perhaps,
}

/// What is done to a task's folder.
type Damage = (&'static str, fn(&Path), Told);

const DAMAGES: [Damage; 18] = [
    ("log cut to a quarter", |folder| cut(&log(folder), 1, 4), Told::Perhaps),
    ("log cut to a half", |folder| cut(&log(folder), 1, 2), Told::Perhaps),
    ("log cut to nine tenths", |folder| cut(&log(folder), 9, 10), Told::Perhaps),
    ("log without its last byte", |folder| shorten(&log(folder), 1), Told::Yes),
    ("log of five bytes", |folder| fs::write(log(folder), b"KOLK-").unwrap(), Told::Yes),
    ("empty log", |folder| fs::write(log(folder), b"").unwrap(), Told::Yes),
    ("bit flipped in the log's first commit", |folder| flip(&log(folder), 30), Told::Yes),
    ("bit flipped in the log's last commit", |folder| flip_last(&log(folder), 2), Told::Yes),
    ("log missing", |folder| fs::remove_file(log(folder)).unwrap(), Told::Perhaps),
    ("log of a newer version", |folder| newer(&log(folder)), Told::Yes),
    ("snapshot cut to a half", |folder| cut(&snapshot(folder), 1, 2), Told::Yes),
    ("snapshot without its last byte", |folder| shorten(&snapshot(folder), 1), Told::Yes),
    ("bit flipped in the snapshot", |folder| flip(&snapshot(folder), 40), Told::Yes),
    ("snapshot missing", |folder| fs::remove_file(snapshot(folder)).unwrap(), Told::Yes),
    ("snapshot of a newer version", |folder| newer(&snapshot(folder)), Told::Yes),
    ("folder missing", |folder| fs::remove_dir_all(folder).unwrap(), Told::Perhaps),
    ("state ahead of its changelog", ahead, Told::Yes),
    ("folder of another task", exchanged, Told::Yes),
];

pub(crate) fn damaged_state_is_read_from_the_changelogs(cluster: &Cluster) {
    let trio = Trio::new(cluster);
    let state = trio.options(kolk::runtime::Until::End).state;
    trio.produce(0..60, 0..30);
    trio.run();
    let mut used = [false; DAMAGES.len()];
    for (shift, round) in [0, 5, 10, 15].into_iter().zip(1..) {
        let folders = task_folders(&state).unwrap();
        let mut done = Vec::new();
        for (number, folder) in folders.iter().enumerate() {
            let which = (number + shift) % DAMAGES.len();
            let (name, damage, told) = DAMAGES[which];
            damage(folder);
            used[which] = true;
            done.push((name, task(folder), told));
        }
        let visits = 60 * (round + 1);
        trio.produce(visits - 60..visits, visits - 90..visits - 30);
        let status = trio.run();
        assert_eq!(trio.findings(visits, visits - 30), [""; 0], "round {round}: {done:?}");
        assert_eq!(differences(cluster, &state), [""; 0], "round {round}: {done:?}");
        for (name, task, told) in done {
            assert!(told == Told::Perhaps || is_told(&status, &task), "{name} of {task:?}");
        }
    }
    assert!(used.iter().all(|used| *used), "{used:?}");
}

pub(crate) fn an_older_copy_of_the_state_is_brought_up_to_date(cluster: &Cluster) {
    let trio = Trio::new(cluster);
    let state = trio.options(kolk::runtime::Until::End).state;
    let copy = cluster.folder.path().join("copy");
    trio.produce(0..60, 0..30);
    trio.run();
    copy_folder(&state, &copy);
    trio.produce(60..120, 30..90);
    trio.run();
    fs::remove_dir_all(&state).unwrap();
    copy_folder(&copy, &state);
    trio.produce(120..180, 90..150);
    let status = trio.run();
    assert!(status.iter().map(|of| of.replayed).sum::<u64>() > 0);
    assert_eq!(trio.findings(180, 150), [""; 0]);
    assert_eq!(differences(cluster, &state), [""; 0]);
}

/// The stage and the partition of a folder.
fn task(folder: &Path) -> (String, String) {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    (name(folder.parent().unwrap()), name(folder))
}

fn is_told(status: &[QueryStatus], (stage, partition): &(String, String)) -> bool {
    let start = format!("the local state of {stage}, partition {partition}, ");
    let told = |notice: &String| {
        notice.starts_with(&start)
            && notice.ends_with("What is missing is read from its changelogs")
    };
    status.iter().any(|of| of.notices.iter().any(told))
}

/// The last file of a kind.
fn last(folder: &Path, prefix: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let of_kind = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.strip_prefix(prefix).is_some_and(|number| number.parse::<u64>().is_ok())
    };
    files.filter(of_kind).max().unwrap()
}

fn log(folder: &Path) -> PathBuf {
    last(folder, "log-")
}

fn snapshot(folder: &Path) -> PathBuf {
    last(folder, "snapshot-")
}

fn cut(file: &Path, part: usize, of: usize) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() * part / of]).unwrap();
}

fn shorten(file: &Path, by: usize) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() - by]).unwrap();
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

fn flip_last(file: &Path, from_end: usize) {
    let len = fs::read(file).unwrap().len();
    flip(file, len - from_end);
}

/// The version stands behind the eight bytes that tell the kind.
fn newer(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    bytes[8] += 1;
    fs::write(file, bytes).unwrap();
}

/// A commit that Kafka never saw.
fn ahead(folder: &Path) {
    let layout = read_folder(folder).unwrap().unwrap().layout;
    let mut stores: Vec<Store> = layout
        .stores
        .iter()
        .map(|of| {
            let mut store = Store::new(&of.name);
            store.set_shape(of.shape.clone());
            store
        })
        .collect();
    let mut of_layout: Vec<&mut Store> = stores.iter_mut().collect();
    let (mut state, _) = LocalState::open(folder, layout, &mut of_layout).unwrap();
    let mut changes = Changes::new();
    changes.push(0, b"nobody's key", Some(b"nobody's value"));
    let stores: Vec<&Store> = stores.iter().collect();
    state.append(&mut changes, &[(0, 1_000_000)], 9, &stores).unwrap();
}

/// The files of the other partition.
fn exchanged(folder: &Path) {
    let (_, partition) = task(folder);
    let other = folder.with_file_name(if partition == "0" { "1" } else { "0" });
    fs::remove_dir_all(folder).unwrap();
    copy_folder(&other, folder);
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.unwrap().path(), to.to_owned());
        let to = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy_folder(&entry, &to);
        } else {
            fs::copy(&entry, &to).unwrap();
        }
    }
}
