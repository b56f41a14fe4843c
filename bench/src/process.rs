//! Contenders as child processes: started, bounded in time, and what they used when they are gone.

use anyhow::{Context, Result, bail};
use kolk::time::{Clock, Moment, SystemClock};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use wait4::Wait4;

/// How often a child is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What a process used over its life.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// CPU time in its own code.
    pub(crate) user: Duration,
    /// CPU time in the kernel on its behalf.
    pub(crate) system: Duration,
    /// From start to end.
    pub(crate) wall: Duration,
    /// The most memory that was resident, in bytes (VmHWM).
    pub(crate) resident: u64,
}

impl Usage {
    /// User and system time.
    pub(crate) fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

/// A process that has ended well.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) usage: Usage,
    /// What it printed.
    pub(crate) output: String,
}

/// A process that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    /// None once it is reaped.
    child: Option<Child>,
    clock: SystemClock,
    resident: u64,
    folder: PathBuf,
}

/// A command that dies with this process, even when that one is killed.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "the one door: a child that ends wakes nobody")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

impl Running {
    /// Starts `command` in `folder`, where what it prints and complains goes to files.
    pub(crate) fn start(name: &str, mut command: Command, folder: &Path) -> Result<Self> {
        let file = |name| File::create(folder.join(name)).context("cannot write a contender's log");
        command.current_dir(folder).stdin(Stdio::null());
        command.stdout(file("stdout")?).stderr(file("stderr")?);
        let clock = SystemClock::new();
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let folder = folder.to_owned();
        Ok(Self { name: name.to_owned(), child: Some(child), clock, resident: 0, folder })
    }

    /// Time since it was started.
    pub(crate) fn age(&self) -> Duration {
        self.clock.monotonic().since(Moment::default())
    }

    /// Asks it to stop: SIGTERM.
    pub(crate) fn stop(&self) -> Result<()> {
        if let Some(pid) = self.child.as_ref().map(Child::id) {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            kill_process(pid.context("a process has a number")?, Signal::TERM)
                .with_context(|| format!("cannot stop {}", self.name))?;
        }
        Ok(())
    }

    /// Looks whether it has ended, which is an error here, or grown.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(usage) = self.look()? {
            bail!("{} ended early, after {:?}: {}", self.name, usage.wall, self.complaint());
        }
        Ok(())
    }

    /// Waits for its end, which must be a good one and come within `limit` of its start.
    pub(crate) fn finish(mut self, limit: Duration) -> Result<Finished> {
        loop {
            if let Some(usage) = self.look()? {
                let output = fs::read_to_string(self.folder.join("stdout"))?;
                return Ok(Finished { usage, output });
            }
            if self.age() > limit {
                bail!("{} was not done after {limit:?}: {}", self.name, self.complaint());
            }
            pause(LOOK);
        }
    }

    fn look(&mut self) -> Result<Option<Usage>> {
        let wall = self.age();
        let Some(child) = &mut self.child else { bail!("{} is gone", self.name) };
        self.resident = self.resident.max(resident_max(child.id()).unwrap_or(0));
        let Some(used) = child.try_wait4().context("cannot wait for a child")? else {
            return Ok(None);
        };
        self.child = None;
        // 143 is how a JVM says that SIGTERM ended it after its shutdown hooks.
        if !used.status.success() && used.status.code() != Some(143) {
            bail!("{} failed, {}: {}", self.name, used.status, self.complaint());
        }
        let (user, system) = (used.rusage.utime, used.rusage.stime);
        Ok(Some(Usage { user, system, wall, resident: self.resident }))
    }

    /// The end of what it wrote.
    fn complaint(&self) -> String {
        let of = |name| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let text = of("stdout") + &of("stderr");
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
        format!("(in {})\n{}", self.folder.display(), last.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// VmHWM. The `ru_maxrss` of wait4 will not do: it begins with what the parent had when it forked.
fn resident_max(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Running> {
        let folder = std::env::temp_dir().join(format!("bench-{}", fastrand::u64(..)));
        fs::create_dir_all(&folder)?;
        let mut command = command("sh");
        command.args(["-c", script]);
        Running::start("a shell", command, &folder)
    }

    #[test]
    fn cpu_time_of_a_child_is_its_own_and_waiting_costs_nothing() {
        let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done";
        let busy = shell(busy).unwrap().finish(Duration::from_secs(30)).unwrap();
        let idle = shell("sleep 0.3").unwrap().finish(Duration::from_secs(30)).unwrap();
        assert_eq!(busy.output, "done\n");
        assert!(busy.usage.cpu() > 3 * idle.usage.cpu(), "{busy:?} {idle:?}");
        assert!(idle.usage.wall >= Duration::from_millis(300));
        assert!(idle.usage.resident > 100_000, "{idle:?}");
    }

    #[test]
    fn a_child_that_fails_or_takes_too_long_is_an_error_with_its_words() {
        let error = shell("echo why >&2; exit 3").unwrap().finish(Duration::from_secs(30));
        assert!(error.unwrap_err().to_string().contains("why"));
        let error = shell("sleep 60").unwrap().finish(Duration::from_millis(50));
        assert!(error.unwrap_err().to_string().contains("not done"));
    }
}
