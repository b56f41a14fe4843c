//! AddOffsetsToTxn: takes a group's offsets into a transaction.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(AddOffsetsToTxnRequest => AddOffsetsToTxnResponse, AddOffsetsToTxn, versions 0..=4, flexible 3);

wire_struct! {
    /// A group for a transaction.
    pub struct AddOffsetsToTxnRequest {
        /// Transactional id.
        pub transactional_id: String [0..],
        /// Producer id.
        pub producer_id: i64 [0..],
        /// Producer epoch.
        pub producer_epoch: i16 [0..],
        /// Group.
        pub group_id: String [0..],
    }
}

wire_struct! {
    /// Whether the group's offsets are part of it.
    pub struct AddOffsetsToTxnResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
    }
}
