//! The command line as data: every command with its options; each family's are in its own module.

use crate::failure::Failure;
use crate::{
    completion, consume, demo, explain, generate, group, produce, reset, run, state, test, topic,
    verify,
};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Stream processing on Apache Kafka with declared delivery order.
#[derive(Debug, Parser)]
#[command(
    name = "kolk",
    version,
    about,
    max_term_width = 100,
    propagate_version = false,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  kolk demo                                             everything at once, in ten seconds
  kolk generate visits --topic visits --count 20000     some input
  kolk run examples/fifo --until-end                    run the statements of a folder
  kolk verify order --topic visits-batched --key visit_id --by event_time --against visits
  kolk run app.sql --bootstrap-servers kafka:9092       the same on Apache Kafka

Without --bootstrap-servers (or KOLK_BOOTSTRAP_SERVERS) an embedded broker keeps its data in ./.kolk/broker: the \
first command starts it, others in the same folder find it.

Exit status: 0 done; 1 the work failed or a check found something; 2 what was asked for cannot be; 3 the cluster \
cannot be reached or refuses. docs/cli.md tells more."
)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, those of the main path first.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::Options),
    Explain(explain::Options),
    Test(test::Options),
    Demo(demo::Options),
    Broker(BrokerArgs),
    Topic(topic::Options),
    Group(group::Options),
    Produce(produce::Options),
    Consume(consume::Options),
    Verify(verify::Options),
    State(state::Options),
    Generate(generate::Options),
    Reset(reset::Options),
    Completion(completion::Options),
}

/// Run the embedded broker as a process of its own
#[derive(Debug, Args)]
#[command(after_help = "\
Prints one line, `ready HOST:PORT`, when it serves. SIGTERM and SIGINT stop it cleanly.

Examples:
  kolk broker --listen 127.0.0.1:9092 --data /var/lib/kolk
  kolk broker --data data --set log.retention.ms=60000 --set num.partitions=4")]
pub(crate) struct BrokerArgs {
    /// Address to listen on; port 0 lets the system choose one
    #[arg(long, default_value = "127.0.0.1:9092", value_name = "HOST:PORT")]
    pub(crate) listen: String,
    /// Folder for logs and journals; made if need be, locked while the broker runs
    #[arg(long, default_value = crate::embedded::FOLDER, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// A broker setting under Kafka's name, as in server.properties; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

impl BrokerArgs {
    /// The settings, name and value apart.
    ///
    /// # Errors
    /// [`Failure`] for one without `=`.
    pub(crate) fn settings(&self) -> Result<Vec<(String, String)>, Failure> {
        let split = |pair: &String| {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                Failure::usage(format!("`--set {pair}` has no `=`")).help("write --set NAME=VALUE")
            })?;
            Ok((name.to_owned(), value.to_owned()))
        };
        self.set.iter().map(split).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_tells_what_it_is_for_and_shows_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no description");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path}: {} has no help", argument.get_id());
            }
            if command.get_subcommands().next().is_none() {
                assert!(command.get_after_help().is_some(), "{path} has no examples");
            }
            command.get_subcommands().for_each(|command| check(command, &path));
        }
        check(&Arguments::command(), "");
    }
}
