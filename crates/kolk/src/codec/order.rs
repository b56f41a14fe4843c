//! Values as byte strings that compare as the values do.

/// An integer: its sign flipped, most significant byte first.
#[must_use]
pub fn of_i64(value: i64) -> [u8; 8] {
    (value.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// A decimal's digits, for one scale.
#[must_use]
pub fn of_i128(value: i128) -> [u8; 16] {
    (value.cast_unsigned() ^ (1 << 127)).to_be_bytes()
}

/// A double in total order: −NaN, −∞ … −0, 0 … ∞, NaN.
#[must_use]
pub fn of_f64(value: f64) -> [u8; 8] {
    let bits = value.to_bits();
    let flip = if bits >> 63 == 1 { u64::MAX } else { 1 << 63 };
    (bits ^ flip).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_compare_as_the_values_do(a in any::<(i64, i128, f64)>(), b in any::<(i64, i128, f64)>()) {
            prop_assert_eq!(of_i64(a.0).cmp(&of_i64(b.0)), a.0.cmp(&b.0));
            prop_assert_eq!(of_i128(a.1).cmp(&of_i128(b.1)), a.1.cmp(&b.1));
            prop_assert_eq!(of_f64(a.2).cmp(&of_f64(b.2)), a.2.total_cmp(&b.2));
        }
    }
}
