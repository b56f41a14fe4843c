//! Deliberate bugs: each must be found, and named for what it is.

use super::*;

fn record(key: u8, at: u8) -> Delivered {
    Delivered { key: vec![key], value: vec![key, at], ..Delivered::default() }
}

fn binned(transaction: u32, bin: u32, key: u8, at: u8) -> Delivered {
    Delivered { transaction, bin: Some(bin), ..record(key, at) }
}

/// Twelve records of three keys.
fn input() -> Partitions {
    let records = (0..12).map(|at| record(b'a' + at % 3, at)).collect();
    vec![records, vec![record(b'x', 0), record(b'x', 1)]]
}

/// What is found when one thing is done to a perfect copy.
fn found(bug: impl FnOnce(&mut Partitions)) -> Findings {
    let mut output = input();
    bug(&mut output);
    let findings = compare(&input(), &output, Bins::None);
    Findings { examples: Vec::new(), records: 0, ..findings }
}

#[test]
fn a_perfect_copy_has_no_findings() {
    let findings = compare(&input(), &input(), Bins::None);
    assert_eq!(findings, Findings { records: 14, ..Findings::default() });
}

#[test]
fn a_lost_record_is_found() {
    let findings = found(|output| {
        output[0].remove(4);
    });
    assert_eq!(findings, Findings { lost: 1, ..Findings::default() });
    assert_eq!(findings.problems(Repeats::Any), ["1 lost"]);
}

#[test]
fn a_lost_batch_at_the_end_is_found() {
    assert_eq!(found(|output| output[0].truncate(5)), Findings { lost: 7, ..Findings::default() });
}

#[test]
fn two_records_of_a_key_that_changed_places_are_found() {
    assert_eq!(
        found(|output| output[0].swap(1, 4)),
        Findings { reordered: 1, ..Findings::default() }
    );
}

#[test]
fn two_records_of_different_keys_may_change_places() {
    assert_eq!(found(|output| output[0].swap(1, 2)), Findings::default());
}

#[test]
fn one_duplicate_is_found() {
    let findings = found(|output| {
        let again = output[0][11].clone();
        output[0].push(again);
    });
    assert_eq!(findings, Findings { repeats: 1, ..Findings::default() });
    assert_eq!(findings.problems(Repeats::Never), ["1 duplicates"]);
    assert!(
        findings.problems(Repeats::Suffix).is_empty(),
        "the last record again is a contiguous end"
    );
}

#[test]
fn a_repeat_out_of_the_middle_is_torn() {
    let findings = found(|output| {
        let again = output[0][3].clone();
        output[0].insert(8, again);
    });
    assert_eq!((findings.repeats, findings.torn), (1, 1));
    assert!(!findings.problems(Repeats::Suffix).is_empty());
    assert!(findings.problems(Repeats::Any).is_empty());
}

#[test]
fn a_repeat_that_skips_a_record_is_torn() {
    let findings = found(|output| {
        let again = [output[0][5].clone(), output[0][7].clone()];
        output[0].splice(8..8, again);
    });
    assert_eq!((findings.repeats, findings.torn), (2, 1));
}

#[test]
fn a_repeat_within_a_repeat_is_no_problem() {
    let findings = found(|output| {
        let again: Vec<_> = [4, 5, 6, 4, 5, 6, 7].iter().map(|at| output[0][*at].clone()).collect();
        output[0].splice(8..8, again);
    });
    assert_eq!((findings.repeats, findings.torn, findings.reordered), (7, 0, 0));
}

#[test]
fn a_record_in_another_partition_is_found() {
    let findings = found(|output| {
        let stray = output[0].pop().unwrap();
        output[1].push(stray);
    });
    assert_eq!(findings, Findings { moved: 1, ..Findings::default() });
}

#[test]
fn a_changed_value_is_lost_and_comes_from_nowhere() {
    let findings = found(|output| output[1][0].value.push(0));
    assert_eq!((findings.lost, findings.extra), (1, 1));
}

fn bins_found(output: Vec<Delivered>) -> usize {
    let input =
        vec![output.iter().map(|record| Delivered { bin: None, ..record.clone() }).collect()];
    compare(&input, &vec![output], Bins::Packed).bins
}

#[test]
fn bins_in_order_of_two_intervals_are_no_problem() {
    let output = vec![
        binned(0, 1, 1, 0),
        binned(0, 1, 2, 0),
        binned(0, 2, 1, 1),
        binned(1, 1, 1, 2),
        binned(1, 2, 1, 3),
    ];
    assert_eq!(bins_found(output), 0);
}

#[test]
fn a_key_twice_in_a_bin_is_found() {
    assert_eq!(bins_found(vec![binned(0, 1, 1, 0), binned(0, 1, 1, 1)]), 1);
}

#[test]
fn a_bin_in_two_pieces_is_found() {
    let output =
        vec![binned(0, 1, 1, 0), binned(0, 2, 1, 1), binned(0, 1, 2, 0), binned(0, 2, 2, 1)];
    assert_eq!(bins_found(output), 1, "bin 1 comes back; from there bin 2 follows as it should");
}

#[test]
fn a_bin_left_out_and_a_bin_without_number_are_found() {
    assert_eq!(bins_found(vec![binned(0, 1, 1, 0), binned(0, 3, 1, 1)]), 1);
    assert_eq!(bins_found(vec![record(1, 0)]), 1);
}
