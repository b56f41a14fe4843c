//! `kolk state`: what is in a state folder, and whether it is what the changelog says.

use crate::kolk::Kolk;
use kolk::schema::DataType;
use kolk::state::local::{Changes, Layout, LocalState, StoreLayout, task_folder};
use kolk::state::{NumberForm, Part, Shape, Store};
use serde_json::json;
use std::path::PathBuf;

const STORE: &str = "visits-aggregate-1";

/// Writes a task's folder as the runtime does; returns it.
fn write(kolk: &Kolk, partition: i32, entries: &[(&str, i64)], position: i64) -> PathBuf {
    let shape = Shape {
        key: vec![Part::Key(vec![("user".to_owned(), DataType::String)])],
        value: vec![Part::Number("count".to_owned(), NumberForm::LittleEndian(8))],
    };
    let mut store = Store::new(STORE);
    store.set_shape(shape);
    let layout = Layout {
        application: "shop".to_owned(),
        stage: "visits".to_owned(),
        partition,
        stores: vec![StoreLayout::new(STORE, [0; 16], &store)],
    };
    let folder = task_folder(&kolk.folder().join(".kolk/state"), "shop", "visits", partition);
    let (mut state, _) = LocalState::open(&folder, layout, &mut [&mut store]).unwrap();
    let mut changes = Changes::new();
    for (user, count) in entries {
        store.put(format!("\x01{user}\0\0").as_bytes(), &count.to_le_bytes());
    }
    store.drain_changes(|key, value| changes.push(0, key, value));
    state.append(&mut changes, &[(0, position)], 1, &[&store]).unwrap();
    folder
}

#[test]
fn stores_are_listed_and_their_entries_shown() {
    let kolk = Kolk::new();
    kolk.run("state list").with(0).says(&["there is no state in .kolk/state"]);
    kolk.run("state get visits").with(2).says(&["there is no store `visits`"]);
    write(&kolk, 0, &[("bob", 2), ("alice", 300)], 17);
    let damaged = write(&kolk, 1, &[("carol", 1)], 4);
    let table = "application  stage   partition  store               entries  bytes  position\n\
                 shop         visits          0  visits-aggregate-1        2     30        17\n\
                 shop         visits          1  visits-aggregate-1        1     16         4\n";
    assert_eq!(kolk.ok("state list"), table);
    let listed = kolk.run("state list --app shop --output json").with(0).json();
    let first = json!({
        "application": "shop", "stage": "visits", "partition": 0, "store": STORE,
        "entries": 2, "bytes": 30, "position": 17,
    });
    assert_eq!(listed[0], first);
    kolk.run("state list --app shp").with(2).says(&["application shp has no state"]);

    let all = "partition 0  {\"user\":\"alice\"}  {\"count\":300}\n\
               partition 0  {\"user\":\"bob\"}  {\"count\":2}\n\
               partition 1  {\"user\":\"carol\"}  {\"count\":1}\n";
    assert_eq!(kolk.ok(&format!("state get {STORE}")), all);
    let bob = kolk.run(&format!("state get {STORE} --key bob --output json")).with(0).json();
    assert_eq!(bob, json!({ "partition": 0, "key": { "user": "bob" }, "value": { "count": 2 } }));
    let one = kolk.ok(&format!("state get {STORE} --limit 1"));
    assert_eq!(one, "partition 0  {\"user\":\"alice\"}  {\"count\":300}\n");
    kolk.run("state get visit-aggregate-1").with(2).says(&["did you mean `visits-aggregate-1`?"]);

    std::fs::write(damaged.join("snapshot-0"), "nonsense").unwrap();
    let left = kolk.run("state list").with(1).says(&["snapshot-0 is no file of Kolk's state"]);
    assert_eq!(left.out.lines().count(), 2, "{}", left.out);
}

#[test]
fn state_that_is_not_what_the_changelog_says_is_found() {
    let kolk = Kolk::new();
    let topic = format!("shop-{STORE}-changelog");
    kolk.ok(&format!("topic create {topic} --partitions 2 --topic-config cleanup.policy=compact"));
    // Counts whose eight bytes are text: "AAAAAAAA" and so on.
    let count = |letter: u8| i64::from_le_bytes([letter; 8]);
    let options = format!("--topic {topic} --partition 1 --key-separator : --null-marker NULL");
    let record = |user: &str, value: &str| format!("\x01{user}\0\0:{value}\n");
    let records = [
        record("alice", "AAAAAAAA"),
        record("bob", "BBBBBBBB"),
        record("dave", "DDDDDDDD"),
        record("alice", "CCCCCCCC"),
        record("dave", "NULL"),
    ];
    kolk.produce(&options, &records.concat());

    write(&kolk, 1, &[("alice", count(b'C')), ("bob", count(b'B'))], 5);
    let line = "shop visits-aggregate-1, partition 1: ok, 2 entries up to 5\n";
    assert_eq!(kolk.ok("state verify"), line);

    // Behind the position: what changed there is not compared.
    kolk.produce(&options, &record("bob", "ZZZZZZZZ"));
    let later = "1 keys changed since and were not compared\n";
    assert!(kolk.ok("state verify").ends_with(later));

    let folder = write(&kolk, 1, &[("alice", count(b'A')), ("dave", 1)], 5);
    let failed = kolk.run("state verify --show 1").with(1);
    assert_eq!(
        failed.out,
        "shop visits-aggregate-1, partition 1: FAILED, 3 entries up to 5, 1 keys changed since and were not compared\n\
         \u{20} {\"user\":\"alice\"}: the state has {\"count\":4702111234474983745}, the changelog {\"count\":4846791580151137091}\n\
         \u{20} and 1 more differences\n"
    );
    let json = kolk.run("state verify --output json").with(1).json();
    assert_eq!(json[0]["differences"], 2);
    std::fs::remove_dir_all(folder).unwrap();
    write(&kolk, 1, &[("bob", count(b'Z')), ("alice", count(b'C'))], 99);
    let failed = kolk.run("state verify").with(1);
    assert!(
        failed.out.contains("the changelog ends at 6, before the state's position 99"),
        "{}",
        failed.out
    );
}
