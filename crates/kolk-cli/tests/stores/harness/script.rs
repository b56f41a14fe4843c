//! A server that a script of `scripts/` runs: started, killed, and started again on its data and address.

use crate::{say, world};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// A script's process; its server ends when this one does, or when its standard input does.
type Running = Mutex<Option<Child>>;

/// A server by its script: `--data DIR --until-stdin-closes`, `ready HOST:PORT` on its standard output, the server's process id in
/// `DIR/pid`, what it says in `DIR/log`; called again with a DIR used before it serves its data at the same address.
#[derive(Debug)]
pub(crate) struct Script {
    name: &'static str,
    options: Vec<String>,
    folder: TempDir,
    address: SocketAddr,
    running: Running,
}

impl Script {
    /// Starts `scripts/NAME` with these options beside `--data` and `--until-stdin-closes`.
    ///
    /// # Panics
    /// When the server does not start, with the end of what it said.
    pub(crate) fn start(name: &'static str, options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let (child, address) = launch(name, &options, &folder);
        Self { name, options, folder, address, running: Mutex::new(Some(child)) }
    }

    /// Where it serves, also after a restart.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder: data, log, certificates.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Ends the server as a crash would; does nothing when it is dead.
    pub(crate) fn kill(&self) {
        let Some(mut script) = self.running().take() else { return };
        let pid = fs::read_to_string(self.folder.path().join("pid")).unwrap();
        let pid = pid.trim().parse().ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        script.wait().unwrap();
    }

    /// Starts it again on its data and address; does nothing when it runs.
    pub(crate) fn revive(&self) {
        let mut running = self.running();
        if running.is_none() {
            let (child, address) = launch(self.name, &self.options, &self.folder);
            assert_eq!(address, self.address);
            *running = Some(child);
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if let Some(mut script) = self.running().take() {
            drop(script.stdin.take());
            let _ = script.wait();
        }
    }
}

/// Standard input stays open as long as the server shall live: it ends with this process at the latest.
fn launch(name: &str, options: &[String], folder: &TempDir) -> (Child, SocketAddr) {
    let mut child = Command::new(world::root().join("scripts").join(name))
        .args(["--until-stdin-closes", "--data"])
        .arg(folder.path())
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    while out.read_line(&mut line).unwrap() > 0 {
        if let Some(address) = line.trim().strip_prefix("ready ") {
            return (child, address.parse().unwrap());
        }
        line.clear();
    }
    let _ = child.wait();
    let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let from = log.len().saturating_sub(2000);
    panic!("scripts/{name} did not start: {}", String::from_utf8_lossy(&log.as_bytes()[from..]));
}

/// Whether one of these programs is missing, which is said: `skipped: why`.
///
/// # Panics
/// Under CI, where nothing may be skipped.
pub(crate) fn missing(what: &str, programs: &[&str]) -> bool {
    let is_there = |program: &str| {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        found.is_ok_and(|output| output.status.success())
    };
    let Some(program) = programs.iter().find(|program| !is_there(program)) else { return false };
    assert!(world::variable("CI").is_none(), "{what} needs {program}, which is not installed");
    say(&format!("\nskipped: {what} needs {program}, which is not installed"));
    true
}
