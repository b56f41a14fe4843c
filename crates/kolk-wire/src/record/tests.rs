//! Writer against reader, for all codecs, and hostile bytes against the reader.

use super::*;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

/// One record, owned.
#[derive(Debug, Clone, PartialEq)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

fn push(builder: &mut BatchBuilder, record: &Owned) {
    let headers: Vec<_> =
        record.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
    builder
        .push(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers)
        .expect("fits");
}

fn build(compression: Compression, records: &[Owned]) -> BytesMut {
    let mut builder = BatchBuilder::new(compression);
    for record in records {
        push(&mut builder, record);
    }
    builder.finish()
}

fn owned(record: &Record<'_>) -> Owned {
    Owned {
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record
            .headers()
            .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
            .collect(),
    }
}

fn only(bytes: impl Into<Bytes>) -> Batch {
    let mut batches = Batches::new(bytes.into());
    let batch = batches.next().expect("a batch").expect("a sound batch");
    assert!(batches.next().is_none());
    batch
}

fn read(batch: &Batch) -> Vec<Owned> {
    let body = batch.body(&mut Scratch::new()).expect("sound");
    let records: Result<Vec<_>, _> =
        body.records().map(|record| record.map(|r| owned(&r))).collect();
    let offsets: Vec<_> = body.records().map(|record| record.expect("sound").offset).collect();
    let expected = (0..).map(|delta| batch.header.base_offset + delta);
    assert!(offsets.iter().copied().eq(expected.take(offsets.len())));
    records.expect("sound")
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..max),
        (any::<u8>(), 0..max * 20).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 1_600_000_000_000i64..1_600_000_100_000,
        1 => any::<i64>(),
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
    ]
}

fn record() -> impl Strategy<Value = Owned> {
    let headers = prop::collection::vec((bytes(6), prop::option::of(bytes(6))), 0..4);
    (timestamp(), prop::option::of(bytes(20)), prop::option::of(bytes(300)), headers)
        .prop_map(|(timestamp, key, value, headers)| Owned { timestamp, key, value, headers })
}

fn compression() -> impl Strategy<Value = Compression> {
    prop::sample::select(Compression::ALL.to_vec())
}

proptest! {
    #[test]
    fn reads_what_it_wrote(
        compression in compression(),
        records in prop::collection::vec(record(), 1..80),
        base_offset in 0i64..i64::MAX / 2,
    ) {
        let mut bytes = build(compression, &records);
        set_base_offset(&mut bytes, base_offset, 3);
        let batch = only(bytes);
        batch.verify_crc().expect("sound");
        prop_assert_eq!(batch.header.compression(), Ok(compression));
        prop_assert_eq!(batch.header.records_count, i32::try_from(records.len()).expect("few"));
        prop_assert_eq!(batch.header.last_offset(), base_offset + records.len() as i64 - 1);
        let greatest = records.iter().map(|record| record.timestamp).max();
        prop_assert_eq!(Some(batch.header.max_timestamp), greatest);
        prop_assert_eq!(read(&batch), records);
    }

    #[test]
    fn copies_a_record_with_its_headers(records in prop::collection::vec(record(), 1..10)) {
        let body = only(build(Compression::None, &records)).body(&mut Scratch::new()).expect("sound");
        let mut builder = BatchBuilder::new(Compression::None);
        for record in body.records() {
            builder.push_record(&record.expect("sound")).expect("fits");
        }
        prop_assert_eq!(builder.finish(), build(Compression::None, &records));
    }

    #[test]
    fn size_estimate_is_exact_without_compression(records in prop::collection::vec(record(), 1..9)) {
        let mut builder = BatchBuilder::new(Compression::None);
        for record in &records {
            let before = builder.size_estimate();
            push(&mut builder, record);
            let headers: Vec<_> =
                record.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
            let most =
                BatchBuilder::record_size_max(record.key.as_deref(), record.value.as_deref(), &headers);
            prop_assert!(builder.size_estimate() <= before + most);
        }
        let size = builder.size_estimate();
        prop_assert_eq!(builder.finish().len(), size);
        prop_assert_eq!(builder.size_estimate(), HEADER_SIZE);
    }

    #[test]
    fn stamps_keep_the_checksum_right(
        records in prop::collection::vec(record(), 1..20),
        producer_id: i64, epoch: i16, sequence: i32, now: i64,
        compression in compression(),
    ) {
        let mut bytes = build(compression, &records);
        stamp_producer(&mut bytes, producer_id, epoch, sequence, Transactional::Yes);
        set_base_offset(&mut bytes, 77, 5);
        let batch = only(bytes.clone());
        batch.verify_crc().expect("sound");
        let header = batch.header;
        prop_assert!(header.is_transactional());
        prop_assert_eq!(
            (header.producer_id, header.producer_epoch, header.base_sequence),
            (producer_id, epoch, sequence)
        );
        prop_assert_eq!((header.base_offset, header.partition_leader_epoch), (77, 5));
        prop_assert_eq!(read(&batch), records.clone());

        set_log_append_time(&mut bytes, now);
        stamp_producer(&mut bytes, -1, -1, -1, Transactional::No);
        let batch = only(bytes);
        batch.verify_crc().expect("sound");
        prop_assert!(!batch.header.is_transactional());
        prop_assert!(read(&batch).iter().all(|record| record.timestamp == now));
    }

    /// The CRC is not looked at on purpose: whoever damages a batch can also mend its checksum.
    #[test]
    fn damaged_batches_neither_panic_nor_exceed_the_limit(
        compression in compression(),
        records in prop::collection::vec(record(), 1..20),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        limit in prop_oneof![Just(10_000usize), Just(1 << 20)],
    ) {
        let mut bytes = build(compression, &records);
        for (at, byte) in flips {
            // Half of them hit the header, where they would seldom fall otherwise.
            let header = bytes.len().min(HEADER_SIZE);
            let at = if byte & 2 == 0 { at.index(header) } else { at.index(bytes.len()) };
            bytes[at] ^= byte | 1;
        }
        if let Some(cut) = cut {
            let cut = cut.index(bytes.len());
            bytes.truncate(cut);
            if cut > HEADER_SIZE {
                let length = i32::try_from(cut - PREFIX_SIZE).expect("small").to_be_bytes();
                bytes[8..12].copy_from_slice(&length);
            }
        }
        exhaust(bytes.freeze(), limit);
    }

    #[test]
    fn random_bytes_behind_a_header_neither_panic_nor_exceed_the_limit(
        compression in compression(),
        mut body in prop::collection::vec(any::<u8>(), 0..300),
        magic in any::<bool>(),
        count in 0i32..100,
    ) {
        if magic {
            let start: &[u8] = match compression {
                Compression::None => &[],
                Compression::Gzip => &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff],
                Compression::Snappy => b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0",
                Compression::Lz4 => &[0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82],
                Compression::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
            };
            body.splice(..0, start.iter().copied());
        }
        exhaust(wrap(compression, count, &body), 100_000);
    }

    #[test]
    fn random_bytes_neither_panic_nor_exceed_the_limit(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        exhaust(bytes.into(), 100_000);
    }
}

/// A batch with this body, whatever it is.
fn wrap(compression: Compression, count: i32, body: &[u8]) -> Bytes {
    let length = i32::try_from(HEADER_SIZE - PREFIX_SIZE + body.len()).expect("small");
    let header = BatchHeader {
        base_offset: 0,
        length,
        partition_leader_epoch: 0,
        crc: 0,
        attributes: compression.id(),
        last_offset_delta: count,
        base_timestamp: 0,
        max_timestamp: 0,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        records_count: count,
    };
    [&header.to_bytes(), body].concat().into()
}

/// Reads all that can be read.
fn exhaust(bytes: Bytes, limit: usize) {
    let frame = bytes.len();
    let mut scratch = Scratch::with_limit(limit);
    let mut filter = AbortedFilter::new([AbortedTransaction { producer_id: -1, first_offset: 0 }]);
    for batch in Batches::new(bytes) {
        let Ok(batch) = batch else { return };
        let _ = batch.verify_crc();
        let _ = filter.verdict(&batch);
        let Ok(body) = batch.body(&mut scratch) else { continue };
        assert!(body.bytes.len() <= limit.max(frame));
        for record in body.records() {
            let Ok(record) = record else { continue };
            assert!(record.offset <= batch.header.last_offset());
            assert_eq!(record.headers().count(), record.headers().len());
            let _ = ControlRecord::parse(record.key);
        }
    }
}

/// The layout of the specification, byte by byte.
#[test]
fn a_small_batch_has_the_bytes_of_the_specification() {
    let mut builder = BatchBuilder::new(Compression::None);
    let headers = [Header::new("h", b"x"), Header { key: b"", value: None }];
    builder.push(1_000, Some(b"k"), Some(b"vv"), &headers).expect("fits");
    builder.push(990, None, None, &[]).expect("fits");
    let mut batch = builder.finish();
    stamp_producer(&mut batch, 9, 2, 100, Transactional::Yes);
    set_base_offset(&mut batch, 0x0102, 5);
    #[rustfmt::skip]
    let expected = [
        &[0, 0, 0, 0, 0, 0, 1, 2][..],                      // base offset
        &[0, 0, 0, 72],                                     // length: 49 + 16 + 7
        &[0, 0, 0, 5],                                      // leader epoch
        &[2],                                               // magic
        &batch[17..21],                                     // checksum: below
        &[0, 0b1_0000],                                     // attributes: transactional
        &[0, 0, 0, 1],                                      // last offset delta
        &[0, 0, 0, 0, 0, 0, 3, 0xe8],                       // base time-stamp
        &[0, 0, 0, 0, 0, 0, 3, 0xe8],                       // greatest time-stamp
        &[0, 0, 0, 0, 0, 0, 0, 9],                          // producer id
        &[0, 2],                                            // producer epoch
        &[0, 0, 0, 100],                                    // base sequence
        &[0, 0, 0, 2],                                      // count
        &[30, 0, 0, 0, 2, b'k', 4, b'v', b'v', 4],          // 15 more bytes; key of 1, value of 2, 2 headers
        &[2, b'h', 2, b'x', 0, 1],                          // "h" = "x", "" = null
        &[12, 0, 19, 2, 1, 1, 0],                           // 6 more bytes; 10 ms earlier, null, null, no header
    ]
    .concat();
    assert_eq!(batch[..17], expected[..17]);
    assert_eq!(&batch[..], &expected[..]);
    assert_eq!(batch[17..21], crc32c(&batch[21..]).to_be_bytes());
}

#[test]
fn stops_at_a_truncated_tail() {
    let one = build(Compression::None, &[plain(b"one")]);
    let two = build(Compression::Gzip, &[plain(b"two")]);
    let both = [&one[..], &two[..]].concat();
    for cut in 0..both.len() {
        let mut batches = Batches::new(Bytes::copy_from_slice(&both[..cut]));
        let whole = batches.by_ref().filter(Result::is_ok).count();
        assert_eq!(whole, usize::from(cut >= one.len()), "cut at {cut}");
        assert_eq!(batches.position(), if cut < one.len() { 0 } else { one.len() });
        if cut >= PREFIX_SIZE && cut < one.len() {
            assert_eq!(batches.wanted(), Some(one.len()));
        }
    }
    let mut batches = Batches::new(both.clone().into());
    assert_eq!(batches.by_ref().count(), 2);
    assert_eq!(batches.position(), both.len());
}

fn plain(value: &[u8]) -> Owned {
    Owned { timestamp: 1, key: None, value: Some(value.to_vec()), headers: Vec::new() }
}

#[test]
fn ends_after_a_damaged_header() {
    let mut bytes = build(Compression::None, &[plain(b"one")]);
    bytes[16] = 1;
    let mut batches = Batches::new(bytes.freeze());
    let error = batches.next().expect("an error").expect_err("format 1");
    assert!(error.to_string().contains("formats 0 and 1"), "{error}");
    assert!(batches.next().is_none());
    assert_eq!(batches.position(), 0);
}

#[test]
fn tells_a_damaged_batch_by_its_checksum() {
    let sound = build(Compression::None, &[plain(b"one")]);
    for at in 17..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        // Some fields are refused before the checksum is asked.
        if let Some(Ok(batch)) = Batches::new(bytes.clone().freeze()).next() {
            assert!(batch.verify_crc().is_err(), "byte {at}");
            set_log_append_time(&mut bytes, 5);
            let batch = only(bytes);
            assert!(batch.verify_crc().is_err(), "a stamp must not make byte {at} look sound");
        }
    }
}

#[test]
fn a_count_that_does_not_agree_with_the_bytes_is_refused() {
    let bytes = build(Compression::None, &[plain(b"long enough"), plain(b"for three")]);
    for (count, why) in [(1, "bytes follow"), (3, "cut short")] {
        let body = only(wrap(Compression::None, count, &bytes[HEADER_SIZE..]))
            .body(&mut Scratch::new())
            .expect("enough bytes");
        let last = body.records().last().expect("a record").expect_err("a wrong count");
        assert!(last.to_string().contains(why), "{last}");
        let errors = body.records().filter(Result::is_err).count();
        assert_eq!(errors, 1, "the iterator ends after an error");
    }
    let more = only(wrap(Compression::None, 1000, &bytes[HEADER_SIZE..]));
    assert!(more.body(&mut Scratch::new()).is_err());
}

#[test]
fn bombs_stop_at_the_limit() {
    let value = vec![0; 8 << 20];
    for compression in &Compression::ALL[1..] {
        let batch = only(build(*compression, &[plain(&value)]));
        let needed = batch.body(&mut Scratch::new()).expect("within the limit").bytes.len();
        assert!(
            batch.bytes.len() < needed / 15,
            "{compression} shrinks zeros to {}",
            batch.bytes.len()
        );
        for limit in [0, 1, 4096, 1 << 20, needed - 1] {
            let error = batch.body(&mut Scratch::with_limit(limit)).expect_err("too much");
            assert!(
                matches!(error, crate::DecodeError::Budget { budget, .. } if budget == limit),
                "{compression} at {limit}: {error}"
            );
        }
        let exact = batch.body(&mut Scratch::with_limit(needed));
        assert_eq!(exact.map(|body| body.bytes.len()), Ok(needed), "{compression}");
    }
}

/// A scratch must work again after a batch that did not decompress, and bodies must stay what they are.
#[test]
fn a_scratch_is_used_again() {
    let mut scratch = Scratch::with_limit(1 << 20);
    let mut kept = Vec::new();
    for round in 0..3u8 {
        for compression in Compression::ALL {
            let bytes = build(compression, &[plain(&[round; 500])]);
            let batch = only(bytes.clone());
            kept.push((round, batch.body(&mut scratch).expect("sound")));
            let damaged = only(wrap(compression, 1, &bytes[HEADER_SIZE..bytes.len() - 1]));
            // Without a codec only the record itself tells that it is cut short.
            match damaged.body(&mut scratch) {
                Ok(body) => {
                    assert_eq!(compression, Compression::None);
                    assert!(body.records().any(|record| record.is_err()));
                }
                Err(_) => assert_ne!(compression, Compression::None),
            }
        }
    }
    for (round, body) in kept {
        let record = body.records().next().expect("a record").expect("sound");
        assert_eq!(record.value, Some(&[round; 500][..]));
        let value = body.bytes.slice_ref(record.value.expect("not null"));
        assert_eq!(value, vec![round; 500]);
    }
}

#[test]
fn reads_both_framings_of_snappy() {
    let plain_batch = build(Compression::None, &[plain(&[7; 100_000])]);
    let records = &plain_batch[HEADER_SIZE..];
    let bare = snap::raw::Encoder::new().compress_vec(records).expect("compresses");
    assert_eq!(read(&only(wrap(Compression::Snappy, 1, &bare)))[0].value, Some(vec![7; 100_000]));
    let framed = build(Compression::Snappy, &[plain(&[7; 100_000])]);
    assert_eq!(framed[HEADER_SIZE..HEADER_SIZE + 8], *b"\x82SNAPPY\0");
    // Two streams, one behind the other.
    let (left, right) = records.split_at(50_000);
    let mut both = Vec::new();
    for part in [left, right] {
        both.extend_from_slice(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
        let block = snap::raw::Encoder::new().compress_vec(part).expect("compresses");
        both.extend_from_slice(&u32::try_from(block.len()).expect("small").to_be_bytes());
        both.extend_from_slice(&block);
    }
    assert_eq!(read(&only(wrap(Compression::Snappy, 1, &both)))[0].value, Some(vec![7; 100_000]));
}

/// Other producers' LZ4 frames have sizes, checksums, larger and linked blocks. A frame is whole or it is refused.
#[test]
fn reads_lz4_frames_of_every_shape() {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    let batch = build(Compression::None, &[plain(&[7; 200_000])]);
    let records = &batch[HEADER_SIZE..];
    for shape in 0..16u8 {
        let set = |bit: u8| shape & bit != 0;
        let frame = FrameInfo::new()
            .content_size(set(1).then_some(records.len() as u64))
            .content_checksum(set(2))
            .block_checksums(set(4))
            .block_size(if set(8) { BlockSize::Max64KB } else { BlockSize::Max4MB })
            .block_mode(if set(8) { BlockMode::Linked } else { BlockMode::Independent });
        let mut encoder = FrameEncoder::with_frame_info(frame, Vec::new());
        std::io::Write::write_all(&mut encoder, records).expect("writes");
        let bytes = encoder.finish().expect("whole");
        let value = read(&only(wrap(Compression::Lz4, 1, &bytes))).remove(0).value;
        assert_eq!(value, Some(vec![7; 200_000]), "shape {shape}");
        let mut scratch = Scratch::new();
        for cut in 1..16 {
            let cut = only(wrap(Compression::Lz4, 1, &bytes[..bytes.len() - cut]));
            assert!(cut.body(&mut scratch).is_err(), "shape {shape} without its end");
        }
    }
}

#[test]
fn markers_say_how_a_transaction_ended() {
    for kind in [ControlKind::Abort, ControlKind::Commit] {
        let batch = only(control_batch(kind, 42, 3, 17, 1_000));
        batch.verify_crc().expect("sound");
        let header = batch.header;
        assert!(header.is_control() && header.is_transactional());
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (42, 3, -1));
        let body = batch.body(&mut Scratch::new()).expect("sound");
        let record = body.records().next().expect("a marker").expect("sound");
        assert_eq!(ControlRecord::parse(record.key), Ok(ControlRecord::End(kind)));
        assert_eq!(ControlRecord::coordinator_epoch(record.value), Ok(17));
    }
    assert_eq!(ControlRecord::parse(Some(&[0, 1, 0, 2, 9])), Ok(ControlRecord::Other(2)));
    assert!(ControlRecord::parse(Some(&[0xff, 0xff, 0, 1])).is_err());
    assert!(ControlRecord::parse(Some(&[0, 0, 0])).is_err());
    assert!(ControlRecord::parse(None).is_err());
    assert!(ControlRecord::coordinator_epoch(Some(&[0, 0, 0, 0, 0])).is_err());
}

#[test]
fn aborted_transactions_are_passed_over() {
    let data = |offset, producer_id, transactional| {
        let mut bytes = build(Compression::Lz4, &[plain(b"v"), plain(b"v")]);
        stamp_producer(&mut bytes, producer_id, 0, 0, transactional);
        set_base_offset(&mut bytes, offset, 0);
        only(bytes)
    };
    let end = |offset, producer_id, kind| {
        let mut bytes = control_batch(kind, producer_id, 0, 0, 0);
        set_base_offset(&mut bytes, offset, 0);
        only(bytes)
    };
    use {ControlKind::*, Transactional::*, Verdict::*};
    let log = [
        (data(0, 1, Yes), Aborted),
        (data(2, 2, Yes), Deliver), // open beside it, committed later
        (data(4, -1, No), Deliver),
        (data(6, 1, Yes), Aborted),
        (end(8, 1, Abort), Control),
        (data(9, 1, Yes), Deliver), // its next transaction
        (end(11, 2, Commit), Control),
        (data(12, 2, Yes), Aborted), // aborted after one that was committed
        (end(14, 1, Commit), Control),
        (data(15, 2, No), Deliver), // the same id, not in a transaction
        (end(17, 2, Abort), Control),
        (data(18, 2, Yes), Deliver),
    ];
    let aborted = [(2, 12), (1, 0)]
        .map(|(producer_id, first_offset)| AbortedTransaction { producer_id, first_offset });
    let mut filter = AbortedFilter::new(aborted);
    for (batch, verdict) in &log {
        assert_eq!(filter.verdict(batch), Ok(*verdict), "at {}", batch.header.base_offset);
    }
    let mut uncommitted = AbortedFilter::new([]);
    for (batch, verdict) in &log {
        let expected = if *verdict == Control { Control } else { Deliver };
        assert_eq!(uncommitted.verdict(batch), Ok(expected));
    }
}

#[test]
fn a_builder_starts_again_after_a_batch() {
    for compression in Compression::ALL {
        let mut builder = BatchBuilder::new(compression);
        push(&mut builder, &plain(b"first"));
        assert_eq!((builder.count(), builder.max_timestamp()), (1, Some(1)));
        let first = builder.finish();
        assert!(builder.is_empty() && builder.max_timestamp().is_none());
        push(&mut builder, &Owned { timestamp: -5, ..plain(b"second") });
        let second = builder.finish();
        assert_eq!(read(&only(first))[0].value.as_deref(), Some(&b"first"[..]));
        assert_eq!(read(&only(second.clone()))[0].timestamp, -5);
        assert_eq!(only(second).header.max_timestamp, -5);
    }
}

/// Compaction keeps what it keeps where it is: offsets, time-stamps, sequence numbers.
#[test]
fn retaining_keeps_the_rest_as_it_was() {
    for compression in Compression::ALL {
        let records: Vec<_> =
            (0..50).map(|n| Owned { timestamp: 2_000 - i64::from(n), ..plain(&[n; 40]) }).collect();
        let mut bytes = build(compression, &records);
        stamp_producer(&mut bytes, 4, 1, 10, Transactional::Yes);
        set_base_offset(&mut bytes, 1_000, 2);
        let batch = only(bytes);
        let mut scratch = Scratch::new();
        let thinned = batch.retain(&mut scratch, |record| record.offset % 10 == 9).expect("sound");
        let thinned = only(thinned);
        thinned.verify_crc().expect("sound");
        let header = BatchHeader {
            length: thinned.header.length,
            crc: thinned.header.crc,
            records_count: 5,
            max_timestamp: 1_991,
            ..batch.header
        };
        assert_eq!(thinned.header, header, "{compression}");
        let body = thinned.body(&mut scratch).expect("sound");
        let kept: Vec<_> = body
            .records()
            .map(|record| record.expect("sound"))
            .map(|r| (r.offset, r.timestamp))
            .collect();
        assert_eq!(kept, [(1009, 1991), (1019, 1981), (1029, 1971), (1039, 1961), (1049, 1951)]);

        let empty = only(thinned.retain(&mut scratch, |_| false).expect("sound"));
        empty.verify_crc().expect("sound");
        assert_eq!((empty.header.records_count, empty.header.last_offset()), (0, 1_049));
        assert_eq!(empty.body(&mut scratch).expect("sound").records().count(), 0);
    }
}

#[test]
fn levels_are_taken() {
    // Words in an order without a pattern: text that a denser level finds more in.
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let words: Vec<String> = (0..500).map(|_| format!("{:x}", next() * 7919)).collect();
    let text: Vec<u8> = (0..20_000)
        .flat_map(|_| words[next() as usize % words.len()].clone().into_bytes())
        .collect();
    for (compression, fast, dense) in [(Compression::Gzip, 1, 9), (Compression::Zstd, 1, 19)] {
        let [fast, dense] = [fast, dense].map(|level| {
            let mut builder = BatchBuilder::with_level(compression, level);
            push(&mut builder, &plain(&text));
            let bytes = builder.finish();
            assert_eq!(read(&only(bytes.clone()))[0].value.as_ref(), Some(&text));
            bytes.len()
        });
        assert!(dense < fast, "{compression}: {dense} < {fast}");
    }
}
