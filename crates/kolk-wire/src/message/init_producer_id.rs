//! InitProducerId: a producer id for idempotence, or one that fences all earlier holders of a transactional id.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(InitProducerIdRequest => InitProducerIdResponse, InitProducerId, versions 0..=5, flexible 2);

wire_struct! {
    /// Asks for a producer id.
    pub struct InitProducerIdRequest {
        /// Transactional id; null for idempotence alone.
        pub transactional_id: Option<String> [0..],
        /// A transaction open for longer is aborted, in milliseconds.
        pub transaction_timeout_ms: i32 [0..],
        /// Producer id whose epoch is to rise; −1 for none (KIP-360).
        pub producer_id: i64 [3..] = -1,
        /// Its epoch; −1 for none.
        pub producer_epoch: i16 [3..] = -1,
    }
}

wire_struct! {
    /// A producer id and epoch.
    pub struct InitProducerIdResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Producer id.
        pub producer_id: i64 [0..] = -1,
        /// Producer epoch.
        pub producer_epoch: i16 [0..],
    }
}
