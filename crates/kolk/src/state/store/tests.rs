//! Stores against a model.

use super::*;
use crate::operator::column::Vector;
use arrow_array::LargeStringArray;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn drained(store: &mut Store) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut changes = Vec::new();
    store.drain_changes(|key, value| changes.push((key.to_vec(), value.map(<[u8]>::to_vec))));
    changes
}

fn change(key: &str, value: Option<&str>) -> (Vec<u8>, Option<Vec<u8>>) {
    (key.into(), value.map(Into::into))
}

#[test]
fn each_changed_key_is_told_once_in_the_order_of_the_first_change() {
    let mut store = Store::new("clicks");
    let a = store.put(b"a", b"1");
    let b = store.put(b"b", b"1");
    store.set(a, b"22");
    store.update(b)[0] = b'7';
    store.put(b"c", b"3");
    let expected = [change("a", Some("22")), change("b", Some("7")), change("c", Some("3"))];
    assert_eq!(drained(&mut store), expected);
    assert_eq!(drained(&mut store), []);
    store.update(b)[0] = b'8';
    store.remove(a);
    assert_eq!(drained(&mut store), [change("b", Some("8")), change("a", None)]);
    store.put(b"a", b"9");
    assert_eq!(drained(&mut store), [change("a", Some("9"))]);
}

#[test]
fn a_key_that_is_removed_and_put_again_keeps_its_place_among_the_changes() {
    let mut store = Store::new("clicks");
    let a = store.put(b"a", b"1");
    drained(&mut store);
    store.remove(a);
    store.put(b"b", b"1");
    assert_eq!(store.find(b"a"), None);
    assert_eq!(store.len(), 1);
    assert_eq!(store.put(b"a", b"a longer value than before"), a);
    assert_eq!(store.len(), 2);
    let expected = [change("a", Some("a longer value than before")), change("b", Some("1"))];
    assert_eq!(drained(&mut store), expected);
}

#[test]
fn a_removed_entry_neither_changes_nor_comes_back() {
    let mut store = Store::new("clicks");
    let id = store.put(b"a", b"1");
    store.remove(id);
    store.set(id, b"2");
    store.remove(id);
    assert_eq!(store.update(id), b"");
    assert_eq!(store.value(id), b"");
    assert_eq!(store.iter().count(), 0);
    assert_eq!(drained(&mut store), [], "the changelog has never heard of it");
    store.set(id, b"2");
    assert_eq!(store.update(id), b"");
    assert_eq!(drained(&mut store), []);
    assert_eq!(store.len(), 0);
}

#[test]
fn entries_are_made_once_and_changed_ones_are_listed() {
    let mut store = Store::new("clicks");
    let (a, made) = store.find_or_insert(b"a", b"0");
    assert!(made);
    let b = store.put(b"b", b"1");
    assert_eq!(store.find_or_insert(b"b", b"0"), (b, false));
    assert_eq!(store.changed().collect::<Vec<_>>(), [a, b]);
    drained(&mut store);
    assert_eq!(store.changed().next(), None);
    assert_eq!(store.find_or_insert(b"a", b"9"), (a, false));
    assert_eq!(store.changed().next(), None, "nothing changed");
    store.remove(a);
    assert_eq!(store.changed().next(), None, "it is gone");
    assert_eq!(store.find_or_insert(b"a", b"9"), (a, true));
    assert_eq!(drained(&mut store), [change("a", Some("9"))]);
}

#[test]
fn a_batch_is_probed_as_its_keys_one_by_one() {
    let mut store = Store::new("clicks");
    let mut keys = Keys::new();
    let names: Vec<String> = (0..3_000).map(|number| format!("user-{number}")).collect();
    let column = Vector::each(LargeStringArray::from_iter_values(&names));
    keys.encode(&[&column], names.len());
    for row in (0..names.len()).step_by(3) {
        store.put(keys.get(row), names[row].as_bytes());
    }
    let removed = store.find(keys.get(0)).unwrap();
    store.remove(removed);
    let mut ids = vec![Some(removed)];
    store.probe(&keys, &mut ids);
    assert_eq!(ids.len(), names.len());
    for (row, id) in ids.into_iter().enumerate() {
        let expected = (row % 3 == 0 && row > 0).then_some(names[row].as_bytes());
        assert_eq!(id.map(|id| store.value(id)), expected, "{row}");
    }
}

#[test]
fn memory_is_used_again_and_given_back() {
    let mut store = Store::new("clicks");
    let fill = |store: &mut Store, round: u32| {
        for number in 0..20_000_u32 {
            let key = [round.to_be_bytes(), number.to_be_bytes()].concat();
            store.put(&key, &[7; 100]);
        }
    };
    let empty_it = |store: &mut Store| {
        let ids: Vec<EntryId> = store.iter().map(|(id, ..)| id).collect();
        ids.into_iter().for_each(|id| store.remove(id));
        drained(store);
    };
    fill(&mut store, 0);
    let full = store.bytes();
    empty_it(&mut store);
    assert!(store.bytes() < full / 2, "{} of {full}", store.bytes());
    for round in 1..5 {
        fill(&mut store, round);
        empty_it(&mut store);
    }
    fill(&mut store, 5);
    assert!(store.bytes() <= full * 11 / 10, "{} after {full}", store.bytes());
    store.clear();
    assert_eq!((store.len(), store.bytes()), (0, 0));
    assert_eq!(drained(&mut store), []);
}

#[derive(Debug, Clone)]
enum Call {
    Put(u8, Vec<u8>),
    Set(u8, Vec<u8>),
    Update(u8, u8),
    Remove(u8),
    Restore(u8, Option<Vec<u8>>),
    Drain,
}

fn call() -> impl Strategy<Value = Call> {
    let key = 0..12_u8;
    let value = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..90),
        1 => (0..80_000_usize, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ];
    prop_oneof![
        4 => (key.clone(), value.clone()).prop_map(|(key, value)| Call::Put(key, value)),
        3 => (key.clone(), value.clone()).prop_map(|(key, value)| Call::Set(key, value)),
        2 => (key.clone(), any::<u8>()).prop_map(|(key, byte)| Call::Update(key, byte)),
        3 => key.clone().prop_map(Call::Remove),
        1 => (key, prop::option::of(value)).prop_map(|(key, value)| Call::Restore(key, value)),
        1 => Just(Call::Drain),
    ]
}

/// A key of a length that depends on it.
fn key_of(number: u8) -> Vec<u8> {
    vec![number; usize::from(number) * 7]
}

/// The same in plain code.
#[derive(Default)]
struct Model {
    entries: BTreeMap<u8, Vec<u8>>,
    changed: Vec<u8>,
    /// What the changelog has.
    told: BTreeSet<u8>,
}

impl Model {
    fn note(&mut self, key: u8) {
        if !self.changed.contains(&key) {
            self.changed.push(key);
        }
    }
}

fn apply(call: Call, store: &mut Store, model: &mut Model) {
    match call {
        Call::Put(key, value) => {
            let id = store.put(&key_of(key), &value);
            assert_eq!(store.value(id), value);
            model.entries.insert(key, value);
            model.note(key);
        }
        Call::Set(key, value) => {
            if let Some(id) = store.find(&key_of(key)) {
                store.set(id, &value);
                model.entries.insert(key, value);
                model.note(key);
            }
        }
        Call::Update(key, byte) => {
            if let Some(id) = store.find(&key_of(key)) {
                store.update(id).fill(byte);
                model.entries.get_mut(&key).unwrap().fill(byte);
                model.note(key);
            }
        }
        Call::Remove(key) => {
            if let Some(id) = store.find(&key_of(key)) {
                store.remove(id);
                model.entries.remove(&key);
                model.note(key);
            }
        }
        Call::Restore(key, value) => {
            store.restore(&key_of(key), value.as_deref());
            match value {
                Some(value) => {
                    model.entries.insert(key, value);
                    if !model.changed.contains(&key) {
                        model.told.insert(key);
                    }
                }
                None => {
                    model.entries.remove(&key);
                    if !model.changed.contains(&key) {
                        model.told.remove(&key);
                    }
                }
            }
        }
        Call::Drain => {
            let mut expected = Vec::new();
            for key in model.changed.drain(..) {
                let value = model.entries.get(&key).cloned();
                if value.is_some() || model.told.contains(&key) {
                    expected.push((key_of(key), value));
                }
            }
            model.told = model.entries.keys().copied().collect();
            assert_eq!(drained(store), expected);
        }
    }
}

proptest! {
    #[test]
    fn does_as_a_sorted_map(calls in prop::collection::vec(call(), 0..200)) {
        let (mut store, mut model) = (Store::new("model"), Model::default());
        let (mut twin, mut twins_model) = (Store::new("twin"), Model::default());
        for call in calls {
            apply(call.clone(), &mut store, &mut model);
            apply(call, &mut twin, &mut twins_model);
            prop_assert_eq!(store.len(), model.entries.len());
            let bytes = model.entries.iter().map(|(key, value)| key_of(*key).len() + value.len());
            prop_assert_eq!(store.data_bytes(), bytes.sum::<usize>());
        }
        prop_assert!(store.iter().eq(twin.iter()), "the order follows from the history alone");
        let mut entries: Vec<_> = store.iter().map(|(_, key, value)| (key.to_vec(), value.to_vec())).collect();
        entries.sort();
        let expected: Vec<_> = model.entries.iter().map(|(key, value)| (key_of(*key), value.clone())).collect();
        prop_assert_eq!(entries, expected);
        apply(Call::Drain, &mut store, &mut model);
    }
}
