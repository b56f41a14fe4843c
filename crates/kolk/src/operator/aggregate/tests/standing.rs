//! Values by offset of tables: rows leave, and those that are left are still in their order.

use super::*;
use AggregateFunction as F;
use proptest::prelude::*;

/// Rows are `user n i`, and `i` is the primary key.
fn table() -> Setting {
    Setting { collection: Collection::Table, key: Some(2), ..Setting::default() }
}

fn change(time: i64, old: &str, new: &str) -> In {
    let cells = |text: &str| (!text.is_empty()).then(|| cells_of(text));
    In::Row { cells: cells(new), time, old: cells(old) }
}

fn by_offset() -> Aggregate {
    let several = DataType::Array(Box::new(DataType::Bigint));
    let calls = vec![
        call(F::EarliestByOffset, &[1], DataType::Bigint),
        call(F::LatestByOffset, &[1], DataType::Bigint),
        with(&[Literal::Boolean(false)], call(F::LatestByOffset, &[1], DataType::Bigint)),
        with(&[Literal::Integer(2)], call(F::EarliestByOffset, &[1], several.clone())),
        with(&[Literal::Integer(2)], call(F::LatestByOffset, &[1], several)),
    ];
    by_user(calls, None, Emit::Changes)
}

#[test]
fn of_rows_with_equal_values_the_right_one_leaves() {
    let steps = [
        change(1, "", "a 7 1"),
        change(2, "", "a 8 2"),
        change(3, "", "a 7 3"),
        change(4, "a 7 1", ""),
        change(5, "a 8 2", "a 9 2"),
        change(6, "a 9 2", "b 9 2"),
        change(7, "a 7 3", "a - 3"),
        change(8, "a - 3", ""),
    ];
    let expected = [
        "1: a 7 7 7 [7] [7]",
        "2: a 7 8 8 [7,8] [7,8]",
        "3: a 7 7 7 [7,8] [8,7]",
        "4: a 8 7 7 [8,7] [8,7]",
        "5: a 7 9 9 [7,9] [7,9]",
        "6: a 7 7 7 [7] [7]",
        "6: b 9 9 9 [9] [9]",
        "7: a null null null [] []",
        "8: a null null null [] []",
    ];
    assert_eq!(results(&by_offset(), &table(), &steps), expected);
}

/// A row that is there: its primary key, group and value.
type Row = (u8, u8, Option<i64>);

/// The results of a group out of the rows that are there, the one that changed last at the end.
fn plain(group: u8, rows: &[Row]) -> String {
    let all: Vec<Option<i64>> = rows.iter().filter(|row| row.1 == group).map(|row| row.2).collect();
    let some: Vec<i64> = all.iter().copied().flatten().collect();
    let one = |value: Option<i64>| value.map_or("null".to_owned(), |value| value.to_string());
    let list = |values: &[i64]| {
        let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
        format!("[{}]", texts.join(","))
    };
    let (first, last) = (one(some.first().copied()), one(some.last().copied()));
    let very_last = one(all.last().copied().flatten());
    let head = list(&some[..some.len().min(2)]);
    let tail = list(&some[some.len().saturating_sub(2)..]);
    format!("g{group} {first} {last} {very_last} {head} {tail}")
}

proptest! {
    #[test]
    fn rows_are_in_the_order_of_their_last_changes(
        changes in prop::collection::vec((0..5_u8, prop::option::weighted(0.8, (0..3_u8, prop::option::of(0..4_i64)))), 0..40),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let mut rows: Vec<Row> = Vec::new();
        let (mut steps, mut expected) = (Vec::new(), Vec::new());
        let cells = |row: Option<Row>| row.map_or(String::new(), |(id, group, n)| {
            format!("g{group} {} {id}", n.map_or("-".to_owned(), |n| n.to_string()))
        });
        for (time, (id, new)) in (0..).zip(changes) {
            let old = rows.iter().position(|row| row.0 == id).map(|at| rows.remove(at));
            let new = new.map(|(group, n)| (id, group, n));
            steps.push(change(time, &cells(old), &cells(new)));
            if let Some((_, group, _)) = old
                && new.is_none_or(|new| new.1 != group)
            {
                expected.push(format!("{time}: {}", plain(group, &rows)));
            }
            rows.extend(new);
            expected.extend(new.map(|new| format!("{time}: {}", plain(new.1, &rows))));
        }
        let half = cuts.first().map_or(0, |cut| cut % (steps.len() + 1));
        let mut first = Running::new(&by_offset(), &table()).unwrap();
        let mut outputs = first.run(&steps[..half], &cuts);
        let mut second = first.restored(&by_offset(), None, &mut Changelog::new());
        outputs.extend(second.run(&steps[half..], &cuts));
        prop_assert_eq!(rows_of(&outputs), expected);
    }
}
