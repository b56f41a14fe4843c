//! What happens to rows between source and sink: synchronous, deterministic, no clock and no I/O.

mod plan_error;
mod planner;
mod plan;
mod column;
mod texts;
mod builder;
mod decode;
mod evaluate;
mod encode;
mod work;
mod pipeline;
#[cfg(test)]
mod tests;

pub use pipeline::Pipeline;
pub use plan_error::PlanError;
