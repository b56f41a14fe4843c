//! What became of requests, kept until their tickets are redeemed.

use super::Broker;
use crate::client::error::RequestError;
use bytes::Bytes;
use kolk_wire::ApiKey;
use std::collections::{HashMap, HashSet};

/// A response that has not been decoded yet.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) broker: Broker,
    pub(super) version: i16,
    /// Empty for a request that is never answered.
    pub(super) frame: Bytes,
}

/// Outcomes by ticket.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    done: HashMap<u64, Result<Answer, RequestError>>,
    forgotten: HashSet<u64>,
    /// Outcomes since the last poll returned.
    pub(super) fresh: usize,
}

impl Outcomes {
    pub(super) fn complete(&mut self, id: u64, outcome: Result<Answer, RequestError>) {
        if !self.forgotten.remove(&id) {
            self.done.insert(id, outcome);
            self.fresh += 1;
        }
    }

    pub(super) fn take(&mut self, id: u64) -> Option<Result<Answer, RequestError>> {
        self.done.remove(&id)
    }

    pub(super) fn forget(&mut self, id: u64) {
        if self.done.remove(&id).is_none() {
            self.forgotten.insert(id);
        }
    }
}

/// Why a whole connection fails; what that means for each request depends on whether it was sent.
#[derive(Debug, Clone)]
pub(super) enum Cause {
    /// The stream broke or could not be opened.
    Cut(String),
    /// The same error for every request.
    Final(RequestError),
}

impl Cause {
    pub(super) fn of(&self, api: ApiKey, broker: &Broker, sent: bool) -> RequestError {
        match self {
            Self::Cut(why) => {
                RequestError::Disconnected { api, broker: broker.clone(), sent, why: why.clone() }
            }
            Self::Final(error) => error.clone(),
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::Cut(why) => why.clone(),
            Self::Final(error) => error.to_string(),
        }
    }
}
