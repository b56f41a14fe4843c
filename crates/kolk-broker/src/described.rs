//! Settings as DescribeConfigs tells them: the value that holds, where it comes from, and what would hold otherwise.

use crate::config::{BrokerConfig, OWN_SETTINGS, TOPIC_SETTINGS};
use crate::log::config::{SETTINGS, Setting, SettingType};
use std::collections::BTreeMap;

/// Where a value comes from; the numbers are the protocol's (`config_source`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigSource {
    /// The topic's own.
    Topic = 1,
    /// The broker was started with it.
    Broker = 4,
    /// Nobody said anything.
    Default = 5,
}

impl ConfigSource {
    /// The protocol's number.
    #[must_use]
    pub fn number(self) -> i8 {
        self as i8
    }
}

/// A value under one of the names by which it can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    /// The name.
    pub name: String,
    /// The value under that name, in that name's unit.
    pub value: String,
    /// Where it stands.
    pub source: ConfigSource,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Kafka's name.
    pub name: &'static str,
    /// The value that holds; `None` where another name of the same setting says it.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
    /// All places that say something about it, the strongest first.
    pub synonyms: Vec<Synonym>,
    /// How it is written.
    pub kind: SettingType,
    /// What it does.
    pub doc: &'static str,
}

impl BrokerConfig {
    /// All settings of a topic which has these of its own.
    #[must_use]
    pub fn describe_topic(&self, own: &BTreeMap<String, String>) -> Vec<Described> {
        SETTINGS.iter().map(|setting| self.topic_setting(setting, own)).collect()
    }

    fn topic_setting(&self, setting: &Setting, own: &BTreeMap<String, String>) -> Described {
        let mut synonyms = Vec::new();
        let mut value = (setting.default.to_owned(), ConfigSource::Default);
        if let Some((_, given)) = self.topic_defaults.iter().find(|(name, _)| name == setting.name)
        {
            value = (given.clone(), ConfigSource::Broker);
        }
        if let Some(given) = own.get(setting.name) {
            value = (given.clone(), ConfigSource::Topic);
            let (name, value) = (setting.name.to_owned(), given.clone());
            synonyms.push(Synonym { name, value, source: ConfigSource::Topic });
        }
        synonyms.extend(self.synonyms(setting));
        let (value, source) = value;
        Described {
            name: setting.name,
            value: Some(value),
            source,
            synonyms,
            kind: setting.kind,
            doc: setting.doc,
        }
    }

    /// What the broker's own settings say about a topic's: Kafka names milliseconds before minutes before hours.
    fn synonyms(&self, setting: &Setting) -> Vec<Synonym> {
        let names =
            TOPIC_SETTINGS.iter().rev().filter(|(_, topic_name, _)| *topic_name == setting.name);
        let synonym =
            |name: &str, value: String, source| Synonym { name: name.to_owned(), value, source };
        let given = names.clone().filter_map(|(name, ..)| {
            self.given.get(*name).map(|value| synonym(name, value.clone(), ConfigSource::Broker))
        });
        // Apache Kafka does not count the default of a setting with several names, or with none for the broker.
        let several = names.clone().count() > 1 || setting.name == "flush.ms";
        let defaults = names.clone().filter(|_| !several).filter_map(|row| {
            topic_default(row).map(|value| synonym(row.0, value, ConfigSource::Default))
        });
        given.chain(defaults).collect()
    }

    /// All settings of the broker.
    #[must_use]
    pub fn describe_broker(&self) -> Vec<Described> {
        let own = OWN_SETTINGS
            .iter()
            .map(|row| (row.name, Some(row.default.to_owned()), row.kind, row.doc));
        let for_topics = TOPIC_SETTINGS.iter().map(|row| {
            let setting = SETTINGS.iter().find(|setting| setting.name == row.1);
            let (kind, doc) =
                setting.map_or((SettingType::String, ""), |setting| (setting.kind, setting.doc));
            (row.0, topic_default(row), kind, doc)
        });
        let mut all: Vec<Described> = own
            .chain(for_topics)
            .map(|(name, default, kind, doc)| self.described(name, default, kind, doc))
            .collect();
        all.sort_by_key(|one| one.name);
        all
    }

    fn described(
        &self,
        name: &'static str,
        default: Option<String>,
        kind: SettingType,
        doc: &'static str,
    ) -> Described {
        let synonym = |value: &String, source| Synonym {
            name: name.to_owned(),
            value: value.clone(),
            source,
        };
        let given = self.given.get(name);
        let synonyms = given.map(|value| synonym(value, ConfigSource::Broker)).into_iter();
        let synonyms =
            synonyms.chain(default.iter().map(|value| synonym(value, ConfigSource::Default)));
        Described {
            name,
            synonyms: synonyms.collect(),
            source: if given.is_some() { ConfigSource::Broker } else { ConfigSource::Default },
            value: given.cloned().or(default),
            kind,
            doc,
        }
    }
}

/// The default under a broker's name. Where a setting has several names, the coarsest unit has it, as in Apache Kafka.
fn topic_default((name, topic_name, factor): &(&str, &str, i64)) -> Option<String> {
    let default = SETTINGS.iter().find(|setting| setting.name == *topic_name)?.default;
    let names = TOPIC_SETTINGS.iter().filter(|(_, other, _)| other == topic_name).count();
    match (names, factor) {
        (1, _) => Some(default.to_owned()),
        _ if name.ends_with(".hours") => Some((default.parse::<i64>().ok()? / factor).to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_word_holds_and_all_are_told() {
        let mut config = BrokerConfig::default();
        config.set("log.retention.ms", "5000").unwrap();
        config.set("log.retention.hours", "2").unwrap();
        let of = |own: &BTreeMap<String, String>| {
            config.describe_topic(own).into_iter().find(|one| one.name == "retention.ms").unwrap()
        };
        let shown = |described: &Described| {
            let synonyms = described.synonyms.iter();
            let synonyms =
                synonyms.map(|one| format!("{}={} {:?}", one.name, one.value, one.source));
            synonyms.collect::<Vec<_>>()
        };
        let inherited = of(&BTreeMap::new());
        assert_eq!(
            (inherited.value.as_deref(), inherited.source),
            (Some("5000"), ConfigSource::Broker)
        );
        let broker = ["log.retention.ms=5000 Broker", "log.retention.hours=2 Broker"];
        assert_eq!(shown(&inherited), broker);
        let own = of(&BTreeMap::from([("retention.ms".to_owned(), "7".to_owned())]));
        assert_eq!((own.value.as_deref(), own.source), (Some("7"), ConfigSource::Topic));
        assert_eq!(shown(&own)[0], "retention.ms=7 Topic");
    }

    #[test]
    fn what_is_described_is_what_holds() {
        let mut config = BrokerConfig::default();
        for one in BrokerConfig::default().describe_broker() {
            if let Some(value) = &one.value {
                config.set(one.name, value).unwrap();
            }
        }
        config.given.clear();
        config.topic_defaults.clear();
        assert_eq!(config, BrokerConfig::default());
    }
}
