//! ApiVersions: what is served.

use super::{Context, Handle, SERVED};
use crate::server::Answer;
use kolk_wire::frame::{RequestHeader, encode_response};
use kolk_wire::message::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use kolk_wire::{ApiKey, ErrorCode};

/// From this version on a client says what it is (KIP-511).
const SOFTWARE_FROM: i16 = 3;
/// The feature that tells clients which kind of transactions to use (KIP-890).
const TRANSACTION_VERSION: &str = "transaction.version";

impl Handle for ApiVersionsRequest {
    fn handle(self, context: &Context<'_>) -> Option<ApiVersionsResponse> {
        let names = [&self.client_software_name, &self.client_software_version];
        if context.version >= SOFTWARE_FROM && !names.into_iter().all(|name| is_software(name)) {
            let error_code = ErrorCode::INVALID_REQUEST;
            return Some(ApiVersionsResponse { error_code, ..ApiVersionsResponse::default() });
        }
        let level = context.state.config.transaction_version.level();
        let feature = FinalizedFeatureKey {
            name: TRANSACTION_VERSION.to_owned(),
            max_version_level: level,
            min_version_level: level,
        };
        let supported = SupportedFeatureKey {
            name: TRANSACTION_VERSION.to_owned(),
            min_version: 1,
            max_version: 2,
        };
        Some(ApiVersionsResponse {
            api_keys: versions(),
            supported_features: vec![supported],
            finalized_features_epoch: 1,
            finalized_features: vec![feature],
            ..ApiVersionsResponse::default()
        })
    }
}

/// Letters and digits, with dots and hyphens between.
fn is_software(name: &str) -> bool {
    let ends = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    ends && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
}

fn versions() -> Vec<ApiVersion> {
    let mut versions: Vec<ApiVersion> = SERVED
        .iter()
        .map(|api| ApiVersion {
            api_key: api.key as i16,
            min_version: api.min,
            max_version: api.max,
        })
        .collect();
    versions.sort_by_key(|version| version.api_key);
    versions
}

/// The answer to a version that is not served: version 0 with the error and the versions that would do (KIP-511).
pub(super) fn unsupported(header: &RequestHeader) -> Answer {
    let mut api_keys = versions();
    api_keys.retain(|api| api.api_key == ApiKey::ApiVersions as i16);
    let error_code = ErrorCode::UNSUPPORTED_VERSION;
    let response = ApiVersionsResponse { error_code, api_keys, ..ApiVersionsResponse::default() };
    Answer::Frame(encode_response::<ApiVersionsRequest>(&response, 0, header.correlation_id))
}
