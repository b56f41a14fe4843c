//! ApiVersions: which APIs a broker serves, and at which versions. The first request on every connection.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(ApiVersionsRequest => ApiVersionsResponse, ApiVersions, versions 0..=4, flexible 3);

wire_struct! {
    /// Asks for the versions; from version 3 on the client introduces itself.
    pub struct ApiVersionsRequest {
        /// The client's name.
        pub client_software_name: String [3..],
        /// The client's version.
        pub client_software_version: String [3..],
    }
}

wire_struct! {
    /// The APIs served. A broker that does not know the request's version answers at version 0 with error 35.
    pub struct ApiVersionsResponse {
        /// Whether the request was understood.
        pub error_code: ErrorCode [0..],
        /// The APIs.
        pub api_keys: Vec<ApiVersion> [0..],
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [1..],
        /// Features that the cluster could use.
        pub supported_features: Vec<SupportedFeatureKey> [tag 0, 3..],
        /// Version of the finalized features; −1 means unknown.
        pub finalized_features_epoch: i64 [tag 1, 3..] = -1,
        /// Features in use, such as `transaction.version`.
        pub finalized_features: Vec<FinalizedFeatureKey> [tag 2, 3..],
        /// Set while a cluster migrates from ZooKeeper.
        pub zk_migration_ready: bool [tag 3, 3..],
    }
}

wire_struct! {
    /// One API with the versions served, both ends included.
    pub struct ApiVersion {
        /// Its number.
        pub api_key: i16 [0..],
        /// Lowest version.
        pub min_version: i16 [0..],
        /// Highest version.
        pub max_version: i16 [0..],
    }
}

wire_struct! {
    /// A feature and the levels that brokers support.
    pub struct SupportedFeatureKey {
        /// Its name.
        pub name: String [3..],
        /// Lowest level.
        pub min_version: i16 [3..],
        /// Highest level.
        pub max_version: i16 [3..],
    }
}

wire_struct! {
    /// A feature and the levels that the cluster has settled on.
    pub struct FinalizedFeatureKey {
        /// Its name.
        pub name: String [3..],
        /// Highest level.
        pub max_version_level: i16 [3..],
        /// Lowest level.
        pub min_version_level: i16 [3..],
    }
}
