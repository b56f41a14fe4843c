//! Stores other than Kafka: whatever they do, each row's effect is there once, in order, before its offset is committed.

use crate::cluster::{Cluster, wait_until};
use crate::delivery::{copy, fill, numbered, options, run_to_end};
use kolk::runtime::{Application, QueryError, Until};
use kolk::sink::connector::{Connection, ConnectorError, Outcome, RowBatch};
use kolk::topology::{
    Connector, Delivery, Kind, OnBadRecord, Operator, Promise, Query, RowForm, Target, Topology,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A store in memory that misbehaves as it is told.
#[derive(Debug, Default)]
struct Shelf {
    /// Every write that was applied: key and value, in order.
    writes: Vec<(String, String)>,
    calls: usize,
    /// Every other call, from the first on, writes a part of the rows and then says that it failed.
    fails: bool,
    is_down: bool,
    refuses: Option<String>,
    never: Option<String>,
    headers: Vec<Option<(String, String)>>,
}

static SHELVES: Mutex<BTreeMap<String, Shelf>> = Mutex::new(BTreeMap::new());

fn with<T>(name: &str, act: impl FnOnce(&mut Shelf) -> T) -> T {
    let mut shelves = SHELVES.lock().unwrap_or_else(PoisonError::into_inner);
    act(shelves.entry(name.to_owned()).or_default())
}

struct ToShelf(String);

impl Connection for ToShelf {
    fn write(&mut self, batch: &mut RowBatch) -> Result<(), ConnectorError> {
        with(&self.0, |shelf| {
            shelf.calls += 1;
            if shelf.is_down {
                return Err(ConnectorError::Later("nobody listens".to_owned()));
            }
            let fails = shelf.fails && shelf.calls % 2 == 1;
            let open = batch.open();
            let upto = if fails { open.len().div_ceil(2) } else { open.len() };
            for (nth, index) in open.into_iter().take(upto).enumerate() {
                let row = batch.get(index).unwrap();
                let text =
                    |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec());
                let (key, value) = (text(row.key).unwrap(), text(row.value).unwrap());
                if shelf.refuses.as_ref() == Some(&value) {
                    batch.settle(index, Outcome::Refused("it does not fit".to_owned()));
                    continue;
                }
                let header = row.header.map(|(name, value)| {
                    (name.to_owned(), String::from_utf8(value.to_vec()).unwrap())
                });
                shelf.headers.push(header);
                shelf.writes.push((key, value));
                // Of the last one that was applied nobody hears when the call fails.
                if !fails || nth + 1 < upto {
                    batch.settle(index, Outcome::Stored);
                }
            }
            if fails { Err(ConnectorError::Later("cut off".to_owned())) } else { Ok(()) }
        })
    }
}

fn connect(target: &Target) -> Result<Box<dyn Connection>, ConnectorError> {
    let name = target.option_or("shelf", "").to_owned();
    match with(&name, |shelf| shelf.never.clone()) {
        Some(why) => Err(ConnectorError::Never(why)),
        None => Ok(Box::new(ToShelf(name))),
    }
}

static SHELF: Kind = Kind {
    name: "shelf",
    doc: "A store of these tests.",
    options: &[],
    promise: Promise { idempotent_by_key: true, ordered: true, transactional: false },
    keyless: None,
    rows: RowForm::Columns,
    connect: Some(connect),
};

/// Copies topic `in` to a shelf of its own, which is returned.
fn to_shelf(cluster: &Cluster, delivery: Delivery, bad: &OnBadRecord) -> (Query, String) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let shelf = format!("shelf-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut query = copy(cluster, "stored", ["in", "nowhere"], delivery);
    for node in &mut query.nodes {
        match &mut node.operator {
            Operator::Sink(sink) => {
                let options = BTreeMap::from([("shelf".to_owned(), shelf.clone())]);
                let target = Target { options, ..Target::default() };
                sink.connector = Some(Box::new(Connector { kind: &SHELF, target }));
            }
            Operator::Source(source) => source.on_bad_record = bad.clone(),
            _ => {}
        }
    }
    (query, shelf)
}

fn by_key(rows: &[(String, String)]) -> BTreeMap<&str, Vec<&str>> {
    let mut keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, value) in rows {
        keys.entry(key).or_default().push(value);
    }
    keys
}

fn modes() -> [Delivery; 3] {
    [Delivery::Individual { pause: Duration::ZERO }, Delivery::Batched, Delivery::Idempotent]
}

pub(crate) fn a_store_gets_every_row_once_and_in_order(cluster: &Cluster) {
    let rows = numbered(500);
    fill(cluster, "in", &rows);
    for (at, delivery) in modes().into_iter().enumerate() {
        let (mut query, shelf) = to_shelf(cluster, delivery, &OnBadRecord::Fail);
        query.name = format!("stored-{at}");
        with(&shelf, |it| *it = Shelf::default());
        let status = run_to_end(cluster, vec![query]);
        assert_eq!((status[0].account.read, status[0].account.delivered), (500, 500));
        with(&shelf, |it| assert_eq!(by_key(&it.writes), by_key(&rows)));
    }
}

/// A call that failed may have been applied: rows come again, but none is missing and none overtakes.
pub(crate) fn a_store_that_fails_gets_rows_again_until_it_has_them(cluster: &Cluster) {
    let rows = numbered(40);
    fill(cluster, "in", &rows);
    for (at, delivery) in modes().into_iter().enumerate() {
        let (mut query, shelf) = to_shelf(cluster, delivery, &OnBadRecord::Fail);
        query.name = format!("stored-{at}");
        with(&shelf, |it| *it = Shelf { fails: true, ..Shelf::default() });
        let status = run_to_end(cluster, vec![query]);
        assert_eq!(status[0].account.delivered, 40);
        with(&shelf, |it| {
            assert!(it.writes.len() > 40, "some came twice");
            let mut once = it.writes.clone();
            let mut seen = std::collections::BTreeSet::new();
            once.retain(|row| seen.insert(row.clone()));
            assert_eq!(by_key(&once), by_key(&rows), "first occurrences are in order");
        });
    }
}

pub(crate) fn offsets_wait_for_a_store_that_is_down(cluster: &Cluster) {
    let rows = numbered(300);
    fill(cluster, "in", &rows);
    let (query, shelf) = to_shelf(cluster, Delivery::Idempotent, &OnBadRecord::Fail);
    with(&shelf, |it| it.is_down = true);
    let topology = Topology { queries: vec![query.clone()] };
    let clock = Arc::clone(&cluster.clock);
    let application =
        Application::start(&topology, options(cluster, Until::Stopped), clock).unwrap();
    wait_until("the query says what it waits for", || {
        let waiting = application.status()[0].waiting.clone();
        waiting.is_some_and(|why| why.contains("nobody listens"))
    });
    assert_eq!(application.status()[0].account.delivered, 0);
    drop(application); // as if it had been killed: nothing is committed
    with(&shelf, |it| it.is_down = false);
    run_to_end(cluster, vec![query]);
    with(&shelf, |it| assert_eq!(by_key(&it.writes), by_key(&rows)));
}

pub(crate) fn rows_that_a_store_refuses_have_their_fate(cluster: &Cluster) {
    let rows = numbered(50);
    fill(cluster, "in", &rows);
    let refuses = Some(rows[20].1.clone());
    // It stops …
    let (query, shelf) = to_shelf(cluster, Delivery::Idempotent, &OnBadRecord::Fail);
    with(&shelf, |it| *it = Shelf { refuses: refuses.clone(), ..Shelf::default() });
    let topology = Topology { queries: vec![query] };
    let clock = Arc::clone(&cluster.clock);
    let application = Application::start(&topology, options(cluster, Until::End), clock).unwrap();
    let (_, result) = application.join().remove(0);
    let error = result.unwrap_err();
    assert!(matches!(error, QueryError::RowRefused { .. }), "{error}");
    assert!(error.to_string().contains("it does not fit"), "{error}");
    // … or goes on without it.
    let topic = cluster.name("letters");
    for (policy, letters) in [(OnBadRecord::Skip, 0), (OnBadRecord::DeadLetter { topic }, 1)] {
        let (mut query, shelf) = to_shelf(cluster, Delivery::Idempotent, &policy);
        query.name = format!("stored-{letters}");
        with(&shelf, |it| *it = Shelf { refuses: refuses.clone(), ..Shelf::default() });
        let status = run_to_end(cluster, vec![query]);
        assert_eq!((status[0].account.delivered, status[0].account.too_large), (49, 1));
        with(&shelf, |it| assert_eq!(it.writes.len(), 49));
        if letters > 0 {
            let seen = cluster.read("letters", 2);
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].value.as_ref(), Some(&rows[20].1));
        }
    }
}

pub(crate) fn a_store_that_cannot_be_worked_with_stops_its_query(cluster: &Cluster) {
    fill(cluster, "in", &numbered(5));
    let (query, shelf) = to_shelf(cluster, Delivery::Idempotent, &OnBadRecord::Fail);
    with(&shelf, |it| it.never = Some("the password is wrong".to_owned()));
    let topology = Topology { queries: vec![query] };
    let clock = Arc::clone(&cluster.clock);
    let application =
        Application::start(&topology, options(cluster, Until::Stopped), clock).unwrap();
    let (_, result) = application.join().remove(0);
    let error = result.unwrap_err().to_string();
    assert_eq!(error, "query stored: the password is wrong");
}
