//! The cases of `tests/it` on Apache Kafka, and what only Apache Kafka offers: TLS, SASL, both versions of transactions.
//!
//! Needs Java, and Maven for the first time; says `skipped: why` without. One server of each kind serves all tests, starts
//! with the first that wants it, and ends with the process.

#![expect(
    clippy::disallowed_methods,
    reason = "tests look at the clock while they wait, and a thread reads what the server says"
)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "what surprises a test ends it")]

#[path = "../it/admin.rs"]
mod admin;
#[path = "../it/cases.rs"]
mod cases;
#[path = "../it/changes.rs"]
mod changes;
#[path = "../it/cluster.rs"]
mod cluster;
#[path = "../it/connector.rs"]
mod connector;
#[path = "../it/delivery.rs"]
mod delivery;
#[path = "../it/foreign_key.rs"]
mod foreign_key;
#[path = "../it/forwarding.rs"]
mod forwarding;
#[path = "../it/future.rs"]
mod future;
#[path = "../it/joiner.rs"]
mod joiner;
#[path = "../it/memory.rs"]
mod memory;
#[path = "../it/poison.rs"]
mod poison;
#[path = "../it/round_trip.rs"]
mod round_trip;
#[path = "../it/sharing.rs"]
mod sharing;
#[path = "../it/stages.rs"]
mod stages;
#[path = "../it/state.rs"]
mod state;
#[path = "../it/state_files.rs"]
mod state_files;
#[path = "../it/state_topics.rs"]
mod state_topics;
#[path = "../it/timeouts.rs"]
mod timeouts;
#[path = "../it/trio.rs"]
mod trio;
#[path = "../it/verify.rs"]
mod verify;
mod secure;
mod server;

use cluster::Cluster;
use kolk::client::config::ClientConfig;
use server::Kafka;

/// The server as the test `name` sees it.
fn cluster_of(kafka: &Kafka, name: &str) -> Cluster {
    Cluster::shared(&ClientConfig::for_bootstrap(kafka.address("PLAINTEXT")).unwrap(), name)
}

/// Transactions as KIP-890 has them.
mod transaction_version_2 {
    macro_rules! on_kafka {
        ($($module:ident :: $case:ident),+ $(,)?) => {
            $(
                #[test]
                fn $case() {
                    if let Some(kafka) = crate::server::Kind::TransactionVersion2.server() {
                        crate::$module::$case(&crate::cluster_of(kafka, stringify!($case)));
                    }
                }
            )+
        };
    }

    crate::cases::for_each_case!(on_kafka);
    crate::cases::for_each_state_fault!(on_kafka);
}

/// Transactions as they were before.
mod transaction_version_1 {
    macro_rules! on_kafka {
        ($($module:ident :: $case:ident),+ $(,)?) => {
            $(
                #[test]
                fn $case() {
                    if let Some(kafka) = crate::server::Kind::TransactionVersion1.server() {
                        crate::$module::$case(&crate::cluster_of(kafka, stringify!($case)));
                    }
                }
            )+
        };
    }

    crate::cases::for_each_case!(on_kafka);
}
