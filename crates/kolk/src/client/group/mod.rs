//! Membership of a consumer group by the classic protocol (KIP-62, 345, 394, 429), and who gets which partition.

pub mod protocol;
pub mod assignor;
pub mod membership;
mod range;
mod sticky;

pub use assignor::Assignor;
pub use membership::{GroupEvent, MemberPhase, Membership};
