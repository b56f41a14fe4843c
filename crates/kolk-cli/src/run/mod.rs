//! `kolk run`: a program, until its end or a signal.

mod monitor;
mod totals;

use totals::Clocks;
pub(crate) use totals::Totals;

use crate::failure::Failure;
use crate::output::FormArgs;
use crate::program::{self, Loaded};
use crate::secrets;
use crate::session::{Context, Session};
use crate::settings::ConnectionArgs;
use clap::Args;
use kolk::runtime::{Application, ApplicationOptions, Until};
use monitor::Monitor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where instances keep their ids and state.
pub(crate) const STATE_FOLDER: &str = ".kolk/state";
/// How often the state of queries is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Run the statements of a file or folder
///
/// Each persistent statement is a query with its own consumer group, NAME-QUERY. A new application starts with the first
/// records that are still there. SIGTERM and Ctrl-C finish what was read, commit, and end with status 0; a second one ends at
/// once. Instances of one application share the partitions; give each its own --state-dir unless they run on one machine.
#[derive(Debug, Args)]
#[command(after_help = "\
A query that fails is told at once and stops; the others go on, and the exit status is 1. At the end the books are shown:
records read (+ rows made by joins and aggregations) = forwarded + filtered + skipped + dead-lettered (+ late + null key
+ taken into state), rows delivered = forwarded − too large. A query with state may have several stages, each with a line.

Examples:
  kolk run examples/fifo --until-end
  kolk run app.sql --bootstrap-servers kafka-1:9092,kafka-2:9092 --set security.protocol=SSL
  KOLK_BOOTSTRAP_SERVERS=kafka:9092 kolk run app.sql --app mail --until-end --output json")]
pub(crate) struct Options {
    /// A .sql file, or a folder of them
    #[arg(value_name = "FILE|FOLDER")]
    path: PathBuf,
    /// The application's name: groups and internal topics begin with it; that of the file or folder if absent
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// End when everything is delivered and committed that the inputs held at the start
    #[arg(long)]
    until_end: bool,
    /// Time between commits, in milliseconds: the longest that a reader of committed records waits for one
    #[arg(long, default_value_t = 100, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    commit_interval_ms: u64,
    /// What all queries may hold in memory, as 512MiB; the least of this and what the statements say [env: KOLK_MEMORY_MAX]
    #[arg(long, value_name = "AMOUNT", value_parser = kolk_sql::size::parse)]
    memory_max: Option<usize>,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// `--state-dir`.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// Folder for the instance's id and state; .kolk/state if absent [env: KOLK_STATE_DIR]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

impl StateArgs {
    /// The folder.
    pub(crate) fn folder(&self, context: &Context) -> PathBuf {
        let variable = || context.environment.get("KOLK_STATE_DIR").map(PathBuf::from);
        self.state_dir.clone().or_else(variable).unwrap_or_else(|| PathBuf::from(STATE_FOLDER))
    }
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the program or the cluster; [`Failure`] when a query failed.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    let memory_max = memory_max(options, context)?;
    let mut loaded = program::load(&options.path, options.app.as_deref())?;
    secrets::resolve(&mut loaded.program.topology, &context.environment)?;
    let session = Session::open(&options.connection, context)?;
    context.stop.catch_signals()?;
    let application = ApplicationOptions {
        name: loaded.app.clone(),
        client: session.config().clone(),
        state: options.state.folder(context),
        until: if options.until_end { Until::End } else { Until::Stopped },
        commit_interval: Duration::from_millis(options.commit_interval_ms),
        memory_max,
    };
    let shown = if options.form.is_json() { Shown::Nothing } else { Shown::Progress };
    if shown == Shown::Progress {
        let count = loaded.program.topology.queries.len();
        let queries = if count == 1 { "query" } else { "queries" };
        context.out.note(&format!("{}: {count} {queries} on {}", loaded.app, session.place()));
    }
    let totals = run_application(&loaded, application, shown, context)?;
    if options.form.is_json() {
        context.out.json(&totals.to_json(&loaded.app))?;
    } else {
        for line in totals.lines() {
            context.out.line(line)?;
        }
    }
    totals.outcome()
}

/// The bound for memory: that of the command line, else the environment's.
fn memory_max(options: &Options, context: &Context) -> Result<Option<usize>, Failure> {
    let Some(text) = context.environment.get("KOLK_MEMORY_MAX") else {
        return Ok(options.memory_max);
    };
    let given = kolk_sql::size::parse(text);
    let given = given.map_err(|why| Failure::usage(format!("KOLK_MEMORY_MAX = {text}: {why}")))?;
    Ok(options.memory_max.or(Some(given)))
}

/// Whether progress is shown while an application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Live, or a line every few seconds.
    Progress,
    /// Only what goes wrong.
    Nothing,
}

/// Runs an application until it ends, or a signal comes.
///
/// # Errors
/// When it does not start. What its queries meet is in the totals.
pub(crate) fn run_application(
    loaded: &Loaded,
    options: ApplicationOptions,
    shown: Shown,
    context: &Context,
) -> anyhow::Result<Totals> {
    let start = context.clock.monotonic();
    let application = started(loaded, options, context)?;
    let stop = application.stop_handle();
    let mut monitor = Monitor::new(shown, start);
    let mut clocks = Clocks::default();
    let mut stopping = false;
    while !application.is_finished() {
        let status = application.status();
        monitor.show(&status, context);
        clocks.look(&status, context.clock.monotonic().since(start));
        if stopping {
            // The signal is there already: only time is waited for.
            crate::signal::Stop::default().wait(LOOK_INTERVAL);
        } else if context.stop.wait(LOOK_INTERVAL) {
            stopping = true;
            stop.stop();
            if shown == Shown::Progress {
                context.out.note(
                    "stopping: what was read is finished and committed (again to end at once)",
                );
            }
        }
    }
    context.out.clear_live();
    let took = context.clock.monotonic().since(start);
    let status = application.status();
    clocks.look(&status, took);
    status.iter().for_each(|query| monitor.tell_news(query, context));
    Ok(Totals::new(application.join(), clocks, took))
}

/// The application, started.
#[cfg(not(feature = "failpoints"))]
fn started(
    loaded: &Loaded,
    options: ApplicationOptions,
    context: &Context,
) -> anyhow::Result<Application> {
    Ok(Application::start(&loaded.program.topology, options, Arc::clone(&context.clock))?)
}

/// The same; `KOLK_FAILPOINT` says where the process ends, `KOLK_BUG` which mistake it makes.
#[cfg(feature = "failpoints")]
fn started(
    loaded: &Loaded,
    options: ApplicationOptions,
    context: &Context,
) -> anyhow::Result<Application> {
    let failpoints = kolk::runtime::Failpoints::default();
    if let Some(failpoint) = context.environment.get("KOLK_FAILPOINT") {
        failpoints.arm(failpoint.parse().map_err(anyhow::Error::msg)?);
    }
    if let Some(bug) = context.environment.get("KOLK_BUG") {
        failpoints.plant(bug.parse().map_err(anyhow::Error::msg)?);
    }
    let clock = Arc::clone(&context.clock);
    Ok(Application::start_failing(&loaded.program.topology, options, clock, &failpoints)?)
}

/// The failure of a run with failed queries.
fn failed(count: usize) -> Failure {
    let queries = if count == 1 { "a query".to_owned() } else { format!("{count} queries") };
    Failure::failed(format!("{queries} failed"))
}
