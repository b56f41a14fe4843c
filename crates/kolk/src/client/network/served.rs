//! What a broker serves: versions by API, and the features that its cluster has settled on.

use super::Broker;
use crate::client::error::RequestError;
use kolk_wire::ApiKey;
use kolk_wire::message::Request;
use kolk_wire::message::api_versions::ApiVersionsResponse;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// What one broker said in its ApiVersions response.
#[derive(Debug, Clone, Default)]
pub(super) struct Served {
    versions: HashMap<i16, (i16, i16)>,
    features: HashMap<String, i16>,
}

impl Served {
    pub(super) fn new(response: &ApiVersionsResponse) -> Self {
        let versions = response.api_keys.iter();
        let features = response.finalized_features.iter();
        Self {
            versions: versions
                .map(|api| (api.api_key, (api.min_version, api.max_version)))
                .collect(),
            features: features
                .map(|feature| (feature.name.clone(), feature.max_version_level))
                .collect(),
        }
    }

    /// The versions of `api` that the broker serves.
    pub(super) fn versions(&self, api: ApiKey) -> Option<RangeInclusive<i16>> {
        self.versions.get(&(api as i16)).map(|(min, max)| *min..=*max)
    }

    /// The level of a finalized feature; 0 when the cluster does not know it.
    pub(super) fn feature(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// The highest version of `R` that Kolk, the caller and the broker have in common.
    pub(super) fn choose<R: Request>(
        &self,
        broker: &Broker,
        wanted: &RangeInclusive<i16>,
    ) -> Result<i16, RequestError> {
        let bounds = (R::MIN_VERSION.max(*wanted.start()), R::MAX_VERSION.min(*wanted.end()));
        self.choose_within(broker, R::KEY, bounds)
    }

    /// As [`Self::choose`], with the bounds of Kolk and the caller already joined.
    pub(super) fn choose_within(
        &self,
        broker: &Broker,
        api: ApiKey,
        (min, max): (i16, i16),
    ) -> Result<i16, RequestError> {
        let theirs = self.versions.get(&(api as i16)).copied();
        let common = theirs.map(|(low, high)| (low.max(min), high.min(max)));
        match common {
            Some((low, high)) if low <= high => Ok(high),
            _ => Err(RequestError::Unsupported { api, broker: broker.clone(), min, max, theirs }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kolk_wire::message::api_versions::ApiVersion;

    #[test]
    fn the_highest_common_version_is_spoken_and_none_is_an_error_that_says_why() {
        let api_keys = vec![ApiVersion { api_key: 22, min_version: 2, max_version: 4 }];
        let served = Served::new(&ApiVersionsResponse { api_keys, ..Default::default() });
        let broker = Broker::new("kafka", 9092);
        let choose = |bounds| served.choose_within(&broker, ApiKey::InitProducerId, bounds);
        assert_eq!(choose((0, 9)), Ok(4));
        assert_eq!(choose((3, 3)), Ok(3));
        assert_eq!(
            choose((5, 6)).unwrap_err().to_string(),
            "kafka:9092 does not speak InitProducerId at versions 5..=6: it serves 2..=4"
        );
        let unknown =
            served.choose_within(&broker, ApiKey::Fetch, (4, 17)).unwrap_err().to_string();
        assert_eq!(unknown, "kafka:9092 does not speak Fetch at versions 4..=17: it serves none");
    }
}
