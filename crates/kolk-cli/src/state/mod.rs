//! `kolk state`: what queries remember on this machine.

mod get;
mod list;
mod tasks;
mod verify;

use crate::output::FormArgs;
use crate::run::StateArgs;
use crate::session::Context;
use crate::settings::ConnectionArgs;
use clap::{Args, Subcommand};

/// Look into the local state of queries, and check it
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListOptions),
    Get(GetOptions),
    Verify(VerifyOptions),
}

/// Whose state.
#[derive(Debug, Args)]
struct Selection {
    /// Only the state of this application
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    #[command(flatten)]
    state: StateArgs,
}

/// Show stores with their entries, bytes and positions in the changelogs
#[derive(Debug, Args)]
#[command(after_help = "\
Bytes are those of keys and values. The position is the next offset of the changelog topic, APPLICATION-STORE-changelog.

Examples:
  kolk state list
  kolk state list --app shop --output json")]
struct ListOptions {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    form: FormArgs,
}

/// Print the entries of a store, in the order of their keys
#[derive(Debug, Args)]
#[command(after_help = "\
Keys and values are JSON objects of the columns that they are made of; what is no columns is in `bytes`, in hexadecimal digits.

Examples:
  kolk state get visits_per_user-aggregate-1
  kolk state get visits_per_user-aggregate-1 --key alice
  kolk state get visits_per_user-aggregate-1 --key '{\"user\":\"alice\"}' --output json")]
struct GetOptions {
    /// The store's name, as `kolk state list` shows it
    store: String,
    /// Only entries whose key has a field with this value, or all fields of this JSON object
    #[arg(long, value_name = "VALUE|JSON")]
    key: Option<String>,
    /// Print at most this many entries
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    form: FormArgs,
}

/// Compare the local state with the replay of its changelogs
#[derive(Debug, Args)]
#[command(after_help = "\
Reads committed records only. Exit status 1 if a store is not what its changelog says, or cannot be read.

Examples:
  kolk state verify
  kolk state verify --app shop --bootstrap-servers kafka:9092")]
struct VerifyOptions {
    /// Show at most this many differences of each store
    #[arg(long, default_value_t = 5, value_name = "N")]
    show: usize,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs the command.
///
/// # Errors
/// What the files or the cluster refuse; [`CheckFailed`](crate::failure::CheckFailed) when state is not what it should be.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    match &options.command {
        Command::List(options) => list::run(options, context),
        Command::Get(options) => get::run(options, context),
        Command::Verify(options) => verify::run(options, context),
    }
}
