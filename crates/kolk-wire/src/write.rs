//! Writes primitive types into a frame; large byte fields are kept as shared slices instead of being copied.

use bytes::Bytes;

/// From this length on a byte field becomes a chunk of its own: below, copying is cheaper than another `iovec`.
const SHARE_FROM: usize = 4096;

/// A frame being written: chunks in order, ready for a vectored write.
#[derive(Debug, Default)]
pub struct Writer {
    chunks: Vec<Bytes>,
    tail: Vec<u8>,
    len: usize,
}

impl Writer {
    /// An empty frame.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies `bytes`.
    pub fn put(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Takes `bytes` as they are; large ones are shared, not copied.
    pub fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_FROM {
            self.put(bytes);
            return;
        }
        if !self.tail.is_empty() {
            self.chunks.push(Bytes::from(std::mem::take(&mut self.tail)));
        }
        self.chunks.push(bytes.clone());
        self.len += bytes.len();
    }

    /// An unsigned varint (KIP-482).
    pub fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.put(&[value.to_le_bytes()[0] | 0x80]);
            value >>= 7;
        }
        self.put(&[value.to_le_bytes()[0]]);
    }

    /// Appends what another writer holds.
    pub fn append(&mut self, other: Self) {
        for chunk in other.into_chunks() {
            self.put_shared(&chunk);
        }
    }

    /// The frame as chunks, for a vectored write.
    #[must_use]
    pub fn into_chunks(mut self) -> Vec<Bytes> {
        if !self.tail.is_empty() {
            self.chunks.push(Bytes::from(self.tail));
        }
        self.chunks
    }

    /// The frame in one piece; copies when there is more than one chunk.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        let len = self.len;
        let mut chunks = self.into_chunks();
        if chunks.len() == 1 {
            return chunks.remove(0);
        }
        let mut whole = Vec::with_capacity(len);
        for chunk in &chunks {
            whole.extend_from_slice(chunk);
        }
        Bytes::from(whole)
    }
}
