//! `kolk topic`: create, list, describe, alter, delete.

use crate::failure::Failure;
use crate::output::FormArgs;
use crate::reader;
use crate::session::{Context, Session, no_topic};
use crate::settings::ConnectionArgs;
use crate::table::Table;
use clap::{Args, Subcommand};
use kolk::client::admin::{
    Admin, ConfigChange, ConfigEntry, ConfigSource, Internal, NewTopic, Resource, TopicDescription,
    TopicSize,
};
use kolk_wire::ErrorCode;
use serde_json::{Map, Value, json};

/// Create, list, describe, alter and delete topics
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(Create),
    List(List),
    Describe(Describe),
    Alter(Alter),
    Delete(Delete),
}

/// Make a topic
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kolk topic create visits --partitions 2
  kolk topic create users --replication-factor 3 --topic-config cleanup.policy=compact
  kolk topic create visits --if-not-exists --topic-config retention.ms=86400000")]
struct Create {
    /// Its name: letters, digits, `.`, `_` and `-`
    name: String,
    /// Number of partitions; the broker's num.partitions if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// On how many brokers each partition is kept; the broker's default if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A topic setting under Kafka's name, such as retention.ms=3600000; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    topic_config: Vec<String>,
    /// Be content with a topic that is there already
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Show all topics
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kolk topic list
  kolk topic list --internal --output json")]
struct List {
    /// Also the cluster's own, such as __consumer_offsets
    #[arg(long)]
    internal: bool,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Show a topic's partitions, offsets and settings
#[derive(Debug, Args)]
#[command(after_help = "\
First and end are offsets: the first record that is still there, and one past the last (with read_committed, the default, \
one past the last that belongs to no open transaction).

Examples:
  kolk topic describe visits
  kolk topic describe visits --all-settings --output json")]
struct Describe {
    /// Its name
    name: String,
    /// Also settings that have their default value
    #[arg(long)]
    all_settings: bool,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Add partitions, or change settings
#[derive(Debug, Args)]
#[command(after_help = "\
Records stay where they are when partitions are added, so later records of a key may go to another partition.

Examples:
  kolk topic alter visits --partitions 4
  kolk topic alter visits --topic-config retention.ms=60000 --unset cleanup.policy")]
#[group(id = "change", required = true, multiple = true)]
struct Alter {
    /// Its name
    name: String,
    /// How many partitions it is to have; never fewer than it has
    #[arg(long, group = "change", value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// A setting to change, under Kafka's name; may be repeated
    #[arg(long, group = "change", value_name = "NAME=VALUE")]
    topic_config: Vec<String>,
    /// A setting that goes back to its default; may be repeated
    #[arg(long, group = "change", visible_alias = "delete-config", value_name = "NAME")]
    unset: Vec<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Delete topics with all their records
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kolk topic delete visits-batched visits-idempotent
  kolk topic delete visits --if-exists")]
struct Delete {
    /// Their names
    #[arg(required = true)]
    names: Vec<String>,
    /// Be content with a topic that is not there
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs one of the commands.
///
/// # Errors
/// What the cluster refuses, or [`Failure`] for a topic that is not there.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    match &options.command {
        Command::Create(options) => create(options, context),
        Command::List(options) => list(options, context),
        Command::Describe(options) => describe(options, context),
        Command::Alter(options) => alter(options, context),
        Command::Delete(options) => delete(options, context),
    }
}

fn create(options: &Create, context: &Context) -> anyhow::Result<()> {
    let session = Session::open(&options.connection, context)?;
    let topic = NewTopic {
        name: options.name.clone(),
        size: TopicSize { partitions: options.partitions, replicas: options.replication_factor },
        configs: pairs(&options.topic_config)?,
    };
    match session.admin()?.create_topic(&topic) {
        Ok(()) => Ok(context.out.line(format!("created topic {}", topic.name))?),
        Err(error)
            if options.if_not_exists && error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) =>
        {
            Ok(context.out.line(format!("topic {} is there already", topic.name))?)
        }
        Err(error) => Err(error.into()),
    }
}

/// `NAME=VALUE`, several times.
fn pairs(written: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let split = |pair: &String| {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`--topic-config {pair}` has no `=`"))
                .help("write --topic-config NAME=VALUE, for example retention.ms=3600000")
        })?;
        Ok((name.trim().to_owned(), value.to_owned()))
    };
    written.iter().map(split).collect()
}

fn list(options: &List, context: &Context) -> anyhow::Result<()> {
    let session = Session::open(&options.connection, context)?;
    let internal = if options.internal { Internal::Shown } else { Internal::Hidden };
    let topics = session.admin()?.list_topics(internal)?;
    if options.form.is_json() {
        let topic = |topic: &kolk::client::admin::TopicListing| {
            json!({
                "name": topic.name, "partitions": topic.partitions, "replicas": topic.replicas,
                "internal": topic.internal,
            })
        };
        return Ok(context.out.json(&topics.iter().map(topic).collect())?);
    }
    if topics.is_empty() {
        context.out.note(&format!("no topics on {}", session.place()));
        return Ok(());
    }
    let mut table = Table::new(&["topic", "partitions#", "replicas#"]);
    for topic in topics {
        table.row([topic.name, topic.partitions.to_string(), topic.replicas.to_string()]);
    }
    print(context, &table)
}

fn print(context: &Context, table: &Table) -> anyhow::Result<()> {
    for line in table.lines() {
        context.out.line(line)?;
    }
    Ok(())
}

fn describe(options: &Describe, context: &Context) -> anyhow::Result<()> {
    let session = Session::open(&options.connection, context)?;
    let topic = session.topic(&options.name)?;
    let bounds = reader::bounds(&session, &topic)?;
    let settings = session.admin()?.describe_configs(&Resource::Topic(topic.name.clone()))?;
    let settings: Vec<&ConfigEntry> = settings
        .iter()
        .filter(|entry| options.all_settings || entry.source == ConfigSource::Topic)
        .collect();
    let row = |partition: i32| bounds.get(&partition).copied().unwrap_or_default();
    if options.form.is_json() {
        let partitions = topic.partitions.iter().map(|it| {
            let (first, end) = row(it.partition);
            json!({
                "partition": it.partition, "leader": it.leader, "replicas": it.replicas,
                "in_sync": it.in_sync, "first": first.0, "end": end.0,
            })
        });
        let partitions: Vec<Value> = partitions.collect();
        let settings: Map<String, Value> =
            settings.iter().map(|entry| (entry.name.clone(), json!(entry.value))).collect();
        let topic = json!({ "name": topic.name, "partitions": partitions, "settings": settings });
        return Ok(context.out.json(&topic)?);
    }
    describe_text(context, &topic, &settings, row)
}

fn describe_text(
    context: &Context,
    topic: &TopicDescription,
    settings: &[&ConfigEntry],
    row: impl Fn(i32) -> (kolk::client::Offset, kolk::client::Offset),
) -> anyhow::Result<()> {
    let count = topic.partitions.len();
    let replicas = topic.partitions.first().map_or(0, |first| first.replicas.len());
    context.out.line(format!("topic {}: {count} partitions, {replicas} replicas", topic.name))?;
    let mut table = Table::new(&[
        "partition#",
        "first#",
        "end#",
        "records up to#",
        "leader#",
        "replicas",
        "in sync",
    ]);
    for it in &topic.partitions {
        let (first, end) = row(it.partition);
        table.row([
            it.partition.to_string(),
            first.to_string(),
            end.to_string(),
            (end.0 - first.0).to_string(),
            it.leader.map_or("none".to_owned(), |leader| leader.to_string()),
            list_of(&it.replicas),
            list_of(&it.in_sync),
        ]);
    }
    print(context, &table)?;
    for entry in settings {
        let value = entry.value.as_deref().unwrap_or(if entry.sensitive { "(secret)" } else { "" });
        context.out.line(format!("  {} = {value}", entry.name))?;
    }
    Ok(())
}

fn list_of(ids: &[i32]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn alter(options: &Alter, context: &Context) -> anyhow::Result<()> {
    let set = pairs(&options.topic_config)?;
    let session = Session::open(&options.connection, context)?;
    let topic = session.topic(&options.name)?;
    let mut admin = session.admin()?;
    let set = set.into_iter().map(|(name, value)| ConfigChange::Set { name, value });
    let unset = options.unset.iter().map(|name| ConfigChange::Remove { name: name.clone() });
    let changes: Vec<ConfigChange> = set.chain(unset).collect();
    if !changes.is_empty() {
        admin.alter_configs(&Resource::Topic(topic.name.clone()), &changes)?;
    }
    if let Some(count) = options.partitions {
        admin.grow_topic(&topic.name, count)?;
    }
    Ok(context.out.line(format!("altered topic {}", topic.name))?)
}

fn delete(options: &Delete, context: &Context) -> anyhow::Result<()> {
    let session = Session::open(&options.connection, context)?;
    let mut admin = session.admin()?;
    for name in &options.names {
        delete_one(name, options.if_exists, &mut admin, context)?;
    }
    Ok(())
}

fn delete_one(
    name: &str,
    if_exists: bool,
    admin: &mut Admin,
    context: &Context,
) -> anyhow::Result<()> {
    match admin.delete_topic(name) {
        Ok(()) => Ok(context.out.line(format!("deleted topic {name}"))?),
        Err(error) if error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
            if if_exists {
                return Ok(context.out.line(format!("there is no topic {name}"))?);
            }
            Err(no_topic(name, admin)?.into())
        }
        Err(error) => Err(error.into()),
    }
}
