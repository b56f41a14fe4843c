//! `kolk verify`: checks what was delivered against what was promised.

mod bins;
mod contents;
mod field;
mod order;
mod report;
mod stream;

pub(crate) use order::{Check, Duplicates};
pub(crate) use report::Report;

use crate::failure::CheckFailed;
use crate::output::FormArgs;
use crate::reader;
use crate::session::{Context, Session};
use crate::settings::ConnectionArgs;
use clap::{Args, Subcommand};
use kolk::client::admin::TopicDescription;
use kolk_wire::record::Record;
use std::collections::BTreeSet;
use stream::StreamOptions;

/// Check what was delivered
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Order(OrderOptions),
}

/// Check the order, the completeness and the uniqueness of records
///
/// Reads what the topic holds now, committed records only, and reports:
///   violation       within a partition a key's --by falls; equal values are fine
///   not comparable  a key is in two partitions, so no order holds between its records; a shard and those that it was split or merged
///                   from are one
///   duplicate       the same record key and value bytes again (not with --allow-duplicates)
///   missing, extra  with --against: what only the other topic has, and what it has not
///   bin             with --bins: a bin holds a key twice, its rows are not together, or bins do not go 1, 2, 3 …
///   unreadable      --key or --by is not there: nothing can be said about the record
///
/// A Kinesis stream is read with --kinesis: shard by shard, each behind its parents. Its records have no headers, so --bins names the
/// last field of the JSON value, which is no part of what is compared; and a bin is what a key sees of it: 1, 2, 3 …, or 1 again.
///
/// Order is judged on first occurrences. With --bins it is judged within each interval, which begins with bin 1. Offset
/// gaps are no gaps: transaction markers take offsets.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Exit status 1 if anything was found. Memory: about 40 bytes for each distinct record (a 128-bit hash and its place) and the \
key and last --by of each key; records themselves are not kept.

Examples:
  kolk verify order --topic visits-batched --key visit_id --by event_time --against visits
  kolk verify order --topic visits-batched --key visit_id --by event_time --allow-duplicates
  kolk verify order --topic visits-ordered --key visit_id --by event_time --bins delivery_batch
  kolk verify order --kinesis visits-ordered --region eu-west-1 --key visit_id --by event_time --bins delivery_batch
  kolk verify order --topic orders --key @key --by @timestamp --output json"
)]
struct OrderOptions {
    /// The topic
    #[arg(long, required_unless_present = "kinesis")]
    topic: Option<String>,
    #[command(flatten)]
    stream: StreamOptions,
    /// Whose order: a field of the JSON value (`a.b` reaches into objects), or @key, the record's (partition) key
    #[arg(long, value_name = "FIELD")]
    key: String,
    /// What must not fall: a field of the JSON value, compared as time-stamp or number where it is one; or @timestamp
    #[arg(long, value_name = "FIELD")]
    by: String,
    /// Repeated records are no problem: at-least-once delivery may repeat
    #[arg(long)]
    allow_duplicates: bool,
    /// The topic that holds what should have been delivered
    #[arg(long, value_name = "TOPIC")]
    against: Option<String>,
    /// The header (of a stream: the field) that holds the number of a record's bin
    #[arg(long, value_name = "HEADER")]
    bins: Option<String>,
    /// Show at most this many problems of each kind
    #[arg(long, default_value_t = 5, value_name = "N")]
    show: usize,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// What is checked.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The topic.
    pub(crate) topic: String,
    /// Field of the key.
    pub(crate) key: String,
    /// Field of the order.
    pub(crate) by: String,
    /// Whether duplicates are problems.
    pub(crate) duplicates: Duplicates,
    /// What should have been delivered.
    pub(crate) against: Option<String>,
    /// The header of the bin's number.
    pub(crate) bins: Option<String>,
    /// Examples to keep of each kind.
    pub(crate) show: usize,
}

/// Shards of a stream, which are its partitions.
#[derive(Debug, Clone, Default)]
struct Shards {
    names: Vec<String>,
    /// Of each those whose records come before its own: a key may go on in it that was there.
    ancestors: Vec<BTreeSet<i32>>,
}

/// Runs the command.
///
/// # Errors
/// [`CheckFailed`] when anything was found; what the cluster refuses.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    let Command::Order(options) = &options.command;
    context.stop.catch_signals()?;
    let plan = Plan {
        topic: options.topic.iter().chain(&options.stream.kinesis).cloned().collect(),
        key: options.key.clone(),
        by: options.by.clone(),
        duplicates: if options.allow_duplicates {
            Duplicates::Allowed
        } else {
            Duplicates::Refused
        },
        against: options.against.clone(),
        bins: options.bins.clone(),
        show: options.show,
    };
    let report = if options.stream.kinesis.is_some() {
        stream::check(&options.stream, &plan, &options.connection, context)?
    } else {
        let session = Session::open(&options.connection, context)?;
        check(&session, &plan, context)?
    };
    if options.form.is_json() {
        context.out.json(&report.to_json())?;
    } else {
        for line in report.lines() {
            context.out.line(line)?;
        }
    }
    if report.is_clean() { Ok(()) } else { Err(CheckFailed.into()) }
}

/// Reads the topics and checks them.
///
/// # Errors
/// What the cluster refuses, and a failure for a topic that is not there.
pub(crate) fn check(session: &Session, plan: &Plan, context: &Context) -> anyhow::Result<Report> {
    let committed = [("isolation.level", "read_committed")];
    let session = session.reading(&committed)?;
    let topic = session.topic(&plan.topic)?;
    let against = plan.against.as_deref().map(|name| session.topic(name)).transpose()?;
    let mut check = Check::new(plan, topic.partitions.len());
    read(&session, &topic, plan, context, |entry| check.record(entry))?;
    if let Some(against) = against {
        read(&session, &against, plan, context, |entry| check.against(entry))?;
    }
    Ok(check.finish())
}

fn read(
    session: &Session,
    topic: &TopicDescription,
    plan: &Plan,
    context: &Context,
    mut each: impl FnMut(&Entry<'_>),
) -> anyhow::Result<()> {
    reader::read_all(session, topic, &context.stop, |partition, record| {
        each(&Entry::of(partition, record, plan.bins.as_deref()));
        Ok(())
    })
}

/// A record as the checks see it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry<'a> {
    partition: i32,
    offset: i64,
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    /// The header with the bin's number.
    bin: Option<&'a [u8]>,
}

impl<'a> Entry<'a> {
    fn of(partition: i32, record: &Record<'a>, bins: Option<&str>) -> Self {
        Self {
            partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            bin: bins.and_then(|name| record.headers().last(name)).and_then(|header| header.value),
        }
    }
}
