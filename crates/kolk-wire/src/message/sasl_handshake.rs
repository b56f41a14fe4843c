//! SaslHandshake: agrees on a SASL mechanism.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(SaslHandshakeRequest => SaslHandshakeResponse, SaslHandshake, versions 0..=1, flexible i16::MAX);

wire_struct! {
    /// Names a mechanism.
    pub struct SaslHandshakeRequest {
        /// SASL mechanism wanted.
        pub mechanism: String [0..],
    }
}

wire_struct! {
    /// Whether the broker has it.
    pub struct SaslHandshakeResponse {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// SASL mechanisms that the broker has.
        pub mechanisms: Vec<String> [0..],
    }
}
