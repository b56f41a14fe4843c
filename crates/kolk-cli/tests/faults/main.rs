//! Faults: visits flow through every delivery mode while connections break and processes die, and nothing that was
//! promised may be broken. And bad input: every mistake is told clearly.
//!
//! `cargo xtask soak` runs the whole matrix with the same code.

mod world;
mod proxy;
mod foreign;
mod check;
