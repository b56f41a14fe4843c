//! How a producer gets its identity: from any broker (idempotence alone), or from its transaction.

use super::sequence::Identity;
use crate::client::error::{Action, ClientError};
use crate::client::network::{Lane, SendOptions, Target, Ticket};
use crate::client::requests::Requests;
use crate::time::Moment;
use kolk_wire::message::init_producer_id::InitProducerIdRequest;
use std::time::Duration;

/// Pause before a failed InitProducerId is repeated.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) enum Identification {
    /// Without idempotence there is none.
    NotNeeded,
    /// From the transaction machine.
    Given(Option<Identity>),
    /// To be asked for, not before this moment.
    Wanted(Moment),
    /// Asked for.
    Asked(Ticket<InitProducerIdRequest>),
    /// Here it is.
    Known(Identity),
}

impl Identification {
    pub(super) fn new(wanted: bool, transactional: bool) -> Self {
        match (wanted, transactional) {
            (_, true) => Self::Given(None),
            (true, false) => Self::Wanted(Moment::default()),
            (false, false) => Self::NotNeeded,
        }
    }

    /// Whether batches can be sent.
    pub(super) fn is_known(&self) -> bool {
        matches!(self, Self::NotNeeded | Self::Given(Some(_)) | Self::Known(_))
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Wanted(at) => Some(*at),
            _ => None,
        }
    }

    pub(super) fn set(&mut self, identity: Identity) {
        *self = Self::Given(Some(identity));
    }

    /// The next epoch (KIP-360), or a new id when there is none left.
    pub(super) fn bump(&mut self) {
        if let Self::Known(identity) = self {
            *self = identity.bumped().map_or(Self::Wanted(Moment::default()), Self::Known);
        }
    }

    /// The identity, asking for it as needed.
    pub(super) fn step(
        &mut self,
        network: &mut impl Requests,
        transaction_timeout: Duration,
    ) -> Result<Option<Identity>, ClientError> {
        match self {
            Self::NotNeeded => Ok(None),
            Self::Given(identity) => Ok(*identity),
            Self::Known(identity) => Ok(Some(*identity)),
            Self::Wanted(at) if network.now() < *at => Ok(None),
            Self::Wanted(_) => {
                let transaction_timeout_ms =
                    i32::try_from(transaction_timeout.as_millis()).unwrap_or(i32::MAX);
                let build =
                    move |_| InitProducerIdRequest { transaction_timeout_ms, ..Default::default() };
                let options = SendOptions::default();
                *self =
                    Self::Asked(network.send_with(&Target::AnyNode, Lane::Control, options, build));
                Ok(None)
            }
            Self::Asked(ticket) => {
                let Some(result) = network.take(ticket) else { return Ok(None) };
                let what = "a producer id could not be had";
                let error = match result {
                    Ok(response) if response.error_code.is_none() => {
                        let identity =
                            Identity { id: response.producer_id, epoch: response.producer_epoch };
                        *self = Self::Known(identity);
                        return Ok(Some(identity));
                    }
                    Ok(response) => ClientError::from_code(response.error_code, what, None),
                    Err(error) => ClientError::from_request(&error, what),
                };
                *self = Self::Wanted(network.now() + RETRY_PAUSE);
                if error.action() == Action::Retry { Ok(None) } else { Err(error) }
            }
        }
    }
}
