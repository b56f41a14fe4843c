//! What `client` measures of Kolk, and the floor of what is measured: one process that reads or writes N records and ends.

use crate::floor;
use crate::link;
use crate::pool::Pool;
use crate::reader::{Reader, Until};
use crate::writer;
use anyhow::Result;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Reads
    Consume { bootstrap: String, topic: String, partitions: i32, records: u64 },
    /// Receives, looks at nothing, and sends it on if there is a topic for it
    Floor { bootstrap: String, topic: String, partitions: i32, output: Option<String> },
    /// Writes
    Produce { bootstrap: String, topic: String, partitions: i32, records: u64, pool: PathBuf },
}

/// Does the task, and prints `records=N touched=SUM`; the floor touches none.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.task {
        Task::Consume { bootstrap, topic, records, .. } => {
            let mut touched = 0_u64;
            let reader = Reader::open(&link::config(bootstrap)?, topic)?;
            let seen = reader.read(Until::Count(*records), |_, record| {
                let both = touch(record.key) + touch(record.value);
                touched = touched.wrapping_add(both);
            })?;
            println!("records={seen} touched={touched}");
        }
        Task::Floor { bootstrap, topic, partitions, output } => {
            let records = floor::run(bootstrap, (topic, *partitions), output.as_deref())?;
            println!("records={records} touched=0");
        }
        Task::Produce { bootstrap, topic, records, pool, .. } => {
            let mut pool = Pool::load(pool)?;
            writer::write(&writer::config(bootstrap)?, topic, *records, &mut pool)?;
            println!("records={records} touched=0");
        }
    }
    Ok(())
}

/// Looks at both ends of a key or value, and at its length. The rival computes the same.
#[inline]
fn touch(bytes: Option<&[u8]>) -> u64 {
    let bytes = bytes.unwrap_or_default();
    let first = bytes.first().copied().unwrap_or(0);
    let last = bytes.last().copied().unwrap_or(0);
    bytes.len() as u64 + (u64::from(first) << 32) + (u64::from(last) << 40)
}
