//! `kolk group`: list, describe, reset, delete.

use crate::failure::Failure;
use crate::output::FormArgs;
use crate::session::{Context, Session};
use crate::settings::ConnectionArgs;
use crate::table::Table;
use clap::{Args, Subcommand};
use kolk::client::admin::{Admin, GroupDescription, Internal};
use kolk::client::offsets::OffsetSpec;
use kolk::client::{Offset, TopicPartition};
use kolk::codec::timestamp;
use kolk::codec::zone::Zone;
use kolk::time::Timestamp;
use kolk_wire::ErrorCode;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// List, describe, reset and delete consumer groups
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Describe(Describe),
    Reset(Reset),
    Delete(Delete),
}

/// Show all groups
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kolk group list
  kolk group list --output json")]
struct List {
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Show a group's members, offsets and lag
#[derive(Debug, Args)]
#[command(after_help = "\
Lag is the number of offsets between the committed one and the end of the partition.

Examples:
  kolk group describe fifo-visits_batched
  kolk group describe mail --output json")]
struct Describe {
    /// Its name
    name: String,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Set a group's offsets; it must have no members
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kolk group reset mail --topic visits --to-earliest
  kolk group reset mail --topic visits --to-offset 100 --dry-run
  kolk group reset mail --to-datetime 2024-01-01T00:00:00Z
  kolk group reset mail --topic visits --shift-by -10")]
#[group(id = "target", required = true, multiple = false)]
struct Reset {
    /// Its name
    name: String,
    /// Only this topic, or with `topic:0,1` these partitions; may be repeated. All topics with committed offsets if absent
    #[arg(long, value_name = "TOPIC[:PARTITIONS]")]
    topic: Vec<String>,
    /// To the first record that is still there
    #[arg(long, group = "target")]
    to_earliest: bool,
    /// Behind the last record
    #[arg(long, group = "target")]
    to_latest: bool,
    /// To this offset, or the nearest there is
    #[arg(long, group = "target", value_name = "OFFSET")]
    to_offset: Option<i64>,
    /// By this many offsets, back when negative
    #[arg(long, group = "target", value_name = "N", allow_negative_numbers = true)]
    shift_by: Option<i64>,
    /// To the first record stamped at this time (ISO 8601; UTC without an offset) or later
    #[arg(long, group = "target", value_name = "TIME")]
    to_datetime: Option<String>,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Delete groups with their offsets, or their offsets of one topic
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kolk group delete mail
  kolk group delete mail --topic visits")]
struct Delete {
    /// Their names
    #[arg(required = true)]
    names: Vec<String>,
    /// Only the offsets of this topic, or with `topic:0,1` of these partitions
    #[arg(long, value_name = "TOPIC[:PARTITIONS]")]
    topic: Vec<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs one of the commands.
///
/// # Errors
/// What the cluster refuses; [`Failure`] for a group that is not there or has members.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    match &options.command {
        Command::List(options) => list(options, context),
        Command::Describe(options) => describe(options, context),
        Command::Reset(options) => reset(options, context),
        Command::Delete(options) => delete(options, context),
    }
}

fn list(options: &List, context: &Context) -> anyhow::Result<()> {
    let session = Session::open(&options.connection, context)?;
    let groups = session.admin()?.list_groups()?;
    if options.form.is_json() {
        let groups = groups.iter().map(|group| {
            json!({ "name": group.id, "state": group.state, "protocol_type": group.protocol_type })
        });
        return Ok(context.out.json(&groups.collect())?);
    }
    if groups.is_empty() {
        context.out.note(&format!("no groups on {}", session.place()));
        return Ok(());
    }
    let mut table = Table::new(&["group", "state", "used for"]);
    for group in groups {
        table.row([group.id, group.state, group.protocol_type]);
    }
    print(context, &table)
}

fn print(context: &Context, table: &Table) -> anyhow::Result<()> {
    for line in table.lines() {
        context.out.line(line)?;
    }
    Ok(())
}

/// What a group has read of a partition.
struct Progress {
    committed: Option<Offset>,
    end: Offset,
}

impl Progress {
    fn lag(&self) -> Option<i64> {
        self.committed.map(|committed| (self.end.0 - committed.0).max(0))
    }
}

fn describe(options: &Describe, context: &Context) -> anyhow::Result<()> {
    let session = Session::open(&options.connection, context)?;
    let mut admin = session.admin()?;
    let group = existing(&options.name, &mut admin)?;
    let committed = admin.group_offsets(&group.id)?;
    let assigned = group.members.iter().flat_map(|member| member.assignment.iter().cloned());
    let partitions: BTreeSet<TopicPartition> = committed.keys().cloned().chain(assigned).collect();
    let ends = offsets(&mut admin, &partitions, OffsetSpec::Latest)?;
    let progress: BTreeMap<&TopicPartition, Progress> = partitions
        .iter()
        .filter_map(|partition| {
            let committed = committed.get(partition).map(|it| it.offset);
            Some((partition, Progress { committed, end: *ends.get(partition)? }))
        })
        .collect();
    if options.form.is_json() {
        return Ok(context.out.json(&describe_json(&group, &progress))?);
    }
    let members = group.members.len();
    let s = if members == 1 { "" } else { "s" };
    context.out.line(format!("group {}: {}, {members} member{s}", group.id, group.state))?;
    let columns = ["topic", "partition#", "committed#", "end#", "lag#", "member", "host", "client"];
    let mut table = Table::new(&columns);
    for (partition, progress) in progress {
        let owner = group.members.iter().find(|member| member.assignment.contains(partition));
        let dash = |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
        table.row([
            partition.topic.to_string(),
            partition.partition.to_string(),
            dash(progress.committed.map(|offset| offset.0)),
            progress.end.to_string(),
            dash(progress.lag()),
            owner.map_or("-".to_owned(), |member| member.id.clone()),
            owner.map_or("-".to_owned(), |member| member.host.clone()),
            owner.map_or("-".to_owned(), |member| member.client_id.clone()),
        ]);
    }
    print(context, &table)
}

fn describe_json(
    group: &GroupDescription,
    progress: &BTreeMap<&TopicPartition, Progress>,
) -> Value {
    let members = group.members.iter().map(|member| {
        let partitions: Vec<String> = member.assignment.iter().map(ToString::to_string).collect();
        json!({
            "id": member.id, "instance_id": member.instance_id, "client_id": member.client_id,
            "host": member.host, "partitions": partitions,
        })
    });
    let members: Vec<Value> = members.collect();
    let offsets = progress.iter().map(|(partition, progress)| {
        json!({
            "topic": *partition.topic, "partition": partition.partition,
            "committed": progress.committed.map(|offset| offset.0), "end": progress.end.0,
            "lag": progress.lag(),
        })
    });
    let offsets: Vec<Value> = offsets.collect();
    json!({
        "name": group.id, "state": group.state, "assignor": group.assignor, "members": members,
        "offsets": offsets,
    })
}

/// The group, if there is one; a coordinator calls one that is not there dead.
fn existing(name: &str, admin: &mut Admin) -> anyhow::Result<GroupDescription> {
    let group = admin.describe_group(name)?;
    if group.state != "Dead" {
        return Ok(group);
    }
    let groups = admin.list_groups()?;
    let failure = Failure::usage(format!("there is no group `{name}`"));
    let nearest = crate::session::nearest(name, groups.iter().map(|group| group.id.as_str()));
    Err(failure
        .help(match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "`kolk group list` shows the groups".to_owned(),
        })
        .into())
}

/// Offsets of partitions whose topics still exist.
fn offsets(
    admin: &mut Admin,
    partitions: &BTreeSet<TopicPartition>,
    spec: OffsetSpec,
) -> anyhow::Result<BTreeMap<TopicPartition, Offset>> {
    let topics: BTreeSet<String> =
        admin.list_topics(Internal::Shown)?.into_iter().map(|topic| topic.name).collect();
    let there = partitions.iter().filter(|it| topics.contains(&*it.topic));
    let found = admin.list_offsets(there.map(|it| (it.clone(), spec)))?;
    Ok(found.into_iter().filter_map(|(it, found)| Some((it, found.offset?))).collect())
}

fn reset(options: &Reset, context: &Context) -> anyhow::Result<()> {
    let time = options.to_datetime.as_deref().map(parse_time).transpose()?;
    let session = Session::open(&options.connection, context)?;
    let mut admin = session.admin()?;
    let group = admin.describe_group(&options.name)?;
    if !group.members.is_empty() {
        let what = format!("group `{}` has {} members", group.id, group.members.len());
        return Err(Failure::usage(what)
            .help("stop them first; `kolk group describe` shows them")
            .into());
    }
    let committed = admin.group_offsets(&options.name)?;
    let partitions = if options.topic.is_empty() {
        committed.keys().cloned().collect()
    } else {
        named_partitions(&options.topic, &mut admin)?
    };
    if partitions.is_empty() {
        let what = format!("group `{}` has committed nothing", options.name);
        return Err(Failure::usage(what).help("name topics with --topic").into());
    }
    let firsts = offsets(&mut admin, &partitions, OffsetSpec::Earliest)?;
    let ends = offsets(&mut admin, &partitions, OffsetSpec::Latest)?;
    let at_time = match time {
        Some(time) => offsets(&mut admin, &partitions, OffsetSpec::From(time))?,
        None => BTreeMap::new(),
    };
    let mut targets = BTreeMap::new();
    for (partition, end) in &ends {
        let first = firsts.get(partition).copied().unwrap_or_default();
        let wanted = match (options.to_offset, options.shift_by) {
            (Some(offset), _) => Offset(offset),
            (None, Some(shift)) => {
                let from = committed.get(partition).map_or(first, |it| it.offset);
                Offset(from.0.saturating_add(shift))
            }
            (None, None) if options.to_earliest => first,
            (None, None) if options.to_latest => *end,
            (None, None) => at_time.get(partition).copied().unwrap_or(*end),
        };
        targets.insert(partition.clone(), wanted.clamp(first, (*end).max(first)));
    }
    if !options.dry_run {
        admin.set_group_offsets(&options.name, &targets)?;
    }
    let before = |partition: &TopicPartition| committed.get(partition).map(|it| it.offset.0);
    show_reset(options, &targets, before, context)
}

fn show_reset(
    options: &Reset,
    targets: &BTreeMap<TopicPartition, Offset>,
    before: impl Fn(&TopicPartition) -> Option<i64>,
    context: &Context,
) -> anyhow::Result<()> {
    if options.form.is_json() {
        let offsets = targets.iter().map(|(partition, offset)| {
            json!({
                "topic": *partition.topic, "partition": partition.partition,
                "before": before(partition), "offset": offset.0,
            })
        });
        return Ok(context.out.json(&offsets.collect())?);
    }
    let mut table = Table::new(&["topic", "partition#", "before#", "now#"]);
    for (partition, offset) in targets {
        table.row([
            partition.topic.to_string(),
            partition.partition.to_string(),
            before(partition).map_or("-".to_owned(), |offset| offset.to_string()),
            offset.to_string(),
        ]);
    }
    print(context, &table)?;
    if options.dry_run {
        context.out.note("nothing was changed (--dry-run)");
    }
    Ok(())
}

fn parse_time(text: &str) -> Result<Timestamp, Failure> {
    timestamp::parse(text.as_bytes(), &mut Zone::utc()).map(Timestamp).ok_or_else(|| {
        Failure::usage(format!("`{text}` is not a time"))
            .help("ISO 8601 is needed, for example 2024-01-01T00:00:00Z")
    })
}

/// The partitions that `topic` or `topic:0,1` names.
fn named_partitions(
    written: &[String],
    admin: &mut Admin,
) -> anyhow::Result<BTreeSet<TopicPartition>> {
    let mut partitions = BTreeSet::new();
    for text in written {
        let (name, list) = match text.split_once(':') {
            Some((name, list)) => (name, Some(list)),
            None => (text.as_str(), None),
        };
        let Some(topic) = admin.find_topic(name)? else {
            return Err(crate::session::no_topic(name, admin)?.into());
        };
        let all: Vec<i32> = topic.partitions.iter().map(|it| it.partition).collect();
        let chosen = match list {
            None => all,
            Some(list) => list
                .split(',')
                .map(|number| number.trim().parse().ok().filter(|number| all.contains(number)))
                .collect::<Option<Vec<i32>>>()
                .ok_or_else(|| {
                    Failure::usage(format!(
                        "`{text}` names a partition that topic `{name}` does not have"
                    ))
                    .help(format!("it has {}, counted from 0", all.len()))
                })?,
        };
        partitions.extend(chosen.into_iter().map(|partition| TopicPartition::new(name, partition)));
    }
    Ok(partitions)
}

fn delete(options: &Delete, context: &Context) -> anyhow::Result<()> {
    let session = Session::open(&options.connection, context)?;
    let mut admin = session.admin()?;
    for name in &options.names {
        if options.topic.is_empty() {
            match admin.delete_group(name) {
                Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => {
                    existing(name, &mut admin)?;
                    return Err(error.into());
                }
                outcome => outcome?,
            }
            context.out.line(format!("deleted group {name}"))?;
        } else {
            let partitions = named_partitions(&options.topic, &mut admin)?;
            admin.delete_group_offsets(name, &partitions)?;
            let list: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            context.out.line(format!("deleted offsets of group {name}: {}", list.join(", ")))?;
        }
    }
    Ok(())
}
