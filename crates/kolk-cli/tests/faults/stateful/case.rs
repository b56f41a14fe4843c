//! What is tried: a fault, a broker and a seed, and what follows from them.

use crate::case::REQUEST_TIMEOUT_MS;
use crate::proxy::{Action, Moment, Planned, Victim};
use crate::server::Kind;
use fastrand::Rng;
use kolk_wire::ApiKey;
use std::collections::VecDeque;
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
    /// An instance stands still until its session is over, and then goes on.
    Stop,
    /// Another process has the identity of an instance.
    Twin,
    /// An instance ends at one of [`POINTS`].
    CrashAt(usize),
}

/// The places along the way of a commit where a process may end, as `kolk::runtime::Point` names them; the last lies in the replay of
/// changelogs.
const POINTS: [&str; 8] = [
    "before_flush",
    "after_prepare",
    "before_offsets",
    "after_offsets",
    "end_sent",
    "after_end",
    "after_local",
    "replaying",
];
const REPLAYING: usize = POINTS.len() - 1;
/// A case's first fault is at one of so many requests: there are more of each kind in every run.
const FIRST: u32 = 4;

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
        Self::Stop,
        Self::Twin,
        Self::CrashAt(0),
        Self::CrashAt(1),
        Self::CrashAt(2),
        Self::CrashAt(3),
        Self::CrashAt(4),
        Self::CrashAt(5),
        Self::CrashAt(6),
        Self::CrashAt(REPLAYING),
    ];

    pub(super) fn name(self) -> String {
        let name = match self {
            Self::CrashAt(point) => return format!("crash at {}", POINTS[point]),
            Self::Nothing => "none",
            Self::CutRequest => "cut in a request",
            Self::CutResponse => "cut in a response",
            Self::EndTxnCut => "EndTxn unanswered",
            Self::EndTxnLate => "EndTxn late",
            Self::EndTxnDouble => "EndTxn doubled",
            Self::KillBroker => "kill -9 broker",
            Self::KillKolk => "kill -9 instance",
            Self::LoseState => "kill -9 instance, state lost",
            Self::Stop => "SIGSTOP past the session",
            Self::Twin => "two with one identity",
        };
        name.to_owned()
    }

    /// Whether it needs a binary with failpoints.
    pub(super) fn needs_failpoints(self) -> bool {
        matches!(self, Self::CrashAt(_))
    }

    /// Whether the first instance dies of it, and starts again.
    pub(super) fn kills_instance(self) -> bool {
        matches!(self, Self::KillKolk | Self::LoseState | Self::CrashAt(_))
    }

    /// Whether the first instance may be fenced.
    pub(super) fn may_fence(self) -> bool {
        matches!(self, Self::Stop | Self::Twin)
    }

    /// Whether the first instance has lost its state after its first life.
    pub(super) fn loses_state(self) -> bool {
        matches!(self, Self::LoseState | Self::CrashAt(REPLAYING))
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
        let mut rng = self.rng();
        match self.fault {
            Fault::Nothing | Fault::CrashAt(_) => Vec::new(),
            Fault::EndTxnCut | Fault::EndTxnLate | Fault::EndTxnDouble => {
                [FIRST, 8, 12].map(|most| self.planned(ApiKey::EndTxn, most, &mut rng)).into()
            }
            Fault::KillBroker => vec![self.planned_at_commit(FIRST, &mut rng)],
            // Early: what is left is for the others.
            Fault::Stop | Fault::Twin => vec![self.planned(ApiKey::EndTxn, FIRST, &mut rng)],
            Fault::KillKolk | Fault::LoseState => {
                [FIRST, 12].map(|most| self.planned_at_commit(most, &mut rng)).into()
            }
            Fault::CutRequest | Fault::CutResponse => {
                let produce = self.planned(ApiKey::Produce, 20, &mut rng);
                let commit = self.planned_at_commit(FIRST, &mut rng);
                vec![produce, commit, self.planned_elsewhere(&mut rng)]
            }
        }
    }

    /// Where the first instance ends in each of its lives; in those beyond it does not.
    pub(super) fn failpoints(&self) -> VecDeque<String> {
        let mut rng = self.rng();
        let mut at = |point: usize| format!("{}:{}", POINTS[point], rng.u32(..FIRST));
        match self.fault {
            Fault::CrashAt(REPLAYING) => [at(REPLAYING - 1), POINTS[REPLAYING].to_owned()].into(),
            Fault::CrashAt(point) => [at(point), at(point)].into(),
            _ => VecDeque::new(),
        }
    }

    /// Cases of one seed differ.
    fn rng(&self) -> Rng {
        let mut rng = Rng::with_seed(self.seed);
        let drawn = rng.u64(..);
        let number = Fault::ALL.iter().position(|fault| *fault == self.fault).unwrap_or(0);
        rng.seed(drawn ^ ((number as u64) << 8));
        rng
    }

    /// At one of the first requests of this API.
    fn planned(&self, api: ApiKey, most: u32, rng: &mut Rng) -> Planned {
        Planned { api, nth: rng.u32(1..=most), action: self.action(rng) }
    }

    /// At a step of a commit.
    fn planned_at_commit(&self, most: u32, rng: &mut Rng) -> Planned {
        let steps = [ApiKey::Produce, ApiKey::TxnOffsetCommit, ApiKey::EndTxn];
        self.planned(steps[rng.usize(..steps.len())], most, rng)
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
            // For the other process something is done at that moment.
            _ => Action::Kill { victim: Victim::Kolk, moment },
        }
    }
}

#[test]
fn the_same_case_has_the_same_plan_and_another_seed_another() {
    let case = |seed| Case { fault: Fault::KillKolk, broker: Kind::Embedded, seed, visits: 2000 };
    assert_eq!(case(1).plan(), case(1).plan());
    assert_ne!(case(1).plan(), case(2).plan());
}
