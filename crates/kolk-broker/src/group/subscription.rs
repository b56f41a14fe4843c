//! Which topics the members of a consumer group read: the beginning of their `ConsumerProtocolSubscription`.

use super::member::Member;
use bytes::Bytes;
use kolk_wire::{DecodeError, Reader, Version, Wire};
use std::collections::BTreeSet;

/// The protocol type of consumers; other types (`connect`, `sr`) have metadata of their own.
pub(super) const CONSUMER: &str = "consumer";

/// The topics that any of `members` subscribes to, or `None` when that cannot be told.
pub(super) fn topics<'a>(
    members: impl Iterator<Item = &'a Member>,
    protocol: &str,
) -> Option<BTreeSet<String>> {
    let mut topics = BTreeSet::new();
    for member in members {
        topics.extend(subscribed(member.metadata(protocol)).ok()?);
    }
    Some(topics)
}

/// All versions of the subscription begin with the version (INT16) and the topics.
fn subscribed(metadata: Bytes) -> Result<Vec<String>, DecodeError> {
    let mut reader = Reader::new(metadata);
    let number = reader.i16()?;
    if number < 0 {
        return Err(reader.invalid("ConsumerProtocolSubscription", "negative version"));
    }
    Vec::<String>::read(&mut reader, Version { number, flexible: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_topics_of_a_subscription_and_refuses_other_bytes() {
        // version 1, topics ["a", "bc"], user data null, owned partitions []
        let bytes =
            [0, 1, 0, 0, 0, 2, 0, 1, b'a', 0, 2, b'b', b'c', 255, 255, 255, 255, 0, 0, 0, 0];
        assert_eq!(subscribed(Bytes::copy_from_slice(&bytes)).unwrap(), ["a", "bc"]);
        assert!(subscribed(Bytes::from_static(b"not a subscription")).is_err());
        assert!(subscribed(Bytes::new()).is_err());
    }
}
