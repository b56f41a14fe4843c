//! What falls due when event time passes, without a look at what does not.

use std::collections::{BTreeMap, VecDeque};

/// A bucket spans 2 to the power of so many milliseconds: about a second.
const SPAN_BITS: u32 = 10;

/// Items by time, in milliseconds: those that are due are taken out in the order of time, and of insertion where times are equal.
///
/// Nothing is taken out early: who moves an item to another time inserts it again, and on its first coming sees from the entry
/// itself that it is not due.
///
/// Items wait in buckets, and a bucket is sorted when its time comes: an item costs about as much as pushing to a list, however
/// many there are.
#[derive(Debug)]
pub struct TimeIndex<T> {
    /// Buckets by time; none of them is `now` or earlier while something of `now` is left.
    later: BTreeMap<i64, Bucket<T>>,
    /// The bucket whose time has come, sorted.
    due: VecDeque<(i64, T)>,
    /// What was inserted for `now` or earlier after `due` was sorted.
    late: BTreeMap<i64, VecDeque<T>>,
    now: i64,
    len: usize,
}

#[derive(Debug)]
struct Bucket<T> {
    first: i64,
    items: Vec<(i64, T)>,
}

impl<T> Default for TimeIndex<T> {
    fn default() -> Self {
        Self {
            later: BTreeMap::new(),
            due: VecDeque::new(),
            late: BTreeMap::new(),
            now: i64::MIN,
            len: 0,
        }
    }
}

impl<T> TimeIndex<T> {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an item at a time.
    pub fn insert(&mut self, time: i64, item: T) {
        let bucket = time >> SPAN_BITS;
        if bucket <= self.now && !self.is_idle() {
            self.late.entry(time).or_default().push_back(item);
        } else {
            let new = || Bucket { first: time, items: Vec::new() };
            let bucket = self.later.entry(bucket).or_insert_with(new);
            bucket.first = bucket.first.min(time);
            bucket.items.push((time, item));
        }
        self.len += 1;
    }

    /// Whether nothing of the bucket `now` is left.
    fn is_idle(&self) -> bool {
        self.due.is_empty() && self.late.is_empty()
    }

    /// Takes out the first item whose time is at most `bound`.
    pub fn pop_until(&mut self, bound: i64) -> Option<(i64, T)> {
        if self.is_idle() {
            self.open_bucket(bound);
        }
        let late = self.late.first_key_value().map_or(i64::MAX, |(time, _)| *time);
        let item = match self.due.front() {
            // At equal times those of the bucket came first.
            Some((time, _)) if *time <= late => self.due.pop_front_if(|item| item.0 <= bound)?,
            _ => self.pop_late(bound)?,
        };
        self.len -= 1;
        Some(item)
    }

    /// Sorts the first bucket, if something in it is due.
    fn open_bucket(&mut self, bound: i64) {
        let Some(first) = self.later.first_entry().filter(|first| first.get().first <= bound)
        else {
            return;
        };
        self.now = *first.key();
        let mut items = first.remove().items;
        items.sort_by_key(|item| item.0);
        self.due = items.into();
    }

    fn pop_late(&mut self, bound: i64) -> Option<(i64, T)> {
        let mut first = self.late.first_entry().filter(|first| *first.key() <= bound)?;
        let (time, item) = (*first.key(), first.get_mut().pop_front()?);
        if first.get().is_empty() {
            first.remove();
        }
        Some((time, item))
    }

    /// The earliest time.
    #[must_use]
    pub fn first(&self) -> Option<i64> {
        let due = self.due.front().map(|item| item.0);
        let late = self.late.first_key_value().map(|(time, _)| *time);
        let of_now = due.into_iter().chain(late).min();
        of_now.or_else(|| self.later.first_key_value().map(|(_, bucket)| bucket.first))
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// About the memory held, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len * size_of::<(i64, T)>() + self.later.len() * size_of::<(i64, Bucket<T>)>()
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_due_comes_in_the_order_of_time_and_insertion() {
        let mut index = TimeIndex::new();
        for (time, item) in [(20, 'a'), (10, 'b'), (20, 'c'), (30, 'd'), (-5, 'e')] {
            index.insert(time, item);
        }
        assert_eq!(index.first(), Some(-5));
        let due: Vec<_> = std::iter::from_fn(|| index.pop_until(20)).collect();
        assert_eq!(due, [(-5, 'e'), (10, 'b'), (20, 'a'), (20, 'c')]);
        index.insert(15, 'f');
        assert_eq!(index.len(), 2);
        let due: Vec<_> = std::iter::from_fn(|| index.pop_until(i64::MAX)).collect();
        assert_eq!(due, [(15, 'f'), (30, 'd')]);
        assert_eq!(index.first(), None);
    }

    #[test]
    fn what_comes_late_into_an_open_bucket_finds_its_place() {
        let mut index = TimeIndex::new();
        for time in [1, 5, 9] {
            index.insert(time, 'a');
        }
        assert_eq!(index.pop_until(1), Some((1, 'a')));
        for time in [5, 0, 9, 2_000] {
            index.insert(time, 'b');
        }
        assert_eq!(index.first(), Some(0));
        let due: Vec<_> = std::iter::from_fn(|| index.pop_until(i64::MAX)).collect();
        assert_eq!(due, [(0, 'b'), (5, 'a'), (5, 'b'), (9, 'a'), (9, 'b'), (2_000, 'b')]);
    }

    #[derive(Debug, Clone)]
    enum Call {
        Insert(i64),
        PopUntil(i64),
    }

    fn call() -> impl Strategy<Value = Call> {
        let time = prop_oneof![-5_000..5_000_i64, Just(i64::MIN), Just(i64::MAX), any::<i64>()];
        prop_oneof![3 => time.clone().prop_map(Call::Insert), 1 => time.prop_map(Call::PopUntil)]
    }

    proptest! {
        #[test]
        fn does_as_a_sorted_list(calls in prop::collection::vec(call(), 0..300)) {
            let mut index = TimeIndex::new();
            let mut model: Vec<(i64, usize)> = Vec::new();
            for (number, call) in calls.into_iter().enumerate() {
                match call {
                    Call::Insert(time) => {
                        index.insert(time, number);
                        model.push((time, number));
                        model.sort_unstable();
                    }
                    Call::PopUntil(bound) => {
                        let due: Vec<_> = std::iter::from_fn(|| index.pop_until(bound)).collect();
                        let expected: Vec<_> = model.extract_if(.., |item| item.0 <= bound).collect();
                        prop_assert_eq!(due, expected);
                    }
                }
                prop_assert_eq!(index.first(), model.first().map(|item| item.0));
                prop_assert_eq!(index.len(), model.len());
            }
        }
    }
}
