//! What a client may append, and what the broker makes of it.

use super::*;
use crate::log::config::TimestampSource;
use kolk_wire::ErrorCode;
use kolk_wire::record::{
    Batch, TimestampType, control_batch, set_base_offset, set_log_append_time,
};

/// The answer to a batch.
fn answer(config: &LogConfig, batch: &[u8]) -> ErrorCode {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), config);
    match log.append(&Bytes::copy_from_slice(batch), NOW) {
        Ok(_) => ErrorCode::NONE,
        Err(error) => {
            assert_eq!(log.high_watermark(), 0, "nothing of it is in the log");
            error.code()
        }
    }
}

#[test]
fn a_batch_that_breaks_a_rule_is_refused() {
    let config = LogConfig::default();
    let good = values(&["a", "b"]);
    assert_eq!(answer(&config, &good), ErrorCode::NONE);
    assert_eq!(answer(&config, &[]), ErrorCode::INVALID_RECORD);
    assert_eq!(answer(&config, &good[..good.len() - 1]), ErrorCode::INVALID_RECORD);
    assert_eq!(answer(&config, &[&good[..], &good].concat()), ErrorCode::INVALID_RECORD);
    let mut batch = BytesMut::from(&good[..]);
    *batch.last_mut().unwrap() ^= 1;
    assert_eq!(answer(&config, &batch), ErrorCode::CORRUPT_MESSAGE);
    let mut batch = BytesMut::from(&good[..]);
    batch[16] = 1;
    assert_eq!(answer(&config, &batch), ErrorCode::INVALID_RECORD, "an old format");
    let mut batch = BytesMut::from(&good[..]);
    set_base_offset(&mut batch, 5, -1);
    assert_eq!(answer(&config, &batch), ErrorCode::INVALID_RECORD);
    let empty = BatchBuilder::new(Compression::None).finish();
    assert_eq!(answer(&config, &empty), ErrorCode::INVALID_RECORD);
    let control = control_batch(ControlKind::Commit, 1, 0, 0, NOW);
    assert_eq!(answer(&config, &control), ErrorCode::INVALID_RECORD);
    let unnumbered = From::producer(1, 0, -1).stamps(&good);
    assert_eq!(answer(&config, &unnumbered), ErrorCode::INVALID_RECORD);
}

#[test]
fn sizes_are_limited() {
    let batch = values(&["a value of some length"]);
    let limit = |max_message_bytes| LogConfig { max_message_bytes, ..LogConfig::default() };
    assert_eq!(answer(&limit(batch.len()), &batch), ErrorCode::NONE);
    assert_eq!(answer(&limit(batch.len() - 1), &batch), ErrorCode::MESSAGE_TOO_LARGE);
    let config = LogConfig { segment_bytes: 50, ..LogConfig::default() };
    assert_eq!(answer(&config, &batch), ErrorCode::RECORD_LIST_TOO_LARGE);
}

#[test]
fn a_compacted_topic_wants_keys_and_says_where_they_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &compacted());
    let records = [(Some("k"), Some("v"), NOW), (None, Some("v"), NOW), (None, None, NOW)];
    let error = log.append(&batch_of(Compression::None, &records).freeze(), NOW).unwrap_err();
    assert_eq!(error.code(), ErrorCode::INVALID_RECORD);
    assert_eq!(error.record_errors().iter().map(|e| e.index).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn time_stamps_are_limited_only_where_they_are_the_producers() {
    let mut config = LogConfig {
        timestamp_before_max_ms: 1000,
        timestamp_after_max_ms: 2000,
        ..LogConfig::default()
    };
    for (timestamp, wanted) in [
        (NOW - 1000, ErrorCode::NONE),
        (NOW - 1001, ErrorCode::INVALID_TIMESTAMP),
        (NOW + 2000, ErrorCode::NONE),
        (NOW + 2001, ErrorCode::INVALID_TIMESTAMP),
        (-1, ErrorCode::NONE),
    ] {
        config.timestamps = TimestampSource::CreateTime;
        assert_eq!(answer(&config, &keyed("k", None, timestamp)), wanted, "{timestamp}");
        config.timestamps = TimestampSource::LogAppendTime;
        assert_eq!(answer(&config, &keyed("k", None, timestamp)), ErrorCode::NONE, "{timestamp}");
    }
    let mut stamped = BytesMut::from(&values(&["v"])[..]);
    set_log_append_time(&mut stamped, NOW);
    assert_eq!(answer(&LogConfig::default(), &stamped), ErrorCode::INVALID_TIMESTAMP);
}

/// Appends and reads back one batch.
fn stored(config: &LogConfig, batch: &Bytes) -> (AppendInfo, Batch) {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), config);
    let info = log.append(batch, NOW).unwrap();
    let isolation = Isolation::Uncommitted;
    let read = ReadRequest { from: 0, isolation, max_bytes: 1 << 20, min_one: true };
    let batch = Batch::parse(&log.read(&read).unwrap().records).unwrap().unwrap();
    batch.verify_crc().unwrap();
    (info, batch)
}

#[test]
fn the_broker_stamps_records_if_the_topic_says_so() {
    let batch = keyed("k", Some("v"), NOW - 5);
    let (info, read) = stored(&LogConfig::default(), &batch);
    assert_eq!((info.log_append_time, read.header.max_timestamp), (-1, NOW - 5));
    let timestamps = TimestampSource::LogAppendTime;
    let (info, read) = stored(&LogConfig { timestamps, ..LogConfig::default() }, &batch);
    assert_eq!((info.log_append_time, read.header.max_timestamp), (NOW, NOW));
    assert_eq!(read.header.timestamp_type(), TimestampType::LogAppendTime);
}

#[test]
fn the_broker_compresses_anew_if_the_topic_says_so() {
    let records: Vec<_> = (0..20).map(|at| (Some("key"), Some("some value"), NOW - at)).collect();
    for from in Compression::ALL {
        for to in Compression::ALL {
            let batch = From::transaction(9, 2, 40).stamps(&batch_of(from, &records).freeze());
            let config = LogConfig { compression: Some(to), ..LogConfig::default() };
            let (_, read) = stored(&config, &batch);
            let header = &read.header;
            assert_eq!(header.compression(), Ok(to));
            assert!(header.is_transactional());
            assert_eq!(
                (header.producer_id, header.producer_epoch, header.base_sequence),
                (9, 2, 40)
            );
            assert_eq!((header.records_count, header.max_timestamp), (20, NOW));
            let (_, as_it_came) = stored(&LogConfig::default(), &batch);
            assert_eq!(as_it_came.header.compression(), Ok(from));
            let text = |batch: &Batch| {
                let body = batch.body(&mut Scratch::new()).unwrap();
                body.records().map(|record| format!("{:?}", record.unwrap())).collect::<Vec<_>>()
            };
            assert_eq!(text(&read), text(&as_it_came));
        }
    }
}

/// Time look-ups and retention rely on the header, so one that lies is put right.
#[test]
fn a_wrong_greatest_time_stamp_is_corrected() {
    let batch = keyed("k", Some("v"), NOW - 5);
    let mut header = kolk_wire::record::BatchHeader::parse(&batch).unwrap();
    header.max_timestamp = NOW + 999_999_999;
    let mut lying = BytesMut::from(&batch[..]);
    lying[..61].copy_from_slice(&header.to_bytes());
    let crc = kolk_wire::record::crc32c(&lying[21..]);
    lying[17..21].copy_from_slice(&crc.to_be_bytes());
    let (_, read) = stored(&LogConfig::default(), &lying.freeze());
    assert_eq!(read.header.max_timestamp, NOW - 5);
}
