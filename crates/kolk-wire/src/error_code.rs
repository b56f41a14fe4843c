//! Kafka's error codes: <https://kafka.apache.org/protocol.html#protocol_error_codes>.

use crate::read::{DecodeError, Reader};
use crate::wire::{Version, Wire};
use crate::write::Writer;
use std::fmt;

/// An error code of the protocol. Codes that Kolk does not know by name stay what they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct ErrorCode(pub i16);

impl ErrorCode {
    /// The protocol's name of the code, if Kolk knows it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMED.iter().find(|(code, ..)| *code == self).map(|(_, name, _)| *name)
    }

    /// Whether it says that nothing went wrong.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Whether the same request may well succeed later, perhaps after new metadata or at another broker.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        NAMED.iter().any(|(code, _, retriable)| *code == self && *retriable)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error code {}", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Wire for ErrorCode {
    fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        reader.i16().map(Self)
    }

    fn write(&self, writer: &mut Writer, _: Version) {
        writer.put(&self.0.to_be_bytes());
    }
}

macro_rules! codes {
    ($($number:literal $name:ident $($retriable:ident)?,)*) => {
        #[expect(missing_docs, reason = "the names are the protocol's own")]
        impl ErrorCode {
            $(pub const $name: Self = Self($number);)*
        }

        /// Code, name, whether to try again.
        const NAMED: &[(ErrorCode, &str, bool)] = &[
            $((ErrorCode::$name, stringify!($name), codes!(@ $($retriable)?)),)*
        ];
    };
    (@) => { false };
    (@ retriable) => { true };
}

// As of Apache Kafka 4.3; without those that only brokers and controllers exchange.
codes! {
    -1 UNKNOWN_SERVER_ERROR,
    0 NONE,
    1 OFFSET_OUT_OF_RANGE,
    2 CORRUPT_MESSAGE retriable,
    3 UNKNOWN_TOPIC_OR_PARTITION retriable,
    4 INVALID_FETCH_SIZE,
    5 LEADER_NOT_AVAILABLE retriable,
    6 NOT_LEADER_OR_FOLLOWER retriable,
    7 REQUEST_TIMED_OUT retriable,
    8 BROKER_NOT_AVAILABLE,
    9 REPLICA_NOT_AVAILABLE retriable,
    10 MESSAGE_TOO_LARGE,
    11 STALE_CONTROLLER_EPOCH,
    12 OFFSET_METADATA_TOO_LARGE,
    13 NETWORK_EXCEPTION retriable,
    14 COORDINATOR_LOAD_IN_PROGRESS retriable,
    15 COORDINATOR_NOT_AVAILABLE retriable,
    16 NOT_COORDINATOR retriable,
    17 INVALID_TOPIC_EXCEPTION,
    18 RECORD_LIST_TOO_LARGE,
    19 NOT_ENOUGH_REPLICAS retriable,
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND retriable,
    21 INVALID_REQUIRED_ACKS,
    22 ILLEGAL_GENERATION,
    23 INCONSISTENT_GROUP_PROTOCOL,
    24 INVALID_GROUP_ID,
    25 UNKNOWN_MEMBER_ID,
    26 INVALID_SESSION_TIMEOUT,
    27 REBALANCE_IN_PROGRESS,
    28 INVALID_COMMIT_OFFSET_SIZE,
    29 TOPIC_AUTHORIZATION_FAILED,
    30 GROUP_AUTHORIZATION_FAILED,
    31 CLUSTER_AUTHORIZATION_FAILED,
    32 INVALID_TIMESTAMP,
    33 UNSUPPORTED_SASL_MECHANISM,
    34 ILLEGAL_SASL_STATE,
    35 UNSUPPORTED_VERSION,
    36 TOPIC_ALREADY_EXISTS,
    37 INVALID_PARTITIONS,
    38 INVALID_REPLICATION_FACTOR,
    39 INVALID_REPLICA_ASSIGNMENT,
    40 INVALID_CONFIG,
    41 NOT_CONTROLLER retriable,
    42 INVALID_REQUEST,
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT,
    44 POLICY_VIOLATION,
    45 OUT_OF_ORDER_SEQUENCE_NUMBER,
    46 DUPLICATE_SEQUENCE_NUMBER,
    47 INVALID_PRODUCER_EPOCH,
    48 INVALID_TXN_STATE,
    49 INVALID_PRODUCER_ID_MAPPING,
    50 INVALID_TRANSACTION_TIMEOUT,
    51 CONCURRENT_TRANSACTIONS retriable,
    52 TRANSACTION_COORDINATOR_FENCED,
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    54 SECURITY_DISABLED,
    55 OPERATION_NOT_ATTEMPTED,
    56 KAFKA_STORAGE_ERROR retriable,
    57 LOG_DIR_NOT_FOUND,
    58 SASL_AUTHENTICATION_FAILED,
    59 UNKNOWN_PRODUCER_ID,
    60 REASSIGNMENT_IN_PROGRESS,
    68 NON_EMPTY_GROUP,
    69 GROUP_ID_NOT_FOUND,
    70 FETCH_SESSION_ID_NOT_FOUND retriable,
    71 INVALID_FETCH_SESSION_EPOCH retriable,
    72 LISTENER_NOT_FOUND retriable,
    73 TOPIC_DELETION_DISABLED,
    74 FENCED_LEADER_EPOCH retriable,
    75 UNKNOWN_LEADER_EPOCH retriable,
    76 UNSUPPORTED_COMPRESSION_TYPE,
    77 STALE_BROKER_EPOCH,
    78 OFFSET_NOT_AVAILABLE retriable,
    79 MEMBER_ID_REQUIRED,
    80 PREFERRED_LEADER_NOT_AVAILABLE retriable,
    81 GROUP_MAX_SIZE_REACHED,
    82 FENCED_INSTANCE_ID,
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE retriable,
    84 ELECTION_NOT_NEEDED retriable,
    85 NO_REASSIGNMENT_IN_PROGRESS,
    86 GROUP_SUBSCRIBED_TO_TOPIC,
    87 INVALID_RECORD,
    88 UNSTABLE_OFFSET_COMMIT retriable,
    89 THROTTLING_QUOTA_EXCEEDED retriable,
    90 PRODUCER_FENCED,
    91 RESOURCE_NOT_FOUND,
    94 INCONSISTENT_VOTER_SET,
    100 UNKNOWN_TOPIC_ID retriable,
    103 INCONSISTENT_TOPIC_ID retriable,
    105 TRANSACTIONAL_ID_NOT_FOUND,
    106 FETCH_SESSION_TOPIC_ID_ERROR retriable,
    107 INELIGIBLE_REPLICA,
    109 OFFSET_MOVED_TO_TIERED_STORAGE,
    110 FENCED_MEMBER_EPOCH,
    111 UNRELEASED_INSTANCE_ID,
    112 UNSUPPORTED_ASSIGNOR,
    113 STALE_MEMBER_EPOCH,
    114 MISMATCHED_ENDPOINT_TYPE,
    115 UNSUPPORTED_ENDPOINT_TYPE,
    120 TRANSACTION_ABORTABLE,
    121 INVALID_RECORD_STATE,
    122 SHARE_SESSION_NOT_FOUND retriable,
    123 INVALID_SHARE_SESSION_EPOCH retriable,
    124 FENCED_STATE_EPOCH,
    128 INVALID_REGULAR_EXPRESSION,
    129 REBOOTSTRAP_REQUIRED,
    130 STREAMS_INVALID_TOPOLOGY,
    131 STREAMS_INVALID_TOPOLOGY_EPOCH,
    132 STREAMS_TOPOLOGY_FENCED,
    133 SHARE_SESSION_LIMIT_REACHED retriable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_protocols_numbers_and_names() {
        for (number, name, retriable) in [
            (-1, Some("UNKNOWN_SERVER_ERROR"), false),
            (0, Some("NONE"), false),
            (3, Some("UNKNOWN_TOPIC_OR_PARTITION"), true),
            (51, Some("CONCURRENT_TRANSACTIONS"), true),
            (90, Some("PRODUCER_FENCED"), false),
            (103, Some("INCONSISTENT_TOPIC_ID"), true), // stood at 94 once
            (120, Some("TRANSACTION_ABORTABLE"), false),
            (9999, None, false),
        ] {
            let code = ErrorCode(number);
            assert_eq!((code.name(), code.is_retriable()), (name, retriable), "{number}");
        }
        assert_eq!(ErrorCode(9999).to_string(), "error code 9999");
        assert!(NAMED.is_sorted_by(|a, b| a.0 < b.0));
    }
}
