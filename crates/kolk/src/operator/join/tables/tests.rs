//! Joins of tables by hand, and against a join of both tables from scratch after every change.

use crate::operator::join::rig::{Joined, Rig, Row, Step, Values, check_cuts, row, rows};
use crate::topology::{Join, JoinKind, JoinWith, Late, WatermarkPolicy};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn join(kind: JoinKind) -> Join {
    let with = JoinWith::Tables;
    Join { kind, left_key: vec![0], right_key: vec![0], with, late: Late::Skip }
}

fn gone(input: usize, time: i64, key: &str) -> Step {
    Step::Row(Row { input, time, key: Some(key.to_owned()), number: None, deleted: true })
}

/// `12 a: 1+2 was 1+-`, or `12 a: gone was 1+2`.
fn show(rows: &[Joined]) -> Vec<String> {
    let number = |of: Option<i64>| of.map_or("-".to_owned(), |number| number.to_string());
    let pair = |(_, left, right): &Values| format!("{}+{}", number(left.1), number(right.1));
    let show = |row: &Joined| {
        let now = if row.deleted { "gone".to_owned() } else { pair(&row.values) };
        let was = row.old.as_ref().map_or(String::new(), |old| format!(" was {}", pair(old)));
        format!("{} {}: {now}{was}", row.time, row.values.0.as_deref().unwrap_or_default())
    };
    rows.iter().map(show).collect()
}

#[test]
fn the_result_follows_both_tables_and_deletes_only_what_was_there() {
    let steps = [
        row(0, 10, "a", 1),
        row(1, 20, "a", 2),
        row(0, 15, "a", 3),
        gone(1, 30, "b"),
        gone(1, 30, "a"),
        gone(1, 35, "a"),
        row(1, 40, "b", 4),
        gone(0, 50, "b"),
        gone(0, 50, "a"),
        gone(0, 60, "a"),
    ];
    for (kind, expected) in [
        (JoinKind::Inner, vec!["20 a: 1+2", "20 a: 3+2 was 1+2", "30 a: gone was 3+2"]),
        (
            JoinKind::Left,
            vec![
                "10 a: 1+-",
                "20 a: 1+2 was 1+-",
                "20 a: 3+2 was 1+2",
                "30 a: 3+- was 3+2",
                "35 a: 3+- was 3+-",
                "50 a: gone was 3+-",
            ],
        ),
        (
            JoinKind::Right,
            vec![
                "20 a: 1+2",
                "20 a: 3+2 was 1+2",
                "30 a: gone was 3+2",
                "40 b: -+4",
                "50 b: -+4 was -+4",
            ],
        ),
        (
            JoinKind::Full,
            vec![
                "10 a: 1+-",
                "20 a: 1+2 was 1+-",
                "20 a: 3+2 was 1+2",
                "30 a: 3+- was 3+2",
                "35 a: 3+- was 3+-",
                "40 b: -+4",
                "50 b: -+4 was -+4",
                "50 a: gone was 3+-",
            ],
        ),
    ] {
        let mut rig = Rig::new(&join(kind), WatermarkPolicy::Min);
        assert_eq!(show(&rows(&rig.feed_all(&steps))), expected, "{kind:?}");
        assert_eq!(rig.stored(), [0, 1]);
        assert_eq!((rig.fates.taken, rig.fates.made), (10, expected.len() as u64));
    }
}

#[test]
fn a_side_that_is_not_there_is_null_in_all_its_columns() {
    let mut rig = Rig::new(&join(JoinKind::Full), WatermarkPolicy::Min);
    let out = rows(&rig.feed_all(&[row(0, 1, "a", 1), row(1, 2, "a", 2), gone(0, 3, "a")]));
    let key = || Some("a".to_owned());
    assert_eq!(out[2].values, (key(), (None, None), (key(), Some(2))));
    assert_eq!(out[2].old, Some((key(), (key(), Some(1)), (key(), Some(2)))));
}

#[test]
fn a_row_whose_key_is_null_is_left_out() {
    let mut rig = Rig::new(&join(JoinKind::Full), WatermarkPolicy::Max);
    let null = Row { input: 0, time: 1, key: None, number: Some(1), deleted: false };
    assert_eq!(rows(&rig.feed_all(&[Step::Row(null)])), []);
    assert_eq!((rig.fates.null_key, rig.stored()), (1, vec![0, 0]));
}

type Table = BTreeMap<String, (i64, Option<i64>)>;

/// The result for a key, from scratch.
fn result(kind: JoinKind, tables: &[Table; 2], key: &str) -> Option<(i64, Values)> {
    let [left, right] = tables.each_ref().map(|table| table.get(key));
    let is_there = match kind {
        JoinKind::Inner => left.is_some() && right.is_some(),
        JoinKind::Left => left.is_some(),
        JoinKind::Right => right.is_some(),
        JoinKind::Full => left.is_some() || right.is_some(),
    };
    let side = |row: Option<&(i64, Option<i64>)>| match row {
        Some((_, number)) => (Some(key.to_owned()), *number),
        None => (None, None),
    };
    let time = left.into_iter().chain(right).map(|row| row.0).max()?;
    is_there.then(|| (time, (Some(key.to_owned()), side(left), side(right))))
}

fn expected(kind: JoinKind, steps: &[Step]) -> Vec<Joined> {
    let (mut tables, mut all): ([Table; 2], Vec<Joined>) = Default::default();
    for step in steps {
        let Step::Row(Row { input, time, key: Some(key), number, deleted }) = step else {
            continue;
        };
        let was = result(kind, &tables, key);
        match deleted {
            true => tables[*input].remove(key),
            false => tables[*input].insert(key.clone(), (*time, *number)),
        };
        let old = was.map(|(_, values)| values);
        // The other row's time counts also where the result is deleted.
        let beside = tables[1 - *input].get(key).map_or(i64::MIN, |row| row.0);
        match result(kind, &tables, key) {
            Some((_, values)) => {
                all.push(Joined { time: (*time).max(beside), values, deleted: false, old });
            }
            None if old.is_some() => {
                let nothing = (Some(key.clone()), (None, None), (None, None));
                let time = (*time).max(beside);
                all.push(Joined { time, values: nothing, deleted: true, old });
            }
            None => {}
        }
    }
    all
}

/// What stands beside the key of a deletion is of no matter.
fn without_deleted_values(mut rows: Vec<Joined>) -> Vec<Joined> {
    for row in rows.iter_mut().filter(|row| row.deleted) {
        row.values = (row.values.0.take(), (None, None), (None, None));
    }
    rows
}

proptest! {
    #[test]
    fn does_as_a_join_from_scratch_after_every_change(
        kind in prop_oneof![
            Just(JoinKind::Inner), Just(JoinKind::Left), Just(JoinKind::Right), Just(JoinKind::Full)
        ],
        steps in prop::collection::vec((0..2_usize, 0..100_i64, 0..4_u8, 0..4_u8), 0..60),
        cuts in prop::collection::vec(0..60_usize, 0..10),
        stop in 0..60_usize,
    ) {
        let step = |(number, (input, time, key, call)): (i64, (usize, i64, u8, u8))| Step::Row(Row {
            input,
            time,
            key: (key > 0).then(|| key.to_string()),
            number: (call > 1).then_some(number),
            deleted: call == 0,
        });
        let steps: Vec<Step> = (0..).zip(steps).map(step).collect();
        let (out, _) = check_cuts((&join(kind), WatermarkPolicy::Min), &steps, &cuts, stop);
        prop_assert_eq!(without_deleted_values(rows(&out)), expected(kind, &steps));
    }
}
