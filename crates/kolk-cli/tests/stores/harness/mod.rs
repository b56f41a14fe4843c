//! The faults that every store must stand, whatever it is.
//!
//! ```text
//! rows in Kafka ──▶ kolk run ──▶ proxy ──▶ store ──▶ its foreign client ──▶ findings: beside the oracle
//!                      ▲  kill -9  ▲ cuts, delays, loses answers   ▲ kill -9, another schema, entries refused
//! ```
//! A case is a fault, a store and a seed. A store tells by [`Store`] how it is started, killed, named in a statement and read;
//! nothing here knows which one it is. A fault that took no effect fails its case.

mod case;
mod input;
mod program;
mod proxy;
mod scenario;
mod script;
mod store;
mod table;

pub(crate) use input::Row;
pub(crate) use proxy::{Act, Planned, Proxy};
pub(crate) use script::{Script, missing};
pub(crate) use store::{Keeps, Misfit, Store};

use crate::extent::Extent;
use crate::say;
use case::{Case, Fault, Flow};
use scenario::{Ground, Outcome};
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Starts a store; `None` when it cannot be had here, which was said.
pub(crate) type Start = fn() -> Option<Box<dyn Store>>;

/// Rows of a case in CI.
const ROWS: u32 = 3_000;

/// Runs the cases of all stores, side by side; returns the failures.
pub(crate) fn run(stores: &[Start]) -> Vec<String> {
    let extent = Extent::read(ROWS, "KOLK_SOAK_STORES_TABLE");
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for start in stores {
            let (extent, outcomes) = (&extent, &outcomes);
            scope.spawn(move || play(*start, extent, outcomes));
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(Outcome::key);
    if let Some(path) = &extent.table {
        fs::write(path, table::table(&outcomes)).expect("the table's file can be written");
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.problems.is_empty());
    failed.map(|outcome| format!("{}\n  {}", outcome.case, outcome.problems.join("\n  "))).collect()
}

/// The cases of one store, one after the other: they share its server.
fn play(start: Start, extent: &Extent, outcomes: &Mutex<Vec<Outcome>>) {
    let Some(store) = start() else { return };
    let cases = cases(&*store, extent);
    if cases.is_empty() {
        return;
    }
    let ground = Ground::prepare(store, extent.visits);
    for case in cases {
        let outcome = match &ground {
            Ok(ground) => scenario::run(case, ground),
            Err(problem) => Outcome::failed(case, problem.clone()),
        };
        say(&table::line(&outcome));
        outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }
}

fn cases(store: &dyn Store, extent: &Extent) -> Vec<Case> {
    let (store_name, rows) = (store.name(), extent.visits);
    let of = |seed| {
        let of_flow = move |flow| {
            Fault::ALL.iter().map(move |fault| Case {
                fault: *fault,
                flow,
                store: store_name,
                seed,
                rows,
            })
        };
        Flow::ALL.into_iter().flat_map(of_flow)
    };
    let mut cases: Vec<Case> = extent.seeds.iter().flat_map(|seed| of(*seed)).collect();
    cases.retain(|case| {
        case.fault.fits(store, case.flow)
            && (extent.whole || case.fault.is_telling(case.flow))
            && case.to_string().contains(&extent.only)
    });
    cases
}
