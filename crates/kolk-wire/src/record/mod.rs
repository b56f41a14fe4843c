//! Record batches, format v2 (KIP-98): read in place, written a whole batch at a time.
//!
//! A batch is 61 bytes of header and then the records, compressed together if at all. Numbers in the header are big endian:
//!
//! ```text
//! byte 0        8        12       16 17       21   23       27       35       43       51   53       57       61
//!      ├────────┼────────┼────────┼─┼────────┼────┼────────┼────────┼────────┼────────┼────┼────────┼────────┼─────────
//!      │ base   │ length │ leader │2│ CRC-32C│attr│ last   │ base   │ max    │producer│prod│ base   │ count  │ records
//!      │ offset │ from 12│ epoch  │ │ from 21│    │ offset │ time-  │ time-  │ id     │epo-│ sequen-│ of     │
//!      │ i64    │ i32    │ i32    │ │ u32    │i16 │ Δ i32  │ stamp  │ stamp  │ i64    │ch  │ ce i32 │ records│
//!      ├────────┴────────┴────────┴─┴────────┼────┴────────┴────────┴────────┴────────┴────┴────────┴────────┴─────────
//!      │ the broker may change these freely  │ covered by the checksum
//!
//! attr   bit 0–2 codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd
//!        bit 3 time-stamps: 0 the producer's (create time), 1 the broker's (log append time: `max` holds for all records)
//!        bit 4 transactional · bit 5 control · bit 6 the base time-stamp is a delete horizon (KIP-534)
//! ```
//!
//! A record, where every number is a zigzag varint:
//!
//! ```text
//! │ length of the rest │ attributes: 1 byte, 0 │ Δ time-stamp │ Δ offset │ key length │ key │ value length │ value │
//! │ count of headers │ { key length │ key │ value length │ value } … │                 length −1: null, but for header keys
//! ```
//!
//! ```
//! use kolk_wire::record::{BatchBuilder, Batches, Compression, Header, Scratch};
//!
//! let mut builder = BatchBuilder::new(Compression::Lz4);
//! builder.push(1_600_000_000_000, Some(b"key"), Some(b"value"), &[Header::new("trace", b"1")])?;
//! let bytes = builder.finish().freeze();
//!
//! let mut scratch = Scratch::new();
//! for batch in Batches::new(bytes) {
//!     let batch = batch?;
//!     batch.verify_crc()?;
//!     for record in batch.body(&mut scratch)?.records() {
//!         assert_eq!(record?.value, Some(&b"value"[..]));
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod varint;
mod crc;
mod compression;
mod inflate;
mod header;
mod headers;
mod records;
mod batch;
mod body;
mod builder;
mod stamp;
mod control;
mod retain;
mod horizon;
mod aborted;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod tests;

pub use aborted::{AbortedFilter, AbortedTransaction, Verdict};
pub use batch::{Batch, Batches};
pub use body::Body;
pub use builder::{BATCH_SIZE_MAX, BatchBuilder, BatchFull};
pub use compression::{Compression, UnknownCompression};
pub use control::{ControlKind, ControlRecord, control_batch};
pub use crc::crc32c;
pub use header::{BatchHeader, HEADER_SIZE, MAGIC, PREFIX_SIZE, TimestampType};
pub use headers::{Header, Headers};
pub use inflate::{DECOMPRESSED_MAX, Scratch};
pub use records::{Record, Records, RecordsPlace};
pub use stamp::{Transactional, set_base_offset, set_log_append_time, stamp_producer};
