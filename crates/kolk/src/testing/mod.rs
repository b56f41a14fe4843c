//! What tests, examples and demonstrations need: a driver without a broker, and data that looks real and is the same for the
//! same seed.

mod driver;
mod engine;
#[cfg(test)]
mod future_tests;
#[cfg(test)]
mod idle_tests;
mod stage;
pub mod ads;
pub mod user_visits;
pub mod visits;

pub use driver::{DriverError, TestDriver, TestRecord};

/// Seconds since 1970 in UTC, as `strftime` has it.
fn time_text(second: u64, format: &str) -> String {
    let second = i64::try_from(second).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::MAX);
    time.strftime(format).to_string()
}
