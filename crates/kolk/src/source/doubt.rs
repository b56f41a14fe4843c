//! Positions that are not there any more, until the group has said whether they are this instance's affair.
//!
//! An instance that was stopped for longer than its session goes on where it was. Meanwhile others own its partitions, and delete from
//! repartition topics what they have committed. So that an offset is gone tells of lost rows only where the group, asked afterwards,
//! still has this instance among its members.

use crate::client::TopicPartition;
use crate::time::Moment;

/// What would stop the query, if the partitions are still owned.
#[derive(Debug, Default)]
pub(super) struct Doubts(Vec<Doubt>);

#[derive(Debug)]
struct Doubt {
    partition: TopicPartition,
    what: String,
    since: Moment,
}

impl Doubts {
    /// A broker has said so at `since`, or before.
    pub(super) fn note(&mut self, partition: TopicPartition, what: String, since: Moment) {
        self.0.push(Doubt { partition, what, since });
    }

    /// Whether the group must be asked.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These belong to somebody else.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.0.retain(|doubt| !partitions.contains(&doubt.partition));
    }

    /// What is true: the group has said, when asked at `confirmed`, that this instance is a member.
    pub(super) fn settle(&mut self, confirmed: Option<Moment>) -> impl Iterator<Item = String> {
        let sure = self.0.extract_if(.., |doubt| confirmed >= Some(doubt.since));
        sure.map(|doubt| doubt.what).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Once a query that had been stopped by SIGSTOP ended with the error of an offset that others had processed and deleted.
    #[test]
    fn what_others_own_by_now_stops_nobody() {
        let at = |seconds| Moment(Duration::from_secs(seconds));
        let partitions = [0, 1].map(|number| TopicPartition::new("t", number));
        let mut doubts = Doubts::default();
        for partition in &partitions {
            doubts.note(partition.clone(), format!("{partition} has lost rows"), at(5));
        }
        let mut settled = |confirmed: Option<Moment>, gone: &[TopicPartition]| {
            doubts.forget(gone);
            doubts.settle(confirmed).collect::<Vec<_>>()
        };
        assert!(settled(None, &[]).is_empty(), "the group has said nothing yet");
        assert!(settled(Some(at(4)), &[]).is_empty(), "it was asked before");
        assert!(settled(Some(at(4)), &partitions[..1]).is_empty());
        assert_eq!(settled(Some(at(5)), &[]), ["t-1 has lost rows"]);
        assert!(settled(Some(at(9)), &[]).is_empty(), "it is told once");
    }
}
