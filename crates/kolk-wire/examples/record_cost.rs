//! What a record costs to read and to write, in nanoseconds: `cargo run --release -p kolk-wire --example record_cost`.
//!
//! Each figure is the best of several rounds over batches of about 512 KiB, checksum included.
#![allow(clippy::print_stdout, reason = "a program for people")]

use kolk_wire::record::{BatchBuilder, Batches, Compression, Header, Scratch, stamp_producer};
use kolk_wire::record::{Transactional, set_log_append_time};
use std::hint::black_box;
use std::time::Instant;

const BATCH_BYTES: usize = 512 * 1024;
const RECORDS: usize = 400_000;
const ROUNDS: usize = 9;

fn main() {
    println!(
        "{:<8} {:>5} {:>8} {:>8} {:>8} {:>8}",
        "codec", "bytes", "headers", "build", "read", "no crc"
    );
    for compression in Compression::ALL {
        for size in [100, 450] {
            for headers in [0, 2] {
                if headers > 0 && compression != Compression::None {
                    continue;
                }
                let (build, read, bare) = measure(compression, size, headers);
                println!(
                    "{compression:<8} {size:>5} {headers:>8} {build:>8.1} {read:>8.1} {bare:>8.1}"
                );
            }
        }
    }
    let mut builder = BatchBuilder::new(Compression::None);
    fill(&mut builder, &[b'x'; 450], &[], &mut 0, BATCH_BYTES / 470);
    let mut batch = builder.finish();
    let stamp = best(10_000, || {
        for sequence in 0..10_000 {
            stamp_producer(black_box(&mut batch), 7, 1, sequence, Transactional::Yes);
        }
    });
    let append = best(10_000, || {
        for now in 0..10_000 {
            set_log_append_time(black_box(&mut batch), now);
        }
    });
    println!("stamp of a whole batch: producer {stamp:.0} ns, log append time {append:.0} ns");
}

fn fill(
    builder: &mut BatchBuilder,
    value: &[u8],
    headers: &[Header<'_>],
    timestamp: &mut i64,
    count: usize,
) {
    for _ in 0..count {
        *timestamp += 3;
        let key = timestamp.to_be_bytes();
        builder
            .push(1_700_000_000_000 + *timestamp, Some(&key), Some(value), headers)
            .expect("fits");
    }
}

fn measure(compression: Compression, size: usize, headers: usize) -> (f64, f64, f64) {
    let value: Vec<u8> =
        (0..size).map(|n| b"{\"user\":12345,\"page\":\"/a\"}"[n * n % 26]).collect();
    let headers = &[Header::new("trace", b"0123456789abcdef"), Header::new("k", b"v")][..headers];
    let count = BATCH_BYTES / (size + 20);
    let batches = RECORDS / count;
    let total = batches * count;
    let mut builder = BatchBuilder::new(compression);
    builder.reserve(BATCH_BYTES + 4096);
    let build = best(total, || {
        let mut timestamp = 0;
        for _ in 0..batches {
            fill(&mut builder, &value, headers, &mut timestamp, count);
            black_box(builder.finish());
        }
    });
    fill(&mut builder, &value, headers, &mut 0, count);
    let frame = builder.finish().freeze();
    let frame: bytes::Bytes = vec![frame; 4].concat().into();
    let mut scratch = Scratch::new();
    let mut read = |check: bool| {
        best(count * 4, || {
            let mut sum = 0;
            for batch in Batches::new(frame.clone()) {
                let batch = batch.expect("sound");
                if check {
                    batch.verify_crc().expect("sound");
                }
                for record in batch.body(&mut scratch).expect("sound").records() {
                    let record = record.expect("sound");
                    sum += record.offset + record.timestamp;
                    sum += i64::from(record.key.map_or(0, |key| key[7]));
                    sum += i64::from(record.value.map_or(0, |value| value[0]));
                }
            }
            black_box(sum);
        })
    };
    (build, read(true), read(false))
}

/// Nanoseconds for each of `count`, in the best round.
#[expect(clippy::disallowed_methods, reason = "measures")]
fn best(count: usize, mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / count as f64
}
