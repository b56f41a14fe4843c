//! Apache Kafka for a run: started by the project's script, stopped with this process.

use crate::place::Place;
use crate::process::command;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// The release that everything runs against.
pub(crate) const VERSION: &str = "4.1.2";
/// Deleted topics free their space at once; what was loaded is not cleaned up during a run.
const SETTINGS: &[&str] = &["log.segment.delete.delay.ms=1000", "log.retention.ms=-1"];

/// What becomes of the data afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    Keep,
    Delete,
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Kafka {
    script: Child,
    /// Closing it stops the server.
    stdin: Option<ChildStdin>,
    _stdout: BufReader<ChildStdout>,
    folder: PathBuf,
    data: Data,
    /// `host:port`.
    pub(crate) address: String,
}

impl Kafka {
    /// Starts the server on the data that an earlier run may have kept.
    pub(crate) fn start(place: &Place, data: Data) -> Result<Self> {
        let folder = place.work.join("kafka");
        let mut command = command(place.root.join("scripts/kafka.sh"));
        command.arg("--data").arg(&folder).args(["--version", VERSION, "--until-stdin-closes"]);
        for setting in SETTINGS {
            command.args(["--set", setting]);
        }
        command.env("KAFKA_HEAP", "1g").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = command.spawn().context("cannot start scripts/kafka.sh")?;
        let stdin = script.stdin.take();
        let stdout = script.stdout.take().context("the script's output is a pipe")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line).context("cannot read what kafka.sh says")?;
        let Some(address) = line.trim().strip_prefix("ready ").map(str::to_owned) else {
            let _ = script.wait();
            bail!("Apache Kafka did not start: see {}", folder.join("log").display());
        };
        Ok(Self { script, stdin, _stdout: stdout, folder, data, address })
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.script.wait();
        if self.data == Data::Delete {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
