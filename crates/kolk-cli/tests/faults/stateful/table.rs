//! Outcomes as lines and as a table.

use super::case::Fault;
use super::scenario::Outcome;
use crate::server::Kind;
use std::fmt::Write;

/// What rows are sorted and gathered by.
pub(super) fn key(outcome: &Outcome) -> (Fault, Kind, u32) {
    (outcome.case.fault, outcome.case.broker, outcome.case.visits)
}

/// An outcome as a line.
pub(super) fn line(outcome: &Outcome) -> String {
    let verdict = if outcome.problems.is_empty() { "ok" } else { "FAILED" };
    let problems = outcome.problems.iter();
    format!(
        "{verdict:<6} {:>5.1} s  {:<76} faults {:>2}  rows {:>6}  lost {}  duplicates {}  wrong {}{}",
        outcome.took.as_secs_f64(),
        outcome.case.to_string(),
        outcome.injected,
        outcome.findings.rows,
        outcome.findings.lost,
        outcome.findings.duplicates,
        outcome.findings.wrong + outcome.findings.reordered,
        problems.fold(String::new(), |text, problem| text + "\n         " + problem),
    )
}

/// A row for each fault and broker, over all seeds.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut table = "| fault | broker | seeds | visits | faults injected | rows | lost | duplicates | wrong | verdict |\n\
                     |---|---|--:|--:|--:|--:|--:|--:|--:|---|\n"
        .to_owned();
    for row in outcomes.chunk_by(|a, b| key(a) == key(b)) {
        let Some(first) = row.first() else { continue };
        let sum = |count: fn(&Outcome) -> usize| row.iter().map(count).sum::<usize>();
        let failed = row.iter().filter(|outcome| !outcome.problems.is_empty()).count();
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            first.case.fault.name(),
            first.case.broker.name(),
            row.len(),
            first.case.visits,
            sum(|outcome| outcome.injected),
            sum(|outcome| outcome.findings.rows),
            sum(|outcome| outcome.findings.lost),
            sum(|outcome| outcome.findings.duplicates),
            sum(|outcome| outcome.findings.wrong + outcome.findings.reordered),
            if failed == 0 { "ok".to_owned() } else { format!("{failed} failed") },
        );
    }
    table
}
