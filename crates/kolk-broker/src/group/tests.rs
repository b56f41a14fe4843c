//! Scenarios of membership, one per rule of the protocol; times in milliseconds. Offsets: `offset_tests.rs`.

use super::*;
use bytes::Bytes;
use kolk_wire::ErrorCode;

const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 60_000;

pub(super) fn groups() -> Groups {
    let mut groups = Groups::new(GroupSettings::default(), 7);
    groups.start(0);
    groups
}

/// A subscription to `topics`, version 0.
fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = vec![0, 0, 0, 0, 0, u8::try_from(topics.len()).unwrap()];
    for topic in topics {
        bytes.extend([0, u8::try_from(topic.len()).unwrap()]);
        bytes.extend(topic.as_bytes());
    }
    bytes.extend([255; 4]);
    Bytes::from(bytes)
}

fn protocol(name: &str) -> Protocol {
    Protocol { name: name.to_owned(), metadata: subscription(&["t"]) }
}

pub(super) fn request(member_id: &str) -> JoinRequest {
    JoinRequest {
        version: 9,
        client: Client { id: "c".to_owned(), host: "/127.0.0.1".to_owned() },
        group_id: "g".to_owned(),
        member_id: member_id.to_owned(),
        instance_id: None,
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: "consumer".to_owned(),
        protocols: vec![protocol("range")],
    }
}

pub(super) fn static_request(instance: &str, member_id: &str) -> JoinRequest {
    JoinRequest { instance_id: Some(instance.to_owned()), ..request(member_id) }
}

pub(super) fn member(member_id: &str, generation: i32) -> MemberRef {
    let (group_id, member_id) = ("g".to_owned(), member_id.to_owned());
    MemberRef { group_id, member_id, instance_id: None, generation }
}

pub(super) fn static_member(instance: &str, member_id: &str, generation: i32) -> MemberRef {
    MemberRef { instance_id: Some(instance.to_owned()), ..member(member_id, generation) }
}

pub(super) fn sync_request(member: MemberRef, assignments: &[(&str, &'static str)]) -> SyncRequest {
    let assignments = assignments
        .iter()
        .map(|(id, bytes)| ((*id).to_owned(), Bytes::from_static(bytes.as_bytes())));
    SyncRequest { member, protocol_type: None, protocol: None, assignments: assignments.collect() }
}

pub(super) fn now<T: std::fmt::Debug>(reply: Reply<T>) -> T {
    match reply {
        Reply::Now(reply) => reply,
        Reply::Wait(ticket) => panic!("must not wait: {ticket:?}"),
    }
}

pub(super) fn ticket<T: std::fmt::Debug>(reply: &Reply<T>) -> Ticket {
    match reply {
        Reply::Wait(ticket) => *ticket,
        Reply::Now(reply) => panic!("must wait: {reply:?}"),
    }
}

/// A new dynamic member's id, by MEMBER_ID_REQUIRED.
pub(super) fn invited(groups: &mut Groups, now_ms: i64) -> String {
    let reply = now(groups.join(now_ms, request("")));
    assert_eq!(reply.error, ErrorCode::MEMBER_ID_REQUIRED);
    assert!(reply.member_id.starts_with("c-"), "{}", reply.member_id);
    reply.member_id
}

/// A group of one stable member; its id. The generation is 1.
pub(super) fn stable_one(groups: &mut Groups) -> String {
    let id = invited(groups, 0);
    let reply = now(groups.join(0, request(&id)));
    assert_eq!((reply.error, reply.generation, &reply.leader), (ErrorCode::NONE, 1, &id));
    let reply = now(groups.sync(0, sync_request(member(&id, 1), &[(&id, "all")])));
    assert_eq!((reply.error, &reply.assignment[..]), (ErrorCode::NONE, &b"all"[..]));
    id
}

/// A group of two stable members, leader first. The generation is 2.
pub(super) fn stable_two(groups: &mut Groups) -> (String, String) {
    let one = stable_one(groups);
    let two = invited(groups, 0);
    let waits = ticket(&groups.join(0, request(&two)));
    assert_eq!(groups.heartbeat(0, &member(&one, 1)), ErrorCode::REBALANCE_IN_PROGRESS);
    let reply = now(groups.join(0, request(&one)));
    assert_eq!((reply.generation, reply.members.len()), (2, 2));
    let reply = groups.take_join(waits).unwrap();
    assert_eq!((reply.generation, reply.members.len(), &reply.leader), (2, 0, &one));
    let waits = ticket(&groups.sync(0, sync_request(member(&two, 2), &[])));
    let reply = now(groups.sync(0, sync_request(member(&one, 2), &[(&one, "1"), (&two, "2")])));
    assert_eq!(&reply.assignment[..], b"1");
    assert_eq!(&groups.take_sync(waits).unwrap().assignment[..], b"2");
    (one, two)
}

pub(super) fn state(groups: &Groups) -> GroupState {
    groups.describe("g").state
}

#[test]
fn two_members_join_sync_and_see_each_other_in_describe() {
    let mut groups = groups();
    let (one, two) = stable_two(&mut groups);
    let description = groups.describe("g");
    assert_eq!(description.state, GroupState::Stable);
    assert_eq!((&*description.protocol_type, &*description.protocol), ("consumer", "range"));
    let mut assigned: Vec<_> =
        description.members.iter().map(|m| (m.member_id.clone(), m.assignment.clone())).collect();
    assigned.sort();
    let mut expected = vec![(one, Bytes::from_static(b"1")), (two, Bytes::from_static(b"2"))];
    expected.sort();
    assert_eq!(assigned, expected);
}

#[test]
fn join_refuses_what_kafka_refuses() {
    let mut groups = groups();
    let mut check = |request: JoinRequest, expected: ErrorCode| {
        let reply = now(groups.join(0, request.clone()));
        assert_eq!(reply.error, expected, "{request:?}");
        assert_eq!(reply.generation, -1);
    };
    check(JoinRequest { group_id: String::new(), ..request("") }, ErrorCode::INVALID_GROUP_ID);
    let session = |session_timeout_ms| JoinRequest { session_timeout_ms, ..request("") };
    check(session(5_999), ErrorCode::INVALID_SESSION_TIMEOUT);
    check(session(1_800_001), ErrorCode::INVALID_SESSION_TIMEOUT);
    check(request("nobody"), ErrorCode::UNKNOWN_MEMBER_ID);
    let none = JoinRequest { protocols: Vec::new(), ..request("") };
    check(none, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let untyped = JoinRequest { protocol_type: String::new(), ..request("") };
    check(untyped, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}

#[test]
fn a_stable_group_refuses_other_protocol_types_and_protocols() {
    let mut groups = groups();
    stable_one(&mut groups);
    for request in [
        JoinRequest { protocol_type: "connect".to_owned(), ..request("") },
        JoinRequest { protocols: vec![protocol("sticky")], ..request("") },
        request("nobody"),
    ] {
        let expected = match request.member_id.as_str() {
            "" => ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
            _ => ErrorCode::UNKNOWN_MEMBER_ID,
        };
        assert_eq!(now(groups.join(0, request)).error, expected);
    }
    assert_eq!(state(&groups), GroupState::Stable);
}

#[test]
fn before_version_4_a_member_joins_without_an_id() {
    let mut groups = groups();
    let reply = now(groups.join(0, JoinRequest { version: 3, ..request("") }));
    assert_eq!((reply.error, reply.generation), (ErrorCode::NONE, 1));
    assert_eq!(reply.member_id, reply.leader);
    assert_eq!(reply.members[0].metadata, subscription(&["t"]));
}

#[test]
fn the_protocol_with_the_most_votes_among_the_common_ones_wins() {
    let mut groups = groups();
    let offers = |names: &[&str], id: &str| JoinRequest {
        version: 3,
        protocols: names.iter().map(|name| protocol(name)).collect(),
        ..request(id)
    };
    let one = now(groups.join(0, offers(&["sticky", "range", "own"], ""))).member_id;
    let two = ticket(&groups.join(0, offers(&["range", "sticky"], "")));
    let three = ticket(&groups.join(0, offers(&["range", "sticky"], "")));
    let reply = now(groups.join(0, offers(&["sticky", "range", "own"], &one)));
    assert_eq!(reply.protocol.as_deref(), Some("range"));
    for waits in [two, three] {
        assert_eq!(groups.take_join(waits).unwrap().protocol.as_deref(), Some("range"));
    }
}

#[test]
fn the_first_rebalance_waits_for_more_members_but_not_for_ever() {
    let settings = GroupSettings { initial_rebalance_delay_ms: 3_000, ..GroupSettings::default() };
    let mut groups = Groups::new(settings, 1);
    groups.start(0);
    let join = |groups: &mut Groups, now_ms| {
        let brief = JoinRequest { version: 3, rebalance_timeout_ms: 7_000, ..request("") };
        ticket(&groups.join(now_ms, brief))
    };
    let first = join(&mut groups, 0);
    groups.tick(2_999);
    assert_eq!(groups.take_join(first), None);
    let second = join(&mut groups, 2_999);
    groups.tick(3_000);
    let third = join(&mut groups, 5_999);
    groups.tick(6_000);
    let fourth = join(&mut groups, 6_500);
    assert_eq!(groups.take_join(first), None, "others came, so it waits on");
    groups.tick(7_000);
    for waits in [first, second, third, fourth] {
        assert_eq!(groups.take_join(waits).unwrap().generation, 1);
    }
    assert_eq!(groups.describe("g").members.len(), 4);
}

#[test]
fn a_member_that_does_not_rejoin_in_time_is_out() {
    let mut groups = groups();
    let (one, two) = stable_two(&mut groups);
    let waits = ticket(&groups.join(1_000, request(&one)));
    for at_ms in (2_000..61_000).step_by(5_000) {
        let error = groups.heartbeat(at_ms, &member(&two, 2));
        assert_eq!(error, ErrorCode::REBALANCE_IN_PROGRESS, "at {at_ms}");
        groups.tick(at_ms);
        assert_eq!(groups.take_join(waits), None);
    }
    groups.tick(61_000);
    let reply = groups.take_join(waits).unwrap();
    assert_eq!((reply.generation, reply.members.len()), (3, 1));
    assert_eq!(groups.heartbeat(61_000, &member(&two, 2)), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_member_that_does_not_sync_in_time_is_out() {
    let mut groups = groups();
    let (one, two) = stable_two(&mut groups);
    let waits = ticket(&groups.join(0, request(&one)));
    now(groups.join(0, request(&two)));
    assert_eq!(groups.take_join(waits).unwrap().generation, 3);
    let reply = now(groups.sync(0, sync_request(member(&one, 3), &[(&one, "1")])));
    assert_eq!(reply.error, ErrorCode::NONE);
    for at_ms in (5_000..60_000).step_by(5_000) {
        assert_eq!(groups.heartbeat(at_ms, &member(&two, 3)), ErrorCode::NONE);
        assert_eq!(groups.heartbeat(at_ms, &member(&one, 3)), ErrorCode::NONE);
        groups.tick(at_ms);
    }
    groups.tick(60_000);
    assert_eq!(groups.heartbeat(60_000, &member(&two, 3)), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(groups.heartbeat(60_000, &member(&one, 3)), ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn sync_refuses_what_kafka_refuses() {
    let mut groups = groups();
    let id = stable_one(&mut groups);
    let mut check = |request: SyncRequest, expected: ErrorCode| {
        assert_eq!(now(groups.sync(0, request.clone())).error, expected, "{request:?}");
    };
    let of = |member| sync_request(member, &[]);
    check(of(MemberRef { group_id: String::new(), ..member(&id, 1) }), ErrorCode::INVALID_GROUP_ID);
    check(
        of(MemberRef { group_id: "h".to_owned(), ..member(&id, 1) }),
        ErrorCode::UNKNOWN_MEMBER_ID,
    );
    check(of(member("nobody", 1)), ErrorCode::UNKNOWN_MEMBER_ID);
    check(of(member(&id, 0)), ErrorCode::ILLEGAL_GENERATION);
    let other_type = Some("connect".to_owned());
    let other_type = SyncRequest { protocol_type: other_type, ..of(member(&id, 1)) };
    check(other_type, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let other = SyncRequest { protocol: Some("sticky".to_owned()), ..of(member(&id, 1)) };
    check(other, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(of(member(&id, 1)), ErrorCode::NONE);
    let newcomer = invited(&mut groups, 0);
    ticket(&groups.join(0, request(&newcomer)));
    let reply = now(groups.sync(0, of(member(&id, 1))));
    assert_eq!(reply.error, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_rebalance_wakes_those_who_wait_for_the_leader() {
    let mut groups = groups();
    let (one, two) = stable_two(&mut groups);
    let waits = ticket(&groups.join(0, request(&one)));
    now(groups.join(0, request(&two)));
    groups.take_join(waits).unwrap();
    let waits = ticket(&groups.sync(0, sync_request(member(&two, 3), &[])));
    assert_eq!(groups.leave(0, "g", &[leaving(&one)]), Ok(vec![ErrorCode::NONE]));
    assert_eq!(groups.take_sync(waits).unwrap().error, ErrorCode::REBALANCE_IN_PROGRESS);
    let reply = now(groups.join(0, request(&two)));
    assert_eq!((reply.generation, &reply.leader), (4, &two));
}

pub(super) fn leaving(member_id: &str) -> Leaving {
    Leaving { member_id: member_id.to_owned(), instance_id: None }
}

#[test]
fn a_member_that_is_removed_while_it_waits_is_told_so() {
    let mut groups = groups();
    let (one, two) = stable_two(&mut groups);
    let joins = ticket(&groups.join(0, request(&one)));
    assert_eq!(groups.leave(0, "g", &[leaving(&one)]), Ok(vec![ErrorCode::NONE]));
    assert_eq!(groups.take_join(joins).unwrap().error, ErrorCode::UNKNOWN_MEMBER_ID);
    now(groups.join(0, request(&two)));
    let three = invited(&mut groups, 0);
    let joins = ticket(&groups.join(0, request(&three)));
    now(groups.join(0, request(&two)));
    groups.take_join(joins).unwrap();
    let syncs = ticket(&groups.sync(0, sync_request(member(&three, 4), &[])));
    groups.leave(0, "g", &[leaving(&three)]).unwrap();
    assert_eq!(groups.take_sync(syncs).unwrap().error, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn heartbeat_refuses_what_kafka_refuses() {
    let mut groups = groups();
    let id = stable_one(&mut groups);
    for (member, expected) in [
        (MemberRef { group_id: String::new(), ..member(&id, 1) }, ErrorCode::INVALID_GROUP_ID),
        (MemberRef { group_id: "h".to_owned(), ..member(&id, 1) }, ErrorCode::UNKNOWN_MEMBER_ID),
        (member("nobody", 1), ErrorCode::UNKNOWN_MEMBER_ID),
        (static_member("nobody", &id, 1), ErrorCode::UNKNOWN_MEMBER_ID),
        (member(&id, 0), ErrorCode::ILLEGAL_GENERATION),
        (member(&id, 2), ErrorCode::ILLEGAL_GENERATION),
        (member(&id, 1), ErrorCode::NONE),
    ] {
        assert_eq!(groups.heartbeat(0, &member), expected, "{member:?}");
    }
}

#[test]
fn a_silent_member_expires_and_a_heard_one_does_not() {
    let mut groups = groups();
    let (one, two) = stable_two(&mut groups);
    assert_eq!(groups.heartbeat(9_000, &member(&one, 2)), ErrorCode::NONE);
    assert_eq!(groups.next_deadline_ms(), Some(10_000));
    groups.tick(10_000);
    assert_eq!(groups.heartbeat(10_000, &member(&two, 2)), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(groups.heartbeat(10_000, &member(&one, 2)), ErrorCode::REBALANCE_IN_PROGRESS);
    let reply = now(groups.join(10_000, request(&one)));
    assert_eq!((reply.generation, reply.members.len()), (3, 1));
}

#[test]
fn an_id_that_is_not_used_is_forgotten_and_does_not_hold_up_others() {
    let mut groups = groups();
    let one = stable_one(&mut groups);
    let unused = invited(&mut groups, 0);
    let waits = ticket(&groups.join(0, request(&one)));
    assert_eq!(groups.take_join(waits), None, "someone has been invited");
    groups.tick(10_000);
    assert_eq!(groups.take_join(waits).unwrap().generation, 2);
    assert_eq!(now(groups.join(10_000, request(&unused))).error, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn leave_answers_for_each_member() {
    let mut groups = groups();
    let (one, two) = stable_two(&mut groups);
    let unused = invited(&mut groups, 0);
    let by_instance =
        |id: &str| Leaving { member_id: String::new(), instance_id: Some(id.to_owned()) };
    let all = [leaving(&one), leaving("nobody"), leaving(&two), by_instance("i"), leaving(&unused)];
    let none = ErrorCode::NONE;
    let unknown = ErrorCode::UNKNOWN_MEMBER_ID;
    assert_eq!(groups.leave(0, "g", &all), Ok(vec![none, unknown, none, unknown, none]));
    assert_eq!(state(&groups), GroupState::Empty);
    assert_eq!(groups.leave(0, "h", &all[..1]), Ok(vec![unknown]));
    assert_eq!(groups.leave(0, "", &all[..1]), Err(ErrorCode::INVALID_GROUP_ID));
}

#[test]
fn a_follower_that_lost_its_answer_is_told_again_but_the_leader_starts_a_rebalance() {
    let mut groups = groups();
    let (one, two) = stable_two(&mut groups);
    let reply = now(groups.join(0, request(&two)));
    assert_eq!((reply.error, reply.generation, reply.members.len()), (ErrorCode::NONE, 2, 0));
    assert_eq!(state(&groups), GroupState::Stable);
    ticket(&groups.join(0, request(&one)));
    assert_eq!(state(&groups), GroupState::PreparingRebalance);
}

#[test]
fn new_metadata_starts_a_rebalance() {
    let mut groups = groups();
    let (_, two) = stable_two(&mut groups);
    let metadata = subscription(&["t", "u"]);
    let changed = vec![Protocol { name: "range".to_owned(), metadata }];
    ticket(&groups.join(0, JoinRequest { protocols: changed, ..request(&two) }));
    assert_eq!(state(&groups), GroupState::PreparingRebalance);
}

#[test]
fn a_full_group_refuses_one_more() {
    let settings = GroupSettings { size_max: 1, ..GroupSettings::default() };
    let mut groups = Groups::new(settings, 1);
    let id = stable_one(&mut groups);
    assert_eq!(now(groups.join(0, request(""))).error, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(now(groups.join(0, request(&id))).error, ErrorCode::NONE);
}

/// Two static members `a` (leader) and `b`, stable; the generation is 2.
pub(super) fn stable_static(groups: &mut Groups) -> (String, String) {
    let a = now(groups.join(0, static_request("a", ""))).member_id;
    assert!(a.starts_with("a-"), "{a}");
    let waits = ticket(&groups.join(0, static_request("b", "")));
    now(groups.join(0, static_request("a", &a)));
    let b = groups.take_join(waits).unwrap().member_id;
    let waits = ticket(&groups.sync(0, sync_request(static_member("b", &b, 2), &[])));
    now(groups.sync(0, sync_request(static_member("a", &a, 2), &[(&a, "1"), (&b, "2")])));
    groups.take_sync(waits).unwrap();
    (a, b)
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_and_fences_its_former_self() {
    let mut groups = groups();
    let (a, b) = stable_static(&mut groups);
    let reply = now(groups.join(1_000, static_request("b", "")));
    assert_eq!((reply.error, reply.generation, &reply.leader), (ErrorCode::NONE, 2, &a));
    assert_ne!(reply.member_id, b);
    let reply = now(groups.sync(1_000, sync_request(static_member("b", &reply.member_id, 2), &[])));
    assert_eq!(&reply.assignment[..], b"2", "its assignment stands");
    assert_eq!(state(&groups), GroupState::Stable);

    let fenced = ErrorCode::FENCED_INSTANCE_ID;
    let former = static_member("b", &b, 2);
    assert_eq!(groups.heartbeat(1_000, &former), fenced);
    assert_eq!(now(groups.sync(1_000, sync_request(former.clone(), &[]))).error, fenced);
    assert_eq!(now(groups.join(1_000, static_request("b", &b))).error, fenced);
    assert_eq!(groups.commit(1_000, &former, vec![offset("t", 0, 1)]), Err(fenced));
    let leaves = Leaving { member_id: b, instance_id: Some("b".to_owned()) };
    assert_eq!(groups.leave(1_000, "g", &[leaves]), Ok(vec![fenced]));
}

#[test]
fn a_static_member_that_comes_back_before_it_synced_has_to_sync_in_time() {
    for (syncs, expected) in [(true, ErrorCode::NONE), (false, ErrorCode::REBALANCE_IN_PROGRESS)] {
        let mut groups = groups();
        let (a, b) = stable_static(&mut groups);
        let waits = ticket(&groups.join(0, static_request("a", &a)));
        now(groups.join(0, static_request("b", &b)));
        groups.take_join(waits).unwrap();
        now(groups.sync(0, sync_request(static_member("a", &a, 3), &[(&a, "1"), (&b, "2")])));
        let b = now(groups.join(0, static_request("b", ""))).member_id;
        if syncs {
            now(groups.sync(0, sync_request(static_member("b", &b, 3), &[])));
        }
        for at_ms in (5_000..=60_000).step_by(5_000) {
            groups.heartbeat(at_ms, &static_member("a", &a, 3));
            groups.heartbeat(at_ms, &static_member("b", &b, 3));
            groups.tick(at_ms);
        }
        assert_eq!(groups.heartbeat(60_000, &static_member("a", &a, 3)), expected);
    }
}

#[test]
fn a_static_leader_that_comes_back_must_not_assign_again() {
    let mut groups = groups();
    let (a, b) = stable_static(&mut groups);
    let reply = now(groups.join(0, static_request("a", "")));
    assert_eq!((&reply.member_id, reply.skip_assignment), (&reply.leader, true), "v9: KIP-814");
    assert_eq!(reply.members.len(), 2);
    let reply = now(groups.join(0, JoinRequest { version: 8, ..static_request("a", "") }));
    assert!(!reply.skip_assignment && reply.members.is_empty());
    assert_ne!(reply.leader, reply.member_id, "it must not take itself for the leader");
    assert_ne!(reply.leader, a, "the leader was replaced once already");
    let _ = b;
}

#[test]
fn a_static_member_that_changes_the_protocol_starts_a_rebalance() {
    let mut groups = groups();
    let both = |id: &str| JoinRequest {
        protocols: vec![protocol("range"), protocol("sticky")],
        ..static_request("a", id)
    };
    let a = now(groups.join(0, both(""))).member_id;
    now(groups.sync(0, sync_request(static_member("a", &a, 1), &[(&a, "1")])));
    let sticky = JoinRequest { protocols: vec![protocol("sticky")], ..static_request("a", "") };
    let reply = now(groups.join(0, sticky));
    assert_eq!((reply.generation, reply.protocol.as_deref()), (2, Some("sticky")));
}

#[test]
fn a_static_member_that_is_away_is_kept_through_a_rebalance_until_its_session_ends() {
    let mut groups = groups();
    let (a, b) = stable_static(&mut groups);
    let session = JoinRequest { session_timeout_ms: 300_000, ..static_request("b", "") };
    let b = now(groups.join(0, session)).member_id + &b[..0];
    let waits = ticket(&groups.join(0, static_request("a", &a)));
    groups.tick(60_000);
    let reply = groups.take_join(waits).unwrap();
    assert_eq!(reply.members.len(), 2, "b is away, but it is still a member");
    assert_eq!(reply.leader, a);
    assert!(reply.members.iter().any(|member| member.member_id == b));
}

#[test]
fn the_leader_is_replaced_when_it_is_static_and_away() {
    let mut groups = groups();
    let (a, b) = stable_static(&mut groups);
    let session = JoinRequest { session_timeout_ms: 300_000, ..static_request("a", "") };
    let a = now(groups.join(0, session)).member_id + &a[..0];
    let changed = vec![Protocol { name: "range".to_owned(), metadata: subscription(&["u"]) }];
    let changed = JoinRequest { protocols: changed, ..static_request("b", &b) };
    let waits = ticket(&groups.join(0, changed));
    groups.tick(60_000);
    let reply = groups.take_join(waits).unwrap();
    assert_eq!((&reply.leader, reply.members.len()), (&b, 2));
    assert!(reply.members.iter().any(|member| member.member_id == a));
}

#[test]
fn administrators_remove_static_members_by_instance() {
    let mut groups = groups();
    stable_static(&mut groups);
    let by_instance =
        |id: &str| Leaving { member_id: String::new(), instance_id: Some(id.to_owned()) };
    assert_eq!(groups.leave(0, "g", &[by_instance("b")]), Ok(vec![ErrorCode::NONE]));
    assert_eq!(groups.describe("g").members.len(), 1);
}

pub(super) fn offset(topic: &str, partition: i32, offset: i64) -> OffsetToCommit {
    OffsetToCommit {
        partition: TopicPartition::new(topic, partition),
        offset,
        leader_epoch: -1,
        metadata: None,
        retention_ms: None,
    }
}
