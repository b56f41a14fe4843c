//! Transactions in one partition: what a committed reader sees, and what is fenced.

use super::*;
use kolk_wire::ErrorCode;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[test]
fn a_committed_reader_waits_at_the_first_open_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    log.append(&values(&["plain"]), NOW).unwrap();
    From::transaction(1, 0, 0).append(&mut log, 2).unwrap();
    From::transaction(2, 0, 0).append(&mut log, 1).unwrap();
    assert_eq!(log.last_stable_offset(), 1);
    assert_eq!(log.ongoing_transaction(2), Some(3));
    end(&mut log, 2, 0, ControlKind::Commit);
    assert_eq!(log.last_stable_offset(), 1);
    assert_eq!(read_all(&log, Isolation::Committed).len(), 1);
    end(&mut log, 1, 0, ControlKind::Abort);
    assert_eq!(log.last_stable_offset(), log.high_watermark());
    let seen = read_all(&log, Isolation::Committed);
    assert_eq!(seen.iter().map(|seen| seen.offset).collect::<Vec<_>>(), [0, 3]);
}

#[test]
fn a_committed_reader_is_never_before_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    From::transaction(1, 0, 0).append(&mut log, 3).unwrap();
    log.delete_records(2).unwrap();
    assert_eq!((log.log_start_offset(), log.last_stable_offset()), (2, 2));
    end(&mut log, 1, 0, ControlKind::Commit);
    assert_eq!(read_all(&log, Isolation::Committed).len(), 1);
}

#[test]
fn zombies_are_fenced_by_markers() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    From::transaction(1, 0, 0).append(&mut log, 1).unwrap();
    end(&mut log, 1, 1, ControlKind::Abort);
    let write = From::transaction(1, 0, 1).append(&mut log, 1).unwrap_err();
    assert_eq!(write.code(), ErrorCode::INVALID_PRODUCER_EPOCH);
    let marker = |producer_epoch, coordinator_epoch| Marker {
        producer_id: 1,
        producer_epoch,
        kind: ControlKind::Commit,
        coordinator_epoch,
    };
    let old = log.append_marker(marker(0, 0), NOW).unwrap_err();
    assert_eq!(old.code(), ErrorCode::INVALID_PRODUCER_EPOCH);
    log.append_marker(marker(1, 5), NOW).unwrap();
    let zombie = log.append_marker(marker(1, 4), NOW).unwrap_err();
    assert_eq!(zombie.code(), ErrorCode::TRANSACTION_COORDINATOR_FENCED);
    // The new epoch starts its sequence numbers at 0 (KIP-890: the marker may come before its first batch).
    let gap = From::transaction(1, 1, 3).append(&mut log, 1).unwrap_err();
    assert_eq!(gap.code(), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert!(From::transaction(1, 1, 0).append(&mut log, 1).is_ok());
}

#[test]
fn a_plain_batch_in_an_open_transaction_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    From::transaction(1, 0, 0).append(&mut log, 1).unwrap();
    let error = From::producer(1, 0, 1).append(&mut log, 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::INVALID_TXN_STATE);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Plain,
    Write(i64),
    End(i64, ControlKind),
    Crash,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(vec![ControlKind::Commit, ControlKind::Abort]);
    prop_oneof![
        2 => Just(Step::Plain),
        6 => (1i64..4).prop_map(Step::Write),
        3 => (1i64..4, kind).prop_map(|(id, kind)| Step::End(id, kind)),
        1 => Just(Step::Crash),
        1 => Just(Step::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Interleaved transactions over many segments: at every moment, from every offset, in pieces of any size, a committed
    /// reader sees what is committed before the first open transaction, in order.
    #[test]
    fn a_committed_reader_sees_exactly_what_was_committed(
        steps in prop::collection::vec(step(), 1..80),
        permille in 0i64..=1000,
        max_bytes in 1usize..1500,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path(), &small());
        let mut sequences = BTreeMap::<i64, i32>::new();
        // Offset → the producer whose transaction is open, or whether it is visible.
        let mut open_in = BTreeMap::<i64, i64>::new();
        let mut visible = Vec::new();
        for step in steps {
            match step {
                Step::Plain => visible.push(log.append(&values(&["value"]), NOW).unwrap().base_offset),
                Step::Write(id) => {
                    let sequence = sequences.entry(id).or_default();
                    let info = From::transaction(id, 0, *sequence).append(&mut log, 1).unwrap();
                    *sequence += 1;
                    open_in.insert(info.base_offset, id);
                }
                Step::End(id, kind) => {
                    end(&mut log, id, 0, kind);
                    if kind == ControlKind::Commit {
                        visible.extend(open_in.iter().filter(|(_, owner)| **owner == id).map(|(at, _)| *at));
                    }
                    open_in.retain(|_, owner| *owner != id);
                }
                Step::Crash => {
                    drop(log);
                    log = open(folder.path(), &small());
                }
                Step::Close => {
                    log.close().unwrap();
                    log = open(folder.path(), &small());
                }
            }
            let stable = open_in.keys().next().copied().unwrap_or(log.high_watermark());
            prop_assert_eq!(log.last_stable_offset(), stable);
        }
        let stable = log.last_stable_offset();
        let from = stable * permille / 1000;
        visible.sort_unstable();
        visible.retain(|offset| (from..stable).contains(offset));
        let seen = read_from(&log, from, Isolation::Committed, max_bytes);
        prop_assert_eq!(seen.iter().map(|seen| seen.offset).collect::<Vec<_>>(), visible);
    }
}
