//! What tests, examples and demonstrations need: a driver without a broker, and data that looks real and is the same for the
//! same seed.

mod driver;
mod engine;
#[cfg(test)]
mod idle_tests;
mod stage;
pub mod visits;

pub use driver::{DriverError, TestDriver, TestRecord};
