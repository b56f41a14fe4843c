//! Topics: names, ids, settings and partitions, in a journal of their own.

use crate::journal::{Journal, JournalError};
use crate::log::config::ConfigError;
use crate::log::{LogConfig, LogError, PartitionLog};
use crate::partition::Partition;
use kolk_wire::ErrorCode;
use kolk_wire::wire::Uuid;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest name that a topic may have: its folder adds a partition number.
pub const NAME_LENGTH_MAX: usize = 249;
/// The most partitions that one request may ask for.
pub const PARTITIONS_MAX: usize = 10_000;

/// One topic. Shared: requests work on the state at their start.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id: another one after it was deleted and created again.
    pub id: Uuid,
    /// Settings of its own, by Kafka's names.
    pub overrides: BTreeMap<String, String>,
    /// Its partitions, by number.
    pub partitions: Vec<Arc<Partition>>,
}

/// Why a topic is not created or changed.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The name breaks Kafka's rules.
    #[error("Topic name is invalid: {why}")]
    Name {
        /// The rule.
        why: String,
    },
    /// The name differs from another topic's only in `.` and `_`, which metrics cannot tell apart.
    #[error("Topic '{name}' collides with existing topic: {other}")]
    Collides {
        /// The name.
        name: String,
        /// The other topic's.
        other: String,
    },
    /// There is one already.
    #[error("Topic '{0}' already exists.")]
    Exists(String),
    /// There is none.
    #[error("The topic '{0}' does not exist.")]
    Unknown(String),
    /// A number of partitions that cannot be.
    #[error("{0}")]
    Partitions(String),
    /// A setting that cannot be.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// The disk refuses.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The disk refuses.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl TopicError {
    /// The answer to a client.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Name { .. } | Self::Collides { .. } => ErrorCode::INVALID_TOPIC_EXCEPTION,
            Self::Exists(_) => ErrorCode::TOPIC_ALREADY_EXISTS,
            Self::Unknown(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            Self::Partitions(_) => ErrorCode::INVALID_PARTITIONS,
            Self::Setting(_) => ErrorCode::INVALID_CONFIG,
            Self::Journal(_) | Self::Log(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }
}

/// All topics. The caller locks; changes are in the journal before they are visible.
#[derive(Debug)]
pub struct Topics {
    folder: PathBuf,
    journal: Journal,
    /// What holds where a topic does not say otherwise.
    defaults: Vec<(String, String)>,
    producer_id_expiration_ms: i64,
    topics: BTreeMap<Arc<str>, Arc<Topic>>,
    names: HashMap<[u8; 16], Arc<str>>,
}

/// What the journal says of a topic: its whole state after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    name: String,
    id: Uuid,
    /// 0: the topic was deleted.
    partitions: u32,
    overrides: BTreeMap<String, String>,
}

impl Topics {
    /// Opens the topics below `folder` and recovers their logs. `defaults` are the broker's settings for topics.
    ///
    /// # Errors
    /// [`TopicError::Journal`], [`TopicError::Log`], [`TopicError::Setting`].
    pub fn open(
        folder: &Path,
        defaults: Vec<(String, String)>,
        producer_id_expiration_ms: i64,
        now_ms: i64,
    ) -> Result<Self, TopicError> {
        let mut stored: BTreeMap<String, Stored> = BTreeMap::new();
        let journal = Journal::open(&folder.join("topics.journal"), |entry| {
            // Entries were written by this module and are covered by a CRC: one that does not parse is not ours.
            if let Some(topic) = Stored::from_bytes(entry) {
                stored.insert(topic.name.clone(), topic);
            }
        })?;
        let folder = folder.join("topics");
        let mut topics = Self {
            folder,
            journal,
            defaults,
            producer_id_expiration_ms,
            topics: BTreeMap::new(),
            names: HashMap::new(),
        };
        for topic in stored.into_values() {
            if topic.partitions == 0 {
                topics.remove_folders(&topic.name, topic.id);
                continue;
            }
            topics.load(&topic, now_ms)?;
        }
        Ok(topics)
    }

    /// The topic of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic with this id.
    #[must_use]
    pub fn by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.topics.get(self.names.get(&id.0)?)
    }

    /// All topics, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// Whether a topic could be created so; nothing is done (`validate_only`).
    ///
    /// # Errors
    /// As [`Self::create`], but for the disk.
    pub fn check(
        &self,
        name: &str,
        partitions: usize,
        overrides: &BTreeMap<String, String>,
    ) -> Result<(), TopicError> {
        check_name(name)?;
        if self.topics.contains_key(name) {
            return Err(TopicError::Exists(name.to_owned()));
        }
        if let Some(other) = self.topics.keys().find(|other| collide(other, name)) {
            return Err(TopicError::Collides { name: name.to_owned(), other: other.to_string() });
        }
        if partitions == 0 {
            let reason = "Number of partitions was set to an invalid non-positive value.";
            return Err(TopicError::Partitions(reason.to_owned()));
        }
        check_count(partitions)?;
        self.log_config(overrides)?;
        Ok(())
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`TopicError::Name`], [`TopicError::Exists`], [`TopicError::Partitions`], [`TopicError::Setting`], or the disk's.
    pub fn create(
        &mut self,
        name: &str,
        id: Uuid,
        partitions: usize,
        overrides: BTreeMap<String, String>,
        now_ms: i64,
    ) -> Result<&Arc<Topic>, TopicError> {
        self.check(name, partitions, &overrides)?;
        let partitions = u32::try_from(partitions).unwrap_or(u32::MAX);
        let stored = Stored { name: name.to_owned(), id, partitions, overrides };
        self.write(&stored)?;
        self.load(&stored, now_ms)?;
        self.topics.get(name).ok_or_else(|| TopicError::Unknown(name.to_owned()))
    }

    /// Adds partitions, up to `count` in all.
    ///
    /// # Errors
    /// [`TopicError::Unknown`], [`TopicError::Partitions`] unless there are fewer now, or the disk's.
    pub fn grow(&mut self, name: &str, count: usize, now_ms: i64) -> Result<(), TopicError> {
        let topic = self.topics.get(name).ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        Self::check_growth(topic, count)?;
        let mut stored = Stored::of(topic);
        stored.partitions = u32::try_from(count).unwrap_or(u32::MAX);
        self.write(&stored)?;
        self.load(&stored, now_ms)
    }

    /// Whether a topic could have `count` partitions in all; nothing is done (`validate_only`).
    ///
    /// # Errors
    /// [`TopicError::Partitions`].
    pub fn check_growth(topic: &Topic, count: usize) -> Result<(), TopicError> {
        let (name, present) = (&topic.name, topic.partitions.len());
        if count == present {
            return Err(TopicError::Partitions(format!(
                "Topic already has {present} partition(s)."
            )));
        }
        if count < present {
            let reason = format!(
                "The topic {name} currently has {present} partition(s); {count} would not be an increase."
            );
            return Err(TopicError::Partitions(reason));
        }
        check_count(count)
    }

    /// Replaces the topic's own settings.
    ///
    /// # Errors
    /// [`TopicError::Unknown`], [`TopicError::Setting`], or the disk's.
    pub fn configure(
        &mut self,
        name: &str,
        overrides: BTreeMap<String, String>,
    ) -> Result<(), TopicError> {
        let config = self.log_config(&overrides)?;
        let topic = self.topics.get(name).ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        self.write(&Stored { overrides: overrides.clone(), ..Stored::of(topic) })?;
        if let Some(topic) = self.topics.get_mut(name) {
            let topic = Arc::make_mut(topic);
            topic.overrides = overrides;
            for partition in &topic.partitions {
                partition.log().set_config(config.clone());
            }
        }
        Ok(())
    }

    /// Deletes a topic. Fetches that wait for it are woken and find it gone.
    ///
    /// # Errors
    /// [`TopicError::Unknown`], or the disk's.
    pub fn delete(&mut self, name: &str) -> Result<Arc<Topic>, TopicError> {
        let topic = self.topics.get(name).ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        self.write(&Stored { partitions: 0, ..Stored::of(topic) })?;
        let topic = self.topics.remove(name).ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        self.names.remove(&topic.id.0);
        self.remove_folders(name, topic.id);
        for partition in &topic.partitions {
            partition.wake();
        }
        Ok(topic)
    }

    /// Takes all topics away, to close their logs.
    pub fn take_all(&mut self) -> Vec<Arc<Topic>> {
        self.names.clear();
        std::mem::take(&mut self.topics).into_values().collect()
    }

    /// The settings that hold for a topic with these of its own.
    ///
    /// # Errors
    /// [`ConfigError`] for one that is unknown or not allowed.
    pub fn log_config(
        &self,
        overrides: &BTreeMap<String, String>,
    ) -> Result<LogConfig, ConfigError> {
        let defaults = self.defaults.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let own = overrides.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut config = LogConfig::from_overrides(defaults.chain(own))?;
        config.producer_id_expiration_ms = self.producer_id_expiration_ms;
        Ok(config)
    }

    /// The broker's settings for topics that differ from Kafka's defaults.
    #[must_use]
    pub fn defaults(&self) -> &[(String, String)] {
        &self.defaults
    }

    fn write(&mut self, stored: &Stored) -> Result<(), TopicError> {
        self.journal.append(&stored.to_bytes())?;
        if self.journal.wants_rewrite() {
            let entries = self
                .topics
                .values()
                .map(|topic| Stored::of(topic))
                .filter(|topic| topic.name != stored.name);
            let entries: Vec<_> = entries.map(|topic| topic.to_bytes()).collect();
            self.journal.rewrite(entries.into_iter().chain([stored.to_bytes()]))?;
        }
        Ok(())
    }

    /// Opens the logs that are not open yet.
    fn load(&mut self, stored: &Stored, now_ms: i64) -> Result<(), TopicError> {
        let config = self.log_config(&stored.overrides)?;
        let mut partitions = self
            .topics
            .get(stored.name.as_str())
            .map_or_else(Vec::new, |topic| topic.partitions.clone());
        for number in partitions.len()..stored.partitions as usize {
            let folder = self.partition_folder(&stored.name, stored.id, number);
            let log = PartitionLog::open(&folder, config.clone(), now_ms)?;
            partitions.push(Arc::new(Partition::new(log)));
        }
        let name: Arc<str> = Arc::from(stored.name.as_str());
        let topic = Topic {
            name: Arc::clone(&name),
            id: stored.id,
            overrides: stored.overrides.clone(),
            partitions,
        };
        self.names.insert(stored.id.0, Arc::clone(&name));
        self.topics.insert(name, Arc::new(topic));
        Ok(())
    }

    fn topic_folder(&self, name: &str, id: Uuid) -> PathBuf {
        use std::fmt::Write;
        let mut folder = format!("{name}.");
        for byte in id.0.iter().take(4) {
            let _ = write!(folder, "{byte:02x}");
        }
        self.folder.join(folder)
    }

    fn partition_folder(&self, name: &str, id: Uuid, partition: usize) -> PathBuf {
        self.topic_folder(name, id).join(partition.to_string())
    }

    /// A folder that stays behind is removed at the next start: the journal remembers the deletion.
    fn remove_folders(&self, name: &str, id: Uuid) {
        let _ = std::fs::remove_dir_all(self.topic_folder(name, id));
    }
}

fn check_name(name: &str) -> Result<(), TopicError> {
    let why = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > NAME_LENGTH_MAX => {
            format!(
                "the length of '{name}' is longer than the max allowed length {NAME_LENGTH_MAX}"
            )
        }
        _ if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) => {
            format!(
                "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            )
        }
        _ => return Ok(()),
    };
    Err(TopicError::Name { why })
}

fn check_count(partitions: usize) -> Result<(), TopicError> {
    if partitions <= PARTITIONS_MAX {
        return Ok(());
    }
    let reason = format!(
        "A topic of this broker has at most {PARTITIONS_MAX} partitions, not {partitions}."
    );
    Err(TopicError::Partitions(reason))
}

fn collide(one: &str, other: &str) -> bool {
    one != other && one.replace('.', "_") == other.replace('.', "_")
}

impl Stored {
    const VERSION: u8 = 1;

    fn of(topic: &Topic) -> Self {
        Self {
            name: topic.name.to_string(),
            id: topic.id,
            partitions: u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX),
            overrides: topic.overrides.clone(),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![Self::VERSION];
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(&self.partitions.to_be_bytes());
        put_text(&mut bytes, &self.name);
        for (name, value) in &self.overrides {
            put_text(&mut bytes, name);
            put_text(&mut bytes, value);
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        if *version != Self::VERSION {
            return None;
        }
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (partitions, mut rest) = rest.split_first_chunk::<4>()?;
        let name = take_text(&mut rest)?;
        let mut overrides = BTreeMap::new();
        while !rest.is_empty() {
            overrides.insert(take_text(&mut rest)?, take_text(&mut rest)?);
        }
        Some(Self { name, id: Uuid(*id), partitions: u32::from_be_bytes(*partitions), overrides })
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (text, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> Topics {
        Topics::open(folder, Vec::new(), 86_400_000, 0).unwrap()
    }

    #[test]
    fn topics_are_there_again_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let settings = BTreeMap::from([("retention.ms".to_owned(), "1000".to_owned())]);
        let mut topics = open(folder.path());
        topics.create("visits", Uuid([7; 16]), 2, settings.clone(), 0).unwrap();
        topics.create("gone", Uuid([8; 16]), 1, BTreeMap::new(), 0).unwrap();
        topics.grow("visits", 3, 0).unwrap();
        topics.delete("gone").unwrap();
        drop(topics);
        let topics = open(folder.path());
        let names: Vec<_> = topics.iter().map(|topic| &*topic.name).collect();
        assert_eq!(names, ["visits"]);
        let visits = topics.get("visits").unwrap();
        assert_eq!((visits.id, visits.partitions.len()), (Uuid([7; 16]), 3));
        assert_eq!(visits.overrides, settings);
        assert_eq!(visits.partitions[2].log().config().retention_ms, 1000);
    }

    #[test]
    fn a_topic_made_again_under_its_name_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let mut topics = open(folder.path());
        topics.create("t", Uuid([1; 16]), 1, BTreeMap::new(), 0).unwrap();
        topics.delete("t").unwrap();
        topics.create("t", Uuid([2; 16]), 1, BTreeMap::new(), 0).unwrap();
        drop(topics);
        assert_eq!(open(folder.path()).get("t").unwrap().id, Uuid([2; 16]));
    }

    #[test]
    fn names_follow_kafkas_rules() {
        let folder = tempfile::tempdir().unwrap();
        let mut topics = open(folder.path());
        let long = "x".repeat(NAME_LENGTH_MAX + 1);
        for name in ["", ".", "..", "a b", "ä", long.as_str()] {
            assert!(
                matches!(topics.check(name, 1, &BTreeMap::new()), Err(TopicError::Name { .. })),
                "{name}"
            );
        }
        topics.create("a.b", Uuid([1; 16]), 1, BTreeMap::new(), 0).unwrap();
        assert!(matches!(
            topics.check("a_b", 1, &BTreeMap::new()),
            Err(TopicError::Collides { .. })
        ));
        assert!(matches!(topics.check("a.b", 1, &BTreeMap::new()), Err(TopicError::Exists(_))));
        assert!(matches!(topics.check("c", 0, &BTreeMap::new()), Err(TopicError::Partitions(_))));
        let wrong = BTreeMap::from([("retention.mss".to_owned(), "1".to_owned())]);
        assert!(matches!(topics.check("c", 1, &wrong), Err(TopicError::Setting(_))));
    }
}
