//! Numbers in the bytes of a state. What is not there, because state is damaged, reads as 0 and is not written.

/// The number at `at`, little-endian.
macro_rules! numbers {
    ($( $get:ident, $put:ident, $of:ty );* $(;)?) => {
        $(
            #[inline]
            pub(super) fn $get(bytes: &[u8], at: usize) -> $of {
                match bytes.get(at..).and_then(<[u8]>::first_chunk) {
                    Some(bytes) => <$of>::from_le_bytes(*bytes),
                    None => <$of>::default(),
                }
            }

            #[inline]
            pub(super) fn $put(bytes: &mut [u8], at: usize, value: $of) {
                if let Some(bytes) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
                    *bytes = value.to_le_bytes();
                }
            }
        )*
    };
}

numbers! {
    u32_at, put_u32, u32;
    i32_at, put_i32, i32;
    i64_at, put_i64, i64;
    u64_at, put_u64, u64;
    i128_at, put_i128, i128;
    f64_at, put_f64, f64;
}
