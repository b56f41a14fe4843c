//! Kinesis as the harness sees it: rows in bins.

use super::server::{ACCESS_KEY_ID, Server};
use crate::harness::{Keeps, Misfit, Row, Store};
use std::net::SocketAddr;

/// A server of the harness's own.
struct Kinesis {
    server: Server,
}

/// Starts one.
pub(crate) fn start() -> Option<Box<dyn Store>> {
    Some(Box::new(Kinesis { server: Server::own()? }))
}

fn options(stream: &str, address: SocketAddr, access_key: &str, secret: &str) -> String {
    format!(
        "connector = 'kinesis', stream = '{stream}', endpoint = 'http://{address}', access_key_id = '{access_key}', \
         secret_access_key = '{secret}', request_timeout_ms = 5000, delivery = 'bin_packed', bin_key = 'id', \
         bin_order_by = 'number', bin_interval = '100 milliseconds', bin_rows = 700"
    )
}

impl Store for Kinesis {
    fn name(&self) -> &'static str {
        "kinesis"
    }

    fn keeps(&self) -> Keeps {
        Keeps::Every
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
        self.server.create(place, 3);
    }

    fn options(&self, place: &str, address: SocketAddr) -> String {
        options(place, address, ACCESS_KEY_ID, "secret")
    }

    fn rows(&self, place: &str) -> Vec<Row> {
        let records = self.server.records(place);
        records.iter().map(|it| Row::of(&serde_json::from_str(&it.data).unwrap())).collect()
    }

    fn wrong_credentials(&self, place: &str, address: SocketAddr) -> Option<Misfit> {
        Some(Misfit {
            options: options(place, address, "NOBODY", "hidden-word"),
            says: &["UnrecognizedClientException", "security token"],
            hides: "hidden-word",
        })
    }

    fn says_spoilt(&self) -> Option<&'static [&'static str]> {
        None
    }

    fn spoil(&self, _place: &str) {}

    fn mend(&self, _place: &str) {}

    fn refuse_some(&self, on: bool) -> Option<usize> {
        self.server.faults(if on { r#""failEvery": 5"# } else { "" });
        Some(self.server.refused())
    }
}
