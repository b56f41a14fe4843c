//! `cargo xtask ci`: every check, in the order in which a failure is cheapest to learn of.

use crate::tidy;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A step that is one command: a title and the command line.
type Step = (&'static str, &'static [&'static str]);

/// With every connector, and with failpoints in the binary: the default build has neither. The same for all steps, so that nothing is
/// built twice; only the demonstration is README's, with the default build.
const FEATURES: &str = "--features=kolk-cli/full,kolk-cli/failpoints";

const BEFORE: &[Step] = &[
    ("format", &["cargo", "fmt", "--all", "--check"]),
    (
        "lints",
        &[
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            FEATURES,
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
    ),
    ("build", &["cargo", "build", "--workspace", FEATURES]),
    ("tests", &["cargo", "test", "--workspace", FEATURES, "--no-fail-fast"]),
    ("documentation", &["cargo", "doc", "--workspace", FEATURES, "--no-deps", "--quiet"]),
    ("demo", &["cargo", "run", "--quiet", "--", "demo"]),
];

/// Runs all steps; stops at the first that fails.
///
/// What needs a real server or a foreign client and cannot have it says `skipped: why`. Under CI (the variable `CI` is
/// set) nothing may be skipped.
pub(crate) fn run(root: &Path) -> Result<()> {
    timed("tidy", || tidy::run(root))?;
    for (title, command) in BEFORE {
        timed(title, || step(root, command))?;
    }
    timed("conformance", || conformance(root))
}

fn conformance(root: &Path) -> Result<()> {
    let python = Command::new(root.join("scripts/python.sh")).stderr(Stdio::inherit()).output();
    let python = python.context("cannot start scripts/python.sh")?;
    if !python.status.success() {
        return skipped("conformance: no Python environment with Kafka clients can be made here");
    }
    let python = String::from_utf8(python.stdout).context("a path is UTF-8")?;
    step(root, &[python.trim(), "conformance/run.py"])
}

#[expect(
    clippy::disallowed_methods,
    reason = "whether this is CI decides whether skipping is allowed"
)]
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty())
}

fn skipped(why: &str) -> Result<()> {
    println!("skipped: {why}");
    if is_ci() { bail!("nothing may be skipped under CI: {why}") } else { Ok(()) }
}

/// Runs a command, passes on what it prints, and notices what it skipped.
fn step(root: &Path, command: &[&str]) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { bail!("an empty step") };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .env("RUSTDOCFLAGS", "-D warnings")
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let mut skips = Vec::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            if line.trim_start().starts_with("skipped:") {
                skips.push(line);
            }
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed: {status}", command.join(" "));
    }
    if is_ci() && !skips.is_empty() {
        bail!("nothing may be skipped under CI:\n{}", skips.join("\n"));
    }
    Ok(())
}

fn timed(title: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("==> {title}");
    #[expect(clippy::disallowed_methods, reason = "the time that a step takes, for people")]
    let start = Instant::now();
    work().with_context(|| format!("step `{title}`"))?;
    println!("<== {title}: {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
