//! The built binary, driven as a user drives it: each test in a folder of its own, with the folder's embedded broker.

mod kolk;
mod records;
mod administration;
mod order;
mod discovery;
mod errors;
mod programs;
mod java;
