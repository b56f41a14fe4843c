//! `kolk test`: files of tests in ksqlDB's form, run on the test driver, without a broker.
//!
//! ```text
//! files ─▶ cases ─▶ worker (a process of its own: one that dies costs one test) ─▶ results ─▶ report and counts
//! ```

mod case;
mod compare;
mod declared;
mod file;
mod json;
mod post;
mod refusal;
mod report;
mod wire;
mod worker;

use crate::failure::{CheckFailed, Failure};
use crate::session::Context;
use clap::Args;
use file::{Case, Expected};
use std::path::PathBuf;
use worker::Finished;

/// Run SQL tests without a broker
#[derive(Debug, Args)]
#[command(after_help = "\
A file holds `tests`: statements, records that go in, and the records that must come out, or the reason for which the statements \
must be refused. docs/cli.md describes the form. Tests run in dialect ksqldb unless their properties set another.

Examples:
  kolk test tests/*.json
  kolk test tests/visits.json --outputs
  kolk test tests/*.json --name windows")]
pub(crate) struct Options {
    /// Files of tests
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the records that each test's queries write, as JSON lines
    #[arg(long)]
    outputs: bool,
    /// Run only tests with this text in their name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Work for another `kolk test`: run the tests from this one on and tell it how they went
    #[arg(long, hide = true, value_name = "NUMBER")]
    worker_from: Option<usize>,
}

/// How many tests of a kind went how.
#[derive(Debug, Default)]
struct Count {
    passed: usize,
    failed: usize,
}

/// Runs the tests of all files.
///
/// # Errors
/// [`CheckFailed`] when a test failed, [`Failure`] for files that cannot be read.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    let cases = cases(options)?;
    if let Some(from) = options.worker_from {
        return worker::work(&cases, from);
    }
    let (mut records, mut refusals) = (Count::default(), Count::default());
    worker::run_all(cases.len(), |number, finished| {
        let case = &cases[number];
        let count = match case.expected {
            Expected::Records { .. } => &mut records,
            Expected::Refusal(_) => &mut refusals,
        };
        match finished.failure {
            None => count.passed += 1,
            Some(_) => count.failed += 1,
        }
        tell(options, context, case, &finished)
    })?;
    let out = &context.out;
    out.line(format!("tests of records: {} passed, {} failed", records.passed, records.failed))?;
    out.line(format!("tests of refusals: {} passed, {} failed", refusals.passed, refusals.failed))?;
    let failed = records.failed + refusals.failed;
    out.line(format!("{} passed, {failed} failed", records.passed + refusals.passed))?;
    if failed > 0 { Err(CheckFailed.into()) } else { Ok(()) }
}

/// All tests that are asked for.
fn cases(options: &Options) -> Result<Vec<Case>, Failure> {
    let mut cases = Vec::new();
    for path in &options.files {
        let shown = path.display().to_string();
        let wrong = |why: String| {
            Failure::usage(format!("cannot run {shown}: {why}"))
                .help("docs/cli.md describes the form of a test file")
        };
        let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        cases.extend(file::cases(&shown, &text).map_err(wrong)?);
    }
    if let Some(text) = &options.name {
        cases.retain(|case| case.name.contains(text.as_str()));
    }
    Ok(cases)
}

/// Prints what there is to say of a test.
fn tell(
    options: &Options,
    context: &Context,
    case: &Case,
    finished: &Finished,
) -> anyhow::Result<()> {
    let out = &context.out;
    if options.outputs {
        for record in &finished.outputs {
            let test = json::Json::Text(format!("{}: {}", case.file, case.name));
            // The record is an object: the test's name becomes its first member.
            out.line(format!("{{\"test\":{test},{}", record.trim_start_matches('{')))?;
        }
    }
    if let Some(failure) = &finished.failure {
        out.line(format!("FAILED {}: {}", case.file, case.name))?;
        out.line(failure)?;
    }
    Ok(())
}
