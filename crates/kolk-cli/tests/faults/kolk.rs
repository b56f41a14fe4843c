//! The binary under test as a process.

use crate::world;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// No command of these tests takes longer, `kolk run` excepted.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary `kolk` of this build, or the one that a soak names.
pub(crate) fn binary() -> String {
    world::variable("KOLK_SOAK_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_kolk").to_owned())
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) error: String,
}

/// The command with none of the caller's settings.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null());
    for name in
        ["KOLK_BOOTSTRAP_SERVERS", "KOLK_CONFIG", "KOLK_STATE_DIR", "KOLK_FAILPOINT", "NO_COLOR"]
    {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end in `folder`, at most [`PATIENCE`].
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Ended {
    finish(command(arguments).current_dir(folder))
}

/// Runs a prepared command to its end.
pub(crate) fn finish(command: &mut Command) -> Ended {
    // `timeout` rather than an own thread: output may be longer than a pipe holds.
    let mut limited = Command::new("timeout");
    limited.args(["--signal", "KILL", &PATIENCE.as_secs().to_string()]).arg(command.get_program());
    limited.args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    let Output { status, stdout, stderr } = limited.output().expect("timeout(1) runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { status: status.code(), out: text(stdout), error: text(stderr) }
}

/// Runs a command that must succeed; returns its standard output.
///
/// # Errors
/// With all that it said.
pub(crate) fn done(arguments: &[&str]) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let ended = run_in(folder.path(), arguments);
    if ended.status == Some(0) {
        return Ok(ended.out);
    }
    Err(format!(
        "`kolk {}` ended with {:?}:\n{}{}",
        arguments.join(" "),
        ended.status,
        ended.out,
        ended.error
    ))
}

/// A `kolk run` that may be killed and started again.
pub(crate) struct Run {
    folder: PathBuf,
    arguments: Vec<String>,
    /// Where it ends by itself: see `kolk::runtime::Failpoint`. Only in a build with feature `failpoints`.
    failpoint: Option<String>,
    child: Child,
}

impl Run {
    /// Starts it in `folder`, where its log is too.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn start(folder: &Path, arguments: Vec<String>) -> Result<Self, String> {
        Self::start_failing(folder, arguments, None)
    }

    /// The same, and it ends by itself at a failpoint.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn start_failing(
        folder: &Path,
        arguments: Vec<String>,
        failpoint: Option<String>,
    ) -> Result<Self, String> {
        let child = spawn(folder, &arguments, failpoint.as_deref())?;
        Ok(Self { folder: folder.to_owned(), arguments, failpoint, child })
    }

    /// Started again, it ends at this failpoint, or at none.
    pub(crate) fn arm(&mut self, failpoint: Option<String>) {
        self.failpoint = failpoint;
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Starts it again.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn again(&mut self) -> Result<(), String> {
        self.child = spawn(&self.folder, &self.arguments, self.failpoint.as_deref())?;
        Ok(())
    }

    /// Tells it to finish what it does and to end.
    pub(crate) fn stop(&self) {
        let _ = kill_process(self.pid(), Signal::TERM);
    }

    /// What it wrote, the last lines.
    pub(crate) fn log(&self, lines: usize) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `kill -9`; says which process.
pub(crate) fn kill(pid: Pid) -> String {
    format!("kolk {} killed: {:?}", pid.as_raw_nonzero(), kill_process(pid, Signal::KILL))
}

/// Whether it ended by `kill -9`.
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::KILL.as_raw())
}

/// Whether it ended at a failpoint.
pub(crate) fn has_aborted(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::ABORT.as_raw())
}

fn spawn(folder: &Path, arguments: &[String], failpoint: Option<&str>) -> Result<Child, String> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .map_err(|error| error.to_string())?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // It dies with the thread that started it, which waits for it: no run outlives a test that was killed.
    let run = command(&arguments);
    let mut guarded = Command::new("setpriv");
    guarded.args(["--pdeathsig", "KILL"]).arg(run.get_program()).args(run.get_args());
    for (name, _) in run.get_envs() {
        guarded.env_remove(name);
    }
    guarded
        .envs(failpoint.map(|failpoint| ("KOLK_FAILPOINT", failpoint)))
        .stdin(Stdio::null())
        .current_dir(folder)
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| error.to_string())
}

/// kcat, which checks what the own reader has read; `None` where it cannot be had, and that is said once.
pub(crate) fn kcat() -> Option<PathBuf> {
    static KCAT: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    let find = || {
        let found = Command::new(world::root().join("scripts/kcat.sh")).output().ok()?;
        let path = String::from_utf8(found.stdout).ok()?;
        if !found.status.success() {
            crate::say(&format!("without kcat: {}", String::from_utf8_lossy(&found.stderr).trim()));
            return None;
        }
        Some(PathBuf::from(path.trim()))
    };
    KCAT.get_or_init(find).clone()
}
