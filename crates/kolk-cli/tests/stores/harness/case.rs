//! What is tried: a fault, a flow of rows into a store and a seed, and the plan that follows from them.

use super::proxy::{Act, Planned};
use super::store::Store;
use fastrand::Rng;
use std::fmt;
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nothing: proves the harness.
    Nothing,
    DownAtStart,
    KillStore,
    Slow,
    /// A part of a request arrives, then the connection ends.
    CutRequest,
    /// In the middle of a request the connection ends by a reset.
    Reset,
    /// The store has done the work; the answer is lost with the connection.
    CutAnswer,
    /// From an answer on nothing comes any more, and the connection stays.
    HalfOpen,
    RefuseSome,
    WrongCredentials,
    OtherSchema,
    KillKolk,
}

impl Fault {
    pub(super) const ALL: &[Self] = &[
        Self::Nothing,
        Self::DownAtStart,
        Self::KillStore,
        Self::Slow,
        Self::CutRequest,
        Self::Reset,
        Self::CutAnswer,
        Self::HalfOpen,
        Self::RefuseSome,
        Self::WrongCredentials,
        Self::OtherSchema,
        Self::KillKolk,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::DownAtStart => "down at start",
            Self::KillStore => "kill -9 store",
            Self::Slow => "slow",
            Self::CutRequest => "cut in a request",
            Self::Reset => "reset",
            Self::CutAnswer => "applied, answer lost",
            Self::HalfOpen => "half-open",
            Self::RefuseSome => "partial failure",
            Self::WrongCredentials => "wrong credentials",
            Self::OtherSchema => "schema changed",
            Self::KillKolk => "kill -9 kolk",
        }
    }

    /// What CI runs; the rest is left to the soak.
    pub(super) fn is_telling(self, flow: Flow) -> bool {
        match flow {
            Flow::Rows => !matches!(
                self,
                Self::Nothing | Self::DownAtStart | Self::Slow | Self::Reset | Self::HalfOpen
            ),
            Flow::State => self == Self::KillKolk,
        }
    }

    /// Whether it can happen to this store at all, and tells of this flow what it does not of the other.
    pub(super) fn fits(self, store: &dyn Store, flow: Flow) -> bool {
        let is_of_state =
            matches!(self, Self::Nothing | Self::KillStore | Self::CutAnswer | Self::KillKolk);
        if flow == Flow::State && !is_of_state {
            return false;
        }
        let anywhere = store.address();
        match self {
            Self::RefuseSome => store.refuse_some(false).is_some(),
            Self::WrongCredentials => store.wrong_credentials("anything", anywhere).is_some(),
            Self::OtherSchema => store.says_spoilt().is_some(),
            _ => true,
        }
    }

    /// Whether rows may be written twice because of it.
    pub(super) fn may_repeat(self) -> bool {
        !matches!(self, Self::Nothing | Self::DownAtStart | Self::WrongCredentials)
    }
}

/// Where rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flow {
    /// The records of the input, one by one; where the store keeps the last row of a key, deletions among them.
    Rows,
    /// A state of each key's last record, through the outbox; where the store keeps the last row of a key, deletions among them.
    State,
}

impl Flow {
    pub(super) const ALL: [Self; 2] = [Self::Rows, Self::State];
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) fault: Fault,
    pub(crate) flow: Flow,
    pub(crate) store: &'static str,
    pub(crate) seed: u64,
    pub(crate) rows: u32,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, seed, rows, .. } = self;
        write!(f, "stores / {} / {} / seed {seed} / {rows} rows", fault.name(), self.subject())
    }
}

impl Case {
    /// What is tried: the store, and what is special about the rows.
    pub(super) fn subject(&self) -> String {
        match self.flow {
            Flow::Rows => self.store.to_owned(),
            Flow::State => format!("{}, state", self.store),
        }
    }

    /// What the proxy does, always the same for the same case. `bytes` are those of all rows: each fault comes in the middle of them.
    pub(super) fn plan(&self, bytes: u64) -> Vec<Planned> {
        let mut rng = Rng::with_seed(self.seed);
        // Cases of one seed differ.
        let drawn = rng.u64(..);
        rng.seed(drawn ^ ((self.fault as u64) << 8));
        // A store that keeps the last row of a key may be sent half of the rows only.
        let mut at = |percent: std::ops::Range<u64>| bytes / 100 * rng.u64(percent);
        let once = |at: u64, act: Act| vec![Planned { at, act }];
        match self.fault {
            Fault::Nothing
            | Fault::DownAtStart
            | Fault::Slow
            | Fault::RefuseSome
            | Fault::WrongCredentials => Vec::new(),
            Fault::KillStore | Fault::OtherSchema => once(at(5..30), Act::Meet),
            Fault::HalfOpen => once(at(5..30), Act::LoseAnswers),
            Fault::KillKolk => {
                [at(3..12), at(15..30)].map(|at| Planned { at, act: Act::Meet }).into()
            }
            Fault::CutRequest | Fault::Reset | Fault::CutAnswer => {
                let act = match self.fault {
                    Fault::CutRequest => Act::CutRequest,
                    Fault::Reset => Act::Reset,
                    _ => Act::CutAnswer,
                };
                [at(3..10), at(12..20), at(22..30)].map(|at| Planned { at, act }).into()
            }
        }
    }

    /// How much later each answer comes.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(if self.fault == Fault::Slow { 20 } else { 0 })
    }

    /// The place of its rows.
    pub(super) fn place(&self) -> String {
        let Self { fault, seed, rows, .. } = self;
        let words: Vec<&str> = fault
            .name()
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|it| !it.is_empty())
            .collect();
        let flow = if self.flow == Flow::State { "_state" } else { "" };
        format!("{}_{rows}_{seed}{flow}", words.join("_"))
    }
}
