//! Many cases: side by side where waiting dominates, told as a table.

use crate::case::{Case, Fault, Mode};
use crate::extent::Extent;
use crate::say;
use crate::scenario::{self, Outcome};
use crate::server::{Kind, Server};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Visits of a case in CI. An individual record takes a round trip, so there are fewer.
const VISITS: u32 = 6_000;
/// Of how many visits `individual` gets one.
const INDIVIDUAL_SHARE: u32 = 20;
/// The fewest that `individual` gets.
const INDIVIDUAL_MIN: u32 = 1_000;

fn cases(extent: &Extent) -> Vec<Case> {
    let mut cases = Vec::new();
    for &seed in &extent.seeds {
        for &fault in Fault::ALL {
            for &mode in Mode::ALL {
                for broker in [Kind::Embedded, Kind::Kafka, Kind::KafkaOld] {
                    let individual =
                        (extent.visits / INDIVIDUAL_SHARE).clamp(INDIVIDUAL_MIN, 5_000);
                    let visits = if mode == Mode::Individual { individual } else { extent.visits };
                    cases.push(Case { fault, mode, broker, seed, visits });
                }
            }
        }
    }
    cases.retain(|case| {
        case.fault.fits(case.mode)
            && case.broker.is_at_hand()
            && (extent.whole || is_telling(case))
            && case.to_string().contains(&extent.only)
    });
    cases
}

/// Where versions of transactions differ; the rest is left to the soak.
fn is_telling(case: &Case) -> bool {
    let ends = matches!(
        case.fault,
        Fault::Late | Fault::EndTxnCut | Fault::EndTxnLate | Fault::EndTxnDouble | Fault::KillKolk
    );
    case.broker != Kind::KafkaOld || (case.mode.is_transactional() && ends)
}

/// Runs all cases; returns the failures.
pub(crate) fn run() -> Vec<String> {
    let extent = Extent::read(VISITS, "KOLK_SOAK_TABLE");
    let cases = cases(&extent);
    assert!(!cases.is_empty(), "no case is called like `{}`", extent.only);
    say(&format!("{} cases, seeds {:?}, {} visits", cases.len(), extent.seeds, extent.visits));
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (_, mut lane) in lanes(cases) {
            let (width, outcomes) = (lane.width, &outcomes);
            let queue = Arc::new(Mutex::new(std::mem::take(&mut lane.cases)));
            let server = Arc::new(Mutex::new(None));
            for _ in 0..width {
                let (queue, server) = (Arc::clone(&queue), Arc::clone(&server));
                scope.spawn(move || work(&queue, &server, outcomes));
            }
        }
    });
    let mut outcomes: Vec<Outcome> = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|outcome| {
        (outcome.case.fault, outcome.case.mode, outcome.case.broker, outcome.case.seed)
    });
    if let Some(path) = &extent.table {
        fs::write(path, table(&outcomes)).expect("the table's file can be written");
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.problems.is_empty());
    failed.map(|outcome| format!("{}\n  {}", outcome.case, outcome.problems.join("\n  "))).collect()
}

/// Cases that share a server, and how many of them run at a time.
#[derive(Default)]
struct Lane {
    cases: VecDeque<Case>,
    width: usize,
}

/// Whoever kills a broker has one for itself.
fn lanes(cases: Vec<Case>) -> BTreeMap<(Kind, bool), Lane> {
    let mut lanes: BTreeMap<(Kind, bool), Lane> = BTreeMap::new();
    for case in cases {
        let alone = case.fault == Fault::KillBroker;
        let lane = lanes.entry((case.broker, alone)).or_default();
        lane.width = if alone || case.broker == Kind::KafkaOld { 1 } else { 2 };
        lane.cases.push_back(case);
    }
    lanes
}

type Shared = Mutex<Option<Result<Arc<Server>, String>>>;

fn work(queue: &Mutex<VecDeque<Case>>, server: &Shared, outcomes: &Mutex<Vec<Outcome>>) {
    loop {
        let Some(case) = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else {
            return;
        };
        let started = {
            let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
            server.get_or_insert_with(|| Server::start(case.broker).map(Arc::new)).clone()
        };
        let outcome = match started {
            Ok(server) => scenario::run(case, &server),
            Err(problem) => Outcome {
                case,
                injected: 0,
                findings: crate::check::Findings::default(),
                problems: vec![problem],
                took: std::time::Duration::ZERO,
            },
        };
        say(&line(&outcome));
        outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }
}

fn line(outcome: &Outcome) -> String {
    let verdict = if outcome.problems.is_empty() { "ok" } else { "FAILED" };
    format!(
        "{verdict:<6} {:>5.1} s  {:<86} faults {:>2}  repeats {:>4}  lost {}  reordered {}  duplicates {}{}",
        outcome.took.as_secs_f64(),
        outcome.case.to_string(),
        outcome.injected,
        outcome.repeats(),
        outcome.findings.lost,
        outcome.findings.reordered,
        outcome.duplicates(),
        outcome.problems.iter().fold(String::new(), |text, problem| text + "\n         " + problem),
    )
}

/// A row for each fault, mode and broker, over all seeds.
fn table(outcomes: &[Outcome]) -> String {
    let mut table = "| fault | mode | broker | seeds | visits | faults injected | repeats | lost | reordered | duplicates | \
                     verdict |\n|---|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n"
        .to_owned();
    for row in outcomes.chunk_by(|a, b| key(a) == key(b)) {
        let Some(first) = row.first() else { continue };
        let sum = |count: fn(&Outcome) -> usize| row.iter().map(count).sum::<usize>();
        let failed = row.iter().filter(|outcome| !outcome.problems.is_empty()).count();
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            first.case.fault.name(),
            first.case.mode.name(),
            first.case.broker.name(),
            row.len(),
            first.case.visits,
            sum(|outcome| outcome.injected),
            sum(Outcome::repeats),
            sum(|outcome| outcome.findings.lost),
            sum(|outcome| outcome.findings.reordered),
            sum(Outcome::duplicates),
            if failed == 0 { "ok".to_owned() } else { format!("{failed} failed") },
        );
    }
    table
}

fn key(outcome: &Outcome) -> (Fault, Mode, Kind, u32) {
    (outcome.case.fault, outcome.case.mode, outcome.case.broker, outcome.case.visits)
}
