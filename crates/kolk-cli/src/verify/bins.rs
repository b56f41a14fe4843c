//! Bins of one partition: each holds a key at most once, its rows are together, and within an interval they go 1, 2, 3 …
//!
//! An interval begins with bin 1. Two intervals of one bin each, one behind the other, are told apart by the offset that
//! the marker of the transaction between them takes.

use std::collections::{HashMap, HashSet};

use super::field::Rank;

/// Where a partition's bins stand.
#[derive(Debug, Default)]
pub(super) struct BinCheck {
    /// The bin of the last row; 0 before the first.
    bin: u32,
    /// The offset behind the last row.
    next_offset: i64,
    /// Keys of the current bin.
    keys: HashSet<String>,
    /// The last order value of each key in the current interval.
    last: HashMap<String, (Rank, i64)>,
    pub(super) intervals: u64,
    pub(super) bins: u64,
}

/// What is wrong with a row's bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BinProblem {
    /// There is no header, or it holds no number from 1.
    NoNumber,
    /// The number is neither the last one, nor the next, nor 1.
    OutOfTurn {
        /// The bin of the row before.
        after: u32,
        /// The bin of this row.
        bin: u32,
    },
    /// The bin has a row of this key already.
    Twice {
        /// The bin.
        bin: u32,
    },
}

impl BinCheck {
    /// Takes the next row's bin into account.
    pub(super) fn row(
        &mut self,
        header: Option<&[u8]>,
        key: &str,
        offset: i64,
    ) -> Option<BinProblem> {
        let gap = offset > self.next_offset;
        self.next_offset = offset + 1;
        let Some(bin) = bin_of(header) else { return Some(BinProblem::NoNumber) };
        let after = self.bin;
        if bin == 1 && (after != 1 || gap) {
            self.intervals += 1;
            self.last.clear();
            self.begin(bin);
        } else if bin != after {
            self.begin(bin);
            if bin != after + 1 {
                self.keys.insert(key.to_owned());
                return Some(BinProblem::OutOfTurn { after, bin });
            }
        }
        if self.keys.insert(key.to_owned()) { None } else { Some(BinProblem::Twice { bin }) }
    }

    fn begin(&mut self, bin: u32) {
        self.bin = bin;
        self.bins += 1;
        self.keys.clear();
    }

    /// Takes the next row's order value into account; the one before and its offset when it falls within the interval.
    pub(super) fn order(&mut self, key: &str, rank: Rank, offset: i64) -> Option<(Rank, i64)> {
        let before = self.last.get(key).filter(|(last, _)| rank.is_before(last)).cloned();
        if before.is_none() {
            self.last.insert(key.to_owned(), (rank, offset));
        }
        before
    }
}

/// Bins of a stream as each key sees them: 1, 2, 3 …, and 1 again with the next interval.
#[derive(Debug, Default)]
pub(super) struct KeyBins {
    keys: HashMap<String, KeyBin>,
}

/// Where a key stands.
#[derive(Debug, Default)]
struct KeyBin {
    bin: u32,
    /// The last order value of the interval, and where it was.
    last: Option<(Rank, i64)>,
}

impl KeyBins {
    /// Takes the next row of `key` into account.
    pub(super) fn row(&mut self, number: Option<&[u8]>, key: &str) -> Option<BinProblem> {
        let Some(bin) = bin_of(number) else { return Some(BinProblem::NoNumber) };
        let state = self.keys.entry(key.to_owned()).or_default();
        let after = std::mem::replace(&mut state.bin, bin);
        match bin {
            1 => {
                state.last = None;
                None
            }
            _ if bin == after => Some(BinProblem::Twice { bin }),
            _ if bin == after + 1 => None,
            _ => Some(BinProblem::OutOfTurn { after, bin }),
        }
    }

    /// As [`BinCheck::order`].
    pub(super) fn order(&mut self, key: &str, rank: Rank, offset: i64) -> Option<(Rank, i64)> {
        let state = self.keys.entry(key.to_owned()).or_default();
        let before = state.last.as_ref().filter(|(last, _)| rank.is_before(last)).cloned();
        if before.is_none() {
            state.last = Some((rank, offset));
        }
        before
    }
}

/// The number of a bin, from 1 on.
fn bin_of(number: Option<&[u8]>) -> Option<u32> {
    let number = number.and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse::<u32>().ok());
    number.filter(|bin| *bin > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_stream_sees_bins_that_rise_or_begin_again() {
        let check = |bins: &[&str]| {
            let mut keys = KeyBins::default();
            let rows = bins.iter().map(|bin| keys.row(Some(bin.as_bytes()), "a"));
            rows.last().flatten()
        };
        assert_eq!(check(&["1", "2", "1", "1", "2", "3"]), None);
        assert_eq!(check(&["1", "2", "2"]), Some(BinProblem::Twice { bin: 2 }));
        assert_eq!(check(&["1", "3"]), Some(BinProblem::OutOfTurn { after: 1, bin: 3 }));
        assert_eq!(check(&["2"]), Some(BinProblem::OutOfTurn { after: 0, bin: 2 }));
        assert_eq!(check(&["x"]), Some(BinProblem::NoNumber));
    }

    /// Rows as `offset bin key`, and what is wrong with each.
    fn check(rows: &[(i64, &str, &str)]) -> (Vec<Option<BinProblem>>, u64) {
        let mut check = BinCheck::default();
        let problems = rows
            .iter()
            .map(|(offset, bin, key)| check.row(Some(bin.as_bytes()), key, *offset))
            .collect();
        (problems, check.intervals)
    }

    #[test]
    fn bins_that_rise_within_intervals_are_right() {
        let rows = [
            (0, "1", "a"),
            (1, "1", "b"),
            (2, "2", "a"),
            (3, "3", "a"),
            (5, "1", "a"),
            // Behind a marker: another interval of one bin.
            (7, "1", "a"),
            (8, "1", "b"),
        ];
        let (problems, intervals) = check(&rows);
        assert!(problems.iter().all(Option::is_none), "{problems:?}");
        assert_eq!(intervals, 3);
    }

    #[test]
    fn each_kind_of_disorder_is_found() {
        let last = |rows: &[(i64, &str, &str)]| check(rows).0.pop().flatten();
        assert_eq!(last(&[(0, "1", "a"), (1, "1", "a")]), Some(BinProblem::Twice { bin: 1 }));
        assert_eq!(
            last(&[(0, "1", "a"), (1, "2", "a"), (2, "2", "b"), (4, "2", "a")]),
            Some(BinProblem::Twice { bin: 2 })
        );
        assert_eq!(
            last(&[(0, "1", "a"), (1, "3", "a")]),
            Some(BinProblem::OutOfTurn { after: 1, bin: 3 })
        );
        assert_eq!(
            last(&[(0, "1", "a"), (1, "2", "a"), (2, "3", "a"), (3, "2", "b")]),
            Some(BinProblem::OutOfTurn { after: 3, bin: 2 })
        );
        assert_eq!(last(&[(0, "2", "a")]), Some(BinProblem::OutOfTurn { after: 0, bin: 2 }));
        assert_eq!(last(&[(0, "zero", "a")]), Some(BinProblem::NoNumber));
        assert_eq!(last(&[(0, "0", "a")]), Some(BinProblem::NoNumber));
        assert_eq!(BinCheck::default().row(None, "a", 0), Some(BinProblem::NoNumber));
    }
}
