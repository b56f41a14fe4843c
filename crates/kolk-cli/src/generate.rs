//! `kolk generate`: made-up input, the same for the same seed.

use crate::failure::Failure;
use crate::output::FormArgs;
use crate::session::{Context, Session};
use crate::settings::ConnectionArgs;
use crate::table::grouped;
use crate::writer::{Outgoing, Writer};
use clap::{Args, Subcommand};
use kolk::client::admin::{NewTopic, TopicDescription};
use kolk::testing::ads::{Kind, VisitsAndAds};
use kolk::testing::user_visits::UserVisits;
use kolk::testing::visits::Visits;
use kolk::time::Moment;
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
    Sessions(SessionsOptions),
    Ads(AdsOptions),
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
    #[command(flatten)]
    common: Common,
}

/// Write visits of users that come in sessions, as JSON
///
/// Users are active for a while, then come back much later; event times are up to 8 seconds out of order. Records have no key and go
/// to the partitions in turn. The same seed gives the same bytes. Input for examples/sessions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kolk generate sessions --topic visits --count 20000 --seed 7")]
struct SessionsOptions {
    /// The topic; made with --partitions if it is not there
    #[arg(long, default_value = "visits")]
    topic: String,
    #[command(flatten)]
    common: Common,
}

/// Write visits and the ads displayed on their pages into two topics, as JSON
///
/// Some ads are displayed within two minutes after a visit on their page; event times are up to 8 minutes out of order. Records have no
/// key and go to the partitions in turn. The same seed gives the same bytes. Input for examples/dynamic-joiner.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kolk generate ads --count 20000 --seed 7
  kolk generate ads --visits-topic v --ads-topic a --rate 100")]
struct AdsOptions {
    /// The topic of the visits; made with --partitions if it is not there
    #[arg(long, default_value = "visits", value_name = "TOPIC")]
    visits_topic: String,
    /// The topic of the ads; made with --partitions if it is not there
    #[arg(long, default_value = "ads", value_name = "TOPIC")]
    ads_topic: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
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

/// A record in the making, whose texts are used again for the next.
#[derive(Debug, Default)]
struct Draft {
    /// Which of the topics it goes to.
    topic: usize,
    key: Option<String>,
    value: String,
}

/// Runs the command.
///
/// # Errors
/// What the cluster refuses; [`Failure`] when a signal comes before the end.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    let (names, common) = match &options.command {
        Command::Visits(options) => (vec![&options.topic], &options.common),
        Command::Sessions(options) => (vec![&options.topic], &options.common),
        Command::Ads(options) => (vec![&options.visits_topic, &options.ads_topic], &options.common),
    };
    let session = Session::open(&common.connection, context)?;
    context.stop.catch_signals()?;
    let ensure = |name: &&String| ensure_topic(&session, name, common.partitions);
    let topics = names.iter().map(ensure).collect::<anyhow::Result<Vec<TopicDescription>>>()?;
    let plan = Plan { count: common.count, seed: common.seed, rate: common.rate };
    let start = context.clock.monotonic();
    let written = match options.command {
        Command::Visits(_) => vec![write_visits(&session, &topics[0], plan, context)?],
        Command::Sessions(_) => {
            let mut visits = UserVisits::new(plan.seed);
            let mut draw = |draft: &mut Draft| visits.next_into(&mut draft.value);
            write(&session, &topics, plan, context, &mut draw)?
        }
        Command::Ads(_) => {
            let mut both = VisitsAndAds::new(plan.seed);
            let mut draw = |draft: &mut Draft| {
                draft.topic = usize::from(both.next_into(&mut draft.value) == Kind::Ad);
            };
            write(&session, &topics, plan, context, &mut draw)?
        }
    };
    let took = context.clock.monotonic().since(start);
    report(&topics, &written, plan, took, (common.form.is_json(), context))?;
    if written.iter().sum::<u64>() < plan.count {
        let count = plan.count;
        return Err(Failure::failed(format!("stopped before {count} records were written")).into());
    }
    Ok(())
}

fn report(
    topics: &[TopicDescription],
    written: &[u64],
    plan: Plan,
    took: Duration,
    (is_json, context): (bool, &Context),
) -> anyhow::Result<()> {
    for (topic, written) in topics.iter().zip(written) {
        if is_json {
            context.out.json(&json!({
                "topic": topic.name, "records": written, "seed": plan.seed, "seconds": took.as_secs_f64(),
            }))?;
        } else {
            context.out.line(format!(
                "wrote {} records into {} (seed {}, {} partitions) in {:.1} s",
                grouped(*written),
                topic.name,
                plan.seed,
                topic.partitions.len(),
                took.as_secs_f64()
            ))?;
        }
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
    let mut visits = Visits::new(plan.seed);
    let mut draw = |draft: &mut Draft| {
        visits.next_into(draft.key.get_or_insert_default(), &mut draft.value);
    };
    let written = write(session, std::slice::from_ref(topic), plan, context, &mut draw)?;
    Ok(written.into_iter().sum())
}

/// Writes what is drawn until all is acknowledged, or a signal comes; returns how many records are, for each topic. Those without a key
/// go to the topic's partitions in turn.
fn write(
    session: &Session,
    topics: &[TopicDescription],
    plan: Plan,
    context: &Context,
    draw: &mut dyn FnMut(&mut Draft),
) -> anyhow::Result<Vec<u64>> {
    let writer = |topic| Writer::new(session, topic, "record", &context.out);
    let mut writers = topics.iter().map(writer).collect::<anyhow::Result<Vec<Writer>>>()?;
    let mut turns = vec![0; topics.len()];
    let (mut draft, start) = (Draft::default(), context.clock.monotonic());
    for number in 0..plan.count {
        if let Some(rate) = plan.rate {
            let due = start + Duration::from_secs(number) / rate;
            wait(&mut writers, due, context)?;
        }
        if context.stop.is_wanted() {
            break;
        }
        draw(&mut draft);
        let partitions = i32::try_from(topics[draft.topic].partitions.len()).unwrap_or(1).max(1);
        let turn = &mut turns[draft.topic];
        writers[draft.topic].send(&Outgoing {
            key: draft.key.as_ref().map(String::as_bytes),
            value: Some(draft.value.as_bytes()),
            headers: &[],
            partition: draft.key.is_none().then_some(*turn),
            number: number + 1,
        })?;
        *turn = (*turn + 1) % partitions;
    }
    writers.iter_mut().try_for_each(|writer| writer.finish(&context.stop))?;
    Ok(writers.iter().map(Writer::acknowledged).collect())
}

/// Lets the writers work until a record is due, or a signal comes.
fn wait(writers: &mut [Writer], due: Moment, context: &Context) -> anyhow::Result<()> {
    while context.clock.monotonic() < due && !context.stop.is_wanted() {
        let left = context.clock.monotonic().until(due).min(crate::reader::WAIT_MAX);
        let share = left / u32::try_from(writers.len()).unwrap_or(1);
        writers.iter_mut().try_for_each(|writer| writer.step(share))?;
    }
    Ok(())
}
