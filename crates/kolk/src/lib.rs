//! Kolk: stream processing on Apache Kafka, with declared delivery order.
//!
//! The modules stand in the order of the data path: a record comes from a source, passes operators, meets state, and
//! leaves through a sink.

pub mod record;
pub mod codec;
pub mod source;
pub mod operator;
pub mod state;
pub mod sink;
pub mod topology;
pub mod explain;
pub mod schema;
pub mod expression;
pub mod dsl;
pub mod runtime;
pub mod account;
pub mod client;
pub mod testing;
pub mod time;
