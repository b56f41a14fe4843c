//! PostgreSQL as the harness sees it: tables with a key, and tables that are appended to.

use super::server::Server;
use crate::harness::{Keeps, Misfit, Row, Store};
use std::net::SocketAddr;

/// A server of the harness's own.
struct Postgresql {
    server: Server,
    keeps: Keeps,
}

/// Starts one whose tables have keys.
pub(crate) fn upserts() -> Option<Box<dyn Store>> {
    Some(Box::new(Postgresql { server: Server::own()?, keeps: Keeps::LastOfKey }))
}

/// Starts one whose tables have none: a row that is written twice is there twice.
pub(crate) fn appends() -> Option<Box<dyn Store>> {
    Some(Box::new(Postgresql { server: Server::own()?, keeps: Keeps::EveryOnce }))
}

impl Store for Postgresql {
    fn name(&self) -> &'static str {
        if self.keeps == Keeps::EveryOnce { "postgresql, append" } else { "postgresql" }
    }

    fn keeps(&self) -> Keeps {
        self.keeps
    }

    fn address(&self) -> SocketAddr {
        self.server.script().address()
    }

    fn kill(&self) {
        self.server.script().kill();
    }

    fn revive(&self) {
        self.server.script().revive();
    }

    fn create(&self, place: &str) {
        let key = if self.keeps == Keeps::EveryOnce { "" } else { " PRIMARY KEY" };
        self.server.sql(&format!("CREATE TABLE {place} (id text{key}, number bigint, note text)"));
    }

    fn options(&self, place: &str, address: SocketAddr) -> String {
        let (host, port) = (address.ip(), address.port());
        let mode = if self.keeps == Keeps::EveryOnce { "append" } else { "upsert" };
        format!(
            "connector = 'postgresql', host = '{host}', port = {port}, database = 'postgres', table = '{place}', \
             mode = '{mode}', request_timeout_ms = 1000"
        )
    }

    fn rows(&self, place: &str) -> Vec<Row> {
        // Rows of a table that nothing is deleted from lie in the order in which they came.
        let query = format!("SELECT * FROM {place} ORDER BY ctid");
        self.server.rows(&query).iter().map(Row::of).collect()
    }

    fn wrong_credentials(&self, place: &str, address: SocketAddr) -> Option<Misfit> {
        let options = self.options(place, address);
        Some(Misfit {
            options: format!("{options}, username = 'alice', password = 'not-hers'"),
            says: &["password authentication failed for user \"alice\""],
            hides: "not-hers",
        })
    }

    fn says_spoilt(&self) -> Option<&'static [&'static str]> {
        Some(&["has no column id; it has other, number, note", "it was changed under the query"])
    }

    fn spoil(&self, place: &str) {
        // A transaction that is held up by the proxy holds the table.
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'kolk %'";
        self.server.sql(&format!("{others}; ALTER TABLE {place} RENAME id TO other"));
    }

    fn mend(&self, place: &str) {
        self.server.sql(&format!("ALTER TABLE {place} RENAME other TO id"));
    }

    fn refuse_some(&self, _on: bool) -> Option<usize> {
        None
    }
}
