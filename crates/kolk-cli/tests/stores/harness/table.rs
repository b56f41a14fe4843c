//! Outcomes as lines and as a table.

use super::scenario::Outcome;
use std::fmt::Write;

/// An outcome as a line.
pub(super) fn line(outcome: &Outcome) -> String {
    let verdict = if outcome.problems.is_empty() { "ok" } else { "FAILED" };
    let found = &outcome.findings;
    format!(
        "{verdict:<6} {:>5.1} s  {:<72} faults {:>2}  rows {:>6}  lost {}  wrong {}  reordered {}  repeats {}{}",
        outcome.took.as_secs_f64(),
        outcome.case.to_string(),
        outcome.injected,
        found.rows,
        found.lost,
        found.wrong,
        found.reordered,
        found.repeats,
        outcome.problems.iter().fold(String::new(), |text, problem| text + "\n         " + problem),
    )
}

/// A row for each fault and store, over all seeds.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut table = "| fault | store | seeds | rows | faults injected | lost | wrong | reordered | repeats | verdict |\n\
                     |---|---|--:|--:|--:|--:|--:|--:|--:|---|\n"
        .to_owned();
    for row in outcomes.chunk_by(|a, b| a.key() == b.key()) {
        let Some(first) = row.first() else { continue };
        let sum = |count: fn(&Outcome) -> usize| row.iter().map(count).sum::<usize>();
        let failed = row.iter().filter(|outcome| !outcome.problems.is_empty()).count();
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            first.case.fault.name(),
            first.case.subject(),
            row.len(),
            first.case.rows,
            sum(|outcome| outcome.injected),
            sum(|outcome| outcome.findings.lost),
            sum(|outcome| outcome.findings.wrong),
            sum(|outcome| outcome.findings.reordered),
            sum(|outcome| outcome.findings.repeats),
            if failed == 0 { "ok".to_owned() } else { format!("{failed} failed") },
        );
    }
    table
}
