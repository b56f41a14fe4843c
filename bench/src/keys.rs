//! `bench keys`: what an event costs that changes one of 10 k to 1 M keys, with state durable and exactly once; as a table and as a plot.

use crate::client::cells;
use crate::events;
use crate::job::{Ends, Engine, Job, Task};
use crate::measure::Series;
use crate::plot::{Point, line};
use crate::process::Usage;
use crate::setup::Setup;
use crate::table::Table;
use crate::{Options, Plan, docs, machine};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::time::Duration;

/// How many keys there are.
const KEYS: [u32; 5] = [10_000, 30_000, 100_000, 300_000, 1_000_000];
/// The plot, beside the page.
const PLOT: &str = "docs/cost-by-keys.svg";

/// Runs the suite.
pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = options.plan(500_000, 1_500_000, 3)?;
    let mut setup = Setup::of_kolk(options)?;
    let mut all = Vec::new();
    for keys in KEYS.into_iter().filter(|keys| options.wants(&keys.to_string())) {
        let inputs = [setup.input(keys, plan.few)?, setup.input(keys, plan.many)?];
        let mut series = Series::default();
        for repetition in 1..=plan.repeats {
            let few = setup.count(&inputs[0])?;
            let many = setup.count(&inputs[1])?;
            println!(
                "{repetition}/{} {keys} keys: {:.2} s of CPU, {:.2} s",
                plan.repeats,
                many.cpu().as_secs_f64(),
                many.wall.as_secs_f64()
            );
            series.runs.push((few, many));
        }
        if !options.keep {
            inputs.iter().try_for_each(|input| setup.topics.delete(input))?;
        }
        all.push((keys, series));
    }
    let place = setup.place.clone();
    drop(setup);
    let machine = machine::describe(&place, "No rival");
    let report = report(&all, plan, &machine);
    println!("\n{report}");
    if options.write_docs {
        let plot = place.root.join(PLOT);
        fs::write(&plot, svg(&all, plan)).with_context(|| format!("cannot write {PLOT}"))?;
        docs::write(&place, "keys", &report)?;
    }
    Ok(())
}

impl Setup {
    /// The topic of so many events of so many users; loaded unless an earlier run has left it.
    fn input(&mut self, keys: u32, records: u64) -> Result<String> {
        let name = format!("keyed-{keys}-{records}");
        if self.topics.exists(&name)? {
            if self.topics.count(&name)? == records {
                return Ok(name);
            }
            self.topics.delete(&name)?;
        }
        println!("loading {records} events of {keys} users");
        self.topics.create(&name)?;
        events::write(&self.kafka.address, &[&name], records, keys)?;
        Ok(name)
    }

    /// One run.
    fn count(&mut self, input: &str) -> Result<Usage> {
        let application = format!("bench-keys-{:08x}", fastrand::u32(..));
        let output = format!("{application}-output");
        self.topics.create(&output)?;
        let task = Task {
            job: Job::Groups,
            bootstrap: &self.kafka.address,
            application,
            inputs: &[input],
            output: &output,
            options: "",
            ends: Ends::AtTheEnd,
        };
        let running = self.engines.start(&self.place, Engine::Kolk, &task)?;
        let finished = running.finish(Duration::from_secs(180))?;
        self.topics.delete(&output)?;
        Ok(finished.usage)
    }
}

fn report(all: &[(u32, Series)], plan: Plan, machine: &str) -> String {
    let Plan { few, many, repeats } = plan;
    let mut table = Table::new(&[
        "keys",
        "CPU per event",
        "least to greatest",
        "of it kernel",
        "with start",
        "events/s",
        "memory",
    ]);
    for (keys, series) in all {
        let cells = cells(&series.figures(few, many), None);
        table.row([keys.to_string()].into_iter().chain(cells.into_iter().take(6)));
    }
    let mut text = table.render();
    let _ = write!(
        text,
        "\n`SELECT user_id, COUNT(*) … GROUP BY user_id`, exactly once, state and changelog durable: user + system time of \
         the process, slope between {few} and {many} events of about 450 bytes with random users, median of {repeats}. The \
         runs begin without state, so with many keys a part of the events makes a new one.\n\n\
         ![CPU per event by number of keys](cost-by-keys.svg)\n\n{machine}\n"
    );
    text
}

fn svg(all: &[(u32, Series)], plan: Plan) -> String {
    let points: Vec<Point> = all
        .iter()
        .map(|(keys, series)| {
            let figures = series.figures(plan.few, plan.many);
            Point { x: f64::from(*keys), y: figures.slope, range: figures.range }
        })
        .collect();
    let label = |keys: f64| match keys {
        keys if keys >= 1e6 => format!("{:.0} M", keys / 1e6),
        keys => format!("{:.0} k", keys / 1e3),
    };
    let title = "CPU per event of a count, exactly once, Kafka to Kafka";
    line(title, ["keys", "ns per event"], &points, label)
}
