//! Kafka's range assignor: per topic, consecutive partitions in the order of the members.
//!
//! The first `partitions mod members` members get one more. With equally many partitions per topic, partition i of all
//! topics lands on the same member.

use super::assignor::{Assignments, Member};
use crate::client::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn assign(members: &[Member], partition_counts: &BTreeMap<String, i32>) -> Assignments {
    let mut order: Vec<&Member> = members.iter().collect();
    // Kafka puts static members first, by instance id, then the others by member id.
    order.sort_by_key(|m| (m.instance_id.is_none(), m.instance_id.clone(), m.id.clone()));
    let mut assignments: Assignments = members.iter().map(|m| (m.id.clone(), Vec::new())).collect();
    let topics: BTreeSet<&str> =
        members.iter().flat_map(|m| &m.subscription.topics).map(String::as_str).collect();
    for topic in topics {
        let count = partition_counts.get(topic).and_then(|&n| usize::try_from(n).ok()).unwrap_or(0);
        let readers: Vec<&str> = order
            .iter()
            .filter(|m| m.subscription.topics.iter().any(|t| t == topic))
            .map(|m| m.id.as_str())
            .collect();
        let (each, rest) = (count / readers.len(), count % readers.len());
        let mut partitions = (0..).map(|partition| TopicPartition::new(topic, partition));
        for (i, reader) in readers.into_iter().enumerate() {
            let share = each + usize::from(i < rest);
            assignments
                .entry(reader.to_owned())
                .or_default()
                .extend(partitions.by_ref().take(share));
        }
    }
    assignments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::group::protocol::Subscription;

    fn member(id: &str, topics: &[&str]) -> Member {
        let topics = topics.iter().map(|&t| t.to_owned()).collect();
        let subscription = Subscription { topics, generation: -1, ..Subscription::default() };
        Member { id: id.to_owned(), instance_id: None, subscription }
    }

    fn check(members: &[Member], counts: &[(&str, i32)], expected: &str) {
        let counts = counts.iter().map(|&(topic, n)| (topic.to_owned(), n)).collect();
        let shown: Vec<String> = assign(members, &counts)
            .into_iter()
            .map(|(id, partitions)| {
                let list: Vec<String> = partitions.iter().map(ToString::to_string).collect();
                format!("{id}: {}", list.join(" "))
            })
            .collect();
        assert_eq!(shown.join(", "), expected);
    }

    #[test]
    fn consecutive_partitions_and_the_rest_to_the_first_members() {
        let both = [member("a", &["s", "t"]), member("b", &["s", "t"])];
        check(&both, &[("s", 3), ("t", 3)], "a: s-0 s-1 t-0 t-1, b: s-2 t-2");
        check(&both[..1], &[("s", 1)], "a: s-0");
        let one_reads_less = [member("a", &["s"]), member("b", &["s", "t"])];
        check(&one_reads_less, &[("s", 1), ("t", 2)], "a: s-0, b: t-0 t-1");
    }

    #[test]
    fn static_members_come_first_in_the_order_of_their_instance_ids() {
        let mut fixed = member("z", &["s"]);
        fixed.instance_id = Some("i".to_owned());
        check(&[member("a", &["s"]), fixed], &[("s", 3)], "a: s-2, z: s-0 s-1");
    }
}
