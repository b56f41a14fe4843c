//! The messages, one file for each pair of request and response, named as Kafka names them.
//!
//! Field names are Kafka's in snake case; version ranges stand beside each field. Definitions:
//! <https://github.com/apache/kafka/tree/trunk/clients/src/main/resources/common/message>.

use crate::api::ApiKey;
use crate::wire::{Version, Wire};

pub mod api_versions;
pub mod produce;
pub mod fetch;
pub mod list_offsets;
pub mod metadata;
pub mod offset_commit;
pub mod offset_fetch;
pub mod find_coordinator;
pub mod join_group;
pub mod heartbeat;
pub mod leave_group;
pub mod sync_group;
pub mod describe_groups;
pub mod list_groups;
pub mod sasl_handshake;
pub mod create_topics;
pub mod delete_topics;
pub mod delete_records;
pub mod init_producer_id;
pub mod offset_for_leader_epoch;
pub mod add_partitions_to_txn;
pub mod add_offsets_to_txn;
pub mod end_txn;
pub mod txn_offset_commit;
pub mod describe_configs;
pub mod alter_configs;
pub mod incremental_alter_configs;
pub mod sasl_authenticate;
pub mod create_partitions;
pub mod delete_groups;
pub mod offset_delete;
pub mod describe_cluster;
pub mod describe_topic_partitions;
pub mod describe_log_dirs;

mod any;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use any::AnySample;
pub use any::{Any, AnyRequest, AnyResponse, Supported, supported};

/// A request, with all that is needed to frame it and to read its response.
pub trait Request: Wire {
    /// What answers it.
    type Response: Wire;
    /// Its API.
    const KEY: ApiKey;
    /// The lowest version that Kolk speaks.
    const MIN_VERSION: i16;
    /// The highest version that Kolk speaks.
    const MAX_VERSION: i16;
    /// The first flexible version (KIP-482).
    const FLEXIBLE_FROM: i16;

    /// The version with this number, flexible or not.
    #[must_use]
    fn version(number: i16) -> Version {
        Version { number, flexible: number >= Self::FLEXIBLE_FROM }
    }
}

/// Joins a request and its response: `pair!(FetchRequest => FetchResponse, Fetch, versions 4..=17, flexible 12)`;
/// `flexible i16::MAX` where no version is.
macro_rules! pair {
    ($request:ident => $response:ident, $key:ident, versions $min:literal..=$max:literal, flexible $flexible:expr) => {
        impl $crate::message::Request for $request {
            type Response = $response;
            const KEY: $crate::api::ApiKey = $crate::api::ApiKey::$key;
            const MIN_VERSION: i16 = $min;
            const MAX_VERSION: i16 = $max;
            const FLEXIBLE_FROM: i16 = $flexible;
        }
    };
}
pub(crate) use pair;
