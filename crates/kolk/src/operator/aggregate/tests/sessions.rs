//! Sessions by gaps, and by deadlines.

use super::grouped::{calls, check, inputs, ms, steps};
use super::oracle::{Emits, Output, Sessions, Timeouts};
use super::*;
use crate::topology::Window;
use AggregateFunction as F;
use proptest::prelude::*;

fn session(gap: u64, grace: u64) -> Windowing {
    Windowing { window: Window::Session { gap: ms(gap) }, grace: ms(grace), retention: None }
}

fn waiting(timeout: u64) -> Windowing {
    let window = Window::Timeout { timeout: ms(timeout) };
    Windowing { window, grace: ms(0), retention: None }
}

fn pages() -> AggregateCall {
    call(F::CollectList, &[4], DataType::Array(Box::new(DataType::String)))
}

#[test]
fn a_row_between_two_sessions_makes_one_of_them() {
    let calls = vec![pages(), call(F::LatestByOffset, &[4], DataType::String)];
    let aggregate = by_user(calls, Some(session(10, 0)), Emit::Changes);
    let steps = [
        row(0, "a - - - x"),
        row(15, "a - - - y"),
        row(7, "a - - - z"),
        row(7, "a - - - w"),
        row(40, "a - - - v"),
        row(40, "a - - - u"),
    ];
    let expected = [
        r#"0: a 0 0 ["x"] x"#,
        r#"15: a 15 15 ["y"] y"#,
        "0: a 0 0 null null -",
        "15: a 15 15 null null -",
        r#"15: a 0 15 ["x","y","z"] z"#,
        "15: a 0 15 null null -",
        r#"15: a 0 15 ["x","y","z","w"] w"#,
        r#"40: a 40 40 ["v"] v"#,
        r#"40: a 40 40 ["v","u"] u"#,
    ];
    assert_eq!(results(&aggregate, &Setting::default(), &steps), expected);
}

#[test]
fn a_session_takes_rows_until_gap_and_grace_have_passed() {
    let aggregate = by_user(vec![pages()], Some(session(10, 5)), Emit::Final);
    let steps = [
        row(0, "a - - - x"),
        In::Mark(15),
        row(1, "a - - - y"),
        In::Mark(17),
        row(1, "a - - - late"),
        In::Mark(30),
    ];
    let mut running = Running::new(&aggregate, &Setting::default()).unwrap();
    let shown = running.run(&steps, &[]);
    let closed = Out::Row { cells: r#"a 0 1 ["x","y"]"#.to_owned(), time: 1 };
    assert_eq!(shown, [Out::Mark(0), closed, Out::Mark(15)]);
    assert_eq!((running.fates.late, running.fates.taken), (1, 2));
    assert!(running.operate.stores()[0].is_empty());
}

#[test]
fn deleted_sessions_tell_what_they_were_when_somebody_asks() {
    let setting = Setting { wants_old: true, ..Setting::default() };
    let calls = vec![call(F::Count, &[], DataType::Bigint)];
    let aggregate = by_user(calls, Some(session(10, 0)), Emit::Changes);
    let steps = [row(5, "a"), row(5, "a"), row(8, "a")];
    let expected = [
        "5: a 5 5 1 (new)",
        "5: a 5 5 2 (was a 5 5 1)",
        "5: a 5 5 null - (was a 5 5 2)",
        "8: a 5 8 3 (new)",
    ];
    assert_eq!(results(&aggregate, &setting, &steps), expected);
}

#[test]
fn where_only_the_last_change_counts_sessions_go_out_once_for_each_commit() {
    let setting = Setting { updates: Updates::Latest, ..Setting::default() };
    let aggregate = by_user(vec![pages()], Some(session(10, 0)), Emit::Changes);
    let mut running = Running::new(&aggregate, &setting).unwrap();
    let commit = |running: &mut Running, steps: &[In]| {
        let before = rows_of(&running.run(steps, &[1]));
        assert_eq!(before, [""; 0], "nothing goes out before the commit");
        rows_of(&running.flush())
    };
    // What merges before anybody has heard of it is not deleted.
    let first = [row(0, "a - - - x"), row(15, "a - - - y"), row(90, "b"), row(93, "b")];
    let expected = [r#"0: a 0 0 ["x"]"#, r#"15: a 15 15 ["y"]"#, "93: b 90 93 [null,null]"];
    assert_eq!(commit(&mut running, &first), expected);
    let second = [row(7, "a - - - z"), row(7, "a - - - w"), row(90, "b"), row(50, "a")];
    let expected = [
        "0: a 0 0 null -",
        "15: a 15 15 null -",
        r#"15: a 0 15 ["x","y","z","w"]"#,
        "93: b 90 93 [null,null,null]",
        "50: a 50 50 [null]",
    ];
    assert_eq!(commit(&mut running, &second), expected);
    assert_eq!(commit(&mut running, &[]), [""; 0]);
    // What has closed in the meantime is told before it is forgotten.
    let third = [row(95, "b"), In::Mark(106)];
    let expected = ["93: b 90 93 null -", "95: b 90 95 [null,null,null,null]"];
    assert_eq!(commit(&mut running, &third), expected);
    assert!(running.operate.stores()[0].is_empty());
}

/// The table that readers have: sessions by user, start and end.
fn table(rows: &[Out], table: &mut std::collections::BTreeMap<String, String>) {
    for row in rows {
        let Out::Row { cells, .. } = row else { continue };
        let key = cells.split(' ').take(3).collect::<Vec<&str>>().join(" ");
        if cells.ends_with(" -") {
            assert!(table.remove(&key).is_some(), "{key} is deleted and was not there");
        } else {
            table.insert(key, cells.clone());
        }
    }
}

/// 2023-02-20, milliseconds since 1970 of an hour, minute and second.
fn at(hour: i64, minute: i64, second: i64) -> i64 {
    1_676_851_200_000 + ((hour * 60 + minute) * 60 + second) * 1000
}

/// Visits of users and pages, and the watermark that each leaves: 10 seconds behind the largest time.
fn visits(visits: &[(i64, &str, &str)]) -> Vec<In> {
    let mut largest = i64::MIN;
    let mut steps = Vec::new();
    for (time, user, page) in visits {
        steps.push(row(*time, &format!("{user} - - - {page}")));
        if *time > largest {
            largest = *time;
            steps.push(In::Mark(largest - 10_000));
        }
    }
    steps
}

#[test]
fn each_visit_puts_the_deadline_off_by_the_watermark_that_it_met() {
    let aggregate = by_user(vec![pages()], Some(waiting(50_000)), Emit::Final);
    let [a, b, c] = [at(3, 3, 20), at(3, 3, 26), at(3, 5, 26)];
    let steps = visits(&[(a, "1", "A"), (b, "1", "B"), (c, "1", "C"), (at(4, 55, 26), "2", "D")]);
    let mut running = Running::new(&aggregate, &Setting::default()).unwrap();
    let first = running.run(&steps[..6], &[]);
    let [Out::Mark(_), Out::Row { cells, time }, Out::Mark(_)] = &first[..] else {
        panic!("{first:?}");
    };
    let id = cells.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(*cells, format!(r#"1 {id} {a} {c} ["A","B","C"]"#));
    assert_eq!(*time, c);
    // D alone carries the watermark past its own deadline.
    let second = rows_of(&running.run(&steps[6..], &[]));
    let d = at(4, 55, 26);
    assert!(second.len() == 1 && second[0].ends_with(&format!(r#"{d} {d} ["D"]"#)), "{second:?}");
    // Read again from the beginning, with further records behind.
    let mut again = Running::new(&aggregate, &Setting::default()).unwrap();
    let again = rows_of(&again.run(&steps, &[3]));
    assert_eq!(again, [format!(r#"{c}: 1 {id} {a} {c} ["A","B","C"]"#), second[0].clone()]);
}

#[test]
fn sessions_of_one_moment_have_ids_of_their_own_and_late_rows_do_not_change_them() {
    let aggregate = by_user(vec![pages()], Some(waiting(50)), Emit::Final);
    let ids = |steps: &[In]| {
        let mut running = Running::new(&aggregate, &Setting::default()).unwrap();
        let rows = rows_of(&running.run(steps, &[]));
        rows.iter().map(|row| row.split(' ').nth(2).unwrap().to_owned()).collect::<Vec<String>>()
    };
    let users: Vec<In> = (0..1000).map(|user| row(5, &format!("u{user}"))).collect();
    let mut all = ids(&[users.clone(), vec![In::Mark(100)]].concat());
    assert_eq!(all.len(), 1000);
    let first = all[0].clone();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 1000);
    let late = [users, vec![row(1, "u0"), In::Mark(100)]].concat();
    assert_eq!(ids(&late)[0], first);
    // The id is part of what others have stored: it never changes.
    assert_eq!(first, "-1533817458657884789");
}

#[test]
fn without_the_place_of_the_first_record_there_is_no_id() {
    let aggregate = by_user(vec![pages()], Some(waiting(50)), Emit::Final);
    let mut behind = query(&aggregate, &Setting { wants_old: true, ..Setting::default() });
    behind.nodes[2].operator = Operator::Aggregate(aggregate.clone());
    behind.nodes[1].operator = Operator::Aggregate(by_user(Vec::new(), None, Emit::Changes));
    behind.nodes[1].schema = behind.nodes[0].schema.clone();
    let refused = |query: &Query| aggregation(query, 2, &aggregate).err().unwrap().to_string();
    assert!(refused(&behind).contains("WINDOW is only for streams"));
    behind.nodes[1].operator = Operator::Merge;
    assert!(aggregation(&behind, 2, &aggregate).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn sessions_do_as_plain_code_does(
        steps in steps(),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
        gap in prop::sample::select(vec![0, 3, 12]),
        grace in prop::sample::select(vec![0, 20]),
        is_final: bool,
    ) {
        let (emit, emits) =
            if is_final { (Emit::Final, Emits::Final) } else { (Emit::Changes, Emits::Changes) };
        let aggregate = by_user(calls(), Some(session(gap, grace)), emit);
        let [gap, grace] = [gap, grace].map(|ms| i64::try_from(ms).unwrap());
        let expected = Sessions { gap, grace }.run(&steps, emits);
        check(&aggregate, &steps, &cuts, (&expected, gap + grace));
    }

    #[test]
    fn the_last_changes_make_the_same_table_as_all_changes(
        steps in steps(),
        mut commits in prop::collection::vec(0_usize..200, 0..8),
        restart: bool,
    ) {
        let aggregate = by_user(calls(), Some(session(3, 20)), Emit::Changes);
        let latest = Setting { updates: Updates::Latest, ..Setting::default() };
        let inputs = inputs(&steps);
        let [mut all, mut last] = [const { std::collections::BTreeMap::new() }; 2];
        let mut every = Running::new(&aggregate, &Setting::default()).unwrap();
        let mut held = Running::new(&aggregate, &latest).unwrap();
        let mut changelog = Changelog::new();
        commits.push(inputs.len());
        commits.sort_unstable();
        let (mut from, mut watermark) = (0, None);
        for to in commits.into_iter().map(|to| to.min(inputs.len())) {
            let part = &inputs[from..to];
            from = to;
            table(&every.run(part, &[]), &mut all);
            held.run(part, &[]);
            table(&held.flush(), &mut last);
            prop_assert_eq!(&last, &all);
            watermark = part.iter().filter_map(|input| match input {
                In::Mark(watermark) => Some(*watermark),
                In::Row { .. } => None,
            }).next_back().or(watermark);
            if restart {
                held = held.restored(&aggregate, watermark, &mut changelog);
            }
        }
    }

    #[test]
    fn deadlines_do_as_plain_code_does(
        steps in steps(),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
        timeout in prop::sample::select(vec![0, 15, 40]),
    ) {
        let aggregate = by_user(vec![pages()], Some(waiting(timeout)), Emit::Final);
        let timeout = i64::try_from(timeout).unwrap();
        let results = Timeouts { timeout }.run(&steps);
        let expected: Vec<String> = results.outputs.iter().filter_map(|output| match output {
            Output::Watermark(_) => None,
            Output::Change(of) => {
                let rows = of.rows.iter().flatten();
                let page = |page: &Option<String>| page.as_ref().map_or("null".to_owned(), |page| format!("{page:?}"));
                let pages: Vec<String> = rows.map(|row| page(&row.1)).collect();
                let (start, end) = of.window.unwrap();
                Some(format!("{}: {} {start} {end} [{}]", of.time, of.key, pages.join(",")))
            }
        }).collect();
        // All but the id, which the oracle does not know.
        let shown = |outputs: &[Out]| -> Vec<String> {
            let cells = |row: &String| {
                let mut cells: Vec<&str> = row.split(' ').collect();
                cells.remove(2);
                cells.join(" ")
            };
            rows_of(outputs).iter().map(cells).collect()
        };
        let inputs = inputs(&steps);
        let mut whole = Running::new(&aggregate, &Setting::default()).unwrap();
        let whole = whole.run(&inputs, &[]);
        prop_assert_eq!(shown(&whole), expected);
        let half = cuts.first().map_or(0, |cut| cut % (inputs.len() + 1));
        let mut first = Running::new(&aggregate, &Setting::default()).unwrap();
        let mut outputs = first.run(&inputs[..half], &cuts);
        let mut watermark = inputs[..half].iter().filter_map(|input| match input {
            In::Mark(watermark) => Some(*watermark),
            In::Row { .. } => None,
        });
        let mut second = first.restored(&aggregate, watermark.next_back(), &mut Changelog::new());
        outputs.extend(second.run(&inputs[half..], &cuts));
        prop_assert_eq!(settled(outputs), settled(whole));
    }
}
