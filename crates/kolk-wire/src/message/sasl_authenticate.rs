//! SaslAuthenticate: carries the messages of a SASL mechanism (KIP-152).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;
use bytes::Bytes;

pair!(SaslAuthenticateRequest => SaslAuthenticateResponse, SaslAuthenticate, versions 0..=2, flexible 2);

wire_struct! {
    /// The client's message.
    pub struct SaslAuthenticateRequest {
        /// A message of the mechanism.
        pub auth_bytes: Bytes [0..],
    }
}

wire_struct! {
    /// The broker's message.
    pub struct SaslAuthenticateResponse {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// What went wrong, for people.
        pub error_message: Option<String> [0..],
        /// A message of the mechanism.
        pub auth_bytes: Bytes [0..],
        /// Authenticate again within this time, in milliseconds; 0 means never (KIP-368).
        pub session_lifetime_ms: i64 [1..],
    }
}
