//! `bench state`: windows, sessions and a join, exactly once, state durable: Kolk beside Kafka Streams.

use crate::books::Books;
use crate::client::cells;
use crate::data::{PARTITIONS, Topics};
use crate::events;
use crate::job::{self, Ends, Engine, Engines, Job, Task};
use crate::kafka::{Data, Kafka, VERSION};
use crate::measure::Series;
use crate::place::Place;
use crate::process::Usage;
use crate::table::Table;
use crate::{Options, Plan, docs, machine, rivals};
use anyhow::{Result, ensure};
use std::fmt::Write;
use std::time::Duration;

/// How much cheaper than Kafka Streams a job must be.
const TARGET: f64 = 10.0;

/// A job over events of so many users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) job: Job,
    pub(crate) users: u32,
    pub(crate) title: &'static str,
}

pub(crate) const CASES: [Case; 4] = [
    Case { job: Job::Count, users: 100, title: "windowed count, 100 keys" },
    Case { job: Job::Count, users: 1_000_000, title: "windowed count, 1 M keys" },
    Case { job: Job::Sessions, users: 10_000, title: "sessions, 10 k users" },
    Case { job: Job::Join, users: 50_000, title: "2-minute left join" },
];

/// One row of the table.
#[derive(Debug)]
struct Contender {
    case: Case,
    engine: Engine,
    series: Series,
    /// The least share of the input that was counted, or of the pairs that were found, over all runs.
    complete: f64,
    /// Why the rival did not end a run; it gets no further one.
    failed: Option<String>,
}

struct Setup<'a> {
    place: &'a Place,
    kafka: &'a Kafka,
    engines: Engines,
    topics: Topics,
}

/// Runs the suite.
pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = options.plan(1_000_000, 3_000_000, 3)?;
    let rival_repeats = options.rival_repeats(1);
    let place = Place::find()?;
    let mut contenders = contenders(options);
    let wanted: Vec<Engine> = contenders.iter().map(|contender| contender.engine).collect();
    let engines = rivals::engines(&place, &wanted)?;
    let kafka = Kafka::start(&place, if options.keep { Data::Keep } else { Data::Delete })?;
    let topics = Topics::of(&kafka.address)?;
    let mut setup = Setup { place: &place, kafka: &kafka, engines, topics };
    for repetition in 1..=plan.repeats {
        for contender in &mut contenders {
            let is_rival = contender.engine != Engine::Kolk;
            if is_rival && (repetition > rival_repeats || contender.failed.is_some()) {
                continue;
            }
            let runs = setup
                .measure(contender, plan.few)
                .and_then(|few| Ok((few, setup.measure(contender, plan.many)?)));
            let (few, many) = match runs {
                Err(error) if is_rival => {
                    println!("{}: {error:#}", contender.name());
                    contender.failed = Some(error.to_string());
                    continue;
                }
                runs => runs?,
            };
            println!(
                "{repetition}/{} {}: {:.2} s of CPU, {:.2} s; complete {:.2} %",
                plan.repeats,
                contender.name(),
                many.cpu().as_secs_f64(),
                many.wall.as_secs_f64(),
                contender.complete * 100.0,
            );
            contender.series.runs.push((few, many));
        }
    }
    drop(setup);
    drop(kafka);
    let machine = machine::describe(&place, &format!("Kafka Streams {VERSION}"));
    let report = report(&contenders, (plan, rival_repeats), &machine);
    println!("\n{report}");
    if options.write_docs {
        docs::write(&place, "state", &report)?;
    }
    Ok(())
}

fn contenders(options: &Options) -> Vec<Contender> {
    let all = CASES.into_iter().flat_map(|case| Engine::ALL.map(|engine| (case, engine)));
    let all = all.map(|(case, engine)| {
        let series = Series::default();
        Contender { case, engine, series, complete: 1.0, failed: None }
    });
    all.filter(|contender| options.wants(&contender.name())).collect()
}

impl Contender {
    fn name(&self) -> String {
        format!("{}, {}", self.case.title, self.engine.name())
    }
}

impl Setup<'_> {
    /// One run over `records` events, and a look at what it wrote.
    fn measure(&mut self, contender: &mut Contender, records: u64) -> Result<Usage> {
        let Case { job, users, .. } = contender.case;
        let inputs = self.inputs(contender.case, records)?;
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let application = format!("bench-{}-{:08x}", job.name(), fastrand::u32(..));
        let output = format!("{application}-output");
        self.topics.create(&output)?;
        let task = Task {
            job,
            bootstrap: &self.kafka.address,
            application,
            inputs: &inputs,
            output: &output,
            options: "",
            ends: Ends::AtTheEnd,
        };
        let limit = Duration::from_secs(120) + Duration::from_micros(120) * u32::try_from(records)?;
        let running = self.engines.start(self.place, contender.engine, &task)?;
        let finished = match contender.engine {
            Engine::Kolk | Engine::Floor => running.finish(limit)?,
            Engine::Streams => {
                self.topics.finish_committed(running, &task.application, records, limit)?
            }
        };
        let expected = Books::expected(&self.kafka.address, &inputs, records, job)?;
        let found = Books::of(&self.kafka.address, &output, job)?;
        let complete = found.counted as f64 / expected.counted.max(1) as f64;
        contender.complete = contender.complete.min(complete);
        if contender.engine == Engine::Kolk {
            let name = contender.name();
            ensure!(found == expected, "{name}, {users} users: {found:?}, not {expected:?}");
        }
        self.topics.delete(&output)?;
        Ok(finished.usage)
    }

    /// The topics of a case; loaded unless an earlier run has left them.
    fn inputs(&mut self, case: Case, records: u64) -> Result<Vec<String>> {
        let name = |what: &str| format!("{what}-{}-{records}", case.users);
        let names = match case.job {
            Job::Join => vec![name("left"), name("right")],
            _ => vec![name("events")],
        };
        let mut there = 0;
        for name in &names {
            if self.topics.exists(name)? {
                there += self.topics.count(name)?;
            }
        }
        if there == records {
            return Ok(names);
        }
        println!("loading {records} events of {} users", case.users);
        for name in &names {
            if self.topics.exists(name)? {
                self.topics.delete(name)?;
            }
            self.topics.create(name)?;
        }
        let topics: Vec<&str> = names.iter().map(String::as_str).collect();
        events::write(&self.kafka.address, &topics, records, case.users)?;
        Ok(names)
    }
}

/// The table, with all that one needs to judge it.
fn report(contenders: &[Contender], (plan, rival_repeats): (Plan, usize), machine: &str) -> String {
    let mut table = Table::new(&[
        "",
        "CPU per event",
        "least to greatest",
        "of it kernel",
        "with start",
        "events/s",
        "memory",
        "× Kolk",
        "complete",
    ]);
    let of = |contender: &Contender| contender.series.figures(plan.few, plan.many);
    for contender in contenders.iter().filter(|it| !it.series.runs.is_empty()) {
        let kolk =
            contenders.iter().find(|it| it.case == contender.case && it.engine == Engine::Kolk);
        let figures = of(contender);
        let cells = cells(&figures, kolk.map(|kolk| figures.slope / of(kolk).slope));
        let complete = format!("{:.2} %", contender.complete * 100.0);
        table.row([contender.name()].into_iter().chain(cells).chain([complete]));
    }
    let Plan { few, many, repeats } = plan;
    let mut text = table.render();
    let _ = write!(
        text,
        "\nCPU per event: user + system time of the process, slope between {few} and {many} events (JSON of about 450 bytes, the user \
         as key, event times up to 5 s out of order, {PARTITIONS} partitions), median of {repeats}, of Kafka Streams of \
         {rival_repeats}. Both wait 10 s for events out of order. Complete: the share of the input in the final counts, or of the \
         pairs that a plain program finds. Kolk's must be \
         100 %, or the run fails. {}\n\n",
        job::settings(),
    );
    for (contender, why) in
        contenders.iter().filter_map(|it| it.failed.as_ref().map(|why| (it, why)))
    {
        let why = why.lines().next().unwrap_or_default();
        let _ = writeln!(text, "- {}: no figures, {why}.", contender.name());
    }
    for case in CASES {
        let find = |engine| contenders.iter().find(|it| it.case == case && it.engine == engine);
        let (Some(kolk), Some(rival)) = (find(Engine::Kolk), find(Engine::Streams)) else {
            continue;
        };
        if rival.series.runs.is_empty() {
            continue;
        }
        let ratio = of(rival).slope / of(kolk).slope;
        let verdict = if ratio >= TARGET { "reached" } else { "missed" };
        let _ = writeln!(
            text,
            "- {}: 1/{ratio:.1} of Kafka Streams; target 1/{TARGET}: {verdict}.",
            case.title
        );
    }
    let _ = write!(text, "\n{machine}\n");
    text
}
