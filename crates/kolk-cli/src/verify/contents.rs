//! What a topic contains, as a multiset of records: duplicates, and the difference to another topic.

use super::Entry;
use foldhash::quality::FixedState;
use hashbrown::HashMap;
use std::hash::{BuildHasher, Hasher};

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// How often a record occurs here and there.
#[derive(Debug, Clone, Copy)]
struct Occurrences {
    here: u32,
    there: u32,
    /// The first one here.
    first: Place,
}

/// Records by a 128-bit hash of key and value: two different ones are taken for the same with a probability that does not
/// matter (10⁻²⁶ among a million).
#[derive(Debug)]
pub(super) struct Contents {
    records: HashMap<u128, Occurrences>,
    states: [FixedState; 2],
}

impl Contents {
    pub(super) fn new() -> Self {
        let states = [FixedState::with_seed(0x6b6f_6c6b), FixedState::with_seed(0x7665_7269_6679)];
        Self { records: HashMap::new(), states }
    }

    /// Counts a record; its first place when it was there before.
    pub(super) fn add(&mut self, entry: &Entry<'_>) -> Option<Place> {
        let place = Place { partition: entry.partition, offset: entry.offset };
        let fresh = Occurrences { here: 0, there: 0, first: place };
        let record = self.records.entry(self.hash(entry)).or_insert(fresh);
        record.here += 1;
        (record.here > 1).then_some(record.first)
    }

    /// Counts a record of the other topic; whether it is missing here: it occurs there more often.
    pub(super) fn is_missing(&mut self, entry: &Entry<'_>) -> bool {
        let hash = self.hash(entry);
        let nowhere = Place { partition: -1, offset: -1 };
        let fresh = Occurrences { here: 0, there: 0, first: nowhere };
        let record = self.records.entry(hash).or_insert(fresh);
        record.there += 1;
        record.there > record.here
    }

    /// Records that occur here more often than there, with the first place of each. `repeats` tells whether more occurrences
    /// of a record that the other topic has count too.
    pub(super) fn extra(&self, repeats: super::Duplicates) -> Vec<(Place, u32)> {
        let surplus = |record: &Occurrences| match repeats {
            super::Duplicates::Allowed if record.there > 0 => 0,
            super::Duplicates::Allowed => u32::from(record.here > 0),
            super::Duplicates::Refused => record.here.saturating_sub(record.there),
        };
        let mut extra: Vec<(Place, u32)> = self
            .records
            .values()
            .map(|record| (record.first, surplus(record)))
            .filter(|(_, surplus)| *surplus > 0)
            .collect();
        extra.sort_by_key(|(place, _)| (place.partition, place.offset));
        extra
    }

    fn hash(&self, entry: &Entry<'_>) -> u128 {
        let half = |state: &FixedState| {
            let mut hasher = state.build_hasher();
            for part in [entry.key, entry.value] {
                match part {
                    None => hasher.write_u8(0),
                    Some(bytes) => {
                        hasher.write_u8(1);
                        hasher.write_usize(bytes.len());
                        hasher.write(bytes);
                    }
                }
            }
            u128::from(hasher.finish())
        };
        (half(&self.states[0]) << 64) | half(&self.states[1])
    }
}

#[cfg(test)]
mod tests {
    use super::super::Duplicates;
    use super::*;

    fn entry<'a>(offset: i64, key: Option<&'a [u8]>, value: &'a [u8]) -> Entry<'a> {
        Entry { offset, key, value: Some(value), ..Entry::default() }
    }

    #[test]
    fn null_and_empty_keys_differ_and_so_do_other_cuts_of_the_same_bytes() {
        let mut contents = Contents::new();
        let entries = [
            entry(0, None, b"ab"),
            entry(1, Some(b""), b"ab"),
            entry(2, Some(b"a"), b"b"),
            entry(3, Some(b"ab"), b""),
        ];
        assert!(entries.iter().all(|entry| contents.add(entry).is_none()));
        let again = contents.add(&entry(4, Some(b"a"), b"b"));
        assert_eq!(again, Some(Place { partition: 0, offset: 2 }));
    }

    #[test]
    fn the_difference_counts_occurrences() {
        let mut contents = Contents::new();
        for (offset, value) in [(0, b"a"), (1, b"a"), (2, b"b"), (3, b"c"), (4, b"c")] {
            contents.add(&entry(offset, None, value));
        }
        let there = [b"a", b"b", b"b", b"d"];
        let missing: Vec<bool> =
            there.iter().map(|value| contents.is_missing(&entry(0, None, *value))).collect();
        assert_eq!(missing, [false, false, true, true]);
        let counts = |repeats| -> Vec<(i64, u32)> {
            contents.extra(repeats).iter().map(|(place, count)| (place.offset, *count)).collect()
        };
        assert_eq!(counts(Duplicates::Refused), [(0, 1), (3, 2)]);
        assert_eq!(counts(Duplicates::Allowed), [(3, 1)]);
    }
}
