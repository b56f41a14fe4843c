//! Joins by foreign key by hand, and against a join of both tables from scratch.

mod scattered;

use crate::operator::join::rig::{Joined, Rig, Row, Step, Values, check_cuts, rows};
use crate::topology::{Join, JoinKind, JoinWith, Late, WatermarkPolicy};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Left rows are a primary key and the number that they name, right ones a text and the number that is their primary key.
fn join(kind: JoinKind) -> Join {
    let with = JoinWith::ForeignKey;
    Join { kind, left_key: vec![1], right_key: vec![1], with, late: Late::Skip }
}

fn left(time: i64, key: &str, names: Option<i64>) -> Step {
    Step::Row(Row { input: 0, time, key: Some(key.to_owned()), number: names, deleted: false })
}

fn left_gone(time: i64, key: &str) -> Step {
    Step::Row(Row { input: 0, time, key: Some(key.to_owned()), number: None, deleted: true })
}

fn right(time: i64, key: i64, text: &str) -> Step {
    let text = Some(text.to_owned());
    Step::Row(Row { input: 1, time, key: text, number: Some(key), deleted: false })
}

fn right_gone(time: i64, key: i64) -> Step {
    Step::Row(Row { input: 1, time, key: None, number: Some(key), deleted: true })
}

/// `12 a: 7+text was 8+-`, or `12 a: gone was 7+text`.
fn show(rows: &[Joined]) -> Vec<String> {
    let pair = |(_, left, right): &Values| {
        let names = left.1.map_or("-".to_owned(), |number| number.to_string());
        format!("{names}+{}", right.0.as_deref().unwrap_or("-"))
    };
    let show = |row: &Joined| {
        let now = if row.deleted { "gone".to_owned() } else { pair(&row.values) };
        let was = row.old.as_ref().map_or(String::new(), |old| format!(" was {}", pair(old)));
        format!("{} {}: {now}{was}", row.time, row.values.0.as_deref().unwrap_or_default())
    };
    rows.iter().map(show).collect()
}

fn steps() -> Vec<Step> {
    vec![
        left(10, "a", Some(1)),
        right(20, 1, "one"),
        left(30, "b", Some(1)),
        left(31, "c", None),
        right(25, 1, "uno"),
        left(40, "a", Some(2)),
        right(50, 2, "two"),
        right_gone(60, 1),
        right_gone(65, 1),
        left_gone(70, "b"),
        left(80, "a", None),
        left_gone(90, "a"),
    ]
}

#[test]
fn an_inner_join_has_the_left_rows_whose_partner_is_there() {
    let mut rig = Rig::new(&join(JoinKind::Inner), WatermarkPolicy::Min);
    let expected = [
        "20 a: 1+one",
        "30 b: 1+one",
        "25 a: 1+uno was 1+one",
        "30 b: 1+uno was 1+one",
        "40 a: gone was 1+uno",
        "50 a: 2+two",
        "60 b: gone was 1+uno",
        // Told although it was not there any more, as Kafka Streams does.
        "70 b: gone",
        "80 a: gone was 2+two",
    ];
    assert_eq!(show(&rows(&rig.feed_all(&steps()))), expected);
    // What asks, left rows, right rows, results.
    assert_eq!(rig.stored(), [0, 0, 1, 0]);
}

#[test]
fn a_left_join_has_all_left_rows() {
    let mut rig = Rig::new(&join(JoinKind::Left), WatermarkPolicy::Min);
    let expected = [
        "10 a: 1+-",
        "20 a: 1+one was 1+-",
        "30 b: 1+one",
        "31 c: -+-",
        "25 a: 1+uno was 1+one",
        "30 b: 1+uno was 1+one",
        "40 a: 2+- was 1+uno",
        "50 a: 2+two was 2+-",
        "60 b: 1+- was 1+uno",
        "70 b: gone was 1+-",
        "80 a: -+- was 2+two",
        "90 a: gone was -+-",
    ];
    assert_eq!(show(&rows(&rig.feed_all(&steps()))), expected);
    assert_eq!(rig.stored(), [1, 0, 1, 1]);
}

#[test]
fn primary_keys_that_are_null_are_left_out() {
    let mut rig = Rig::new(&join(JoinKind::Left), WatermarkPolicy::Min);
    let null = |input| Step::Row(Row { input, time: 1, key: None, number: None, deleted: false });
    assert_eq!(rows(&rig.feed_all(&[null(0), null(1)])), []);
    assert_eq!((rig.fates.null_key, rig.stored()), (2, vec![0; 4]));
}

#[derive(Default)]
struct Model {
    left: BTreeMap<String, (i64, Option<i64>)>,
    right: BTreeMap<i64, (i64, Option<String>)>,
}

impl Model {
    /// The result for a left row, from scratch.
    fn result(&self, kind: JoinKind, key: &str) -> Option<Values> {
        let (_, names) = self.left.get(key)?;
        let partner = names.and_then(|names| Some((names, self.right.get(&names)?)));
        let own = (Some(key.to_owned()), *names);
        match partner {
            Some((names, (_, text))) => {
                Some((Some(key.to_owned()), own, (text.clone(), Some(names))))
            }
            None if kind == JoinKind::Left => Some((Some(key.to_owned()), own, (None, None))),
            None => None,
        }
    }

    fn results(&self, kind: JoinKind) -> BTreeMap<String, Values> {
        let all = self.left.keys().map(|key| Some((key.clone(), self.result(kind, key)?)));
        all.flatten().collect()
    }

    fn apply(&mut self, row: &Row) {
        match (row.input, &row.key, row.number) {
            (0, Some(key), _) if row.deleted => drop(self.left.remove(key)),
            (0, Some(key), names) => drop(self.left.insert(key.clone(), (row.time, names))),
            (1, _, Some(key)) if row.deleted => drop(self.right.remove(&key)),
            (1, text, Some(key)) => drop(self.right.insert(key, (row.time, text.clone()))),
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn the_result_is_that_of_a_join_from_scratch(
        kind in prop_oneof![Just(JoinKind::Inner), Just(JoinKind::Left)],
        steps in prop::collection::vec((0..2_usize, 0..100_i64, 0..4_u8, 0..4_i64, 0..5_u8), 0..60),
        cuts in prop::collection::vec(0..60_usize, 0..10),
        stop in 0..60_usize,
    ) {
        let row = |(number, (input, time, key, names, call)): (usize, (usize, i64, u8, i64, u8))| Row {
            input,
            time,
            key: match input {
                0 => (key > 0).then(|| key.to_string()),
                _ => Some(number.to_string()),
            },
            number: (names > 0).then_some(names),
            deleted: call == 0,
        };
        let fed: Vec<Row> = (0..).zip(steps).map(row).collect();
        let steps: Vec<Step> = fed.iter().cloned().map(Step::Row).collect();
        let (out, _) = check_cuts((&join(kind), WatermarkPolicy::Min), &steps, &cuts, stop);
        // What is told leads from each result to the next.
        let (mut model, mut told) = (Model::default(), rows(&out).into_iter());
        let mut rig = Rig::new(&join(kind), WatermarkPolicy::Min);
        for row in &fed {
            let mut result = model.results(kind);
            model.apply(row);
            for change in rows(&rig.feed_all(&[Step::Row(row.clone())])) {
                let next = told.next();
                prop_assert_eq!(Some(&change), next.as_ref());
                let key = change.values.0.clone().unwrap();
                prop_assert_eq!(result.get(&key), change.old.as_ref());
                if change.deleted {
                    result.remove(&key);
                } else {
                    result.insert(key, change.values);
                }
            }
            prop_assert_eq!(result, model.results(kind));
        }
        prop_assert!(told.next().is_none());
    }
}
