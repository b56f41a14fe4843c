//! `cargo xtask ci`: every check, in the order in which a failure is cheapest to learn of.

use crate::tidy;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// One step: a title and the command line.
const STEPS: &[(&str, &[&str])] = &[
    ("format", &["cargo", "fmt", "--all", "--check"]),
    ("lints", &["cargo", "clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
    ("tests", &["cargo", "test", "--workspace", "--quiet", "--no-fail-fast"]),
];

/// Runs all steps; stops at the first that fails.
pub(crate) fn run(root: &Path) -> Result<()> {
    timed("tidy", || tidy::run(root))?;
    for (title, command) in STEPS {
        timed(title, || step(root, command))?;
    }
    Ok(())
}

fn step(root: &Path, command: &[&str]) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { bail!("an empty step") };
    let status = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .env("RUSTDOCFLAGS", "-D warnings")
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        bail!("`{}` failed: {status}", command.join(" "));
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
