//! A server that one of the project's scripts runs: it stops with this process.

use crate::process::command;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A server that runs. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    script: Child,
    /// Closing it stops the server.
    stdin: Option<ChildStdin>,
    _stdout: BufReader<ChildStdout>,
    /// Its data and its log.
    pub(crate) folder: PathBuf,
    /// `host:port`.
    pub(crate) address: String,
}

impl Server {
    /// Starts `script` with its data in `folder`; `more` gives it what it has to say beside that.
    pub(crate) fn start(
        script: &Path,
        folder: PathBuf,
        more: impl FnOnce(&mut Command),
    ) -> Result<Self> {
        let mut command = command(script);
        command.arg("--data").arg(&folder).arg("--until-stdin-closes");
        more(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let name = script.display();
        let mut script = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let stdin = script.stdin.take();
        let stdout = script.stdout.take().context("the script's output is a pipe")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line).with_context(|| format!("cannot read what {name} says"))?;
        let Some(address) = line.trim().strip_prefix("ready ").map(str::to_owned) else {
            let _ = script.wait();
            bail!("{name} did not start its server: see {}", folder.join("log").display());
        };
        Ok(Self { script, stdin, _stdout: stdout, folder, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.script.wait();
    }
}
