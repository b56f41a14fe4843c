//! Places along the way of a commit at which a test may have a stage end or stand still. Only with feature `failpoints`; without it
//! nothing of it is left.

use super::bug::Planted;

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Rows are processed, nothing is flushed.
    BeforeFlush,
    /// What tasks held back and the changes of their stores are on their way.
    AfterPrepare,
    /// Everything is acknowledged, the offsets are not in the transaction.
    BeforeOffsets,
    /// The offsets are in the transaction; its end was not asked for.
    AfterOffsets,
    /// The end of the transaction was asked for.
    EndSent,
    /// The coordinator has answered; the local disk is behind.
    AfterEnd,
    /// The local disk has the commit.
    AfterLocal,
    /// A part of the changelogs is replayed.
    Replaying,
}

impl Point {
    /// All of them, in the order in which a commit comes by.
    pub const ALL: [Self; 8] = [
        Self::BeforeFlush,
        Self::AfterPrepare,
        Self::BeforeOffsets,
        Self::AfterOffsets,
        Self::EndSent,
        Self::AfterEnd,
        Self::AfterLocal,
        Self::Replaying,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeFlush => "before_flush",
            Self::AfterPrepare => "after_prepare",
            Self::BeforeOffsets => "before_offsets",
            Self::AfterOffsets => "after_offsets",
            Self::EndSent => "end_sent",
            Self::AfterEnd => "after_end",
            Self::AfterLocal => "after_local",
            Self::Replaying => "replaying",
        }
    }
}

#[cfg(any(test, feature = "failpoints"))]
pub use armed::{Action, Failpoint, Failpoints};

/// Nothing happens anywhere.
#[cfg(not(any(test, feature = "failpoints")))]
#[derive(Debug, Clone, Default)]
pub(super) struct Failpoints {}

#[cfg(not(any(test, feature = "failpoints")))]
impl Failpoints {
    #[expect(clippy::unused_self, reason = "the armed ones know what to do")]
    #[inline]
    pub(super) fn reach(&self, _stage: &str, _point: Point) {}

    #[expect(clippy::unused_self, reason = "the armed ones know of one")]
    pub(super) fn planted(&self) -> Planted {
        Planted::default()
    }
}

#[cfg(any(test, feature = "failpoints"))]
mod armed {
    use super::{Planted, Point};
    use crate::runtime::bug::Bug;
    use std::str::FromStr;
    use std::sync::{Arc, Condvar, Mutex, PoisonError};

    /// What happens to whoever comes by.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Action {
        /// The process ends at once, as if it were killed.
        Abort,
        /// The stage's thread ends at once, and says nothing to anybody.
        Panic,
        /// The stage's thread stands still until [`Failpoints::disarm`].
        Pause,
    }

    /// Where something happens, to whom, and what.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Failpoint {
        /// The place.
        pub point: Point,
        /// A stage whose name ends like this.
        pub stage: String,
        /// How often it comes by unharmed.
        pub after: u32,
        /// What happens then.
        pub action: Action,
    }

    /// `POINT`, `POINT:AFTER` or `POINT:AFTER:STAGE`; the action is to abort.
    impl FromStr for Failpoint {
        type Err = String;

        fn from_str(text: &str) -> Result<Self, String> {
            let mut parts = text.splitn(3, ':');
            let name = parts.next().unwrap_or_default();
            let point = Point::ALL.into_iter().find(|point| point.name() == name);
            let point = point.ok_or_else(|| {
                let all = Point::ALL.map(Point::name).join(", ");
                format!("there is no failpoint `{name}`; there are {all}")
            })?;
            let after = parts.next().unwrap_or("0").parse();
            let after = after.map_err(|error| format!("failpoint `{text}`: {error}"))?;
            let stage = parts.next().unwrap_or_default().to_owned();
            Ok(Self { point, stage, after, action: Action::Abort })
        }
    }

    /// The failpoints of an application. Clones share them.
    #[derive(Debug, Clone, Default)]
    pub struct Failpoints(Arc<State>);

    #[derive(Debug, Default)]
    struct State {
        armed: Mutex<Armed>,
        changed: Condvar,
    }

    #[derive(Debug, Default)]
    struct Armed {
        failpoint: Option<Failpoint>,
        bug: Option<Bug>,
        /// How often something happened.
        hits: u32,
    }

    impl Failpoints {
        /// From now on this happens, and nothing else.
        pub fn arm(&self, failpoint: Failpoint) {
            self.lock().failpoint = Some(failpoint);
        }

        /// Nothing happens any more, and who stands still goes on.
        pub fn disarm(&self) {
            self.lock().failpoint = None;
            self.0.changed.notify_all();
        }

        /// Stages that start from now on make this mistake.
        pub fn plant(&self, bug: Bug) {
            self.lock().bug = Some(bug);
        }

        pub(in crate::runtime) fn planted(&self) -> Planted {
            Planted::new(self.lock().bug)
        }

        /// How often something happened.
        #[must_use]
        pub fn hits(&self) -> u32 {
            self.lock().hits
        }

        fn lock(&self) -> std::sync::MutexGuard<'_, Armed> {
            self.0.armed.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// A stage comes by.
        #[expect(clippy::panic, reason = "what the test asks for")]
        pub(in crate::runtime) fn reach(&self, stage: &str, point: Point) {
            let mut armed = self.lock();
            let Some(failpoint) = armed.failpoint.as_mut() else { return };
            if failpoint.point != point || !stage.ends_with(&failpoint.stage) {
                return;
            }
            if failpoint.after > 0 {
                failpoint.after -= 1;
                return;
            }
            let action = failpoint.action;
            armed.hits += 1;
            match action {
                Action::Abort => std::process::abort(),
                Action::Panic => {
                    armed.failpoint = None;
                    drop(armed);
                    panic!("failpoint {} of stage {stage}", point.name());
                }
                Action::Pause => {
                    let stands = |armed: &mut Armed| armed.failpoint.is_some();
                    drop(self.0.changed.wait_while(armed, stands));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failpoint_is_read_from_text() {
        let read = |text: &str| text.parse::<Failpoint>();
        let action = Action::Abort;
        let point = Point::AfterEnd;
        let expected = Failpoint { point, stage: "left".to_owned(), after: 3, action };
        assert_eq!(read("after_end:3:left"), Ok(expected));
        assert_eq!(read("replaying").unwrap().after, 0);
        assert!(read("nowhere").unwrap_err().contains("before_flush, after_prepare"));
        assert!(read("after_end:x").is_err());
    }

    #[test]
    fn it_happens_to_the_stage_that_is_named_and_only_then() {
        let failpoints = Failpoints::default();
        let (point, action) = (Point::AfterEnd, Action::Panic);
        failpoints.arm(Failpoint { point, stage: "-left".to_owned(), after: 1, action });
        failpoints.reach("q", point);
        failpoints.reach("q-left", Point::AfterLocal);
        failpoints.reach("q-left", point);
        assert_eq!(failpoints.hits(), 0, "it came by once unharmed");
        let clone = failpoints.clone();
        let panicked = std::panic::catch_unwind(move || clone.reach("q-left", point));
        assert!(panicked.is_err());
        assert_eq!(failpoints.hits(), 1);
        failpoints.reach("q-left", point);
    }
}
