//! A node of Apache Cassandra by `scripts/cassandra.sh`, and Python's driver beside it.

use crate::harness::{Script, missing};
use crate::world;
use serde_json::Value;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// So long one test may have the node that may be killed.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Reads and writes by Python's driver: the address, then `cql STATEMENTS` or `select WHAT`.
const CLIENT: &str = r#"
import datetime, json, sys
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, ExecutionProfile, EXEC_PROFILE_DEFAULT
from cassandra.policies import RoundRobinPolicy
def plain(value):
    if hasattr(value, "items"):
        return dict(value.items())
    return list(value) if hasattr(value, "__iter__") else str(value)
host, port = sys.argv[1].split(":")
profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=60)
cluster = Cluster([host], port=int(port), execution_profiles={EXEC_PROFILE_DEFAULT: profile}, protocol_version=4,
    auth_provider=PlainTextAuthProvider("cassandra", "cassandra"))
session = cluster.connect()
if sys.argv[2] == "cql":
    for statement in filter(str.strip, sys.argv[3].split(";")):
        session.execute(statement)
else:
    rows = [dict(row._asdict()) for row in session.execute("SELECT " + sys.argv[3])]
    rows.sort(key=lambda row: json.dumps(row, default=str))
    print(json.dumps(rows, default=plain))
cluster.shutdown()
"#;

/// The node's user and password.
pub(super) const LOGIN: &str = "username = 'cassandra', password = 'cassandra'";

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
        NODE.get_or_init(|| Self::start(&["--secure"])).as_ref()
    }

    fn start(options: &[&str]) -> Option<Self> {
        if missing("Apache Cassandra", &["java", "mvn", "python3"]) {
            return None;
        }
        let python = world::root().join("scripts/python.sh");
        let python = Command::new(python).stderr(Stdio::inherit()).output().unwrap();
        assert!(python.status.success(), "scripts/python.sh: {python:?}");
        let python = PathBuf::from(String::from_utf8(python.stdout).unwrap().trim());
        Some(Self { script: Script::start("cassandra.sh", options), python })
    }

    /// The options of a statement that reach it by TLS.
    pub(super) fn tls(&self) -> String {
        format!("tls = TRUE, tls_ca = '{}'", self.script.folder().join("ca.pem").display())
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
        self.client("cql", statements).unwrap();
    }

    /// All rows of a table, in a stable order.
    pub(super) fn rows(&self, table: &str) -> Vec<Value> {
        self.select(&format!("* FROM {table}"))
    }

    /// The rows of a `SELECT`, in a stable order.
    pub(super) fn select(&self, what: &str) -> Vec<Value> {
        self.try_select(what).unwrap()
    }

    /// The same of a node that may be dead.
    ///
    /// # Errors
    /// With what the driver said.
    pub(super) fn try_select(&self, what: &str) -> Result<Vec<Value>, String> {
        Ok(serde_json::from_str(&self.client("select", what)?).unwrap())
    }

    /// Makes a keyspace.
    pub(super) fn keyspace(&self, name: &str) {
        self.cql(&format!(
            "CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        ));
    }

    fn client(&self, verb: &str, what: &str) -> Result<String, String> {
        let output = Command::new(&self.python)
            .args(["-W", "ignore", "-c", CLIENT, &self.address(), verb, what])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("{verb} {what}: {said}"));
        }
        Ok(String::from_utf8(output.stdout).unwrap())
    }
}

/// The node that tests may kill, one test at a time.
#[derive(Debug)]
pub(super) struct Killable(&'static Node);

static TAKEN: AtomicBool = AtomicBool::new(false);

impl Killable {
    /// Waits until nobody has it; `None` when it cannot be had here.
    pub(super) fn take() -> Option<Self> {
        static NODE: OnceLock<Option<Node>> = OnceLock::new();
        let node = NODE.get_or_init(|| Node::start(&["--secure", "--durable"])).as_ref()?;
        let free = || (!TAKEN.swap(true, Ordering::SeqCst)).then_some(());
        world::wait_for(PATIENCE, free).unwrap();
        let taken = Self(node);
        taken.script().revive();
        Some(taken)
    }
}

impl Deref for Killable {
    type Target = Node;

    fn deref(&self) -> &Node {
        self.0
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::SeqCst);
    }
}
