//! The life of a group.

use std::fmt;

/// Where a group stands.
///
/// ```text
///            first member                 all joined, or time is up            the leader's assignment
///   Empty ----------------> PreparingRebalance ----------------> CompletingRebalance ----------------> Stable
///     ^                        |          ^                               |                              |
///     |  everybody has left    |          |  a member joins, leaves, expires or does not sync            |
///     +------------------------+          +-------------------------------+------------------------------+
///     |
///     +--> Dead: deleted, or empty without offsets for a while; such a group is not kept
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// No members; perhaps offsets.
    Empty,
    /// Waits for all members to join.
    PreparingRebalance,
    /// All have joined; waits for the leader's assignment.
    CompletingRebalance,
    /// Every member can fetch its assignment.
    Stable,
    /// Does not exist.
    Dead,
}

impl GroupState {
    /// Kafka's name of the state, as in ListGroups and DescribeGroups.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }

    pub(super) fn may_become(self, next: Self) -> bool {
        match next {
            Self::PreparingRebalance => {
                matches!(self, Self::Empty | Self::CompletingRebalance | Self::Stable)
            }
            Self::CompletingRebalance | Self::Empty => self == Self::PreparingRebalance,
            Self::Stable => self == Self::CompletingRebalance,
            Self::Dead => self == Self::Empty,
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
