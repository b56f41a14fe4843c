//! Transactions of both kinds over the wire.

use crate::client::{Client, batch_of};
use crate::server::Alone;
use kolk_wire::ErrorCode;
use kolk_wire::message::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use kolk_wire::message::end_txn::EndTxnRequest;
use kolk_wire::message::init_producer_id::InitProducerIdRequest;
use kolk_wire::record::Transactional;

/// Producer id and epoch.
pub(crate) type Identity = (i64, i16);

pub(crate) fn init(client: &mut Client, transactional_id: &str) -> Identity {
    let request = InitProducerIdRequest {
        transactional_id: Some(transactional_id.to_owned()),
        transaction_timeout_ms: 60_000,
        ..InitProducerIdRequest::default()
    };
    let response = client.call(&request, 4);
    assert_eq!(response.error_code, ErrorCode::NONE);
    (response.producer_id, response.producer_epoch)
}

/// Commits; returns the producer's identity for what comes next.
pub(crate) fn end(
    client: &mut Client,
    transactional_id: &str,
    (producer_id, producer_epoch): Identity,
    version: i16,
) -> (ErrorCode, Identity) {
    let transactional_id = transactional_id.to_owned();
    let request = EndTxnRequest { transactional_id, producer_id, producer_epoch, committed: true };
    let response = client.call(&request, version);
    (response.error_code, (response.producer_id, response.producer_epoch))
}

/// Adds partition 0 as producers before KIP-890 do.
pub(crate) fn add(client: &mut Client, transactional_id: &str, (id, epoch): Identity, topic: &str) {
    let topics = vec![AddPartitionsToTxnTopic { name: topic.to_owned(), partitions: vec![0] }];
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: transactional_id.to_owned(),
        v3_and_below_producer_id: id,
        v3_and_below_producer_epoch: epoch,
        v3_and_below_topics: topics,
        ..AddPartitionsToTxnRequest::default()
    };
    let response = client.call(&request, 3);
    let result = &response.results_by_topic_v3_and_below[0].results_by_partition[0];
    assert_eq!(result.partition_error_code, ErrorCode::NONE);
}

pub(crate) fn open(value: &str, (id, epoch): Identity, sequence: i32) -> bytes::Bytes {
    batch_of(&[value], Some((id, epoch, sequence, Transactional::Yes)))
}

#[test]
fn a_transaction_of_kip_890_is_seen_when_it_is_committed() {
    let mut alone = Alone::start(&[]);
    let client = &mut alone.client;
    client.create_topic("t", &[]);
    let producer = init(client, "x");
    assert_eq!(client.produce_in("x", "t", open("a", producer, 0), 12), ErrorCode::NONE);
    assert_eq!(client.values("t", 1), [""; 0]);
    let (error, next) = end(client, "x", producer, 5);
    assert_eq!((error, next), (ErrorCode::NONE, (producer.0, producer.1 + 1)));
    assert_eq!(client.values("t", 1), ["a"]);
    let late = client.produce_in("x", "t", open("late", producer, 1), 12);
    assert_eq!(late, ErrorCode::INVALID_PRODUCER_EPOCH, "the epoch has ended with the transaction");
    assert_eq!(end(client, "x", producer, 5), (ErrorCode::NONE, next), "the same end again");
}

#[test]
fn a_transaction_before_kip_890_needs_its_partitions_added() {
    let mut alone = Alone::start(&[("transaction.version", "1")]);
    let client = &mut alone.client;
    client.create_topic("t", &[]);
    let producer = init(client, "x");
    let early = client.produce_in("x", "t", open("early", producer, 0), 11);
    assert_eq!(early, ErrorCode::TRANSACTION_ABORTABLE);
    add(client, "x", producer, "t");
    assert_eq!(client.produce_in("x", "t", open("a", producer, 0), 11), ErrorCode::NONE);
    assert_eq!(end(client, "x", producer, 4).0, ErrorCode::NONE);
    assert_eq!(client.values("t", 1), ["a"]);
}

#[test]
fn a_new_producer_of_the_id_ends_what_the_old_one_left_open_and_fences_it() {
    let mut alone = Alone::start(&[]);
    let client = &mut alone.client;
    client.create_topic("t", &[]);
    let zombie = init(client, "x");
    assert_eq!(client.produce_in("x", "t", open("lost", zombie, 0), 12), ErrorCode::NONE);
    let successor = init(client, "x");
    assert_eq!(client.produce_in("x", "t", open("kept", successor, 0), 12), ErrorCode::NONE);
    let refused = client.produce_in("x", "t", open("late", zombie, 1), 12);
    assert_eq!(refused, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(end(client, "x", successor, 5).0, ErrorCode::NONE);
    let partition = client.fetch("t", 0, 1);
    let aborted = partition.aborted_transactions.clone().unwrap();
    assert_eq!(aborted.len(), 1, "of the zombie: {aborted:?}");
    assert_eq!(partition.last_stable_offset, partition.high_watermark);
}
