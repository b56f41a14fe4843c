//! Ends the transaction that a dead owner left open, so that its successor need not wait for the time-out.

use crate::client::config::ClientConfig;
use crate::client::coordinator::{Call, Coordinator, Kind};
use crate::client::error::ClientError;
use crate::client::network::{Lane, SendOptions};
use crate::client::requests::Requests;
use crate::time::Moment;
use kolk_wire::message::init_producer_id::InitProducerIdRequest;
use std::time::Duration;

/// Takes a transactional id over for a moment: InitProducerId aborts what is open under it and fences its owner. Only for owners
/// that the group has expelled; their id stands in the metadata of the offsets that they committed.
#[derive(Debug)]
pub struct Orphan {
    id: String,
    timeout: Duration,
    coordinator: Coordinator,
    call: Call<InitProducerIdRequest>,
    ended: bool,
}

impl Orphan {
    /// For the transactional id of the dead owner.
    #[must_use]
    pub fn new(config: &ClientConfig, transactional_id: &str) -> Self {
        let backoff = config.connection.retry_backoff;
        Self {
            id: transactional_id.to_owned(),
            timeout: config.producer.transaction_timeout,
            coordinator: Coordinator::new(Kind::Transaction, transactional_id, backoff),
            call: Call::default(),
            ended: false,
        }
    }

    /// Sends and receives; true once the transaction is aborted, or was not open.
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when the transactional id may not be used.
    pub fn step(&mut self, network: &mut impl Requests) -> Result<bool, ClientError> {
        if self.ended {
            return Ok(true);
        }
        let transactional_id = Some(self.id.clone());
        let transaction_timeout_ms = i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX);
        let build = move |_| InitProducerIdRequest {
            transactional_id,
            transaction_timeout_ms,
            ..Default::default()
        };
        let options = SendOptions { versions: 0..=5, ..SendOptions::default() };
        let lane = Lane::Control;
        let Some(response) =
            self.call.step(network, &mut self.coordinator, lane, options, build)?
        else {
            return Ok(false);
        };
        let code = response.error_code;
        if self.call.repeats(code, &mut self.coordinator, network.now()) {
            return Ok(false);
        }
        if !code.is_none() {
            let what = format!("ending what transactional id `{}` left open", self.id);
            return Err(ClientError::from_code(code, what, None));
        }
        self.ended = true;
        Ok(true)
    }

    /// When [`Self::step`] must be called again although nothing arrived.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        if self.ended { None } else { self.call.deadline(&self.coordinator) }
    }
}
