//! What is tried: a fault, a delivery mode, a broker and a seed, and the plan of faults that follows from them.

use crate::check::{Bins, Repeats};
use crate::proxy::{Action, Moment, Planned, Victim};
use crate::server::Kind;
use fastrand::Rng;
use kolk_wire::ApiKey;
use std::fmt;

/// A client gives a request up after this time: faults that need it must not take long.
pub(crate) const REQUEST_TIMEOUT_MS: u64 = 2000;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nothing: proves the harness.
    Nothing,
    CutRequest,
    CutResponse,
    HalfOpen,
    Delay,
    /// A request that the broker gets after the client has given it up and sent it again.
    Late,
    EndTxnCut,
    EndTxnLate,
    EndTxnDouble,
    KillBroker,
    KillKolk,
}

impl Fault {
    pub(crate) const ALL: &[Self] = &[
        Self::Nothing,
        Self::CutRequest,
        Self::CutResponse,
        Self::HalfOpen,
        Self::Delay,
        Self::Late,
        Self::EndTxnCut,
        Self::EndTxnLate,
        Self::EndTxnDouble,
        Self::KillBroker,
        Self::KillKolk,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::CutRequest => "cut in a request",
            Self::CutResponse => "cut in a response",
            Self::HalfOpen => "half-open",
            Self::Delay => "delay",
            Self::Late => "late request",
            Self::EndTxnCut => "EndTxn unanswered",
            Self::EndTxnLate => "EndTxn late",
            Self::EndTxnDouble => "EndTxn doubled",
            Self::KillBroker => "kill -9 broker",
            Self::KillKolk => "kill -9 kolk",
        }
    }

    /// Whether it can happen in this mode at all.
    pub(crate) fn fits(self, mode: Mode) -> bool {
        let ends = matches!(self, Self::EndTxnCut | Self::EndTxnLate | Self::EndTxnDouble);
        !ends || mode.is_transactional()
    }
}

/// How records are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    Individual,
    Batched,
    Idempotent,
    ExactlyOnce,
    BinPacked,
}

impl Mode {
    pub(crate) const ALL: &[Self] =
        &[Self::Individual, Self::Batched, Self::Idempotent, Self::ExactlyOnce, Self::BinPacked];

    /// As SQL spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Individual => "individual",
            Self::Batched => "batched",
            Self::Idempotent => "idempotent",
            Self::ExactlyOnce => "exactly_once",
            Self::BinPacked => "bin_packed",
        }
    }

    pub(crate) fn is_transactional(self) -> bool {
        matches!(self, Self::ExactlyOnce | Self::BinPacked)
    }

    /// Produce requests on their way on one connection, at most.
    pub(crate) fn in_flight_max(self) -> usize {
        match self {
            // One record for each of the two partitions.
            Self::Individual => 2,
            Self::Batched => 1,
            _ => 5,
        }
    }

    pub(crate) fn bins(self) -> Bins {
        if self == Self::BinPacked { Bins::Packed } else { Bins::None }
    }
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) fault: Fault,
    pub(crate) mode: Mode,
    pub(crate) broker: Kind,
    pub(crate) seed: u64,
    pub(crate) visits: u32,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, mode, broker, seed, visits } = self;
        write!(
            f,
            "{} / {} / {} / seed {seed} / {visits} visits",
            fault.name(),
            mode.name(),
            broker.name()
        )
    }
}

impl Case {
    /// What may occur again.
    pub(crate) fn repeats(&self) -> Repeats {
        match (self.mode, self.fault) {
            (Mode::ExactlyOnce | Mode::BinPacked, _) => Repeats::Never,
            // A new run is a new producer.
            (Mode::Idempotent, Fault::KillKolk) => Repeats::Suffix,
            (Mode::Idempotent, _) | (_, Fault::Nothing) => Repeats::Never,
            // What was sent again before the first copy arrived is behind what followed it.
            (_, Fault::Late | Fault::Delay) => Repeats::Any,
            _ => Repeats::Suffix,
        }
    }

    /// The faults of this run, always the same for the same case.
    pub(crate) fn plan(&self) -> Vec<Planned> {
        let mut rng = Rng::with_seed(self.seed);
        // Cases of one seed differ.
        let drawn = rng.u64(..);
        rng.seed(drawn ^ ((self.fault as u64) << 8) ^ (self.mode as u64));
        let more = self.visits / 25_000;
        match self.fault {
            Fault::Nothing => Vec::new(),
            Fault::EndTxnCut | Fault::EndTxnLate | Fault::EndTxnDouble => {
                (1..=3 + more).map(|nth| self.planned(ApiKey::EndTxn, nth, &mut rng)).collect()
            }
            Fault::KillBroker => {
                (0..=u32::from(more > 0)).map(|_| self.planned_at_produce(&mut rng)).collect()
            }
            Fault::KillKolk => {
                let mut plan = vec![self.planned_at_produce(&mut rng)];
                plan.extend((0..=more.min(3)).map(|_| self.planned_at_commit(&mut rng)));
                plan
            }
            _ => {
                let mut plan: Vec<_> =
                    (0..2 + more).map(|_| self.planned_at_produce(&mut rng)).collect();
                plan.push(self.planned_elsewhere(&mut rng));
                plan
            }
        }
    }

    fn planned(&self, api: ApiKey, nth: u32, rng: &mut Rng) -> Planned {
        Planned { api, nth, action: self.action(rng) }
    }

    fn planned_at_produce(&self, rng: &mut Rng) -> Planned {
        // Every mode makes at least one request for a hundred visits.
        let nth = rng.u32(2..=(self.visits / 100).max(3));
        self.planned(ApiKey::Produce, nth, rng)
    }

    /// At a step of the commit.
    fn planned_at_commit(&self, rng: &mut Rng) -> Planned {
        let api = match (self.mode.is_transactional(), rng.bool()) {
            (true, true) => ApiKey::EndTxn,
            (true, false) => ApiKey::TxnOffsetCommit,
            (false, _) => ApiKey::OffsetCommit,
        };
        self.planned(api, 1, rng)
    }

    /// At a request that is not Produce.
    fn planned_elsewhere(&self, rng: &mut Rng) -> Planned {
        let mut apis = vec![
            ApiKey::Fetch,
            ApiKey::Metadata,
            ApiKey::FindCoordinator,
            ApiKey::SyncGroup,
            ApiKey::OffsetFetch,
            ApiKey::ListOffsets,
        ];
        if matches!(self.fault, Fault::CutRequest | Fault::CutResponse) {
            // It may wait for other members, so a client does not give it up soon.
            apis.push(ApiKey::JoinGroup);
        }
        if self.mode.is_transactional() {
            apis.extend([ApiKey::EndTxn, ApiKey::TxnOffsetCommit, ApiKey::InitProducerId]);
        } else {
            apis.push(ApiKey::OffsetCommit);
        }
        let api = apis[rng.usize(..apis.len())];
        let nth = if api == ApiKey::Fetch { rng.u32(1..=3) } else { 1 };
        self.planned(api, nth, rng)
    }

    fn action(&self, rng: &mut Rng) -> Action {
        let delay = rng.u64(50..=REQUEST_TIMEOUT_MS / 2);
        let thousandths = rng.usize(..1000);
        match (self.fault, rng.bool()) {
            (Fault::CutRequest, _) => Action::CutRequest { thousandths },
            (Fault::CutResponse | Fault::EndTxnCut, _) => Action::CutResponse { thousandths },
            (Fault::HalfOpen, true) => Action::SwallowRequest,
            (Fault::HalfOpen, false) => Action::SwallowResponse,
            (Fault::Delay, true) => Action::DelayRequest { ms: delay },
            (Fault::Delay, false) => Action::DelayResponse { ms: delay },
            (Fault::EndTxnDouble, _) => Action::Double,
            // Before what the client sends again, or long after it.
            (_, early) if matches!(self.fault, Fault::Late | Fault::EndTxnLate) => {
                Action::Late { ms: if early { delay / 20 } else { delay } }
            }
            _ => {
                let victim =
                    if self.fault == Fault::KillBroker { Victim::Broker } else { Victim::Kolk };
                Action::Kill { victim, moment: Moment::ALL[rng.usize(..3)] }
            }
        }
    }
}

#[test]
fn the_same_case_has_the_same_plan_and_another_seed_another() {
    let case = |seed| Case {
        fault: Fault::CutRequest,
        mode: Mode::ExactlyOnce,
        broker: Kind::Embedded,
        seed,
        visits: 6000,
    };
    assert_eq!(case(1).plan(), case(1).plan());
    assert_ne!(case(1).plan(), case(2).plan());
}
