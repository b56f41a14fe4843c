//! What a topic holds, short enough to compare: how many records, which, and in which order per partition.

use crate::job::Job;
use crate::link;
use crate::reader::{Reader, Until};
use anyhow::{Result, ensure};
use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// The sum of a topic's committed records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Digest {
    /// Records.
    pub(crate) count: u64,
    /// Of all records, whatever their order and partition.
    multiset: u64,
    /// By partition, of its records in their order.
    ordered: BTreeMap<i32, u64>,
}

/// What the projection reads.
#[derive(Deserialize)]
struct Visit<'a> {
    visit_id: &'a str,
    event_time: &'a str,
    page: &'a str,
    keep_private: bool,
}

/// What the projection writes.
#[derive(Serialize)]
struct PageView<'a> {
    visit_id: &'a str,
    event_time: &'a str,
    page: &'a str,
}

impl Digest {
    /// Of what `topic` holds, as a `read_committed` reader sees it.
    pub(crate) fn of(bootstrap: &str, topic: &str) -> Result<Self> {
        let mut digest = Self::default();
        Reader::open(&link::config(bootstrap)?, topic)?.read(
            Until::CaughtUp,
            |partition, record| {
                digest.add(partition, record.key, record.value);
            },
        )?;
        Ok(digest)
    }

    /// Of what `job` must write when it reads `input`.
    pub(crate) fn expected(bootstrap: &str, input: &str, job: Job) -> Result<Self> {
        if job == Job::Copy {
            return Self::of(bootstrap, input);
        }
        let (mut digest, mut failed) = (Self::default(), None);
        let mut text = Vec::new();
        Reader::open(&link::config(bootstrap)?, input)?.read(
            Until::CaughtUp,
            |partition, record| match project(record.value.unwrap_or_default(), &mut text) {
                Ok(true) => digest.add(partition, record.key, Some(&text)),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            },
        )?;
        failed.map_or(Ok(digest), |error| Err(error.into()))
    }

    fn add(&mut self, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
        let hash = FixedState::with_seed(1).hash_one((key, value));
        self.count += 1;
        self.multiset = self.multiset.wrapping_add(hash);
        let ordered = self.ordered.entry(partition).or_default();
        *ordered = (ordered.rotate_left(7) ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// Compares with what must be there.
    pub(crate) fn check(&self, expected: &Self, who: &str) -> Result<()> {
        let (count, wanted) = (self.count, expected.count);
        ensure!(count == wanted, "{who} wrote {count} records instead of {wanted}");
        ensure!(self.multiset == expected.multiset, "{who} wrote other records than it must");
        ensure!(self.ordered == expected.ordered, "{who} wrote the right records in another order");
        Ok(())
    }
}

/// Filter and projection by an independent way, slow and plain; false when the filter drops the visit.
fn project(value: &[u8], to: &mut Vec<u8>) -> serde_json::Result<bool> {
    let Visit { visit_id, event_time, page, keep_private } = serde_json::from_slice(value)?;
    to.clear();
    if !keep_private {
        serde_json::to_writer(to, &PageView { visit_id, event_time, page })?;
    }
    Ok(!keep_private)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(records: &[(i32, &str)]) -> Digest {
        let mut digest = Digest::default();
        for (partition, value) in records {
            digest.add(*partition, Some(b"k"), Some(value.as_bytes()));
        }
        digest
    }

    #[test]
    fn a_record_lost_changed_doubled_or_moved_is_noticed() {
        let right = digest(&[(0, "a"), (0, "b"), (1, "c")]);
        let check = |records: &[(i32, &str)]| digest(records).check(&right, "it");
        assert!(check(&[(1, "c"), (0, "a"), (0, "b")]).is_ok(), "partitions are independent");
        let refused = |records: &[(i32, &str)]| check(records).unwrap_err().to_string();
        assert!(refused(&[(0, "a"), (0, "b")]).contains("2 records instead of 3"));
        assert!(refused(&[(0, "a"), (0, "a"), (1, "c")]).contains("other records"));
        assert!(refused(&[(0, "b"), (0, "a"), (1, "c")]).contains("another order"));
        assert!(refused(&[(0, "a"), (1, "b"), (1, "c")]).contains("another order"));
    }

    #[test]
    fn the_projection_keeps_three_fields_of_visits_that_are_not_private() {
        let mut text = Vec::new();
        let visit = |private| {
            format!(
                r#"{{"visit_id": "v", "event_time": "t", "keep_private": {private}, "page": "p", "x": {{}}}}"#
            )
        };
        assert!(project(visit("false").as_bytes(), &mut text).unwrap());
        assert_eq!(text, br#"{"visit_id":"v","event_time":"t","page":"p"}"#);
        assert!(!project(visit("true").as_bytes(), &mut text).unwrap());
    }
}
