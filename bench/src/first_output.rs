//! How long it takes from the start of an application to its first record that others can see.

use crate::data::Topics;
use crate::job::{Ends, Job, Task};
use crate::link;
use crate::pool::Kind;
use crate::process::Running;
use crate::reader::Reader;
use anyhow::{Result, bail};
use std::time::Duration;

/// Visits in the input.
const RECORDS: u64 = 1000;
/// Longer than any engine takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Starts an application on a small input, and waits for its first committed record.
pub(crate) fn measure(
    bootstrap: &str,
    topics: &mut Topics,
    job: Job,
    start: impl FnOnce(&Task<'_>) -> Result<Running>,
) -> Result<Duration> {
    let input = topics.input(Kind::Visits, RECORDS)?;
    let application = format!("bench-first-{:08x}", fastrand::u32(..));
    let output = format!("{application}-output");
    topics.create(&output)?;
    // The reader waits at the broker before the application starts.
    let mut reader = Reader::open(&link::config(bootstrap)?, &output)?;
    for _ in 0..5 {
        reader.any_record(Duration::from_millis(50))?;
    }
    let (inputs, output) = (&[input.as_str()][..], &output);
    let task = Task { job, bootstrap, application, inputs, output, options: "", ends: Ends::Never };
    let mut running = start(&task)?;
    while !reader.any_record(Duration::from_millis(10))? {
        running.check()?;
        if running.age() > LIMIT {
            bail!("no output after {LIMIT:?}");
        }
    }
    let first = running.age();
    running.stop()?;
    running.finish(LIMIT + Duration::from_secs(40))?;
    topics.delete(output)?;
    Ok(first)
}
