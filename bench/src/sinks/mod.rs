//! `bench sinks`: events from Kafka into stores: Kolk beside the Python program that users write today, same store, same data.

mod store;

use crate::client::cells;
use crate::data::Topics;
use crate::kafka::{Data, Kafka};
use crate::measure::{Figures, Series};
use crate::place::Place;
use crate::process::{Running, Usage, command};
use crate::server::Server;
use crate::table::Table;
use crate::{Options, docs, events, machine, rivals};
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use store::{STORES, Store};

/// Users in the events: a store's rows have one of so many first keys.
const USERS: u32 = 10_000;

/// Who brings the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Kolk,
    Python,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Kolk => "Kolk",
            Self::Python => "Python",
        }
    }
}

/// One row of the table.
#[derive(Debug)]
struct Contender {
    store: &'static Store,
    engine: Engine,
    /// Events of a short and of a long run.
    sizes: (u64, u64),
    series: Series,
}

impl Contender {
    fn name(&self) -> String {
        format!("{}, {}", self.store.title, self.engine.name())
    }

    fn figures(&self) -> Figures {
        self.series.figures(self.sizes.0, self.sizes.1)
    }
}

/// What the runs of one store need.
struct Setup<'a> {
    place: &'a Place,
    kafka: &'a Kafka,
    topics: &'a mut Topics,
    kolk: PathBuf,
    python: PathBuf,
    server: Server,
}

/// Runs the suite.
pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = options.plan(20_000, 100_000, 3)?;
    let rival_repeats = options.rival_repeats(2);
    let place = Place::find()?;
    let kolk = rivals::kolk(&place, &["--features", "kolk-cli/full"])?;
    let python = rivals::run(&mut Command::new(place.root.join("scripts/python.sh")))?;
    let kafka = Kafka::start(&place, if options.keep { Data::Keep } else { Data::Delete })?;
    let mut topics = Topics::of(&kafka.address)?;
    let mut all = Vec::new();
    for store in STORES {
        let engines = [Engine::Kolk, Engine::Python];
        let as_said = options.quick || options.records.is_some();
        let times = if as_said { 1 } else { store.times };
        let sizes = (plan.few * times, plan.many * times);
        let contenders =
            engines.map(|engine| Contender { store, engine, sizes, series: Series::default() });
        let mut contenders: Vec<Contender> =
            contenders.into_iter().filter(|it| options.wants(&it.name())).collect();
        if contenders.is_empty() {
            continue;
        }
        let server = store.serve(&place)?;
        let (kolk, python) = (kolk.clone(), PathBuf::from(&python));
        let mut setup =
            Setup { place: &place, kafka: &kafka, topics: &mut topics, kolk, python, server };
        for repetition in 1..=plan.repeats {
            for contender in &mut contenders {
                if contender.engine != Engine::Kolk && repetition > rival_repeats {
                    continue;
                }
                let few = setup.measure(contender, contender.sizes.0)?;
                let many = setup.measure(contender, contender.sizes.1)?;
                let (cpu, wall) = (many.cpu().as_secs_f64(), many.wall.as_secs_f64());
                println!(
                    "{repetition}/{} {}: {cpu:.2} s of CPU, {wall:.2} s",
                    plan.repeats,
                    contender.name()
                );
                contender.series.runs.push((few, many));
            }
        }
        all.append(&mut contenders);
    }
    drop(kafka);
    let machine = machine::describe(&place, "Python 3 with confluent-kafka and the store's driver");
    let report = report(&all, (plan.repeats, rival_repeats), &machine);
    println!("\n{report}");
    if options.write_docs {
        docs::write(&place, "sinks", &report)?;
    }
    Ok(())
}

impl Setup<'_> {
    /// One run over `records` events into a new table, and a look at what is in it.
    fn measure(&mut self, contender: &Contender, records: u64) -> Result<Usage> {
        let input = self.input(records)?;
        let table = format!("events_{:08x}", fastrand::u32(..));
        self.rival(contender.store, &["create", &self.server.address, &table])?;
        let folder = self.place.fresh(&table)?;
        let command = match contender.engine {
            Engine::Kolk => self.kolk(contender.store, (&input, &table), &folder)?,
            Engine::Python => {
                let mut command = command(&self.python);
                command.args(["-W", "ignore"]).arg(contender.store.rival(self.place));
                command.args(["copy", &self.server.address, &table, &self.kafka.address, &input]);
                command.arg(records.to_string()).args(contender.store.way);
                command
            }
        };
        let running = Running::start(contender.engine.name(), command, &folder)?;
        let limit = Duration::from_secs(120) + Duration::from_millis(2) * u32::try_from(records)?;
        let finished = running.finish(limit)?;
        let found = self.rival(contender.store, &["check", &self.server.address, &table])?;
        let expected = format!("{records} {}", records * (records - 1) / 2);
        ensure!(found == expected, "{}: {found} is in the store, not {expected}", contender.name());
        Ok(finished.usage)
    }

    /// The topic of so many events, loaded unless an earlier run has left it.
    fn input(&mut self, records: u64) -> Result<String> {
        let name = format!("sink-events-{records}");
        if self.topics.exists(&name)? {
            if self.topics.count(&name)? == records {
                return Ok(name);
            }
            self.topics.delete(&name)?;
        }
        println!("loading {records} events");
        self.topics.create(&name)?;
        events::write(&self.kafka.address, &[&name], records, USERS)?;
        Ok(name)
    }

    fn kolk(
        &self,
        store: &Store,
        (input, table): (&str, &str),
        folder: &std::path::Path,
    ) -> Result<Command> {
        let options = (store.options)(&self.server.address, table);
        let program = format!(
            "CREATE STREAM events (user_id STRING KEY, event_id BIGINT, event_time BIGINT)
               WITH (kafka_topic = '{input}', key_format = 'KAFKA', value_format = 'JSON');
             CREATE STREAM result WITH ({options}) AS SELECT user_id, event_id, event_time FROM events EMIT CHANGES;"
        );
        let file = folder.join("sink.sql");
        fs::write(&file, program).context("cannot write the job")?;
        let mut command = command(&self.kolk);
        command.arg("run").arg(file).args(["--app", table, "--until-end"]);
        command.args(["--bootstrap-servers", &self.kafka.address]);
        Ok(command)
    }

    /// Has the rival's program do something beside the measured; returns what it printed.
    fn rival(&self, store: &Store, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.python);
        command.args(["-W", "ignore"]).arg(store.rival(self.place)).args(arguments);
        rivals::run(command.args(store.way))
    }
}

/// The table, with all that one needs to judge it.
fn report(all: &[Contender], (repeats, rival_repeats): (usize, usize), machine: &str) -> String {
    let titles = [
        "",
        "rows",
        "CPU per row",
        "least to greatest",
        "of it kernel",
        "with start",
        "rows/s",
        "memory",
        "× Kolk",
    ];
    let mut table = Table::new(&titles);
    for contender in all {
        let figures = contender.figures();
        let kolk = all
            .iter()
            .find(|it| it.store.title == contender.store.title && it.engine == Engine::Kolk);
        let ratio = kolk.map(|kolk| figures.slope / kolk.figures().slope);
        let (few, many) = contender.sizes;
        let sizes = format!("{} k – {} k", few / 1000, many / 1000);
        table.row([contender.name(), sizes].into_iter().chain(cells(&figures, ratio)));
    }
    let mut text = table.render();
    let _ = write!(
        text,
        "\nCPU per row: user + system time of the process, without the store's, slope between a run over few rows and one over many, \
         median of {repeats}, of Python of {rival_repeats}. A row is three fields of an event of about 450 bytes, of {USERS} users. \
         With start: the whole run over many, per row. Rows per second: over such a run, the store on the same machine. What was stored \
         is counted and added up by the store's own driver. Kolk: no settings, `delivery` as it comes, for Kinesis `batched`.\n\n"
    );
    for contender in all.iter().filter(|it| it.engine == Engine::Python) {
        let _ = writeln!(text, "- {}: {}.", contender.store.title, contender.store.notes);
    }
    let _ = write!(text, "\n{machine}\n");
    text
}
