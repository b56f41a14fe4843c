//! Where in a segment's file an offset or a time begins: one entry every few kilobytes, and the file it is kept in.
//!
//! One list serves both look-ups: an entry says which offset begins at a position, and the greatest time-stamp of all that
//! is before it. The file is written when a segment is finished and is only a saving: one that is missing, damaged or
//! does not fit the segment is made anew by a scan.
//!
//! ```text
//! "KOLKIDX1" | size of the segment u64 | next offset i64 | first, greatest time-stamp i64 | its batch's offset i64
//! | aborted transactions u32 × (producer i64, first offset i64, last offset i64)
//! | entries × (offset − base u32, position u32, greatest time-stamp before i64) | CRC-32C u32      (big endian)
//! ```

use super::AbortedSpan;
use super::files::{seal, unseal};
use super::producer_state::take;

const MAGIC: &[u8; 8] = b"KOLKIDX1";

/// No time-stamp, as on the wire.
pub(super) const NO_TIMESTAMP: i64 = -1;

/// A batch begins here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its base offset, relative to the segment's.
    pub(super) offset: u32,
    /// Where in the file.
    pub(super) position: u32,
    /// The greatest time-stamp of the batches before it in the segment.
    pub(super) max_before: i64,
}

/// The sparse index of one segment; the first batch, at position 0, needs no entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Index {
    entries: Vec<Entry>,
}

impl Index {
    /// Takes note of a batch if the last entry is `interval` bytes or more behind.
    pub(super) fn note(&mut self, entry: Entry, interval: u64) {
        let last = self.entries.last().map_or(0, |last| last.position);
        if u64::from(entry.position.saturating_sub(last)) > interval {
            self.entries.push(entry);
        }
    }

    /// A position at or before the batch that holds the offset (relative to the segment's base).
    pub(super) fn position_of(&self, offset: u32) -> u32 {
        let after = self.entries.partition_point(|entry| entry.offset <= offset);
        self.before(after).map_or(0, |entry| entry.position)
    }

    /// A position at or before the first batch whose greatest time-stamp is `timestamp` or later.
    pub(super) fn position_of_time(&self, timestamp: i64) -> u32 {
        let after = self.entries.partition_point(|entry| entry.max_before < timestamp);
        self.before(after).map_or(0, |entry| entry.position)
    }

    fn before(&self, index: usize) -> Option<&Entry> {
        index.checked_sub(1).and_then(|index| self.entries.get(index))
    }
}

/// What is known of a segment without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    /// Bytes of the segment's file.
    pub(super) size: u64,
    /// The offset after its last batch; its base offset if it has none.
    pub(super) next_offset: i64,
    /// The first batch's greatest time-stamp; what `segment.ms` counts from.
    pub(super) first_timestamp: i64,
    /// The greatest time-stamp; [`NO_TIMESTAMP`] if there is none.
    pub(super) max_timestamp: i64,
    /// Base offset of the first batch that has it.
    pub(super) max_timestamp_offset: i64,
    /// Transactions whose abort marker is in the segment, in the order of the markers.
    pub(super) aborted: Vec<AbortedSpan>,
}

impl Summary {
    /// Of a segment without batches.
    pub(super) fn empty(base_offset: i64) -> Self {
        Self {
            size: 0,
            next_offset: base_offset,
            first_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            max_timestamp_offset: base_offset,
            aborted: Vec::new(),
        }
    }
}

/// The contents of an index file.
pub(super) fn encode(summary: &Summary, index: &Index) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + summary.aborted.len() * 24 + index.entries.len() * 16);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&summary.size.to_be_bytes());
    for value in [
        summary.next_offset,
        summary.first_timestamp,
        summary.max_timestamp,
        summary.max_timestamp_offset,
    ] {
        out.extend_from_slice(&value.to_be_bytes());
    }
    let aborted = u32::try_from(summary.aborted.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&aborted.to_be_bytes());
    for aborted in &summary.aborted {
        for value in [aborted.producer_id, aborted.first_offset, aborted.last_offset] {
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
    for entry in &index.entries {
        out.extend_from_slice(&entry.offset.to_be_bytes());
        out.extend_from_slice(&entry.position.to_be_bytes());
        out.extend_from_slice(&entry.max_before.to_be_bytes());
    }
    seal(out)
}

/// Reads what [`encode`] wrote for a segment of `size` bytes; `None` if it is damaged or of another size.
pub(super) fn decode(bytes: &[u8], size: u64) -> Option<(Summary, Index)> {
    let mut rest = unseal(bytes, MAGIC)?;
    if u64::from_be_bytes(take(&mut rest)?) != size {
        return None;
    }
    let mut summary = Summary {
        size,
        next_offset: i64::from_be_bytes(take(&mut rest)?),
        first_timestamp: i64::from_be_bytes(take(&mut rest)?),
        max_timestamp: i64::from_be_bytes(take(&mut rest)?),
        max_timestamp_offset: i64::from_be_bytes(take(&mut rest)?),
        aborted: Vec::new(),
    };
    for _ in 0..u32::from_be_bytes(take(&mut rest)?) {
        summary.aborted.push(AbortedSpan {
            producer_id: i64::from_be_bytes(take(&mut rest)?),
            first_offset: i64::from_be_bytes(take(&mut rest)?),
            last_offset: i64::from_be_bytes(take(&mut rest)?),
        });
    }
    let mut index = Index { entries: Vec::with_capacity(rest.len() / 16) };
    while !rest.is_empty() {
        index.entries.push(Entry {
            offset: u32::from_be_bytes(take(&mut rest)?),
            position: u32::from_be_bytes(take(&mut rest)?),
            max_before: i64::from_be_bytes(take(&mut rest)?),
        });
    }
    Some((summary, index))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(interval: u64) -> Index {
        let mut index = Index::default();
        for (offset, position, max_before) in
            [(0, 0, NO_TIMESTAMP), (10, 100, 50), (20, 200, 70), (30, 300, 70), (40, 400, 90)]
        {
            index.note(Entry { offset, position, max_before }, interval);
        }
        index
    }

    #[test]
    fn looks_up_the_last_entry_that_is_not_too_late() {
        let all = index(99);
        let by_offset = [0, 9, 10, 39, 40, 1000].map(|offset| all.position_of(offset));
        assert_eq!(by_offset, [0, 0, 100, 300, 400, 400]);
        let by_time = [10, 50, 51, 70, 71, 91].map(|time| all.position_of_time(time));
        assert_eq!(by_time, [0, 0, 100, 100, 300, 400]);
        let sparse = index(199);
        assert_eq!([15, 25, 45].map(|offset| sparse.position_of(offset)), [0, 200, 400]);
    }

    #[test]
    fn a_file_comes_back_unless_it_is_damaged_or_of_another_size() {
        let aborted = AbortedSpan { producer_id: 7, first_offset: 3, last_offset: 9 };
        let summary = Summary { size: 500, aborted: vec![aborted], ..Summary::empty(50) };
        let mut bytes = encode(&summary, &index(0));
        assert_eq!(decode(&bytes, 500), Some((summary, index(0))));
        assert_eq!(decode(&bytes, 501), None);
        bytes[30] ^= 4;
        assert_eq!(decode(&bytes, 500), None);
    }
}
