//! Which partition a key belongs to: the same answer as Java's default partitioner.
//!
//! Records of one key keep their order only if every producer sends them to the same partition, so this must agree with
//! `kafka-clients` to the bit. librdkafka agrees with `partitioner=murmur2_random`, not with its own default.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// The 32-bit MurmurHash2 of `data`, with the seed that Kafka uses.
///
/// ```
/// assert_eq!(kolk_wire::partitioner::murmur2(b"foobar"), -790332482);
/// ```
#[must_use]
pub fn murmur2(data: &[u8]) -> i32 {
    // The length is mixed in as 32 bits; no key is longer than that, as record lengths are 32 bits too.
    #[expect(clippy::cast_possible_truncation, reason = "a key is shorter than 2³¹ bytes")]
    let mut hash = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        let last = tail.iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    (hash ^ hash >> 15).cast_signed()
}

/// The partition of a key among `partitions`: the hash without its sign, modulo their number. 0 when there are none.
#[must_use]
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & i32::MAX).checked_rem(partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Java's `UtilsTest.testMurmur2`.
    #[test]
    fn hashes_as_java_does() {
        let vectors: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key), hash, "{}", key.escape_ascii());
        }
    }

    #[test]
    fn a_negative_hash_still_gives_a_partition() {
        assert_eq!(partition_for_key(b"21", 7), (-973_932_308 & i32::MAX) % 7);
        for key in 0..1000u32 {
            assert!((0..3).contains(&partition_for_key(&key.to_be_bytes(), 3)));
        }
        assert_eq!(partition_for_key(b"21", 0), 0);
    }
}
