//! Faults: visits flow through every delivery mode while connections break and processes die, and nothing that was
//! promised may be broken. And bad input: every mistake is told clearly, and nothing is lost.
//!
//! ```text
//! case ──▶ plan of faults ──▶ proxy ◀── kolk run ──▶ output ──▶ check · kolk verify order · kcat
//! ```
//! `cargo xtask soak` runs the whole matrix with the same code: see `docs/faults.md`.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod world;
mod extent;
mod proxy;
mod foreign;
mod check;
mod kolk;
mod server;
mod case;
mod scenario;
mod matrix;
mod bad_input;
mod examples;
mod together;
mod zombie;
mod abandoned;
mod stateful;

use std::io::Write;

/// Says something while the tests run, past the capture of their output.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Every fault in every delivery mode: see [`extent::Extent`] for how many.
#[test]
fn every_mode_keeps_its_promise_through_every_fault() {
    let failures = matrix::run();
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}
