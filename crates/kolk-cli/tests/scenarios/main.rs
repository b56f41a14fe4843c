//! The ordering scenarios end to end, by the built binary, as a user runs them: on the embedded broker of a folder and on
//! Apache Kafka, and beside Kafka's own console tools.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what is not as expected fails the test")]
#![expect(clippy::disallowed_methods, reason = "a test waits for other processes")]

mod bins;
mod console;
mod fifo;
mod java;
mod place;
mod time;
#[path = "../it/kolk.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod kolk;
#[path = "../../../kolk/tests/kafka/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;

/// Makes two tests of each function: one on the embedded broker, one on Apache Kafka.
macro_rules! on_both_brokers {
    ($($module:ident :: $scenario:ident),+ $(,)?) => {
        mod on_the_embedded_broker {
            $(
                #[test]
                fn $scenario() {
                    crate::$module::$scenario(&crate::place::Place::embedded());
                }
            )+
        }

        mod on_apache_kafka {
            $(
                #[test]
                fn $scenario() {
                    if let Some(place) = crate::place::Place::kafka(stringify!($scenario)) {
                        crate::$module::$scenario(&place);
                    }
                }
            )+
        }
    };
}

on_both_brokers! {
    fifo::visits_are_delivered_in_order_in_each_mode,
    fifo::individual_delivery_pauses_a_second,
    bins::visits_are_delivered_in_bins,
    bins::rows_that_lie_elsewhere_are_repartitioned_first,
    time::visits_meet_their_ads_within_two_minutes,
    time::sessions_keep_their_ids_when_all_is_read_again,
    time::counts_add_up_while_instances_come_and_go,
    bins::a_signal_flushes_an_open_interval,
    console::lines_are_those_of_the_console_consumer,
    console::what_kolk_produces_the_console_consumer_reads,
    console::what_the_console_producer_produces_kolk_consumes,
}
