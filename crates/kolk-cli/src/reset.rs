//! `kolk reset`: an application forgets what it has done.

use crate::failure::Failure;
use crate::program::check_name;
use crate::run::StateArgs;
use crate::session::{Context, Session};
use crate::settings::ConnectionArgs;
use clap::Args;
use kolk::client::admin::{Admin, Internal};
use kolk::state::local::application_folder;
use kolk_wire::ErrorCode;
use std::fs;
use std::path::Path;

/// What an application's internal topics end with.
const INTERNAL_SUFFIXES: &[&str] = &["-repartition", "-changelog", "-outbox"];

/// Make an application start anew: delete its offsets, internal topics and local state
///
/// Deletes the consumer groups APP-* with their committed offsets, the internal topics APP-*-repartition,
/// APP-*-changelog and APP-*-outbox, and the application's state in the state directory. Input and output topics stay. The application
/// must not be running.
///
/// Positions that a store keeps in its own transactions stay: rows that it has already are passed over. For connector 'postgresql' delete
/// them from its table kolk_offsets to have everything written anew.
#[derive(Debug, Args)]
#[command(after_help = "\
An application whose name begins with `APP-` counts as part of APP: --dry-run shows what would go.

Examples:
  kolk reset fifo --dry-run
  kolk reset fifo")]
pub(crate) struct Options {
    /// The application's name
    app: String,
    /// Only show what would be deleted
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the application runs; what the cluster refuses.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    check_name(&options.app)?;
    let session = Session::open(&options.connection, context)?;
    let mut admin = session.admin()?;
    let prefix = format!("{}-", options.app);
    let groups: Vec<String> = admin
        .list_groups()?
        .into_iter()
        .map(|group| group.id)
        .filter(|id| id.starts_with(&prefix))
        .collect();
    refuse_if_running(&options.app, &groups, &mut admin)?;
    let topics = admin.list_topics(Internal::Hidden)?.into_iter().map(|topic| topic.name);
    let topics: Vec<String> = topics
        .filter(|name| name.starts_with(&prefix))
        .filter(|name| INTERNAL_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)))
        .collect();
    let state = application_folder(&options.state.folder(context), &options.app);
    let state = Some(state).filter(|path| path.exists());
    if groups.is_empty() && topics.is_empty() && state.is_none() {
        context.out.note(&format!(
            "application {} has left nothing on {}",
            options.app,
            session.place()
        ));
        return Ok(());
    }
    let deleted = if options.dry_run { "would delete" } else { "deleted" };
    for group in &groups {
        if !options.dry_run {
            delete_group(group, &mut admin)?;
        }
        context.out.line(format!("{deleted} group {group} with its offsets"))?;
    }
    for topic in &topics {
        if !options.dry_run {
            admin.delete_topic(topic)?;
        }
        context.out.line(format!("{deleted} topic {topic}"))?;
    }
    if let Some(state) = state {
        if !options.dry_run {
            delete_state(&state)?;
        }
        context.out.line(format!("{deleted} state {}", state.display()))?;
    }
    Ok(())
}

/// A static member of an instance that has ended stays in its group until the session's time-out; it counts as running, for
/// nobody can tell the difference.
fn refuse_if_running(app: &str, groups: &[String], admin: &mut Admin) -> anyhow::Result<()> {
    for id in groups {
        let group = admin.describe_group(id)?;
        if let Some(member) = group.members.first() {
            let what =
                format!("application {app} is running: group {id} has a member at {}", member.host);
            let help = "stop it first; a member that ended without a word is forgotten after session.timeout.ms (45 s)";
            return Err(Failure::usage(what).help(help).into());
        }
    }
    Ok(())
}

fn delete_group(group: &str, admin: &mut Admin) -> anyhow::Result<()> {
    match admin.delete_group(group) {
        // Somebody else was faster, or the last member left nothing.
        Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => Ok(()),
        outcome => Ok(outcome?),
    }
}

fn delete_state(path: &Path) -> anyhow::Result<()> {
    fs::remove_dir_all(path).map_err(|error| {
        Failure::failed(format!("cannot delete {}: {error}", path.display())).into()
    })
}
