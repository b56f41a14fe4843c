//! Reads primitive types out of a frame, and refuses whatever does not fit into it.
//!
//! Three bounds hold for every byte that comes from the network:
//! - a length or count is compared with the bytes that remain before anything is reserved for it;
//! - all that a message allocates is charged to a budget of [`BUDGET_FACTOR`] × the frame (and [`BUDGET_FLOOR`] for
//!   small ones), so no frame makes a process grow by more than that;
//! - no decoder recurses deeper than the message's own definition.
//!
//! Primitive types: <https://kafka.apache.org/protocol.html#protocol_types>; varints and compact types: KIP-482.

use bytes::Bytes;

/// Memory that reading one frame may take, as a multiple of the frame's length.
pub const BUDGET_FACTOR: usize = 2;
/// The least budget, in bytes: structures take more room in memory than on the wire. In frames so large that this floor
/// does not cover the difference, lists of small structures stay bytes: see [`crate::sequence`].
pub const BUDGET_FLOOR: usize = 256 * 1024;

/// Why bytes are not the message they were said to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame ends before the value does.
    #[error("the frame ends {missing} bytes too early, in {what} at byte {at}")]
    Short {
        /// What was being read.
        what: &'static str,
        /// Where in the frame.
        at: usize,
        /// How many bytes are missing; a declared length can be anything up to 2³¹.
        missing: u64,
    },
    /// A value that the protocol does not allow.
    #[error("{what} at byte {at} is not valid: {why}")]
    Invalid {
        /// What was being read.
        what: &'static str,
        /// Where in the frame.
        at: usize,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// The message would need more memory than its frame entitles it to.
    #[error("the frame of {frame} bytes would need more than {budget} bytes of memory")]
    Budget {
        /// The frame's length in bytes.
        frame: usize,
        /// The most that it may take.
        budget: usize,
    },
}

/// A cursor over one frame. Byte fields that it returns are slices of the frame: nothing is copied.
#[derive(Debug, Clone)]
pub struct Reader {
    frame: Bytes,
    at: usize,
    budget: usize,
}

impl Reader {
    /// Starts at the first byte of `frame`.
    #[must_use]
    pub fn new(frame: Bytes) -> Self {
        let budget = Self::budget_of(frame.len());
        Self { frame, at: 0, budget }
    }

    fn budget_of(frame: usize) -> usize {
        frame.saturating_mul(BUDGET_FACTOR).max(BUDGET_FLOOR)
    }

    /// Bytes not read yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.frame.len() - self.at
    }

    /// Position from the start of the frame, in bytes.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Charges `bytes` of memory to the frame's budget; call it before each allocation.
    ///
    /// # Errors
    /// [`DecodeError::Budget`] when the budget is used up.
    pub fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        match self.budget.checked_sub(bytes) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => {
                let frame = self.frame.len();
                Err(DecodeError::Budget { frame, budget: Self::budget_of(frame) })
            }
        }
    }

    /// Memory still to be had, in bytes. With [`Self::set_budget`], for values that are dropped once they are read.
    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    pub(crate) fn set_budget(&mut self, bytes: usize) {
        self.budget = bytes;
    }

    /// Lifts the budget, for bytes that were read within it once.
    pub(crate) fn refill(&mut self) {
        self.budget = usize::MAX;
    }

    /// An error about the value at the current position.
    #[must_use]
    pub fn invalid(&self, what: &'static str, why: &'static str) -> DecodeError {
        DecodeError::Invalid { what, at: self.at, why }
    }

    fn short(&self, what: &'static str, wanted: u64) -> DecodeError {
        DecodeError::Short { what, at: self.at, missing: wanted - self.remaining() as u64 }
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let bytes = self.frame.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).copied();
        let bytes = bytes.ok_or_else(|| self.short(what, N as u64))?;
        self.at += N;
        Ok(bytes)
    }

    /// One byte, signed.
    ///
    /// # Errors
    /// [`DecodeError::Short`], as for every fixed-width type below.
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.array("INT8")?))
    }

    /// Two bytes, big endian, signed.
    ///
    /// # Errors
    /// As [`Self::i8`].
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.array("INT16")?))
    }

    /// Two bytes, big endian, unsigned.
    ///
    /// # Errors
    /// As [`Self::i8`].
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array("UINT16")?))
    }

    /// Four bytes, big endian, signed.
    ///
    /// # Errors
    /// As [`Self::i8`].
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.array("INT32")?))
    }

    /// Four bytes, big endian, unsigned.
    ///
    /// # Errors
    /// As [`Self::i8`].
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array("UINT32")?))
    }

    /// Eight bytes, big endian, signed.
    ///
    /// # Errors
    /// As [`Self::i8`].
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.array("INT64")?))
    }

    /// Eight bytes, IEEE 754 big endian.
    ///
    /// # Errors
    /// As [`Self::i8`].
    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_be_bytes(self.array("FLOAT64")?))
    }

    /// Sixteen bytes.
    ///
    /// # Errors
    /// As [`Self::i8`].
    pub fn uuid(&mut self) -> Result<[u8; 16], DecodeError> {
        self.array("UUID")
    }

    /// An unsigned varint of at most five bytes: lengths, counts and tags.
    ///
    /// # Errors
    /// [`DecodeError::Short`], or [`DecodeError::Invalid`] when it does not fit 32 bits.
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array("UNSIGNED_VARINT")?;
            if shift == 28 && byte > 0x0f {
                return Err(self.invalid("UNSIGNED_VARINT", "more than 32 bits"));
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.invalid("UNSIGNED_VARINT", "more than 5 bytes"))
    }

    /// The next `len` bytes, as a slice of the frame.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<Bytes, DecodeError> {
        if len > self.remaining() {
            return Err(self.short(what, len as u64));
        }
        let bytes = self.frame.slice(self.at..self.at + len);
        self.at += len;
        Ok(bytes)
    }

    /// Passes over `len` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    pub fn skip(&mut self, len: usize, what: &'static str) -> Result<(), DecodeError> {
        if len > self.remaining() {
            return Err(self.short(what, len as u64));
        }
        self.at += len;
        Ok(())
    }

    /// The length of a nullable string or byte field: `None` is null. `compact` lengths are varints, one too high.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] for a negative length other than −1, [`DecodeError::Short`] when it exceeds the frame.
    pub fn length(
        &mut self,
        compact: bool,
        wide: LengthWidth,
        what: &'static str,
    ) -> Result<Option<usize>, DecodeError> {
        let len = if compact {
            i64::from(self.unsigned_varint()?) - 1
        } else {
            match wide {
                LengthWidth::Two => i64::from(self.i16()?),
                LengthWidth::Four => i64::from(self.i32()?),
            }
        };
        match usize::try_from(len) {
            Ok(len) if len <= self.remaining() => Ok(Some(len)),
            Ok(len) => Err(self.short(what, len as u64)),
            Err(_) if len == -1 => Ok(None),
            Err(_) => Err(self.invalid(what, "negative length")),
        }
    }
}

/// How wide a length is where it is not compact: strings have two bytes, byte fields and arrays four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthWidth {
    /// INT16.
    Two,
    /// INT32.
    Four,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_length_beyond_the_frame_is_refused_before_anything_is_reserved() {
        let mut reader = Reader::new(Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff, 0]));
        let error = reader.length(false, LengthWidth::Four, "ARRAY").unwrap_err();
        assert!(matches!(error, DecodeError::Short { at: 4, .. }), "{error}");
    }

    #[test]
    fn varints_of_more_than_32_bits_are_refused() {
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 0x10][..], &[0x80, 0x80, 0x80, 0x80, 0x80][..]] {
            let mut reader = Reader::new(Bytes::copy_from_slice(bytes));
            assert!(matches!(reader.unsigned_varint(), Err(DecodeError::Invalid { .. })));
        }
        let mut reader = Reader::new(Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f]));
        assert_eq!(reader.unsigned_varint(), Ok(u32::MAX));
    }
}
