//! Every message at every version: what is written is read back, within its budget.

use super::describe_cluster::DescribeClusterResponse;
use super::describe_configs::*;
use super::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use super::join_group::JoinGroupResponse;
use super::metadata::*;
use super::offset_fetch::*;
use super::{Any, AnyRequest, AnyResponse, AnySample, Request, Supported, supported};
use crate::allocation::peak;
use crate::read::{BUDGET_FACTOR, BUDGET_FLOOR, DecodeError, Reader};
use crate::sample::Entropy;
use crate::sequence::Sequence;
use crate::wire::{Version, Wire};
use crate::write::Writer;
use bytes::Bytes;
use proptest::prelude::*;
use std::fmt::Debug;

fn every_version() -> impl Iterator<Item = (Supported, i16)> {
    supported().iter().flat_map(|api| (api.min..=api.max).map(|version| (*api, version)))
}

fn written<A: Any>(message: &A, version: i16) -> Bytes {
    let mut writer = Writer::new();
    message.write(version, &mut writer);
    assert_eq!(writer.len(), writer.into_bytes().len(), "the writer's own count");
    let mut writer = Writer::new();
    message.write(version, &mut writer);
    writer.into_bytes()
}

fn read<A: Any>(api: Supported, version: i16, bytes: &Bytes) -> Result<A, DecodeError> {
    let mut reader = Reader::new(bytes.clone());
    let message = A::read(api.key, version, &mut reader)?.expect("a version of the table");
    assert_eq!(reader.remaining(), 0, "{:?} v{version} is read to its end", api.key);
    Ok(message)
}

fn check_round_trip<A: Any + PartialEq + Debug>(api: Supported, version: i16, message: &A) {
    let bytes = written(message, version);
    let again: A = read(api, version, &bytes)
        .unwrap_or_else(|error| panic!("{:?} v{version}: {error}: {message:?}", api.key));
    assert_eq!(&again, message, "{:?} v{version}", api.key);
    assert_eq!(written(&again, version), bytes, "{:?} v{version}: written again", api.key);
}

#[test]
fn defaults_are_read_as_they_were_written() {
    for (api, version) in every_version() {
        // A field that a version lacks has its default, so the default survives each of them.
        // (Null becomes empty where null is not allowed, so what is compared has been written and read once.)
        let request = written(&AnyRequest::default_of(api.key).expect("in the table"), version);
        check_round_trip::<AnyRequest>(api, version, &read(api, version, &request).expect("sound"));
        let response = written(&AnyResponse::default_of(api.key).expect("in the table"), version);
        check_round_trip::<AnyResponse>(
            api,
            version,
            &read(api, version, &response).expect("sound"),
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn messages_are_read_as_they_were_written(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for (api, version) in every_version() {
            let at = api.version(version);
            let request = AnyRequest::sample(api.key, &mut Entropy::new(&bytes), at);
            check_round_trip(api, version, &request.expect("in the table"));
            let response = AnyResponse::sample(api.key, &mut Entropy::new(&bytes), at);
            check_round_trip(api, version, &response.expect("in the table"));
        }
    }
}

/// A list of thousands at each depth of each message: it is read within the budget or refused, never more.
#[test]
fn long_lists_stay_within_the_budget_or_are_refused() {
    fn check<A: AnySample>(api: Supported, version: i16) {
        for list in 0..4 {
            let mut entropy = Entropy::wide(list, 10_000);
            let message = A::sample(api.key, &mut entropy, api.version(version));
            let bytes = written(&message.expect("in the table"), version);
            let (result, peak) = peak(|| read::<A>(api, version, &bytes));
            let budget = (bytes.len() * BUDGET_FACTOR).max(BUDGET_FLOOR);
            assert!(peak <= budget, "{:?} v{version}: {peak} bytes for {}", api.key, bytes.len());
            if let Err(error) = result {
                assert!(matches!(error, DecodeError::Budget { .. }), "{error}");
            }
        }
    }
    for (api, version) in every_version() {
        check::<AnyRequest>(api, version);
        check::<AnyResponse>(api, version);
    }
}

/// What big clusters honestly send must be read, and within the budget, at every version.
fn check_fits<R: Request>(message: &R::Response)
where
    R::Response: PartialEq + Debug,
{
    for number in R::MIN_VERSION..=R::MAX_VERSION {
        let version = R::version(number);
        let mut writer = Writer::new();
        message.write(&mut writer, version);
        let bytes = writer.into_bytes();
        assert!(bytes.len() > BUDGET_FLOOR / BUDGET_FACTOR, "too short to tell: {}", bytes.len());
        let (result, peak) = peak(|| R::Response::read(&mut Reader::new(bytes.clone()), version));
        let result = result.unwrap_or_else(|error| panic!("{:?} v{number}: {error}", R::KEY));
        assert!(peak <= bytes.len() * BUDGET_FACTOR, "{:?} v{number}: {peak} bytes", R::KEY);
        let mut writer = Writer::new();
        result.write(&mut writer, version);
        assert_eq!(writer.into_bytes(), bytes);
    }
}

fn partitions<T>(count: i32, partition: impl Fn(i32) -> T) -> Sequence<T> {
    (0..count).map(partition).collect()
}

#[test]
fn metadata_of_10_000_partitions_fits_the_budget() {
    let nodes = || vec![1, 2, 3];
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: 1,
        replica_nodes: nodes(),
        isr_nodes: nodes(),
        ..Default::default()
    };
    let topic = |name: &str, count| MetadataResponseTopic {
        name: Some(name.to_owned()),
        partitions: partitions(count, partition),
        ..Default::default()
    };
    let one = MetadataResponse { topics: vec![topic("visits", 10_000)], ..Default::default() };
    check_fits::<MetadataRequest>(&one);
    let many = (0..10_000).map(|number| topic(&format!("visits-{number}"), 1)).collect();
    check_fits::<MetadataRequest>(&MetadataResponse { topics: many, ..Default::default() });
}

#[test]
fn an_empty_fetch_of_10_000_partitions_fits_the_budget() {
    let partition = |partition_index| PartitionData { partition_index, ..Default::default() };
    let topic =
        FetchableTopicResponse { partitions: partitions(10_000, partition), ..Default::default() };
    check_fits::<FetchRequest>(&FetchResponse { responses: vec![topic], ..Default::default() });
}

#[test]
fn offsets_of_10_000_partitions_fit_the_budget() {
    let topic = OffsetFetchResponseTopic {
        partitions: partitions(10_000, |partition_index| OffsetFetchResponsePartition {
            partition_index,
            metadata: Some(String::new()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let topics = OffsetFetchResponseTopics {
        partitions: partitions(10_000, |partition_index| OffsetFetchResponsePartitions {
            partition_index,
            metadata: Some(String::new()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let group = OffsetFetchResponseGroup { topics: vec![topics], ..Default::default() };
    let response =
        OffsetFetchResponse { topics: vec![topic], groups: vec![group], ..Default::default() };
    check_fits::<OffsetFetchRequest>(&response);
}

#[test]
fn settings_of_500_topics_fit_the_budget() {
    let setting = |number| DescribeConfigsResourceResult {
        name: format!("some.setting.number.{number}"),
        value: Some("42".to_owned()),
        synonyms: vec![DescribeConfigsSynonym {
            name: "log.some".to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let topic = |number| DescribeConfigsResult {
        resource_name: format!("visits-{number}"),
        configs: partitions(35, setting),
        ..Default::default()
    };
    let results = (0..500).map(topic).collect();
    check_fits::<DescribeConfigsRequest>(&DescribeConfigsResponse {
        results,
        ..Default::default()
    });
}

/// kafka-clients throw "non-nullable field protocolName was serialized as null" at a null where none is allowed.
#[test]
fn null_is_written_as_empty_where_a_version_knows_no_null() {
    let response = AnyResponse::JoinGroup(JoinGroupResponse::default());
    let api = Supported::of(response.key() as i16).expect("in the table");
    for (version, expected) in [(0, Some(String::new())), (6, Some(String::new())), (7, None)] {
        let again = read(api, version, &written(&response, version)).expect("well formed");
        let AnyResponse::JoinGroup(again) = again else { panic!("another message") };
        assert_eq!(again.protocol_name, expected, "v{version}");
    }
}

#[test]
fn a_string_too_long_for_the_protocol_is_cut_in_writing_and_refused_in_reading() {
    let long = AnyResponse::DescribeCluster(DescribeClusterResponse {
        error_message: Some("ä".repeat(20_000)),
        ..Default::default()
    });
    let api = Supported::of(long.key() as i16).expect("in the table");
    let AnyResponse::DescribeCluster(again) =
        read(api, 0, &written(&long, 0)).expect("well formed")
    else {
        panic!("another message");
    };
    assert_eq!(again.error_message.expect("there").len(), 32766, "whole characters");
    let mut bytes = vec![0x80, 0x80, 0x02]; // compact: 32768 − 1 + …
    bytes[0] = 0x81; // one more than 32767 + 1
    bytes.extend([b'a'; 40_000]);
    let version = Version { number: 0, flexible: true };
    let error = String::read(&mut Reader::new(Bytes::from(bytes)), version).expect_err("too long");
    assert!(matches!(error, DecodeError::Invalid { what: "STRING", .. }), "{error}");
}
