//! The messages, one file for each pair of request and response, named as Kafka names them.
//!
//! Field names are Kafka's in snake case; version ranges stand beside each field. Definitions:
//! <https://github.com/apache/kafka/tree/trunk/clients/src/main/resources/common/message>.

use crate::api::ApiKey;
use crate::wire::{Version, Wire};

pub mod api_versions;
pub mod produce;

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

/// Joins a request and its response: `pair!(FetchRequest => FetchResponse, Fetch, versions 4..=17, flexible 12)`.
macro_rules! pair {
    ($request:ident => $response:ident, $key:ident, versions $min:literal ..= $max:literal, flexible $flexible:literal) => {
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
