//! Runs an application: one thread for each query, each a loop over state machines that never block.
//!
//! ```text
//! Application::start ─▶ topics exist ─▶ QueryRun on its own thread, for each query:
//!
//!      source ──rows──▶ operator ──output──▶ sink::delivery ──▶ outlet
//!        ▲                                                        │ acknowledgements
//!        └────────────── commit: offsets, one transaction ◀───────┘
//! ```

mod application;
mod client_settings;
mod committer;
mod error;
mod feed;
mod identity;
mod query;
mod status;
mod topics;

pub use application::{Application, ApplicationOptions, StopHandle, Until};
pub use error::{QueryError, StartError};
pub use identity::InstanceIdentity;
pub use status::{QueryPhase, QueryStatus};
