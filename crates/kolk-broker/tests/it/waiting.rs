//! Long polls: what ends them, and what does not.

use crate::client::{FETCH, batch, batch_of, fetch_request, first_of, values_of};
use crate::server::Alone;
use crate::transactions::{end, init};
use kolk_wire::ErrorCode;
use kolk_wire::message::delete_topics::DeleteTopicsRequest;
use kolk_wire::message::fetch::FetchRequest;
use kolk_wire::record::Transactional;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(15);

/// Runs `what` while a fetch at `offset` waits, and returns the fetch's answer and how long that took from `what` on.
fn meanwhile(
    alone: &mut Alone,
    (offset, isolation): (i64, i8),
    what: impl FnOnce(&mut Alone),
) -> (kolk_wire::message::fetch::PartitionData, Duration) {
    let mut poller = alone.another_client();
    poller.send(&fetch_request("t", offset, isolation, LONG), FETCH);
    // The poll is at its place when another client's round trip, sent later, is over; a little more makes sure.
    poller.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(poller.stream.peek(&mut [0]).is_err(), "it has nothing to answer yet");
    poller.stream.set_read_timeout(Some(LONG * 2)).unwrap();
    let began = now();
    what(alone);
    let partition = first_of(&poller.receive::<FetchRequest>(FETCH));
    (partition, began.elapsed())
}

fn now() -> Instant {
    Instant::now()
}

#[test]
fn a_record_ends_the_wait() {
    let mut alone = Alone::start(&[]);
    alone.client.create_topic("t", &[]);
    let (partition, took) = meanwhile(&mut alone, (0, 0), |alone| {
        alone.client.produce("t", batch(&["v"]));
    });
    assert_eq!(values_of(&partition), ["v"]);
    assert!(took < LONG / 3, "{took:?}");
}

/// A committed reader waits for the transaction's end, not for its records.
#[test]
fn a_marker_ends_the_wait_of_a_committed_reader() {
    let mut alone = Alone::start(&[]);
    alone.client.create_topic("t", &[]);
    let producer = init(&mut alone.client, "x");
    let open = batch_of(&["v"], Some((producer.0, producer.1, 0, Transactional::Yes)));
    let (partition, took) = meanwhile(&mut alone, (0, 1), |alone| {
        assert_eq!(alone.client.produce_in("x", "t", open, 12), ErrorCode::NONE);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(end(&mut alone.client, "x", producer, 5).0, ErrorCode::NONE);
    });
    assert_eq!(values_of(&partition), ["v"]);
    assert!((Duration::from_millis(300)..LONG / 3).contains(&took), "{took:?}");
}

#[test]
fn the_topics_deletion_ends_the_wait() {
    let mut alone = Alone::start(&[]);
    alone.client.create_topic("t", &[]);
    let (partition, took) = meanwhile(&mut alone, (0, 0), |alone| {
        let request =
            DeleteTopicsRequest { topic_names: vec!["t".to_owned()], ..Default::default() };
        alone.client.call(&request, 5);
    });
    assert_eq!(partition.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert!(took < LONG / 3, "{took:?}");
}

#[test]
fn an_offset_that_is_not_there_is_answered_at_once() {
    let mut alone = Alone::start(&[]);
    alone.client.create_topic("t", &[]);
    let began = now();
    let partition = first_of(&alone.client.call(&fetch_request("t", 9, 0, LONG), FETCH));
    assert_eq!(partition.error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert!(began.elapsed() < LONG / 3);
}

#[test]
fn the_time_ends_the_wait() {
    let mut alone = Alone::start(&[]);
    alone.client.create_topic("t", &[]);
    let began = now();
    let request = fetch_request("t", 0, 0, Duration::from_millis(300));
    let partition = first_of(&alone.client.call(&request, FETCH));
    assert_eq!(values_of(&partition), [""; 0]);
    assert!((Duration::from_millis(290)..LONG).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[test]
fn a_stop_waits_for_nobody() {
    let mut alone = Alone::start(&[]);
    alone.client.create_topic("t", &[]);
    let mut poller = alone.another_client();
    poller.send(&fetch_request("t", 0, 0, LONG), FETCH);
    std::thread::sleep(Duration::from_millis(200));
    let began = now();
    drop(alone.broker);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}
