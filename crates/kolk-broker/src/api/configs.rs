//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs: settings of topics, and those that the broker was started with.

use super::create_topics::{Refusal, refusal};
use super::{Context, Handle};
use crate::described::Described;
use crate::log::config::{SETTINGS, SettingType};
use crate::state::State;
use crate::topics::TopicError;
use kolk_wire::ErrorCode;
use kolk_wire::message::alter_configs::{
    AlterConfigsRequest, AlterConfigsResourceResponse as Altered, AlterConfigsResponse,
};
use kolk_wire::message::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kolk_wire::message::incremental_alter_configs::{
    AlterConfigsResourceResponse as IncrementallyAltered, AlterableConfig,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use std::collections::{BTreeMap, BTreeSet};

/// No setting of this broker is a secret.
pub(super) const CONFIG_NOT_SENSITIVE: bool = false;

/// The kinds of resource, by the protocol's numbers.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// The incremental operations, by the protocol's numbers.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

impl Handle for DescribeConfigsRequest {
    fn handle(self, context: &Context<'_>) -> Option<DescribeConfigsResponse> {
        let results = self.resources.iter().map(|resource| {
            let (resource_type, resource_name) =
                (resource.resource_type, resource.resource_name.clone());
            let result = DescribeConfigsResult {
                resource_type,
                resource_name,
                ..DescribeConfigsResult::default()
            };
            match describe(context.state, resource) {
                Ok((settings, read_only)) => {
                    let wanted = |one: &Described| match &resource.configuration_keys {
                        Some(keys) if !keys.is_empty() => keys.iter().any(|key| key == one.name),
                        _ => true,
                    };
                    let configs =
                        settings.into_iter().filter(wanted).map(|one| self.told(one, read_only));
                    DescribeConfigsResult { configs: configs.collect(), ..result }
                }
                Err((error_code, message)) => {
                    DescribeConfigsResult { error_code, error_message: Some(message), ..result }
                }
            }
        });
        Some(DescribeConfigsResponse {
            results: results.collect(),
            ..DescribeConfigsResponse::default()
        })
    }
}

/// Asks [`DescribeConfigsRequest`] what of a setting it wants to know.
trait Tell {
    fn told(&self, setting: Described, read_only: bool) -> DescribeConfigsResourceResult;
}

impl Tell for DescribeConfigsRequest {
    fn told(&self, setting: Described, read_only: bool) -> DescribeConfigsResourceResult {
        let synonyms = if self.include_synonyms { setting.synonyms } else { Vec::new() };
        let synonym = |one: crate::described::Synonym| DescribeConfigsSynonym {
            name: one.name,
            value: Some(one.value),
            source: one.source.number(),
        };
        DescribeConfigsResourceResult {
            name: setting.name.to_owned(),
            value: setting.value,
            read_only,
            config_source: setting.source.number(),
            is_sensitive: CONFIG_NOT_SENSITIVE,
            synonyms: synonyms.into_iter().map(synonym).collect(),
            config_type: setting.kind as i8,
            documentation: self.include_documentation.then(|| setting.doc.to_owned()),
        }
    }
}

/// All settings of a resource, and whether they can only be read.
fn describe(
    state: &State,
    resource: &DescribeConfigsResource,
) -> Result<(Vec<Described>, bool), Refusal> {
    let name = &resource.resource_name;
    match resource.resource_type {
        TOPIC => {
            let topic = state.topic(name);
            let topic = topic.ok_or_else(|| {
                let message = super::change_topics::NOT_HOSTED.to_owned();
                (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message)
            })?;
            Ok((state.config.describe_topic(&topic.overrides), false))
        }
        BROKER => {
            check_broker(state, name)?;
            // The empty name is for what holds for all brokers and can be changed while they run: nothing here.
            let settings =
                if name.is_empty() { Vec::new() } else { state.config.describe_broker() };
            Ok((settings, true))
        }
        other => Err(unsupported(other)),
    }
}

fn check_broker(state: &State, name: &str) -> Result<(), Refusal> {
    let node = state.config.node_id;
    if name.is_empty() || name.parse() == Ok(node) {
        return Ok(());
    }
    let message =
        format!("Unexpected broker id, expected {node} or empty string, but received {name}");
    Err((ErrorCode::INVALID_REQUEST, message))
}

fn unsupported(resource_type: i8) -> Refusal {
    let message = format!(
        "Resource type {resource_type} has no settings here: only topics (2) and brokers (4) have."
    );
    (ErrorCode::INVALID_REQUEST, message)
}

/// Refuses every resource that stands more than once in a request.
fn check_once(
    seen: &mut BTreeSet<(i8, String)>,
    resource_type: i8,
    name: &str,
) -> Result<(), Refusal> {
    if seen.insert((resource_type, name.to_owned())) {
        return Ok(());
    }
    Err((ErrorCode::INVALID_REQUEST, "Each resource must appear at most once.".to_owned()))
}

/// Changes a topic's own settings to what `change` makes of them; the topics are locked meanwhile.
fn alter(
    state: &State,
    (resource_type, name): (i8, &str),
    validate_only: bool,
    change: impl FnOnce(&BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Refusal>,
) -> Result<(), Refusal> {
    match resource_type {
        TOPIC => {}
        BROKER => {
            check_broker(state, name)?;
            let message = "Cannot update these configs dynamically: the settings of this broker are given when it is started";
            return Err((ErrorCode::INVALID_REQUEST, message.to_owned()));
        }
        other => return Err(unsupported(other)),
    }
    let mut topics = state.topics_mut();
    let topic = topics.get(name).ok_or_else(|| refusal(&TopicError::Unknown(name.to_owned())))?;
    let changed = change(&topic.overrides)?;
    if validate_only {
        return topics.log_config(&changed).map(drop).map_err(|error| refusal(&error.into()));
    }
    topics.configure(name, changed).map_err(|error| refusal(&error))
}

fn outcome(altered: Result<(), Refusal>) -> (ErrorCode, Option<String>) {
    match altered {
        Ok(()) => (ErrorCode::NONE, None),
        Err((error_code, message)) => (error_code, Some(message)),
    }
}

fn null_value(name: &str) -> Refusal {
    (ErrorCode::INVALID_CONFIG, format!("Null value not supported for : {name}"))
}

impl Handle for AlterConfigsRequest {
    fn handle(self, context: &Context<'_>) -> Option<AlterConfigsResponse> {
        let (validate_only, mut seen) = (self.validate_only, BTreeSet::new());
        let mut responses = Vec::with_capacity(self.resources.len());
        for resource in self.resources {
            let (resource_type, resource_name) = (resource.resource_type, resource.resource_name);
            let altered = check_once(&mut seen, resource_type, &resource_name).and_then(|()| {
                alter(context.state, (resource_type, &resource_name), validate_only, |_| {
                    let named = resource.configs.into_iter().map(|config| match config.value {
                        Some(value) => Ok((config.name, value)),
                        None => Err(null_value(&config.name)),
                    });
                    named.collect()
                })
            });
            let (error_code, error_message) = outcome(altered);
            responses.push(Altered { error_code, error_message, resource_type, resource_name });
        }
        Some(AlterConfigsResponse { responses, ..AlterConfigsResponse::default() })
    }
}

impl Handle for IncrementalAlterConfigsRequest {
    fn handle(self, context: &Context<'_>) -> Option<IncrementalAlterConfigsResponse> {
        let (state, validate_only, mut seen) = (context.state, self.validate_only, BTreeSet::new());
        let mut responses = Vec::with_capacity(self.resources.len());
        for resource in self.resources {
            let (resource_type, resource_name) = (resource.resource_type, resource.resource_name);
            let altered = check_once(&mut seen, resource_type, &resource_name).and_then(|()| {
                alter(state, (resource_type, &resource_name), validate_only, |own| {
                    incremented(state, own, resource.configs)
                })
            });
            let (error_code, error_message) = outcome(altered);
            responses.push(IncrementallyAltered {
                error_code,
                error_message,
                resource_type,
                resource_name,
            });
        }
        Some(IncrementalAlterConfigsResponse {
            responses,
            ..IncrementalAlterConfigsResponse::default()
        })
    }
}

/// A topic's own settings after these operations.
fn incremented(
    state: &State,
    own: &BTreeMap<String, String>,
    operations: Vec<AlterableConfig>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let names: BTreeSet<&str> = operations.iter().map(|one| one.name.as_str()).collect();
    if names.len() < operations.len() {
        return Err((ErrorCode::INVALID_REQUEST, "Error due to duplicate config keys".to_owned()));
    }
    let mut changed = own.clone();
    for AlterableConfig { name, config_operation, value } in operations {
        if config_operation == DELETE {
            changed.remove(&name);
            continue;
        }
        let value = value.ok_or_else(|| null_value(&name))?;
        let value = match config_operation {
            SET => value,
            APPEND | SUBTRACT => {
                let mut items = list_of(state, own, &name, config_operation)?;
                for item in value.split(',').map(str::trim) {
                    items.retain(|known| config_operation == APPEND || known != item);
                    if config_operation == APPEND && !items.iter().any(|known| known == item) {
                        items.push(item.to_owned());
                    }
                }
                items.join(",")
            }
            other => {
                return Err((
                    ErrorCode::INVALID_REQUEST,
                    format!("Unknown config operation {other}"),
                ));
            }
        };
        changed.insert(name, value);
    }
    Ok(changed)
}

/// The items of a list setting as it holds now.
fn list_of(
    state: &State,
    own: &BTreeMap<String, String>,
    name: &str,
    operation: i8,
) -> Result<Vec<String>, Refusal> {
    let is_list =
        SETTINGS.iter().any(|setting| setting.name == name && setting.kind == SettingType::List);
    if !is_list {
        let operation = if operation == APPEND { "append" } else { "subtract" };
        let message = format!("Config value {operation} is not allowed for config key: {name}");
        return Err((ErrorCode::INVALID_CONFIG, message));
    }
    let holds = state.config.describe_topic(own).into_iter().find(|one| one.name == name);
    let holds = holds.and_then(|one| one.value).unwrap_or_default();
    Ok(holds.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}
