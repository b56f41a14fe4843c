//! AlterConfigs: replaces all settings of a resource at once.

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(AlterConfigsRequest => AlterConfigsResponse, AlterConfigs, versions 0..=2, flexible 2);

wire_struct! {
    /// Settings by resource.
    pub struct AlterConfigsRequest {
        /// Resources.
        pub resources: Vec<AlterConfigsResource> [0..],
        /// Check only, change nothing.
        pub validate_only: bool [0..],
    }
}

wire_struct! {
    /// Settings of one resource.
    pub struct AlterConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        pub resource_type: i8 [0..],
        /// The resource's name: a topic, or a broker's number.
        pub resource_name: String [0..],
        /// Settings.
        pub configs: Vec<AlterableConfig> [0..],
    }
}

wire_struct! {
    /// A setting.
    pub struct AlterableConfig {
        /// Setting.
        pub name: String [0..],
        /// Value; null means the default.
        pub value: Option<String> [0..],
    }
}

wire_struct! {
    /// What became of each resource.
    pub struct AlterConfigsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// By topic.
        pub responses: Vec<AlterConfigsResourceResponse> [0..],
    }
}

wire_struct! {
    /// What became of one resource.
    pub struct AlterConfigsResourceResponse {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// What went wrong, for people.
        pub error_message: Option<String> [0..],
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        pub resource_type: i8 [0..],
        /// The resource's name: a topic, or a broker's number.
        pub resource_name: String [0..],
    }
}
