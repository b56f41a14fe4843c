//! What happens to rows between source and sink: synchronous, deterministic, no clock and no I/O.

mod plan_error;
mod planner;
mod plan;
pub(crate) mod column;
pub(crate) mod appender;
mod texts;
mod value;
mod builder;
mod documents;
mod decode;
mod evaluate;
pub(crate) mod encode;
mod work;
mod chunk;
mod operate;
mod lanes;
mod block;
mod head;
mod stateless;
mod join;
mod explode;
mod table;
mod aggregate;
mod node;
mod shapes;
mod process;
mod tail;
pub mod task;
mod pipeline;
#[cfg(test)]
mod tests;

pub use pipeline::Pipeline;
pub use plan_error::PlanError;
pub use task::{Task, TaskOptions};
