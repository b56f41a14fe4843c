//! Groups of streams, with and without windows.

use super::oracle::{Change, Emits, Output, Step, Windows};
use super::*;
use crate::topology::Window;
use AggregateFunction as F;
use proptest::prelude::*;
use std::time::Duration;

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn hopping(size: u64, advance: u64, grace: u64) -> Windowing {
    let window = Window::Hopping { size: ms(size), advance: ms(advance) };
    Windowing { window, grace: ms(grace), retention: None }
}

fn count() -> AggregateCall {
    call(F::Count, &[], DataType::Bigint)
}

#[test]
fn each_row_gives_the_result_of_its_group() {
    let calls = vec![
        count(),
        call(F::Count, &[1], DataType::Bigint),
        call(F::Sum, &[1], DataType::Bigint),
        call(F::Min, &[1], DataType::Bigint),
        call(F::Max, &[1], DataType::Bigint),
        call(F::Avg, &[1], DataType::Double),
    ];
    let steps = [row(10, "a 4"), row(20, "b -"), row(15, "a -"), row(5, "a -2"), row(30, "- 1")];
    let aggregate = by_user(calls, None, Emit::Changes);
    let expected = [
        "10: a 1 1 4 4 4 4.0",
        "20: b 1 0 0 null null 0.0",
        "15: a 2 1 4 4 4 4.0",
        "15: a 3 2 2 -2 4 1.0",
    ];
    assert_eq!(results(&aggregate, &Setting::default(), &steps), expected);
    let mut running = Running::new(&aggregate, &Setting::default()).unwrap();
    running.run(&steps, &[]);
    let Fates { taken, late, null_key, made, .. } = running.fates;
    assert_eq!((taken, late, null_key, made), (4, 0, 1, 4));
}

#[test]
fn a_row_without_a_value_is_counted_and_nothing_else() {
    let mut running =
        Running::new(&by_user(vec![count()], None, Emit::Changes), &Setting::default()).unwrap();
    let deleted = In::Row { cells: None, time: 3, old: None };
    assert_eq!(running.run(&[deleted], &[]), []);
    assert_eq!(running.fates.filtered, 1);
}

#[test]
fn a_sum_that_does_not_fit_is_null_and_counted_until_it_fits_again() {
    let calls = vec![
        call(F::Sum, &[2], DataType::Integer),
        call(F::Sum, &[1], DataType::Bigint),
        call(F::Sum, &[5], DataType::Decimal { precision: 4, scale: 1 }),
    ];
    let steps = [
        row(1, "a 9223372036854775807 2147483647 - - 9999"),
        row(2, "a 1 1 - - 1"),
        row(3, "a -1 -1 - - -1"),
    ];
    let expected = [
        "1: a 2147483647 9223372036854775807 9999",
        "2: a null null null",
        "3: a 2147483647 9223372036854775807 9999",
    ];
    let mut running =
        Running::new(&by_user(calls, None, Emit::Changes), &Setting::default()).unwrap();
    assert_eq!(rows_of(&running.run(&steps, &[])), expected);
    assert_eq!(running.fates.failed_expressions, 3);
}

#[test]
fn spread_correlation_and_extremes_of_other_types() {
    let calls = vec![
        call(F::StdDevSamp, &[3], DataType::Double),
        call(F::VarSamp, &[3], DataType::Double),
        call(F::Correlation, &[3, 3], DataType::Double),
        call(F::Min, &[4], DataType::String),
        call(F::Max, &[4], DataType::String),
        call(F::Max, &[3], DataType::Double),
        call(F::Sum, &[3], DataType::Double),
    ];
    let steps =
        [row(1, "a - - - -"), row(2, "a - - 2 m"), row(3, "a - - 4 b"), row(4, "a - - NaN z")];
    let expected = [
        "1: a 0.0 0.0 NaN null null null 0.0",
        "2: a 0.0 0.0 NaN m m 2.0 2.0",
        "3: a 1.4142135623730951 2.0 1.0 b m 4.0 6.0",
        "4: a NaN NaN NaN b z NaN NaN",
    ];
    assert_eq!(
        results(&by_user(calls, None, Emit::Changes), &Setting::default(), &steps),
        expected
    );
}

#[test]
fn a_row_is_in_each_window_that_is_still_open() {
    let aggregate = by_user(vec![count()], Some(hopping(20, 10, 5)), Emit::Changes);
    let steps = [row(12, "a"), In::Mark(24), row(13, "a"), In::Mark(25), row(14, "a"), row(3, "b")];
    let expected =
        ["12: a 0 20 1", "12: a 10 30 1", "13: a 0 20 2", "13: a 10 30 2", "14: a 10 30 3"];
    assert_eq!(results(&aggregate, &Setting::default(), &steps), expected);
    let mut running = Running::new(&aggregate, &Setting::default()).unwrap();
    running.run(&steps, &[]);
    assert_eq!((running.fates.taken, running.fates.late), (3, 1));
    let late: Vec<Out> = running.fates.late_rows.iter().flat_map(shown).collect();
    assert_eq!(rows_of(&late), ["3: b null null null null null"]);
}

#[test]
fn final_results_go_out_in_the_order_in_which_windows_end() {
    let aggregate = by_user(vec![count()], Some(hopping(10, 10, 2)), Emit::Final);
    let steps = [
        row(15, "b"),
        row(3, "a"),
        row(4, "b"),
        In::Mark(11),
        row(5, "a"),
        In::Mark(12),
        In::Mark(30),
    ];
    let mut running = Running::new(&aggregate, &Setting::default()).unwrap();
    let shown = running.run(&steps, &[]);
    let row = |cells: &str, time| Out::Row { cells: cells.to_owned(), time };
    // Marks stay behind what may still come: a window's length and grace.
    let expected = [
        Out::Mark(-1),
        row("a 0 10 2", 5),
        row("b 0 10 1", 4),
        Out::Mark(0),
        row("b 10 20 1", 15),
        Out::Mark(18),
    ];
    assert_eq!(shown, expected);
    assert!(running.operate.stores()[0].is_empty());
}

#[test]
fn a_window_closes_with_the_watermark_that_its_own_row_leaves() {
    let aggregate = by_user(vec![count()], Some(hopping(10, 10, 0)), Emit::Final);
    let steps = [row(3, "a"), In::Mark(3), row(25, "a"), In::Mark(25), row(26, "a"), In::Mark(40)];
    let expected = ["3: a 0 10 1", "26: a 20 30 2"];
    assert_eq!(results(&aggregate, &Setting::default(), &steps), expected);
}

#[test]
fn windows_are_kept_as_long_as_asked_for() {
    let windowing = Windowing { retention: Some(ms(50)), ..hopping(10, 10, 0) };
    for emit in [Emit::Changes, Emit::Final] {
        let aggregate = by_user(vec![count()], Some(windowing.clone()), emit);
        let mut running = Running::new(&aggregate, &Setting::default()).unwrap();
        for (watermark, entries) in [(10, 1), (49, 1), (50, 0)] {
            let steps = [row(3, "a"), In::Mark(watermark)];
            running.run(&steps[usize::from(watermark > 10)..], &[]);
            assert_eq!(running.operate.stores()[0].len(), entries, "{emit:?} {watermark}");
        }
    }
}

#[test]
fn where_only_the_last_change_counts_it_goes_out_once_for_each_commit() {
    let setting = Setting { updates: Updates::Latest, ..Setting::default() };
    let aggregate = by_user(vec![count()], Some(hopping(10, 10, 0)), Emit::Changes);
    let mut running = Running::new(&aggregate, &setting).unwrap();
    let steps = [row(3, "a"), row(4, "b"), In::Mark(4), row(5, "a"), row(15, "a"), In::Mark(25)];
    assert_eq!(running.run(&steps, &[3]), [Out::Mark(4), Out::Mark(25)]);
    // Windows that have closed in the meantime go out too.
    let expected = ["5: a 0 10 2", "4: b 0 10 1", "15: a 10 20 1"];
    assert_eq!(rows_of(&running.flush()), expected);
    assert!(running.operate.stores()[0].is_empty());
    let _ = running.restored(&aggregate, Some(25), &mut Changelog::new());
    assert_eq!(running.flush(), []);
}

#[test]
fn results_tell_what_they_were_before_when_somebody_asks() {
    let setting = Setting { wants_old: true, ..Setting::default() };
    let calls = vec![count(), call(F::Max, &[4], DataType::String)];
    let aggregate = by_user(calls, None, Emit::Changes);
    let steps = [row(1, "a - - - x"), row(2, "a - - - y"), row(3, "b")];
    let expected = ["1: a 1 x (new)", "2: a 2 y (was a 1 x)", "3: b 1 null (new)"];
    assert_eq!(results(&aggregate, &setting, &steps), expected);
}

#[test]
fn what_cannot_be_run_is_refused_by_name() {
    let refused = |aggregate: &Aggregate, collection| {
        let setting = Setting { collection, ..Setting::default() };
        Running::new(aggregate, &setting).err().unwrap().to_string()
    };
    let of = |function| vec![call(function, &[1], DataType::Bigint)];
    let latest = by_user(of(F::LatestByOffset), None, Emit::Changes);
    let why = refused(&latest, Collection::Table);
    assert!(
        why.contains("LATEST_BY_OFFSET of a table needs the columns of its primary key"),
        "{why}"
    );
    let never = by_user(vec![count()], None, Emit::Final);
    assert!(refused(&never, Collection::Stream).contains("EMIT FINAL"));
    let sum = by_user(vec![call(F::Sum, &[4], DataType::String)], None, Emit::Changes);
    assert!(refused(&sum, Collection::Stream).contains("SUM does not take (STRING)"));
    let gaps = by_user(vec![count()], Some(hopping(10, 20, 0)), Emit::Changes);
    assert!(refused(&gaps, Collection::Stream).contains("at most the size"));
    let table = by_user(vec![count()], Some(hopping(10, 10, 0)), Emit::Changes);
    assert!(refused(&table, Collection::Table).contains("only for streams"));
}

/// A row's value as the oracle sees it: `n` and `page`.
type Value = (Option<i64>, Option<String>);

/// Rows with disorder, and the watermark that they leave.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step<String, Value>>> {
    let row = (
        prop::option::weighted(0.95, 0..4_u8),
        0..60_i64,
        prop::option::weighted(0.8, -5..5_i64),
        prop::option::weighted(0.8, 0..5_u8),
        0..12_u8,
    );
    let delay = prop::sample::select(vec![0, 10, 50]);
    (prop::collection::vec(row, 0..60), delay).prop_map(|(rows, delay)| {
        let (mut steps, mut now, mut watermark) = (Vec::new(), 0, i64::MIN);
        for (key, back, n, page, more) in rows {
            now += i64::from(more);
            let time = (now - back).max(0);
            let key = key.map(|key| format!("user{key}"));
            let value = (n, page.map(|page| format!("page{page}")));
            steps.push(Step::Row { key, time, value });
            if time - delay > watermark && more % 4 > 0 {
                watermark = time - delay;
                steps.push(Step::Watermark(watermark));
            }
        }
        steps
    })
}

pub(super) fn inputs(steps: &[Step<String, Value>]) -> Vec<In> {
    let input = |step: &Step<String, Value>| match step {
        Step::Watermark(watermark) => In::Mark(*watermark),
        Step::Row { key, time, value: (n, page) } => {
            let n = n.map(|n| n.to_string());
            let cells = vec![key.clone(), n.clone(), None, None, page.clone(), None];
            In::Row { cells: Some(cells), time: *time, old: None }
        }
    };
    steps.iter().map(input).collect()
}

/// `COUNT(*), COUNT(n), SUM(n), MIN(n), MAX(page)`.
pub(super) fn calls() -> Vec<AggregateCall> {
    vec![
        count(),
        call(F::Count, &[1], DataType::Bigint),
        call(F::Sum, &[1], DataType::Bigint),
        call(F::Min, &[1], DataType::Bigint),
        call(F::Max, &[4], DataType::String),
    ]
}

fn computed(rows: &[Value]) -> String {
    let numbers = || rows.iter().filter_map(|row| row.0);
    let pages = || rows.iter().filter_map(|row| row.1.clone());
    let show = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
    format!(
        "{} {} {} {} {}",
        rows.len(),
        numbers().count(),
        numbers().sum::<i64>(),
        show(numbers().min().map(|n| n.to_string())),
        show(pages().max())
    )
}

/// What the oracle says, marks held back by so much.
pub(super) fn expected(outputs: &[Output<String, Value>], held: i64) -> Vec<Out> {
    let output = |output: &Output<String, Value>| match output {
        Output::Watermark(watermark) => Out::Mark(*watermark - held),
        Output::Change(Change { key, window, rows, time }) => {
            let window = window.map_or(String::new(), |(start, end)| format!(" {start} {end}"));
            let calls = match rows {
                Some(rows) => computed(rows),
                None => "null null null null null -".to_owned(),
            };
            Out::Row { cells: format!("{key}{window} {calls}"), time: *time }
        }
    };
    settled(outputs.iter().map(output).collect())
}

/// Runs the steps in one chunk, in random cuts, and over a restart; all must give what is expected.
pub(super) fn check(
    aggregate: &Aggregate,
    steps: &[Step<String, Value>],
    cuts: &[usize],
    (results, held): (&super::oracle::Results<String, Value>, i64),
) {
    let (inputs, expected) = (inputs(steps), expected(&results.outputs, held));
    let setting = Setting::default();
    let mut whole = Running::new(aggregate, &setting).unwrap();
    assert_eq!(settled(whole.run(&inputs, &[])), expected, "in one chunk");
    assert_eq!(whole.fates.late, results.late.len() as u64);
    assert_eq!(whole.fates.null_key, results.without_key as u64);
    let rows = inputs.iter().filter(|input| matches!(input, In::Row { .. })).count();
    let Fates { taken, late, null_key, .. } = whole.fates;
    assert_eq!(taken + late + null_key, rows as u64);

    let mut cut = Running::new(aggregate, &setting).unwrap();
    assert_eq!(settled(cut.run(&inputs, cuts)), expected, "cut at {cuts:?}");

    let half = cuts.first().map_or(0, |cut| cut % (inputs.len() + 1));
    let mut changelog = Changelog::new();
    let mut first = Running::new(aggregate, &setting).unwrap();
    let mut outputs = first.run(&inputs[..half], cuts);
    let mut watermark = inputs[..half].iter().filter_map(|input| match input {
        In::Mark(watermark) => Some(*watermark),
        In::Row { .. } => None,
    });
    let mut second = first.restored(aggregate, watermark.next_back(), &mut changelog);
    outputs.extend(second.run(&inputs[half..], cuts));
    assert_eq!(settled(outputs), expected, "restarted at {half}");
    // What is in the store is what the changelog holds.
    let _ = second.restored(aggregate, None, &mut changelog);
    let store = &second.operate.stores()[0];
    let entries: Changelog =
        store.iter().map(|(_, key, value)| (key.to_vec(), value.to_vec())).collect();
    assert_eq!(entries, changelog);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn windows_do_as_plain_code_does(
        steps in steps(),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
        size in prop::sample::select(vec![(20, 20), (20, 10), (25, 10)]),
        grace in prop::sample::select(vec![0, 7]),
        is_final: bool,
    ) {
        let (size, advance) = size;
        let (emit, emits) = if is_final { (Emit::Final, Emits::Final) } else { (Emit::Changes, Emits::Changes) };
        let windowing = hopping(size, advance, grace);
        let windows = Windows {
            size: i64::try_from(size).unwrap(),
            advance: i64::try_from(advance).unwrap(),
            grace: i64::try_from(grace).unwrap(),
        };
        let aggregate = by_user(calls(), Some(windowing), emit);
        let held = if is_final { windows.size + windows.grace } else { 0 };
        check(&aggregate, &steps, &cuts, (&windows.run(&steps, emits), held));
    }

    #[test]
    fn groups_do_as_plain_code_does(
        steps in steps(),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let aggregate = by_user(calls(), None, Emit::Changes);
        check(&aggregate, &steps, &cuts, (&Windows::without(&steps), 0));
    }
}
