//! The built binary, driven as a user drives it: each test in a folder of its own, with the folder's embedded broker.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what is not as expected fails the test")]

mod kolk;
mod records;
mod administration;
mod order;
mod discovery;
mod errors;
mod programs;
mod explained;
mod sql_tests;
mod state;
mod java;
