//! A disk that is full: appends are refused, nothing that was acknowledged is lost, and all goes on when there is space.

use super::*;
use crate::log::files::tests::SmallDisk;
use kolk_wire::ErrorCode;
use std::sync::Arc;

#[test]
fn a_full_disk_refuses_appends_until_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::with_free_bytes(5000);
    let mut log =
        PartitionLog::open_with(folder.path(), small(), Arc::<SmallDisk>::clone(&disk), NOW)
            .unwrap();
    let mut written = 0;
    let error = loop {
        match From::producer(1, 0, written).append(&mut log, 1) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(written > 10, "{written}");
    let on_disk: u64 = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert_eq!(on_disk, log.size_bytes(), "the half-written batch was taken back");
    assert_eq!(log.high_watermark(), i64::from(written));
    for _ in 0..3 {
        assert!(From::producer(1, 0, written).append(&mut log, 1).is_err(), "still full");
    }
    let seen = read_all(&log, Isolation::Uncommitted);
    assert_eq!(seen.len(), usize::try_from(written).unwrap());
    // Space comes back; the producer's retry is no gap and no duplicate.
    disk.set_free_bytes(1_000_000);
    let info = From::producer(1, 0, written).append(&mut log, 1).unwrap();
    assert_eq!(info.base_offset, i64::from(written));
    drop(log);
    let log = open(folder.path(), &small());
    assert_eq!(read_all(&log, Isolation::Uncommitted).len(), seen.len() + 1);
    assert!(log.recovery().cut.is_empty(), "the failed writes were taken back");
}

#[test]
fn a_crash_on_a_full_disk_keeps_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::with_free_bytes(3000);
    let mut log = PartitionLog::open_with(folder.path(), small(), disk, NOW).unwrap();
    let mut written = 0;
    while From::producer(1, 0, written).append(&mut log, 2).is_ok() {
        written += 2;
    }
    drop(log);
    let mut log = open(folder.path(), &small());
    assert_eq!(log.high_watermark(), i64::from(written));
    let again = From::producer(1, 0, written - 2).append(&mut log, 2).unwrap();
    assert_eq!(again.last_offset, i64::from(written) - 1, "the last batch is known");
}

#[test]
fn compaction_and_deletion_on_a_full_disk_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::with_free_bytes(1_000_000);
    let mut log =
        PartitionLog::open_with(folder.path(), compacted(), Arc::<SmallDisk>::clone(&disk), NOW)
            .unwrap();
    for at in 0..100 {
        log.append(&keyed(&format!("k{}", at % 7), Some("value"), NOW), NOW).unwrap();
    }
    let before = read_all(&log, Isolation::Uncommitted);
    disk.set_free_bytes(50);
    assert!(log.maintain(NOW).is_err());
    assert_eq!(read_all(&log, Isolation::Uncommitted), before);
    let leftovers = std::fs::read_dir(folder.path()).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".cleaned")
    });
    assert_eq!(leftovers.count(), 0);
    disk.set_free_bytes(1_000_000);
    let report = log.maintain(NOW).unwrap().compacted.unwrap();
    assert!(report.bytes_after < report.bytes_before / 2, "{report:?}");
}

/// `flush.messages` and `flush.ms`: how often the disk is waited for.
#[test]
fn the_disk_is_waited_for_as_often_as_the_topic_says() {
    #[derive(Debug, Default)]
    struct Counting(std::sync::atomic::AtomicU64);
    impl crate::log::files::Files for Counting {
        fn write_at(&self, file: &std::fs::File, bytes: &[u8], at: u64) -> std::io::Result<()> {
            crate::log::files::OsFiles.write_at(file, bytes, at)
        }
        fn sync(&self, _: &std::fs::File) -> std::io::Result<()> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        }
    }
    let syncs = |change: fn(&mut LogConfig)| {
        let folder = tempfile::tempdir().unwrap();
        let files = Arc::new(Counting::default());
        let mut config = LogConfig::default();
        change(&mut config);
        let mut log =
            PartitionLog::open_with(folder.path(), config, Arc::<Counting>::clone(&files), NOW)
                .unwrap();
        for at in 0..10 {
            log.append(&values(&["v"]), NOW + at * 100).unwrap();
        }
        log.maintain(NOW + 10_000).unwrap();
        files.0.load(std::sync::atomic::Ordering::Relaxed)
    };
    assert_eq!(syncs(|_| ()), 0);
    assert_eq!(syncs(|config| config.flush_messages = 1), 10);
    assert_eq!(syncs(|config| config.flush_messages = 4), 2);
    assert_eq!(syncs(|config| config.flush_ms = 5000), 1, "by maintenance");
    let segments = syncs(|config| (config.flush_ms, config.segment_bytes) = (5000, 100));
    assert_eq!(segments, 10, "finished segments too");
    assert_eq!(syncs(|config| config.flush_ms = 300), 3, "after 300, 700 and, at last, 10,000");
}
