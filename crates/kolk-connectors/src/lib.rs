//! Stores other than Kafka that SQL can write to: `CREATE STREAM … WITH (connector='…') AS SELECT …`.
//!
//! A store is a folder here and a line in [`ALL`]. The folder says what it is ([`Kind`]: options, promise), and how it connects and
//! writes ([`Connection`](kolk::sink::connector::Connection)); order, repeats and commits are the library's. Each is a feature, for
//! its client is heavy; a build without it still knows the kind, and says how to get it.

mod authorities;
mod cassandra;
mod cell;
mod fields;
pub mod kinesis;
mod postgresql;

use kolk::topology::Kind;

/// Every kind of store.
pub const ALL: &[&Kind] = &[&cassandra::KIND, &kinesis::KIND, &postgresql::KIND];
