//! Mistakes that a test has the engine make on purpose, to show that the checks find each of them. Only with feature `failpoints`;
//! without it there is none.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// What tasks hold back and the changes of their stores are not written before a commit.
    SkipFlush,
    /// Offsets of rows that pass one by one are committed before they are acknowledged, or even sent. Transactions wait for their
    /// rows all the same, and what has state goes by the offsets in the state.
    CommitUnacknowledged,
    /// A transaction is committed without the offsets of the inputs.
    SkipOffsets,
    /// Changes of stores are kept on the local disk and not written to their changelogs.
    SkipChangelog,
    /// The local disk gets the changes before the transaction is committed.
    LocalFirst,
    /// Local state that does not fit to what is committed is used all the same.
    ForgetWipe,
    /// The last row that a task puts out at once is not delivered.
    LoseRow,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::SkipFlush,
        Self::CommitUnacknowledged,
        Self::SkipOffsets,
        Self::SkipChangelog,
        Self::LocalFirst,
        Self::ForgetWipe,
        Self::LoseRow,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SkipFlush => "skip_flush",
            Self::CommitUnacknowledged => "commit_unacknowledged",
            Self::SkipOffsets => "skip_offsets",
            Self::SkipChangelog => "skip_changelog",
            Self::LocalFirst => "local_first",
            Self::ForgetWipe => "forget_wipe",
            Self::LoseRow => "lose_row",
        }
    }
}

impl std::str::FromStr for Bug {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|bug| bug.name() == name).ok_or_else(|| {
            format!("there is no bug `{name}`; there are {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}

/// The mistake that a stage makes, if any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Planted(#[cfg(any(test, feature = "failpoints"))] Option<Bug>);

impl Planted {
    #[cfg(any(test, feature = "failpoints"))]
    pub(super) fn new(bug: Option<Bug>) -> Self {
        Self(bug)
    }

    /// Whether it is this one.
    #[cfg(any(test, feature = "failpoints"))]
    pub(super) fn is(self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }

    /// It is none.
    #[cfg(not(any(test, feature = "failpoints")))]
    #[expect(clippy::unused_self, reason = "the planted one knows which it is")]
    #[inline]
    pub(super) fn is(self, _bug: Bug) -> bool {
        false
    }
}
