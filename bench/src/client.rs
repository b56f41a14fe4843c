//! `bench client`: Kolk's client beside librdkafka, reading and writing.

use crate::data::{PARTITIONS, Topics};
use crate::kafka::{Data, Kafka};
use crate::measure::{Figures, Series};
use crate::place::Place;
use crate::pool::{Kind, Pool};
use crate::process::{Running, Usage, command};
use crate::reader::bring_into_memory;
use crate::table::{Table, mebibytes, nanos, rate};
use crate::{Options, Plan, docs, machine, rivals};
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// What is done with the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Consume,
    Produce,
}

impl Direction {
    fn verb(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::Produce => "produce",
        }
    }
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Kolk,
    /// A program that receives the bytes and looks at nothing: see [`crate::floor`].
    Floor,
    /// The rival, in one of its modes.
    Librdkafka(&'static str),
}

/// One row of the table.
#[derive(Debug)]
struct Contender {
    direction: Direction,
    kind: Kind,
    who: Who,
    series: Series,
}

/// One process to be measured.
struct Setup<'a> {
    place: &'a Place,
    kafka: &'a Kafka,
    rival: PathBuf,
    /// What the first contender printed about a task over so many records.
    said: BTreeMap<(String, u64), String>,
}

/// Runs the suite.
pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = options.plan(1_000_000, 5_000_000, 5)?;
    let place = Place::find()?;
    let rival = rivals::librdkafka(&place)?;
    let version = rivals::run(Command::new(&rival).arg("version"))?;
    let kafka = Kafka::start(&place, if options.keep { Data::Keep } else { Data::Delete })?;
    let said = BTreeMap::new();
    let mut setup = Setup { place: &place, kafka: &kafka, rival, said };
    let mut topics = Topics::of(&kafka.address)?;
    let mut contenders = contenders(options);
    for repetition in 1..=plan.repeats {
        for contender in &mut contenders {
            let few = setup.measure(&mut topics, contender, plan.few)?;
            let many = setup.measure(&mut topics, contender, plan.many)?;
            println!(
                "{repetition}/{} {}: {:.2} s of CPU, {:.2} s",
                plan.repeats,
                contender.name(),
                many.cpu().as_secs_f64(),
                many.wall.as_secs_f64(),
            );
            contender.series.runs.push((few, many));
        }
    }
    drop(kafka);
    let machine = machine::describe(&place, &format!("librdkafka {version}"));
    let report = report(&contenders, plan, &machine);
    println!("\n{report}");
    if options.write_docs {
        docs::write(&place, "client", &report)?;
    }
    Ok(())
}

fn contenders(options: &Options) -> Vec<Contender> {
    let mut all = Vec::new();
    let consume = [Who::Kolk, Who::Floor, Who::Librdkafka("batch"), Who::Librdkafka("poll")];
    let produce = [Who::Kolk, Who::Librdkafka("batch"), Who::Librdkafka("single")];
    for (direction, all_who) in [(Direction::Consume, &consume[..]), (Direction::Produce, &produce)]
    {
        for kind in [Kind::Small, Kind::Visits] {
            for who in all_who {
                all.push(Contender { direction, kind, who: *who, series: Series::default() });
            }
        }
    }
    all.retain(|contender| options.wants(&contender.name()));
    all
}

impl Contender {
    fn name(&self) -> String {
        format!("{}, {}", self.task(), self.client())
    }

    fn task(&self) -> String {
        format!("{} {}", self.direction.verb(), self.kind.name())
    }

    fn client(&self) -> &'static str {
        match (self.direction, self.who) {
            (_, Who::Kolk) => "Kolk",
            (_, Who::Floor) => "nothing but receiving",
            (Direction::Consume, Who::Librdkafka("batch")) => "librdkafka, consume_batch_queue",
            (Direction::Consume, Who::Librdkafka(_)) => "librdkafka, BaseConsumer",
            (Direction::Produce, Who::Librdkafka("batch")) => "librdkafka, produce_batch",
            (Direction::Produce, Who::Librdkafka(_)) => "librdkafka, BaseProducer",
        }
    }
}

impl Setup<'_> {
    fn measure(
        &mut self,
        topics: &mut Topics,
        contender: &Contender,
        records: u64,
    ) -> Result<Usage> {
        let folder = self.place.fresh("client")?;
        let verb = contender.direction.verb();
        let (program, words) = match &contender.who {
            Who::Kolk => (&self.place.program, ["worker", verb]),
            Who::Floor => (&self.place.program, ["worker", "floor"]),
            Who::Librdkafka(mode) => (&self.rival, [verb, *mode]),
        };
        let mut command = command(program);
        let topic = match contender.direction {
            Direction::Consume => topics.input(contender.kind, records)?,
            Direction::Produce => format!("written-{:016x}", fastrand::u64(..)),
        };
        command.args(words);
        command.args([&self.kafka.address, &topic, &PARTITIONS.to_string()]);
        if contender.who != Who::Floor {
            command.arg(records.to_string());
        }
        if contender.direction == Direction::Produce {
            topics.create(&topic)?;
            let pool = folder.join("pool");
            Pool::make(contender.kind).save(&pool)?;
            command.arg(pool);
        }
        if contender.direction == Direction::Consume {
            bring_into_memory(&self.kafka.address, &topic)?;
        }
        let limit = Duration::from_secs(60) + Duration::from_micros(20) * u32::try_from(records)?;
        let finished = Running::start(&contender.name(), command, &folder)?.finish(limit)?;
        self.verify(contender, records, &finished.output)?;
        if contender.direction == Direction::Produce {
            let written = topics.count(&topic)?;
            ensure!(written == records, "{}: {written} of {records} arrived", contender.name());
            topics.delete(&topic)?;
        }
        Ok(finished.usage)
    }

    /// Every contender must have seen the same records; the floor has looked at none.
    fn verify(&mut self, contender: &Contender, records: u64, said: &str) -> Result<()> {
        let mut task = contender.task();
        if contender.who == Who::Floor {
            task.push_str(" without a look");
        }
        let key = (task, records);
        let first = self.said.entry(key).or_insert_with(|| said.to_owned());
        ensure!(
            first == said && said.starts_with(&format!("records={records} ")),
            "{} says `{said}`, another said `{first}`",
            contender.name()
        );
        Ok(())
    }
}

/// The tables, with all that one needs to judge them.
fn report(contenders: &[Contender], plan: Plan, machine: &str) -> String {
    let mut table = Table::new(&[
        "",
        "CPU per record",
        "least to greatest",
        "of it kernel",
        "with start",
        "records/s",
        "memory",
        "× Kolk",
    ]);
    let of = |contender: &Contender| contender.series.figures(plan.few, plan.many);
    for contender in contenders {
        let figures = of(contender);
        let kolk =
            contenders.iter().find(|it| it.task() == contender.task() && it.who == Who::Kolk);
        let ratio = kolk.map(|kolk| figures.slope / of(kolk).slope);
        table.row([contender.name()].into_iter().chain(cells(&figures, ratio)));
    }
    let Plan { few, many, repeats } = plan;
    let mut text = table.render();
    let _ = write!(
        text,
        "\nCPU per record: user + system time of the process, slope between {few} and {many} records, median of {repeats}. \
         With start: the whole run over {many}, per record. {PARTITIONS} partitions. Consume: every key and value is touched; \
         Kolk verifies checksums, librdkafka does not (its default). Nothing but receiving: the same bytes through one blocking socket \
         into one buffer, which nobody looks at. Produce: acks=all, idempotent, no compression, \
         batches of 512 KiB, linger 5 ms, partition by murmur2 of the key.\n\n",
    );
    for (direction, target) in [(Direction::Consume, 5.0), (Direction::Produce, 3.0)] {
        for kind in [Kind::Small, Kind::Visits] {
            let least = |is: fn(Who) -> bool| {
                let all =
                    contenders.iter().filter(|it| it.direction == direction && it.kind == kind);
                all.filter(|it| is(it.who)).map(|it| of(it).slope).reduce(f64::min)
            };
            let kolk = least(|who| who == Who::Kolk);
            let rival = least(|who| matches!(who, Who::Librdkafka(_)));
            let (Some(kolk), Some(rival)) = (kolk, rival) else { continue };
            let ratio = rival / kolk;
            let verdict = if ratio >= target { "reached" } else { "missed" };
            let task = format!("{} {}", direction.verb(), kind.name());
            let _ = write!(
                text,
                "- {task}: 1/{ratio:.1} of the cheapest librdkafka; target 1/{target}: {verdict}."
            );
            if let Some(floor) = least(|who| who == Who::Floor) {
                let _ = write!(text, " Receiving alone: 1/{:.1}.", rival / floor);
            }
            text.push('\n');
        }
    }
    let _ = write!(text, "\n{machine}\n");
    text
}

/// What every table of the bench tells of a contender.
pub(crate) fn cells(figures: &Figures, ratio: Option<f64>) -> [String; 7] {
    [
        nanos(figures.slope),
        format!("{} – {}", nanos(figures.range.0), nanos(figures.range.1)),
        nanos(figures.kernel),
        nanos(figures.whole),
        rate(figures.rate),
        mebibytes(figures.resident),
        ratio.map(|ratio| format!("{ratio:.1}")).unwrap_or_default(),
    ]
}
