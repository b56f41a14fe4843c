//! A node of Apache Cassandra by `scripts/cassandra.sh`, and Python's driver beside it.

use crate::harness::{Script, missing};
use crate::world;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

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
pub(super) struct Node {
    script: Script,
    python: PathBuf,
}

impl Node {
    /// The node that tests share; `None` when it cannot be had here.
    pub(super) fn shared() -> Option<&'static Self> {
        static NODE: OnceLock<Option<Node>> = OnceLock::new();
        NODE.get_or_init(Self::own).as_ref()
    }

    /// A node of a test's own.
    pub(super) fn own() -> Option<Self> {
        if missing("Apache Cassandra", &["java", "mvn", "python3"]) {
            return None;
        }
        let python = world::root().join("scripts/python.sh");
        let python = Command::new(python).stderr(Stdio::inherit()).output().unwrap();
        assert!(python.status.success(), "scripts/python.sh: {python:?}");
        let python = PathBuf::from(String::from_utf8(python.stdout).unwrap().trim());
        Some(Self { script: Script::start("cassandra.sh", &[]), python })
    }

    /// `host:port` of CQL.
    pub(super) fn address(&self) -> String {
        self.script.address().to_string()
    }

    /// Its process.
    pub(super) fn script(&self) -> &Script {
        &self.script
    }

    /// Runs statements.
    pub(super) fn cql(&self, statements: &str) {
        self.client("cql", statements);
    }

    /// All rows of a table, in a stable order.
    pub(super) fn rows(&self, table: &str) -> Vec<Value> {
        serde_json::from_str(&self.client("rows", table)).unwrap()
    }

    pub(super) fn wait_for_rows(&self, table: &str, count: usize) {
        let there = || (self.rows(table).len() >= count).then_some(());
        world::wait_for(PATIENCE, there)
            .unwrap_or_else(|| panic!("{table} has fewer than {count} rows"));
    }

    fn client(&self, verb: &str, what: &str) -> String {
        let output = Command::new(&self.python)
            .args(["-W", "ignore", "-c", CLIENT, &self.address(), verb, what])
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{verb} {what}: {err}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Ends it as a crash would.
    pub(super) fn kill(&self) {
        self.script.kill();
    }

    /// Starts it again on its data and port.
    pub(super) fn revive(&self) {
        self.script.revive();
    }
}
