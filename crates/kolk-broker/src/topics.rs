//! Topics: names, ids, settings and partitions, in a journal of their own.

use crate::config::BrokerConfig;
use crate::journal::{Journal, JournalError};
use crate::log::config::ConfigError;
use crate::log::files::Files;
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

/// A topic that is no more, and what it left.
#[derive(Debug)]
pub struct Deleted {
    /// The topic.
    pub topic: Arc<Topic>,
    /// Its folder.
    pub folder: PathBuf,
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
    /// The journal of topics holds what this version does not understand.
    #[error("{} has entries that this version of Kolk does not know: a newer version wrote them", path.display())]
    Newer {
        /// The journal's file.
        path: PathBuf,
    },
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
            Self::Newer { .. } | Self::Journal(_) | Self::Log(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }
}

/// All topics. The caller locks; changes are in the journal before they are visible.
#[derive(Debug)]
pub struct Topics {
    folder: PathBuf,
    files: Arc<dyn Files>,
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
    /// Opens the topics below `folder` and recovers their logs. Topics have what `config` says unless they say otherwise.
    ///
    /// # Errors
    /// [`TopicError::Journal`], [`TopicError::Log`], [`TopicError::Setting`], [`TopicError::Newer`].
    pub fn open(
        folder: &Path,
        config: &BrokerConfig,
        files: Arc<dyn Files>,
        now_ms: i64,
    ) -> Result<Self, TopicError> {
        let mut stored: BTreeMap<String, Stored> = BTreeMap::new();
        let path = folder.join("topics.journal");
        let mut unknown = false;
        let journal =
            Journal::open_with(&path, Arc::clone(&files), |entry| {
                match Stored::from_bytes(entry) {
                    Some(topic) => drop(stored.insert(topic.name.clone(), topic)),
                    None => unknown = true,
                }
            })?;
        if unknown {
            return Err(TopicError::Newer { path });
        }
        let mut topics = Self {
            folder: folder.join("topics"),
            files,
            journal,
            defaults: config.topic_defaults.clone(),
            producer_id_expiration_ms: config.producer_id_expiration_ms,
            topics: BTreeMap::new(),
            names: HashMap::new(),
        };
        for topic in stored.into_values() {
            if topic.partitions == 0 {
                // A crash may have come between the journal and this.
                let _ = std::fs::remove_dir_all(topics.topic_folder(&topic.name, topic.id));
                continue;
            }
            let topic = topics.open_logs(&topic, &[], now_ms)?;
            topics.publish(topic);
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
    ) -> Result<Arc<Topic>, TopicError> {
        self.check(name, partitions, &overrides)?;
        let partitions = u32::try_from(partitions).unwrap_or(u32::MAX);
        let stored = Stored { name: name.to_owned(), id, partitions, overrides };
        let created = self.open_logs(&stored, &[], now_ms);
        match created.and_then(|topic| self.write(&stored).map(|()| topic)) {
            Ok(topic) => Ok(self.publish(topic)),
            Err(error) => {
                let _ = std::fs::remove_dir_all(self.topic_folder(name, id));
                Err(error)
            }
        }
    }

    /// Adds partitions, up to `count` in all.
    ///
    /// # Errors
    /// [`TopicError::Unknown`], [`TopicError::Partitions`] unless there are fewer now, or the disk's.
    pub fn grow(&mut self, name: &str, count: usize, now_ms: i64) -> Result<(), TopicError> {
        let topic = self.topics.get(name).ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        Self::check_growth(topic, count)?;
        let topic = Arc::clone(topic);
        let partitions = u32::try_from(count).unwrap_or(u32::MAX);
        let stored = Stored { partitions, ..Stored::of(&topic) };
        let grown = self.open_logs(&stored, &topic.partitions, now_ms);
        match grown.and_then(|topic| self.write(&stored).map(|()| topic)) {
            Ok(topic) => drop(self.publish(topic)),
            Err(error) => {
                for number in topic.partitions.len()..count {
                    let _ = std::fs::remove_dir_all(self.partition_folder(name, topic.id, number));
                }
                return Err(error);
            }
        }
        Ok(())
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

    /// Deletes a topic. The caller [retires](Partition::retire) its partitions and removes its folder, without the lock.
    ///
    /// # Errors
    /// [`TopicError::Unknown`], or the disk's.
    pub fn delete(&mut self, name: &str) -> Result<Deleted, TopicError> {
        let unknown = || TopicError::Unknown(name.to_owned());
        let topic = self.topics.get(name).ok_or_else(unknown)?;
        self.write(&Stored { partitions: 0, ..Stored::of(topic) })?;
        let topic = self.topics.remove(name).ok_or_else(unknown)?;
        self.names.remove(&topic.id.0);
        Ok(Deleted { folder: self.topic_folder(name, topic.id), topic })
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
            let others = self.topics.values().filter(|topic| *topic.name != *stored.name);
            let entries: Vec<_> = others.map(|topic| Stored::of(topic).to_bytes()).collect();
            // If it cannot be rewritten the old one stays, and is still whole.
            let _ = self.journal.rewrite(entries.into_iter().chain([stored.to_bytes()]));
        }
        Ok(())
    }

    /// The topic with all its logs open; `present` are those that are open already.
    fn open_logs(
        &self,
        stored: &Stored,
        present: &[Arc<Partition>],
        now_ms: i64,
    ) -> Result<Topic, TopicError> {
        let config = self.log_config(&stored.overrides)?;
        let mut partitions = present.to_vec();
        for number in present.len()..stored.partitions as usize {
            let folder = self.partition_folder(&stored.name, stored.id, number);
            let files = Arc::clone(&self.files);
            let log = PartitionLog::open_with(&folder, config.clone(), files, now_ms)?;
            partitions.push(Arc::new(Partition::new(log)));
        }
        let (name, overrides) = (Arc::from(stored.name.as_str()), stored.overrides.clone());
        Ok(Topic { name, id: stored.id, overrides, partitions })
    }

    fn publish(&mut self, topic: Topic) -> Arc<Topic> {
        let topic = Arc::new(topic);
        self.names.insert(topic.id.0, Arc::clone(&topic.name));
        self.topics.insert(Arc::clone(&topic.name), Arc::clone(&topic));
        topic
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
}

/// Whether a topic may be called so.
///
/// # Errors
/// [`TopicError::Name`].
pub fn check_name(name: &str) -> Result<(), TopicError> {
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
    use crate::log::files::OsFiles;
    use crate::log::files::tests::SmallDisk;

    #[test]
    fn a_topic_that_does_not_fit_the_disk_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let disk = SmallDisk::with_free_bytes(1_000);
        let config = BrokerConfig::default();
        let files = Arc::<SmallDisk>::clone(&disk);
        let mut topics = Topics::open(folder.path(), &config, files, 0).unwrap();
        topics.create("kept", Uuid([1; 16]), 1, BTreeMap::new(), 0).unwrap();
        disk.set_free_bytes(3);
        assert!(topics.create("t", Uuid([2; 16]), 2, BTreeMap::new(), 0).is_err());
        assert!(topics.grow("kept", 2, 0).is_err());
        assert_eq!(topics.get("kept").unwrap().partitions.len(), 1);
        disk.set_free_bytes(1_000);
        topics.create("t", Uuid([3; 16]), 2, BTreeMap::new(), 0).unwrap();
        drop(topics);
        let topics = open(folder.path());
        assert_eq!(topics.get("t").unwrap().id, Uuid([3; 16]));
        assert_eq!(topics.get("kept").unwrap().partitions.len(), 1);
        let folders = std::fs::read_dir(folder.path().join("topics")).unwrap().count();
        assert_eq!(folders, 2, "what failed has left no folder");
    }

    fn open(folder: &Path) -> Topics {
        Topics::open(folder, &BrokerConfig::default(), Arc::new(OsFiles), 0).unwrap()
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
