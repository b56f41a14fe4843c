//! What state costs, in nanoseconds for each row or entry: `cargo run --release -p kolk --example state_cost [KEYS…]`.
//!
//! Keys of 16 bytes, values of 64, rows in random order in batches of 1,000, a commit every 100,000 rows. Each figure is the best of
//! several rounds. The log is written to the system's folder for temporary files.
#![allow(clippy::print_stdout, reason = "a program for people")]
#![allow(clippy::unwrap_used, reason = "what fails ends the program")]

use kolk::state::local::{Changes, Layout, LocalState, StoreLayout};
use kolk::state::{EntryId, Store, TimeIndex};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

const VALUE_BYTES: usize = 64;
const BATCH_ROWS: usize = 1_000;
const COMMIT_ROWS: usize = 100_000;
const ROWS: usize = 2_000_000;
const ROUNDS: usize = 5;

fn main() {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|keys| keys.parse().ok()).collect();
    let sizes = if given.is_empty() { vec![10_000, 1_000_000] } else { given };
    let heads =
        ["keys", "insert", "one by one", "batch", "+ changes", "+ log", "restore", "expire"];
    println!("{}", heads.map(|head| format!("{head:>10}")).join(" "));
    for keys in sizes {
        measure(keys);
    }
}

/// The `number`-th key: users are spread, as hashes of names would be.
fn key(number: usize) -> [u8; 16] {
    let spread = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = [0; 16];
    let (left, right) = key.split_at_mut(8);
    left.copy_from_slice(&spread.to_be_bytes());
    right.copy_from_slice(&(number as u64).to_be_bytes());
    key
}

fn filled(keys: usize) -> Store {
    let mut store = Store::new("cost");
    for number in 0..keys {
        store.put(&key(number), &[0; VALUE_BYTES]);
    }
    store.drain_changes(|_, _| ());
    store
}

fn measure(keys: usize) {
    let insert = best(keys, || drop(black_box(filled(keys))));
    let mut random = fastrand::Rng::with_seed(7);
    let rows: Vec<[u8; 16]> = (0..ROWS).map(|_| key(random.usize(..keys))).collect();
    let rows: Vec<&[u8]> = rows.iter().map(|key| &key[..]).collect();

    let mut store = filled(keys);
    let single = best(ROWS, || {
        for key in &rows {
            add(&mut store, key);
        }
        forget_changes(&mut store);
    });
    let batch = best(ROWS, || {
        run(&mut store, &rows, |_| ());
        forget_changes(&mut store);
    });
    let mut changes = Changes::new();
    let noted = best(ROWS, || {
        run(&mut store, &rows, |store| {
            store.drain_changes(|key, value| changes.push(0, key, value));
            changes.clear();
        });
    });
    let folder = std::env::temp_dir().join(format!("kolk-state-cost-{}", std::process::id()));
    let mut empty = Store::new("cost");
    let (mut state, _) = LocalState::open(&folder, layout(&empty), &mut [&mut empty]).unwrap();
    let mut epoch = 0;
    let mut commit = |store: &mut Store| {
        store.drain_changes(|key, value| changes.push(0, key, value));
        epoch += 1;
        state.append(&mut changes, &[(0, epoch)], epoch, &[store]).unwrap();
    };
    let mut logged = filled(0);
    for number in 0..keys {
        logged.put(&key(number), &[0; VALUE_BYTES]);
    }
    commit(&mut logged);
    let log = best(ROWS, || run(&mut logged, &rows, &mut commit));
    drop(state);
    let restore = best(keys, || open(&folder, keys));
    std::fs::remove_dir_all(&folder).unwrap();
    let expire = best(keys, || expire(keys));
    let figures = [insert, single, batch, noted, log, restore, expire];
    println!("{keys:>10} {}", figures.map(|figure| format!("{figure:>10.1}")).join(" "));
}

/// One row alone: the entry's count grows by one.
fn add(store: &mut Store, key: &[u8]) {
    let id = store.find(key).unwrap();
    increment(store, id);
}

fn increment(store: &mut Store, id: EntryId) {
    let count = store.update(id).first_chunk_mut::<8>().unwrap();
    *count = (u64::from_le_bytes(*count) + 1).to_le_bytes();
}

/// The same a batch at a time, with commits.
fn run(store: &mut Store, rows: &[&[u8]], mut commit: impl FnMut(&mut Store)) {
    let mut ids = Vec::new();
    for rows in rows.chunks(COMMIT_ROWS) {
        for batch in rows.chunks(BATCH_ROWS) {
            store.find_all(batch, &mut ids);
            for id in &ids {
                increment(store, id.unwrap());
            }
        }
        commit(store);
    }
}

fn forget_changes(store: &mut Store) {
    store.drain_changes(|_, _| ());
}

fn layout(store: &Store) -> Layout {
    Layout {
        application: "cost".to_owned(),
        stage: "cost".to_owned(),
        partition: 0,
        stores: vec![StoreLayout::new("cost", [0; 16], store)],
    }
}

fn open(folder: &Path, keys: usize) {
    let mut store = Store::new("cost");
    let layout = layout(&store);
    let (_, restored) = LocalState::open(folder, layout, &mut [&mut store]).unwrap();
    assert_eq!((store.len(), restored.wiped), (keys, None));
}

/// Entries that come and go: as many windows as there are keys, of which a thousand end at a time.
fn expire(entries: usize) {
    let mut store = Store::new("cost");
    let mut due = TimeIndex::new();
    for number in 0..entries {
        let time = (number / 1_000) as i64 * 100;
        due.insert(time + 20_000, store.put(&key(number), &[0; VALUE_BYTES]));
        while let Some((_, id)) = due.pop_until(time) {
            store.remove(id);
        }
        if number % COMMIT_ROWS == 0 {
            forget_changes(&mut store);
        }
    }
    while let Some((_, id)) = due.pop_until(i64::MAX) {
        store.remove(id);
    }
    forget_changes(&mut store);
    assert!(store.is_empty());
}

/// Nanoseconds for each of `count`, in the best round.
#[expect(clippy::disallowed_methods, reason = "measures")]
fn best(count: usize, mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / count as f64
}
