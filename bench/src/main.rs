//! Kolk beside its rivals, in one run, against the same Apache Kafka and on the same data.
//!
//! ```text
//! cargo run --release -p bench -- client      consume and produce, against librdkafka
//! cargo run --release -p bench -- copy        whole jobs, exactly once, against Kafka Streams
//! cargo run --release -p bench -- state       windows, sessions and a join, against Kafka Streams
//! cargo run --release -p bench -- latency     how long records are under way
//! cargo run --release -p bench -- recovery    from a start after kill -9 to the first output
//! cargo run --release -p bench -- keys        what an event costs with 10 k to 1 M keys
//! cargo run --release -p bench -- sinks       rows into stores, against Python programs
//! cargo run --release -p bench -- inside      the operators of those alone, without a broker
//! ```
//!
//! Every contender is a process of its own. What is compared is the CPU time, user and system, that the process took for
//! one more record: the difference between a run over many records and one over few, so that neither start-up nor
//! compilation of hot code counts. Runs are repeated in turns, and medians are told. What was written is read again and
//! compared with what it must be, record by record and in order.
#![expect(clippy::print_stdout, reason = "the table is what the program is for")]

mod books;
mod client;
mod copy;
mod data;
mod digest;
mod docs;
mod events;
mod first_output;
mod floor;
mod inside;
mod job;
mod kafka;
mod keys;
mod latency;
mod link;
mod machine;
mod measure;
mod open_loop;
mod place;
mod plot;
mod pool;
mod process;
mod reader;
mod recovery;
mod rivals;
mod server;
mod setup;
mod sinks;
mod state;
mod table;
mod worker;
mod writer;

use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "bench", about = "Kolk beside its rivals: CPU per record")]
struct Arguments {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Debug, Subcommand)]
enum Suite {
    /// Consume and produce, against librdkafka
    Client(Options),
    /// Ordered copy, and filter + project, exactly once, against Kafka Streams
    Copy(Options),
    /// Windowed counts, sessions and a join, exactly once, against Kafka Streams
    State(Options),
    /// How long records are under way at parts of the sustainable rate
    Latency(Options),
    /// From the start after `kill -9` to the first output
    Recovery(Options),
    /// What an event costs with 10 k to 1 M keys, also as a plot
    Keys(Options),
    /// Rows into stores other than Kafka, against the Python programs that users write
    Sinks(Options),
    /// The operators of `state` alone, without a broker
    Inside(Options),
    /// What `client` measures of Kolk: one reader or writer
    #[command(hide = true)]
    Worker(worker::Arguments),
}

/// How a suite is run.
#[derive(Debug, Clone, Args)]
struct Options {
    /// Small inputs, one repetition: tries the harness, measures nothing
    #[arg(long)]
    quick: bool,
    /// The two input sizes
    #[arg(long, value_names = ["FEW", "MANY"], num_args = 2)]
    records: Option<Vec<u64>>,
    /// How often each contender runs over each input
    #[arg(long)]
    repeats: Option<usize>,
    /// Only contenders or jobs whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Put the table into docs/performance.md
    #[arg(long)]
    write_docs: bool,
    /// Keep Kafka's data in target/bench for the next run
    #[arg(long)]
    keep: bool,
}

/// The input sizes and repetitions of a run.
#[derive(Debug, Clone, Copy)]
struct Plan {
    few: u64,
    many: u64,
    repeats: usize,
}

impl Options {
    /// What to run, where nothing is said: these sizes, that often.
    fn plan(&self, few: u64, many: u64, repeats: usize) -> anyhow::Result<Plan> {
        let standard = if self.quick { (20_000, 100_000, 1) } else { (few, many, repeats) };
        let (few, many) = match self.records.as_deref() {
            Some(&[few, many]) => (few, many),
            _ => (standard.0, standard.1),
        };
        anyhow::ensure!(0 < few && few < many, "FEW is less than MANY, and not 0");
        Ok(Plan { few, many, repeats: self.repeats.unwrap_or(standard.2).max(1) })
    }

    /// How often a rival runs that takes much longer than Kolk, where nothing is said.
    fn rival_repeats(&self, standard: usize) -> usize {
        let standard = if self.quick { 1 } else { standard };
        self.repeats.unwrap_or(standard).max(1)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|part| name.contains(part))
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().suite {
        Suite::Client(options) => client::run(&options),
        Suite::Copy(options) => copy::run(&options),
        Suite::State(options) => state::run(&options),
        Suite::Latency(options) => latency::run(&options),
        Suite::Recovery(options) => recovery::run(&options),
        Suite::Keys(options) => keys::run(&options),
        Suite::Sinks(options) => sinks::run(&options),
        Suite::Inside(options) => inside::run(&options),
        Suite::Worker(arguments) => worker::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
