//! The client's settings of a query: what delivery needs goes before what the user gives.

use super::stage_plan::StagePlan;
use crate::client::config::ClientConfig;
use crate::client::error::{Action, ClientError};
use crate::topology::{Delivery, Sink};

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
    let preferred =
        [("isolation.level", "read_committed"), ("linger.ms", "0"), ("buffer.memory", "16777216")];
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
