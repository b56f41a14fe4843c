//! Runs an application: one thread for each stage of each query, each a loop over state machines that never block.
//!
//! ```text
//! Application::start ─▶ stages ─▶ topics exist ─▶ StageRun on its own thread, for each stage:
//!
//!      source ──rows──▶ operator ──output──▶ sink::delivery ──▶ outlet
//!        ▲                                                        │ acknowledgements
//!        └────────────── commit: offsets, one transaction ◀───────┘
//! ```

mod application;
#[cfg_attr(
    not(any(test, feature = "failpoints")),
    expect(unreachable_pub, reason = "only planted bugs are named")
)]
mod bug;
mod client_settings;
mod committer;
mod dead_letter;
mod error;
#[cfg_attr(
    not(any(test, feature = "failpoints")),
    expect(dead_code, unreachable_pub, reason = "only armed failpoints are named and shown")
)]
mod failpoint;
mod feed;
mod identity;
mod notices;
mod run;
mod stage_plan;
mod status;
mod tasks;
mod topics;

pub use application::{Application, ApplicationOptions, StopHandle, Until};
#[cfg(any(test, feature = "failpoints"))]
pub use bug::Bug;
pub use error::{QueryError, StartError};
#[cfg(any(test, feature = "failpoints"))]
pub use failpoint::{Action, Failpoint, Failpoints, Point};
pub use identity::InstanceIdentity;
pub use status::{QueryPhase, QueryStatus};
