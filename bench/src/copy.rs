//! `bench copy`: whole jobs, exactly once, from topic to topic: Kolk beside Kafka Streams.

use crate::client::cells;
use crate::data::{PARTITIONS, Topics};
use crate::digest::Digest;
use crate::first_output;
use crate::job::{self, Ends, Engine, Engines, Job, Task};
use crate::kafka::{Data, Kafka, VERSION};
use crate::measure::{Series, median};
use crate::place::Place;
use crate::pool::Kind;
use crate::process::Usage;
use crate::table::{Table, mebibytes};
use crate::{Options, Plan, docs, machine, rivals};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// How much cheaper than Kafka Streams a job must be.
const TARGET: f64 = 10.0;
/// Memory that a stateless job of Kolk may take, in bytes.
const RESIDENT_TARGET: u64 = 64 << 20;
/// How soon the first record must be visible, in seconds.
const FIRST_OUTPUT_TARGET: f64 = 0.3;

/// One row of the table.
#[derive(Debug)]
struct Contender {
    job: Job,
    engine: Engine,
    series: Series,
    /// From start to first record visible, in seconds.
    first_outputs: Vec<f64>,
}

struct Setup<'a> {
    place: &'a Place,
    kafka: &'a Kafka,
    engines: Engines,
    topics: Topics,
    /// What a job must write when it reads an input.
    expected: BTreeMap<(&'static str, u64), Digest>,
}

/// Runs the suite.
pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = options.plan(2_000_000, 6_000_000, 3)?;
    let rival_repeats = options.rival_repeats(2);
    let place = Place::find()?;
    let mut contenders = contenders(options);
    let wanted: Vec<Engine> = contenders.iter().map(|contender| contender.engine).collect();
    let engines = rivals::engines(&place, &wanted)?;
    let kafka = Kafka::start(&place, if options.keep { Data::Keep } else { Data::Delete })?;
    let topics = Topics::of(&kafka.address)?;
    let expected = BTreeMap::new();
    let mut setup = Setup { place: &place, kafka: &kafka, engines, topics, expected };
    for repetition in 1..=plan.repeats {
        for contender in &mut contenders {
            if contender.engine != Engine::Kolk && repetition > rival_repeats {
                continue;
            }
            let few = setup.measure(contender, plan.few)?;
            let many = setup.measure(contender, plan.many)?;
            let first = match contender.engine {
                Engine::Floor => None,
                Engine::Kolk | Engine::Streams => Some(setup.first_output(contender)?),
            };
            println!(
                "{repetition}/{} {}: {:.2} s of CPU, {:.2} s; first output after {}",
                plan.repeats,
                contender.name(),
                many.cpu().as_secs_f64(),
                many.wall.as_secs_f64(),
                first.map_or("-".to_owned(), |first| format!("{:.3} s", first.as_secs_f64())),
            );
            contender.series.runs.push((few, many));
            contender.first_outputs.extend(first.map(|first| first.as_secs_f64()));
        }
    }
    drop(setup);
    drop(kafka);
    let machine = machine::describe(&place, &format!("Kafka Streams {VERSION}"));
    let report = report(&contenders, (plan, rival_repeats), &machine);
    println!("\n{report}");
    if options.write_docs {
        docs::write(&place, "copy", &report)?;
    }
    Ok(())
}

fn contenders(options: &Options) -> Vec<Contender> {
    let all = Job::STATELESS.into_iter().flat_map(|job| Engine::ALL.map(|engine| (job, engine)));
    let all = all.chain([(Job::Copy, Engine::Floor)]);
    let all = all.map(|(job, engine)| Contender {
        job,
        engine,
        series: Series::default(),
        first_outputs: Vec::new(),
    });
    all.filter(|contender| options.wants(&contender.name())).collect()
}

impl Contender {
    fn name(&self) -> String {
        format!("{}, {}", self.job.title(), self.engine.name())
    }
}

impl Setup<'_> {
    /// One run over `records` visits, and a look at what it wrote.
    fn measure(&mut self, contender: &Contender, records: u64) -> Result<Usage> {
        let input = self.topics.input(Kind::Visits, records)?;
        let expected = self.expected(contender.job, &input, records)?;
        let application = format!("bench-{}-{:08x}", contender.job.name(), fastrand::u32(..));
        let output = format!("{application}-output");
        self.topics.create(&output)?;
        let task = Task {
            job: contender.job,
            bootstrap: &self.kafka.address,
            application,
            inputs: &[&input],
            output: &output,
            options: "",
            ends: Ends::AtTheEnd,
        };
        let limit = Duration::from_secs(90) + Duration::from_micros(50) * u32::try_from(records)?;
        let running = self.engines.start(self.place, contender.engine, &task)?;
        let finished = match contender.engine {
            Engine::Kolk | Engine::Floor => running.finish(limit)?,
            Engine::Streams => {
                self.topics.finish_committed(running, &task.application, records, limit)?
            }
        };
        let written = Digest::of(&self.kafka.address, &output)?;
        written.check(&expected, &contender.name())?;
        self.topics.delete(&output)?;
        Ok(finished.usage)
    }

    fn expected(&mut self, job: Job, input: &str, records: u64) -> Result<Digest> {
        let key = (job.name(), records);
        if let Some(known) = self.expected.get(&key) {
            return Ok(known.clone());
        }
        let expected = Digest::expected(&self.kafka.address, input, job)?;
        self.expected.insert(key, expected.clone());
        Ok(expected)
    }

    fn first_output(&mut self, contender: &Contender) -> Result<Duration> {
        let start = |task: &Task<'_>| self.engines.start(self.place, contender.engine, task);
        first_output::measure(&self.kafka.address, &mut self.topics, contender.job, start)
    }
}

/// The table, with all that one needs to judge it.
fn report(contenders: &[Contender], (plan, rival_repeats): (Plan, usize), machine: &str) -> String {
    let mut table = Table::new(&[
        "",
        "CPU per record",
        "least to greatest",
        "of it kernel",
        "with start",
        "records/s",
        "memory",
        "× Kolk",
        "first output",
    ]);
    let of = |contender: &Contender| contender.series.figures(plan.few, plan.many);
    let first = |contender: &Contender| median(contender.first_outputs.clone());
    for contender in contenders {
        let figures = of(contender);
        let kolk =
            contenders.iter().find(|it| it.job == contender.job && it.engine == Engine::Kolk);
        let cells = cells(&figures, kolk.map(|kolk| figures.slope / of(kolk).slope));
        let first = match contender.engine {
            Engine::Floor => String::new(),
            Engine::Kolk | Engine::Streams => format!("{:.2} s", first(contender)),
        };
        table.row([contender.name()].into_iter().chain(cells).chain([first]));
    }
    let Plan { few, many, repeats } = plan;
    let mut text = table.render();
    let _ = write!(
        text,
        "\nCPU per record: user + system time of the process, slope between {few} and {many} visits (keys and JSON values \
         of about 450 bytes, {PARTITIONS} partitions in and out), median of {repeats}, of \
         Kafka Streams of {rival_repeats}; the compilation of hot code by the JVM is \
         over by then. With start: the whole run over {many}, per record. First output: from the start of the process to \
         the first committed record, `group.initial.rebalance.delay.ms=0`. Every output was read again (`read_committed`): the \
         records that must be there, each once, in the order of their partition. {}\n\n",
        job::settings(),
    );
    for job in Job::STATELESS {
        let find = |engine| contenders.iter().find(|it| it.job == job && it.engine == engine);
        let (Some(kolk), Some(rival)) = (find(Engine::Kolk), find(Engine::Streams)) else {
            continue;
        };
        let verdict = |reached| if reached { "reached" } else { "missed" };
        let (ours, ratio) = (of(kolk), of(rival).slope / of(kolk).slope);
        let _ = writeln!(
            text,
            "- {}: 1/{ratio:.1} of Kafka Streams; target 1/{TARGET}: {}. Memory {}; target {}: {}. First output {:.2} s; \
             target {FIRST_OUTPUT_TARGET} s: {}.",
            job.title(),
            verdict(ratio >= TARGET),
            mebibytes(ours.resident),
            mebibytes(RESIDENT_TARGET),
            verdict(ours.resident <= RESIDENT_TARGET),
            first(kolk),
            verdict(first(kolk) <= FIRST_OUTPUT_TARGET),
        );
        if let Some(floor) = find(Engine::Floor) {
            let floor = of(floor).slope;
            let _ = writeln!(
                text,
                "- {}, its bytes received and sent, outside of transactions, and nothing else: 1/{:.1} of Kafka Streams; Kolk takes \
                 {:.2} times as much.",
                job.title(),
                of(rival).slope / floor,
                ours.slope / floor
            );
        }
    }
    let _ = write!(text, "\n{machine}\n");
    text
}
