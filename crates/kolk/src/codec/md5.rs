//! MD5 (RFC 1321): for ids and comparisons with other systems, not for secrets.

/// How far each step rotates.
const ROTATIONS: [[u32; 4]; 4] =
    [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
const BLOCK: usize = 64;

/// The 16 bytes of the digest.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut state = START;
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for block in blocks {
        mix(&mut state, block);
    }
    // A one, zeros, and the length in bits.
    let mut tail = [0; 2 * BLOCK];
    tail[..rest.len()].copy_from_slice(rest);
    tail[rest.len()] = 0x80;
    let len = if rest.len() < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
    let bits = (bytes.len() as u64).wrapping_mul(8);
    tail[len - 8..len].copy_from_slice(&bits.to_le_bytes());
    for block in tail[..len].as_chunks::<BLOCK>().0 {
        mix(&mut state, block);
    }
    let mut digest = [0; 16];
    for (into, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *into = word.to_le_bytes();
    }
    digest
}

fn mix(state: &mut [u32; 4], block: &[u8; BLOCK]) {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let [mut a, mut b, mut c, mut d] = *state;
    for step in 0..64 {
        let (mixed, word) = match step / 16 {
            0 => (b & c | !b & d, step),
            1 => (d & b | !d & c, 5 * step + 1),
            2 => (b ^ c ^ d, 3 * step + 5),
            _ => (c ^ (b | !d), 7 * step),
        };
        let sum = a.wrapping_add(mixed).wrapping_add(sine(step)).wrapping_add(words[word % 16]);
        let turned = b.wrapping_add(sum.rotate_left(ROTATIONS[step / 16][step % 4]));
        (a, b, c, d) = (d, turned, b, c);
    }
    for (state, word) in state.iter_mut().zip([a, b, c, d]) {
        *state = state.wrapping_add(word);
    }
}

/// The constant of a step: 2³² times the sine of its number, from 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the sine's magnitude is at most 1"
)]
fn sine(step: usize) -> u32 {
    let number = u32::try_from(step + 1).unwrap_or(0);
    (f64::from(number).sin().abs() * 4_294_967_296.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_rfc() {
        for (text, expected) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "d174ab98d277d9f5a5611c2c9f419d9f",
            ),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            let shown: String =
                digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(shown, expected, "{text}");
        }
        // Lengths around the end of a block.
        let lengths: Vec<[u8; 16]> = (54..66).map(|len| digest(&vec![b'x'; len])).collect();
        assert!(lengths.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
