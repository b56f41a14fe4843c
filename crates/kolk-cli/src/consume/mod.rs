//! `kolk consume`: records of a topic as lines, as Kafka's console consumer prints them.

mod member;
mod printer;

use crate::failure::Failure;
use crate::output::FormArgs;
use crate::reader::{self, Reader, WAIT_MAX};
use crate::record_text::LineFormat;
use crate::session::{Context, Session};
use crate::settings::ConnectionArgs;
use crate::table::grouped;
use clap::{Args, ValueEnum};
use kolk::client::admin::TopicDescription;
use kolk::client::fetch::Start;
use kolk::client::{Offset, TopicPartition};
use kolk::time::Moment;
use member::Member;
use printer::Printer;
use std::collections::BTreeMap;
use std::time::Duration;

/// Print the records of a topic
#[derive(Debug, Args)]
#[command(after_help = "\
Lines are those of Kafka's console consumer, byte for byte; all parts that are asked for stand in its order, with --separator \
between them: CreateTime:MS  Partition:N  Offset:N  headers  key  value. Without --group nothing is remembered.

Examples:
  kolk consume --topic visits --from-beginning --max-messages 10
  kolk consume --topic visits-batched --from-beginning --print-timestamp --print-partition
  kolk consume --topic visits --group mail --timeout-ms 5000
  kolk consume --topic visits --partition 1 --offset 100 --print-key --print-headers
  kolk consume --topic visits --from-beginning --until-end --output json
  kolk consume --topic visits --property print.headers=true --property print.key=true")]
pub(crate) struct Options {
    /// The topic
    #[arg(long)]
    topic: String,
    /// Start with the first record that is still there; a group does so only where it has committed nothing
    #[arg(long)]
    from_beginning: bool,
    /// Read only this partition
    #[arg(long, value_name = "N", conflicts_with = "group", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Where to start in --partition: an offset, `earliest` or `latest`
    #[arg(long, value_name = "OFFSET", requires = "partition", conflicts_with = "from_beginning")]
    offset: Option<String>,
    /// Share the partitions with the other members of this consumer group, and commit what was printed
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// End after this many records
    #[arg(long, value_name = "N")]
    max_messages: Option<u64>,
    /// End when no record has come for this long, in milliseconds
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// End when everything is printed that was there at the start
    #[arg(long, conflicts_with = "group")]
    until_end: bool,
    /// Whether records of open and aborted transactions are printed
    #[arg(long, value_enum, value_name = "LEVEL")]
    isolation_level: Option<IsolationLevel>,
    #[command(flatten)]
    line: LineArgs,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// What a line has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Lines")]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each part of a line")]
struct LineArgs {
    /// Begin with the time-stamp: CreateTime:MS or LogAppendTime:MS
    #[arg(long)]
    print_timestamp: bool,
    /// Print the partition
    #[arg(long)]
    print_partition: bool,
    /// Print the offset
    #[arg(long)]
    print_offset: bool,
    /// Print the headers, name:value separated by commas
    #[arg(long)]
    print_headers: bool,
    /// Print the key
    #[arg(long)]
    print_key: bool,
    /// Leave out the value
    #[arg(long)]
    no_value: bool,
    /// What stands between the parts of a line; a tabulator if absent
    #[arg(long, value_name = "TEXT", visible_alias = "key-separator")]
    separator: Option<String>,
    /// A property of Kafka's formatter, such as print.key=true; may be repeated
    #[arg(long, value_name = "NAME=VALUE", alias = "formatter-property")]
    property: Vec<String>,
}

/// `isolation.level`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum IsolationLevel {
    /// Only records of transactions that were committed; the default
    #[value(name = "read_committed")]
    ReadCommitted,
    /// Everything
    #[value(name = "read_uncommitted")]
    ReadUncommitted,
}

impl LineArgs {
    fn format(&self) -> Result<LineFormat, Failure> {
        let mut format = LineFormat::default();
        for property in &self.property {
            format.set(property)?;
        }
        format.timestamp |= self.print_timestamp;
        format.partition |= self.print_partition;
        format.offset |= self.print_offset;
        format.headers |= self.print_headers;
        format.key |= self.print_key;
        format.value &= !self.no_value;
        if let Some(separator) = &self.separator {
            format.separator = separator.replace("\\t", "\t");
        }
        Ok(format)
    }
}

/// Runs the command.
///
/// # Errors
/// What the cluster refuses, and [`Failure`] for a topic or partition that is not there.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    let format = options.line.format()?;
    let start = start(options)?;
    let mut session = Session::open(&options.connection, context)?;
    if let Some(level) = options.isolation_level {
        let level = match level {
            IsolationLevel::ReadCommitted => "read_committed",
            IsolationLevel::ReadUncommitted => "read_uncommitted",
        };
        session = session.with("isolation.level", level)?;
    }
    context.stop.catch_signals()?;
    let topic = session.topic(&options.topic)?;
    let printer =
        Printer::new(format, options.form, &topic.name, options.max_messages, &context.out);
    let mut ending = Ending::new(options, context);
    let printed = match &options.group {
        Some(group) => {
            let mut member = Member::join(&session, group, &topic.name, start)?;
            let printed = member.print(printer, &mut ending)?;
            member.leave()?;
            printed
        }
        None => print_partitions(options, &session, &topic, start, printer, &mut ending)?,
    };
    context.out.flush()?;
    let s = if printed == 1 { "" } else { "s" };
    context.out.note(&format!("Processed a total of {} message{s}", grouped(printed)));
    Ok(())
}

fn start(options: &Options) -> Result<Start, Failure> {
    match options.offset.as_deref() {
        None if options.from_beginning => Ok(Start::Earliest),
        None | Some("latest") => Ok(Start::Latest),
        Some("earliest") => Ok(Start::Earliest),
        Some(text) => match text.parse() {
            Ok(offset @ 0..) => Ok(Start::At(Offset(offset))),
            _ => Err(Failure::usage(format!("`--offset {text}` is no offset"))
                .help("a number from 0, `earliest` or `latest` is needed")),
        },
    }
}

/// When to end although more might come.
#[derive(Debug)]
struct Ending<'a> {
    context: &'a Context,
    timeout: Option<Duration>,
    last_record: Moment,
}

impl<'a> Ending<'a> {
    fn new(options: &Options, context: &'a Context) -> Self {
        let timeout = options.timeout_ms.map(Duration::from_millis);
        Self { context, timeout, last_record: context.clock.monotonic() }
    }

    /// Records have come.
    fn saw_records(&mut self) {
        self.last_record = self.context.clock.monotonic();
    }

    /// Whether it is time.
    fn is_due(&self) -> bool {
        let now = self.context.clock.monotonic();
        let waited = now.since(self.last_record);
        self.context.stop.is_wanted() || self.timeout.is_some_and(|timeout| waited >= timeout)
    }
}

/// Prints without a group; returns how many records.
fn print_partitions(
    options: &Options,
    session: &Session,
    topic: &TopicDescription,
    start: Start,
    mut printer: Printer,
    ending: &mut Ending<'_>,
) -> anyhow::Result<u64> {
    let chosen = chosen(options, topic)?;
    let mut left = ends(options, session, topic, &chosen)?;
    let reset = if matches!(start, Start::Latest) { "latest" } else { "earliest" };
    // An offset that was asked for and is not there is an error, not a reason to read something else.
    let reset = if matches!(start, Start::At(_)) { "none" } else { reset };
    let config = session.config().with("auto.offset.reset", reset)?;
    let mut reader = Reader::new(&config, session.clock())?;
    let mut known = topic.partitions.len();
    for partition in &chosen {
        if left.as_ref().is_none_or(|left| left.contains_key(partition)) {
            reader.assign(TopicPartition::new(topic.name.as_str(), *partition), start);
        }
    }
    while !printer.is_full()
        && !ending.is_due()
        && left.as_ref().is_none_or(|left| !left.is_empty())
    {
        for fetched in reader.poll(WAIT_MAX)? {
            printer.print(
                &fetched,
                left.as_ref().and_then(|left| left.get(&fetched.partition.partition)),
            )?;
            if printer.saw_records() {
                ending.saw_records();
            }
            if let Some(left) = &mut left {
                left.retain(|partition, end| {
                    *partition != fetched.partition.partition || fetched.next < *end
                });
            }
        }
        printer.flush()?;
        if options.partition.is_none() && left.is_none() {
            let count = reader.metadata.partition_count(&topic.name).unwrap_or(known);
            for partition in known..count.max(known) {
                let partition = i32::try_from(partition).unwrap_or(i32::MAX);
                reader.assign(TopicPartition::new(topic.name.as_str(), partition), Start::Earliest);
            }
            known = count.max(known);
        }
    }
    Ok(printer.printed())
}

fn chosen(options: &Options, topic: &TopicDescription) -> Result<Vec<i32>, Failure> {
    let all: Vec<i32> = topic.partitions.iter().map(|it| it.partition).collect();
    match options.partition {
        None => Ok(all),
        Some(partition) if all.contains(&partition) => Ok(vec![partition]),
        Some(partition) => {
            Err(Failure::usage(format!("topic `{}` has no partition {partition}", topic.name))
                .help(format!("it has {}, counted from 0", all.len())))
        }
    }
}

/// For `--until-end`: where each partition that holds something ends.
fn ends(
    options: &Options,
    session: &Session,
    topic: &TopicDescription,
    chosen: &[i32],
) -> anyhow::Result<Option<BTreeMap<i32, Offset>>> {
    if !options.until_end {
        return Ok(None);
    }
    let bounds = reader::settled_bounds(session, topic)?;
    let from = |first: Offset| match options.offset.as_deref() {
        Some(text) => text.parse().map_or(first, Offset),
        None => first,
    };
    let held = bounds
        .into_iter()
        .filter(|(partition, (first, end))| chosen.contains(partition) && from(*first) < *end);
    Ok(Some(held.map(|(partition, (_, end))| (partition, end)).collect()))
}
