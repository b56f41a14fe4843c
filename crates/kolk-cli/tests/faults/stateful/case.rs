//! What is tried: a fault, a broker and a seed, and what follows from them.

use crate::case::REQUEST_TIMEOUT_MS;
use crate::proxy::{Action, Moment, Planned, Victim};
use crate::server::Kind;
use fastrand::Rng;
use kolk_wire::ApiKey;
use std::fmt;

/// What goes wrong while three instances work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nothing: proves the harness.
    Nothing,
    CutRequest,
    CutResponse,
    EndTxnCut,
    EndTxnLate,
    EndTxnDouble,
    KillBroker,
    /// An instance is killed, and starts again where its state is.
    KillKolk,
    /// An instance is killed, and its state is lost.
    LoseState,
}

impl Fault {
    pub(super) const ALL: &[Self] = &[
        Self::Nothing,
        Self::CutRequest,
        Self::CutResponse,
        Self::EndTxnCut,
        Self::EndTxnLate,
        Self::EndTxnDouble,
        Self::KillBroker,
        Self::KillKolk,
        Self::LoseState,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::CutRequest => "cut in a request",
            Self::CutResponse => "cut in a response",
            Self::EndTxnCut => "EndTxn unanswered",
            Self::EndTxnLate => "EndTxn late",
            Self::EndTxnDouble => "EndTxn doubled",
            Self::KillBroker => "kill -9 broker",
            Self::KillKolk => "kill -9 instance",
            Self::LoseState => "kill -9 instance, state lost",
        }
    }

    /// Whether the first instance dies of it, and starts again.
    pub(super) fn kills_instance(self) -> bool {
        matches!(self, Self::KillKolk | Self::LoseState)
    }
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) fault: Fault,
    pub(crate) broker: Kind,
    pub(crate) seed: u64,
    pub(crate) visits: u32,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, broker, seed, visits } = self;
        write!(f, "state / {} / {} / seed {seed} / {visits} visits", fault.name(), broker.name())
    }
}

impl Case {
    /// The faults that the first instance's requests meet, always the same for the same case.
    pub(super) fn plan(&self) -> Vec<Planned> {
        let mut rng = Rng::with_seed(self.seed);
        // Cases of one seed differ.
        let drawn = rng.u64(..);
        rng.seed(drawn ^ ((self.fault as u64) << 8));
        match self.fault {
            Fault::Nothing => Vec::new(),
            Fault::EndTxnCut | Fault::EndTxnLate | Fault::EndTxnDouble => {
                (0..3).map(|_| self.planned(ApiKey::EndTxn, 12, &mut rng)).collect()
            }
            Fault::KillBroker => vec![self.planned_at_commit(&mut rng)],
            Fault::KillKolk | Fault::LoseState => {
                (0..2).map(|_| self.planned_at_commit(&mut rng)).collect()
            }
            Fault::CutRequest | Fault::CutResponse => {
                let produce = self.planned(ApiKey::Produce, 20, &mut rng);
                vec![produce, self.planned_at_commit(&mut rng), self.planned_elsewhere(&mut rng)]
            }
        }
    }

    /// At one of the first requests of this API.
    fn planned(&self, api: ApiKey, most: u32, rng: &mut Rng) -> Planned {
        Planned { api, nth: rng.u32(1..=most), action: self.action(rng) }
    }

    /// At a step of a commit.
    fn planned_at_commit(&self, rng: &mut Rng) -> Planned {
        let steps = [ApiKey::Produce, ApiKey::TxnOffsetCommit, ApiKey::EndTxn];
        self.planned(steps[rng.usize(..steps.len())], 12, rng)
    }

    /// At a request that is no step of a commit.
    fn planned_elsewhere(&self, rng: &mut Rng) -> Planned {
        let apis = [
            ApiKey::Fetch,
            ApiKey::Metadata,
            ApiKey::FindCoordinator,
            ApiKey::JoinGroup,
            ApiKey::SyncGroup,
            ApiKey::OffsetFetch,
            ApiKey::InitProducerId,
        ];
        self.planned(apis[rng.usize(..apis.len())], 3, rng)
    }

    fn action(&self, rng: &mut Rng) -> Action {
        let thousandths = rng.usize(..1000);
        let moment = Moment::ALL[rng.usize(..3)];
        match self.fault {
            Fault::CutRequest => Action::CutRequest { thousandths },
            Fault::CutResponse | Fault::EndTxnCut => Action::CutResponse { thousandths },
            Fault::EndTxnLate => Action::Late { ms: rng.u64(5..=REQUEST_TIMEOUT_MS / 2) },
            Fault::EndTxnDouble => Action::Double,
            Fault::KillBroker => Action::Kill { victim: Victim::Broker, moment },
            Fault::Nothing | Fault::KillKolk | Fault::LoseState => {
                Action::Kill { victim: Victim::Kolk, moment }
            }
        }
    }
}

#[test]
fn the_same_case_has_the_same_plan_and_another_seed_another() {
    let case = |seed| Case { fault: Fault::KillKolk, broker: Kind::Embedded, seed, visits: 2000 };
    assert_eq!(case(1).plan(), case(1).plan());
    assert_ne!(case(1).plan(), case(2).plan());
}
