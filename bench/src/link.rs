//! A connection to the cluster, as every reader and writer here needs it.

use anyhow::{Result, bail};
use kolk::client::config::ClientConfig;
use kolk::client::metadata::Metadata;
use kolk::client::network::Network;
use kolk::time::{Clock, Moment, SystemClock};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait for a topic to be known.
const TOPIC_KNOWN_WITHIN: Duration = Duration::from_secs(30);

/// Connections and what is known of the cluster.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) network: Network,
    pub(crate) metadata: Metadata,
}

/// Client settings for `bootstrap`, all else as it is by default.
pub(crate) fn config(bootstrap: &str) -> Result<ClientConfig> {
    Ok(ClientConfig::for_bootstrap(bootstrap)?)
}

/// The machine's clock.
pub(crate) fn clock() -> Arc<SystemClock> {
    Arc::new(SystemClock::new())
}

impl Link {
    /// Connects, and learns of `topic`; tells how many partitions it has.
    pub(crate) fn to_topic(config: &ClientConfig, topic: &str) -> Result<(Self, i32)> {
        let clock = clock();
        let network = Network::new(config, Arc::<SystemClock>::clone(&clock))?;
        let mut link = Self { network, metadata: Metadata::new(config) };
        link.metadata.want(topic);
        loop {
            link.metadata.step(&mut link.network)?;
            if let Some(count) = link.metadata.partition_count(topic) {
                return Ok((link, i32::try_from(count)?));
            }
            if clock.monotonic().since(Moment::default()) > TOPIC_KNOWN_WITHIN {
                bail!("topic {topic} is not there");
            }
            link.network.poll(Duration::from_millis(100));
        }
    }

    /// Waits for news until one of `deadlines`, at most a second.
    pub(crate) fn poll(&mut self, deadlines: [Option<Moment>; 2]) {
        let next = deadlines.into_iter().flatten().min();
        let longest = Duration::from_secs(1);
        let wait = next.map_or(longest, |at| self.network.now().until(at).min(longest));
        self.network.poll(wait);
    }
}
