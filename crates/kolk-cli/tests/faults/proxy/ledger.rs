//! What the proxy did, and how each fault showed: a fault without an effect fails the run.

use super::plan::Action;
use kolk_wire::ApiKey;

/// Names a fault that was injected.
pub(crate) type FaultId = usize;

/// What must be seen for a fault to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// The client opens a connection after this many.
    Reconnect { after: u64 },
    /// As above, and the broker answers what came late.
    ReconnectAndAnswer { after: u64 },
    /// Whoever carries out the fault says so.
    Word,
}

/// One fault that was injected.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// At a request of this API.
    pub(crate) api: ApiKey,
    /// What was done.
    pub(crate) action: Action,
    /// What was seen of it.
    pub(crate) seen: Vec<String>,
    /// Whether it took effect.
    pub(crate) effective: bool,
    proof: Proof,
}

/// The proxy's books.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Faults, in the order in which they were injected.
    pub(crate) faults: Vec<Entry>,
    /// Connections that clients opened.
    pub(crate) connections: u64,
    /// Connections for which no broker was there.
    pub(crate) refused: u64,
    /// Most Produce requests on their way on one connection.
    pub(crate) in_flight_max: usize,
    /// Most records in a Produce request.
    pub(crate) records_max: u64,
    /// What must never happen: an address that was not rewritten, a frame that cannot be read.
    pub(crate) trouble: Vec<String>,
}

impl Ledger {
    /// A fault begins.
    pub(super) fn inject(&mut self, api: ApiKey, action: Action) -> FaultId {
        let after = self.connections;
        let proof = match action {
            Action::CutRequest { .. }
            | Action::CutResponse { .. }
            | Action::SwallowRequest
            | Action::SwallowResponse
            // Nobody but a restarted process, or one whose broker is back, connects again.
            | Action::Kill { .. } => Proof::Reconnect { after },
            Action::Late { .. } => Proof::ReconnectAndAnswer { after },
            Action::DelayRequest { .. } | Action::DelayResponse { .. } | Action::Double => Proof::Word,
        };
        self.faults.push(Entry { api, action, seen: Vec::new(), effective: false, proof });
        self.faults.len() - 1
    }

    /// What the broker was sent late was answered, or the delay or double is over: whoever did it says how it went.
    pub(super) fn carried_out(&mut self, fault: FaultId, what: String) {
        let entry = &mut self.faults[fault];
        entry.seen.push(what);
        match entry.proof {
            Proof::Word => entry.effective = true,
            Proof::ReconnectAndAnswer { after } => entry.proof = Proof::Reconnect { after },
            Proof::Reconnect { .. } => {}
        }
        self.look_for_reconnects();
    }

    /// A detail for people.
    pub(super) fn note(&mut self, fault: FaultId, what: String) {
        self.faults[fault].seen.push(what);
    }

    /// A client is there, and so is the broker; returns the connection's number, from 1.
    pub(super) fn connected(&mut self) -> u64 {
        self.connections += 1;
        self.look_for_reconnects();
        self.connections
    }

    fn look_for_reconnects(&mut self) {
        for entry in &mut self.faults {
            if let Proof::Reconnect { after } = entry.proof
                && after < self.connections
            {
                entry.effective = true;
            }
        }
    }

    /// Faults that took no effect, in words.
    pub(crate) fn without_effect(&self) -> Vec<String> {
        let idle = self.faults.iter().filter(|entry| !entry.effective);
        idle.map(|entry| {
            format!("{:?} at {:?} took no effect: {:?}", entry.action, entry.api, entry.seen)
        })
        .collect()
    }
}

#[test]
fn a_cut_counts_when_the_client_comes_back() {
    let mut ledger = Ledger::default();
    ledger.connected();
    ledger.inject(ApiKey::Produce, Action::CutRequest { thousandths: 1 });
    assert_eq!(ledger.without_effect().len(), 1);
    ledger.connected();
    assert!(ledger.without_effect().is_empty());
}

#[test]
fn a_late_request_counts_when_the_client_has_come_back_and_the_broker_has_answered() {
    let mut ledger = Ledger::default();
    ledger.connected();
    let fault = ledger.inject(ApiKey::EndTxn, Action::Late { ms: 1 });
    ledger.connected();
    assert_eq!(ledger.without_effect().len(), 1);
    ledger.carried_out(fault, "answered".to_owned());
    assert!(ledger.without_effect().is_empty());
}
