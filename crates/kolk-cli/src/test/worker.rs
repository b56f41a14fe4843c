//! Tests run in a process of their own, so that one that panics, or exhausts the stack, fails and does not end the others.
//!
//! The worker writes a line for each test: its number, the failure (JSON text or `null`) and the outputs (a JSON
//! array), with tabs between them.
//! When it ends before the last test, the test that it was at has failed, and another worker goes on behind it.

use super::case;
use super::file::Case;
use super::json::Json;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};

/// What a line begins with that tells of a panic.
const PANIC: &str = "panic";

/// How a test went.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    /// Why it failed; `None` when it passed.
    pub(crate) failure: Option<String>,
    /// What the queries wrote, a JSON document for each record.
    pub(crate) outputs: Vec<String>,
}

/// Runs the tests from number `from` on and tells of each on standard output.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn work(cases: &[Case], from: usize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    tell_panics();
    for (number, case) in cases.iter().enumerate().skip(from) {
        let outcome = case::run(case);
        let failure = outcome.failure.map_or(Json::Null, Json::Text);
        writeln!(out, "{number}\t{failure}\t[{}]", outcome.outputs.join(","))?;
        out.flush()?;
    }
    Ok(())
}

/// Makes a panic a line of its own, the last one.
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
        let told = Json::Text(format!("  it panics{place}: {text}\n"));
        // Nobody can be told that standard output is closed.
        let _ = writeln!(std::io::stdout().lock(), "{PANIC}\t{told}");
    }));
}

/// Runs `count` tests, as this process was asked to, in workers; calls `each` with number and result of every one, in order.
///
/// # Errors
/// When no worker can be started, or what `each` returns.
pub(crate) fn run_all(
    count: usize,
    mut each: impl FnMut(usize, Finished) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut next = 0;
    while next < count {
        let mut worker = start(next)?;
        let mut died = None;
        let lines = worker.stdout.take().map(BufReader::new);
        for line in lines.into_iter().flat_map(BufReader::lines) {
            let line = line?;
            match result(&line) {
                Some(Told::Finished(number, finished)) if number == next => {
                    each(number, finished)?;
                    next += 1;
                }
                Some(Told::Panic(text)) => died = Some(text),
                _ => anyhow::bail!("a worker says what nobody understands: {line}"),
            }
        }
        let status = worker.wait()?;
        if next < count {
            let failure = died.unwrap_or_else(|| ended(status));
            each(next, Finished { failure: Some(failure), ..Finished::default() })?;
            next += 1;
        }
    }
    Ok(())
}

/// A worker with the arguments of this process.
fn start(from: usize) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).arg("--worker-from").arg(from.to_string());
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
}

fn ended(status: ExitStatus) -> String {
    format!("  the process that ran it ended: {status}\n")
}

/// A line of a worker.
enum Told {
    Finished(usize, Finished),
    Panic(String),
}

fn result(line: &str) -> Option<Told> {
    let (number, rest) = line.split_once('\t')?;
    if number == PANIC {
        return Some(Told::Panic(Json::parse(rest.as_bytes()).ok()?.text()?.to_owned()));
    }
    let (failure, outputs) = rest.split_once('\t')?;
    let failure = Json::parse(failure.as_bytes()).ok()?.text().map(ToOwned::to_owned);
    let outputs = Json::parse(outputs.as_bytes()).ok()?;
    let outputs = outputs.items().iter().map(ToString::to_string).collect();
    Some(Told::Finished(number.parse().ok()?, Finished { failure, outputs }))
}
