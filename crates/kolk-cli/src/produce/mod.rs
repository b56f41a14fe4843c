//! `kolk produce`: lines of standard input or a file become records.

mod line;
mod lines;

use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Context, Session};
use crate::settings::ConnectionArgs;
use crate::table::grouped;
use crate::writer::{Outgoing, Writer};
use clap::{Args, ValueEnum};
use kolk_wire::record::Header;
use line::LineParser;
use lines::{Lines, Next};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// Write lines of text into a topic, a record each
#[derive(Debug, Args)]
#[command(after_help = "\
A line is the record's value; with --key-separator it is `key SEPARATOR value`, with --parse-headers the headers come \
first: `h1:v1,h2:v2 TAB key TAB value`. All of Kafka's console producer's --property names work too. Records with a key go to \
the partition that Kafka's clients choose for it. Every record is acknowledged before the command ends; there is no \
delivery time-out, Ctrl-C stops waiting.

Examples:
  echo '{\"visit_id\": \"v1\"}' | kolk produce --topic visits
  kolk produce --topic visits --file visits.txt --key-separator '\\t'
  printf 'k1:\\\\N\\n' | kolk produce --topic users --key-separator : --null-marker '\\N'
  kolk produce --topic visits --headers source:test,run:7 --partition 1 --acks 1 --compression zstd
  kolk produce --topic visits --property parse.key=true --property key.separator=,")]
pub(crate) struct Options {
    /// The topic, which must exist
    #[arg(long)]
    topic: String,
    /// Read lines from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Lines are `key SEPARATOR value`, with this between them; `\t` is a tabulator
    #[arg(long, value_name = "TEXT")]
    key_separator: Option<String>,
    /// Headers of every record, `name:value` separated by commas
    #[arg(long, value_name = "NAME:VALUE,…")]
    headers: Option<String>,
    /// Lines begin with headers, `name:value` separated by commas, and a tabulator
    #[arg(long)]
    parse_headers: bool,
    /// A key, value or header value that is this text is null
    #[arg(long, value_name = "TEXT")]
    null_marker: Option<String>,
    /// Write to this partition, whatever the key
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Which replicas must have a record before it counts as written
    #[arg(long, value_enum, value_name = "0|1|all")]
    acks: Option<Acks>,
    /// How batches are compressed
    #[arg(long, value_enum, value_name = "CODEC")]
    compression: Option<Codec>,
    /// A property of Kafka's console producer, such as parse.key=true; may be repeated
    #[arg(long, value_name = "NAME=VALUE", alias = "reader-property")]
    property: Vec<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// `acks`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Acks {
    /// None: it is not even known whether the record arrived
    #[value(name = "0")]
    None,
    /// The leader
    #[value(name = "1")]
    Leader,
    /// All in-sync replicas; the default
    #[value(name = "all", alias = "-1")]
    All,
}

/// `compression.type`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] for a line that cannot be read and a record that is refused, with the line's number.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    let parser = parser(options)?;
    let input = open(options)?;
    let mut session = Session::open(&options.connection, context)?;
    if let Some(acks) = options.acks {
        session = session.with("acks", name_of(&acks).as_str())?;
    }
    if let Some(codec) = options.compression {
        session = session.with("compression.type", name_of(&codec).as_str())?;
    }
    context.stop.catch_signals()?;
    let topic = session.topic(&options.topic)?;
    let mut writer = Writer::new(&session, &topic, "line", &context.out)?;
    let outcome = copy(&mut Lines::new(input), &parser, options.partition, &mut writer, context);
    if let Err(error) = outcome {
        // What was read before the fault is written all the same.
        writer.finish(&context.stop)?;
        told(writer.acknowledged(), &options.topic, &context.out);
        return Err(error);
    }
    writer.finish(&context.stop)?;
    told(writer.acknowledged(), &options.topic, &context.out);
    Ok(())
}

fn told(count: u64, topic: &str, out: &Rc<Output>) {
    let s = if count == 1 { "" } else { "s" };
    out.note(&format!("wrote {} record{s} into {topic}", grouped(count)));
}

fn name_of(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|it| it.get_name().to_owned()).unwrap_or_default()
}

fn parser(options: &Options) -> Result<LineParser, Failure> {
    let mut parser = LineParser::default();
    for property in &options.property {
        parser.set(property)?;
    }
    if let Some(separator) = &options.key_separator {
        parser.key = true;
        parser.key_separator = separator.replace("\\t", "\t");
    }
    parser.headers |= options.parse_headers;
    if let Some(marker) = &options.null_marker {
        parser.null_marker = Some(marker.clone());
    }
    if let Some(headers) = &options.headers {
        parser.set_fixed_headers(headers)?;
    }
    Ok(parser)
}

fn open(options: &Options) -> anyhow::Result<File> {
    match &options.file {
        Some(path) => Ok(File::open(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?),
        None => Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?)),
    }
}

fn copy(
    lines: &mut Lines<File>,
    parser: &LineParser,
    partition: Option<i32>,
    writer: &mut Writer,
    context: &Context,
) -> anyhow::Result<()> {
    let mut number = 0;
    while !context.stop.is_wanted() {
        // While something is on its way the sockets need their turn too.
        let wait = if writer.is_idle() { crate::reader::WAIT_MAX } else { Duration::ZERO };
        match lines.next(wait)? {
            Next::Line(line) => {
                number += 1;
                let parsed = match parser.parse(line) {
                    Ok(parsed) => parsed,
                    Err(why) if parser.ignore_error => {
                        context.out.note(&format!("line {number} is passed over: {why}"));
                        continue;
                    }
                    Err(why) => return Err(Failure::failed(format!("line {number}: {why}")).into()),
                };
                let headers: Vec<Header<'_>> = parsed.headers;
                writer.send(&Outgoing {
                    key: parsed.key,
                    value: parsed.value,
                    headers: &headers,
                    partition,
                    number,
                })?;
            }
            Next::Nothing => writer.step(Duration::from_millis(5))?,
            Next::End => break,
        }
    }
    Ok(())
}
