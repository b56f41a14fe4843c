//! Bin packing: rows of an interval sorted by (key, order), the i-th row of each key in bin i.
//!
//! So no bin holds a key twice, and bins delivered one after the other keep each key's order even when a store takes
//! only a part of a request and the rest is sent again.

use crate::sink::held::HeldRows;

/// The rows of an interval in delivery order: by bin, within a bin by key. Items are (bin from 1, row number).
///
/// Rows that compare equal in key and order keep the order in which they came.
#[must_use]
pub fn pack(rows: &HeldRows) -> Vec<(u32, usize)> {
    let mut sorted: Vec<usize> = (0..rows.len()).collect();
    sorted.sort_by(|&a, &b| rows.bin(a).cmp(&rows.bin(b)));
    let mut packed = Vec::with_capacity(sorted.len());
    let (mut bin, mut last) = (0, None);
    for row in sorted {
        let key = rows.bin(row).0;
        bin = if last == Some(key) { bin + 1 } else { 1 };
        last = Some(key);
        packed.push((bin, row));
    }
    // Stable: within a bin, rows stay sorted by key.
    packed.sort_by_key(|(bin, _)| *bin);
    packed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::held::SinkRow;
    use crate::sink::progress::{InputPartition, Lane};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn held(rows: &[(u8, u8)]) -> HeldRows {
        let mut held = HeldRows::default();
        for (key, order) in rows {
            let partition = InputPartition { source: 0, partition: 0 };
            let row = SinkRow {
                key: None,
                value: None,
                headers: &[],
                fields: None,
                timestamp: 0,
                partition,
                offset: 0,
            };
            held.push(&row, Lane(0), Some((&[*key], &[*order])));
        }
        held
    }

    #[test]
    fn the_ith_row_of_each_key_goes_into_bin_i() {
        let rows = held(&[(2, 9), (1, 5), (1, 3), (2, 1), (1, 4)]);
        assert_eq!(pack(&rows), [(1, 2), (1, 3), (2, 4), (2, 0), (3, 1)]);
    }

    proptest! {
        #[test]
        fn bins_hold_a_key_once_and_keys_keep_their_order(
            rows in prop::collection::vec((0u8..5, any::<u8>()), 0..60)
        ) {
            let packed = pack(&held(&rows));
            let numbers: BTreeSet<usize> = packed.iter().map(|(_, row)| *row).collect();
            prop_assert_eq!(numbers.len(), rows.len());
            prop_assert!(packed.is_sorted_by_key(|(bin, _)| *bin));
            let in_bins: BTreeSet<(u32, u8)> = packed.iter().map(|(bin, row)| (*bin, rows[*row].0)).collect();
            prop_assert_eq!(in_bins.len(), rows.len(), "a bin holds a key twice");
            for key in 0..5 {
                let of_key: Vec<_> = packed.iter().filter(|(_, row)| rows[*row].0 == key).collect();
                prop_assert!(of_key.is_sorted_by_key(|(_, row)| (rows[*row].1, *row)));
                prop_assert!(of_key.iter().zip(1..).all(|((bin, _), expected)| *bin == expected));
            }
        }
    }
}
