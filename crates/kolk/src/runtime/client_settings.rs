//! The client's settings of a query: what delivery needs goes before what the user gives.

use super::stage_plan::StagePlan;
use crate::client::config::ClientConfig;
use crate::client::error::{Action, ClientError};
use crate::topology::{Delivery, Sink};
use std::time::Duration;

const TIMEOUT: &str = "transaction.timeout.ms";
/// How long a transaction may be open beyond the time between commits: everybody who reads committed records waits so long when an
/// instance dies in the middle of one and does not come back.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// To what it may rise where transactions take longer: what Kafka's producers have.
const TRANSACTION_TIMEOUT_MAX: Duration = Duration::from_mins(1);

/// The client's settings for this stage: what its delivery and its state promise goes before what the user prefers.
pub(super) fn client_settings(
    plan: &StagePlan,
    sink: &Sink,
    transactional_id: &str,
) -> Result<ClientConfig, ClientError> {
    let client = &plan.client;
    let given: Vec<&str> = client.given().map(|(name, _)| name).collect();
    let mut settings = vec![("group.instance.id", plan.instance.as_str()), ("acks", "all")];
    if !plan.stage.is_plain() {
        // What is not committed yet may still be taken back; state cannot.
        settings.push(("isolation.level", "read_committed"));
    }
    if plan.stage.query.sources().any(|(source, _)| source.exchange.is_some()) {
        // Rows between stages are never passed over.
        settings.push(("auto.offset.reset", "none"));
    }
    // 16 MiB on their way keep any network busy; twice as much would double the memory of a query.
    let timeout = transaction_timeout(plan, sink)?;
    let mut preferred = vec![
        ("isolation.level", "read_committed"),
        ("linger.ms", "0"),
        ("buffer.memory", "16777216"),
    ];
    preferred.extend(timeout.as_deref().map(|timeout| (TIMEOUT, timeout)));
    for (name, value) in preferred {
        if !given.contains(&name) && !settings.iter().any(|(set, _)| *set == name) {
            settings.push((name, value));
        }
    }
    match sink.delivery {
        // Only dead letters go to Kafka.
        _ if sink.connector.is_some() => settings.push(("enable.idempotence", "true")),
        Delivery::Individual { .. } => settings.push(("enable.idempotence", "false")),
        Delivery::Batched => {
            settings.push(("enable.idempotence", "false"));
            settings.push(("max.in.flight.requests.per.connection", "1"));
        }
        Delivery::Idempotent => settings.push(("enable.idempotence", "true")),
        Delivery::ExactlyOnce | Delivery::BinPacked(_) => {
            settings.push(("enable.idempotence", "true"));
            settings.push(("transactional.id", transactional_id));
        }
    }
    let mut config = client.clone();
    for (name, value) in settings {
        config = config
            .with(name, value)
            .map_err(|error| ClientError::new(Action::Invalid, error.to_string()))?;
    }
    Ok(config)
}

/// The time-out of the stage's transactions in milliseconds, unless somebody has chosen one that can be kept.
fn transaction_timeout(plan: &StagePlan, sink: &Sink) -> Result<Option<String>, ClientError> {
    if !sink.is_transactional() {
        return Ok(None);
    }
    let (given, interval) = (plan.client.producer.transaction_timeout, plan.commit_interval);
    if !is_given(&plan.client) {
        return Ok(Some((interval + TRANSACTION_TIMEOUT).as_millis().to_string()));
    }
    if given > interval {
        return Ok(None);
    }
    let what = format!(
        "{TIMEOUT} = {} is too short: a transaction is committed after {} ms, and would be aborted before. Make it longer, or \
         the commit interval shorter",
        given.as_millis(),
        interval.as_millis()
    );
    Err(ClientError::new(Action::Invalid, what))
}

/// To what the time-out may rise where transactions take longer; one that somebody has chosen does not rise.
pub(super) fn longest_transaction(plan: &StagePlan) -> Duration {
    match is_given(&plan.client) {
        true => plan.client.producer.transaction_timeout,
        false => TRANSACTION_TIMEOUT_MAX,
    }
}

fn is_given(client: &ClientConfig) -> bool {
    client.given().any(|(name, _)| name == TIMEOUT)
}
