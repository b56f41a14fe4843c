//! A server by `scripts/postgres.sh`, and `psql` beside it.

use crate::harness::{Script, missing};
use serde_json::Value;
use std::process::Command;
use std::sync::OnceLock;

/// A server that runs.
#[derive(Debug)]
pub(super) struct Server {
    script: Script,
}

impl Server {
    /// The server that tests share; `None` when it cannot be had here.
    pub(super) fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        SERVER.get_or_init(Self::own).as_ref()
    }

    /// A server of a test's own.
    pub(super) fn own() -> Option<Self> {
        if missing("PostgreSQL", &["psql", "openssl", "setpriv"]) {
            return None;
        }
        Some(Self { script: Script::start("postgres.sh", &[]) })
    }

    /// Its process.
    pub(super) fn script(&self) -> &Script {
        &self.script
    }

    /// The options by which a statement reaches it as its superuser.
    pub(super) fn options(&self) -> String {
        let port = self.script.address().port();
        format!(
            "connector = 'postgresql', host = '127.0.0.1', port = {port}, database = 'postgres'"
        )
    }

    /// A session of its own: `psql`, which prints without titles.
    pub(super) fn psql(&self) -> Command {
        let port = self.script.address().port().to_string();
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        psql.args(["--set", "ON_ERROR_STOP=1"]);
        psql.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres"]);
        psql
    }

    /// Runs statements; what they print, without titles.
    pub(super) fn sql(&self, statements: &str) -> String {
        let output = self.psql().args(["-c", statements]).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}: {err}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The rows that a query finds, as objects.
    pub(super) fn rows(&self, query: &str) -> Vec<Value> {
        let rows = self
            .sql(&format!("SELECT coalesce(json_agg(row_to_json(t)), '[]') FROM ({query}) AS t"));
        serde_json::from_str(&rows).unwrap()
    }
}
