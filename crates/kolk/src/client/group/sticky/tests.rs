//! What the assignor promises, checked on random groups and random histories of joins and leaves.

use super::*;
use crate::client::group::protocol::Subscription;
use proptest::prelude::*;

fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

fn counts(topics: &[(&str, i32)]) -> BTreeMap<String, i32> {
    topics.iter().map(|&(topic, count)| (topic.to_owned(), count)).collect()
}

fn member(id: &str, groups: &[&[&str]]) -> Member {
    let topics = groups.iter().flat_map(|g| g.iter()).map(|&t| t.to_owned()).collect();
    let copartitioned = groups.iter().map(|g| g.iter().map(|&t| t.to_owned()).collect()).collect();
    let user_data = KolkUserData { copartitioned, warm: Vec::new() };
    let subscription = Subscription {
        topics,
        user_data: Some(user_data.encode()),
        generation: -1,
        ..Subscription::default()
    };
    Member { id: id.to_owned(), instance_id: None, subscription }
}

/// One rebalance: everybody takes what it was assigned. Returns how many partitions somebody lost.
fn settle_once(members: &mut [Member], counts: &BTreeMap<String, i32>, generation: i32) -> usize {
    let assignments = assign(members, counts);
    let mut lost = 0;
    for member in members {
        let assigned = assignments[&member.id].clone();
        lost += member.subscription.owned.iter().filter(|p| !assigned.contains(p)).count();
        member.subscription.owned = assigned;
        member.subscription.generation = generation;
    }
    lost
}

/// Rebalances until nothing is taken from anybody, as the cooperative protocol does. Returns how many partitions moved away.
fn settle(members: &mut [Member], counts: &BTreeMap<String, i32>, generation: &mut i32) -> usize {
    let mut moved = 0;
    for _ in 0..5 {
        *generation += 1;
        let lost = settle_once(members, counts, *generation);
        moved += lost;
        if lost == 0 {
            return moved;
        }
    }
    panic!("the group does not settle");
}

fn shown(members: &[Member]) -> String {
    let line = |m: &Member| {
        let list: Vec<String> = m.subscription.owned.iter().map(ToString::to_string).collect();
        format!("{}: {}", m.id, list.join(" "))
    };
    members.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[test]
fn partition_i_of_copartitioned_topics_lands_on_one_member() {
    let mut members = [member("a", &[&["v", "w"], &["x"]]), member("b", &[&["v", "w"], &["x"]])];
    settle(&mut members, &counts(&[("v", 2), ("w", 3), ("x", 2)]), &mut 0);
    assert_eq!(shown(&members), "a: v-0 w-0 w-2 x-1; b: v-1 w-1 x-0");
}

#[test]
fn groups_that_share_a_topic_are_one() {
    let one = member("a", &[&["s", "t"]]);
    let mut other = member("b", &[&["t", "u"]]);
    other.subscription.topics.push("s".into());
    let mut members = [one, other];
    members[0].subscription.topics.push("u".into());
    settle(&mut members, &counts(&[("s", 2), ("t", 2), ("u", 2)]), &mut 0);
    assert_eq!(shown(&members), "a: s-0 t-0 u-0; b: s-1 t-1 u-1");
}

#[test]
fn a_partition_is_handed_over_only_after_its_owner_let_go() {
    let topics = counts(&[("t", 2)]);
    let mut members = vec![member("a", &[&["t"]])];
    settle(&mut members, &topics, &mut 0);
    members.push(member("b", &[&["t"]]));
    assert_eq!(settle_once(&mut members, &topics, 5), 1);
    assert_eq!(shown(&members), "a: t-0; b: ", "t-1 is held back while a still has it");
    assert_eq!(settle_once(&mut members, &topics, 6), 0);
    assert_eq!(shown(&members), "a: t-0; b: t-1");
}

#[test]
fn of_two_that_claim_a_partition_the_later_generation_keeps_it() {
    let mut members = [member("a", &[&["t"]]), member("b", &[&["t"]])];
    for (m, generation) in members.iter_mut().zip([3, 4]) {
        m.subscription.owned = vec![tp("t", 0)];
        m.subscription.generation = generation;
    }
    settle(&mut members, &counts(&[("t", 1)]), &mut 4);
    assert_eq!(shown(&members), "a: ; b: t-0");
}

#[test]
fn a_member_gets_back_what_it_has_on_disk() {
    let mut members = [member("a", &[&["t"]]), member("b", &[&["t"]])];
    let warm = vec![tp("t", 0), tp("t", 3)];
    let data = KolkUserData { copartitioned: vec![vec!["t".into()]], warm };
    members[1].subscription.user_data = Some(data.encode());
    settle(&mut members, &counts(&[("t", 4)]), &mut 0);
    assert_eq!(shown(&members), "a: t-1 t-2; b: t-0 t-3");
}

#[test]
fn what_must_move_goes_where_its_state_is() {
    let mut members = [member("a", &[&["t"]]), member("b", &[&["t"]])];
    members[0].subscription.owned = (0..4).map(|partition| tp("t", partition)).collect();
    members[0].subscription.generation = 3;
    let warm = vec![tp("t", 0), tp("t", 1)];
    let data = KolkUserData { copartitioned: vec![vec!["t".into()]], warm };
    members[1].subscription.user_data = Some(data.encode());
    settle(&mut members, &counts(&[("t", 4)]), &mut 3);
    assert_eq!(shown(&members), "a: t-2 t-3; b: t-0 t-1");
    // Who had all of it once has all of it on disk; the other one gets back what it had last.
    for (m, warm) in members.iter_mut().zip([0..4, 2..4]) {
        m.subscription.owned.clear();
        m.subscription.generation = -1;
        let warm = warm.map(|partition| tp("t", partition)).collect();
        let data = KolkUserData { copartitioned: vec![vec!["t".into()]], warm };
        m.subscription.user_data = Some(data.encode());
    }
    settle(&mut members, &counts(&[("t", 4)]), &mut 3);
    assert_eq!(shown(&members), "a: t-0 t-1; b: t-2 t-3");
}

#[test]
fn a_member_that_reads_nothing_gets_nothing_and_what_nobody_can_read_together_is_split() {
    let mut members = [member("a", &[&["s"]]), member("b", &[&["t"]]), member("c", &[])];
    let data = KolkUserData { copartitioned: vec![vec!["s".into(), "t".into()]], warm: vec![] };
    members[0].subscription.user_data = Some(data.encode());
    settle(&mut members, &counts(&[("s", 2), ("t", 1), ("nobody", 1)]), &mut 0);
    assert_eq!(shown(&members), "a: s-0 s-1; b: t-0; c: ");
}

const NAMES: &[&str] = &["m0", "m1", "m2", "m3", "m4", "m5", "m6"];
const GROUPS: &[&[&str]] = &[&["a", "b"], &["c"], &["d", "e", "f"]];

fn task_counts(members: &[Member], counts: &BTreeMap<String, i32>) -> Vec<usize> {
    let tasks_of_member = |m: &Member| {
        let owned = &m.subscription.owned;
        GROUPS
            .iter()
            .map(|topics| {
                let most = topics.iter().map(|&t| counts[t]).max().unwrap_or(0);
                (0..most)
                    .filter(|i| {
                        owned.iter().any(|p| topics.contains(&&*p.topic) && p.partition == *i)
                    })
                    .count()
            })
            .sum()
    };
    members.iter().map(tasks_of_member).collect()
}

fn check_promises(members: &[Member], counts: &BTreeMap<String, i32>) {
    let mut owner: BTreeMap<TopicPartition, &str> = BTreeMap::new();
    for m in members {
        for partition in &m.subscription.owned {
            assert_eq!(owner.insert(partition.clone(), &m.id), None, "{partition} has two owners");
        }
    }
    assert_eq!(owner.len(), counts.values().map(|&n| usize::try_from(n).unwrap()).sum::<usize>());
    for topics in GROUPS {
        for i in 0..topics.iter().map(|&t| counts[t]).max().unwrap() {
            let owners: BTreeSet<_> = topics.iter().filter_map(|&t| owner.get(&tp(t, i))).collect();
            assert_eq!(owners.len(), 1, "partition {i} of {topics:?} is spread over {owners:?}");
        }
    }
    let tasks = task_counts(members, counts);
    assert!(tasks.iter().max().unwrap() - tasks.iter().min().unwrap() <= 1, "{tasks:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn complete_disjoint_together_balanced_sticky_over_joins_and_leaves(
        sizes in proptest::collection::vec(1..7i32, 6),
        changes in proptest::collection::vec((0..NAMES.len(), any::<bool>()), 1..8),
    ) {
        let topics: BTreeMap<String, i32> =
            ["a", "b", "c", "d", "e", "f"].iter().zip(sizes).map(|(&t, n)| (t.to_owned(), n)).collect();
        let mut generation = 0;
        let mut members = vec![member("first", GROUPS)];
        settle(&mut members, &topics, &mut generation);
        for (name, joins) in changes {
            let known = members.iter().position(|m| m.id == NAMES[name]);
            match known {
                None if joins => members.push(member(NAMES[name], GROUPS)),
                Some(at) if !joins => { members.remove(at); }
                _ => {}
            }
            let before = task_counts(&members, &topics);
            let total: usize = task_counts(&[union_of(&topics)], &topics)[0];
            let reference = members.clone();
            settle(&mut members, &topics, &mut generation);
            check_promises(&members, &topics);
            // The least that had to move: what each member held beyond the largest share it could keep.
            let (least, rest) = (total / members.len(), total % members.len());
            let mut sorted = before.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let must: usize = sorted.iter().enumerate()
                .map(|(rank, &held)| held.saturating_sub(least + usize::from(rank < rest))).sum();
            let kept: usize = kept_tasks(&reference, &members, &topics);
            prop_assert_eq!(before.iter().sum::<usize>() - kept, must, "moved more than needed");
            prop_assert_eq!(settle_once(&mut members, &topics, generation), 0, "moved though nothing changed");
        }
    }

    #[test]
    fn the_order_of_members_does_not_matter(sizes in proptest::collection::vec(1..7i32, 6), turn in 0..4usize) {
        let topics: BTreeMap<String, i32> =
            ["a", "b", "c", "d", "e", "f"].iter().zip(sizes).map(|(&t, n)| (t.to_owned(), n)).collect();
        let members: Vec<Member> = NAMES[..4].iter().map(|name| member(name, GROUPS)).collect();
        let mut turned = members.clone();
        turned.rotate_left(turn);
        prop_assert_eq!(assign(&members, &topics), assign(&turned, &topics));
    }
}

/// A member that owns everything.
fn union_of(counts: &BTreeMap<String, i32>) -> Member {
    let mut all = member("all", GROUPS);
    all.subscription.owned =
        counts.iter().flat_map(|(topic, &n)| (0..n).map(|i| tp(topic, i))).collect();
    all
}

/// How many tasks are with the member that had them before.
fn kept_tasks(before: &[Member], after: &[Member], counts: &BTreeMap<String, i32>) -> usize {
    let both = before.iter().zip(after).map(|(b, a)| {
        let mut common = a.clone();
        common.subscription.owned.retain(|p| b.subscription.owned.contains(p));
        common
    });
    task_counts(&both.collect::<Vec<_>>(), counts).iter().sum()
}
