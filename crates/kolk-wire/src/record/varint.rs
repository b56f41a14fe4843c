//! The signed varints inside records: zigzag, seven bits a byte, least significant first (KIP-98).
//!
//! Lengths and deltas of a typical batch take one or two bytes: those are read without a loop.

/// Most bytes of a varint of 64 bits.
pub(super) const VARLONG_SIZE_MAX: usize = 10;

/// Takes a 32-bit varint off the front of `rest`; `None` when it is cut short or wider than 32 bits.
#[inline]
pub(super) fn read_i32(rest: &mut &[u8]) -> Option<i32> {
    let raw = match short(rest) {
        Some(raw) => raw,
        None => u32::try_from(long(rest)?).ok()?,
    };
    Some((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
}

/// Takes a 64-bit varint off the front of `rest`; `None` when it is cut short or wider than 64 bits.
#[inline]
pub(super) fn read_i64(rest: &mut &[u8]) -> Option<i64> {
    let raw = match short(rest) {
        Some(raw) => u64::from(raw),
        None => long(rest)?,
    };
    Some((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
}

/// One or two bytes; `None`, with nothing taken, when it is longer.
#[inline]
fn short(rest: &mut &[u8]) -> Option<u32> {
    match **rest {
        [first @ ..0x80, ref tail @ ..] => {
            *rest = tail;
            Some(u32::from(first))
        }
        [first, second @ ..0x80, ref tail @ ..] => {
            *rest = tail;
            Some(u32::from(first & 0x7f) | u32::from(second) << 7)
        }
        _ => None,
    }
}

fn long(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Bytes that [`Prefix::varint`] takes for `value`.
#[inline]
pub(super) fn size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[inline]
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// A few varints, put together before they are copied to a buffer at once. What does not fit is a mistake of the caller's.
pub(super) struct Prefix<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Prefix<N> {
    #[inline]
    pub(super) fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        debug_assert!(self.len < N, "a prefix of {N} bytes is full");
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    #[inline]
    pub(super) fn varint(&mut self, value: i64) {
        let mut rest = zigzag(value);
        while rest >= 0x80 {
            self.byte((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.byte((rest & 0x7f) as u8);
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(value: i64) -> Vec<u8> {
        let mut prefix = Prefix::<VARLONG_SIZE_MAX>::new();
        prefix.varint(value);
        prefix.as_slice().to_vec()
    }

    #[test]
    fn has_the_bytes_that_kafka_writes() {
        let known: [(i64, &[u8]); 8] = [
            (0, &[0]),
            (-1, &[1]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (i64::from(i32::MIN), &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ];
        for (value, bytes) in known {
            assert_eq!(written(value), bytes, "{value}");
            assert_eq!(read_i64(&mut &*bytes), Some(value));
        }
    }

    #[test]
    fn refuses_what_is_too_wide_or_cut_short() {
        assert_eq!(read_i32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), None);
        assert_eq!(read_i32(&mut &[0x80, 0x80, 0x80, 0x80, 0x80, 0x01][..]), None);
        assert_eq!(read_i64(&mut &[0xff; 9][..]), None);
        assert_eq!(read_i64(&mut &[0xff; 11][..]), None);
        assert_eq!(read_i32(&mut &[0x80][..]), None);
        assert_eq!(read_i32(&mut &[][..]), None);
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(value: i64, narrow: i32, shift in 0u32..64) {
            for value in [value, value >> shift, i64::from(narrow)] {
                let bytes = written(value);
                prop_assert_eq!(size(value), bytes.len());
                let mut rest = &bytes[..];
                prop_assert_eq!(read_i64(&mut rest), Some(value));
                prop_assert!(rest.is_empty());
                prop_assert_eq!(read_i32(&mut &bytes[..]), i32::try_from(value).ok());
            }
        }
    }
}
