//! A column of texts in the making, whose UTF-8 is checked once for all of them.

use arrow_array::LargeStringArray;
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};

/// Texts one behind the other.
pub(crate) struct Texts {
    values: Vec<u8>,
    offsets: Vec<i64>,
    nulls: NullBufferBuilder,
}

impl Texts {
    /// For about so many texts of ordinary length.
    pub(crate) fn with_capacity(len: usize) -> Self {
        const TEXT: usize = 24;
        let mut offsets = Vec::with_capacity(len + 1);
        offsets.push(0);
        Self { values: Vec::with_capacity(len * TEXT), offsets, nulls: NullBufferBuilder::new(len) }
    }

    /// Adds a text, which is UTF-8: a scan has found it so.
    #[inline]
    pub(crate) fn push(&mut self, text: &[u8]) {
        self.values.extend_from_slice(text);
        self.nulls.append_non_null();
        self.end();
    }

    /// Adds NULL.
    #[inline]
    pub(crate) fn push_null(&mut self) {
        self.nulls.append_null();
        self.end();
    }

    #[inline]
    fn end(&mut self) {
        // No memory has more bytes.
        self.offsets.push(i64::try_from(self.values.len()).unwrap_or(i64::MAX));
    }

    /// The column. Texts that are not UTF-8 after all make all of them NULL.
    pub(crate) fn finish(mut self) -> LargeStringArray {
        let len = self.offsets.len() - 1;
        let offsets = OffsetBuffer::new(self.offsets.into());
        LargeStringArray::try_new(offsets, self.values.into(), self.nulls.finish())
            .unwrap_or_else(|_| LargeStringArray::new_null(len))
    }
}
