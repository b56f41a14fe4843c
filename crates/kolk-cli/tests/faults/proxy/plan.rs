//! When which fault happens: drawn from a seed, found by counting requests.

use kolk_wire::ApiKey;
use std::collections::BTreeMap;

/// Where in the life of a request something dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The request has left the client and never reaches the broker.
    BeforeRequest,
    /// The request is handed to the broker.
    AfterRequest,
    /// The broker has answered; the answer never reaches the client.
    AtResponse,
}

impl Moment {
    pub(crate) const ALL: [Self; 3] = [Self::BeforeRequest, Self::AfterRequest, Self::AtResponse];
}

/// Whom a kill hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Kolk,
    Broker,
}

/// What is done to one request, its response or its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Hand on this share of the request (in thousandths), then cut the connection.
    CutRequest { thousandths: usize },
    /// Hand on this share of the response (in thousandths), then cut the connection.
    CutResponse { thousandths: usize },
    /// From this request on nothing passes in either direction, and nobody is told.
    SwallowRequest,
    /// The request passes; from its response on nothing does.
    SwallowResponse,
    /// The request, and all behind it, waits this long.
    DelayRequest { ms: u64 },
    /// The response, and all behind it, waits this long.
    DelayResponse { ms: u64 },
    /// The request, and all behind it, stays on its way until the client has given the connection up, and this much longer;
    /// then the broker gets it.
    Late { ms: u64 },
    /// The broker gets the request twice; the client gets the first answer when both are there.
    Double,
    /// `kill -9` at that moment.
    Kill { victim: Victim, moment: Moment },
}

/// One fault to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    /// At a request of this API,
    pub(crate) api: ApiKey,
    /// the n-th that the proxy sees, from 1; or the next one after, when another fault has taken that one.
    pub(crate) nth: u32,
    /// What happens.
    pub(crate) action: Action,
}

/// The faults of one run.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    ahead: Vec<Planned>,
    seen: BTreeMap<ApiKey, u32>,
}

impl Plan {
    pub(crate) fn new(ahead: Vec<Planned>) -> Self {
        Self { ahead, seen: BTreeMap::new() }
    }

    /// Counts a request, and says what is to happen to it.
    pub(crate) fn at(&mut self, api: ApiKey) -> Option<Action> {
        let seen = self.seen.entry(api).or_default();
        *seen += 1;
        let due =
            self.ahead.iter().position(|planned| planned.api == api && planned.nth <= *seen)?;
        Some(self.ahead.remove(due).action)
    }

    /// From now on nothing happens any more.
    pub(crate) fn clear(&mut self) {
        self.ahead.clear();
    }

    /// Faults that did not find their request.
    pub(crate) fn left(&self) -> usize {
        self.ahead.len()
    }

    /// Requests of this API so far.
    pub(crate) fn seen(&self, api: ApiKey) -> u32 {
        self.seen.get(&api).copied().unwrap_or(0)
    }
}

#[test]
fn a_planned_fault_meets_its_request_once() {
    let cut = Action::CutRequest { thousandths: 500 };
    let planned = |nth| Planned { api: ApiKey::Produce, nth, action: cut };
    let mut plan = Plan::new(vec![planned(2), planned(2), planned(9)]);
    assert_eq!(plan.at(ApiKey::Fetch), None);
    assert_eq!(plan.at(ApiKey::Produce), None);
    assert_eq!(plan.at(ApiKey::Produce), Some(cut));
    assert_eq!(plan.at(ApiKey::Produce), Some(cut), "the second one takes the next request");
    assert_eq!(plan.at(ApiKey::Produce), None);
    assert_eq!((plan.left(), plan.seen(ApiKey::Produce)), (1, 4));
}
