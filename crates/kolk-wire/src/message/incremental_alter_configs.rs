//! IncrementalAlterConfigs: changes single settings (KIP-339).

use super::pair;
use crate::error_code::ErrorCode;
use crate::wire::wire_struct;

pair!(IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse, IncrementalAlterConfigs, versions 0..=1, flexible 1);

wire_struct! {
    /// Changes by resource.
    pub struct IncrementalAlterConfigsRequest {
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
        /// 0 set, 1 delete, 2 append to a list, 3 subtract from a list.
        pub config_operation: i8 [0..],
        /// Value; null means the default.
        pub value: Option<String> [0..],
    }
}

wire_struct! {
    /// What became of each resource.
    pub struct IncrementalAlterConfigsResponse {
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
