//! Running the binary: what it prints, how it ends, and never for ever.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No command takes longer, or the test fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// A folder in which commands run.
pub(crate) struct Kolk {
    folder: TempDir,
    commands: AtomicUsize,
    variables: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Fails the test unless the command ended with `status`.
    pub(crate) fn with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// Fails the test unless standard error has all of `parts`.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in:\n{}", self.err);
        }
        self
    }
}

/// A command that is running.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Kolk {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { folder, commands: AtomicUsize::new(0), variables: Vec::new() }
    }

    /// With a variable of the environment for all commands.
    pub(crate) fn with_variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs a command line, cut at spaces, to its end.
    pub(crate) fn run(&self, line: &str) -> Ended {
        self.start(line, "").wait()
    }

    /// Runs a command line that must end well; returns what it printed.
    pub(crate) fn ok(&self, line: &str) -> String {
        self.run(line).with(0).out
    }

    /// Writes `lines` with `kolk produce` and these options.
    pub(crate) fn produce(&self, options: &str, lines: &str) {
        self.start(&format!("produce {options}"), lines).wait().with(0);
    }

    /// Starts a command line, cut at spaces, with `input` on its standard input.
    pub(crate) fn start(&self, line: &str, input: &str) -> Running {
        let number = self.commands.fetch_add(1, Ordering::SeqCst);
        let path = |end: &str| self.folder().join(format!("command-{number}.{end}"));
        let (out, err) = (path("out"), path("err"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_kolk"));
        command.args(line.split_whitespace()).current_dir(self.folder());
        command.env_clear().envs(self.variables.iter().cloned());
        command.stdin(Stdio::piped());
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let mut child = command.spawn().unwrap();
        // A command that ends before it has read everything is judged by how it ends.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Running { child, out, err }
    }
}

impl Running {
    /// What was printed so far.
    pub(crate) fn out(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    /// What it has said on standard error so far.
    #[allow(dead_code, reason = "only tests of stores ask for it")]
    pub(crate) fn err(&self) -> String {
        fs::read_to_string(&self.err).unwrap_or_default()
    }

    /// Waits until `done` holds of what was printed.
    pub(crate) fn wait_until(&mut self, done: impl Fn(&str) -> bool) {
        self.poll(|running| done(&running.out()).then_some(()), "to print something");
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        let status = self.poll(|running| running.child.try_wait().unwrap(), "to end");
        let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let (out, err) = (text(&self.out), text(&self.err));
        Ended { status: status.code().unwrap_or(-1), out, err }
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(self) -> Ended {
        self.signal("TERM");
        self.wait()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    #[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
    fn poll<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>, what: &str) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            if start.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!(
                    "waited too long for kolk {what}: {}",
                    fs::read_to_string(&self.err).unwrap()
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a failed assertion; a command that has ended is not touched.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `done` holds.
#[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
pub(crate) fn eventually(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
