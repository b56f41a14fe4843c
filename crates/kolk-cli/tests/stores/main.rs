//! Stores other than Kafka: what is promised of each, by the built binary, read back by a foreign client of the store.
//!
//! `harness` has the faults that every store must stand; a store's folder implements [`harness::Store`], starts its server, and tests
//! what is its own. A new store is a folder here and a line in [`STORES`].

#![expect(clippy::unwrap_used, clippy::panic, reason = "what is not as expected fails the test")]
#![allow(
    dead_code,
    reason = "what is used of the harness depends on the stores that the build has"
)]
#![cfg_attr(
    not(feature = "cassandra"),
    allow(unused_imports, reason = "a build without stores uses nothing of the harness")
)]

#[cfg(feature = "cassandra")]
mod cassandra;
mod harness;
#[cfg(all(feature = "cassandra", feature = "kinesis", feature = "postgresql"))]
mod secrets;
#[cfg(feature = "kinesis")]
mod kinesis;
#[cfg(feature = "postgresql")]
mod postgresql;
#[path = "../it/kolk.rs"]
mod embedded;
#[path = "../faults/world.rs"]
mod world;
#[path = "../faults/extent.rs"]
mod extent;
#[path = "../faults/kolk.rs"]
mod kolk;
#[path = "../faults/foreign.rs"]
mod foreign;
#[path = "../faults/server.rs"]
mod server;
#[path = "../faults/stateful/writer.rs"]
mod writer;

use harness::Start;
use std::io::Write;

/// Every store, by how one is started that nobody shares: faults kill it.
const STORES: &[Start] = &[
    #[cfg(feature = "cassandra")]
    cassandra::start,
    #[cfg(feature = "kinesis")]
    kinesis::start,
    #[cfg(feature = "postgresql")]
    postgresql::upserts,
    #[cfg(feature = "postgresql")]
    postgresql::appends,
];

/// Says something while the tests run, past the capture of their output.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Every fault on every store: see `docs/faults.md`, and [`extent::Extent`] for how many.
#[test]
fn every_store_has_what_the_oracle_has_through_every_fault() {
    let failures = harness::run(STORES);
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}
