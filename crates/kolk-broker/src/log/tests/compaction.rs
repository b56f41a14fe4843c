//! Compaction against a `BTreeMap`: the last committed value of each key stays, at its offset, through crashes.

use super::*;
use crate::log::{maintain, recovery::offsets_of};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;

const DAY: i64 = 86_400_000;

fn map_of(seen: &[Seen]) -> BTreeMap<String, (i64, Option<String>)> {
    seen.iter().map(|s| (s.key.clone().unwrap(), (s.offset, s.value.clone()))).collect()
}

/// Fills the active segment's predecessor: what lies before is finished, and may be compacted.
fn finish_segment(log: &mut PartitionLog) {
    log.roll(NOW).unwrap();
}

#[test]
fn the_last_record_of_each_key_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &compacted());
    for at in 0..60 {
        log.append(&keyed(&format!("k{}", at % 5), Some(&format!("v{at}")), NOW), NOW).unwrap();
    }
    finish_segment(&mut log);
    let report = log.maintain(NOW).unwrap().compacted.unwrap();
    assert!(report.bytes_after < report.bytes_before / 10, "{report:?}");
    let seen = read_all(&log, Isolation::Uncommitted);
    assert_eq!(seen.iter().map(|seen| seen.offset).collect::<Vec<_>>(), [55, 56, 57, 58, 59]);
    assert_eq!(values_of(&seen), ["v55", "v56", "v57", "v58", "v59"]);
    assert_eq!((log.log_start_offset(), log.high_watermark()), (0, 60));
    assert_eq!(log.maintain(NOW).unwrap().compacted, None, "nothing is new");
    for from in [0, 20, 55, 58, 60] {
        let wanted: Vec<_> = seen.iter().filter(|seen| seen.offset >= from).cloned().collect();
        assert_eq!(read_from(&log, from, Isolation::Uncommitted, 1), wanted);
    }
}

#[test]
fn tombstones_go_after_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &compacted());
    log.append(&keyed("a", Some("1"), NOW), NOW).unwrap();
    log.append(&keyed("a", None, NOW), NOW).unwrap();
    finish_segment(&mut log);
    let mut round = |now_ms| {
        // Something new in another key each time, or there would be nothing to do.
        log.append(&keyed("b", Some("x"), NOW), NOW).unwrap();
        finish_segment(&mut log);
        log.maintain(now_ms).unwrap().compacted.unwrap();
        let seen = read_all(&log, Isolation::Uncommitted);
        seen.iter().filter(|seen| seen.key.as_deref() == Some("a")).cloned().collect::<Vec<_>>()
    };
    let tombstone = Seen { offset: 1, timestamp: NOW, key: Some("a".into()), value: None };
    assert_eq!(round(NOW), std::slice::from_ref(&tombstone));
    assert_eq!(round(NOW + DAY - 1), [tombstone]);
    assert_eq!(round(NOW + DAY), []);
}

#[test]
fn what_is_young_or_little_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = LogConfig { min_compaction_lag_ms: 1000, ..compacted() };
    let mut log = open(folder.path(), &config);
    for at in 0..20 {
        log.append(&keyed("k", Some("v"), NOW + at * 100), NOW).unwrap();
    }
    finish_segment(&mut log);
    assert_eq!(log.maintain(NOW + 900).unwrap().compacted, None);
    assert!(log.maintain(NOW + 2000).unwrap().compacted.is_some(), "the first segments");
    assert!(read_all(&log, Isolation::Uncommitted).len() > 5);
    assert!(log.maintain(NOW + 5000).unwrap().compacted.is_some());
    assert_eq!(read_all(&log, Isolation::Uncommitted).len(), 1);
    config.min_cleanable_dirty_ratio = 1.0;
    log.set_config(config.clone());
    log.append(&keyed("k", Some("v"), NOW), NOW).unwrap();
    finish_segment(&mut log);
    assert_eq!(log.maintain(NOW + 5000).unwrap().compacted, None, "it would take more");
    log.set_config(LogConfig { max_compaction_lag_ms: 2000, ..config });
    assert!(log.maintain(NOW + 5000).unwrap().compacted.is_some(), "it has waited long enough");
}

#[test]
fn compacted_logs_are_deleted_too_if_the_topic_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let cleanup = CleanupPolicy { delete: true, compact: true };
    let mut log = open(folder.path(), &LogConfig { cleanup, retention_ms: 5000, ..compacted() });
    for at in 0..40 {
        log.append(&keyed(&format!("k{}", at % 20), Some("v"), NOW + at * 100), NOW).unwrap();
    }
    finish_segment(&mut log);
    log.maintain(NOW).unwrap().compacted.unwrap();
    assert_eq!(read_all(&log, Isolation::Uncommitted).len(), 20);
    log.maintain(NOW + 60_000).unwrap();
    assert_eq!(read_all(&log, Isolation::Uncommitted), []);
    assert_eq!(log.log_start_offset(), 40);
}

#[test]
fn aborted_records_and_in_the_end_their_markers_go() {
    let folder = tempfile::tempdir().unwrap();
    let config = LogConfig { producer_id_expiration_ms: i64::MAX, ..compacted() };
    let mut log = open(folder.path(), &config);
    let in_transaction = |log: &mut PartitionLog, id, sequence, value| {
        let batch = From::transaction(id, 0, sequence).stamps(&keyed("k", Some(value), NOW));
        log.append(&batch, NOW).unwrap();
    };
    in_transaction(&mut log, 1, 0, "committed");
    end(&mut log, 1, 0, ControlKind::Commit);
    in_transaction(&mut log, 2, 0, "aborted");
    end(&mut log, 2, 0, ControlKind::Abort);
    in_transaction(&mut log, 2, 1, "aborted too");
    end(&mut log, 2, 0, ControlKind::Abort);
    finish_segment(&mut log);
    log.maintain(NOW).unwrap().compacted.unwrap();
    assert_eq!(values_of(&read_all(&log, Isolation::Committed)), ["committed"]);
    assert_eq!(values_of(&read_all(&log, Isolation::Uncommitted)), ["committed"]);
    // The marker of a transaction that has been cleaned is met without records from now on, and goes a day later; the
    // last batch of producer 2 stays, empty, for its sequence number.
    let size = |log: &PartitionLog| log.size_bytes();
    let mut sizes = vec![size(&log)];
    for day in 1..4 {
        log.append(&keyed("other", Some("x"), NOW), NOW).unwrap();
        finish_segment(&mut log);
        log.maintain(NOW + day * DAY).unwrap().compacted.unwrap();
        sizes.push(size(&log));
    }
    assert!(sizes[3] < sizes[1], "{sizes:?}");
    drop(log);
    for snapshot in offsets_of(folder.path(), "snapshot").unwrap() {
        std::fs::remove_file(folder.path().join(format!("{snapshot:020}.snapshot"))).unwrap();
    }
    let mut log = open(folder.path(), &config);
    assert!(log.recovery().batches_replayed > 2);
    assert_eq!(values_of(&read_all(&log, Isolation::Committed)), ["committed", "x"]);
    // Replayed from the compacted log alone, both producers go on where they were.
    From::transaction(1, 0, 5).append(&mut log, 1).unwrap_err();
    let next = |id, sequence| From::transaction(id, 0, sequence).stamps(&keyed("k", None, NOW));
    log.append(&next(2, 7), NOW).unwrap_err();
    log.append(&next(2, 2), NOW).unwrap();
    log.append(&next(1, 1), NOW).unwrap();
}

/// A marker may be all that is left of a producer: emptied by compaction, it still fences the epochs before it.
#[test]
fn an_emptied_marker_still_fences() {
    let folder = tempfile::tempdir().unwrap();
    let config = LogConfig { producer_id_expiration_ms: i64::MAX, ..compacted() };
    let mut log = open(folder.path(), &config);
    let zombie = From::transaction(1, 0, 0).stamps(&keyed("k", Some("aborted"), NOW));
    log.append(&zombie, NOW).unwrap();
    end(&mut log, 1, 1, ControlKind::Abort);
    for day in 0..4 {
        log.append(&keyed("other", Some("x"), NOW), NOW).unwrap();
        finish_segment(&mut log);
        log.maintain(NOW + day * DAY).unwrap().compacted.unwrap();
    }
    drop(log);
    for snapshot in offsets_of(folder.path(), "snapshot").unwrap() {
        std::fs::remove_file(folder.path().join(format!("{snapshot:020}.snapshot"))).unwrap();
    }
    let mut log = open(folder.path(), &config);
    assert_eq!(log.recovery().batches_replayed, 1, "the emptied marker");
    let error = log.append(&zombie, NOW).unwrap_err();
    assert_eq!(error.code(), kolk_wire::ErrorCode::INVALID_PRODUCER_EPOCH);
}

#[test]
fn an_open_transaction_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &compacted());
    let first = From::transaction(1, 0, 0).stamps(&keyed("k", Some("open"), NOW));
    log.append(&first, NOW).unwrap();
    log.append(&keyed("k", Some("later"), NOW), NOW).unwrap();
    finish_segment(&mut log);
    assert_eq!(log.maintain(NOW).unwrap().compacted, None);
    assert_eq!(read_all(&log, Isolation::Uncommitted).len(), 2);
}

/// As if a crash came between any two steps of putting new segments in the place of old ones.
#[test]
fn a_crash_while_segments_are_replaced_loses_nothing() {
    for kept_old in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let config = LogConfig { segment_bytes: 1 << 20, ..compacted() };
        let mut log = open(dir, &config);
        for at in 0..16 {
            log.append(&keyed(&format!("k{}", at % 3), Some(&format!("v{at}")), NOW), NOW).unwrap();
            if at % 4 == 3 {
                finish_segment(&mut log);
            }
        }
        let before = map_of(&read_all(&log, Isolation::Uncommitted));
        let old: Vec<_> = offsets_of(dir, "log").unwrap();
        assert_eq!(old.len(), 5, "four, and the active one");
        let copies: Vec<_> = old
            .iter()
            .map(|base| std::fs::read(dir.join(format!("{base:020}.log"))).unwrap())
            .collect();
        let report = log.maintain(NOW).unwrap().compacted.unwrap();
        assert_eq!(
            (report.segments_before, report.segments_after),
            (4, 1),
            "small ones are joined"
        );
        drop(log);
        // The new segment under its second name, and the last of the old ones still there.
        std::fs::rename(dir.join(format!("{:020}.log", 0)), dir.join(format!("{:020}.swap", 0)))
            .unwrap();
        for (base, copy) in old.iter().zip(&copies).take(old.len() - 1).rev().take(kept_old) {
            std::fs::write(dir.join(format!("{base:020}.log")), copy).unwrap();
        }
        let log = open(dir, &config);
        assert_eq!(map_of(&read_all(&log, Isolation::Uncommitted)), before, "{kept_old}");
        assert_eq!(offsets_of(dir, "swap").unwrap(), [0; 0]);
        assert_eq!(offsets_of(dir, "log").unwrap(), [0, 16], "nothing is there twice");
        assert_eq!(
            values_of(&read_from(&log, 4, Isolation::Uncommitted, 1)),
            ["v13", "v14", "v15"]
        );
    }
}

#[test]
fn retention_may_win_the_race_against_a_job_that_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let cleanup = CleanupPolicy { delete: true, compact: true };
    let mut log = open(folder.path(), &LogConfig { cleanup, ..compacted() });
    for _ in 0..20 {
        log.append(&keyed("k", Some("v"), NOW), NOW).unwrap();
    }
    finish_segment(&mut log);
    let job = log.compaction_job(NOW).unwrap();
    log.delete_records(-1).unwrap();
    log.set_config(small());
    assert!(log.maintain(NOW).unwrap().segments_deleted > 2);
    let report = log.install(job.run().unwrap()).unwrap();
    assert_eq!(report.segments_after, 0);
    assert_eq!((log.log_start_offset(), log.size_bytes()), (20, 0));
}

#[derive(Debug, Clone)]
enum Step {
    Put { key: u8, value: bool },
    Write { id: i64, key: u8, value: bool },
    End { id: i64, kind: ControlKind },
    Maintain { hours: i64 },
    Close,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(vec![ControlKind::Commit, ControlKind::Abort]);
    prop_oneof![
        6 => (0u8..6, prop::bool::weighted(0.8)).prop_map(|(key, value)| Step::Put { key, value }),
        4 => (1i64..4, 0u8..6, prop::bool::weighted(0.8))
            .prop_map(|(id, key, value)| Step::Write { id, key, value }),
        3 => (1i64..4, kind).prop_map(|(id, kind)| Step::End { id, kind }),
        2 => (0i64..20).prop_map(|hours| Step::Maintain { hours }),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
    ]
}

/// What a committed reader must know in the end: key → value, and the offset that it was written at.
#[derive(Debug, Default)]
struct Model {
    /// Committed or plain records in order of offsets.
    records: BTreeMap<i64, (String, Option<String>)>,
    open: BTreeMap<i64, Vec<(i64, String, Option<String>)>>,
}

impl Model {
    fn last(&self, before: i64) -> BTreeMap<String, (i64, Option<String>)> {
        let seen = self.records.range(..before);
        seen.map(|(offset, (key, value))| (key.clone(), (*offset, value.clone()))).collect()
    }
}

fn run(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let config =
        LogConfig { segment_bytes: 400, producer_id_expiration_ms: i64::MAX, ..compacted() };
    let mut log = open(folder.path(), &config);
    let mut model = Model::default();
    let mut sequences = BTreeMap::<i64, i32>::new();
    let mut now_ms = NOW;
    for (number, step) in steps.into_iter().enumerate() {
        let text =
            |key: u8, value: bool| (format!("k{key}"), value.then(|| format!("value {number}")));
        match step {
            Step::Put { key, value } => {
                let (key, value) = text(key, value);
                let info = log.append(&keyed(&key, value.as_deref(), NOW), NOW).unwrap();
                model.records.insert(info.base_offset, (key, value));
            }
            Step::Write { id, key, value } => {
                let (key, value) = text(key, value);
                let sequence = sequences.entry(id).or_default();
                let batch = keyed(&key, value.as_deref(), NOW);
                let batch = From::transaction(id, 0, *sequence).stamps(&batch);
                let info = log.append(&batch, NOW).unwrap();
                *sequence += 1;
                model.open.entry(id).or_default().push((info.base_offset, key, value));
            }
            Step::End { id, kind } => {
                end(&mut log, id, 0, kind);
                let records = model.open.remove(&id).unwrap_or_default();
                for (offset, key, value) in records {
                    if kind == ControlKind::Commit {
                        model.records.insert(offset, (key, value));
                    }
                }
            }
            Step::Maintain { hours } => {
                now_ms += hours * 3_600_000;
                log.maintain(now_ms).unwrap();
            }
            Step::Close => {
                log.close().unwrap();
                log = open(folder.path(), &config);
            }
            Step::Crash => {
                drop(log);
                log = open(folder.path(), &config);
            }
        }
        check(&log, &model);
    }
    let shared = Mutex::new(log);
    for day in 1..5 {
        let now_ms = now_ms + day * DAY;
        shared.lock().unwrap().append(&keyed("k9", Some("last"), NOW), NOW).unwrap();
        let offset = shared.lock().unwrap().high_watermark() - 1;
        model.records.insert(offset, ("k9".into(), Some("last".into())));
        shared.lock().unwrap().roll(NOW).unwrap();
        maintain(&shared, now_ms).unwrap();
        check(&shared.lock().unwrap(), &model);
    }
    let mut log = shared.into_inner().unwrap();
    for (id, sequence) in sequences {
        let batch = keyed("k", Some("next"), NOW);
        log.append(&From::transaction(id, 0, sequence + 1).stamps(&batch), NOW).unwrap_err();
        log.append(&From::transaction(id, 0, sequence).stamps(&batch), NOW).unwrap();
    }
}

fn check(log: &PartitionLog, model: &Model) {
    let seen = read_all(log, Isolation::Committed);
    let wanted = model.last(log.last_stable_offset());
    let mut found = map_of(&seen);
    // A tombstone may be gone; the value before it must be, too.
    for (key, (offset, value)) in &wanted {
        if value.is_none() {
            found.entry(key.clone()).or_insert((*offset, None));
        }
    }
    assert_eq!(found, wanted);
    // Whatever is read was written, at that offset.
    for seen in &seen {
        let (key, value) = &model.records[&seen.offset];
        assert_eq!((seen.key.as_ref(), &seen.value), (Some(key), value));
        assert_eq!(seen.timestamp, NOW);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_compacted_log_is_a_map(steps in prop::collection::vec(step(), 1..90)) {
        run(steps);
    }
}
