//! The client and applications on the embedded broker, from topic to topic. The same cases run on Apache Kafka: see
//! `tests/kafka`.

#![expect(clippy::disallowed_methods, reason = "tests look at the clock while they wait")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "what surprises a test ends it")]

mod admin;
mod bugs;
mod changes;
mod cluster;
mod connector;
mod delivery;
mod foreign_key;
mod forwarding;
mod future;
mod joiner;
mod memory;
mod poison;
mod round_trip;
mod sharing;
mod stages;
mod state;
mod state_files;
mod state_topics;
mod timeouts;
mod trio;
mod verify;
mod warm;
mod cases;

/// Every case as a test, each with a broker of its own.
macro_rules! on_the_embedded_broker {
    ($($module:ident :: $case:ident),+ $(,)?) => {
        $(
            #[test]
            fn $case() {
                crate::$module::$case(&crate::cluster::Cluster::embedded());
            }
        )+
    };
}

cases::for_each_case!(on_the_embedded_broker);
cases::for_each_state_fault!(on_the_embedded_broker);
