//! DeleteTopics: deletes topics by name or id.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::{Uuid, wire_struct};

pair!(DeleteTopicsRequest => DeleteTopicsResponse, DeleteTopics, versions 1..=6, flexible 4);

wire_struct! {
    /// Topics to delete.
    pub struct DeleteTopicsRequest {
        /// Topics, from version 6 on.
        pub topics: Vec<DeleteTopicState> [6..],
        /// Topics, up to version 5.
        pub topic_names: Vec<String> [0..=5],
        /// How long the broker may take, in milliseconds.
        pub timeout_ms: i32 [0..],
    }
}

wire_struct! {
    /// A topic by name or id.
    pub struct DeleteTopicState {
        /// Topic name; null when given by id.
        pub name: Option<String> [6..],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [6..],
    }
}

wire_struct! {
    /// What became of each topic.
    pub struct DeleteTopicsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [1..],
        /// By topic.
        pub responses: Vec<DeletableTopicResult> [0..],
    }
}

wire_struct! {
    /// What became of a topic.
    pub struct DeletableTopicResult {
        /// Topic name; null when the id is unknown.
        pub name: Option<String> [0.., null 6..],
        /// Topic id (KIP-516).
        pub topic_id: Uuid [6..],
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// What went wrong, for people.
        pub error_message: Option<String> [5..],
    }
}
