//! What happens to rows between source and sink: synchronous, deterministic, no clock and no I/O.

mod pipeline;
mod plan_error;

pub use pipeline::Pipeline;
pub use plan_error::PlanError;
