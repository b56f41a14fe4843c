//! State through faults: a windowed count, a join and sessions, in three instances that share the partitions, while one of them,
//! its connections or the broker fail. The outputs must be those of an oracle in plain code, and the state what its changelog says.
//!
//! ```text
//! data ──▶ program, 3 × kolk run, the first behind the proxy ──▶ outputs ──▶ expected: the oracle
//!                                     └─▶ state ──▶ kolk state verify          └─▶ books
//! ```

mod case;
mod data;
mod expected;
mod ground;
mod scenario;
mod table;
mod team;
mod writer;
#[path = "../../../../kolk/tests/oracle/mod.rs"]
#[expect(dead_code, reason = "the other tests of the oracle need what this one does not")]
mod oracle;

use crate::extent::Extent;
use crate::say;
use crate::server::Kind;
use case::{Case, Fault};
use ground::Ground;
use scenario::Outcome;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::{fs, thread};

/// Visits of a case in CI.
const VISITS: u32 = 2_000;

/// Every fault that CI has time for; all of them for `cargo xtask soak`.
#[test]
fn state_is_what_an_oracle_makes_of_the_input_through_every_fault() {
    let failures = run();
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

fn cases(extent: &Extent) -> Vec<Case> {
    let mut cases = Vec::new();
    for &seed in &extent.seeds {
        for &fault in Fault::ALL {
            for broker in [Kind::Embedded, Kind::Kafka] {
                cases.push(Case { fault, broker, seed, visits: extent.visits });
            }
        }
    }
    if !cfg!(feature = "failpoints") {
        say("skipped: crashes at failpoints need `cargo test -p kolk-cli --features failpoints`");
        cases.retain(|case| !case.fault.needs_failpoints());
    }
    cases.retain(|case| {
        (extent.whole || is_telling(case))
            && case.to_string().contains(&extent.only)
            && case.broker.is_at_hand()
    });
    cases
}

/// Runs all cases; returns the failures.
fn run() -> Vec<String> {
    let extent = Extent::read(VISITS, "KOLK_SOAK_STATE_TABLE");
    let cases = cases(&extent);
    say(&format!("{} cases with state, seeds {:?}", cases.len(), extent.seeds));
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (broker, cases) in lanes(cases) {
            let outcomes = &outcomes;
            scope.spawn(move || work(broker, cases, outcomes));
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(table::key);
    if let Some(path) = &extent.table {
        fs::write(path, table::table(&outcomes)).expect("the table's file can be written");
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.problems.is_empty());
    failed.map(|outcome| format!("{}\n  {}", outcome.case, outcome.problems.join("\n  "))).collect()
}

/// What shows most in little time; the rest is left to the soak.
fn is_telling(case: &Case) -> bool {
    match case.broker {
        Kind::Embedded => matches!(
            case.fault,
            Fault::Nothing
                | Fault::CutResponse
                | Fault::EndTxnLate
                | Fault::KillBroker
                | Fault::Twin
                | Fault::CrashAt(1 | 5)
        ),
        _ => matches!(case.fault, Fault::Nothing | Fault::EndTxnCut),
    }
}

/// Cases that share a broker, one after the other: three instances keep a machine busy.
fn lanes(cases: Vec<Case>) -> BTreeMap<Kind, VecDeque<Case>> {
    let mut lanes: BTreeMap<Kind, VecDeque<Case>> = BTreeMap::new();
    for case in cases {
        lanes.entry(case.broker).or_default().push_back(case);
    }
    lanes
}

fn work(broker: Kind, cases: VecDeque<Case>, outcomes: &Mutex<Vec<Outcome>>) {
    let mut ground = None;
    for case in cases {
        let ground = ground.get_or_insert_with(|| Ground::prepare(broker, case.visits));
        let outcome = match ground {
            Ok(ground) => scenario::run(case, ground),
            Err(problem) => Outcome::failed(case, problem.clone()),
        };
        say(&table::line(&outcome));
        outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }
}
