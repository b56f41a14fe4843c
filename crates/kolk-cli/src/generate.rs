//! `kolk generate`: made-up input, the same for the same seed.

use crate::failure::Failure;
use crate::output::FormArgs;
use crate::session::{Context, Session};
use crate::settings::ConnectionArgs;
use crate::table::grouped;
use crate::writer::{Outgoing, Writer};
use clap::{Args, Subcommand};
use kolk::client::admin::{NewTopic, TopicDescription};
use kolk::testing::visits::Visits;
use serde_json::json;
use std::time::Duration;

/// Write made-up records into a topic
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Visits(VisitsOptions),
}

/// Write visits of a web site, as JSON
///
/// The key is the visit's id. Within a visit event times rise, and no two records are equal. The same seed and count
/// give the same bytes; partitions are chosen by the key, as Kafka's clients do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kolk generate visits --topic visits --count 20000 --seed 7
  kolk generate visits --topic visits --count 100000 --rate 1000")]
struct VisitsOptions {
    /// The topic; made with --partitions if it is not there
    #[arg(long, default_value = "visits")]
    topic: String,
    /// How many records
    #[arg(long, default_value_t = 1000, value_name = "N")]
    count: u64,
    /// What the records are made from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Partitions of a topic that has to be made
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
    /// Records per second; as fast as possible if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Records.
    pub(crate) count: u64,
    /// Seed.
    pub(crate) seed: u64,
    /// Records per second.
    pub(crate) rate: Option<u32>,
}

/// Runs the command.
///
/// # Errors
/// What the cluster refuses; [`Failure`] when a signal comes before the end.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    let Command::Visits(options) = &options.command;
    let session = Session::open(&options.connection, context)?;
    context.stop.catch_signals()?;
    let topic = ensure_topic(&session, &options.topic, options.partitions)?;
    let plan = Plan { count: options.count, seed: options.seed, rate: options.rate };
    let start = context.clock.monotonic();
    let written = write_visits(&session, &topic, plan, context)?;
    let took = context.clock.monotonic().since(start);
    if options.form.is_json() {
        let report = json!({
            "topic": topic.name, "records": written, "seed": plan.seed, "seconds": took.as_secs_f64(),
        });
        context.out.json(&report)?;
    } else {
        let line = format!(
            "wrote {} visits into {} (seed {}, {} partitions) in {:.1} s",
            grouped(written),
            topic.name,
            plan.seed,
            topic.partitions.len(),
            took.as_secs_f64()
        );
        context.out.line(line)?;
    }
    if written < plan.count {
        return Err(
            Failure::failed(format!("stopped before {} visits were written", plan.count)).into()
        );
    }
    Ok(())
}

/// The topic, made with `partitions` if it is not there.
///
/// # Errors
/// What the cluster refuses.
pub(crate) fn ensure_topic(
    session: &Session,
    name: &str,
    partitions: i32,
) -> anyhow::Result<TopicDescription> {
    Ok(session.admin()?.ensure_topic(&NewTopic::new(name, partitions))?)
}

/// Writes visits until all are acknowledged, or a signal comes; returns how many are.
///
/// # Errors
/// What the cluster refuses.
pub(crate) fn write_visits(
    session: &Session,
    topic: &TopicDescription,
    plan: Plan,
    context: &Context,
) -> anyhow::Result<u64> {
    let mut writer = Writer::new(session, topic, "visit", &context.out)?;
    let mut visits = Visits::new(plan.seed);
    let (mut key, mut value) = (String::new(), String::new());
    let start = writer.now();
    for number in 0..plan.count {
        if let Some(rate) = plan.rate {
            let due = start + Duration::from_secs(number) / rate;
            while writer.now() < due && !context.stop.is_wanted() {
                let left = writer.now().until(due);
                writer.step(left.min(crate::reader::WAIT_MAX))?;
            }
        }
        if context.stop.is_wanted() {
            break;
        }
        visits.next_into(&mut key, &mut value);
        writer.send(&Outgoing {
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &[],
            partition: None,
            number: number + 1,
        })?;
    }
    writer.finish(&context.stop)?;
    Ok(writer.acknowledged())
}
