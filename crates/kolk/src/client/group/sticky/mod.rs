//! The assignor `kolk`: whole tasks, where they were, evenly spread, given over only after their owner let go.
//!
//! A *task* is partition i of every topic of one co-partition group; groups that share a topic are one. Steps:
//! 1. each task goes to the member that claims it: whoever owns most of its partitions (latest generation first), else
//!    whoever has its state on disk;
//! 2. tasks that nobody claims go one by one to the member with the least tasks, then the least of that group;
//! 3. while some member has two tasks more than another that could take one, one task moves: of those alike one whose state
//!    the other has on disk. Each such move is
//!    unavoidable: the number of moves is Σ max(0, claimed − share), the least that balance allows;
//! 4. partitions of a task that moves away from a living owner are held back (KIP-429): the owner sees them missing, gives
//!    them up and joins again, and the next assignment hands them over.
//!
//! Members are ordered by instance id, so a group that restarts as a whole gets the same tasks again.

#[cfg(test)]
mod tests;

use super::assignor::{Assignments, Member};
use super::protocol::KolkUserData;
use crate::client::TopicPartition;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Topics that are read together, and who can read them all.
struct CopartitionGroup<'a> {
    topics: Vec<&'a str>,
    /// By index of the member.
    eligible: Vec<bool>,
}

struct Task {
    /// Index of its co-partition group.
    group: usize,
    partitions: Vec<TopicPartition>,
    /// Index of the member that gets it; none while undecided or if nobody reads its topics.
    owner: Option<usize>,
    /// Whether the owner claimed it: such tasks move last.
    claimed: bool,
    /// Indices of members that have its state on disk.
    warm: Vec<usize>,
}

/// A partition's claim: by which member, since which generation. −1 is a member's first, −2 only state on disk.
type Claims<'a> = HashMap<&'a TopicPartition, Vec<(i32, usize)>>;

const WARM: i32 = -2;

pub(super) fn assign(members: &[Member], partition_counts: &BTreeMap<String, i32>) -> Assignments {
    let mut members: Vec<&Member> = members.iter().collect();
    members.sort_by_key(|m| (m.stable_name().to_owned(), m.id.clone()));
    let user_data: Vec<KolkUserData> = members.iter().map(|m| m.user_data()).collect();

    let groups = copartition_groups(&members, &user_data, partition_counts);
    let mut tasks = tasks_of(&groups, partition_counts);
    let claims = claims_of(&members, &user_data);
    for task in &mut tasks {
        task.owner = claimant(task, &claims, &groups);
        task.claimed = task.owner.is_some();
        let claims = task.partitions.iter().filter_map(|p| claims.get(p)).flatten();
        task.warm = claims
            .filter(|(generation, _)| *generation == WARM)
            .map(|(_, member)| *member)
            .collect();
    }
    let mut loads = Loads::new(members.len(), groups.len(), &tasks);
    for task in tasks.iter_mut().filter(|task| task.owner.is_none()) {
        task.owner = loads.least(&groups[task.group].eligible, task.group);
        if let Some(owner) = task.owner {
            loads.give(owner, task.group);
        }
    }
    while loads.level_one(&mut tasks, &groups) {}

    let mut assignments: Assignments = members.iter().map(|m| (m.id.clone(), Vec::new())).collect();
    for task in tasks {
        let Some(owner) = task.owner else { continue };
        if !held_by_another(&task, owner, &claims) {
            assignments.entry(members[owner].id.clone()).or_default().extend(task.partitions);
        }
    }
    for partitions in assignments.values_mut() {
        partitions.sort();
    }
    assignments
}

/// Groups as declared by all members together; a topic that is in none, or that no member can read with its whole group,
/// stands alone.
fn copartition_groups<'a>(
    members: &[&'a Member],
    user_data: &'a [KolkUserData],
    partition_counts: &BTreeMap<String, i32>,
) -> Vec<CopartitionGroup<'a>> {
    let subscribed: BTreeSet<&str> = members
        .iter()
        .flat_map(|m| m.subscription.topics.iter().map(String::as_str))
        .filter(|&topic| partition_counts.contains_key(topic))
        .collect();
    // A topic's representative is the smallest topic that it is joined with, directly or over others.
    let mut joined: BTreeMap<&str, &str> = subscribed.iter().map(|&topic| (topic, topic)).collect();
    for declared in user_data.iter().flat_map(|data| &data.copartitioned) {
        let known: Vec<&str> =
            declared.iter().filter_map(|t| joined.get(t.as_str()).copied()).collect();
        let Some(&smallest) = known.iter().min() else { continue };
        for representative in joined.values_mut().filter(|r| known.contains(r)) {
            *representative = smallest;
        }
    }
    let mut by_representative: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (topic, representative) in joined {
        by_representative.entry(representative).or_default().push(topic);
    }
    let mut groups = Vec::new();
    for topics in by_representative.into_values() {
        let eligible = readers_of(members, &topics);
        if eligible.contains(&true) {
            groups.push(CopartitionGroup { topics, eligible });
            continue;
        }
        for topic in topics {
            let eligible = readers_of(members, &[topic]);
            groups.push(CopartitionGroup { topics: vec![topic], eligible });
        }
    }
    groups
}

fn readers_of(members: &[&Member], topics: &[&str]) -> Vec<bool> {
    let reads_all =
        |m: &&Member| topics.iter().all(|&t| m.subscription.topics.iter().any(|s| s == t));
    members.iter().map(reads_all).collect()
}

fn tasks_of(
    groups: &[CopartitionGroup<'_>],
    partition_counts: &BTreeMap<String, i32>,
) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (group, CopartitionGroup { topics, .. }) in groups.iter().enumerate() {
        let names: Vec<(std::sync::Arc<str>, i32)> =
            topics.iter().map(|&t| (t.into(), partition_counts[t])).collect();
        for i in 0..names.iter().map(|(_, count)| *count).max().unwrap_or(0) {
            let with_i = names.iter().filter(|(_, count)| i < *count);
            let partitions = with_i
                .map(|(name, _)| TopicPartition::new(std::sync::Arc::clone(name), i))
                .collect();
            tasks.push(Task { group, partitions, owner: None, claimed: false, warm: Vec::new() });
        }
    }
    tasks
}

fn claims_of<'a>(members: &[&'a Member], user_data: &'a [KolkUserData]) -> Claims<'a> {
    let mut claims = Claims::new();
    for (member, (m, data)) in members.iter().zip(user_data).enumerate() {
        let generation = m.subscription.generation.max(-1);
        for partition in &m.subscription.owned {
            claims.entry(partition).or_default().push((generation, member));
        }
        for partition in &data.warm {
            claims.entry(partition).or_default().push((WARM, member));
        }
    }
    claims
}

/// The eligible member with the best claim: the most partitions at the latest generation; the first of equals.
fn claimant(task: &Task, claims: &Claims<'_>, groups: &[CopartitionGroup<'_>]) -> Option<usize> {
    let mut weights: BTreeMap<usize, (i32, usize)> = BTreeMap::new();
    for &(generation, member) in task.partitions.iter().filter_map(|p| claims.get(p)).flatten() {
        if groups[task.group].eligible[member] {
            let weight = weights.entry(member).or_insert((generation, 0));
            if generation > weight.0 {
                *weight = (generation, 0);
            }
            weight.1 += usize::from(generation == weight.0);
        }
    }
    let best = weights.iter().min_by_key(|&(&m, &weight)| (std::cmp::Reverse(weight), m));
    best.map(|(&member, _)| member)
}

/// Whether some other member still holds a partition of the task that its new owner does not hold itself.
fn held_by_another(task: &Task, owner: usize, claims: &Claims<'_>) -> bool {
    task.partitions.iter().filter_map(|p| claims.get(p)).any(|claims| {
        let mut holders = claims.iter().filter(|(generation, _)| *generation > WARM).peekable();
        holders.peek().is_some() && !holders.any(|(_, member)| *member == owner)
    })
}

/// How many tasks each member has, in all and by co-partition group.
struct Loads {
    total: Vec<usize>,
    by_group: Vec<Vec<usize>>,
}

impl Loads {
    fn new(members: usize, groups: usize, tasks: &[Task]) -> Self {
        let mut loads = Self { total: vec![0; members], by_group: vec![vec![0; groups]; members] };
        for task in tasks {
            if let Some(owner) = task.owner {
                loads.give(owner, task.group);
            }
        }
        loads
    }

    fn give(&mut self, member: usize, group: usize) {
        self.total[member] += 1;
        self.by_group[member][group] += 1;
    }

    fn take(&mut self, member: usize, group: usize) {
        self.total[member] -= 1;
        self.by_group[member][group] -= 1;
    }

    fn least(&self, eligible: &[bool], group: usize) -> Option<usize> {
        let candidates = (0..self.total.len()).filter(|&m| eligible[m]);
        candidates.min_by_key(|&m| (self.total[m], self.by_group[m][group], m))
    }

    /// Moves one task from a member to one that has at least two less, if there is such a pair. Every move lowers the sum
    /// of the squares of the loads, so repeating it ends.
    fn level_one(&mut self, tasks: &mut [Task], groups: &[CopartitionGroup<'_>]) -> bool {
        let mut order: Vec<usize> = (0..self.total.len()).collect();
        order.sort_by_key(|&m| (self.total[m], m));
        for &from in order.iter().rev() {
            for &to in &order {
                if self.total[to] + 2 > self.total[from] {
                    break;
                }
                let surplus = |group: usize| {
                    self.by_group[from][group].saturating_sub(self.by_group[to][group])
                };
                let movable = tasks.iter_mut().enumerate().filter(|(_, task)| {
                    task.owner == Some(from) && groups[task.group].eligible[to]
                });
                let best = movable.max_by_key(|(i, task)| {
                    (!task.claimed, task.warm.contains(&to), surplus(task.group), *i)
                });
                if let Some((_, task)) = best {
                    task.owner = Some(to);
                    task.claimed = false;
                    let group = task.group;
                    self.take(from, group);
                    self.give(to, group);
                    return true;
                }
            }
        }
        false
    }
}
