//! Settings of topics and brokers: read, set, remove.

use super::{Admin, Place, left_out, refusal};
use crate::client::error::ClientError;
use kolk_wire::message::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse,
};
use kolk_wire::message::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use std::fmt;

/// What settings belong to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A topic, by name.
    Topic(String),
    /// A broker, by id.
    Broker(i32),
}

impl Resource {
    fn number(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) => 4,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Topic(name) => name.clone(),
            Self::Broker(id) => id.to_string(),
        }
    }

    /// A broker's own settings are known to that broker only.
    fn place(&self) -> Place<'static> {
        match self {
            Self::Topic(_) => Place::Any,
            Self::Broker(id) => Place::Node(*id),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic `{name}`"),
            Self::Broker(id) => write!(f, "broker {id}"),
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// It was set for this topic.
    Topic,
    /// It was set for brokers, in their file or while they ran.
    Broker,
    /// It is Kafka's default.
    Default,
    /// The broker does not tell.
    Unknown,
}

/// A setting and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; `None` for secrets and for values that are null.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether the value is a secret.
    pub sensitive: bool,
    /// Whether it can only be set in the broker's file.
    pub read_only: bool,
}

/// A change of one setting (KIP-339).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Gives it this value.
    Set {
        /// The setting.
        name: String,
        /// Its value.
        value: String,
    },
    /// Goes back to the default.
    Remove {
        /// The setting.
        name: String,
    },
    /// Adds to a list.
    Append {
        /// The setting.
        name: String,
        /// What to add.
        value: String,
    },
    /// Removes from a list.
    Subtract {
        /// The setting.
        name: String,
        /// What to remove.
        value: String,
    },
}

impl ConfigChange {
    fn encode(&self) -> AlterableConfig {
        let (name, config_operation, value) = match self {
            Self::Set { name, value } => (name, 0, Some(value.clone())),
            Self::Remove { name } => (name, 1, None),
            Self::Append { name, value } => (name, 2, Some(value.clone())),
            Self::Subtract { name, value } => (name, 3, Some(value.clone())),
        };
        AlterableConfig { name: name.clone(), config_operation, value }
    }
}

impl Admin {
    /// All settings of a topic or broker, by name.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] when there is no such topic.
    pub fn describe_configs(
        &mut self,
        resource: &Resource,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        self.find_brokers(resource)?;
        let what = format!("the settings of {resource} cannot be read");
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: resource.number(),
                resource_name: resource.name(),
                configuration_keys: None,
            }],
            ..DescribeConfigsRequest::default()
        };
        let response = self.call(
            resource.place(),
            0..=i16::MAX,
            &what,
            &request,
            |response: &DescribeConfigsResponse, _| {
                let result = response.results.first().ok_or_else(|| left_out(&what))?;
                refusal(result.error_code, &what, result.error_message.as_deref())
            },
        )?;
        let results = response.results.into_iter().flat_map(|result| result.configs.to_vec());
        let mut entries: Vec<_> = results.map(entry).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Changes settings of a topic or broker; all of the changes, or none.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] with code `INVALID_CONFIG`, or `UNKNOWN_TOPIC_OR_PARTITION`.
    pub fn alter_configs(
        &mut self,
        resource: &Resource,
        changes: &[ConfigChange],
    ) -> Result<(), ClientError> {
        self.find_brokers(resource)?;
        let what = format!("the settings of {resource} cannot be changed");
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.number(),
                resource_name: resource.name(),
                configs: changes.iter().map(ConfigChange::encode).collect(),
            }],
            validate_only: false,
        };
        let place = match resource {
            Resource::Topic(_) => Place::Controller,
            Resource::Broker(id) => Place::Node(*id),
        };
        self.call(
            place,
            0..=i16::MAX,
            &what,
            &request,
            |response: &IncrementalAlterConfigsResponse, _| {
                let result = response.responses.first().ok_or_else(|| left_out(&what))?;
                refusal(result.error_code, &what, result.error_message.as_deref())
            },
        )?;
        Ok(())
    }

    fn find_brokers(&mut self, resource: &Resource) -> Result<(), ClientError> {
        match resource {
            Resource::Broker(id) if self.network.node(*id).is_none() => {
                self.describe_cluster().map(drop)
            }
            _ => Ok(()),
        }
    }
}

fn entry(result: DescribeConfigsResourceResult) -> ConfigEntry {
    ConfigEntry {
        source: match result.config_source {
            1 => ConfigSource::Topic,
            2..=4 => ConfigSource::Broker,
            5 => ConfigSource::Default,
            _ => ConfigSource::Unknown,
        },
        name: result.name,
        value: result.value,
        sensitive: result.is_sensitive,
        read_only: result.read_only,
    }
}
