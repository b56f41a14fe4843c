//! An Apache Kafka broker of one node in the process: durable logs, groups, transactions.
//!
//! Honest: whatever it accepts it does as Apache Kafka does, whatever it does not support it refuses with Kafka's error.

pub mod broker;
pub mod config;
pub mod described;
pub mod clock;
pub mod server;
mod api;
pub mod state;
pub mod fetch_session;
pub mod topics;
pub mod partition;
pub mod log;
pub mod journal;
pub mod group;
pub mod transaction;

pub use broker::{Broker, BrokerOptions, StartError};
pub use config::{BrokerConfig, SettingError};
