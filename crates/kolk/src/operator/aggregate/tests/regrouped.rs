//! Groups of tables.

use super::*;
use AggregateFunction as F;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn table() -> Setting {
    Setting { collection: Collection::Table, ..Setting::default() }
}

fn change(time: i64, old: &str, new: &str) -> In {
    let cells = |text: &str| (!text.is_empty()).then(|| cells_of(text));
    In::Row { cells: cells(new), time, old: cells(old) }
}

fn count_and_sum() -> Aggregate {
    let calls = vec![call(F::Count, &[], DataType::Bigint), call(F::Sum, &[1], DataType::Bigint)];
    by_user(calls, None, Emit::Changes)
}

#[test]
fn a_change_inside_a_group_is_one_result() {
    let steps = [change(1, "", "a 5"), change(2, "a 5", "a 7"), change(3, "a 7", "a -")];
    assert_eq!(results(&count_and_sum(), &table(), &steps), ["1: a 1 5", "2: a 1 7", "3: a 1 0"]);
}

#[test]
fn a_row_leaves_its_group_before_it_enters_another() {
    let steps =
        [change(9, "", "a 5"), change(2, "a 5", "b 6"), change(3, "b 6", ""), change(4, "", "")];
    let mut running = Running::new(&count_and_sum(), &table()).unwrap();
    let expected = ["9: a 1 5", "9: a 0 0", "2: b 1 6", "3: b 0 0"];
    assert_eq!(rows_of(&running.run(&steps, &[])), expected);
    assert_eq!((running.fates.taken, running.fates.filtered), (3, 1));
}

#[test]
fn a_row_without_a_group_only_leaves() {
    let steps = [change(1, "", "a 5"), change(2, "a 5", "- 6"), change(3, "- 6", "a 1")];
    let mut running = Running::new(&count_and_sum(), &table()).unwrap();
    assert_eq!(rows_of(&running.run(&steps, &[])), ["1: a 1 5", "2: a 0 0", "3: a 1 1"]);
    assert_eq!((running.fates.taken, running.fates.null_key), (2, 1));
}

#[test]
fn results_of_tables_tell_what_they_were_before_when_somebody_asks() {
    let setting = Setting { wants_old: true, ..table() };
    let steps = [change(1, "", "a 5"), change(2, "a 5", "b 6")];
    let expected = ["1: a 1 5 (new)", "2: a 0 0 (was a 1 5)", "2: b 1 6 (new)"];
    assert_eq!(results(&count_and_sum(), &setting, &steps), expected);
}

#[test]
fn where_only_the_last_change_counts_tables_give_one_result_for_each_group() {
    let setting = Setting { updates: Updates::Latest, ..table() };
    let mut running = Running::new(&count_and_sum(), &setting).unwrap();
    let steps =
        [change(1, "", "a 5"), change(2, "a 5", "b 6"), change(3, "b 6", "b 7"), In::Mark(3)];
    assert_eq!(running.run(&steps, &[]), [Out::Mark(3)]);
    assert_eq!(rows_of(&running.flush()), ["2: a 0 0", "3: b 1 7"]);
}

#[test]
fn state_of_another_aggregation_is_refused() {
    let mut running = Running::new(&count_and_sum(), &table()).unwrap();
    running.run(&[change(1, "", "a 5")], &[]);
    let mut changelog = Changelog::new();
    running.restored(&count_and_sum(), None, &mut changelog);
    let other = by_user(vec![call(F::Count, &[], DataType::Bigint)], None, Emit::Changes);
    let mut next = Running::new(&other, &table()).unwrap();
    changelog.iter().for_each(|(key, value)| next.operate.stores()[0].restore(key, Some(value)));
    assert!(next.operate.restored(None).is_err());
}

/// A row of a table: its group and value.
type Row = (u8, Option<i64>);

proptest! {
    /// Each result counts and sums up the rows that are in the group then.
    #[test]
    fn tables_do_as_plain_code_does(
        changes in prop::collection::vec((0..4_u8, prop::option::weighted(0.8, (0..3_u8, prop::option::of(0..9_i64)))), 0..40),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let mut rows: BTreeMap<u8, Row> = BTreeMap::new();
        let (mut steps, mut expected) = (Vec::new(), Vec::new());
        let cells = |row: Option<Row>| match row {
            None => String::new(),
            Some((group, n)) => format!("g{group} {}", n.map_or("-".to_owned(), |n| n.to_string())),
        };
        for (time, (id, new)) in (0..).zip(changes) {
            let old = rows.remove(&id);
            rows.extend(new.map(|row| (id, row)));
            steps.push(change(time, &cells(old), &cells(new)));
            let groups = match (old, new) {
                (Some((old, _)), Some((new, _))) if old != new => vec![(old, true), (new, false)],
                (_, Some((group, _))) | (Some((group, _)), None) => vec![(group, false)],
                (None, None) => vec![],
            };
            for (group, is_leaving) in groups {
                let of: Vec<Option<i64>> = rows.iter()
                    .filter(|(other, row)| row.0 == group && !(is_leaving && **other == id))
                    .map(|(_, row)| row.1)
                    .collect();
                expected.push(format!("{time}: g{group} {} {}", of.len(), of.iter().flatten().sum::<i64>()));
            }
        }
        prop_assert_eq!(results(&count_and_sum(), &table(), &steps), expected.clone());
        let half = cuts.first().map_or(0, |cut| cut % (steps.len() + 1));
        let mut first = Running::new(&count_and_sum(), &table()).unwrap();
        let mut outputs = first.run(&steps[..half], &cuts);
        let mut second = first.restored(&count_and_sum(), None, &mut Changelog::new());
        outputs.extend(second.run(&steps[half..], &cuts));
        prop_assert_eq!(rows_of(&outputs), expected);
    }
}
