//! `kolk demo`: the ordering systems on the embedded broker, with data that looks real, checked and timed.

use crate::embedded;
use crate::failure::{CheckFailed, Failure};
use crate::generate::{self, ensure_topic};
use crate::program::{self, Loaded};
use crate::reader::{Reader, WAIT_MAX, each_record};
use crate::record_text::LineFormat;
use crate::run::{Shown, run_application};
use crate::session::{Context, Session};
use crate::table::{Table, grouped};
use crate::verify::{self, Duplicates, Plan, Report};
use clap::Args;
use kolk::client::TopicPartition;
use kolk::client::config::ClientConfig;
use kolk::client::fetch::Start;
use kolk::runtime::{ApplicationOptions, Until};
use kolk::topology::{Delivery, Query};
use kolk_wire::record::{Record, Scratch};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const FIFO: &str = include_str!("../../../examples/fifo/fifo.sql");
const BIN_PACKING: &str = include_str!("../../../examples/bin-packing/bin-packing.sql");
/// The header of the bin's number in the example.
const BIN_HEADER: &str = "delivery_batch";
const INPUT: &str = "visits";
/// Visits that are delivered one at a time, with a pause after each.
const SLOW_COUNT: u64 = 200;
/// Characters of a record that are shown.
const SHOWN_CHARS: usize = 118;
/// How long a sample is waited for.
const SAMPLE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Deliver visits in every order there is, on an embedded broker of its own, and check it
#[derive(Debug, Args)]
#[command(after_help = "\
Everything is in a temporary folder that is deleted at the end. The statements are those of examples/fifo and \
examples/bin-packing. Exit status 1 if a check finds anything.

Examples:
  kolk demo
  kolk demo --count 1000000")]
pub(crate) struct Options {
    /// Visits for the fast modes; `individual` gets 200
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// What the visits are made from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

/// Runs the demonstration.
///
/// # Errors
/// [`CheckFailed`] when an order is not as promised; whatever else goes wrong.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    context.stop.catch_signals()?;
    let folder = Folder::make(context)?;
    let broker = embedded::start(&folder.path.join("broker"))
        .map_err(|error| Failure::failed(format!("the embedded broker does not start: {error}")))?;
    let config = ClientConfig::for_bootstrap(&broker.bootstrap())?;
    let demo = Demo {
        session: Session::with_config(config, context),
        state: folder.path.join("state"),
        seed: options.seed,
        context,
    };
    let start = context.clock.monotonic();
    let outcome = demo.play(options.count, &broker.bootstrap());
    let took = context.clock.monotonic().since(start);
    if outcome.is_ok() {
        demo.say(&format!(
            "\nDone in {:.1} s; {} is deleted.",
            took.as_secs_f64(),
            folder.path.display()
        ))?;
    }
    drop(demo);
    drop(broker);
    outcome
}

/// A temporary folder, deleted when dropped.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make(context: &Context) -> anyhow::Result<Self> {
        let name = format!("kolk-demo-{}-{}", std::process::id(), context.clock.now_ms().0);
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).map_err(|error| {
            Failure::usage(format!("cannot make {}: {error}", path.display()))
                .help("TMPDIR names the folder for temporary files")
        })?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// What every step needs.
struct Demo<'a> {
    session: Session,
    state: PathBuf,
    seed: u64,
    context: &'a Context,
}

/// What is shown of a topic's partition 0.
struct Sample<'a> {
    topic: &'a str,
    /// The first records, or with the header of bins the first of each bin.
    bins: Option<&'a str>,
    lines: usize,
}

/// Records of a bin that are shown.
const SHOWN_PER_BIN: usize = 2;

impl Sample<'_> {
    /// Whether a record is shown; `bin` is the last one that was, and how often.
    fn wants(&self, record: &Record<'_>, bin: &mut (Vec<u8>, usize)) -> bool {
        let Some(name) = self.bins else { return true };
        let value = record.headers().last(name).and_then(|header| header.value).unwrap_or_default();
        if bin.0 != value {
            *bin = (value.to_vec(), 0);
        }
        bin.1 += 1;
        bin.1 <= SHOWN_PER_BIN
    }
}

impl Demo<'_> {
    fn play(&self, count: u64, address: &str) -> anyhow::Result<()> {
        self.say(&format!(
            "Embedded broker on {address}. Visits of a web site; within a visit event times rise."
        ))?;
        let fifo = program::load_text("fifo", "examples/fifo/fifo.sql", FIFO)?;
        let bins = program::load_text("bins", "examples/bin-packing/bin-packing.sql", BIN_PACKING)?;
        let mut rows = Vec::new();

        self.generate(SLOW_COUNT, self.seed)?;
        let (slow, fast) = split(&fifo);
        self.say(
            "\n── individual: one record on its way; a pause of 10 ms after each acknowledgement",
        )?;
        self.deliver(&slow, None, &mut rows)?;

        self.generate(count, self.seed.wrapping_add(1))?;
        self.say("\n── batched, idempotent, exactly_once: three queries at the same time")?;
        self.deliver(&fast, None, &mut rows)?;

        self.say("\n── bin_packed: no bin holds a visit twice; a bin is sent when the one before is acknowledged")?;
        self.deliver(&bins, Some(BIN_HEADER), &mut rows)?;
        self.conclude(&rows)
    }

    fn generate(&self, count: u64, seed: u64) -> anyhow::Result<()> {
        let start = self.context.clock.monotonic();
        let topic = ensure_topic(&self.session, INPUT, 2)?;
        let plan = generate::Plan { count, seed, rate: None };
        generate::write_visits(&self.session, &topic, plan, self.context)?;
        let took = self.context.clock.monotonic().since(start);
        let (count, s) = (grouped(count), took.as_secs_f64());
        self.say(&format!("\n{count} visits into topic {INPUT}, 2 partitions, in {s:.1} s"))
    }

    /// Runs a program to its end, then shows and checks what it delivered.
    fn deliver(
        &self,
        loaded: &Loaded,
        bins: Option<&str>,
        rows: &mut Vec<(String, Report, u64)>,
    ) -> anyhow::Result<()> {
        let options = ApplicationOptions {
            name: loaded.app.clone(),
            client: self.session.config().clone(),
            state: self.state.clone(),
            until: Until::End,
            commit_interval: Duration::from_millis(100),
            memory_max: None,
        };
        let totals = run_application(loaded, options, Shown::Nothing, self.context)?;
        for query in loaded.program.topology.queries.iter().filter(|query| is_output(query)) {
            let Some(sink) = query.sink() else { continue };
            let report = self.check(&sink.topic, bins)?;
            self.say(&format!("{} → {}", sink.delivery.name(), sink.topic))?;
            let lines = if bins.is_some() { 3 * SHOWN_PER_BIN } else { 3 };
            self.show(&Sample { topic: &sink.topic, bins, lines })?;
            rows.push((sink.delivery.name().to_owned(), report, totals.rate(&query.name)));
        }
        totals.outcome()
    }

    fn check(&self, topic: &str, bins: Option<&str>) -> anyhow::Result<Report> {
        let plan = Plan {
            topic: topic.to_owned(),
            key: "visit_id".to_owned(),
            by: "event_time".to_owned(),
            duplicates: Duplicates::Refused,
            against: Some(INPUT.to_owned()),
            bins: bins.map(str::to_owned),
            show: 3,
        };
        verify::check(&self.session, &plan, self.context)
    }

    /// Prints some records of partition 0.
    fn show(&self, sample: &Sample<'_>) -> anyhow::Result<()> {
        let mut reader = Reader::new(self.session.config(), self.session.clock())?;
        reader.assign(TopicPartition::new(sample.topic, 0), Start::Earliest);
        let format = LineFormat {
            timestamp: true,
            partition: true,
            headers: sample.bins.is_some(),
            end: String::new(),
            separator: "  ".to_owned(),
            ..LineFormat::default()
        };
        let (mut lines, mut scratch, mut bin) = (Vec::new(), Scratch::new(), (Vec::new(), 0));
        let until = self.context.clock.monotonic() + SAMPLE_WAIT_MAX;
        while lines.len() < sample.lines && self.context.clock.monotonic() < until {
            for fetched in reader.poll(WAIT_MAX)? {
                each_record(&fetched, &mut scratch, |record, batch| {
                    let mut line = Vec::new();
                    if lines.len() < sample.lines && sample.wants(record, &mut bin) {
                        format.write(0, record, batch, &mut line);
                        lines.push(String::from_utf8_lossy(&line).into_owned());
                    }
                    Ok(())
                })?;
            }
        }
        for line in lines {
            let shown: String = line.chars().take(SHOWN_CHARS).collect();
            self.say(&format!("  {shown}…"))?;
        }
        Ok(())
    }

    fn conclude(&self, rows: &[(String, Report, u64)]) -> anyhow::Result<()> {
        self.say(
            "\n── the check (kolk verify order --key visit_id --by event_time --against visits)",
        )?;
        let mut table = Table::new(&["delivery", "records#", "rows/s#", "order"]);
        for (delivery, report, rate) in rows {
            table.row([
                delivery.clone(),
                grouped(report.records()),
                grouped(*rate),
                report.summary(),
            ]);
        }
        for line in table.lines() {
            self.say(&line)?;
        }
        let found: Vec<&Report> =
            rows.iter().map(|(_, report, _)| report).filter(|report| !report.is_clean()).collect();
        for line in found.iter().flat_map(|report| report.lines()) {
            self.say(&line)?;
        }
        if found.is_empty() { Ok(()) } else { Err(CheckFailed.into()) }
    }

    fn say(&self, line: &str) -> anyhow::Result<()> {
        self.context.out.line(line)?;
        // Whoever watches sees each step when it is done.
        Ok(self.context.out.flush()?)
    }
}

/// The queries that deliver one record at a time, and the others.
fn split(loaded: &Loaded) -> (Loaded, Loaded) {
    let part = |wanted: bool| {
        let mut program = loaded.program.clone();
        program.topology.queries.retain(|query| {
            let slow = query
                .sink()
                .is_some_and(|sink| matches!(sink.delivery, Delivery::Individual { .. }));
            slow == wanted
        });
        Loaded { app: loaded.app.clone(), program }
    };
    (part(true), part(false))
}

/// Whether a query writes what a statement asks for, not an internal topic.
fn is_output(query: &Query) -> bool {
    query.sink().is_some_and(|sink| !sink.topic.ends_with("-repartition"))
}
