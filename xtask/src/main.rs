//! Tasks of this repository: `cargo xtask tidy`, `cargo xtask ci`, `cargo xtask soak`.
#![allow(
    clippy::print_stdout,
    reason = "a command line program that reports on its standard output"
)]

mod ci;
mod crates;
mod soak;
mod tidy;

use anyhow::{Result, bail};
use std::path::PathBuf;

const HELP: &str = "\
cargo xtask <TASK>

  tidy                the rules that no compiler checks: file shape, names, licences, the crate graph
  ci                  all that the project's CI runs, in order, from nothing
  soak [OPTIONS]      the whole fault matrices: every fault, every delivery mode, state, both brokers, every store
                        --seeds N       seeds for each combination (default 3)
                        --visits N      visits (rows, for a store) for each run (default 100000)
                        --seed S        the first seed (default 1): with --seeds 1 a run is repeated
                        --only TEXT     only cases whose name contains this, as they are printed
                        --delivery      only the matrix of delivery; --state: only that of state; --stores: of stores
                        --debug         with the debug build
                        --write-docs    write the tables to docs/faults.md
";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first().map(|(task, rest)| (task.as_str(), rest)) {
        Some(("tidy", [])) => tidy::run(&root()),
        Some(("ci", [])) => ci::run(&root()),
        Some(("soak", rest)) => soak::run(&root(), rest),
        Some(("help" | "--help" | "-h", _)) | None => {
            println!("{HELP}");
            Ok(())
        }
        Some((task, _)) => bail!("there is no task `{task}` with these arguments\n\n{HELP}"),
    }
}

/// The workspace's root: this crate lies directly below it.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").components().collect()
}
