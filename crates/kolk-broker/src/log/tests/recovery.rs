//! Opening after damage of each kind of file: nothing that was acknowledged is lost, and producers are as they were.

use super::*;
use crate::log::recovery::offsets_of;
use std::fs;
use std::path::PathBuf;

/// Several segments with idempotent and transactional producers: one transaction committed, one aborted, one open.
fn fill(log: &mut PartitionLog) {
    for round in 0..12 {
        From::producer(1, 0, round * 3).append(log, 3).unwrap();
        From::transaction(2, 0, round).append(log, 1).unwrap();
        if round % 3 == 2 {
            let kind = if round % 2 == 0 { ControlKind::Commit } else { ControlKind::Abort };
            end(log, 2, 0, kind);
        }
    }
    From::transaction(3, 7, 0).append(log, 2).unwrap();
    From::producer(1, 0, 36).append(log, 3).unwrap();
}

/// All that can be asked of a log.
#[derive(Debug, PartialEq)]
struct Answers {
    all: Vec<Seen>,
    committed: Vec<Seen>,
    producers: Vec<crate::log::ProducerInfo>,
    end: i64,
    stable: i64,
    aborted: usize,
}

fn ask(log: &PartitionLog) -> Answers {
    Answers {
        all: read_all(log, Isolation::Uncommitted),
        committed: read_all(log, Isolation::Committed),
        producers: log.producers(),
        end: log.high_watermark(),
        stable: log.last_stable_offset(),
        aborted: log.aborted_in(0..i64::MAX).len(),
    }
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let names = offsets_of(dir, extension).unwrap();
    names.iter().map(|offset| dir.join(format!("{offset:020}.{extension}"))).collect()
}

/// Fills a log, stops it with or without closing, does something to its files, and compares the answers before and after.
fn check(closed: bool, harm: impl FnOnce(&Path)) -> PartitionLog {
    let folder = tempfile::tempdir().unwrap().keep();
    let mut log = open(&folder, &small());
    fill(&mut log);
    let before = ask(&log);
    assert!(log.segment_count() > 4 && before.aborted == 2);
    if closed {
        log.close().unwrap();
    } else {
        drop(log);
    }
    harm(&folder);
    let mut log = open(&folder, &small());
    assert_eq!(ask(&log), before);
    // It goes on: a duplicate is known, the next batch is taken, and the transaction can be ended.
    let again = From::producer(1, 0, 36).append(&mut log, 3).unwrap();
    assert_eq!(again.last_offset, before.end - 1);
    assert_eq!(From::producer(1, 0, 39).append(&mut log, 1).unwrap().base_offset, before.end);
    end(&mut log, 3, 7, ControlKind::Abort);
    assert_eq!(log.last_stable_offset(), log.high_watermark());
    fs::remove_dir_all(&folder).unwrap();
    log
}

#[test]
fn a_clean_shutdown_makes_the_next_start_fast() {
    let log = check(true, |_| ());
    assert!(log.recovery().clean);
    assert_eq!((log.recovery().segments_scanned, log.recovery().batches_replayed), (0, 0));
}

#[test]
fn a_crash_costs_a_look_at_the_last_segment() {
    let log = check(false, |_| ());
    assert!(!log.recovery().clean);
    assert_eq!(log.recovery().segments_scanned, 1);
    assert!(log.recovery().batches_replayed < 10);
    assert!(log.recovery().cut.is_empty());
}

#[test]
fn a_clean_shutdown_counts_only_once() {
    let log = check(true, |dir| drop(open(dir, &small())));
    assert_eq!(log.recovery().segments_scanned, 1);
}

#[test]
fn missing_indexes_are_made_anew() {
    for closed in [true, false] {
        check(closed, |dir| {
            for path in files(dir, "index") {
                fs::remove_file(path).unwrap();
            }
        });
    }
}

#[test]
fn damaged_indexes_are_made_anew() {
    for closed in [true, false] {
        let log = check(closed, |dir| {
            for path in files(dir, "index") {
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x10;
                fs::write(path, bytes).unwrap();
            }
        });
        assert!(log.recovery().segments_scanned > 3);
    }
}

#[test]
fn an_index_of_one_finished_segment_is_made_anew_with_its_aborted_transactions() {
    for nth in 0..4 {
        check(false, |dir| fs::remove_file(&files(dir, "index")[nth]).unwrap());
    }
}

#[test]
fn producers_are_replayed_without_snapshots() {
    for closed in [true, false] {
        let log = check(closed, |dir| {
            for path in files(dir, "snapshot") {
                fs::remove_file(path).unwrap();
            }
        });
        assert!(log.recovery().batches_replayed > 20);
    }
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    check(false, |dir| {
        let newest = files(dir, "snapshot").pop().unwrap();
        let mut bytes = fs::read(&newest).unwrap();
        bytes.truncate(30);
        fs::write(newest, bytes).unwrap();
    });
}

#[test]
fn leftovers_of_a_crash_are_removed() {
    check(false, |dir| {
        for name in ["00000000000000000000.log.cleaned", "log-start-offset.new"] {
            fs::write(dir.join(name), "half writ").unwrap();
        }
    });
}

#[test]
fn a_new_segment_that_was_never_written_to_is_no_harm() {
    check(false, |dir| {
        let last = *offsets_of(dir, "log").unwrap().last().unwrap();
        let log = open(dir, &small());
        let end = log.high_watermark();
        drop(log);
        assert!(end > last);
        fs::write(dir.join(format!("{end:020}.log")), "").unwrap();
    });
}

/// Zeroes at the end are what some file systems leave after a power cut.
#[test]
fn a_tail_of_zeroes_is_cut() {
    let log = check(false, |dir| {
        let last = files(dir, "log").pop().unwrap();
        let mut bytes = fs::read(&last).unwrap();
        bytes.extend_from_slice(&[0; 500]);
        fs::write(last, bytes).unwrap();
    });
    assert_eq!(log.recovery().cut.len(), 1);
    assert_eq!(log.recovery().cut[0].dropped, 500);
}

#[test]
fn a_flipped_bit_cuts_the_log_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    for value in ["first", "second", "third"] {
        log.append(&values(&[value]), NOW).unwrap();
    }
    drop(log);
    let path = files(folder.path(), "log").pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(6).position(|window| window == b"second").unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
    let log = open(folder.path(), &LogConfig::default());
    assert_eq!(values_of(&read_all(&log, Isolation::Uncommitted)), ["first"]);
}

/// Damage within a finished segment costs that segment's rest; what comes after is still there, at its offsets.
#[test]
fn damage_in_the_middle_leaves_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &small());
    for at in 0..40 {
        log.append(&values(&[&format!("value {at}")]), NOW).unwrap();
    }
    let segments = log.segment_count();
    drop(log);
    let first = &files(folder.path(), "log")[0];
    let bytes = fs::read(first).unwrap();
    fs::write(first, &bytes[..bytes.len() - 1]).unwrap();
    let log = open(folder.path(), &small());
    let seen = read_all(&log, Isolation::Uncommitted);
    assert_eq!(log.segment_count(), segments);
    assert_eq!(seen.len(), 39);
    assert!(seen.iter().all(|seen| seen.value == Some(format!("value {}", seen.offset))));
    assert_eq!(log.high_watermark(), 40);
}
