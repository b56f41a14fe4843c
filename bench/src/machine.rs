//! The machine and the versions that a table belongs to.

use crate::kafka::VERSION;
use crate::place::Place;
use std::fs;
use std::process::Command;

/// A paragraph that says where and with what the numbers were made.
pub(crate) fn describe(place: &Place, rival: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let memory = memory.trim_end_matches(" kB").parse().unwrap_or(0_u64).div_ceil(1024 * 1024);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let commit = said(Command::new("git").args(["describe", "--always", "--dirty"]), place);
    let rustc = said(Command::new("rustc").arg("--version"), place);
    let java = said(Command::new("java").arg("--version"), place);
    format!(
        "{cores} cores of {model}, {memory} GiB, Linux {}, broker and contender on the same machine. Apache Kafka {VERSION} \
         on {java}. {rival}. Kolk {commit}, {rustc}.",
        kernel.trim(),
    )
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said(command: &mut Command, place: &Place) -> String {
    let output = command.current_dir(&place.root).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_default()
}
