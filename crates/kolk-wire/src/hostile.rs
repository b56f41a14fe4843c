//! Bytes that no honest sender sends, through every decoder, for a bounded time: an error at most, never a panic, never
//! an endless loop, and never more memory than [`read`](crate::read) and [`record`](crate::record) promise.

use crate::allocation::peak;
use crate::frame::RequestHeader;
use crate::message::{Any, AnyRequest, AnyResponse, AnySample, Supported, supported};
use crate::read::{BUDGET_FACTOR, BUDGET_FLOOR, Reader};
use crate::record::{
    BatchBuilder, Batches, Compression, ControlKind, ControlRecord, Header, Scratch, Transactional,
    control_batch, stamp_producer,
};
use crate::sample::Entropy;
use crate::write::Writer;
use bytes::{Bytes, BytesMut};
use std::time::{Duration, Instant};

/// How long each group runs.
const GROUP: Duration = Duration::from_secs(3);

/// Random numbers (xorshift) that are the same in every run, so that a failure comes again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("below a usize")
    }

    fn any_byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// Small values, zeros and ones above all: what counts, lengths and flags are made of.
    fn byte(&mut self) -> u8 {
        match self.next() % 8 {
            0..=3 => 0,
            4 => 1,
            5 => self.any_byte() % 16,
            6 => 0xff,
            _ => self.any_byte(),
        }
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    /// One to three changes such as faults, and attackers, make.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.next() % 8 {
                0 => bytes.truncate(at),
                1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
                2 => bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xff),
                3 => {
                    // A count as large as the length check allows, or a little larger.
                    let count = (bytes.len() + 8).saturating_sub(self.below(16));
                    let count = u32::try_from(count).expect("short");
                    let target = bytes.iter_mut().skip(at).zip(count.to_be_bytes());
                    target.for_each(|(byte, new)| *byte = new);
                }
                4 => drop(bytes.splice(at..at, [0x80, 0x80, 0x80, 0x80, 0x0f])),
                5 => {
                    let len = self.below(64);
                    let new = self.bytes(len);
                    bytes.splice(at..at, new);
                }
                6 => {
                    let part = bytes[at..].to_vec();
                    bytes.extend(part);
                }
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = self.byte()),
            }
        }
    }
}

/// Calls `check` with ever new randomness until the time is over; returns how often.
fn for_a_while(seed: u64, mut check: impl FnMut(&mut Random)) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "bounds the time that CI spends here")]
    let start = Instant::now();
    let mut random = Random(seed);
    let mut rounds = 0;
    while start.elapsed() < GROUP {
        check(&mut random);
        rounds += 1;
    }
    rounds
}

fn decode(api: Supported, version: i16, bytes: &Bytes) {
    fn one<A: Any>(api: Supported, version: i16, bytes: &Bytes) {
        let budget = bytes.len().saturating_mul(BUDGET_FACTOR).max(BUDGET_FLOOR);
        let (result, peak) = peak(|| A::read(api.key, version, &mut Reader::new(bytes.clone())));
        assert!(
            peak <= budget,
            "{:?} v{version} held {peak} bytes of {}: {bytes:?}",
            api.key,
            bytes.len()
        );
        // Whatever was accepted can be looked at and written.
        if let Ok(Some(message)) = result {
            message.write(version, &mut Writer::new());
        }
    }
    one::<AnyRequest>(api, version, bytes);
    one::<AnyResponse>(api, version, bytes);
}

fn any_version(random: &mut Random) -> (Supported, i16) {
    let api = supported()[random.below(supported().len())];
    let versions = usize::try_from(api.max - api.min).expect("max above min") + 1;
    (api, api.min + i16::try_from(random.below(versions)).expect("small"))
}

#[test]
fn arbitrary_frames_neither_panic_nor_exceed_their_budget() {
    let rounds = for_a_while(0x9e37_79b9_7f4a_7c15, |random| {
        let (api, version) = any_version(random);
        // One in 64 is so long that the floor does not hide the budget.
        let len = if random.below(64) == 0 { 200_000 } else { random.below(200) };
        let bytes = Bytes::from(random.bytes(len));
        decode(api, version, &bytes);
        let flexible =
            |key, version| Supported::of(key).is_some_and(|api| api.version(version).flexible);
        let _ = RequestHeader::read(&mut Reader::new(bytes), flexible);
    });
    assert!(rounds > 500, "only {rounds} rounds");
}

#[test]
fn mutated_messages_neither_panic_nor_exceed_their_budget() {
    fn written<A: Any>(message: Option<A>, version: i16) -> Vec<u8> {
        let mut writer = Writer::new();
        message.expect("in the table").write(version, &mut writer);
        writer.into_bytes().to_vec()
    }
    let rounds = for_a_while(0xd1b5_4a32_d192_ed03, |random| {
        let (api, version) = any_version(random);
        let entropy = random.bytes(300);
        // One in 64 has a list of thousands.
        let mut entropy = match random.below(64) {
            0 => Entropy::wide(random.below(4), 20_000),
            _ => Entropy::new(&entropy),
        };
        let mut bytes = match random.next() % 2 {
            0 => written(AnyRequest::sample(api.key, &mut entropy, api.version(version)), version),
            _ => written(AnyResponse::sample(api.key, &mut entropy, api.version(version)), version),
        };
        random.mutate(&mut bytes);
        decode(api, version, &Bytes::from(bytes));
    });
    assert!(rounds > 500, "only {rounds} rounds");
}

/// The most that the records of one batch may take in these tests.
const LIMIT: usize = 1024 * 1024;
/// What codecs hold besides: LZ4 blocks have up to 4 MiB, and output is copied as it grows.
const CODECS: usize = 16 * 1024 * 1024;

fn read_batches(scratch: &mut Scratch, bytes: &Bytes) {
    let budget = bytes.len().saturating_mul(BUDGET_FACTOR).max(BUDGET_FLOOR);
    let mut batches = Vec::with_capacity(bytes.len() / 61 + 1);
    let ((), held) = peak(|| {
        for batch in Batches::new(bytes.clone()).flatten() {
            let _ = batch.verify_crc();
            batches.push(batch);
        }
    });
    assert!(held <= budget, "{held} bytes before decompression: {bytes:?}");
    for batch in batches {
        let (body, held) = peak(|| batch.body(scratch));
        assert!(held <= 2 * LIMIT + CODECS, "{held} bytes for a body: {bytes:?}");
        let Ok(body) = body else { continue };
        assert!(batch.header.compression() == Ok(Compression::None) || body.bytes.len() <= LIMIT);
        let ((), held) = peak(|| {
            for record in body.records().flatten() {
                let _ = record.headers().count();
                let _ = ControlRecord::parse(record.key);
                let _ = ControlRecord::coordinator_epoch(record.value);
            }
        });
        assert_eq!(held, 0, "records are slices: {bytes:?}");
    }
}

fn sound_batch(random: &mut Random) -> BytesMut {
    if random.below(8) == 0 {
        return control_batch(ControlKind::Commit, 7, 3, 1, 1_600_000_000_000);
    }
    let mut builder = BatchBuilder::new(Compression::ALL[random.below(Compression::ALL.len())]);
    for _ in 0..random.below(20) {
        let (key, value) = (random.below(20), random.below(300));
        let (key, value) = (random.bytes(key), random.bytes(value));
        let key = (random.below(4) > 0).then_some(&key[..]);
        let headers = [Header::new("trace", b"1"), Header { key: b"none", value: None }];
        let headers = &headers[..random.below(3)];
        builder.push(random.next() as i64 >> 20, key, Some(&value), headers).expect("fits");
    }
    let mut batch = builder.finish();
    if !batch.is_empty() && random.below(2) == 0 {
        stamp_producer(&mut batch, 9, 2, 100, Transactional::Yes);
    }
    batch
}

#[test]
fn mutated_batches_neither_panic_nor_exceed_their_limit() {
    let mut scratch = Scratch::with_limit(LIMIT);
    let rounds = for_a_while(0xa076_1d64_78bd_642f, |random| {
        let mut bytes = Vec::new();
        for _ in 0..=random.below(3) {
            bytes.extend_from_slice(&sound_batch(random));
        }
        random.mutate(&mut bytes);
        read_batches(&mut scratch, &Bytes::from(bytes));
    });
    assert!(rounds > 500, "only {rounds} rounds");
}

/// A sound header of each codec, then bytes that never were a body of it; or no header either.
#[test]
fn arbitrary_batches_neither_panic_nor_exceed_their_limit() {
    let mut scratch = Scratch::with_limit(LIMIT);
    let rounds = for_a_while(0xe703_7ed1_a0b4_28db, |random| {
        let mut bytes = match random.below(8) {
            0 => Vec::new(),
            _ => control_batch(ControlKind::Abort, 7, 3, 1, 1_600_000_000_000)[..61].to_vec(),
        };
        let len = random.below(2000);
        bytes.extend(random.bytes(len));
        if let (Some(attributes), Some(_)) = (bytes.get(22).copied(), bytes.get(61)) {
            let length = u32::try_from(bytes.len() - 12).expect("small");
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[22] = (attributes & !7) | (random.any_byte() % 6);
            bytes[57..61].copy_from_slice(&[0, 0, 0, random.any_byte() % 4]);
        }
        read_batches(&mut scratch, &Bytes::from(bytes));
    });
    assert!(rounds > 500, "only {rounds} rounds");
}
