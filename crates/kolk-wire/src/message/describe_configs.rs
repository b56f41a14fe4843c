//! DescribeConfigs: settings of topics, brokers and groups.

use super::pair;
use crate::error_code::ErrorCode;
use crate::sequence::Sequence;
use crate::wire::wire_struct;

pair!(DescribeConfigsRequest => DescribeConfigsResponse, DescribeConfigs, versions 1..=4, flexible 4);

wire_struct! {
    /// Whose settings.
    pub struct DescribeConfigsRequest {
        /// Resources.
        pub resources: Vec<DescribeConfigsResource> [0..],
        /// Ask for the values that stand behind each.
        pub include_synonyms: bool [1..],
        /// Ask for descriptions.
        pub include_documentation: bool [3..],
    }
}

wire_struct! {
    /// A resource and the settings wanted.
    pub struct DescribeConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        pub resource_type: i8 [0..],
        /// The resource's name: a topic, or a broker's number.
        pub resource_name: String [0..],
        /// Settings wanted; null means all.
        pub configuration_keys: Option<Vec<String>> [0..],
    }
}

wire_struct! {
    /// Settings by resource.
    pub struct DescribeConfigsResponse {
        /// How long the client must wait, in milliseconds.
        pub throttle_time_ms: i32 [0..],
        /// By resource.
        pub results: Vec<DescribeConfigsResult> [0..],
    }
}

wire_struct! {
    /// Settings of one resource.
    pub struct DescribeConfigsResult {
        /// Whether it went well.
        pub error_code: ErrorCode [0..],
        /// What went wrong, for people.
        pub error_message: Option<String> [0..],
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        pub resource_type: i8 [0..],
        /// The resource's name: a topic, or a broker's number.
        pub resource_name: String [0..],
        /// Its settings.
        pub configs: Sequence<DescribeConfigsResourceResult> [0..],
    }
}

wire_struct! {
    /// A setting.
    pub struct DescribeConfigsResourceResult {
        /// Setting.
        pub name: String [0..],
        /// Value; null when secret or unset.
        pub value: Option<String> [0..],
        /// Whether it cannot be changed.
        pub read_only: bool [0..],
        /// Where the value comes from: 1 topic, 2 broker, 3 all brokers, 4 broker's file, 5 default; −1 unknown.
        pub config_source: i8 [1..] = -1,
        /// Whether it is secret.
        pub is_sensitive: bool [0..],
        /// The values that stand behind it, the effective one first.
        pub synonyms: Vec<DescribeConfigsSynonym> [1..],
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password; 0 unknown.
        pub config_type: i8 [3..],
        /// Description.
        pub documentation: Option<String> [3..],
    }
}

wire_struct! {
    /// A value that stands behind a setting.
    pub struct DescribeConfigsSynonym {
        /// Setting.
        pub name: String [1..],
        /// Value; null when secret.
        pub value: Option<String> [1..],
        /// Where the value comes from, as `config_source`.
        pub source: i8 [1..],
    }
}
