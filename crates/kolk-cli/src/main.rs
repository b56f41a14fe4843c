//! The command `kolk`: reads the arguments, runs one command, and turns its outcome into an exit status.
//!
//! The modules stand in three layers: what every command is given (environment, signals, output, connection), what
//! talks to a cluster (session, reader, writer), and one module for each family of commands.

mod environment;
mod signal;
mod failure;
mod output;
mod table;

mod settings;
mod embedded;
mod session;
mod reader;
mod writer;
mod record_text;

mod arguments;
mod broker;
mod completion;
mod consume;
mod demo;
mod explain;
mod generate;
mod group;
mod produce;
mod program;
mod reset;
mod run;
mod secrets;
mod state;
mod test;
mod topic;
mod verify;

use arguments::{Arguments, Command};
use clap::Parser;
use environment::Environment;
use kolk::time::SystemClock;
use output::Output;
use session::Context;
use signal::Stop;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context {
        environment: Environment::read(),
        clock: Arc::new(SystemClock::new()),
        stop: Stop::default(),
        out: Rc::new(Output::default()),
    };
    let outcome = run(&arguments.command, &context);
    let status = failure::report(outcome, &context.out);
    ExitCode::from(status)
}

/// Runs one command.
///
/// # Errors
/// Whatever went wrong; [`failure::report`] says it to the user.
fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Run(options) => run::run(options, context),
        Command::Explain(options) => explain::run(options, context),
        Command::Test(options) => test::run(options, context),
        Command::Demo(options) => demo::run(options, context),
        Command::Broker(options) => {
            let listen = options.listen.parse().map_err(|_| {
                failure::Failure::usage(format!("`{}` is not an address to listen on", options.listen))
                    .help("host and port are needed, for example 127.0.0.1:9092; port 0 lets the system choose")
            })?;
            broker::run(listen, &options.data, &options.settings()?)
        }
        Command::Topic(options) => topic::run(options, context),
        Command::Group(options) => group::run(options, context),
        Command::Produce(options) => produce::run(options, context),
        Command::Consume(options) => consume::run(options, context),
        Command::Verify(options) => verify::run(options, context),
        Command::State(options) => state::run(options, context),
        Command::Generate(options) => generate::run(options, context),
        Command::Reset(options) => reset::run(options, context),
        Command::Completion(options) => completion::run(options, context),
    }
}
