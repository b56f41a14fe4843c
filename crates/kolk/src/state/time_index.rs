//! What falls due when event time passes, without a look at what does not.

use std::collections::{BTreeMap, VecDeque};

/// Items by time, in milliseconds: those that are due are taken out in the order of time, and of insertion where times are equal.
///
/// Nothing is taken out early: who moves an item to another time inserts it again, and on its first coming sees from the entry
/// itself that it is not due.
#[derive(Debug)]
pub struct TimeIndex<T> {
    times: BTreeMap<i64, VecDeque<T>>,
    len: usize,
}

impl<T> Default for TimeIndex<T> {
    fn default() -> Self {
        Self { times: BTreeMap::new(), len: 0 }
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
        self.times.entry(time).or_default().push_back(item);
        self.len += 1;
    }

    /// Takes out the first item whose time is at most `bound`.
    pub fn pop_until(&mut self, bound: i64) -> Option<(i64, T)> {
        let mut first = self.times.first_entry().filter(|first| *first.key() <= bound)?;
        let (time, item) = (*first.key(), first.get_mut().pop_front()?);
        if first.get().is_empty() {
            first.remove();
        }
        self.len -= 1;
        Some((time, item))
    }

    /// The earliest time.
    #[must_use]
    pub fn first(&self) -> Option<i64> {
        self.times.first_key_value().map(|(time, _)| *time)
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
