//! The settings of a topic that concern its log, under Kafka's names.
//!
//! <https://kafka.apache.org/documentation/#topicconfigs>; defaults and limits are those of Apache Kafka 4.

use kolk_wire::record::Compression;
use std::str::FromStr;

/// How a setting's value is written; the numbers are those of DescribeConfigs' `config_type` (KIP-569).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum SettingType {
    /// `true` or `false`.
    Boolean = 1,
    /// Text.
    String = 2,
    /// 32 bits, signed.
    Int = 3,
    /// 64 bits, signed.
    Long = 5,
    /// A decimal fraction.
    Double = 6,
    /// Items separated by commas.
    List = 7,
}

/// One row of the table of topic settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Kafka's name of the topic setting.
    pub name: &'static str,
    /// How its value is written.
    pub kind: SettingType,
    /// What holds when a topic does not say.
    pub default: &'static str,
    /// What it does here.
    pub doc: &'static str,
}

const fn setting(
    name: &'static str,
    kind: SettingType,
    default: &'static str,
    doc: &'static str,
) -> Setting {
    Setting { name, kind, default, doc }
}

const LONG_MAX: &str = "9223372036854775807";

/// Every topic setting that the broker knows, by name in alphabetical order.
pub const SETTINGS: &[Setting] = &[
    setting("cleanup.policy", SettingType::List, "delete", "delete, compact, or both"),
    setting(
        "compression.gzip.level",
        SettingType::Int,
        "-1",
        "1 to 9; -1 is the codec's own choice",
    ),
    setting("compression.lz4.level", SettingType::Int, "9", "accepted; the codec has one level"),
    setting(
        "compression.type",
        SettingType::String,
        "producer",
        "producer stores batches as they came; uncompressed, gzip, snappy, lz4 and zstd recompress what differs",
    ),
    setting("compression.zstd.level", SettingType::Int, "3", "up to 22"),
    setting(
        "delete.retention.ms",
        SettingType::Long,
        "86400000",
        "how long compaction keeps tombstones and markers",
    ),
    setting("file.delete.delay.ms", SettingType::Long, "60000", "accepted; files go at once"),
    setting("flush.messages", SettingType::Long, LONG_MAX, "fsync after that many records"),
    setting("flush.ms", SettingType::Long, LONG_MAX, "fsync when a record is that old"),
    setting(
        "index.interval.bytes",
        SettingType::Int,
        "4096",
        "one entry of the index per that many bytes",
    ),
    setting("max.compaction.lag.ms", SettingType::Long, LONG_MAX, "compact what is older anyway"),
    setting("max.message.bytes", SettingType::Int, "1048588", "the largest batch, in bytes"),
    setting(
        "message.timestamp.after.max.ms",
        SettingType::Long,
        "3600000",
        "how far a record's time may be ahead of the broker's",
    ),
    setting(
        "message.timestamp.before.max.ms",
        SettingType::Long,
        LONG_MAX,
        "how far a record's time may be behind the broker's",
    ),
    setting(
        "message.timestamp.type",
        SettingType::String,
        "CreateTime",
        "CreateTime, or LogAppendTime: the broker stamps records",
    ),
    setting(
        "min.cleanable.dirty.ratio",
        SettingType::Double,
        "0.5",
        "compact when that part of the log is new",
    ),
    setting("min.compaction.lag.ms", SettingType::Long, "0", "do not compact what is younger"),
    setting("min.insync.replicas", SettingType::Int, "1", "more than 1 cannot be met by one node"),
    setting(
        "preallocate",
        SettingType::Boolean,
        "false",
        "accepted; files grow as they are written",
    ),
    setting("retention.bytes", SettingType::Long, "-1", "delete the oldest beyond that size"),
    setting("retention.ms", SettingType::Long, "604800000", "delete what is older"),
    setting("segment.bytes", SettingType::Int, "1073741824", "size of one file of the log"),
    setting(
        "segment.index.bytes",
        SettingType::Int,
        "10485760",
        "accepted; the index follows segment.bytes",
    ),
    setting("segment.jitter.ms", SettingType::Long, "0", "accepted; files are few here"),
    setting("segment.ms", SettingType::Long, "604800000", "start a new file after that time"),
    setting(
        "unclean.leader.election.enable",
        SettingType::Boolean,
        "false",
        "accepted; one node elects nobody",
    ),
];

/// A value that Kafka would refuse too, or that this broker cannot honour; `INVALID_CONFIG` to a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no such topic setting.
    #[error("Unknown topic config name: {name}")]
    Unknown {
        /// The name as given.
        name: String,
    },
    /// The value does not parse or is out of range.
    #[error("Invalid value {value} for configuration {name}: {wanted}")]
    Value {
        /// The setting.
        name: String,
        /// The value as given.
        value: String,
        /// What would be right.
        wanted: String,
    },
}

/// Who sets the time-stamps of records (`message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampSource {
    /// The producer.
    CreateTime,
    /// The broker, when it appends.
    LogAppendTime,
}

/// What a log is cleaned by (`cleanup.policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Whole old segments go, by time and by size.
    pub delete: bool,
    /// Of each key the last record stays.
    pub compact: bool,
}

/// A topic's settings, as its partitions' logs use them. Times are milliseconds, sizes bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// `cleanup.policy`.
    pub cleanup: CleanupPolicy,
    /// `compression.type`; `None` is `producer`.
    pub compression: Option<Compression>,
    /// `compression.gzip.level`; −1 is the codec's own choice.
    pub gzip_level: i32,
    /// `compression.zstd.level`.
    pub zstd_level: i32,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `flush.messages`.
    pub flush_messages: i64,
    /// `flush.ms`.
    pub flush_ms: i64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u64,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `max.message.bytes`.
    pub max_message_bytes: usize,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.type`.
    pub timestamps: TimestampSource,
    /// `min.cleanable.dirty.ratio`.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `retention.bytes`; −1 is no limit.
    pub retention_bytes: i64,
    /// `retention.ms`; −1 is for ever.
    pub retention_ms: i64,
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `producer.id.expiration.ms`, a setting of the broker: how long a silent producer is remembered.
    pub producer_id_expiration_ms: i64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            cleanup: CleanupPolicy { delete: true, compact: false },
            compression: None,
            gzip_level: -1,
            zstd_level: 3,
            delete_retention_ms: 86_400_000,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            index_interval_bytes: 4096,
            max_compaction_lag_ms: i64::MAX,
            max_message_bytes: 1_048_588,
            timestamp_after_max_ms: 3_600_000,
            timestamp_before_max_ms: i64::MAX,
            timestamps: TimestampSource::CreateTime,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            retention_bytes: -1,
            retention_ms: 604_800_000,
            segment_bytes: 1 << 30,
            segment_ms: 604_800_000,
            producer_id_expiration_ms: 86_400_000,
        }
    }
}

impl LogConfig {
    /// The defaults with a topic's own settings on top, `(name, value)` each.
    ///
    /// # Errors
    /// [`ConfigError`] for the first that is unknown or not allowed.
    pub fn from_overrides<N: AsRef<str>, V: AsRef<str>>(
        overrides: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for (name, value) in overrides {
            config.set(name.as_ref(), value.as_ref())?;
        }
        config.check()?;
        Ok(config)
    }

    /// Changes one setting, written as Kafka writes it.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing is changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let given = Given { name, value: value.trim() };
        match name {
            "cleanup.policy" => self.cleanup = given.cleanup()?,
            "compression.type" => self.compression = given.compression()?,
            "compression.gzip.level" => self.gzip_level = given.level(1..=9)?,
            "compression.lz4.level" => drop(given.level(1..=17)?),
            "compression.zstd.level" => self.zstd_level = given.level(-131_072..=22)?,
            "delete.retention.ms" => self.delete_retention_ms = given.at_least(0_i64)?,
            "flush.messages" => self.flush_messages = given.at_least(1_i64)?,
            "flush.ms" => self.flush_ms = given.at_least(0_i64)?,
            "index.interval.bytes" => self.index_interval_bytes = given.size(0)?,
            "max.compaction.lag.ms" => self.max_compaction_lag_ms = given.at_least(1_i64)?,
            "max.message.bytes" => {
                self.max_message_bytes = usize::try_from(given.size(0)?).unwrap_or(usize::MAX);
            }
            "message.timestamp.after.max.ms" => {
                self.timestamp_after_max_ms = given.at_least(0_i64)?;
            }
            "message.timestamp.before.max.ms" => {
                self.timestamp_before_max_ms = given.at_least(0_i64)?;
            }
            "message.timestamp.type" => self.timestamps = given.timestamps()?,
            "min.cleanable.dirty.ratio" => self.min_cleanable_dirty_ratio = given.ratio()?,
            "min.compaction.lag.ms" => self.min_compaction_lag_ms = given.at_least(0_i64)?,
            "retention.bytes" => self.retention_bytes = given.at_least(-1_i64)?,
            "retention.ms" => self.retention_ms = given.at_least(-1_i64)?,
            // Apache Kafka 4 refuses smaller segments (KIP-1030).
            "segment.bytes" => self.segment_bytes = given.size(1024 * 1024)?,
            "segment.ms" => self.segment_ms = given.at_least(1_i64)?,
            "min.insync.replicas" => given.one_replica()?,
            "file.delete.delay.ms" | "segment.jitter.ms" => drop(given.at_least(0_i64)?),
            "segment.index.bytes" => drop(given.size(4)?),
            "preallocate" | "unclean.leader.election.enable" => given.boolean()?,
            _ => return Err(ConfigError::Unknown { name: name.to_owned() }),
        }
        Ok(())
    }

    /// Rules between settings.
    fn check(&self) -> Result<(), ConfigError> {
        if self.min_compaction_lag_ms > self.max_compaction_lag_ms {
            let value = self.min_compaction_lag_ms.to_string();
            let max = self.max_compaction_lag_ms;
            let wanted = format!("must not exceed max.compaction.lag.ms, which is {max}");
            return Err(ConfigError::Value { name: "min.compaction.lag.ms".into(), value, wanted });
        }
        Ok(())
    }
}

struct Given<'a> {
    name: &'a str,
    value: &'a str,
}

impl Given<'_> {
    fn wrong(&self, wanted: impl Into<String>) -> ConfigError {
        let (name, value) = (self.name.to_owned(), self.value.to_owned());
        ConfigError::Value { name, value, wanted: wanted.into() }
    }

    fn at_least<T: FromStr + PartialOrd + Copy + std::fmt::Display>(
        &self,
        least: T,
    ) -> Result<T, ConfigError> {
        let parsed = self.value.parse::<T>().ok().filter(|value| *value >= least);
        parsed.ok_or_else(|| self.wrong(format!("must be a whole number of at least {least}")))
    }

    /// A codec's level; −1 is its own choice.
    fn level(&self, levels: std::ops::RangeInclusive<i32>) -> Result<i32, ConfigError> {
        let parsed = self.value.parse::<i32>().ok();
        let known = parsed.filter(|level| *level == -1 || levels.contains(level));
        let (least, most) = (levels.start(), levels.end());
        known.ok_or_else(|| self.wrong(format!("must be -1, or between {least} and {most}")))
    }

    /// A size in bytes, an INT of Kafka.
    fn size(&self, least: i32) -> Result<u64, ConfigError> {
        u64::try_from(self.at_least(least)?).map_err(|_| self.wrong("must not be negative"))
    }

    fn ratio(&self) -> Result<f64, ConfigError> {
        let parsed = self.value.parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value));
        parsed.ok_or_else(|| self.wrong("must be between 0 and 1"))
    }

    fn boolean(&self) -> Result<(), ConfigError> {
        let known = ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(self.value));
        if known { Ok(()) } else { Err(self.wrong("must be true or false")) }
    }

    fn one_replica(&self) -> Result<(), ConfigError> {
        match self.at_least(1)? {
            1 => Ok(()),
            _ => Err(self.wrong("this broker is one node: there is one replica")),
        }
    }

    fn timestamps(&self) -> Result<TimestampSource, ConfigError> {
        match self.value {
            "CreateTime" => Ok(TimestampSource::CreateTime),
            "LogAppendTime" => Ok(TimestampSource::LogAppendTime),
            _ => Err(self.wrong("must be one of CreateTime, LogAppendTime")),
        }
    }

    fn cleanup(&self) -> Result<CleanupPolicy, ConfigError> {
        let mut policy = CleanupPolicy { delete: false, compact: false };
        for word in self.value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "delete" => policy.delete = true,
                "compact" => policy.compact = true,
                _ => {
                    return Err(self.wrong("must be delete, compact, or both with a comma between"));
                }
            }
        }
        Ok(policy)
    }

    fn compression(&self) -> Result<Option<Compression>, ConfigError> {
        Ok(Some(match self.value {
            "producer" => return Ok(None),
            "uncompressed" => Compression::None,
            "gzip" => Compression::Gzip,
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd,
            _ => {
                let wanted = "must be one of uncompressed, zstd, lz4, snappy, gzip, producer";
                return Err(self.wrong(wanted));
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_struct_agree() {
        let defaults = SETTINGS.iter().map(|setting| (setting.name, setting.default));
        assert_eq!(LogConfig::from_overrides(defaults).unwrap(), LogConfig::default());
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
    }

    #[test]
    fn values_are_refused_as_kafka_refuses_them() {
        for (name, value) in [
            ("compression.gzip.level", "0"),
            ("compression.zstd.level", "23"),
            ("segment.bytes", "1048575"),
            ("segment.bytes", "2147483648"),
            ("retention.ms", "-2"),
            ("min.cleanable.dirty.ratio", "1.1"),
            ("min.cleanable.dirty.ratio", "NaN"),
            ("cleanup.policy", "shrink"),
            ("compression.type", "none"),
            ("message.timestamp.type", "createtime"),
            ("min.insync.replicas", "2"),
            ("preallocate", "maybe"),
            ("max.message.bytes", "-1"),
            ("retention.hours", "1"),
        ] {
            let result = LogConfig::from_overrides([(name, value)]);
            assert!(result.is_err(), "{name}={value} gave {result:?}");
        }
        let lags = [("min.compaction.lag.ms", "2"), ("max.compaction.lag.ms", "1")];
        assert!(LogConfig::from_overrides(lags).is_err());
    }

    #[test]
    fn values_are_taken_as_kafka_takes_them() {
        let config = LogConfig::from_overrides([
            ("cleanup.policy", "compact, delete"),
            ("compression.type", "zstd"),
            ("message.timestamp.type", "LogAppendTime"),
            ("retention.ms", " -1 "),
        ])
        .unwrap();
        assert_eq!(config.cleanup, CleanupPolicy { delete: true, compact: true });
        assert_eq!(config.compression, Some(Compression::Zstd));
        assert_eq!(config.timestamps, TimestampSource::LogAppendTime);
        assert_eq!(config.retention_ms, -1);
    }
}
