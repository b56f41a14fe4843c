//! `kolk explain`: the plan of a program as text.

use crate::program;
use crate::session::Context;
use clap::Args;
use kolk::explain::Physical;
use std::path::PathBuf;

/// Show how a program would run, without running it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kolk explain examples/fifo
  kolk explain app.sql --app mail")]
pub(crate) struct Options {
    /// A .sql file, or a folder of them
    #[arg(value_name = "FILE|FOLDER")]
    path: PathBuf,
    /// The application's name; that of the file or folder if absent
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
}

/// Prints the plan.
///
/// # Errors
/// What is wrong with the program.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    let loaded = program::load(&options.path, options.app.as_deref())?;
    if loaded.program.topology.queries.is_empty() {
        context.out.note("no statement here runs: there is no CREATE STREAM … AS SELECT …");
        return Ok(());
    }
    let plan = Physical::new(&loaded.program.topology, &loaded.app)?;
    Ok(context.out.bytes(plan.to_string().as_bytes())?)
}
