//! Cassandra as the harness sees it.

use super::node::{Killable, LOGIN};
use super::refuser::Refuser;
use crate::harness::{Keeps, Misfit, Row, Store};
use std::net::SocketAddr;

const KEYSPACE: &str = "faults";

/// A node that may be killed, and what stands in front of it.
struct Cassandra {
    node: Killable,
    refuser: Refuser,
}

/// Starts one.
pub(crate) fn start() -> Option<Box<dyn Store>> {
    let node = Killable::take()?;
    node.keyspace(KEYSPACE);
    let refuser = Refuser::start(node.script().address());
    Some(Box::new(Cassandra { node, refuser }))
}

fn options(place: &str, address: SocketAddr, login: &str) -> String {
    format!(
        "connector = 'cassandra', contact_points = '{address}', keyspace = '{KEYSPACE}', table = '{place}', {login},
         request_timeout_ms = 1000"
    )
}

impl Store for Cassandra {
    fn name(&self) -> &'static str {
        "cassandra"
    }

    fn keeps(&self) -> Keeps {
        Keeps::LastOfKey
    }

    fn address(&self) -> SocketAddr {
        self.refuser.address()
    }

    fn kill(&self) {
        self.node.script().kill();
    }

    fn revive(&self) {
        self.node.script().revive();
    }

    fn create(&self, place: &str) {
        self.node.cql(&format!(
            "CREATE TABLE {KEYSPACE}.{place} (id text PRIMARY KEY, number bigint, note text)"
        ));
    }

    fn options(&self, place: &str, address: SocketAddr) -> String {
        options(place, address, LOGIN)
    }

    fn rows(&self, place: &str) -> Vec<Row> {
        self.node.rows(&format!("{KEYSPACE}.{place}")).iter().map(Row::of).collect()
    }

    fn wrong_credentials(&self, place: &str, address: SocketAddr) -> Option<Misfit> {
        let hides = "open-sesame";
        let login = format!("username = 'cassandra', password = '{hides}'");
        let says: &[&str] =
            &["cassandra at", "Provided username cassandra and/or password are incorrect"];
        Some(Misfit { options: options(place, address, &login), says, hides })
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

    fn refuse_some(&self, on: bool) -> Option<usize> {
        Some(self.refuser.refuse(on))
    }
}
