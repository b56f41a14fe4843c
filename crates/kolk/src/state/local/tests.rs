//! Folders against a model: crashes at any point, cuts at any byte, damage, full disks.

use super::*;
use crate::schema::DataType;
use crate::state::{NumberForm, Part, Shape};
use proptest::prelude::*;
use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::path::PathBuf;

/// Small enough that a test rewrites its log many times.
const SMALL: Settings = Settings { rewrite_min: 500, piece_min: 100, frame_bytes: 100, ..SETTINGS };

fn layout(stores: &[&str]) -> Layout {
    let store = |name: &&str| StoreLayout {
        name: (*name).to_owned(),
        topic_id: [0; 16],
        shape: Shape {
            key: vec![Part::Key(vec![("user".to_owned(), DataType::String)])],
            value: Vec::new(),
        },
    };
    let stores = stores.iter().map(store).collect();
    Layout { application: "shop".to_owned(), stage: "visits".to_owned(), partition: 0, stores }
}

type Entries = BTreeMap<(usize, Vec<u8>), Vec<u8>>;

/// A task with two stores, and what its commits left.
struct Task {
    state: LocalState,
    stores: [Store; 2],
    changes: Changes,
    /// The entries after each commit; the first are those before any.
    committed: Vec<Entries>,
}

fn entries(stores: &[Store; 2]) -> Entries {
    let all = stores.iter().enumerate().flat_map(|(number, store)| {
        store.iter().map(move |(_, key, value)| ((number, key.to_vec()), value.to_vec()))
    });
    all.collect()
}

impl Task {
    /// Opens a folder, and checks that it holds what a commit left. The commit's number is the position of the first store.
    fn open(path: &Path, settings: Settings, mut committed: Vec<Entries>) -> (Self, Restored) {
        let mut stores = [Store::new("one"), Store::new("two")];
        let [one, two] = &mut stores;
        let layout = layout(&["one", "two"]);
        let (state, restored) =
            LocalState::open_with(path, layout, &mut [one, two], settings).unwrap();
        let commit = restored.positions.get("one").map_or(0, |offset| *offset);
        assert_eq!(restored.epoch, commit * 10);
        committed.truncate(usize::try_from(commit).unwrap() + 1);
        assert_eq!(&entries(&stores), committed.last().unwrap());
        (Self { state, stores, changes: Changes::new(), committed }, restored)
    }

    fn new(path: &Path, settings: Settings) -> Self {
        Self::open(path, settings, vec![Entries::new()]).0
    }

    fn put(&mut self, store: usize, key: u8, value: &[u8]) {
        self.stores[store].put(&[key], value);
    }

    fn commit(&mut self) -> Result<(), LocalError> {
        for (number, store) in self.stores.iter_mut().enumerate() {
            store.drain_changes(|key, value| self.changes.push(number, key, value));
        }
        let number = i64::try_from(self.committed.len()).unwrap();
        let stores = self.stores.each_ref();
        self.state.append(&mut self.changes, &[(0, number)], number * 10, &stores)?;
        self.committed.push(entries(&self.stores));
        Ok(())
    }
}

fn files(path: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = all.filter(|path| !path.ends_with("lock")).collect();
    files.sort();
    files
}

fn names(path: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    files(path).into_iter().map(name).collect()
}

#[test]
fn commits_come_back_and_what_was_not_committed_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut task = Task::new(folder.path(), SETTINGS);
    task.put(0, 1, b"a");
    task.put(1, 1, b"b");
    task.commit().unwrap();
    task.put(0, 1, b"dirty");
    let committed = task.committed.clone();
    drop(task);
    let (_, restored) = Task::open(folder.path(), SETTINGS, committed);
    assert_eq!(restored.positions, BTreeMap::from([("one".to_owned(), 1)]));
    assert_eq!((restored.epoch, restored.wiped, restored.cut), (10, None, None));
}

#[test]
fn two_processes_cannot_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let task = Task::new(folder.path(), SETTINGS);
    let mut stores = [Store::new("one"), Store::new("two")];
    let [one, two] = &mut stores;
    let second = LocalState::open(folder.path(), layout(&["one", "two"]), &mut [one, two]);
    let message = second.unwrap_err().to_string();
    assert!(message.starts_with("another process works in the state folder "), "{message}");
    drop(task);
    Task::new(folder.path(), SETTINGS);
}

#[test]
fn a_log_that_has_outgrown_the_state_is_rewritten_and_the_old_files_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut task = Task::new(folder.path(), SMALL);
    let mut most = 0;
    for round in 0..400_u32 {
        for key in 0..4 {
            task.put(0, key, &round.to_le_bytes());
        }
        task.commit().unwrap();
        let bytes: u64 =
            files(folder.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
        most = most.max(bytes);
    }
    assert!(most < 2_500, "the files had {most} bytes, the state has 20");
    assert!(names(folder.path()).len() <= 4, "{:?}", names(folder.path()));
    assert!(!folder.path().join("log-0").exists());
    let committed = task.committed.clone();
    drop(task);
    Task::open(folder.path(), SMALL, committed);
}

#[test]
fn a_long_snapshot_is_written_with_many_commits_and_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut task = Task::new(folder.path(), SMALL);
    for key in 0..=255 {
        task.put(0, key, &[1; 300]);
        task.put(1, key, &[2; 300]);
    }
    task.commit().unwrap();
    let mut unfinished = 0;
    // Each commit changes entries that were written already and such that will be.
    for round in 0..1_200_u32 {
        let key = round.to_le_bytes()[0].wrapping_mul(89);
        task.put((round % 2) as usize, key, &vec![3; 200 + key as usize]);
        task.commit().unwrap();
        unfinished += usize::from(names(folder.path()).iter().any(|name| name.ends_with(".new")));
        if round % 400 == 399 {
            let committed = task.committed.clone();
            task.put(0, key, b"dirty");
            drop(task);
            (task, _) = Task::open(folder.path(), SMALL, committed);
        }
    }
    assert!(unfinished > 100, "{unfinished}");
    assert!(!folder.path().join("snapshot-0").exists());
}

#[test]
fn damage_is_told_and_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut task = Task::new(folder.path(), SMALL);
    for round in 0..60_u8 {
        task.put(0, round % 7, &[round; 20]);
        task.commit().unwrap();
    }
    let committed = task.committed.clone();
    drop(task);
    let (mut wiped, mut cut) = (0, 0);
    let clean: Vec<(PathBuf, Vec<u8>)> = files(folder.path())
        .into_iter()
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect();
    for (path, bytes) in &clean {
        for at in 0..bytes.len() {
            for path in files(folder.path()) {
                fs::remove_file(path).unwrap();
            }
            for (path, bytes) in &clean {
                fs::write(path, bytes).unwrap();
            }
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            fs::write(path, damaged).unwrap();
            let (_, restored) = Task::open(folder.path(), SMALL, committed.clone());
            assert!(restored.wiped.is_some() || restored.cut.is_some(), "{} {at}", path.display());
            wiped += usize::from(restored.wiped.is_some());
            cut += usize::from(restored.cut.is_some());
        }
    }
    assert!(wiped > 100 && cut > 50, "{wiped} {cut}");
}

#[test]
fn another_version_is_told_and_wiped() {
    for name in ["snapshot-0", "log-0"] {
        let folder = tempfile::tempdir().unwrap();
        let mut task = Task::new(folder.path(), SETTINGS);
        task.put(0, 1, b"a");
        task.commit().unwrap();
        let committed = task.committed.clone();
        drop(task);
        let path = folder.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[8] = 9;
        fs::write(&path, bytes).unwrap();
        let (mut task, restored) = Task::open(folder.path(), SETTINGS, committed);
        let told = restored.wiped.or(restored.cut).unwrap();
        assert!(told.ends_with("has format version 9, this is version 1"), "{told}");
        task.put(0, 1, b"b");
        task.commit().unwrap();
        let committed = task.committed.clone();
        drop(task);
        let (_, restored) = Task::open(folder.path(), SETTINGS, committed);
        assert_eq!((restored.wiped, restored.cut), (None, None));
    }
}

thread_local! {
    /// Bytes that the disk still takes.
    static ROOM: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn small_disk(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let room = ROOM.get();
    ROOM.set(room.saturating_sub(bytes.len()));
    file.write_all(&bytes[..bytes.len().min(room)])?;
    if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

#[test]
fn a_full_disk_is_told_with_the_path_and_nothing_half_written_counts() {
    let disk = Settings { write: small_disk, ..SMALL };
    for room in (0..1_200).step_by(7) {
        let folder = tempfile::tempdir().unwrap();
        ROOM.set(usize::MAX);
        let mut task = Task::new(folder.path(), disk);
        ROOM.set(room);
        let error = loop {
            task.put(0, 1, &[7; 50]);
            if let Err(error) = task.commit() {
                break error;
            }
        };
        let message = error.to_string();
        let path = folder.path().to_str().unwrap();
        assert!(message.contains("cannot ") && message.contains(path), "{message}");
        assert!(message.contains("free some space there"), "{message}");
        assert!(matches!(task.commit(), Err(LocalError::Behind { .. })));
        // The commit itself is there when only the new snapshot found no room.
        let mut committed = task.committed.clone();
        committed.push(entries(&task.stores));
        drop(task);
        ROOM.set(usize::MAX);
        let (mut task, restored) = Task::open(folder.path(), disk, committed);
        assert_eq!(restored.wiped, None);
        task.put(0, 1, b"on");
        task.commit().unwrap();
    }
}

#[test]
fn other_columns_and_topics_stop_and_other_stores_are_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = layout(&["one", "two"]);
    before.stores[0].topic_id = [1; 16];
    let open = |layout: &Layout| {
        let mut stores = [Store::new("one"), Store::new("two")];
        let [one, two] = &mut stores;
        LocalState::open(folder.path(), layout.clone(), &mut [one, two])
    };
    drop(open(&before).unwrap());
    let mut recreated = before.clone();
    recreated.stores[0].topic_id = [2; 16];
    let message = open(&recreated).unwrap_err().to_string();
    assert!(message.starts_with("the changelog topic shop-one-changelog was deleted"), "{message}");
    let mut columns = before.clone();
    let count = Part::Number("count".to_owned(), NumberForm::LittleEndian(8));
    columns.stores[1].shape.value = vec![count];
    let message = open(&columns).unwrap_err().to_string();
    assert!(message.starts_with("the state of store two in "), "{message}");
    let (_, restored) = open(&before).unwrap();
    assert_eq!(restored.wiped, None, "errors leave the files alone");
    let (_, restored) = open(&layout(&["one", "three"])).unwrap();
    assert!(restored.wiped.unwrap().contains("the query has [\"one\", \"three\"]"));
}

#[test]
fn a_wiped_folder_begins_anew_and_stays_locked() {
    let folder = tempfile::tempdir().unwrap();
    let mut task = Task::new(folder.path(), SMALL);
    for _ in 0..50 {
        task.put(0, 1, &[7; 50]);
        task.commit().unwrap();
    }
    task.state.wipe().unwrap();
    task.stores.iter_mut().for_each(Store::clear);
    task.committed.truncate(1);
    assert_eq!(names(folder.path()), ["log-0", "snapshot-0"]);
    assert!(matches!(Folder::new(folder.path()).lock(), Err(LocalError::Locked { .. })));
    task.put(0, 2, b"new");
    task.commit().unwrap();
    let committed = task.committed.clone();
    drop(task);
    Task::open(folder.path(), SMALL, committed);
}

#[test]
fn a_folder_is_read_without_a_lock() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read_folder(folder.path()).unwrap().is_none());
    let mut task = Task::new(folder.path(), SETTINGS);
    task.put(1, 1, b"a");
    task.commit().unwrap();
    let contents = read_folder(folder.path()).unwrap().unwrap();
    assert_eq!(entries(&contents.stores.try_into().unwrap()), task.committed[1]);
    assert_eq!(contents.layout, layout(&["one", "two"]));
    assert_eq!(contents.positions, BTreeMap::from([("one".to_owned(), 1)]));
    fs::write(folder.path().join("snapshot-0"), "?").unwrap();
    let message = read_folder(folder.path()).unwrap_err().to_string();
    assert!(message.ends_with("snapshot-0 is no file of Kolk's state"), "{message}");
}

#[derive(Debug, Clone)]
enum Step {
    Put(usize, u8, Vec<u8>),
    Remove(usize, u8),
    Commit,
    /// Opens again; with so many bytes missing at the end of the last log.
    Crash(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        6 => (0..2_usize, 0..20_u8, value).prop_map(|(store, key, value)| Step::Put(store, key, value)),
        2 => (0..2_usize, 0..20_u8).prop_map(|(store, key)| Step::Remove(store, key)),
        4 => Just(Step::Commit),
        1 => prop_oneof![Just(0), 0..300_u64].prop_map(Step::Crash),
    ]
}

fn cut_last_log(path: &Path, bytes: u64) {
    let logs = Folder::new(path).files().unwrap().logs;
    let log = path.join(format!("log-{}", logs.last().unwrap()));
    let file = OpenOptions::new().write(true).open(log).unwrap();
    let len = file.metadata().unwrap().len();
    file.set_len(len.saturating_sub(bytes)).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// [`Task::open`] checks that what comes back is what some commit left, and that it is the last one when nothing was cut.
    #[test]
    fn whatever_happens_a_committed_state_comes_back(steps in prop::collection::vec(step(), 0..300)) {
        let folder = tempfile::tempdir().unwrap();
        let mut task = Task::new(folder.path(), SMALL);
        for step in steps {
            match step {
                Step::Put(store, key, value) => task.put(store, key, &value),
                Step::Remove(store, key) => {
                    if let Some(id) = task.stores[store].find(&[key]) {
                        task.stores[store].remove(id);
                    }
                }
                Step::Commit => task.commit().unwrap(),
                Step::Crash(bytes) => {
                    let committed = std::mem::take(&mut task.committed);
                    let commits = committed.len();
                    drop(task);
                    cut_last_log(folder.path(), bytes);
                    let (opened, restored) = Task::open(folder.path(), SMALL, committed);
                    task = opened;
                    prop_assert!(bytes > 0 || task.committed.len() == commits, "{restored:?}");
                }
            }
        }
    }
}
