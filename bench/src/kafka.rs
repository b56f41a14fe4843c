//! Apache Kafka for a run: started by the project's script, stopped with this process.

use crate::place::Place;
use crate::server::Server;
use anyhow::Result;
use std::fs;

/// The release that everything runs against.
pub(crate) const VERSION: &str = "4.1.2";
/// Deleted topics free their space at once; what was loaded is not cleaned up during a run.
const SETTINGS: &[&str] = &["log.segment.delete.delay.ms=1000", "log.retention.ms=-1"];

/// What becomes of the data afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    Keep,
    Delete,
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Kafka {
    server: Option<Server>,
    data: Data,
    /// `host:port`.
    pub(crate) address: String,
}

impl Kafka {
    /// Starts the server on the data that an earlier run may have kept.
    pub(crate) fn start(place: &Place, data: Data) -> Result<Self> {
        let script = place.root.join("scripts/kafka.sh");
        let server = Server::start(&script, place.work.join("kafka"), |command| {
            command.args(["--version", VERSION]);
            for setting in SETTINGS {
                command.args(["--set", setting]);
            }
            command.env("KAFKA_HEAP", "1g");
        })?;
        let address = server.address.clone();
        Ok(Self { server: Some(server), data, address })
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        let folder = self.server.take().map(|server| server.folder.clone());
        if let (Some(folder), Data::Delete) = (folder, self.data) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}
