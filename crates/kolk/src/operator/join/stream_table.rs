//! A join of a stream and a table: each row of the stream goes out beside the table's row of that moment.
//!
//! Changes of the table put out nothing. A row of the stream whose key has a NULL, or is not in the table, is put out alone by a left
//! join and left out by an inner one; a row without a value is none.

use super::latest::{Latest, whole};
use super::shape::{Shape, Side};
use super::stored::Stored;
use crate::operator::chunk::Chunk;
use crate::operator::column::Vector;
use crate::operator::operate::{Context, Fates, Operate};
use crate::state::keys::Keys;
use crate::state::row::Corrupt;
use crate::state::{EntryId, Store};

/// Joins a stream, the left input, and a table.
#[derive(Debug)]
pub(super) struct StreamTableJoin {
    shape: Shape,
    table: Latest,
    keys: Keys,
    found: Vec<Option<EntryId>>,
}

impl StreamTableJoin {
    pub(super) fn new(shape: Shape) -> Self {
        let table = Latest::new("right", &shape.types.right);
        Self { shape, table, keys: Keys::new(), found: Vec::new() }
    }

    /// Takes changes of the table in.
    fn take_in(&mut self, chunk: &Chunk, fates: &mut Fates) {
        self.keys.encode(&self.shape.key_columns(Side::Right, chunk), chunk.rows);
        let columns: Vec<&Vector> = chunk.columns.iter().collect();
        for row in 0..chunk.rows {
            if self.keys.has_null(row) {
                fates.null_key += 1;
                continue;
            }
            fates.taken += 1;
            let key = self.keys.get(row);
            if !chunk.is_deleted(row) {
                self.table.put(key, chunk.times[row], &[], (&columns, row));
            } else if let Some(entry) = self.table.find(key) {
                self.table.remove(entry);
            }
        }
    }

    /// The rows of the stream that go out, and the table's row for each.
    fn look_up(&mut self, chunk: &Chunk, fates: &mut Fates) -> (Vec<usize>, Vec<Option<EntryId>>) {
        self.keys.encode(&self.shape.key_columns(Side::Left, chunk), chunk.rows);
        self.table.probe(&self.keys, &mut self.found);
        let (mut kept, mut partners) = (Vec::new(), Vec::new());
        for (row, found) in self.found.iter().enumerate() {
            let has_null = self.keys.has_null(row);
            let partner = found.filter(|_| !has_null);
            if chunk.is_deleted(row) {
                fates.filtered += 1;
            } else if partner.is_some() || self.shape.keeps(Side::Left) {
                kept.push(row);
                partners.push(partner);
            } else if has_null {
                fates.null_key += 1;
            } else {
                fates.filtered += 1;
            }
        }
        (kept, partners)
    }
}

impl Operate for StreamTableJoin {
    fn process(&mut self, input: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let nothing = || Chunk { marks: chunk.marks.clone(), ..Chunk::default() };
        if chunk.rows == 0 {
            return nothing();
        }
        if Side::of(input) == Side::Right {
            self.take_in(chunk, context.fates);
            return nothing();
        }
        let (kept, partners) = self.look_up(chunk, context.fates);
        let mut result = chunk.select(&kept);
        if kept.is_empty() {
            return Chunk { marks: result.marks, ..Chunk::default() };
        }
        let mut right = Stored::new(self.table.codec(), &self.shape.types.right);
        for partner in partners {
            right.push_option(partner.map(|entry| self.table.columns(entry)));
        }
        let key = self.shape.keys.left.iter().map(|column| result.columns[*column].clone());
        let mut columns: Vec<Vector> = key.collect();
        columns.append(&mut result.columns);
        columns.extend(right.finish());
        Chunk { columns, deleted: Vec::new(), old: None, ..result }
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        vec![&mut self.table.store]
    }

    fn restored(&mut self, _: Option<i64>) -> Result<(), Corrupt> {
        self.table.check(&self.shape.types.right, whole)
    }
}

#[cfg(test)]
mod tests {
    use crate::operator::join::rig::{Joined, Rig, Row, Step, check_cuts, row, rows};
    use crate::topology::{Join, JoinKind, JoinWith, Late, WatermarkPolicy};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn join(kind: JoinKind) -> Join {
        let with = JoinWith::StreamTable;
        Join { kind, left_key: vec![0], right_key: vec![0], with, late: Late::Skip }
    }

    fn fed(input: usize, key: Option<&str>, number: Option<i64>, deleted: bool) -> Step {
        Step::Row(Row { input, time: 7, key: key.map(str::to_owned), number, deleted })
    }

    fn numbers(rows: &[Joined]) -> Vec<(i64, Option<i64>, Option<i64>)> {
        rows.iter().map(|row| (row.time, row.values.1.1, row.values.2.1)).collect()
    }

    #[test]
    fn rows_of_the_stream_meet_the_table_as_it_is() {
        let steps = [
            row(0, 5, "a", 1),
            row(1, 90, "a", 2),
            row(0, 6, "a", 3),
            fed(1, Some("a"), None, true),
            row(0, 8, "a", 4),
            fed(0, None, Some(5), false),
            fed(0, Some("a"), None, true),
        ];
        let mut inner = Rig::new(&join(JoinKind::Inner), WatermarkPolicy::Min);
        assert_eq!(numbers(&rows(&inner.feed_all(&steps))), [(6, Some(3), Some(2))]);
        let mut left = Rig::new(&join(JoinKind::Left), WatermarkPolicy::Min);
        let expected =
            [(5, Some(1), None), (6, Some(3), Some(2)), (8, Some(4), None), (7, Some(5), None)];
        assert_eq!(numbers(&rows(&left.feed_all(&steps))), expected);
        for (rig, filtered, null_key) in [(inner, 3, 1), (left, 1, 0)] {
            let fates = rig.fates;
            let seen = (fates.taken, fates.filtered, fates.null_key, fates.made);
            assert_eq!(seen, (2, filtered, null_key, 0));
        }
    }

    proptest! {
        #[test]
        fn does_as_a_map(
            keeps in any::<bool>(),
            steps in prop::collection::vec((0..2_usize, 0..4_u8, 0..4_u8), 0..60),
            cuts in prop::collection::vec(0..60_usize, 0..10),
            stop in 0..60_usize,
        ) {
            let kind = if keeps { JoinKind::Left } else { JoinKind::Inner };
            let (mut steps_fed, mut expected) = (Vec::new(), Vec::new());
            let mut table: BTreeMap<u8, i64> = BTreeMap::new();
            for (number, (input, key, call)) in (0_i64..).zip(steps) {
                let name = (key > 0).then(|| key.to_string());
                steps_fed.push(fed(input, name.as_deref(), Some(number), call == 0));
                match (input, call) {
                    (1, 0) => drop(table.remove(&key)),
                    (1, _) if key > 0 => drop(table.insert(key, number)),
                    (0, 1..) => {
                        let partner = table.get(&key).copied();
                        let goes = keeps || partner.is_some();
                        expected.extend(goes.then_some((7, Some(number), partner)));
                    }
                    _ => {}
                }
            }
            let run = (&join(kind), WatermarkPolicy::Min);
            let (out, _) = check_cuts(run, &steps_fed, &cuts, stop);
            prop_assert_eq!(numbers(&rows(&out)), expected);
        }
    }
}
