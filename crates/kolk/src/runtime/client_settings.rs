//! The client's settings of a query: what delivery needs goes before what the user gives.

use crate::client::config::ClientConfig;
use crate::client::error::{Action, ClientError};
use crate::topology::{Delivery, Sink};

/// The client's settings for this query: what its delivery promises goes before what the user prefers.
pub(super) fn client_settings(
    client: &ClientConfig,
    sink: &Sink,
    instance: &str,
    transactional_id: &str,
) -> Result<ClientConfig, ClientError> {
    let given: Vec<&str> = client.given().map(|(name, _)| name).collect();
    let mut settings = vec![("group.instance.id", instance), ("acks", "all")];
    // 16 MiB on their way keep any network busy; twice as much would double the memory of a query.
    let preferred =
        [("isolation.level", "read_committed"), ("linger.ms", "0"), ("buffer.memory", "16777216")];
    for (name, value) in preferred {
        if !given.contains(&name) {
            settings.push((name, value));
        }
    }
    match sink.delivery {
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
