//! `bench recovery`: a count with much state is killed, or loses its local state, and starts again: how long until a reader has
//! its first result.

use crate::events;
use crate::job::{Ends, Engine, Job, Task};
use crate::link;
use crate::measure::median;
use crate::process::{Running, pause};
use crate::reader::Reader;
use crate::setup::Setup;
use crate::table::{Table, mebibytes};
use crate::{Options, docs, machine};
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How soon the first result must be there after `kill -9`, in seconds, the group's rebalance aside.
const TARGET: f64 = 2.0;
/// Keys of the state, and events that make them.
const KEYS: u32 = 1_000_000;
const EVENTS: u64 = 2_000_000;
/// Longer than any restart takes.
const LIMIT: Duration = Duration::from_secs(120);
/// The query's name, as the group's ends.
const QUERY: &str = "result";

/// What happens before the restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Killed,
    Lost,
}

const CASES: [(Case, &str); 2] = [
    (Case::Killed, "kill -9, local state kept"),
    (Case::Lost, "stopped, local state lost: read from the changelog"),
];

/// One row of the table.
#[derive(Debug)]
struct Line {
    title: &'static str,
    seconds: Vec<f64>,
    /// Keys in the state, and bytes of the local files before.
    keys: u64,
    bytes: u64,
}

/// Runs the suite.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (keys, events) = if options.quick { (20_000, 50_000) } else { (KEYS, EVENTS) };
    let events = options.records.as_ref().and_then(|given| given.last().copied()).unwrap_or(events);
    let repeats = options.repeats.unwrap_or(if options.quick { 1 } else { 3 });
    let mut setup = Setup::of_kolk(options)?;
    let mut lines = Vec::new();
    for (case, title) in CASES.into_iter().filter(|(_, title)| options.wants(title)) {
        let line = setup.measure(case, title, (keys, events), repeats)?;
        println!("{title}: {:.2?} s", line.seconds);
        lines.push(line);
    }
    let place = setup.place.clone();
    drop(setup);
    let machine = machine::describe(&place, "No rival");
    let report = report(&lines, repeats, &machine);
    println!("\n{report}");
    if options.write_docs {
        docs::write(&place, "recovery", &report)?;
    }
    Ok(())
}

impl Setup {
    fn measure(
        &mut self,
        case: Case,
        title: &'static str,
        (keys, events): (u32, u64),
        repeats: usize,
    ) -> Result<Line> {
        let application = format!("bench-recovery-{:08x}", fastrand::u32(..));
        let (input, output) = (format!("{application}-input"), format!("{application}-output"));
        for topic in [&input, &output] {
            self.topics.create(topic)?;
        }
        println!("loading {events} events of {keys} users");
        events::write(&self.kafka.address, &[&input], events, keys)?;
        let group = format!("{application}-{QUERY}");
        let task = Task {
            job: Job::Groups,
            bootstrap: &self.kafka.address,
            application: application.clone(),
            inputs: &[&input],
            output: &output,
            options: "",
            ends: Ends::Never,
        };
        let folder = self.place.fresh(&application)?;
        let mut running = self.engines.start_in(&self.place, &folder, Engine::Kolk, &task)?;
        let mut written = events;
        let mut line = Line { title, seconds: Vec::new(), keys: u64::from(keys), bytes: 0 };
        for _ in 0..repeats {
            wait_committed(&mut self.topics, &mut running, &group, written)?;
            line.bytes = line.bytes.max(bytes_of(&folder.join(".kolk")));
            let mut reader = Reader::open(&link::config(&self.kafka.address)?, &output)?;
            reader.catch_up(LIMIT)?;
            match case {
                Case::Killed => drop(running),
                Case::Lost => {
                    running.stop()?;
                    running.finish(LIMIT)?;
                    fs::remove_dir_all(folder.join(".kolk")).context("no local state")?;
                }
            }
            // Something new in every partition.
            events::write(&self.kafka.address, &[&input], 64, keys)?;
            written += 64;
            running = self.engines.start_in(&self.place, &folder, Engine::Kolk, &task)?;
            let before = reader.records();
            while reader.records() == before {
                running.check()?;
                reader.go_on(Duration::from_millis(2))?;
                if running.age() > LIMIT {
                    bail!("no output after {LIMIT:?}");
                }
            }
            line.seconds.push(running.age().as_secs_f64());
        }
        running.stop()?;
        running.finish(LIMIT)?;
        for topic in [&input, &output] {
            self.topics.delete(topic)?;
        }
        Ok(line)
    }
}

/// Waits until the group has committed so many records of the input.
fn wait_committed(
    topics: &mut crate::data::Topics,
    running: &mut Running,
    group: &str,
    records: u64,
) -> Result<()> {
    let start = running.age();
    while topics.committed(group)? < records {
        running.check()?;
        if running.age().saturating_sub(start) > LIMIT {
            bail!("{group} had not committed {records} records after {LIMIT:?}");
        }
        pause(Duration::from_millis(50));
    }
    Ok(())
}

/// Bytes of all files below a folder.
fn bytes_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(of) if of.is_dir() => bytes_of(&entry.path()),
        Ok(of) => of.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

fn report(lines: &[Line], repeats: usize, machine: &str) -> String {
    let mut table =
        Table::new(&["restart", "keys", "local files", "first result after", "least to greatest"]);
    for line in lines {
        let (least, most) = line
            .seconds
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(least, most), it| (least.min(*it), most.max(*it)));
        table.row([
            line.title.to_owned(),
            line.keys.to_string(),
            mebibytes(line.bytes),
            format!("{:.2} s", median(line.seconds.clone())),
            format!("{least:.2} s – {most:.2} s"),
        ]);
    }
    let mut text = table.render();
    let _ = write!(
        text,
        "\nA count by user over random users, exactly once. It has committed all of its input; then it goes, a few events are \
         written, and it is started again: the time from the start of the process until a `read_committed` reader has the first new \
         result, joining the group and ending the transaction of the one before included. After `kill -9` the process comes back \
         under its old name, so the group does not wait for the dead one. Median of {repeats}.\n\n"
    );
    if let Some(line) = lines.first() {
        let seconds = median(line.seconds.clone());
        let verdict = if seconds <= TARGET { "reached" } else { "missed" };
        let _ = writeln!(text, "- {}: {seconds:.2} s; target {TARGET} s: {verdict}.", line.title);
    }
    let _ = write!(text, "\n{machine}\n");
    text
}
