//! The check on records in memory: each kind of problem is found, and nothing else is.

use super::super::report::Kind;
use super::*;

const CLEAN: &[Kind] = &[];

struct Given {
    partition: i32,
    offset: i64,
    visit: &'static str,
    at: i64,
    bin: &'static str,
}

/// `partition offset visit time [bin]`, one record per line.
fn given(text: &'static str) -> Vec<Given> {
    let line = |line: &'static str| {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        Given {
            partition: word().parse().unwrap(),
            offset: word().parse().unwrap(),
            visit: word(),
            at: word().parse().unwrap(),
            bin: word(),
        }
    };
    text.lines().filter(|text| !text.trim().is_empty()).map(line).collect()
}

fn plan(duplicates: Duplicates) -> Plan {
    Plan {
        topic: "out".to_owned(),
        key: "visit".to_owned(),
        by: "at".to_owned(),
        duplicates,
        against: None,
        bins: None,
        show: 3,
    }
}

fn feed(records: &[Given], mut each: impl FnMut(&Entry<'_>)) {
    for Given { partition, offset, visit, at, bin } in records {
        let value = format!(r#"{{"visit": "{visit}", "at": {at}}}"#);
        each(&Entry {
            partition: *partition,
            offset: *offset,
            timestamp: 0,
            key: Some(visit.as_bytes()),
            value: Some(value.as_bytes()),
            bin: Some(bin.as_bytes()),
        });
    }
}

/// Checks `records`, and compares the kinds of problems, one for each occurrence.
fn check(plan: &Plan, records: &'static str, against: &'static str, wanted: &[Kind]) -> Report {
    let mut check = Check::new(plan, 2);
    feed(&given(records), |entry| check.record(entry));
    feed(&given(against), |entry| check.against(entry));
    let report = check.finish();
    let found: Vec<Kind> = [
        Kind::Violation,
        Kind::NotComparable,
        Kind::Duplicate,
        Kind::Missing,
        Kind::Extra,
        Kind::Bin,
        Kind::Unreadable,
    ]
    .into_iter()
    .flat_map(|kind| std::iter::repeat_n(kind, usize::try_from(report.count(kind)).unwrap()))
    .collect();
    assert_eq!(found, wanted, "{}", report.lines().join("\n"));
    assert_eq!(report.is_clean(), wanted.is_empty());
    report
}

#[test]
fn order_may_rise_and_stand_and_gaps_are_fine() {
    check(&plan(Duplicates::Refused), "0 0 a 1\n0 1 b 9\n0 5 a 2\n1 0 c 5\n0 6 b 9000", "", CLEAN);
    let report = check(&plan(Duplicates::Refused), "0 0 a 1", "", CLEAN);
    assert_eq!(report.lines().last().unwrap(), "in order");
}

#[test]
fn a_falling_value_is_a_violation_and_the_highest_one_stays_the_measure() {
    let kinds = [Kind::Violation, Kind::Violation];
    let report =
        check(&plan(Duplicates::Refused), "0 0 a 5\n0 1 a 3\n0 2 a 4\n0 3 a 6", "", &kinds);
    let text = report.lines().join("\n");
    assert!(text.contains("out-0 offset 1: a: at falls from 5 (offset 0) to 3"), "{text}");
}

#[test]
fn a_key_in_two_partitions_cannot_be_compared() {
    check(&plan(Duplicates::Refused), "0 0 a 1\n1 0 a 2", "", &[Kind::NotComparable]);
}

#[test]
fn order_is_judged_on_first_occurrences() {
    let repeated = "0 0 a 1\n0 1 a 2\n0 2 a 1\n0 3 a 2\n0 4 a 3";
    check(&plan(Duplicates::Allowed), repeated, "", CLEAN);
    check(&plan(Duplicates::Refused), repeated, "", &[Kind::Duplicate, Kind::Duplicate]);
}

#[test]
fn topics_are_compared_as_multisets() {
    let plan = Plan { against: Some("in".to_owned()), ..plan(Duplicates::Refused) };
    check(&plan, "0 0 a 1\n0 1 a 2", "1 0 a 2\n0 0 a 1", CLEAN);
    check(&plan, "0 0 a 1", "0 0 a 1\n0 1 a 2", &[Kind::Missing]);
    check(&plan, "0 0 a 1\n0 1 a 2", "0 0 a 1", &[Kind::Extra]);
    check(&plan, "0 0 a 1\n0 1 a 1", "0 0 a 1", &[Kind::Duplicate, Kind::Extra]);
    let allowed = Plan { duplicates: Duplicates::Allowed, ..plan };
    check(&allowed, "0 0 a 1\n0 1 a 1", "0 0 a 1", CLEAN);
}

#[test]
fn bins_are_checked_and_order_is_judged_within_an_interval() {
    let plan = Plan { bins: Some("bin".to_owned()), ..plan(Duplicates::Refused) };
    let right = "0 0 a 1 1\n0 1 b 7 1\n0 2 a 2 2\n0 4 a 1000 1\n0 5 b 3 1\n0 6 a 1001 2";
    let report = check(&plan, right, "", CLEAN);
    assert!(report.lines()[1].contains("4 bins in 2 intervals"), "{:?}", report.lines());
    check(&plan, "0 0 a 5 1\n0 1 a 3 2", "", &[Kind::Violation]);
    check(&plan, "0 0 a 1 1\n0 1 a 2 1", "", &[Kind::Bin]);
    check(&plan, "0 0 a 1 1\n0 1 a 2 3", "", &[Kind::Bin]);
}

#[test]
fn what_cannot_be_read_is_told() {
    let mut check = Check::new(&plan(Duplicates::Refused), 1);
    for value in [Some(b"no json".as_slice()), Some(br#"{"visit": "a"}"#), None] {
        check.record(&Entry { value, ..Entry::default() });
    }
    let report = check.finish();
    assert_eq!(report.count(Kind::Unreadable), 3);
    assert_eq!(report.to_json()["problems"]["unreadable"], 3);
}

#[test]
fn examples_are_bounded_and_counts_are_not() {
    let plan = plan(Duplicates::Refused);
    let mut check = Check::new(&plan, 1);
    for offset in 0..100 {
        check.record(&Entry { offset, value: Some(b"x"), ..Entry::default() });
    }
    let report = check.finish();
    assert_eq!(report.count(Kind::Duplicate), 99);
    assert_eq!(report.to_json()["examples"].as_array().unwrap().len(), 6);
}
