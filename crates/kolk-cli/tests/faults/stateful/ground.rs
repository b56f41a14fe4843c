//! Where cases are played: a broker with the input, what the oracle makes of it, and what the first case has made of it.

use super::data::{Data, OUTPUTS};
use super::expected::Expected;
use super::writer::{Line, write};
use crate::foreign::{Partitions, read_topic};
use crate::kolk;
use crate::server::{Kind, Server};
use crate::world;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The seed of all inputs: what differs from run to run are the faults.
const INPUT_SEED: u64 = 1;
const PARTITIONS: i32 = 4;
/// Groups are empty within this time after the end of a case.
const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const VISITS: &str = "state-visits";
pub(super) const ADS: &str = "state-ads";

/// A broker with its input.
pub(super) struct Ground {
    pub(super) server: Arc<Server>,
    pub(super) data: Data,
    pub(super) expected: Expected,
    /// The ids of the sessions: the same in every case.
    session_ids: OnceLock<BTreeMap<String, Vec<i64>>>,
}

impl Ground {
    /// Starts a broker and writes the input.
    ///
    /// # Errors
    /// In words.
    pub(super) fn prepare(kind: Kind, visits: u32) -> Result<Self, String> {
        let server = Arc::new(Server::start(kind)?);
        let now = world::wall_clock_ms();
        let data = Data::generate(visits, INPUT_SEED, now);
        fill(&server, VISITS, &data.visit_lines(now))?;
        fill(&server, ADS, &data.ad_lines(now))?;
        let expected = Expected::new(&data, visits);
        Ok(Self { server, data, expected, session_ids: OnceLock::new() })
    }

    /// What is in the outputs of a case, in the order of [`OUTPUTS`].
    ///
    /// # Errors
    /// In words.
    pub(super) fn read(&self, case: &str) -> Result<[Partitions; 4], String> {
        let mut outputs: [Partitions; 4] = Default::default();
        for (name, output) in OUTPUTS.iter().zip(&mut outputs) {
            *output = read_topic(self.server.address(), &format!("{case}-{name}"))?;
        }
        Ok(outputs)
    }

    /// Whether sessions have the ids that they had in the first case; else what differs.
    pub(super) fn same_ids(&self, sessions: &Partitions) -> Option<String> {
        let ids = self.expected.session_ids(sessions);
        let first = self.session_ids.get_or_init(|| ids.clone());
        let differs = ids.iter().find(|(session, ids)| first.get(*session) != Some(ids));
        differs.map(|(session, ids)| {
            format!("{session} has id {ids:?}, in another run {:?}", first.get(session))
        })
    }

    /// Deletes what a case has left on the broker.
    ///
    /// # Errors
    /// With what was said.
    pub(super) fn clear(&self, case: &str) -> Result<(), String> {
        let broker = self.server.address().to_string();
        // Groups forget those that ended without a word when their sessions are over.
        let reset = || kolk::done(&["reset", case, "--bootstrap-servers", &broker]).ok();
        world::wait_for(PATIENCE, reset).ok_or_else(|| format!("{case} cannot be reset"))?;
        for name in OUTPUTS {
            let topic = format!("{case}-{name}");
            kolk::done(&["topic", "delete", &topic, "--bootstrap-servers", &broker])?;
        }
        Ok(())
    }
}

fn fill(server: &Server, topic: &str, lines: &[Line]) -> Result<(), String> {
    let (broker, partitions) = (server.address().to_string(), PARTITIONS.to_string());
    let create = ["topic", "create", topic, "--partitions", &partitions];
    kolk::done(&[&create[..], &["--bootstrap-servers", &broker]].concat())?;
    write(server.address(), (topic, PARTITIONS), lines)?;
    let written = read_topic(server.address(), topic)?;
    let records: usize = written.iter().map(Vec::len).sum();
    if records != lines.len() || written.iter().any(Vec::is_empty) {
        let count = lines.len();
        return Err(format!(
            "{topic}: {records} records instead of {count}, or an empty partition"
        ));
    }
    Ok(())
}
