//! Kafka's error codes: <https://kafka.apache.org/protocol.html#protocol_error_codes>.

use crate::read::{DecodeError, Reader};
use crate::wire::{Version, Wire};
use crate::write::Writer;
use std::fmt;

/// An error code of the protocol. Codes that Kolk does not know by name stay what they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct ErrorCode(pub i16);

#[expect(missing_docs, reason = "the names are the protocol's own")]
impl ErrorCode {
    pub const UNKNOWN_SERVER_ERROR: Self = Self(-1);
    pub const NONE: Self = Self(0);
    pub const OFFSET_OUT_OF_RANGE: Self = Self(1);
    pub const CORRUPT_MESSAGE: Self = Self(2);
    pub const UNKNOWN_TOPIC_OR_PARTITION: Self = Self(3);
    pub const INVALID_FETCH_SIZE: Self = Self(4);
    pub const LEADER_NOT_AVAILABLE: Self = Self(5);
    pub const NOT_LEADER_OR_FOLLOWER: Self = Self(6);
    pub const REQUEST_TIMED_OUT: Self = Self(7);
    pub const BROKER_NOT_AVAILABLE: Self = Self(8);
    pub const REPLICA_NOT_AVAILABLE: Self = Self(9);
    pub const MESSAGE_TOO_LARGE: Self = Self(10);
    pub const STALE_CONTROLLER_EPOCH: Self = Self(11);
    pub const OFFSET_METADATA_TOO_LARGE: Self = Self(12);
    pub const NETWORK_EXCEPTION: Self = Self(13);
    pub const COORDINATOR_LOAD_IN_PROGRESS: Self = Self(14);
    pub const COORDINATOR_NOT_AVAILABLE: Self = Self(15);
    pub const NOT_COORDINATOR: Self = Self(16);
    pub const INVALID_TOPIC_EXCEPTION: Self = Self(17);
    pub const RECORD_LIST_TOO_LARGE: Self = Self(18);
    pub const NOT_ENOUGH_REPLICAS: Self = Self(19);
    pub const NOT_ENOUGH_REPLICAS_AFTER_APPEND: Self = Self(20);
    pub const INVALID_REQUIRED_ACKS: Self = Self(21);
    pub const ILLEGAL_GENERATION: Self = Self(22);
    pub const INCONSISTENT_GROUP_PROTOCOL: Self = Self(23);
    pub const INVALID_GROUP_ID: Self = Self(24);
    pub const UNKNOWN_MEMBER_ID: Self = Self(25);
    pub const INVALID_SESSION_TIMEOUT: Self = Self(26);
    pub const REBALANCE_IN_PROGRESS: Self = Self(27);
    pub const INVALID_COMMIT_OFFSET_SIZE: Self = Self(28);
    pub const TOPIC_AUTHORIZATION_FAILED: Self = Self(29);
    pub const GROUP_AUTHORIZATION_FAILED: Self = Self(30);
    pub const CLUSTER_AUTHORIZATION_FAILED: Self = Self(31);
    pub const INVALID_TIMESTAMP: Self = Self(32);
    pub const UNSUPPORTED_SASL_MECHANISM: Self = Self(33);
    pub const ILLEGAL_SASL_STATE: Self = Self(34);
    pub const UNSUPPORTED_VERSION: Self = Self(35);
    pub const TOPIC_ALREADY_EXISTS: Self = Self(36);
    pub const INVALID_PARTITIONS: Self = Self(37);
    pub const INVALID_REPLICATION_FACTOR: Self = Self(38);
    pub const INVALID_REPLICA_ASSIGNMENT: Self = Self(39);
    pub const INVALID_CONFIG: Self = Self(40);
    pub const NOT_CONTROLLER: Self = Self(41);
    pub const INVALID_REQUEST: Self = Self(42);
    pub const UNSUPPORTED_FOR_MESSAGE_FORMAT: Self = Self(43);
    pub const POLICY_VIOLATION: Self = Self(44);
    pub const OUT_OF_ORDER_SEQUENCE_NUMBER: Self = Self(45);
    pub const DUPLICATE_SEQUENCE_NUMBER: Self = Self(46);
    pub const INVALID_PRODUCER_EPOCH: Self = Self(47);
    pub const INVALID_TXN_STATE: Self = Self(48);
    pub const INVALID_PRODUCER_ID_MAPPING: Self = Self(49);
    pub const INVALID_TRANSACTION_TIMEOUT: Self = Self(50);
    pub const CONCURRENT_TRANSACTIONS: Self = Self(51);
    pub const TRANSACTION_COORDINATOR_FENCED: Self = Self(52);
    pub const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: Self = Self(53);
    pub const SECURITY_DISABLED: Self = Self(54);
    pub const OPERATION_NOT_ATTEMPTED: Self = Self(55);
    pub const KAFKA_STORAGE_ERROR: Self = Self(56);
    pub const LOG_DIR_NOT_FOUND: Self = Self(57);
    pub const SASL_AUTHENTICATION_FAILED: Self = Self(58);
    pub const UNKNOWN_PRODUCER_ID: Self = Self(59);
    pub const REASSIGNMENT_IN_PROGRESS: Self = Self(60);
    pub const NON_EMPTY_GROUP: Self = Self(68);
    pub const GROUP_ID_NOT_FOUND: Self = Self(69);
    pub const FETCH_SESSION_ID_NOT_FOUND: Self = Self(70);
    pub const INVALID_FETCH_SESSION_EPOCH: Self = Self(71);
    pub const LISTENER_NOT_FOUND: Self = Self(72);
    pub const TOPIC_DELETION_DISABLED: Self = Self(73);
    pub const FENCED_LEADER_EPOCH: Self = Self(74);
    pub const UNKNOWN_LEADER_EPOCH: Self = Self(75);
    pub const UNSUPPORTED_COMPRESSION_TYPE: Self = Self(76);
    pub const STALE_BROKER_EPOCH: Self = Self(77);
    pub const OFFSET_NOT_AVAILABLE: Self = Self(78);
    pub const MEMBER_ID_REQUIRED: Self = Self(79);
    pub const PREFERRED_LEADER_NOT_AVAILABLE: Self = Self(80);
    pub const GROUP_MAX_SIZE_REACHED: Self = Self(81);
    pub const FENCED_INSTANCE_ID: Self = Self(82);
    pub const GROUP_SUBSCRIBED_TO_TOPIC: Self = Self(86);
    pub const INVALID_RECORD: Self = Self(87);
    pub const UNSTABLE_OFFSET_COMMIT: Self = Self(88);
    pub const THROTTLING_QUOTA_EXCEEDED: Self = Self(89);
    pub const PRODUCER_FENCED: Self = Self(90);
    pub const RESOURCE_NOT_FOUND: Self = Self(91);
    pub const INCONSISTENT_TOPIC_ID: Self = Self(94);
    pub const INELIGIBLE_REPLICA: Self = Self(95);
    pub const UNKNOWN_TOPIC_ID: Self = Self(100);
    pub const FENCED_MEMBER_EPOCH: Self = Self(110);
    pub const UNRELEASED_INSTANCE_ID: Self = Self(111);
    pub const UNSUPPORTED_ASSIGNOR: Self = Self(112);
    pub const STALE_MEMBER_EPOCH: Self = Self(113);
    pub const MISMATCHED_ENDPOINT_TYPE: Self = Self(114);
    pub const TRANSACTION_ABORTABLE: Self = Self(120);

    /// The protocol's name of the code, if Kolk knows it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::UNKNOWN_SERVER_ERROR => "UNKNOWN_SERVER_ERROR",
            Self::NONE => "NONE",
            Self::OFFSET_OUT_OF_RANGE => "OFFSET_OUT_OF_RANGE",
            Self::CORRUPT_MESSAGE => "CORRUPT_MESSAGE",
            Self::UNKNOWN_TOPIC_OR_PARTITION => "UNKNOWN_TOPIC_OR_PARTITION",
            Self::INVALID_FETCH_SIZE => "INVALID_FETCH_SIZE",
            Self::LEADER_NOT_AVAILABLE => "LEADER_NOT_AVAILABLE",
            Self::NOT_LEADER_OR_FOLLOWER => "NOT_LEADER_OR_FOLLOWER",
            Self::REQUEST_TIMED_OUT => "REQUEST_TIMED_OUT",
            Self::BROKER_NOT_AVAILABLE => "BROKER_NOT_AVAILABLE",
            Self::REPLICA_NOT_AVAILABLE => "REPLICA_NOT_AVAILABLE",
            Self::MESSAGE_TOO_LARGE => "MESSAGE_TOO_LARGE",
            Self::STALE_CONTROLLER_EPOCH => "STALE_CONTROLLER_EPOCH",
            Self::OFFSET_METADATA_TOO_LARGE => "OFFSET_METADATA_TOO_LARGE",
            Self::NETWORK_EXCEPTION => "NETWORK_EXCEPTION",
            Self::COORDINATOR_LOAD_IN_PROGRESS => "COORDINATOR_LOAD_IN_PROGRESS",
            Self::COORDINATOR_NOT_AVAILABLE => "COORDINATOR_NOT_AVAILABLE",
            Self::NOT_COORDINATOR => "NOT_COORDINATOR",
            Self::INVALID_TOPIC_EXCEPTION => "INVALID_TOPIC_EXCEPTION",
            Self::RECORD_LIST_TOO_LARGE => "RECORD_LIST_TOO_LARGE",
            Self::NOT_ENOUGH_REPLICAS => "NOT_ENOUGH_REPLICAS",
            Self::NOT_ENOUGH_REPLICAS_AFTER_APPEND => "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
            Self::INVALID_REQUIRED_ACKS => "INVALID_REQUIRED_ACKS",
            Self::ILLEGAL_GENERATION => "ILLEGAL_GENERATION",
            Self::INCONSISTENT_GROUP_PROTOCOL => "INCONSISTENT_GROUP_PROTOCOL",
            Self::INVALID_GROUP_ID => "INVALID_GROUP_ID",
            Self::UNKNOWN_MEMBER_ID => "UNKNOWN_MEMBER_ID",
            Self::INVALID_SESSION_TIMEOUT => "INVALID_SESSION_TIMEOUT",
            Self::REBALANCE_IN_PROGRESS => "REBALANCE_IN_PROGRESS",
            Self::INVALID_COMMIT_OFFSET_SIZE => "INVALID_COMMIT_OFFSET_SIZE",
            Self::TOPIC_AUTHORIZATION_FAILED => "TOPIC_AUTHORIZATION_FAILED",
            Self::GROUP_AUTHORIZATION_FAILED => "GROUP_AUTHORIZATION_FAILED",
            Self::CLUSTER_AUTHORIZATION_FAILED => "CLUSTER_AUTHORIZATION_FAILED",
            Self::INVALID_TIMESTAMP => "INVALID_TIMESTAMP",
            Self::UNSUPPORTED_SASL_MECHANISM => "UNSUPPORTED_SASL_MECHANISM",
            Self::ILLEGAL_SASL_STATE => "ILLEGAL_SASL_STATE",
            Self::UNSUPPORTED_VERSION => "UNSUPPORTED_VERSION",
            Self::TOPIC_ALREADY_EXISTS => "TOPIC_ALREADY_EXISTS",
            Self::INVALID_PARTITIONS => "INVALID_PARTITIONS",
            Self::INVALID_REPLICATION_FACTOR => "INVALID_REPLICATION_FACTOR",
            Self::INVALID_REPLICA_ASSIGNMENT => "INVALID_REPLICA_ASSIGNMENT",
            Self::INVALID_CONFIG => "INVALID_CONFIG",
            Self::NOT_CONTROLLER => "NOT_CONTROLLER",
            Self::INVALID_REQUEST => "INVALID_REQUEST",
            Self::UNSUPPORTED_FOR_MESSAGE_FORMAT => "UNSUPPORTED_FOR_MESSAGE_FORMAT",
            Self::POLICY_VIOLATION => "POLICY_VIOLATION",
            Self::OUT_OF_ORDER_SEQUENCE_NUMBER => "OUT_OF_ORDER_SEQUENCE_NUMBER",
            Self::DUPLICATE_SEQUENCE_NUMBER => "DUPLICATE_SEQUENCE_NUMBER",
            Self::INVALID_PRODUCER_EPOCH => "INVALID_PRODUCER_EPOCH",
            Self::INVALID_TXN_STATE => "INVALID_TXN_STATE",
            Self::INVALID_PRODUCER_ID_MAPPING => "INVALID_PRODUCER_ID_MAPPING",
            Self::INVALID_TRANSACTION_TIMEOUT => "INVALID_TRANSACTION_TIMEOUT",
            Self::CONCURRENT_TRANSACTIONS => "CONCURRENT_TRANSACTIONS",
            Self::TRANSACTION_COORDINATOR_FENCED => "TRANSACTION_COORDINATOR_FENCED",
            Self::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
            Self::SECURITY_DISABLED => "SECURITY_DISABLED",
            Self::OPERATION_NOT_ATTEMPTED => "OPERATION_NOT_ATTEMPTED",
            Self::KAFKA_STORAGE_ERROR => "KAFKA_STORAGE_ERROR",
            Self::LOG_DIR_NOT_FOUND => "LOG_DIR_NOT_FOUND",
            Self::SASL_AUTHENTICATION_FAILED => "SASL_AUTHENTICATION_FAILED",
            Self::UNKNOWN_PRODUCER_ID => "UNKNOWN_PRODUCER_ID",
            Self::REASSIGNMENT_IN_PROGRESS => "REASSIGNMENT_IN_PROGRESS",
            Self::NON_EMPTY_GROUP => "NON_EMPTY_GROUP",
            Self::GROUP_ID_NOT_FOUND => "GROUP_ID_NOT_FOUND",
            Self::FETCH_SESSION_ID_NOT_FOUND => "FETCH_SESSION_ID_NOT_FOUND",
            Self::INVALID_FETCH_SESSION_EPOCH => "INVALID_FETCH_SESSION_EPOCH",
            Self::LISTENER_NOT_FOUND => "LISTENER_NOT_FOUND",
            Self::TOPIC_DELETION_DISABLED => "TOPIC_DELETION_DISABLED",
            Self::FENCED_LEADER_EPOCH => "FENCED_LEADER_EPOCH",
            Self::UNKNOWN_LEADER_EPOCH => "UNKNOWN_LEADER_EPOCH",
            Self::UNSUPPORTED_COMPRESSION_TYPE => "UNSUPPORTED_COMPRESSION_TYPE",
            Self::STALE_BROKER_EPOCH => "STALE_BROKER_EPOCH",
            Self::OFFSET_NOT_AVAILABLE => "OFFSET_NOT_AVAILABLE",
            Self::MEMBER_ID_REQUIRED => "MEMBER_ID_REQUIRED",
            Self::PREFERRED_LEADER_NOT_AVAILABLE => "PREFERRED_LEADER_NOT_AVAILABLE",
            Self::GROUP_MAX_SIZE_REACHED => "GROUP_MAX_SIZE_REACHED",
            Self::FENCED_INSTANCE_ID => "FENCED_INSTANCE_ID",
            Self::GROUP_SUBSCRIBED_TO_TOPIC => "GROUP_SUBSCRIBED_TO_TOPIC",
            Self::INVALID_RECORD => "INVALID_RECORD",
            Self::UNSTABLE_OFFSET_COMMIT => "UNSTABLE_OFFSET_COMMIT",
            Self::THROTTLING_QUOTA_EXCEEDED => "THROTTLING_QUOTA_EXCEEDED",
            Self::PRODUCER_FENCED => "PRODUCER_FENCED",
            Self::RESOURCE_NOT_FOUND => "RESOURCE_NOT_FOUND",
            Self::INCONSISTENT_TOPIC_ID => "INCONSISTENT_TOPIC_ID",
            Self::INELIGIBLE_REPLICA => "INELIGIBLE_REPLICA",
            Self::UNKNOWN_TOPIC_ID => "UNKNOWN_TOPIC_ID",
            Self::FENCED_MEMBER_EPOCH => "FENCED_MEMBER_EPOCH",
            Self::UNRELEASED_INSTANCE_ID => "UNRELEASED_INSTANCE_ID",
            Self::UNSUPPORTED_ASSIGNOR => "UNSUPPORTED_ASSIGNOR",
            Self::STALE_MEMBER_EPOCH => "STALE_MEMBER_EPOCH",
            Self::MISMATCHED_ENDPOINT_TYPE => "MISMATCHED_ENDPOINT_TYPE",
            Self::TRANSACTION_ABORTABLE => "TRANSACTION_ABORTABLE",
            _ => return None,
        })
    }

    /// Whether it says that nothing went wrong.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
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
