//! EndTxn: commits or aborts a transaction.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(EndTxnRequest => EndTxnResponse, EndTxn, versions 0..=5, flexible 3);

wire_struct! {
    /// How the transaction ends.
    pub struct EndTxnRequest {
        /// Transactional id.
        pub transactional_id: String [0..],
        /// Producer id.
        pub producer_id: i64 [0..],
        /// Producer epoch.
        pub producer_epoch: i16 [0..],
        /// True commits, false aborts.
        pub committed: bool [0..],
    }
}

wire_struct! {
    /// Whether it ended, or is about to.
    pub struct EndTxnResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// Producer id for the next transaction (KIP-890); −1 when unchanged.
        pub producer_id: i64 [5..] = -1,
        /// Epoch for the next transaction (KIP-890); −1 when unchanged.
        pub producer_epoch: i16 [5..] = -1,
    }
}
