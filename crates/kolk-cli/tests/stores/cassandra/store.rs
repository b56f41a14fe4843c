//! Cassandra as the harness sees it.

use super::node::Node;
use crate::harness::{Keeps, Misfit, Row, Store};
use std::net::SocketAddr;

const KEYSPACE: &str = "faults";

/// A node of the harness's own.
struct Cassandra {
    node: Node,
}

/// Starts one.
pub(crate) fn start() -> Option<Box<dyn Store>> {
    let node = Node::own()?;
    node.cql(&format!(
        "CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    ));
    Some(Box::new(Cassandra { node }))
}

impl Store for Cassandra {
    fn name(&self) -> &'static str {
        "cassandra"
    }

    fn keeps(&self) -> Keeps {
        Keeps::LastOfKey
    }

    fn address(&self) -> SocketAddr {
        self.node.script().address()
    }

    fn kill(&self) {
        self.node.kill();
    }

    fn revive(&self) {
        self.node.revive();
    }

    fn create(&self, place: &str) {
        self.node.cql(&format!(
            "CREATE TABLE {KEYSPACE}.{place} (id text PRIMARY KEY, number bigint, note text)"
        ));
    }

    fn options(&self, place: &str, address: SocketAddr) -> String {
        format!(
            "connector = 'cassandra', contact_points = '{address}', keyspace = '{KEYSPACE}', table = '{place}', \
             request_timeout_ms = 1000"
        )
    }

    fn rows(&self, place: &str) -> Vec<Row> {
        self.node.rows(&format!("{KEYSPACE}.{place}")).iter().map(Row::of).collect()
    }

    fn wrong_credentials(&self, _place: &str, _address: SocketAddr) -> Option<Misfit> {
        None
    }

    fn says_spoilt(&self) -> Option<&'static [&'static str]> {
        Some(&["has no column id", "note, number, other"])
    }

    fn spoil(&self, place: &str) {
        self.node.cql(&format!("ALTER TABLE {KEYSPACE}.{place} RENAME id TO other"));
    }

    fn mend(&self, place: &str) {
        self.node.cql(&format!("ALTER TABLE {KEYSPACE}.{place} RENAME other TO id"));
    }

    fn refuse_some(&self, _on: bool) -> Option<usize> {
        None
    }
}
