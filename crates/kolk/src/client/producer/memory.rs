//! Memory of batches that were acknowledged, for the batches to come: fresh memory costs a page fault for every 4 KiB.

use bytes::BytesMut;

/// Buffers that wait to be used again.
#[derive(Debug, Default)]
pub(super) struct Memory {
    buffers: Vec<BytesMut>,
    bytes: usize,
}

impl Memory {
    /// Keeps a buffer, as long as not more than `bytes_max` are kept.
    pub(super) fn keep(&mut self, buffer: BytesMut, bytes_max: usize) {
        if self.bytes + buffer.capacity() <= bytes_max {
            self.bytes += buffer.capacity();
            self.buffers.push(buffer);
        }
    }

    /// The buffer that was kept last: it may still be in the processor's cache.
    pub(super) fn take(&mut self) -> Option<BytesMut> {
        let buffer = self.buffers.pop()?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_buffer_comes_first_and_no_more_is_kept_than_allowed() {
        let mut memory = Memory::default();
        for size in [100, 200, 50] {
            memory.keep(BytesMut::with_capacity(size), 320);
        }
        let taken: Vec<usize> =
            std::iter::from_fn(|| memory.take()).map(|buffer| buffer.capacity()).collect();
        assert_eq!((taken, memory.bytes), (vec![200, 100], 0));
    }
}
