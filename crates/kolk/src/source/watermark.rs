//! The watermark of an input: how far its event time has surely come.
//!
//! A partition's watermark is the largest event time seen in it minus the input's delay. The input's is the minimum over
//! the partitions that still have something to read; when all are caught up, the largest of theirs. It never goes back.

use crate::client::TopicPartition;
use std::collections::BTreeMap;

/// Watermarks of one input's partitions.
#[derive(Debug, Default)]
pub struct Watermarks {
    delay_ms: i64,
    partitions: BTreeMap<TopicPartition, Seen>,
    current: Option<i64>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    max_event_time: Option<i64>,
    caught_up: bool,
}

impl Watermarks {
    /// For an input whose events may be late by `delay_ms` milliseconds.
    #[must_use]
    pub fn new(delay_ms: i64) -> Self {
        Self { delay_ms, ..Self::default() }
    }

    /// The partition is read from now on; it holds the watermark back until its first events are here.
    pub fn assign(&mut self, partition: &TopicPartition) {
        self.partitions.entry(partition.clone()).or_default();
    }

    /// The partition is not read any more.
    pub fn unassign(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    /// Notes the largest event time of what was read of the partition, and whether its end was reached.
    pub fn observe(
        &mut self,
        partition: &TopicPartition,
        max_event_time: Option<i64>,
        caught_up: bool,
    ) {
        let Some(seen) = self.partitions.get_mut(partition) else { return };
        seen.max_event_time = seen.max_event_time.max(max_event_time);
        seen.caught_up = caught_up;
    }

    /// The input's watermark, in milliseconds since 1970; `None` while there is none.
    pub fn current(&mut self) -> Option<i64> {
        let reading = || self.partitions.values().filter(|seen| !seen.caught_up);
        let now = if reading().next().is_some() {
            // One without events yet has no watermark, and holds all back.
            reading().map(|seen| seen.max_event_time).min().flatten()
        } else {
            self.partitions.values().filter_map(|seen| seen.max_event_time).max()
        };
        self.current = self.current.max(now.map(|time| time.saturating_sub(self.delay_ms)));
        self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    #[test]
    fn the_slowest_partition_with_something_to_read_decides() {
        let mut watermarks = Watermarks::new(10);
        watermarks.assign(&partition(0));
        watermarks.assign(&partition(1));
        watermarks.observe(&partition(0), Some(100), false);
        assert_eq!(watermarks.current(), None, "partition 1 was not read yet");
        watermarks.observe(&partition(1), Some(50), false);
        assert_eq!(watermarks.current(), Some(40));
        watermarks.observe(&partition(1), None, true);
        assert_eq!(watermarks.current(), Some(90), "caught up: it holds nothing back");
        watermarks.observe(&partition(0), None, true);
        assert_eq!(watermarks.current(), Some(90), "all caught up: the largest");
    }

    #[test]
    fn it_never_goes_back() {
        let mut watermarks = Watermarks::new(0);
        watermarks.assign(&partition(0));
        watermarks.observe(&partition(0), Some(100), false);
        assert_eq!(watermarks.current(), Some(100));
        watermarks.assign(&partition(1));
        watermarks.observe(&partition(1), Some(7), false);
        assert_eq!(watermarks.current(), Some(100));
    }
}
