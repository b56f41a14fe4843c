//! The instances of one application, each with a folder of its own for its state and its log.

use crate::kolk::{self, Run};
use rustix::process::Pid;
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// How many work together.
pub(super) const SIZE: usize = 3;
/// Work in small pieces, so that faults find the middle of something; the shortest session that brokers allow.
const SETTINGS: [&str; 5] = [
    "batch.size=16384",
    "max.partition.fetch.bytes=8192",
    "session.timeout.ms=6000",
    "heartbeat.interval.ms=500",
    "request.timeout.ms=2000",
];
/// What one says that learns that another has its identity: from the transaction coordinator, or from the group's.
const FENCED: [&str; 2] = ["another instance runs with the transactional id", "FENCED_INSTANCE_ID"];

/// One of them.
pub(super) struct Instance {
    pub(super) run: Run,
    folder: PathBuf,
}

impl Instance {
    /// Starts one of the application in its own folder beside the program, to end at a failpoint if there is one.
    ///
    /// # Errors
    /// In words.
    pub(super) fn start(
        own: PathBuf,
        (application, broker): (&str, SocketAddr),
        failpoint: Option<String>,
    ) -> Result<Self, String> {
        fs::create_dir_all(&own).map_err(|error| error.to_string())?;
        let line = format!(
            "run ../case.sql --app {application} --output json --state-dir state --commit-interval-ms 25 \
             --bootstrap-servers {broker}"
        );
        let mut arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        for setting in SETTINGS {
            arguments.extend(["--set".to_owned(), setting.to_owned()]);
        }
        Ok(Self { run: Run::start_failing(&own, arguments, failpoint)?, folder: own })
    }

    /// Starts another process with the same identity in a folder of its own, as a copy of a machine has it.
    ///
    /// # Errors
    /// In words.
    pub(super) fn twin(&self, own: PathBuf, of: (&str, SocketAddr)) -> Result<Self, String> {
        let identities = Path::new("state/instances");
        let copy = own.join(identities);
        fs::create_dir_all(&copy).map_err(|error| error.to_string())?;
        fs::copy(self.folder.join(identities).join("0"), copy.join("0"))
            .map_err(|error| error.to_string())?;
        Self::start(own, of, None)
    }

    /// Its process.
    pub(super) fn pid(&self) -> Pid {
        self.run.pid()
    }

    /// Whether it has said that another has its place.
    pub(super) fn is_fenced(&self) -> bool {
        let said = self.run.log(50);
        FENCED.iter().any(|phrase| said.contains(phrase))
    }

    /// Its state goes the way of a disk.
    ///
    /// # Errors
    /// In words.
    pub(super) fn lose_state(&self) -> Result<(), String> {
        fs::remove_dir_all(self.folder.join("state")).map_err(|error| error.to_string())
    }

    /// `kolk state verify` over what it has on its disk.
    ///
    /// # Errors
    /// With all that it said.
    pub(super) fn verify(&self, broker: SocketAddr) -> Result<String, String> {
        let state = self.folder.join("state").display().to_string();
        let broker = broker.to_string();
        kolk::done(&["state", "verify", "--state-dir", &state, "--bootstrap-servers", &broker])
    }

    /// The books that it has printed at its end.
    ///
    /// # Errors
    /// In words, when there are none.
    pub(super) fn books(&self) -> Result<Books, String> {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let line = log.lines().rfind(|line| line.starts_with(r#"{"app""#));
        let line = line.ok_or_else(|| format!("no books in {}", self.folder.display()))?;
        serde_json::from_str(line).map(Books).map_err(|error| error.to_string())
    }
}

/// What `kolk run --output json` prints at its end.
pub(super) struct Books(Value);

impl Books {
    /// What is wrong with them.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for query in self.queries() {
            let nothing = ["filtered", "skipped", "dead_lettered", "late", "null_key", "too_large"];
            let counted = nothing.iter().any(|name| query[name] != 0);
            let all = query["forwarded"] == query["delivered"];
            if query["balances"] != true || counted || !all || !query["error"].is_null() {
                problems.push(format!("the books do not add up: {query}"));
            }
        }
        problems
    }

    /// What a stage has read.
    pub(super) fn read(&self, stage: &str) -> u64 {
        let found = self.queries().find(|query| query["name"] == stage);
        found.and_then(|query| query["read"].as_u64()).unwrap_or(0)
    }

    fn queries(&self) -> impl Iterator<Item = &Value> {
        self.0["queries"].as_array().into_iter().flatten()
    }
}
