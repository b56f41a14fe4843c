//! Scenarios of offsets, administration and restarts, one per rule of the protocol; times in milliseconds.

use super::tests::{
    groups, invited, leaving, member, now, offset, request, stable_one, stable_static, stable_two,
    state, static_member, static_request, sync_request, ticket,
};
use super::*;
use kolk_wire::ErrorCode;

fn fetched(groups: &Groups, stability: Stability) -> Vec<(String, i64, ErrorCode)> {
    let request = FetchOffsets { group_id: "g".to_owned(), partitions: None, stability };
    let all = groups.fetch(&request).into_iter();
    all.map(|one| (one.partition.to_string(), one.offset, one.error)).collect()
}

#[test]
fn commit_refuses_what_kafka_refuses() {
    let mut groups = groups();
    let alone = member("", -1);
    let commit = |groups: &mut Groups, member: &MemberRef| {
        groups.commit(0, member, vec![offset("t", 0, 5)]).map(|errors| errors[0])
    };
    assert_eq!(commit(&mut groups, &member("", 3)), Err(ErrorCode::ILLEGAL_GENERATION), "no group");
    assert_eq!(commit(&mut groups, &alone), Ok(ErrorCode::NONE), "a consumer without a group");
    let id = stable_one(&mut groups);
    for (member, expected) in [
        (alone, Err(ErrorCode::UNKNOWN_MEMBER_ID)),
        (member("nobody", 1), Err(ErrorCode::UNKNOWN_MEMBER_ID)),
        (member(&id, 0), Err(ErrorCode::ILLEGAL_GENERATION)),
        (member(&id, -1), Err(ErrorCode::ILLEGAL_GENERATION)),
        (static_member("i", &id, 1), Err(ErrorCode::UNKNOWN_MEMBER_ID)),
        (member(&id, 1), Ok(ErrorCode::NONE)),
    ] {
        assert_eq!(commit(&mut groups, &member), expected, "{member:?}");
    }
    let newcomer = invited(&mut groups, 0);
    let waits = ticket(&groups.join(0, request(&newcomer)));
    assert_eq!(commit(&mut groups, &member(&id, 1)), Ok(ErrorCode::NONE), "before it rejoins");
    now(groups.join(0, request(&id)));
    groups.take_join(waits).unwrap();
    let early = commit(&mut groups, &member(&id, 2));
    assert_eq!(early, Err(ErrorCode::REBALANCE_IN_PROGRESS), "it has no assignment yet");
}

#[test]
fn long_metadata_is_refused_for_its_partition_only() {
    let mut groups = groups();
    let with = |len| OffsetToCommit { metadata: Some("x".repeat(len)), ..offset("t", 0, 1) };
    let errors = groups.commit(0, &member("", -1), vec![with(4_097), with(4_096)]).unwrap();
    assert_eq!(errors, [ErrorCode::OFFSET_METADATA_TOO_LARGE, ErrorCode::NONE]);
}

#[test]
fn fetch_knows_no_offset_of_unknown_groups_and_partitions() {
    let groups = groups();
    assert_eq!(fetched(&groups, Stability::Any), []);
    let partitions = Some(vec![TopicPartition::new("t", 0)]);
    let stability = Stability::Required;
    let request = FetchOffsets { group_id: "g".to_owned(), partitions, stability };
    let one = &groups.fetch(&request)[0];
    assert_eq!((one.offset, one.leader_epoch, &*one.metadata), (-1, -1, ""));
    assert_eq!(one.error, ErrorCode::NONE);
}

const PRODUCER: Producer = Producer { id: 9, epoch: 0 };

#[test]
fn offsets_in_a_transaction_count_when_it_commits_and_never_when_it_aborts() {
    let mut groups = groups();
    let alone = member("", -1);
    groups.commit(0, &alone, vec![offset("t", 0, 1)]).unwrap();
    let unstable = vec![("t-0".to_owned(), -1, ErrorCode::UNSTABLE_OFFSET_COMMIT)];
    for (result, expected) in [(TransactionResult::Abort, 1), (TransactionResult::Commit, 7)] {
        groups.commit_in_transaction(0, &alone, PRODUCER, vec![offset("t", 0, 7)]).unwrap();
        assert_eq!(fetched(&groups, Stability::Any), [("t-0".to_owned(), 1, ErrorCode::NONE)]);
        assert_eq!(fetched(&groups, Stability::Required), unstable);
        groups.complete_transaction("g", PRODUCER, result);
        groups.complete_transaction("g", PRODUCER, TransactionResult::Commit);
        let stable = fetched(&groups, Stability::Required);
        assert_eq!(stable, [("t-0".to_owned(), expected, ErrorCode::NONE)], "{result:?}");
    }
}

#[test]
fn an_offset_committed_during_the_transaction_is_newer_than_the_transactions() {
    let mut groups = groups();
    let alone = member("", -1);
    groups.commit_in_transaction(0, &alone, PRODUCER, vec![offset("t", 0, 7)]).unwrap();
    groups.commit(0, &alone, vec![offset("t", 0, 3)]).unwrap();
    let mut restarted = Groups::new(GroupSettings::default(), 0);
    groups.snapshot().into_iter().for_each(|entry| restarted.replay(entry));
    for groups in [&mut groups, &mut restarted] {
        groups.complete_transaction("g", PRODUCER, TransactionResult::Commit);
        assert_eq!(fetched(groups, Stability::Any), [("t-0".to_owned(), 3, ErrorCode::NONE)]);
    }
}

#[test]
fn a_transaction_of_a_former_member_cannot_commit_offsets() {
    let mut groups = groups();
    let (a, b) = stable_static(&mut groups);
    let newer = now(groups.join(0, static_request("b", ""))).member_id;
    for (member, expected) in [
        (static_member("b", &newer, 2), Ok(vec![ErrorCode::NONE])),
        (static_member("b", &newer, 1), Err(ErrorCode::ILLEGAL_GENERATION)),
        (static_member("b", &b, 2), Err(ErrorCode::FENCED_INSTANCE_ID)),
        (member("nobody", 2), Err(ErrorCode::UNKNOWN_MEMBER_ID)),
        (MemberRef { group_id: String::new(), ..member(&a, 2) }, Err(ErrorCode::INVALID_GROUP_ID)),
        (
            MemberRef { group_id: "h".to_owned(), ..member(&a, 2) },
            Err(ErrorCode::ILLEGAL_GENERATION),
        ),
        // Before KIP-447 a transaction did not say for which member it commits.
        (member("", -1), Ok(vec![ErrorCode::NONE])),
    ] {
        let errors = groups.commit_in_transaction(0, &member, PRODUCER, vec![offset("t", 0, 7)]);
        assert_eq!(errors, expected, "{member:?}");
    }
}

#[test]
fn delete_and_list_groups() {
    let mut groups = groups();
    assert_eq!(groups.delete("g"), ErrorCode::GROUP_ID_NOT_FOUND);
    let id = stable_one(&mut groups);
    groups
        .commit(
            0,
            &MemberRef { group_id: "h".to_owned(), ..member("", -1) },
            vec![offset("t", 0, 5)],
        )
        .unwrap();
    assert_eq!(groups.delete("g"), ErrorCode::NON_EMPTY_GROUP);
    let list = |groups: &Groups, states: &[&str], types: &[&str]| -> Vec<String> {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let filter = ListFilter { states: own(states), types: own(types) };
        groups.list(&filter).into_iter().map(|one| one.group_id).collect()
    };
    assert_eq!(list(&groups, &[], &[]), ["g", "h"]);
    assert_eq!(list(&groups, &["stable"], &["Classic"]), ["g"]);
    assert_eq!(list(&groups, &["Empty"], &[]), ["h"]);
    assert!(list(&groups, &[], &["consumer"]).is_empty());
    groups.leave(0, "g", &[leaving(&id)]).unwrap();
    assert_eq!(groups.delete("g"), ErrorCode::NONE);
    assert_eq!(groups.delete("h"), ErrorCode::NONE);
    assert_eq!(state(&groups), GroupState::Dead);
    assert!(groups.list(&ListFilter::default()).is_empty());
}

#[test]
fn offsets_of_topics_in_use_are_not_deleted() {
    let mut groups = groups();
    let id = stable_one(&mut groups);
    groups.commit(0, &member(&id, 1), vec![offset("t", 0, 5), offset("old", 0, 5)]).unwrap();
    let partitions = [TopicPartition::new("t", 0), TopicPartition::new("old", 0)];
    assert_eq!(groups.delete_offsets(0, "h", &partitions), Err(ErrorCode::GROUP_ID_NOT_FOUND));
    let errors = groups.delete_offsets(0, "g", &partitions).unwrap();
    assert_eq!(errors, [ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC, ErrorCode::NONE]);
    assert_eq!(fetched(&groups, Stability::Any), [("t-0".to_owned(), 5, ErrorCode::NONE)]);
    groups.forget_topic(0, "t");
    assert_eq!(fetched(&groups, Stability::Any), []);
}

#[test]
fn offsets_of_a_group_of_another_type_are_deleted_only_when_it_is_empty() {
    let mut groups = groups();
    let connect = |id: &str| JoinRequest { protocol_type: "connect".to_owned(), ..request(id) };
    let id = now(groups.join(0, connect(""))).member_id;
    now(groups.join(0, connect(&id)));
    let partitions = [TopicPartition::new("t", 0)];
    assert_eq!(groups.delete_offsets(0, "g", &partitions), Err(ErrorCode::NON_EMPTY_GROUP));
    groups.leave(0, "g", &[leaving(&id)]).unwrap();
    assert_eq!(groups.delete_offsets(0, "g", &partitions), Ok(vec![ErrorCode::NONE]));
}

#[test]
fn offsets_expire_a_retention_after_the_last_member_left() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let mut groups = groups();
    let id = stable_one(&mut groups);
    groups.commit(0, &member(&id, 1), vec![offset("t", 0, 5)]).unwrap();
    groups.heartbeat(20 * DAY_MS, &member(&id, 1));
    groups.tick(20 * DAY_MS);
    assert_eq!(fetched(&groups, Stability::Any).len(), 1, "in use");
    groups.leave(20 * DAY_MS, "g", &[leaving(&id)]).unwrap();
    groups.tick(27 * DAY_MS - 1);
    assert_eq!(fetched(&groups, Stability::Any).len(), 1);
    groups.tick(27 * DAY_MS + 600_000);
    assert_eq!(fetched(&groups, Stability::Any), []);
    assert_eq!(state(&groups), GroupState::Dead, "neither members nor offsets");
}

#[test]
fn after_a_restart_members_go_on_and_the_silent_ones_expire() {
    let mut groups = groups();
    let mut entries = Vec::new();
    let (one, two) = stable_two(&mut groups);
    groups.commit(0, &member(&one, 2), vec![offset("t", 0, 5)]).unwrap();
    entries.extend(groups.take_entries());
    for entries in [entries, groups.snapshot()] {
        let mut restarted = Groups::new(GroupSettings::default(), 8);
        for entry in entries {
            restarted.replay(GroupEntry::decode(entry.encode()).unwrap());
        }
        restarted.start(100_000);
        assert_eq!(restarted.describe("g"), groups.describe("g"));
        assert_eq!(restarted.heartbeat(100_000, &member(&one, 2)), ErrorCode::NONE);
        let reply = now(restarted.sync(109_999, sync_request(member(&one, 2), &[])));
        assert_eq!(&reply.assignment[..], b"1");
        restarted.tick(110_000);
        assert_eq!(restarted.heartbeat(110_000, &member(&two, 2)), ErrorCode::UNKNOWN_MEMBER_ID);
        let reply = now(restarted.join(110_000, request(&one)));
        assert_eq!(reply.generation, 3, "generations go on");
        assert_eq!(fetched(&restarted, Stability::Any).len(), 1);
    }
}

#[test]
fn shutting_down_answers_everybody() {
    let mut groups = groups();
    let one = stable_one(&mut groups);
    let two = invited(&mut groups, 0);
    let waits = ticket(&groups.join(0, request(&two)));
    groups.shut_down();
    assert_eq!(groups.take_join(waits).unwrap().error, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    let _ = one;
}

#[test]
fn entries_that_the_journal_refused_come_again_first() {
    let mut groups = groups();
    stable_one(&mut groups);
    let first = groups.take_entries();
    assert!(!first.is_empty());
    groups.give_back(first.clone());
    groups
        .commit(
            0,
            &MemberRef { group_id: "h".to_owned(), ..member("", -1) },
            vec![offset("t", 0, 1)],
        )
        .unwrap();
    let again = groups.take_entries();
    assert_eq!(again[..first.len()], first);
    assert_eq!(again.len(), first.len() + 1);
}
