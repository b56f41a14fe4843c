//! Retention by time and by size, DeleteRecords, and the roll of segments by age.

use super::*;
use crate::log::DeleteRecordsError;

/// Ten segments of one batch each, a second apart.
fn ten_segments(dir: &Path, change: impl FnOnce(&mut LogConfig)) -> PartitionLog {
    let mut config = LogConfig { segment_bytes: 80, ..LogConfig::default() };
    change(&mut config);
    let mut log = open(dir, &config);
    for at in 0..10 {
        log.append(&keyed("k", Some("value"), NOW + at * 1000), NOW).unwrap();
    }
    assert_eq!(log.segment_count(), 10);
    log
}

#[test]
fn segments_go_when_their_latest_record_is_too_old() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = ten_segments(folder.path(), |config| config.retention_ms = 5000);
    assert_eq!(log.maintain(NOW + 5000).unwrap().segments_deleted, 0);
    assert_eq!(log.maintain(NOW + 7001).unwrap().segments_deleted, 3);
    assert_eq!(log.log_start_offset(), 3);
    // The active one too: it is finished, and a new one started.
    assert_eq!(log.maintain(NOW + 60_000).unwrap().segments_deleted, 7);
    assert_eq!((log.log_start_offset(), log.high_watermark()), (10, 10));
    assert_eq!((log.segment_count(), log.size_bytes()), (1, 0));
    drop(log);
    let mut log = open(folder.path(), &LogConfig::default());
    assert_eq!((log.log_start_offset(), log.high_watermark()), (10, 10));
    assert_eq!(log.append(&values(&["next"]), NOW).unwrap().base_offset, 10);
}

#[test]
fn segments_go_when_there_are_too_many_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = ten_segments(folder.path(), |_| ());
    let segment = log.size_bytes() / 10;
    let keep = |bytes: u64| LogConfig {
        retention_bytes: i64::try_from(bytes).unwrap(),
        segment_bytes: 80,
        ..LogConfig::default()
    };
    log.set_config(keep(segment * 10 - 1));
    assert_eq!(log.maintain(NOW).unwrap().segments_deleted, 0, "less than a segment is over");
    log.set_config(keep(segment * 7));
    assert_eq!(log.maintain(NOW).unwrap().segments_deleted, 3);
    log.set_config(keep(0));
    assert_eq!(log.maintain(NOW).unwrap().bytes_deleted, segment * 7);
    assert_eq!((log.log_start_offset(), log.high_watermark()), (10, 10));
}

#[test]
fn nothing_goes_for_ever_without_limits_nor_when_only_compacted() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = ten_segments(folder.path(), |config| config.retention_ms = -1);
    assert_eq!(log.maintain(i64::MAX).unwrap().segments_deleted, 0);
    log.set_config(LogConfig {
        cleanup: CleanupPolicy { delete: false, compact: true },
        retention_ms: 1,
        retention_bytes: 1,
        min_cleanable_dirty_ratio: 1.0,
        ..LogConfig::default()
    });
    assert_eq!(log.maintain(NOW + 1_000_000).unwrap().segments_deleted, 0);
}

#[test]
fn deleted_records_stay_deleted_and_their_segments_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = ten_segments(folder.path(), |_| ());
    assert_eq!(log.delete_records(4).unwrap(), 4);
    assert_eq!(log.delete_records(2).unwrap(), 4, "it never goes back");
    assert!(matches!(log.delete_records(11), Err(DeleteRecordsError::OutOfRange { .. })));
    assert!(matches!(log.delete_records(-2), Err(DeleteRecordsError::OutOfRange { .. })));
    drop(log);
    let config = LogConfig { segment_bytes: 80, ..LogConfig::default() };
    let mut log = open(folder.path(), &config);
    assert_eq!(log.log_start_offset(), 4);
    assert_eq!(log.maintain(NOW).unwrap().segments_deleted, 4);
    assert_eq!(read_all(&log, Isolation::Uncommitted).len(), 6);
    assert_eq!(log.delete_records(-1).unwrap(), 10);
    log.set_config(compacted());
    assert!(matches!(log.delete_records(-1), Err(DeleteRecordsError::Policy)));
}

#[test]
fn a_segment_is_finished_when_it_is_old_by_the_time_of_its_records() {
    let folder = tempfile::tempdir().unwrap();
    let config = LogConfig { segment_ms: 1000, ..LogConfig::default() };
    let mut log = open(folder.path(), &config);
    let append = |log: &mut PartitionLog, timestamp, now_ms| {
        log.append(&keyed("k", Some("v"), timestamp), now_ms).unwrap();
        log.segment_count()
    };
    assert_eq!(append(&mut log, NOW, NOW), 1);
    assert_eq!(append(&mut log, NOW + 1000, NOW + 90_000), 1, "the broker's clock does not count");
    assert_eq!(append(&mut log, NOW + 1001, NOW), 2);
    // Records without a time go by the clock.
    assert_eq!(append(&mut log, NOW + 5000, NOW), 3);
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &config);
    assert_eq!(append(&mut log, -1, NOW), 1);
    assert_eq!(append(&mut log, -1, NOW + 1000), 1);
    assert_eq!(append(&mut log, -1, NOW + 1001), 2);
}
