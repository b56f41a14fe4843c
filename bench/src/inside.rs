//! `bench inside`: what an event costs inside a task, without broker, commit or disk: for those who look for what is in the way.
//!
//! The jobs of `bench state`, the same events as one of four tasks gets them, whole fetches at a time, a commit's work every so many
//! rows. Only the thread's own CPU time counts.

use crate::Options;
use crate::data::PARTITIONS;
use crate::events::Draw;
use crate::place::Place;
use crate::state::{CASES, Case};
use crate::table::{Table, nanos};
use anyhow::{Context, Result, anyhow};
use kolk::client::producer::Producer;
use kolk::operator::task::{Task, TaskOptions};
use kolk::record::{Output, Rows, RowsReader};
use kolk::topology::{Stage, stages};
use kolk_sql::{Session, Source, compile};
use kolk_wire::record::{BatchBuilder, Batches, Compression, Scratch, set_base_offset};
use std::fs;
use std::time::Duration;

/// Rows between two commits: what a task gets in 100 ms at two million events per second.
const COMMIT_ROWS: u64 = 50_000;
/// Bytes of a record batch.
const BATCH_BYTES: usize = 512 << 10;
/// Bytes of output between two looks of delivery.
const OUTPUT_BYTES: usize = 256 << 10;
/// The first event's time: 2023.
const START: i64 = 1_700_000_000_000;

/// CPU time of a run.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    rows: Duration,
    commits: Duration,
}

/// Runs the jobs.
pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = options.plan(50_000, 400_000, 3)?;
    let place = Place::find()?;
    let mut table = Table::new(&["inside one task", "rows", "commits", "output rows", "changes"]);
    for case in CASES.iter().filter(|case| options.wants(case.title)) {
        let stage = stage(&place, case)?;
        let inputs = inputs(case, stage.query.sources().count(), plan.many)?;
        let mut best: Option<(Spent, [usize; 2])> = None;
        for _ in 0..plan.repeats {
            let run = measure(&stage, &inputs)?;
            let total = |(spent, _): &(Spent, [usize; 2])| spent.rows + spent.commits;
            best = best.filter(|best| total(best) <= total(&run)).or(Some(run));
        }
        let Some((spent, made)) = best else { continue };
        let per = |time: Duration| nanos(time.as_secs_f64() * 1e9 / plan.many as f64);
        let share = |count: usize| format!("{:.3}", count as f64 / plan.many as f64);
        let [rows, changes] = made.map(share);
        table.row([case.title.to_owned(), per(spent.rows), per(spent.commits), rows, changes]);
    }
    println!("{}", table.render());
    Ok(())
}

/// The only stage of a job.
fn stage(place: &Place, case: &Case) -> Result<Stage> {
    let path = place.root.join(format!("bench/jobs/{}.sql", case.job.name()));
    let text = fs::read_to_string(&path).with_context(|| format!("no file {}", path.display()))?;
    let program = compile(&[Source::new("job", text)], &Session::new("bench"));
    let program = program.map_err(|errors| anyhow!("{errors:?}"))?;
    let query = program.topology.queries.first().context("the job has a query")?;
    stages(query, "bench")?.pop().context("a query has a stage")
}

/// The rows of partition 0 among `count` times as many events, for each input in turn, one batch each.
fn inputs(case: &Case, topics: usize, count: u64) -> Result<Vec<Vec<Rows>>> {
    let mut draw = Draw::new(case.users);
    let mut value = String::new();
    let mut inputs: Vec<Vec<Rows>> = vec![Vec::new(); topics];
    let mut open: Vec<(BatchBuilder, i64)> =
        (0..topics).map(|_| (BatchBuilder::new(Compression::None), 0)).collect();
    let (mut taken, mut number) = (0, 0);
    while taken < count {
        let user = draw.next(START, number, &mut value);
        let topic = usize::try_from(number)? % topics;
        let at = START + i64::try_from(number)?;
        number += 1;
        if Producer::partition_of_key(Some(user.as_bytes()), PARTITIONS) != Some(0) {
            continue;
        }
        taken += 1;
        let (builder, base) = &mut open[topic];
        builder.push(at, Some(user.as_bytes()), Some(value.as_bytes()), &[])?;
        if builder.size_estimate() >= BATCH_BYTES {
            let builder = std::mem::replace(builder, BatchBuilder::new(Compression::None));
            read(builder, base, &mut inputs[topic])?;
        }
    }
    for (topic, (builder, mut base)) in open.into_iter().enumerate() {
        read(builder, &mut base, &mut inputs[topic])?;
    }
    Ok(inputs)
}

/// A batch's rows as they are fetched.
fn read(mut builder: BatchBuilder, base: &mut i64, into: &mut Vec<Rows>) -> Result<()> {
    if builder.is_empty() {
        return Ok(());
    }
    let mut batch = builder.finish();
    set_base_offset(&mut batch, *base, 0);
    let batch = batch.freeze();
    let mut reader = RowsReader::new(batch.clone(), Batches::new(batch), *base);
    let mut scratch = Scratch::new();
    loop {
        let mut rows = Rows::default();
        if !reader.next_rows(&mut scratch, &mut rows)? {
            return Ok(());
        }
        *base = rows.rows.last().map_or(*base, |row| row.offset + 1);
        into.push(rows);
    }
}

/// One run over all rows; also how many rows went out, and how many changes of state.
fn measure(stage: &Stage, inputs: &[Vec<Rows>]) -> Result<(Spent, [usize; 2])> {
    let options = TaskOptions { task: 0, targets: 1, upstream: vec![0; inputs.len()] };
    let mut task = Task::new(stage, &options)?;
    let mut output = Output::default();
    let (mut spent, mut made, mut since) = (Spent::default(), [0; 2], 0);
    let longest = inputs.iter().map(Vec::len).max().unwrap_or(0);
    let refused = |why: String| anyhow!(why);
    for number in 0..longest {
        let start = cpu()?;
        for (input, rows) in inputs.iter().enumerate() {
            let Some(rows) = rows.get(number) else { continue };
            since += rows.rows.len() as u64;
            task.offer(input, rows.clone()).map_err(|(_, why)| anyhow!(why))?;
        }
        while task.run(&mut output).map_err(refused)? {
            if output.encoded.len() > OUTPUT_BYTES {
                made[0] += output.rows.len();
                output.clear();
            }
        }
        let ran = cpu()?;
        spent.rows += ran.saturating_sub(start);
        if since >= COMMIT_ROWS || number + 1 == longest {
            since = 0;
            task.prepare_commit(&mut output).map_err(refused)?;
            made = [made[0] + output.rows.len(), made[1] + output.addressed.len()];
            output.clear();
            spent.commits += cpu()?.saturating_sub(ran);
        }
    }
    Ok((spent, made))
}

/// CPU time of this thread.
fn cpu() -> Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let on_cpu = text.split_ascii_whitespace().next().context("schedstat begins with a number")?;
    Ok(Duration::from_nanos(on_cpu.parse()?))
}
