//! Batches that Apache Kafka wrote: read, and where there is no codec in between written byte by byte. See `fixtures/README.md`.

use super::*;
use bytes::{Bytes, BytesMut};

const TRACE: [Header<'static>; 4] = [
    Header { key: b"trace", value: Some(b"a1") },
    Header { key: b"trace", value: Some(b"b2") },
    Header { key: b"null", value: None },
    Header { key: b"", value: Some(b"") },
];

fn fixtures() -> [(Compression, &'static [u8]); 5] {
    [
        (Compression::None, include_bytes!("fixtures/none.bin")),
        (Compression::Gzip, include_bytes!("fixtures/gzip.bin")),
        (Compression::Snappy, include_bytes!("fixtures/snappy.bin")),
        (Compression::Lz4, include_bytes!("fixtures/lz4.bin")),
        (Compression::Zstd, include_bytes!("fixtures/zstd.bin")),
    ]
}

fn large(compression: Compression) -> Vec<u8> {
    vec![b'z'; if compression == Compression::None { 300 } else { 100_000 }]
}

fn only(bytes: &'static [u8]) -> Batch {
    let mut batches = Batches::new(Bytes::from_static(bytes));
    let batch = batches.next().expect("a batch").expect("sound");
    assert!(batches.next().is_none());
    assert_eq!(batches.position(), bytes.len());
    batch.verify_crc().expect("sound");
    batch
}

#[test]
fn reads_what_kafka_writes_with_every_codec() {
    for (compression, bytes) in fixtures() {
        let batch = only(bytes);
        let header = batch.header;
        assert_eq!(header.compression(), Ok(compression));
        assert_eq!(header.timestamp_type(), TimestampType::CreateTime);
        assert!(header.is_transactional() && !header.is_control());
        assert_eq!((header.base_offset, header.last_offset()), (1_000_000, 1_000_003));
        assert_eq!((header.producer_id, header.producer_epoch), (4_000, 7));
        assert_eq!((header.base_sequence, header.last_sequence()), (i32::MAX - 1, 1));
        assert_eq!((header.partition_leader_epoch, header.max_timestamp), (12, 1_700_000_000_500));

        let body = batch.body(&mut Scratch::new()).expect("sound");
        let records: Vec<_> = body.records().map(|record| record.expect("sound")).collect();
        let large = large(compression);
        type Seen<'a> = (i64, i64, Option<&'a [u8]>, Option<&'a [u8]>);
        let expected: [Seen<'_>; 4] = [
            (1_000_000, 1_700_000_000_000, Some(b"key"), Some(b"value")),
            (1_000_001, 1_700_000_000_500, Some(b"tombstone"), None),
            (1_000_002, 1_699_999_999_000, None, Some(b"")),
            (1_000_003, 0, Some(b""), Some(&large)),
        ];
        let found: Vec<_> =
            records.iter().map(|r| (r.offset, r.timestamp, r.key, r.value)).collect();
        assert_eq!(found, expected, "{compression}");
        assert!(records[0].headers().eq(TRACE), "{compression}");
        assert_eq!(records[0].headers().last("trace"), Some(TRACE[1]));
        assert!(records[1..].iter().all(|record| record.headers().is_empty()));
    }
}

#[test]
fn writes_the_bytes_that_kafka_writes() {
    let mut builder = BatchBuilder::new(Compression::None);
    let large = large(Compression::None);
    builder.push(1_700_000_000_000, Some(b"key"), Some(b"value"), &TRACE).expect("fits");
    builder.push(1_700_000_000_500, Some(b"tombstone"), None, &[]).expect("fits");
    builder.push(1_699_999_999_000, None, Some(b""), &[]).expect("fits");
    builder.push(0, Some(b""), Some(&large), &[]).expect("fits");
    let mut batch = builder.finish();
    stamp_producer(&mut batch, 4_000, 7, i32::MAX - 1, Transactional::Yes);
    set_base_offset(&mut batch, 1_000_000, 12);
    assert_eq!(batch, BytesMut::from(&include_bytes!("fixtures/none.bin")[..]));
}

#[test]
fn writes_the_markers_that_kafka_writes() {
    let fixtures: [(ControlKind, &'static [u8]); 2] = [
        (ControlKind::Abort, include_bytes!("fixtures/abort.bin")),
        (ControlKind::Commit, include_bytes!("fixtures/commit.bin")),
    ];
    for (kind, bytes) in fixtures {
        let mut batch = control_batch(kind, 4_000, 7, 3, 1_700_000_000_000);
        set_base_offset(&mut batch, 1_000_000, 12);
        assert_eq!(batch, BytesMut::from(bytes), "{kind:?}");
        let body = only(bytes).body(&mut Scratch::new()).expect("sound");
        let record = body.records().next().expect("a marker").expect("sound");
        assert_eq!(ControlRecord::parse(record.key), Ok(ControlRecord::End(kind)));
        assert_eq!(ControlRecord::coordinator_epoch(record.value), Ok(3));
    }
}

#[test]
fn the_brokers_time_holds_for_all_records() {
    let batch = only(include_bytes!("fixtures/append-time.bin"));
    assert_eq!(batch.header.timestamp_type(), TimestampType::LogAppendTime);
    let body = batch.body(&mut Scratch::new()).expect("sound");
    let timestamps: Vec<_> = body.records().map(|r| r.expect("sound").timestamp).collect();
    assert_eq!(timestamps, [1_700_000_009_999; 4]);
}
