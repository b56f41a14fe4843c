//! `bench latency`: how long a record is under way, from when it is to be written to when a reader has the result, at parts of the
//! rate that the job sustains: with transactions and without.

use crate::job::{Ends, Engine, Job, Task};
use crate::measure::median;
use crate::open_loop::{OpenLoop, Pace, Passed};
use crate::setup::Setup;
use crate::table::{Table, rate};
use crate::{Options, docs, machine};
use anyhow::Result;
use std::fmt::Write;
use std::time::Duration;

/// How records are delivered, and what the 99th of a hundred must not exceed at half the rate, in milliseconds: without transactions 10,
/// with them two commit intervals.
const MODES: [(&str, f64); 2] = [("exactly_once", 200.0), ("idempotent", 10.0)];
/// Parts of the sustainable rate, in percent; the targets are for half of it.
const SHARES: [u64; 3] = [25, HALF, 75];
const HALF: u64 = 50;

/// One row of the table.
#[derive(Debug)]
struct Line {
    mode: &'static str,
    target: f64,
    share: u64,
    rate: u64,
    /// Latencies in milliseconds: half, 99 of a hundred, all but one of a thousand, all.
    quantiles: [f64; 4],
}

/// Runs the suite.
pub(crate) fn run(options: &Options) -> Result<()> {
    let time = Duration::from_secs(if options.quick { 3 } else { 10 });
    let repeats = options.repeats.unwrap_or(1);
    let mut setup = Setup::of_kolk(options)?;
    let mut lines = Vec::new();
    for (mode, target) in MODES.into_iter().filter(|(mode, _)| options.wants(mode)) {
        let sustained = measure(&mut setup, mode, Pace::AsTaken, time)?.rate;
        println!("{mode}: sustains {}", rate(sustained as f64));
        for share in SHARES {
            let mut runs = Vec::new();
            for _ in 0..repeats {
                let pace = Pace::Rate((sustained * share / 100).max(1));
                runs.push(quantiles(&measure(&mut setup, mode, pace, time)?.latencies));
            }
            let at = |which: usize| median(runs.iter().map(|run: &[f64; 4]| run[which]).collect());
            let quantiles = [0, 1, 2, 3].map(at);
            println!("{mode} at {share} %: {quantiles:.1?} ms");
            lines.push(Line { mode, target, share, rate: sustained * share / 100, quantiles });
        }
    }
    let place = setup.place.clone();
    drop(setup);
    let machine = machine::describe(&place, "No rival");
    let report = report(&lines, time, &machine);
    println!("\n{report}");
    if options.write_docs {
        docs::write(&place, "latency", &report)?;
    }
    Ok(())
}

/// One run of the projection.
fn measure(setup: &mut Setup, mode: &str, pace: Pace, time: Duration) -> Result<Passed> {
    let application = format!("bench-latency-{:08x}", fastrand::u32(..));
    let (input, output) = (format!("{application}-input"), format!("{application}-output"));
    for topic in [&input, &output] {
        setup.topics.create(topic)?;
    }
    let task = Task {
        job: Job::Project,
        bootstrap: &setup.kafka.address,
        application,
        inputs: &[&input],
        output: &output,
        options: &format!(", delivery = '{mode}'"),
        ends: Ends::Never,
    };
    let running = setup.engines.start(&setup.place, Engine::Kolk, &task)?;
    let mut ends = OpenLoop::new(&setup.kafka.address, &input, &output)?;
    ends.wait_until_it_runs()?;
    let passed = ends.run(pace, time, time / 5)?;
    running.stop()?;
    running.finish(Duration::from_secs(120))?;
    for topic in [&input, &output] {
        setup.topics.delete(topic)?;
    }
    Ok(passed)
}

/// In milliseconds.
fn quantiles(rising: &[u64]) -> [f64; 4] {
    let at = |of_a_thousand: usize| {
        let place = (rising.len() * of_a_thousand / 1000).min(rising.len().saturating_sub(1));
        rising.get(place).copied().unwrap_or_default() as f64 / 1000.0
    };
    [500, 990, 999, 1000].map(at)
}

fn report(lines: &[Line], time: Duration, machine: &str) -> String {
    let mut table =
        Table::new(&["filter + project", "load", "records/s", "p50", "p99", "p99.9", "longest"]);
    for line in lines {
        let cells = line.quantiles.map(|ms| format!("{ms:.1} ms"));
        let head = [line.mode.to_owned(), format!("{} %", line.share), rate(line.rate as f64)];
        table.row(head.into_iter().chain(cells));
    }
    let mut text = table.render();
    let _ = write!(
        text,
        "\nOpen loop: a record of about 450 bytes is written on a schedule whatever happens, with `linger.ms=0`, and its time \
         counts from when it was due until a `read_committed` reader has its result. Load: part of the rate that writer, broker, \
         job and reader sustain together on this machine when the writer waits for the job. {} s each, the first fifth left out.\n\n",
        time.as_secs(),
    );
    for line in lines.iter().filter(|line| line.share == HALF) {
        let p99 = line.quantiles[1];
        let verdict = if p99 <= line.target { "reached" } else { "missed" };
        let (mode, target) = (line.mode, line.target);
        let _ = writeln!(
            text,
            "- `{mode}` at half the rate: p99 {p99:.1} ms; target {target} ms: {verdict}."
        );
    }
    let _ = write!(text, "\n{machine}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_all_records() {
        let rising: Vec<u64> = (1..=1000).map(|it| it * 1000).collect();
        let shown = |rising: &[u64]| quantiles(rising).map(|ms| format!("{ms:.1}"));
        assert_eq!(shown(&rising), ["501.0", "991.0", "1000.0", "1000.0"]);
        assert_eq!(shown(&[]), ["0.0"; 4]);
    }
}
