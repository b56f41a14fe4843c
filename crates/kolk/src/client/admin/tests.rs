//! Calls whose responses get lost, against a broker played by the test.

use super::*;
use crate::client::Offset;
use crate::client::fake_broker::{Call, FakeBroker, Reply};
use crate::time::SystemClock;
use kolk_wire::ApiKey;
use kolk_wire::message::create_topics::{
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use kolk_wire::message::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use kolk_wire::message::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kolk_wire::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};

fn admin(fake: &FakeBroker, timeout_ms: &str) -> Admin {
    let bootstrap = fake.broker.to_string();
    let config = ClientConfig::from_properties([
        ("bootstrap.servers", bootstrap.as_str()),
        ("retry.backoff.ms", "5"),
        ("retry.backoff.max.ms", "20"),
        ("reconnect.backoff.ms", "5"),
        ("default.api.timeout.ms", timeout_ms),
    ]);
    Admin::new(&config.unwrap(), Arc::new(SystemClock::new())).unwrap()
}

/// One broker, and any topic that is asked for.
fn metadata(call: &Call) -> Reply {
    let asked = call.request::<MetadataRequest>().topics.unwrap_or_default();
    let partition =
        MetadataResponsePartition { leader_id: 1, ..MetadataResponsePartition::default() };
    let topic = |topic: MetadataRequestTopic| MetadataResponseTopic {
        name: topic.name,
        partitions: vec![partition.clone()].into(),
        ..MetadataResponseTopic::default()
    };
    let broker = MetadataResponseBroker {
        node_id: 1,
        host: call.broker.host.to_string(),
        port: call.broker.port.into(),
        ..MetadataResponseBroker::default()
    };
    call.reply::<MetadataRequest>(&MetadataResponse {
        brokers: vec![broker],
        controller_id: 1,
        topics: asked.into_iter().map(topic).collect(),
        ..MetadataResponse::default()
    })
}

use kolk_wire::message::metadata::MetadataRequestTopic;

fn coordinator(call: &Call) -> Reply {
    let found = kolk_wire::message::find_coordinator::Coordinator {
        key: "g".to_owned(),
        node_id: 1,
        host: call.broker.host.to_string(),
        port: call.broker.port.into(),
        ..Default::default()
    };
    call.reply::<FindCoordinatorRequest>(&FindCoordinatorResponse {
        coordinators: vec![found],
        ..FindCoordinatorResponse::default()
    })
}

fn created(call: &Call, code: ErrorCode) -> Reply {
    let result = CreatableTopicResult {
        name: "t".to_owned(),
        error_code: code,
        ..CreatableTopicResult::default()
    };
    call.reply::<CreateTopicsRequest>(&CreateTopicsResponse {
        topics: vec![result],
        ..CreateTopicsResponse::default()
    })
}

#[test]
fn a_topic_whose_creation_was_cut_off_is_created_and_one_that_was_there_is_not() {
    for (cut, expected) in [(true, Ok(())), (false, Err(Some(ErrorCode::TOPIC_ALREADY_EXISTS)))] {
        let mut calls = 0;
        let fake = FakeBroker::start(move |call| match call.api {
            ApiKey::Metadata => Some(metadata(call)),
            ApiKey::CreateTopics => {
                calls += 1;
                Some(if cut && calls == 1 {
                    Reply::Close
                } else {
                    created(call, ErrorCode::TOPIC_ALREADY_EXISTS)
                })
            }
            _ => None,
        });
        let outcome = admin(&fake, "5000").create_topic(&NewTopic::new("t", 1));
        assert_eq!(outcome.map_err(|error| error.code()), expected, "cut: {cut}");
    }
}

#[test]
fn what_passes_is_repeated_until_time_is_over() {
    let mut calls = 0;
    let fake = FakeBroker::start(move |call| match call.api {
        ApiKey::Metadata => Some(metadata(call)),
        ApiKey::CreateTopics => {
            calls += 1;
            let code = if calls < 4 { ErrorCode::NOT_CONTROLLER } else { ErrorCode::NONE };
            Some(created(call, code))
        }
        _ => None,
    });
    assert_eq!(admin(&fake, "5000").create_topic(&NewTopic::new("t", 1)), Ok(()));
    // The controller was asked for again after each refusal.
    assert!(fake.log().iter().filter(|(api, _)| *api == ApiKey::Metadata).count() >= 4);

    let fake = FakeBroker::start(move |call| match call.api {
        ApiKey::Metadata => Some(metadata(call)),
        ApiKey::CreateTopics => Some(created(call, ErrorCode::NOT_CONTROLLER)),
        _ => None,
    });
    let error = admin(&fake, "100").create_topic(&NewTopic::new("t", 1)).unwrap_err();
    assert_eq!((error.action(), error.code()), (Action::Retry, Some(ErrorCode::NOT_CONTROLLER)));
}

#[test]
fn a_group_that_moved_is_found_again_and_one_in_use_is_refused() {
    let mut calls = 0;
    let fake = FakeBroker::start(move |call| match call.api {
        ApiKey::FindCoordinator => Some(coordinator(call)),
        ApiKey::OffsetCommit => {
            calls += 1;
            let code =
                if calls == 1 { ErrorCode::NOT_COORDINATOR } else { ErrorCode::UNKNOWN_MEMBER_ID };
            let partition = OffsetCommitResponsePartition { partition_index: 0, error_code: code };
            let name = "t".to_owned();
            let topic = OffsetCommitResponseTopic {
                name,
                partitions: vec![partition],
                ..Default::default()
            };
            Some(call.reply::<OffsetCommitRequest>(&OffsetCommitResponse {
                topics: vec![topic],
                ..Default::default()
            }))
        }
        ApiKey::DeleteGroups => {
            let result = DeletableGroupResult {
                group_id: "g".to_owned(),
                error_code: ErrorCode::NON_EMPTY_GROUP,
            };
            Some(call.reply::<DeleteGroupsRequest>(&DeleteGroupsResponse {
                results: vec![result],
                ..Default::default()
            }))
        }
        _ => None,
    });
    let mut admin = admin(&fake, "5000");
    let error = admin
        .set_group_offsets("g", &[(TopicPartition::new("t", 0), Offset(1))].into())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "offsets of group `g` cannot be set (t-0): the group has members; stop them first (UNKNOWN_MEMBER_ID)"
    );
    let lookups = |fake: &FakeBroker| {
        fake.log().iter().filter(|(api, _)| *api == ApiKey::FindCoordinator).count()
    };
    assert_eq!(lookups(&fake), 2);
    let error = admin.delete_group("g").unwrap_err();
    assert_eq!((error.action(), error.code()), (Action::Invalid, Some(ErrorCode::NON_EMPTY_GROUP)));
    assert_eq!(lookups(&fake), 2);
}
