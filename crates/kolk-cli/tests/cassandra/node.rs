//! A node of Apache Cassandra by `scripts/cassandra.sh`, and Python's driver beside it.

use serde_json::Value;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No wait is longer: a machine may be busy, and the node takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Reads and writes by Python's driver: the address, then `cql STATEMENTS` or `rows TABLE`.
const CLIENT: &str = r#"
import datetime, json, sys
from cassandra.cluster import Cluster, ExecutionProfile, EXEC_PROFILE_DEFAULT
from cassandra.policies import RoundRobinPolicy
host, port = sys.argv[1].split(":")
profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=60)
cluster = Cluster([host], port=int(port), execution_profiles={EXEC_PROFILE_DEFAULT: profile}, protocol_version=4)
session = cluster.connect()
if sys.argv[2] == "cql":
    for statement in filter(str.strip, sys.argv[3].split(";")):
        session.execute(statement)
else:
    rows = [dict(row._asdict()) for row in session.execute("SELECT * FROM " + sys.argv[3])]
    rows.sort(key=lambda row: json.dumps(row, default=str))
    print(json.dumps(rows, default=lambda value: list(value) if isinstance(value, (list, set, tuple)) else str(value)))
cluster.shutdown()
"#;

/// A node that runs.
#[derive(Debug)]
pub(crate) struct Node {
    /// `host:port` of CQL.
    pub(crate) address: String,
    folder: TempDir,
    script: Child,
    python: PathBuf,
}

impl Node {
    /// The node that tests share; `None` when it cannot be had here.
    pub(crate) fn shared() -> Option<&'static Self> {
        static NODE: OnceLock<Option<Node>> = OnceLock::new();
        NODE.get_or_init(Self::own).as_ref()
    }

    /// A node of a test's own.
    pub(crate) fn own() -> Option<Self> {
        let missing = ["java", "mvn", "python3"].into_iter().find(|program| {
            let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
            !found.is_ok_and(|output| output.status.success())
        });
        if let Some(program) = missing {
            let why =
                format!("\nskipped: Apache Cassandra needs {program}, which is not installed\n");
            io::stdout().write_all(why.as_bytes()).unwrap();
            return None;
        }
        let python = Command::new(script("python.sh")).stderr(Stdio::inherit()).output().unwrap();
        assert!(python.status.success(), "scripts/python.sh: {python:?}");
        let python = PathBuf::from(String::from_utf8(python.stdout).unwrap().trim());
        let folder = TempDir::new().unwrap();
        let (script, address) = launch(folder.path());
        Some(Self { address, folder, script, python })
    }

    /// Runs statements.
    pub(crate) fn cql(&self, statements: &str) {
        self.client("cql", statements);
    }

    /// All rows of a table, in a stable order.
    pub(crate) fn rows(&self, table: &str) -> Vec<Value> {
        serde_json::from_str(&self.client("rows", table)).unwrap()
    }

    pub(crate) fn wait_for_rows(&self, table: &str, count: usize) {
        let start = Instant::now();
        loop {
            let there = self.rows(table).len();
            if there >= count {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{table} has {there} rows of {count}");
            thread::sleep(Duration::from_millis(300));
        }
    }

    fn client(&self, verb: &str, what: &str) -> String {
        let output = Command::new(&self.python)
            .args(["-W", "ignore", "-c", CLIENT, &self.address, verb, what])
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{verb} {what}: {err}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        let pid = fs::read_to_string(self.folder.path().join("pid")).unwrap();
        let killed = Command::new("kill").args(["-9", pid.trim()]).status().unwrap();
        assert!(killed.success());
        self.script.wait().unwrap();
    }

    /// Starts it again on its data and port.
    pub(crate) fn revive(&mut self) {
        let (script, address) = launch(self.folder.path());
        assert_eq!(address, self.address);
        self.script = script;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name)
}

/// Standard input stays open as long as the node shall live: it ends with this process at the latest.
fn launch(folder: &Path) -> (Child, String) {
    let mut child = Command::new(script("cassandra.sh"))
        .args(["--until-stdin-closes", "--data"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    while out.read_line(&mut line).unwrap() > 0 {
        if let Some(address) = line.trim().strip_prefix("ready ") {
            return (child, address.to_owned());
        }
        line.clear();
    }
    let _ = child.wait();
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("Apache Cassandra did not start: {}", &log[log.len().saturating_sub(2000)..]);
}
