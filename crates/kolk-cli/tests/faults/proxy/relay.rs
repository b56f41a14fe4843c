//! One connection through the proxy: a thread for the requests, a thread for the responses, and the fault that meets them.

use super::ledger::FaultId;
use super::plan::{Action, Moment, Victim};
use super::{Shared, rewrite};
use crate::world;
use bytes::Bytes;
use kolk_wire::frame::RequestHeader;
use kolk_wire::message::produce::PartitionProduceData;
use kolk_wire::message::{Any, AnyRequest, Supported};
use kolk_wire::record::BatchHeader;
use kolk_wire::{ApiKey, Reader};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Nobody sends longer frames here; a longer one is a bug of the proxy.
const FRAME_MAX: usize = 128 << 20;
/// The broker answers what it was sent late within this time.
const LATE_ANSWER: Duration = Duration::from_secs(5);

/// A client's connection and the proxy's own to the broker.
pub(super) struct Link {
    client: TcpStream,
    broker: TcpStream,
    flow: Mutex<Flow>,
    changed: Condvar,
}

/// What is on its way.
#[derive(Default)]
struct Flow {
    pending: VecDeque<Pending>,
    /// The doubled request's first response, which waits for the second.
    stash: Option<Bytes>,
    /// Half-open: nothing passes any more.
    swallowing: bool,
    broker_gone: bool,
}

/// A request that the broker has and has not answered.
struct Pending {
    api: ApiKey,
    version: i16,
    answer: Answer,
}

/// What is done with a response.
#[derive(Clone, Copy)]
enum Answer {
    Relay,
    Cut(FaultId, usize),
    Swallow(FaultId),
    Delay(FaultId, u64),
    /// The first of two: it waits for the other.
    Stash,
    /// The second of two.
    Twin(FaultId),
    /// The client is gone; the broker's answer is a proof.
    Late(FaultId),
    Kill(FaultId, Victim),
}

/// A request as the proxy sees it.
struct Seen {
    frame: Bytes,
    api: ApiKey,
    version: i16,
    /// Records of a Produce request.
    records: u64,
    /// Whether the broker answers: not to Produce with acks 0.
    answered: bool,
}

/// What the request thread does after a request.
enum Then {
    GoOn,
    /// The connection is done with.
    Close,
    /// This one and all that follow are held until the client is gone.
    Hold(FaultId, u64, Seen),
}

impl Link {
    pub(super) fn new(client: TcpStream, broker: TcpStream) -> Self {
        for stream in [&client, &broker] {
            let _ = stream.set_nodelay(true);
        }
        Self { client, broker, flow: Mutex::default(), changed: Condvar::new() }
    }

    /// Ends both sides; threads that read from them find the end.
    pub(super) fn close(&self) {
        for stream in [&self.client, &self.broker] {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Relays until the connection ends.
    pub(super) fn run(self: &Arc<Self>, shared: &Arc<Shared>) {
        let (link, for_thread) = (Arc::clone(self), Arc::clone(shared));
        let responses = world::spawn(move || link.responses(&for_thread));
        self.requests(shared);
        self.close();
        let _ = responses.join();
    }

    fn requests(&self, shared: &Shared) {
        while let Some(frame) = read_frame(&self.client) {
            if self.flow().swallowing {
                continue;
            }
            let request = match Seen::parse(frame) {
                Ok(request) => request,
                Err(what) => return shared.ledger().trouble.push(what),
            };
            match self.request(request, shared) {
                Then::GoOn => {}
                Then::Close => return,
                Then::Hold(fault, ms, first) => return self.hold((fault, ms), first, shared),
            }
        }
    }

    fn request(&self, request: Seen, shared: &Shared) -> Then {
        let Some((fault, action)) = shared.fault_at(request.api) else {
            return self.forward(&request, Answer::Relay, shared);
        };
        let length = request.frame.len();
        match action {
            Action::CutRequest { thousandths } => {
                let share = (length * thousandths / 1000).clamp(1, length - 1);
                let _ = (&self.broker).write_all(&request.frame[..share]);
                shared.ledger().note(fault, format!("{share} of {length} bytes passed"));
                Then::Close
            }
            Action::CutResponse { thousandths } => {
                self.forward(&request, Answer::Cut(fault, thousandths), shared)
            }
            Action::SwallowRequest => {
                self.flow().swallowing = true;
                shared.ledger().note(fault, format!("swallowed {length} bytes"));
                Then::GoOn
            }
            Action::SwallowResponse => self.forward(&request, Answer::Swallow(fault), shared),
            Action::DelayRequest { ms } => {
                world::pause(Duration::from_millis(ms));
                shared.ledger().carried_out(fault, format!("{length} bytes waited {ms} ms"));
                self.forward(&request, Answer::Relay, shared)
            }
            Action::DelayResponse { ms } => {
                self.forward(&request, Answer::Delay(fault, ms), shared)
            }
            Action::Late { ms } => Then::Hold(fault, ms, request),
            Action::Double => {
                self.forward(&request, Answer::Stash, shared);
                self.forward(&request, Answer::Twin(fault), shared)
            }
            Action::Kill { victim, moment } => self.kill(&request, (fault, victim, moment), shared),
        }
    }

    fn kill(
        &self,
        request: &Seen,
        (fault, victim, moment): (FaultId, Victim, Moment),
        shared: &Shared,
    ) -> Then {
        match moment {
            Moment::BeforeRequest => {
                let what = (shared.kill)(victim);
                shared.ledger().note(fault, what);
                Then::Close
            }
            Moment::AfterRequest => {
                let then = self.forward(request, Answer::Relay, shared);
                let what = (shared.kill)(victim);
                shared.ledger().note(fault, what);
                then
            }
            Moment::AtResponse => self.forward(request, Answer::Kill(fault, victim), shared),
        }
    }

    /// Sends the request on.
    fn forward(&self, request: &Seen, answer: Answer, shared: &Shared) -> Then {
        if request.answered {
            let in_flight = {
                let mut flow = self.flow();
                flow.pending.push_back(request.pending(answer));
                flow.pending.iter().filter(|pending| pending.api == ApiKey::Produce).count()
            };
            if request.api == ApiKey::Produce && !matches!(answer, Answer::Twin(_)) {
                let mut ledger = shared.ledger();
                ledger.in_flight_max = ledger.in_flight_max.max(in_flight);
                ledger.records_max = ledger.records_max.max(request.records);
            }
        }
        match (&self.broker).write_all(&request.frame) {
            Ok(()) => Then::GoOn,
            Err(_) => Then::Close,
        }
    }

    /// Keeps the held request, and what comes behind it, until the client gives up; then sends it all.
    fn hold(&self, (fault, ms): (FaultId, u64), first: Seen, shared: &Shared) {
        let mut held = vec![first];
        let since = world::now();
        while let Some(frame) = read_frame(&self.client) {
            held.extend(Seen::parse(frame));
        }
        let waited = since.elapsed().as_millis();
        world::pause(Duration::from_millis(ms));
        shared.ledger().note(
            fault,
            format!("given up after {waited} ms, {} requests sent {ms} ms later", held.len()),
        );
        for request in &held {
            self.forward(request, Answer::Late(fault), shared);
        }
        let flow = self.flow();
        let waiting = |flow: &mut Flow| !flow.pending.is_empty() && !flow.broker_gone;
        let waited = self.changed.wait_timeout_while(flow, LATE_ANSWER, waiting);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn responses(&self, shared: &Shared) {
        while let Some(frame) = read_frame(&self.broker) {
            if self.flow().swallowing {
                continue;
            }
            let Some(pending) = self.flow().pending.pop_front() else {
                shared.ledger().trouble.push("a response without a request".to_owned());
                break;
            };
            if !self.response(&pending, &frame, shared) {
                break;
            }
            self.changed.notify_all();
        }
        self.flow().broker_gone = true;
        self.changed.notify_all();
        // Whoever is half-open hears nothing, not even the end.
        if !self.flow().swallowing {
            self.close();
        }
    }

    /// Hands a response on, or does not; `false` ends the connection.
    fn response(&self, pending: &Pending, frame: &Bytes, shared: &Shared) -> bool {
        let frame = match rewrite::addresses(
            pending.api,
            pending.version,
            frame.slice(4..),
            shared.address,
        ) {
            Ok(body) => with_length(&body),
            Err(what) => {
                shared.ledger().trouble.push(what);
                return false;
            }
        };
        let length = frame.len();
        match pending.answer {
            Answer::Relay => self.answer(&frame),
            Answer::Cut(fault, thousandths) => {
                let share = (length * thousandths / 1000).min(length - 1);
                self.answer(&frame[..share]);
                shared
                    .ledger()
                    .note(fault, format!("{share} of {length} bytes of the response passed"));
                return false;
            }
            Answer::Swallow(fault) => {
                self.flow().swallowing = true;
                shared.ledger().note(fault, format!("swallowed the response of {length} bytes"));
            }
            Answer::Delay(fault, ms) => {
                world::pause(Duration::from_millis(ms));
                self.answer(&frame);
                shared.ledger().carried_out(fault, format!("the response waited {ms} ms"));
            }
            Answer::Stash => self.flow().stash = Some(frame),
            Answer::Twin(fault) => {
                let first = self.flow().stash.take().unwrap_or_default();
                shared.ledger().carried_out(
                    fault,
                    format!("answered twice: {} and {length} bytes", first.len()),
                );
                self.answer(&first);
            }
            Answer::Late(fault) => {
                shared.ledger().carried_out(fault, format!("{:?} was answered late", pending.api));
            }
            Answer::Kill(fault, victim) => {
                let what = (shared.kill)(victim);
                shared.ledger().note(fault, what);
                return false;
            }
        }
        true
    }

    /// To the client, who may be gone: then the request thread finds the end.
    fn answer(&self, frame: &[u8]) {
        let _ = (&self.client).write_all(frame);
    }
}

impl Seen {
    fn parse(frame: Bytes) -> Result<Self, String> {
        let mut reader = Reader::new(frame.slice(4..));
        let flexible = |api, version| {
            Supported::of(api).is_some_and(|api| api.has(version) && api.version(version).flexible)
        };
        let header = RequestHeader::read(&mut reader, flexible)
            .map_err(|error| format!("a request: {error}"))?;
        let api = ApiKey::from_number(header.api_key)
            .ok_or(format!("API {} is not known", header.api_key))?;
        let mut seen = Self { frame, api, version: header.api_version, records: 0, answered: true };
        if api == ApiKey::Produce {
            let body = AnyRequest::read(api, header.api_version, &mut reader);
            let Ok(Some(AnyRequest::Produce(produce))) = body else {
                return Err("a Produce request cannot be read".to_owned());
            };
            let partitions = produce.topic_data.iter().flat_map(|topic| &topic.partition_data);
            let header = |data: &PartitionProduceData| {
                BatchHeader::parse(&data.records.clone()?.into_bytes()).ok()
            };
            let headers = partitions.filter_map(header);
            seen.records =
                headers.map(|header| u64::try_from(header.records_count).unwrap_or(0)).sum();
            seen.answered = produce.acks != 0;
        }
        Ok(seen)
    }

    fn pending(&self, answer: Answer) -> Pending {
        Pending { api: self.api, version: self.version, answer }
    }
}

/// A frame with its length; `None` at the end of the stream, in the middle of a frame too.
fn read_frame(mut stream: &TcpStream) -> Option<Bytes> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let size =
        usize::try_from(i32::from_be_bytes(length)).ok().filter(|size| *size <= FRAME_MAX)?;
    let mut frame = vec![0; 4 + size];
    frame[..4].copy_from_slice(&length);
    stream.read_exact(&mut frame[4..]).ok()?;
    Some(Bytes::from(frame))
}

fn with_length(body: &Bytes) -> Bytes {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    Bytes::from([&length.to_be_bytes()[..], body].concat())
}
