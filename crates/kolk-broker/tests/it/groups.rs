//! Groups over the wire: members that wait for each other, and offsets.

use crate::client::Client;
use crate::server::Alone;
use kolk_wire::ErrorCode;
use kolk_wire::message::heartbeat::HeartbeatRequest;
use kolk_wire::message::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use kolk_wire::message::leave_group::LeaveGroupRequest;
use kolk_wire::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kolk_wire::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};

/// Commits an offset of partition 0, as a consumer without a group does.
pub(crate) fn commit(client: &mut Client, group: &str, topic: &str, offset: i64) {
    let error = commit_as(client, (group, -1), topic, offset, 8);
    assert_eq!(error, ErrorCode::NONE);
}

fn commit_as(
    client: &mut Client,
    (group, generation): (&str, i32),
    topic: &str,
    offset: i64,
    version: i16,
) -> ErrorCode {
    let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
    let topic = OffsetCommitRequestTopic {
        name: topic.to_owned(),
        partitions: vec![partition].into(),
        ..OffsetCommitRequestTopic::default()
    };
    let request = OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: generation,
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    };
    client.call(&request, version).topics[0].partitions[0].error_code
}

/// The offset that is committed for partition 0.
pub(crate) fn committed(client: &mut Client, group: &str, topic: &str) -> i64 {
    let topic = OffsetFetchRequestTopic { name: topic.to_owned(), partition_indexes: vec![0] };
    let request = OffsetFetchRequest {
        group_id: group.to_owned(),
        topics: Some(vec![topic]),
        ..OffsetFetchRequest::default()
    };
    client.call(&request, 7).topics[0].partitions.first().unwrap().committed_offset
}

fn join(group: &str, member_id: &str) -> JoinGroupRequest {
    let protocol =
        JoinGroupRequestProtocol { name: "range".to_owned(), metadata: bytes::Bytes::new() };
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![protocol],
        ..JoinGroupRequest::default()
    }
}

/// Joins at a version that needs no id first.
fn join_at_once(client: &mut Client, group: &str) -> JoinGroupResponse {
    client.call(&join(group, ""), 3)
}

#[test]
fn members_wait_for_each_other_and_a_leave_ends_the_wait() {
    let mut alone = Alone::start(&[]);
    let first = join_at_once(&mut alone.client, "g");
    assert_eq!((first.error_code, first.generation_id), (ErrorCode::NONE, 1));
    let mut second = alone.another_client();
    second.send(&join("g", ""), 3);
    let heartbeat = HeartbeatRequest {
        group_id: "g".to_owned(),
        generation_id: 1,
        member_id: first.member_id.clone(),
        ..HeartbeatRequest::default()
    };
    let mut looks = 0;
    while alone.client.call(&heartbeat, 3).error_code != ErrorCode::REBALANCE_IN_PROGRESS {
        looks += 1;
        assert!(looks < 200, "the second member's join starts a rebalance");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let leave = LeaveGroupRequest {
        group_id: "g".to_owned(),
        member_id: first.member_id,
        ..LeaveGroupRequest::default()
    };
    assert_eq!(alone.client.call(&leave, 2).error_code, ErrorCode::NONE);
    let joined = second.receive::<JoinGroupRequest>(3);
    assert_eq!((joined.error_code, joined.generation_id), (ErrorCode::NONE, 2));
    assert_eq!((joined.members.len(), &joined.leader), (1, &joined.member_id));
}

/// The broker stops while a member waits for others: it is told, and the stop does not wait for it.
#[test]
fn a_stop_answers_who_waits() {
    let mut alone = Alone::start(&[("group.initial.rebalance.delay.ms", "10000")]);
    alone.client.send(&join("g", ""), 3);
    std::thread::sleep(std::time::Duration::from_millis(200));
    drop(alone.broker);
    let told = alone.client.receive::<JoinGroupRequest>(3);
    assert_eq!(told.error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
}

/// KIP-848: the last versions name topics by their ids.
#[test]
fn offsets_are_committed_and_fetched_by_topic_id() {
    let mut alone = Alone::start(&[]);
    let client = &mut alone.client;
    client.create_topic("t", &[]);
    let known = crate::round_trip::id_of(client, "t");
    let unknown = kolk_wire::wire::Uuid([7; 16]);
    let partition = OffsetCommitRequestPartition { committed_offset: 9, ..Default::default() };
    let topic = |topic_id| OffsetCommitRequestTopic {
        topic_id,
        partitions: vec![partition.clone()].into(),
        ..OffsetCommitRequestTopic::default()
    };
    let request = OffsetCommitRequest {
        group_id: "g".to_owned(),
        topics: vec![topic(unknown), topic(known)],
        ..OffsetCommitRequest::default()
    };
    let response = client.call(&request, 10);
    let errors: Vec<_> = response
        .topics
        .iter()
        .map(|topic| (topic.topic_id, topic.partitions[0].error_code))
        .collect();
    assert_eq!(errors, [(unknown, ErrorCode::UNKNOWN_TOPIC_ID), (known, ErrorCode::NONE)]);
    let topic = |topic_id| OffsetFetchRequestTopics {
        topic_id,
        partition_indexes: vec![0],
        ..OffsetFetchRequestTopics::default()
    };
    for topics in [Some(vec![topic(known), topic(unknown)]), None] {
        let all = topics.is_none();
        let group = OffsetFetchRequestGroup {
            group_id: "g".to_owned(),
            topics,
            ..OffsetFetchRequestGroup::default()
        };
        let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
        let response = client.call(&request, 10);
        let found: Vec<_> = response.groups[0]
            .topics
            .iter()
            .map(|topic| (topic.topic_id, topic.partitions.first().unwrap().committed_offset))
            .collect();
        let expected = if all { vec![(known, 9)] } else { vec![(known, 9), (unknown, -1)] };
        assert_eq!(found, expected);
    }
}

#[test]
fn offsets_of_unknown_topics_and_groups_are_refused() {
    let mut alone = Alone::start(&[]);
    let client = &mut alone.client;
    client.create_topic("t", &[]);
    let unknown = commit_as(client, ("g", -1), "nowhere", 1, 8);
    assert_eq!(unknown, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(commit_as(client, ("g", 3), "t", 1, 8), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(commit_as(client, ("g", 3), "t", 1, 9), ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(committed(client, "g", "t"), -1);
    commit(client, "g", "t", 5);
    assert_eq!(committed(client, "g", "t"), 5);
}
