//! Offsets by time, against a scan of everything.

use super::*;
use crate::log::{EpochEnd, OffsetAndTimestamp};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_time_gives_the_first_record_at_or_after_it(
        batches in prop::collection::vec(prop::collection::vec(0i64..50, 1..4), 1..40),
        deleted_permille in prop_oneof![Just(0), 0i64..=1000],
        reopened: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path(), &small());
        for times in &batches {
            let records: Vec<_> = times.iter().map(|time| (None, Some("v"), NOW + time)).collect();
            log.append(&batch_of(Compression::None, &records).freeze(), NOW).unwrap();
        }
        log.delete_records(log.high_watermark() * deleted_permille / 1000).unwrap();
        if reopened {
            log.close().unwrap();
            log = open(folder.path(), &small());
        }
        let seen = read_all(&log, Isolation::Uncommitted);
        let at = |seen: &Seen| OffsetAndTimestamp { offset: seen.offset, timestamp: seen.timestamp };
        for time in -1..51 {
            let wanted = seen.iter().find(|seen| seen.timestamp >= NOW + time).map(at);
            let found = log.offset_for_timestamp(NOW + time, Isolation::Uncommitted).unwrap();
            prop_assert_eq!(found, wanted);
        }
        if deleted_permille == 0 {
            let latest = batches.iter().flatten().max().map(|time| NOW + time);
            let wanted = seen.iter().find(|seen| Some(seen.timestamp) == latest).map(at);
            prop_assert_eq!(log.offset_of_max_timestamp().unwrap(), wanted);
        }
    }
}

#[test]
fn a_committed_reader_is_not_told_of_offsets_that_it_cannot_see() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    From::transaction(1, 0, 0).append(&mut log, 1).unwrap();
    assert!(log.offset_for_timestamp(NOW, Isolation::Uncommitted).unwrap().is_some());
    assert_eq!(log.offset_for_timestamp(NOW, Isolation::Committed).unwrap(), None);
}

#[test]
fn an_empty_log_has_no_latest_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    assert_eq!(log.offset_of_max_timestamp().unwrap(), None);
    log.append(&values(&["gone"]), NOW).unwrap();
    log.delete_records(-1).unwrap();
    assert_eq!(log.offset_of_max_timestamp().unwrap(), None);
}

#[test]
fn there_is_one_leader_epoch_and_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    log.append(&values(&["a", "b"]), NOW).unwrap();
    assert_eq!(log.end_offset_for_epoch(0), EpochEnd { leader_epoch: 0, end_offset: 2 });
    assert_eq!(log.end_offset_for_epoch(1), EpochEnd { leader_epoch: -1, end_offset: -1 });
}
