//! Memory of large frames, used again once nothing refers to it: fresh memory costs a page fault for every 4 KiB.

use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers that are kept for later, at most: one is read from while the next one fills.
const KEPT_MAX: usize = 2;
/// A buffer of more bytes is not kept.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// The buffers of one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// An empty buffer, with the memory of an earlier frame if one has been dropped: the one that was dropped last.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// A frame whose memory comes back once the last slice of it is gone.
    pub(super) fn lend(&self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { bytes, pool: self.clone() })
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX && bytes.capacity() <= KEPT_BYTES_MAX {
            bytes.clear();
            kept.push(bytes);
        }
    }
}

/// Memory that a frame has.
#[derive(Debug)]
struct Lent {
    bytes: Vec<u8>,
    pool: Pool,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_when_the_last_slice_is_gone() {
        let pool = Pool::default();
        let frame = pool.lend(vec![7; 100]);
        let (at, slice) = (frame.as_ptr(), frame.slice(50..60));
        drop(frame);
        assert_eq!(pool.take().capacity(), 0);
        assert_eq!(slice, [7; 10][..]);
        drop(slice);
        let again = pool.take();
        assert_eq!((again.as_ptr(), again.len(), again.capacity()), (at, 0, 100));
    }

    #[test]
    fn no_more_is_kept_than_the_bound() {
        let pool = Pool::default();
        let frames: Vec<Bytes> = (1..=5).map(|size| pool.lend(vec![0; size])).collect();
        let large = pool.lend(Vec::with_capacity(KEPT_BYTES_MAX + 1));
        drop(large);
        drop(frames);
        let kept: Vec<usize> = (0..3).map(|_| pool.take().capacity()).collect();
        assert_eq!(kept, [2, 1, 0]);
    }
}
