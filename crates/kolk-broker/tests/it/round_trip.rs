//! Records in, records out; topics and settings.

use crate::client::{Client, batch, batch_of, fetch_request, first_of, produce_request, values_of};
use crate::server::{Alone, any_port, start};
use kolk_wire::ErrorCode;
use kolk_wire::message::Request;
use kolk_wire::message::api_versions::ApiVersionsRequest;
use kolk_wire::message::delete_topics::DeleteTopicsRequest;
use kolk_wire::message::fetch::FetchRequest;
use kolk_wire::message::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kolk_wire::message::metadata::{MetadataRequest, MetadataRequestTopic};
use kolk_wire::message::produce::ProduceRequest;
use kolk_wire::record::Transactional;
use std::time::Duration;

#[test]
fn what_is_written_can_be_read_at_every_version() {
    let mut alone = Alone::start(&[]);
    let client = &mut alone.client;
    client.create_topic("t", &[]);
    let topic_id = id_of(client, "t");
    let mut expected = Vec::new();
    for version in ProduceRequest::MIN_VERSION..=ProduceRequest::MAX_VERSION {
        let value = format!("v{version}");
        let mut request = produce_request("t", batch(&[&value]), None);
        request.topic_data[0].topic_id = topic_id;
        let response = client.call(&request, version).responses[0].partition_responses[0].clone();
        assert_eq!(response.error_code, ErrorCode::NONE, "version {version}");
        assert_eq!(response.base_offset, i64::try_from(expected.len()).unwrap());
        expected.push(value);
    }
    for version in FetchRequest::MIN_VERSION..=FetchRequest::MAX_VERSION {
        let mut request = fetch_request("t", 0, 1, Duration::ZERO);
        request.topics[0].topic_id = topic_id;
        let partition = first_of(&client.call(&request, version));
        assert_eq!(values_of(&partition), expected, "version {version}");
    }
}

pub(crate) fn id_of(client: &mut Client, topic: &str) -> kolk_wire::wire::Uuid {
    let topic = MetadataRequestTopic { name: Some(topic.to_owned()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() };
    client.call(&request, 12).topics[0].topic_id
}

#[test]
fn without_acknowledgement_an_error_closes_the_connection() {
    let mut alone = Alone::start(&[]);
    let client = &mut alone.client;
    client.create_topic("t", &[]);
    let unacknowledged =
        |topic| ProduceRequest { acks: 0, ..produce_request(topic, batch(&["v"]), None) };
    client.send(&unacknowledged("t"), 9);
    assert_eq!(client.values("t", 0), ["v"], "the answer is that of the fetch");
    client.send(&unacknowledged("nowhere"), 9);
    assert_eq!(client.frame(), None);
}

#[test]
fn a_clean_restart_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let broker = start(folder.path(), any_port(), &[]).unwrap();
    let mut client = Client::connect(broker.address());
    client.create_topic("t", &[("retention.ms", "-1")]);
    let id = id_of(&mut client, "t");
    let written = |sequence| batch_of(&["v"], Some((7, 0, sequence, Transactional::No)));
    assert_eq!(client.produce("t", written(0)).base_offset, 0);
    drop(broker);
    let broker = start(folder.path(), any_port(), &[]).unwrap();
    let mut client = Client::connect(broker.address());
    assert_eq!(id_of(&mut client, "t"), id);
    assert_eq!(client.produce("t", written(0)).base_offset, 0, "sent again after a lost answer");
    assert_eq!(client.produce("t", written(1)).base_offset, 1);
    assert_eq!(client.values("t", 0), ["v", "v"]);
}

#[test]
fn a_deleted_topic_is_gone_for_all_who_know_it() {
    let mut alone = Alone::start(&[]);
    let client = &mut alone.client;
    client.create_topic("t", &[]);
    let id = id_of(client, "t");
    client.produce("t", batch(&["v"]));
    let request = DeleteTopicsRequest { topic_names: vec!["t".to_owned()], ..Default::default() };
    assert_eq!(client.call(&request, 5).responses[0].error_code, ErrorCode::NONE);
    let error = client.produce("t", batch(&["w"])).error_code;
    assert_eq!(error, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    client.create_topic("t", &[]);
    let mut request = fetch_request("t", 0, 0, Duration::ZERO);
    request.topics[0].topic_id = id;
    let partition = first_of(&client.call(&request, 17));
    assert_eq!(partition.error_code, ErrorCode::UNKNOWN_TOPIC_ID, "by the id of the former topic");
    assert_eq!(client.values("t", 0), [""; 0]);
}

#[test]
fn offsets_are_found_by_time() {
    let mut alone = Alone::start(&[]);
    let client = &mut alone.client;
    client.create_topic("t", &[]);
    client.produce("t", batch(&["a", "b"]));
    for (timestamp, expected) in [(-2, 0), (-1, 2), (0, 0), (i64::MAX, -1)] {
        let partition = ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() };
        let topic = ListOffsetsTopic { name: "t".to_owned(), partitions: vec![partition] };
        let request = ListOffsetsRequest { topics: vec![topic], ..ListOffsetsRequest::default() };
        let offset = client.call(&request, 7).topics[0].partitions[0].offset;
        assert_eq!(offset, expected, "time-stamp {timestamp}");
    }
}

#[test]
fn a_client_says_what_it_is_or_is_refused() {
    let mut alone = Alone::start(&[]);
    let named = |name: &str| ApiVersionsRequest {
        client_software_name: name.to_owned(),
        client_software_version: "1.0".to_owned(),
    };
    for (name, expected) in [
        ("kolk", ErrorCode::NONE),
        ("", ErrorCode::INVALID_REQUEST),
        ("a b", ErrorCode::INVALID_REQUEST),
    ] {
        assert_eq!(alone.client.call(&named(name), 3).error_code, expected, "{name:?}");
    }
}
