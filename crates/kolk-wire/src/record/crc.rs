//! The checksum of a batch: CRC-32C (Castagnoli) of all from the attributes on.

/// The polynomial, lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// x to the power of 8 · 2ᵏ, modulo the polynomial: what k-th bits of a length in bytes stand for.
const POWERS: [u32; 32] = powers();

/// CRC-32C of `bytes`.
#[inline]
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the upper half of a 32-bit checksum is 0")]
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32;
    crc
}

/// CRC-32C of two slices, one behind the other.
#[must_use]
pub(super) fn crc32c_of([head, rest]: [&[u8]; 2]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(head);
    digest.update(rest);
    #[expect(clippy::cast_possible_truncation, reason = "the upper half of a 32-bit checksum is 0")]
    let crc = digest.finalize() as u32;
    crc
}

/// The checksum of `new ‖ rest`, derived from that of `old ‖ rest` without looking at the `rest_len` bytes of the rest.
///
/// CRCs are linear: the two differ by the difference of the heads' checksums, moved on by `rest_len` bytes. So a batch that
/// was damaged before its header is rewritten has a wrong checksum after it, too. Costs less than a microsecond.
#[must_use]
pub(super) fn with_other_head(crc: u32, old: &[u8], new: &[u8], rest_len: usize) -> u32 {
    let mut difference = crc32c(old) ^ crc32c(new);
    for (bit, power) in POWERS.iter().enumerate() {
        if rest_len >> bit & 1 == 1 {
            difference = multiply(difference, *power);
        }
    }
    crc ^ difference
}

/// The product of two polynomials, modulo [`POLYNOMIAL`].
const fn multiply(left: u32, mut right: u32) -> u32 {
    let mut product = 0;
    let mut bit = 32;
    while bit > 0 {
        bit -= 1;
        product ^= right & 0u32.wrapping_sub(left >> bit & 1);
        right = right >> 1 ^ POLYNOMIAL & 0u32.wrapping_sub(right & 1);
    }
    product
}

#[expect(clippy::indexing_slicing, reason = "runs when it is compiled")]
const fn powers() -> [u32; 32] {
    // x⁸: bit 31 is x⁰.
    let mut power = 1 << (31 - 8);
    let mut powers = [0; 32];
    let mut bit = 0;
    while bit < powers.len() {
        powers[bit] = power;
        power = multiply(power, power);
        bit += 1;
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_castagnoli() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    proptest! {
        #[test]
        fn a_changed_head_needs_no_second_pass(
            old: [u8; 40],
            new: [u8; 40],
            rest in prop::collection::vec(any::<u8>(), 0..70_000),
        ) {
            let before = crc32c(&[&old[..], &rest].concat());
            let after = crc32c(&[&new[..], &rest].concat());
            prop_assert_eq!(with_other_head(before, &old, &new, rest.len()), after);
        }
    }
}
