//! A log against a `Vec`: append, roll, close, crash, tear the tail at any byte, delete, read from anywhere.

use super::*;
use crate::log::recovery::offsets_of;
use crate::log::segment::log_path;
use proptest::prelude::*;
use std::fs::OpenOptions;
use std::io::Write;

#[derive(Debug, Clone)]
enum Step {
    Append {
        records: usize,
        size: usize,
        compression: Compression,
    },
    CloseAndOpen,
    /// The last bytes are lost, as by a crash in the middle of a write; `garbage` is what was half written.
    Crash {
        kept_permille: u64,
        garbage: usize,
    },
    DeleteRecords {
        permille: i64,
    },
    Read {
        permille: i64,
        max_bytes: usize,
    },
    Maintain,
}

fn step() -> impl Strategy<Value = Step> {
    let codec = prop::sample::select(Compression::ALL.to_vec());
    prop_oneof![
        8 => (1usize..6, 0usize..150, codec)
            .prop_map(|(records, size, compression)| Step::Append { records, size, compression }),
        1 => Just(Step::CloseAndOpen),
        2 => (0u64..=1000, 0usize..80)
            .prop_map(|(kept_permille, garbage)| Step::Crash { kept_permille, garbage }),
        1 => (0i64..=1000).prop_map(|permille| Step::DeleteRecords { permille }),
        4 => (0i64..=1000, 1usize..2000)
            .prop_map(|(permille, max_bytes)| Step::Read { permille, max_bytes }),
        1 => Just(Step::Maintain),
    ]
}

/// The batches of the log: what is in them, and their size in the file.
#[derive(Debug, Default)]
struct Model {
    batches: Vec<(Vec<Seen>, u64)>,
    start: i64,
    end: i64,
}

impl Model {
    fn seen_from(&self, from: i64) -> Vec<Seen> {
        let all = self.batches.iter().flat_map(|(records, _)| records);
        all.filter(|seen| seen.offset >= from).cloned().collect()
    }

    fn at(&self, permille: i64) -> i64 {
        self.start + (self.end - self.start) * permille / 1000
    }

    /// The last file is cut: batches that are not whole any more are gone.
    fn cut(&mut self, file_base: i64, kept: u64) {
        let in_file = |(records, _): &&(Vec<Seen>, u64)| records[0].offset >= file_base;
        let before = self.batches.len() - self.batches.iter().filter(in_file).count();
        let mut left = kept;
        let whole = self.batches[before..].iter().take_while(|(_, size)| {
            let fits = *size <= left;
            left = left.saturating_sub(*size);
            fits
        });
        let whole = before + whole.count();
        self.batches.truncate(whole);
        let last = self.batches.last().and_then(|(records, _)| records.last());
        self.end = last.map_or(file_base, |last| last.offset + 1).max(file_base);
    }
}

fn run(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let mut config = small();
    config.retention_ms = -1;
    let mut log = open(dir, &config);
    let mut model = Model::default();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Append { records, size, compression } => {
                let value = format!("{number} {}", "x".repeat(size));
                let plain = vec![(Some("key"), Some(value.as_str()), NOW); records];
                let batch = batch_of(compression, &plain).freeze();
                let info = match log.append(&batch, NOW) {
                    Ok(info) => info,
                    Err(AppendError::LargerThanSegment { .. }) => continue,
                    Err(error) => panic!("{error}"),
                };
                assert_eq!(info.base_offset, model.end);
                model.end += i64::try_from(records).unwrap();
                assert_eq!(info.last_offset, model.end - 1);
                let seen = (info.base_offset..model.end).map(|offset| Seen {
                    offset,
                    timestamp: NOW,
                    key: Some("key".into()),
                    value: Some(value.clone()),
                });
                model.batches.push((seen.collect(), batch.len() as u64));
            }
            Step::CloseAndOpen => {
                log.close().unwrap();
                log = open(dir, &config);
                assert!(log.recovery().clean && log.recovery().segments_scanned == 0);
            }
            Step::Crash { kept_permille, garbage } => {
                drop(log);
                let base = *offsets_of(dir, "log").unwrap().last().unwrap();
                let path = log_path(dir, base);
                let mut file = OpenOptions::new().append(true).open(&path).unwrap();
                let before = std::fs::read(&path).unwrap();
                let kept = before.len() as u64 * kept_permille / 1000;
                file.set_len(kept).unwrap();
                // Any byte but the one that was there: a batch cut by one byte would be whole again.
                let junk = before.get(usize::try_from(kept).unwrap()).map_or(7, |byte| !byte);
                file.write_all(&vec![junk; garbage]).unwrap();
                drop(file);
                model.cut(base, kept);
                log = open(dir, &config);
                if model.end < model.start {
                    // What was left of the log had been deleted: it goes on, empty, where it started.
                    model.batches.clear();
                    model.end = model.start;
                }
            }
            Step::DeleteRecords { permille } => {
                model.start = model.at(permille);
                assert_eq!(log.delete_records(model.start).unwrap(), model.start);
            }
            Step::Read { permille, max_bytes } => {
                let from = model.at(permille);
                let seen = read_from(&log, from, Isolation::Uncommitted, max_bytes);
                assert_eq!(seen, model.seen_from(from));
            }
            Step::Maintain => drop(log.maintain(NOW).unwrap()),
        }
        assert_eq!(log.high_watermark(), model.end);
        assert_eq!(log.log_start_offset(), model.start);
    }
    assert_eq!(read_all(&log, Isolation::Uncommitted), model.seen_from(model.start));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_log_is_a_vec(steps in prop::collection::vec(step(), 1..60)) {
        run(steps);
    }
}

#[test]
fn a_read_returns_no_more_than_asked_for_but_one_whole_batch() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    let batch = values(&["a value"]);
    for _ in 0..10 {
        log.append(&batch, NOW).unwrap();
    }
    let size = batch.len();
    let bytes = |max_bytes, min_one| {
        let request =
            ReadRequest { from: 3, isolation: Isolation::Uncommitted, max_bytes, min_one };
        log.read(&request).unwrap().records.len() / size
    };
    assert_eq!(bytes(0, false), 0);
    assert_eq!(bytes(size - 1, false), 0);
    assert_eq!(bytes(size - 1, true), 1);
    assert_eq!(bytes(size, false), 1);
    assert_eq!(bytes(3 * size - 1, false), 2);
    assert_eq!(bytes(1000 * size, false), 7);
}

#[test]
fn an_offset_that_is_not_in_the_log_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    log.append(&values(&["a", "b"]), NOW).unwrap();
    log.delete_records(1).unwrap();
    let read = |from| {
        let isolation = Isolation::Uncommitted;
        log.read(&ReadRequest { from, isolation, max_bytes: 100, min_one: true })
    };
    for from in [-1, 0, 3] {
        let error = read(from).unwrap_err();
        assert_eq!(error.code(), kolk_wire::ErrorCode::OFFSET_OUT_OF_RANGE, "{from}");
    }
    assert!(read(1).is_ok());
    assert!(read(2).unwrap().records.is_empty());
}
