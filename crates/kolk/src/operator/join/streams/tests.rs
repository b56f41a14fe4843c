//! Joins of streams by hand: the dynamic joiner's steps, and what Kafka Streams does beside what `min` does.

use super::*;
use crate::operator::join::rig::{Joined, Out, Rig, Row as Fed, Step, row, rows};
use crate::topology::{Join, JoinKind, JoinWith};
use std::time::Duration;

const MINUTE: i64 = 60_000;

pub(super) fn join(
    kind: JoinKind,
    (before, after, grace): (u64, u64, u64),
    unmatched: Unmatched,
) -> Join {
    let [before, after, grace] = [before, after, grace].map(Duration::from_millis);
    let with = JoinWith::Streams { before, after, grace, unmatched };
    Join { kind, left_key: vec![0], right_key: vec![0], with, late: Late::Skip }
}

/// `12:left 1+right 2`, the key left out.
fn show(rows: &[Joined]) -> Vec<String> {
    let side = |(_, number): &(Option<String>, Option<i64>)| {
        number.map_or("-".to_owned(), |number| number.to_string())
    };
    let show = |row: &Joined| {
        let (_, left, right) = &row.values;
        format!("{}: {}+{}", row.time, side(left), side(right))
    };
    rows.iter().map(show).collect()
}

fn visit(minutes: i64, seconds: i64, page: &str, number: i64) -> Step {
    row(0, minutes * MINUTE + seconds * 1_000, page, number)
}

fn ad(minutes: i64, seconds: i64, page: &str, number: i64) -> Step {
    row(1, minutes * MINUTE + seconds * 1_000, page, number)
}

/// The dynamic joiner: minutes since 08:00, watermarks as two inputs with a delay of 10 minutes have them.
fn steps() -> Vec<(Vec<Step>, Vec<&'static str>)> {
    let watermark =
        |minutes: i64, seconds: i64| Step::Watermark(minutes * MINUTE + seconds * 1_000);
    vec![
        // 7: no ad yet, so no watermark.
        (vec![visit(18, 0, "home", 1), visit(20, 0, "home", 2)], vec![]),
        // 8
        (vec![ad(18, 15, "home", 101), watermark(8, 15)], vec!["1095000: 1+101"]),
        // 9
        (vec![visit(58, 0, "category1", 3), visit(60, 0, "category2", 4)], vec![]),
        // 10: visit-2 alone.
        (vec![ad(60, 15, "category3", 102), watermark(50, 0)], vec!["1200000: 2+-"]),
        // 11
        (vec![ad(70, 30, "category4", 103)], vec![]),
        // 12: visit-5, which is not late, and whose time does not fit.
        (vec![visit(58, 0, "category4", 5)], vec![]),
        // 13
        (vec![visit(69, 0, "category4", 6), watermark(59, 0)], vec!["4230000: 6+103"]),
        // 14: a visit of another key moves the time of all: visit-3 and visit-5 alone.
        (
            vec![visit(129, 0, "category6", 100), watermark(60, 30)],
            vec!["3480000: 3+-", "3480000: 5+-"],
        ),
    ]
}

fn joiner() -> Rig {
    let join = join(JoinKind::Left, (0, 120_000, 0), Unmatched::WhenPassed);
    Rig::new(&join, WatermarkPolicy::Min)
}

#[test]
fn the_dynamic_joiner_step_by_step() {
    let mut joiner = joiner();
    for (number, (step, expected)) in (7..).zip(steps()) {
        assert_eq!(show(&rows(&joiner.feed_all(&step))), expected, "step {number}");
    }
    // visit-4, visit-6 and visit-100 may still meet an ad, and the ad of 09:10:30 a visit.
    assert_eq!(joiner.stored(), [3, 1]);
    assert_eq!((joiner.fates.taken, joiner.fates.made), (10, 5));
}

#[test]
fn the_dynamic_joiner_in_one_go_and_in_any_cuts() {
    let all: Vec<Step> = steps().into_iter().flat_map(|(step, _)| step).collect();
    let expected: Vec<&str> = steps().into_iter().flat_map(|(_, expected)| expected).collect();
    assert_eq!(show(&rows(&joiner().feed_all(&all))), expected);
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..100 {
        let cuts: Vec<usize> = (0..all.len()).filter(|_| random.bool()).collect();
        assert_eq!(show(&rows(&joiner().feed(&all, &cuts))), expected, "cuts {cuts:?}");
    }
}

#[test]
fn a_bound_passes_one_millisecond_behind_it() {
    let bounds = (2, 3, 0);
    let mut full =
        Rig::new(&join(JoinKind::Full, bounds, Unmatched::WhenPassed), WatermarkPolicy::Min);
    let steps = [
        row(0, 10, "a", 1),
        row(1, 20, "b", 2),
        Step::Watermark(13),
        Step::Watermark(14),
        Step::Watermark(22),
        Step::Watermark(23),
    ];
    let expected = [
        Out::Watermark(10),
        Out::Row(alone(0, 10, "a", 1)),
        Out::Watermark(19),
        Out::Row(alone(1, 20, "b", 2)),
        Out::Watermark(20),
    ];
    let cuts: Vec<usize> = (0..steps.len()).collect();
    assert_eq!(full.feed(&steps, &cuts), expected);
    assert_eq!(full.stored(), [0, 0]);
}

fn alone(input: usize, time: i64, key: &str, number: i64) -> Joined {
    let (key, nobody) = (Some(key.to_owned()), (None, None));
    let own = (key.clone(), Some(number));
    let values = if input == 0 { (key, own, nobody) } else { (key, nobody, own) };
    Joined { time, values, deleted: false, old: None }
}

#[test]
fn grace_keeps_rows_for_those_that_come_late() {
    let kinds = join(JoinKind::Left, (0, 10, 5), Unmatched::WhenPassed);
    let mut join = Rig::new(&kinds, WatermarkPolicy::Min);
    let steps = [
        row(0, 100, "a", 1),
        Step::Watermark(115),
        row(1, 110, "a", 2),
        row(1, 109, "a", 3),
        Step::Watermark(116),
    ];
    assert_eq!(show(&rows(&join.feed_all(&steps))), ["110: 1+2"]);
    assert_eq!((join.fates.late, join.fates.taken), (1, 2));
}

#[test]
fn a_late_row_is_told_to_those_who_want_it() {
    let mut kinds = join(JoinKind::Left, (10, 10, 0), Unmatched::WhenPassed);
    kinds.late = Late::Topic("late".to_owned());
    let mut join = Rig::new(&kinds, WatermarkPolicy::Min);
    let steps =
        [row(1, 100, "a", 1), Step::Watermark(100), row(0, 99, "a", 2), row(0, 100, "a", 3)];
    assert_eq!(show(&rows(&join.feed_all(&steps))), ["100: 3+1"]);
    let late: Vec<(usize, Vec<i64>)> =
        join.fates.late_rows.iter().map(|chunk| (chunk.rows, chunk.times.clone())).collect();
    assert_eq!(late, [(1, vec![99])]);
}

#[test]
fn a_row_with_a_null_key_goes_alone_where_its_side_is_kept() {
    let null = |input, number| {
        Step::Row(Fed { input, time: 5, key: None, number: Some(number), deleted: false })
    };
    let steps = [null(0, 1), null(1, 2)];
    for (kind, expected, left_out) in [
        (JoinKind::Inner, vec![], 2),
        (JoinKind::Left, vec!["5: 1+-"], 1),
        (JoinKind::Right, vec!["5: -+2"], 1),
        (JoinKind::Full, vec!["5: 1+-", "5: -+2"], 0),
    ] {
        for policy in [WatermarkPolicy::Min, WatermarkPolicy::Max] {
            let mut rig = Rig::new(&join(kind, (1, 1, 0), Unmatched::WhenPassed), policy);
            assert_eq!(show(&rows(&rig.feed_all(&steps))), expected, "{kind:?} {policy:?}");
            assert_eq!((rig.fates.null_key, rig.fates.made), (left_out, 0));
            assert_eq!(rig.stored(), [0, 0]);
        }
    }
}

#[test]
fn a_row_without_a_value_is_none() {
    let mut rig =
        Rig::new(&join(JoinKind::Full, (1, 1, 0), Unmatched::Eagerly), WatermarkPolicy::Max);
    let key = Some("a".to_owned());
    let steps = [Step::Row(Fed { input: 0, time: 5, key, number: None, deleted: true })];
    assert_eq!(rows(&rig.feed_all(&steps)), []);
    assert_eq!((rig.fates.filtered, rig.stored()), (1, vec![0, 0]));
}

/// As a task by policy `max` feeds it: time moves before the row that carries it.
fn by_stream_time(steps: &[Step]) -> Vec<Step> {
    let (mut now, mut all) = (None, Vec::new());
    for step in steps {
        if let Step::Row(row) = step
            && Some(row.time) > now
        {
            now = Some(row.time);
            all.push(Step::Watermark(row.time));
        }
        all.push(step.clone());
    }
    all
}

#[test]
fn eagerly_a_row_goes_at_once_and_again_when_it_is_met() {
    let kinds = join(JoinKind::Left, (11_000, 11_000, 86_378_000), Unmatched::Eagerly);
    let mut rig = Rig::new(&kinds, WatermarkPolicy::Max);
    let steps = [
        row(0, 0, "a", 1),
        row(1, 10_000, "a", 2),
        row(0, 11_000, "b", 3),
        row(0, 30_000, "a", 4),
        row(0, 9_000, "a", 5),
    ];
    let expected = ["0: 1+-", "10000: 1+2", "11000: 3+-", "30000: 4+-", "10000: 5+2"];
    assert_eq!(show(&rows(&rig.feed_all(&by_stream_time(&steps)))), expected);
}

#[test]
fn with_grace_a_row_goes_when_a_row_of_later_time_comes_or_at_once_when_it_is_too_late() {
    let kinds = join(JoinKind::Full, (100, 100, 50), Unmatched::WhenPassed);
    let mut rig = Rig::new(&kinds, WatermarkPolicy::Max);
    let steps = [
        row(0, 1_000, "b", 1),
        row(0, 1_000, "a", 2),
        row(1, 1_000, "c", 3),
        row(0, 1_150, "d", 4),
        // Those of 1000 have waited for more than 150; the right one goes first, then the keys in order.
        row(0, 1_151, "e", 5),
        // Its partners could be of 1000 at most.
        row(1, 900, "f", 6),
        // Too far behind the newest of the left to be met, so it goes and is not kept.
        row(0, 901, "f", 7),
    ];
    let expected = ["1000: -+3", "1000: 2+-", "1000: 1+-", "900: -+6", "901: 7+6"];
    let out = rig.feed_all(&by_stream_time(&steps));
    assert_eq!(show(&rows(&out)), expected);
    assert_eq!((rig.fates.late, rig.fates.taken), (1, 6));
}
