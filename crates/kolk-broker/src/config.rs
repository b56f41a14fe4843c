//! The broker's settings, by Kafka's names.

use crate::group::GroupSettings;
use crate::log::LogConfig;
use crate::log::config::{ConfigError, Setting, SettingType};
use crate::server::Limits;
use crate::transaction::{TransactionSettings, TransactionVersion};
use std::collections::BTreeMap;
use std::time::Duration;

/// A setting that was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is none of this name, or none that this broker supports.
    #[error("unknown setting {name}{}", did_you_mean(.nearest))]
    Unknown {
        /// The name as given.
        name: String,
        /// The most similar name that there is.
        nearest: Option<&'static str>,
    },
    /// The value cannot be.
    #[error(transparent)]
    Value(#[from] ConfigError),
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
}

/// What an operator decides about a broker. The defaults are Kafka's, but for the waiting time of new groups (none).
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerConfig {
    /// `node.id`: how the broker calls itself to clients.
    pub node_id: i32,
    /// `advertised.listeners`: host and port that clients are told, if not those listened on.
    pub advertised: Option<(String, u16)>,
    /// `auto.create.topics.enable`: whether asking for a topic (metadata, produce) creates it.
    pub auto_create_topics: bool,
    /// `num.partitions` of topics created without a number.
    pub partitions: usize,
    /// `fetch.max.bytes` of one response.
    pub fetch_bytes_max: usize,
    /// `max.incremental.fetch.session.cache.slots`.
    pub fetch_sessions_max: usize,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval: Duration,
    /// `log.cleaner.backoff.ms`: between looks for something to compact.
    pub cleaner_backoff: Duration,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub transaction_check_interval: Duration,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: i64,
    /// `transaction.version`: 1 or 2 (KIP-890). A feature on Apache Kafka, a setting here.
    pub transaction_version: TransactionVersion,
    /// Settings of the group coordinator.
    pub groups: GroupSettings,
    /// Settings of the transaction coordinator.
    pub transactions: TransactionSettings,
    /// Bounds on clients.
    pub limits: Limits,
    /// What topics have where they do not say otherwise: topic settings by name.
    pub topic_defaults: Vec<(String, String)>,
    /// Every setting that was given, as it was written.
    pub given: BTreeMap<String, String>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            node_id: 1,
            advertised: None,
            auto_create_topics: true,
            partitions: 1,
            fetch_bytes_max: 57_671_680,
            fetch_sessions_max: 1000,
            retention_check_interval: Duration::from_secs(300),
            cleaner_backoff: Duration::from_secs(15),
            transaction_check_interval: Duration::from_secs(10),
            producer_id_expiration_ms: 86_400_000,
            transaction_version: TransactionVersion::Two,
            groups: GroupSettings::default(),
            transactions: TransactionSettings::default(),
            limits: Limits::default(),
            topic_defaults: Vec::new(),
            given: BTreeMap::new(),
        }
    }
}

/// The broker's names for settings of topics; the factor turns the unit into the topic's (0: the same unit). Of several
/// names for one setting the last one given holds.
pub(crate) const TOPIC_SETTINGS: &[(&str, &str, i64)] = &[
    ("compression.gzip.level", "compression.gzip.level", 0),
    ("compression.lz4.level", "compression.lz4.level", 0),
    ("compression.type", "compression.type", 0),
    ("compression.zstd.level", "compression.zstd.level", 0),
    ("log.cleaner.delete.retention.ms", "delete.retention.ms", 0),
    ("log.cleaner.max.compaction.lag.ms", "max.compaction.lag.ms", 0),
    ("log.cleaner.min.cleanable.ratio", "min.cleanable.dirty.ratio", 0),
    ("log.cleaner.min.compaction.lag.ms", "min.compaction.lag.ms", 0),
    ("log.cleanup.policy", "cleanup.policy", 0),
    ("log.flush.interval.messages", "flush.messages", 0),
    ("log.flush.interval.ms", "flush.ms", 0),
    ("log.index.interval.bytes", "index.interval.bytes", 0),
    ("log.index.size.max.bytes", "segment.index.bytes", 0),
    ("log.message.timestamp.after.max.ms", "message.timestamp.after.max.ms", 0),
    ("log.message.timestamp.before.max.ms", "message.timestamp.before.max.ms", 0),
    ("log.message.timestamp.type", "message.timestamp.type", 0),
    ("log.preallocate", "preallocate", 0),
    ("log.retention.bytes", "retention.bytes", 0),
    ("log.retention.hours", "retention.ms", 3_600_000),
    ("log.retention.minutes", "retention.ms", 60_000),
    ("log.retention.ms", "retention.ms", 0),
    ("log.roll.hours", "segment.ms", 3_600_000),
    ("log.roll.jitter.hours", "segment.jitter.ms", 3_600_000),
    ("log.roll.jitter.ms", "segment.jitter.ms", 0),
    ("log.roll.ms", "segment.ms", 0),
    ("log.segment.bytes", "segment.bytes", 0),
    ("log.segment.delete.delay.ms", "file.delete.delay.ms", 0),
    ("message.max.bytes", "max.message.bytes", 0),
    ("min.insync.replicas", "min.insync.replicas", 0),
    ("unclean.leader.election.enable", "unclean.leader.election.enable", 0),
];

const fn setting(
    name: &'static str,
    kind: SettingType,
    default: &'static str,
    doc: &'static str,
) -> Setting {
    Setting { name, kind, default, doc }
}

/// The broker's settings that are no topic's, by Kafka's names.
pub(crate) const OWN_SETTINGS: &[Setting] = &[
    setting(
        "auto.create.topics.enable",
        SettingType::Boolean,
        "true",
        "whether asking for a topic creates it",
    ),
    setting(
        "connections.max.idle.ms",
        SettingType::Long,
        "600000",
        "a connection silent for that long is closed",
    ),
    setting("default.replication.factor", SettingType::Int, "1", "there is one node"),
    setting(
        "fetch.max.bytes",
        SettingType::Int,
        "57671680",
        "the most bytes of one answer to a fetch",
    ),
    setting(
        "group.initial.rebalance.delay.ms",
        SettingType::Int,
        "0",
        "how long a new group waits for members",
    ),
    setting(
        "group.max.session.timeout.ms",
        SettingType::Int,
        "1800000",
        "the longest session of a member",
    ),
    setting("group.max.size", SettingType::Int, "2147483647", "the most members of a group"),
    setting(
        "group.min.session.timeout.ms",
        SettingType::Int,
        "6000",
        "the shortest session of a member",
    ),
    setting(
        "log.cleaner.backoff.ms",
        SettingType::Long,
        "15000",
        "time between looks for something to compact",
    ),
    setting(
        "log.retention.check.interval.ms",
        SettingType::Long,
        "300000",
        "time between looks for what is old",
    ),
    setting("max.connections", SettingType::Int, "1000", "the most connections at the same time"),
    setting(
        "max.incremental.fetch.session.cache.slots",
        SettingType::Int,
        "1000",
        "fetch sessions kept",
    ),
    setting("node.id", SettingType::Int, "1", "how the broker calls itself"),
    setting("num.partitions", SettingType::Int, "1", "partitions of a topic made without a number"),
    setting(
        "offset.metadata.max.bytes",
        SettingType::Int,
        "4096",
        "the longest metadata of an offset",
    ),
    setting(
        "offsets.retention.check.interval.ms",
        SettingType::Long,
        "600000",
        "time between looks for stale offsets",
    ),
    setting(
        "offsets.retention.minutes",
        SettingType::Int,
        "10080",
        "how long the offsets of an empty group stay",
    ),
    setting(
        "producer.id.expiration.ms",
        SettingType::Int,
        "86400000",
        "how long a silent producer is remembered",
    ),
    setting(
        "queued.max.request.bytes",
        SettingType::Long,
        "268435456",
        "bytes of all requests being worked on",
    ),
    setting("socket.request.max.bytes", SettingType::Int, "104857600", "the largest request"),
    setting(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        SettingType::Int,
        "10000",
        "time between looks for transactions whose time is up",
    ),
    setting(
        "transaction.max.timeout.ms",
        SettingType::Int,
        "900000",
        "the longest transaction.timeout.ms",
    ),
    setting(
        "transaction.version",
        SettingType::Int,
        "2",
        "1, or 2 (KIP-890); a feature of Apache Kafka",
    ),
    setting(
        "transactional.id.expiration.ms",
        SettingType::Int,
        "604800000",
        "how long an unused id is remembered",
    ),
];

/// Settings of Apache Kafka about things that do not exist here; accepted so that one file serves both.
const WITHOUT_EFFECT: &[&str] = &[
    "broker.rack",
    "controlled.shutdown.enable",
    "log.cleaner.enable",
    "log.cleaner.threads",
    "log.initial.task.delay.ms",
    "num.io.threads",
    "num.network.threads",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "offsets.topic.segment.bytes",
    "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.num.partitions",
    "share.coordinator.state.topic.replication.factor",
    "transaction.partition.verification.enable",
    "transaction.state.log.min.isr",
    "transaction.state.log.num.partitions",
    "transaction.state.log.replication.factor",
];

impl BrokerConfig {
    /// Changes one setting, written as in `server.properties`.
    ///
    /// # Errors
    /// [`SettingError`]; nothing is changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        if !self.apply(name, value)? {
            return Err(SettingError::Unknown { name: name.to_owned(), nearest: nearest(name) });
        }
        self.given.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Whether there is such a setting.
    fn apply(&mut self, name: &str, value: &str) -> Result<bool, ConfigError> {
        if TOPIC_SETTINGS.iter().any(|(known, ..)| *known == name) {
            return self.set_topic_default(name, value).map(|()| true);
        }
        if WITHOUT_EFFECT.contains(&name) {
            return Ok(true);
        }
        let ms = |what| number::<u64>(name, value, what).map(Duration::from_millis);
        match name {
            "node.id" | "broker.id" => self.node_id = number(name, value, "a number from 0")?,
            "advertised.listeners" => {
                let address = value.trim().strip_prefix("PLAINTEXT://").unwrap_or(value.trim());
                let wanted = "PLAINTEXT://HOST:PORT, one listener";
                let (host, port) =
                    address.rsplit_once(':').ok_or_else(|| wrong(name, value, wanted))?;
                let port = port.parse().map_err(|_| wrong(name, value, wanted))?;
                self.advertised = Some((host.trim_matches(['[', ']']).to_owned(), port));
            }
            "auto.create.topics.enable" => self.auto_create_topics = boolean(name, value)?,
            "num.partitions" => self.partitions = positive(name, value)?,
            "default.replication.factor" => {
                if number::<i64>(name, value, "1")? != 1 {
                    return Err(wrong(name, value, "1: there is one node"));
                }
            }
            "fetch.max.bytes" => self.fetch_bytes_max = positive(name, value)?,
            "max.incremental.fetch.session.cache.slots" => {
                self.fetch_sessions_max = number(name, value, "a number")?;
            }
            "log.retention.check.interval.ms" => {
                self.retention_check_interval = ms("milliseconds")?;
            }
            "log.cleaner.backoff.ms" => self.cleaner_backoff = ms("milliseconds")?,
            "transaction.abort.timed.out.transaction.cleanup.interval.ms" => {
                self.transaction_check_interval = ms("milliseconds")?;
            }
            "producer.id.expiration.ms" => {
                self.producer_id_expiration_ms = number(name, value, "milliseconds")?;
            }
            "transaction.version" => {
                self.transaction_version = match value {
                    "1" => TransactionVersion::One,
                    "2" => TransactionVersion::Two,
                    _ => return Err(wrong(name, value, "1 or 2")),
                }
            }
            _ => {
                let known = self.set_group(name, value)? || self.set_transaction(name, value)?;
                return Ok(known || self.set_limit(name, value)?);
            }
        }
        Ok(true)
    }

    fn set_topic_default(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let mut defaults: Vec<(String, String)> = Vec::new();
        for (known, topic_name, factor) in TOPIC_SETTINGS {
            let given = if *known == name {
                Some(value)
            } else {
                self.given.get(*known).map(String::as_str)
            };
            let Some(given) = given else { continue };
            let given = match factor {
                0 => given.to_owned(),
                factor => match number::<i64>(known, given, "a number")? {
                    // −1 is "for ever" in every unit.
                    -1 => "-1".to_owned(),
                    number => number.saturating_mul(*factor).to_string(),
                },
            };
            defaults.retain(|(other, _)| other != topic_name);
            defaults.push(((*topic_name).to_owned(), given));
        }
        LogConfig::from_overrides(defaults.iter().map(|(name, value)| (name, value)))?;
        self.topic_defaults = defaults;
        Ok(())
    }

    fn set_group(&mut self, name: &str, value: &str) -> Result<bool, ConfigError> {
        let groups = &mut self.groups;
        match name {
            "group.initial.rebalance.delay.ms" => {
                groups.initial_rebalance_delay_ms = number(name, value, "milliseconds")?;
            }
            "group.min.session.timeout.ms" => {
                groups.session_timeout_ms_min = number(name, value, "milliseconds")?;
            }
            "group.max.session.timeout.ms" => {
                groups.session_timeout_ms_max = number(name, value, "milliseconds")?;
            }
            "group.max.size" => groups.size_max = positive(name, value)?,
            "offset.metadata.max.bytes" => {
                groups.offset_metadata_bytes_max = positive(name, value)?;
            }
            "offsets.retention.minutes" => {
                groups.offsets_retention_ms =
                    number::<i64>(name, value, "minutes")?.saturating_mul(60_000);
            }
            "offsets.retention.check.interval.ms" => {
                groups.offsets_retention_check_interval_ms = number(name, value, "milliseconds")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_transaction(&mut self, name: &str, value: &str) -> Result<bool, ConfigError> {
        match name {
            "transaction.max.timeout.ms" => {
                self.transactions.timeout_ms_max = number(name, value, "milliseconds")?;
            }
            "transactional.id.expiration.ms" => {
                self.transactions.id_expiration_ms = number(name, value, "milliseconds")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_limit(&mut self, name: &str, value: &str) -> Result<bool, ConfigError> {
        match name {
            "socket.request.max.bytes" => self.limits.frame_bytes_max = positive(name, value)?,
            "max.connections" => self.limits.connections_max = positive(name, value)?,
            "queued.max.request.bytes" => self.limits.request_bytes_max = positive(name, value)?,
            "connections.max.idle.ms" => {
                let ms = positive::<u64>(name, value)?;
                self.limits.idle_max = Duration::from_millis(ms);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The name that somebody may have meant.
fn nearest(name: &str) -> Option<&'static str> {
    let own = OWN_SETTINGS.iter().map(|setting| setting.name);
    let all = own.chain(TOPIC_SETTINGS.iter().map(|row| row.0));
    let scored = all.map(|known| (strsim::jaro_winkler(known, name), known));
    let (score, known) = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (score > 0.9).then_some(known)
}

fn wrong(name: &str, value: &str, wanted: &str) -> ConfigError {
    ConfigError::Value {
        name: name.to_owned(),
        value: value.to_owned(),
        wanted: format!("expected {wanted}"),
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str, wanted: &str) -> Result<T, ConfigError> {
    value.trim().parse().map_err(|_| wrong(name, value, wanted))
}

fn positive<T: std::str::FromStr + PartialOrd + From<u8>>(
    name: &str,
    value: &str,
) -> Result<T, ConfigError> {
    let parsed: T = number(name, value, "a number from 1")?;
    if parsed < T::from(1) { Err(wrong(name, value, "a number from 1")) } else { Ok(parsed) }
}

fn boolean(name: &str, value: &str) -> Result<bool, ConfigError> {
    number(name, value, "true or false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order() {
        assert!(
            TOPIC_SETTINGS.is_sorted_by_key(|row| row.0)
                && OWN_SETTINGS.is_sorted_by_key(|row| row.name)
        );
    }

    #[test]
    fn names_of_the_broker_become_settings_of_topics() {
        let mut config = BrokerConfig::default();
        config.set("log.retention.ms", "5000").unwrap();
        config.set("log.retention.hours", "2").unwrap();
        config.set("message.max.bytes", "2000").unwrap();
        let expected = [("retention.ms", "5000"), ("max.message.bytes", "2000")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(config.topic_defaults, expected);
    }

    #[test]
    fn what_is_unknown_or_cannot_be_is_refused() {
        let mut config = BrokerConfig::default();
        let unknown = config.set("log.retention.mss", "1").unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "unknown setting log.retention.mss; did you mean log.retention.ms?"
        );
        let unknown = config.set("password", "1").unwrap_err();
        assert_eq!(unknown.to_string(), "unknown setting password");
        for (name, value) in [
            ("num.partitions", "0"),
            ("default.replication.factor", "3"),
            ("transaction.version", "3"),
            ("auto.create.topics.enable", "yes"),
            ("advertised.listeners", "PLAINTEXT://here"),
            ("log.cleanup.policy", "shrink"),
        ] {
            assert!(
                matches!(config.set(name, value), Err(SettingError::Value(_))),
                "{name}={value}"
            );
        }
        assert!(config.set("offsets.topic.num.partitions", "4").is_ok());
    }
}
