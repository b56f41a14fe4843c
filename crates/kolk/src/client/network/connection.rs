//! One connection: its life, the requests that wait for it, and those that wait for a response.
//!
//! ```text
//!            something waits, back-off over            TCP connected              handshake done
//!   Closed ──────────────────────────────▶ Connecting ───────────▶ Handshaking ───────────────▶ Ready
//!     ▲                                        │ next address          │                           │
//!     └────────────────────────────────────────┴───────────────────────┴── broken, idle, expired ──┘
//! ```

use super::handshake::{Handshake, Step, out_of_order};
use super::outcomes::{Answer, Cause, Outcomes};
use super::receive::{BadLength, FrameReader};
use super::request::{Answered, InFlight, Queued, Unanswered};
use super::served::Served;
use super::{Broker, Lane, SEND_BYTES_MAX, Setup};
use crate::client::error::RequestError;
use crate::client::transport::{Dialer, ReadOutcome, Stream};
use crate::time::Moment;
use bytes::Bytes;
use kolk_wire::{ApiKey, frame};
use rustix::event::PollFlags;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// How much of an authentication's lifetime is used before a new connection is made (KIP-368).
const LIFETIME_USED: f64 = 0.85;
/// While so many bytes of a frame are missing …
const GATHER_BYTES_MIN: usize = 128 * 1024;
/// … they gather in the socket for this long before they are read: waking up for every packet costs more than reading it.
const GATHER: Duration = Duration::from_micros(200);

#[derive(Debug)]
enum State {
    Closed,
    Connecting { stream: Stream, others: VecDeque<SocketAddr>, since: Moment },
    Handshaking { stream: Stream, handshake: Box<Handshake>, since: Moment },
    Ready { stream: Stream, expires_at: Option<Moment> },
}

impl State {
    fn stream(&self) -> Option<&Stream> {
        match self {
            Self::Closed => None,
            Self::Connecting { stream, .. }
            | Self::Handshaking { stream, .. }
            | Self::Ready { stream, .. } => Some(stream),
        }
    }

    fn stream_mut(&mut self) -> Option<&mut Stream> {
        match self {
            Self::Closed => None,
            Self::Connecting { stream, .. }
            | Self::Handshaking { stream, .. }
            | Self::Ready { stream, .. } => Some(stream),
        }
    }
}

/// A connection to one broker, for one lane.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) broker: Broker,
    pub(super) lane: Lane,
    state: State,
    reader: FrameReader,
    waiting: VecDeque<Queued>,
    in_flight: VecDeque<InFlight>,
    unanswered: VecDeque<Unanswered>,
    out: VecDeque<Bytes>,
    /// The socket takes nothing more until it says that it is writable.
    blocked: bool,
    /// Nothing is read before this moment.
    gathers_until: Option<Moment>,
    /// Bytes ever queued and ever written on this connection.
    queued: u64,
    written: u64,
    correlation: i32,
    /// What the broker serves, from the last handshake.
    pub(super) served: Option<Served>,
    failures: u32,
    retry_at: Moment,
    last_used: Moment,
    /// Whether a request was ever answered. A handshake may succeed on a listener that then refuses every request.
    pub(super) answered: bool,
    /// Why the last attempt failed; `None` once a request was answered.
    pub(super) last_failure: Option<Cause>,
}

impl Connection {
    pub(super) fn new(broker: Broker, lane: Lane) -> Self {
        Self {
            broker,
            lane,
            state: State::Closed,
            reader: FrameReader::new(),
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            unanswered: VecDeque::new(),
            out: VecDeque::new(),
            blocked: false,
            gathers_until: None,
            queued: 0,
            written: 0,
            correlation: 0,
            served: None,
            failures: 0,
            retry_at: Moment::default(),
            last_used: Moment::default(),
            answered: false,
            last_failure: None,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. })
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Since when the connection has been being set up, if it is.
    pub(super) fn attempt_since(&self) -> Option<Moment> {
        match self.state {
            State::Connecting { since, .. } | State::Handshaking { since, .. } => Some(since),
            _ => None,
        }
    }

    /// When a closed connection may be opened.
    pub(super) fn retry_at(&self) -> Moment {
        self.retry_at
    }

    /// Requests that wait or are unanswered.
    pub(super) fn load(&self) -> usize {
        self.waiting.len() + self.in_flight.len() + self.unanswered.len()
    }

    pub(super) fn push(&mut self, request: Queued) {
        self.waiting.push_back(request);
    }

    /// What to wait for.
    pub(super) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let stream = self.state.stream()?;
        let connecting = matches!(self.state, State::Connecting { .. });
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.gathers_until.is_none());
        flags.set(PollFlags::OUT, connecting || !self.out.is_empty() || stream.wants_write());
        Some((stream.fd(), flags))
    }

    /// Opens the connection, unless it is open or its back-off lasts.
    pub(super) fn open(&mut self, setup: &Setup, now: Moment, outcomes: &mut Outcomes) {
        if !self.is_closed() || now < self.retry_at {
            return;
        }
        match Dialer::resolve(&self.broker) {
            Ok(addresses) => {
                self.connect(setup, addresses, now, "the name has no address".to_owned(), outcomes);
            }
            Err(error) => {
                let cause = Cause::Cut(format!("the name cannot be resolved: {error}"));
                self.fail(setup, &cause, now, outcomes);
            }
        }
    }

    fn connect(
        &mut self,
        setup: &Setup,
        mut others: VecDeque<SocketAddr>,
        since: Moment,
        mut why: String,
        outcomes: &mut Outcomes,
    ) {
        while let Some(address) = others.pop_front() {
            match setup.dialer.dial(&self.broker, address) {
                Ok(stream) => {
                    self.state = State::Connecting { stream, others, since };
                    return;
                }
                Err(error) => why = format!("cannot connect to {address}: {error}"),
            }
        }
        self.fail(setup, &Cause::Cut(why), since, outcomes);
    }

    /// The socket became writable while connecting.
    fn on_connected(&mut self, setup: &Setup, now: Moment, outcomes: &mut Outcomes) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Connecting { stream, others, since } => match stream.connected() {
                Ok(()) => {
                    let (handshake, first) = Handshake::start(setup);
                    self.state =
                        State::Handshaking { stream, handshake: Box::new(handshake), since };
                    self.reader.reset();
                    self.enqueue(first);
                    self.write(setup, now, outcomes);
                }
                Err(error) => {
                    self.connect(
                        setup,
                        others,
                        since,
                        format!("cannot connect: {error}"),
                        outcomes,
                    );
                }
            },
            state => self.state = state,
        }
    }

    fn enqueue(&mut self, chunks: Vec<Bytes>) {
        self.queued += chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        self.out.extend(chunks);
    }

    /// Encodes what waits, as long as the socket keeps up, and writes.
    pub(super) fn pump(&mut self, setup: &Setup, now: Moment, outcomes: &mut Outcomes) {
        if let State::Ready { expires_at, .. } = &self.state
            && expires_at.is_none_or(|at| now < at)
        {
            while !self.waiting.is_empty() && self.queued - self.written < SEND_BYTES_MAX as u64 {
                if let Some(request) = self.waiting.pop_front() {
                    self.encode(setup, request, outcomes);
                }
            }
        }
        self.write(setup, now, outcomes);
    }

    fn encode(&mut self, setup: &Setup, request: Queued, outcomes: &mut Outcomes) {
        let Queued { id, api, versions, timeout, deadline, answered, encode } = request;
        let served = self.served.get_or_insert_default();
        let version = match served.choose_within(&self.broker, api, versions) {
            Ok(version) => version,
            Err(error) => return outcomes.complete(id, Err(error)),
        };
        self.correlation = self.correlation.wrapping_add(1) & i32::MAX;
        let correlation = self.correlation;
        let starts_at = self.queued;
        self.enqueue(encode(version, correlation, &setup.client_id));
        match answered {
            Answered::Yes => self.in_flight.push_back(InFlight {
                id,
                api,
                version,
                correlation,
                timeout,
                deadline,
                starts_at,
            }),
            Answered::Never => {
                let ends_at = self.queued;
                self.unanswered.push_back(Unanswered { id, api, version, starts_at, ends_at });
            }
        }
    }

    fn write(&mut self, setup: &Setup, now: Moment, outcomes: &mut Outcomes) {
        if self.blocked || matches!(self.state, State::Connecting { .. }) {
            return;
        }
        let Some(stream) = self.state.stream_mut() else { return };
        if self.out.is_empty() && !stream.wants_write() {
            return;
        }
        let before: usize = self.out.iter().map(Bytes::len).sum();
        let result = stream.write(&mut self.out);
        // Counted by what is left, so that an error after a partial write does not hide that bytes went out.
        let left: usize = self.out.iter().map(Bytes::len).sum();
        self.blocked = left > 0 || stream.wants_write();
        self.written += (before - left) as u64;
        if before > left {
            self.last_used = now;
        }
        while self.unanswered.front().is_some_and(|request| request.ends_at <= self.written) {
            if let Some(Unanswered { id, version, .. }) = self.unanswered.pop_front() {
                let answer = Answer { broker: self.broker.clone(), version, frame: Bytes::new() };
                outcomes.complete(id, Ok(answer));
            }
        }
        if let Err(error) = result {
            self.fail(setup, &self.cause_of(&error), now, outcomes);
        }
    }

    /// The socket is readable or writable, or has failed.
    pub(super) fn on_event(
        &mut self,
        what: PollFlags,
        setup: &Setup,
        now: Moment,
        outcomes: &mut Outcomes,
    ) {
        if matches!(self.state, State::Connecting { .. }) {
            self.on_connected(setup, now, outcomes);
        }
        if !matches!(self.state, State::Closed | State::Connecting { .. }) {
            // Whatever it is but something to read, a write tells more.
            self.blocked &= what == PollFlags::IN;
            if what != PollFlags::OUT {
                self.receive(setup, now, outcomes);
            }
            self.pump(setup, now, outcomes);
        }
    }

    fn receive(&mut self, setup: &Setup, now: Moment, outcomes: &mut Outcomes) {
        self.gathers_until = None;
        loop {
            let Some(stream) = self.state.stream_mut() else { return };
            let outcome = self.reader.fill(stream);
            loop {
                match self.reader.next() {
                    Ok(Some(frame)) => self.on_frame(setup, frame, now, outcomes),
                    Ok(None) => break,
                    Err(BadLength(length)) => {
                        let why = format!(
                            "it declares a response of {length} bytes: is it a Kafka listener, and `security.protocol` right?"
                        );
                        return self.fail(setup, &Cause::Cut(why), now, outcomes);
                    }
                }
                if self.is_closed() {
                    return;
                }
            }
            match outcome {
                Ok(ReadOutcome::More) => {}
                Ok(ReadOutcome::Drained) => {
                    let gathers = self.reader.missing() >= GATHER_BYTES_MIN;
                    self.gathers_until = gathers.then(|| now + GATHER);
                    return;
                }
                Ok(ReadOutcome::Closed) => return self.on_closed(setup, now, outcomes),
                Err(error) => return self.fail(setup, &self.cause_of(&error), now, outcomes),
            }
        }
    }

    fn on_closed(&mut self, setup: &Setup, now: Moment, outcomes: &mut Outcomes) {
        if self.is_ready() && self.load() == 0 {
            // Brokers close idle connections: nothing was lost.
            return self.close();
        }
        let hint = if self.answered {
            ""
        } else {
            "; does the listener expect another `security.protocol`?"
        };
        self.fail(
            setup,
            &Cause::Cut(format!("the broker closed the connection{hint}")),
            now,
            outcomes,
        );
    }

    fn on_frame(&mut self, setup: &Setup, frame: Bytes, now: Moment, outcomes: &mut Outcomes) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Handshaking { stream, mut handshake, since } => {
                let step = handshake.on_frame(setup, &self.broker, frame);
                self.state = State::Handshaking { stream, handshake, since };
                match step {
                    Ok(Step::Send(chunks)) => {
                        self.enqueue(chunks);
                        self.write(setup, now, outcomes);
                    }
                    Ok(Step::Ready { served, lifetime }) => self.on_ready(served, lifetime, now),
                    Err(RequestError::Disconnected { why, .. }) => {
                        self.fail(setup, &Cause::Cut(why), now, outcomes);
                    }
                    Err(error) => self.fail(setup, &Cause::Final(error), now, outcomes),
                }
            }
            state => {
                self.state = state;
                self.on_response(setup, frame, now, outcomes);
            }
        }
    }

    fn on_ready(&mut self, served: Served, lifetime: Option<Duration>, now: Moment) {
        if let State::Handshaking { stream, .. } = std::mem::replace(&mut self.state, State::Closed)
        {
            let expires_at = lifetime.map(|lifetime| now + lifetime.mul_f64(LIFETIME_USED));
            self.state = State::Ready { stream, expires_at };
            self.served = Some(served);
            self.last_used = now;
        }
    }

    fn on_response(&mut self, setup: &Setup, frame: Bytes, now: Moment, outcomes: &mut Outcomes) {
        let correlation = frame::correlation_id(&frame);
        let oldest = self.in_flight.front().map(|request| request.correlation);
        if correlation.as_ref().ok() != oldest.as_ref() {
            let api = self.in_flight.front().map_or(ApiKey::ApiVersions, |request| request.api);
            let error = correlation.err().unwrap_or_else(out_of_order);
            let error = RequestError::Malformed { api, broker: self.broker.clone(), error };
            return self.fail(setup, &Cause::Final(error), now, outcomes);
        }
        if let Some(InFlight { id, version, .. }) = self.in_flight.pop_front() {
            // Only a response proves that the connection works; a handshake alone does not end the back-off.
            self.failures = 0;
            self.last_failure = None;
            self.answered = true;
            self.last_used = now;
            outcomes.complete(id, Ok(Answer { broker: self.broker.clone(), version, frame }));
        }
    }

    fn cause_of(&self, error: &io::Error) -> Cause {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(why) => Cause::Final(RequestError::Tls {
                broker: self.broker.clone(),
                why: why.to_string(),
            }),
            None => Cause::Cut(error.to_string()),
        }
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.out.clear();
        self.blocked = false;
        self.gathers_until = None;
        self.queued = 0;
        self.written = 0;
        self.reader.reset();
    }

    /// Closes the connection; all its requests get their error.
    pub(super) fn fail(
        &mut self,
        setup: &Setup,
        cause: &Cause,
        now: Moment,
        outcomes: &mut Outcomes,
    ) {
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + setup.connection.reconnect_backoff.after(self.failures);
        self.last_failure = Some(cause.clone());
        let written = self.written;
        self.close();
        for InFlight { id, api, starts_at, .. } in self.in_flight.drain(..) {
            outcomes.complete(id, Err(cause.of(api, &self.broker, starts_at < written)));
        }
        for Unanswered { id, api, starts_at, .. } in self.unanswered.drain(..) {
            outcomes.complete(id, Err(cause.of(api, &self.broker, starts_at < written)));
        }
        for Queued { id, api, .. } in self.waiting.drain(..) {
            outcomes.complete(id, Err(cause.of(api, &self.broker, false)));
        }
    }

    /// When [`Self::tick`] has something to do, if nothing arrives before.
    pub(super) fn deadline(&self, setup: &Setup) -> Option<Moment> {
        let waiting = self.waiting.iter().map(|request| request.deadline);
        let in_flight = self.in_flight.iter().map(|request| request.deadline);
        let own = match &self.state {
            State::Closed if self.waiting.is_empty() => None,
            State::Closed => Some(self.retry_at),
            State::Connecting { since, .. } | State::Handshaking { since, .. } => {
                Some(*since + setup.connection.setup_timeout)
            }
            State::Ready { expires_at, .. } => {
                let idle = (self.load() == 0).then(|| self.last_used + setup.connection.idle_max);
                let expires =
                    expires_at.filter(|_| self.in_flight.is_empty() && self.unanswered.is_empty());
                idle.into_iter().chain(expires).min()
            }
        };
        waiting.chain(in_flight).chain(own).chain(self.gathers_until).min()
    }

    /// Lets time have its effect: time-outs, idleness, expiry, reconnection.
    pub(super) fn tick(&mut self, setup: &Setup, now: Moment, outcomes: &mut Outcomes) {
        self.gathers_until = self.gathers_until.filter(|until| now < *until);
        if self.attempt_since().is_some_and(|since| now >= since + setup.connection.setup_timeout) {
            let after = setup.connection.setup_timeout;
            let cause = Cause::Cut(format!("no connection within {after:?}"));
            self.fail(setup, &cause, now, outcomes);
        }
        if let State::Ready { expires_at, .. } = &self.state {
            let quiet =
                self.in_flight.is_empty() && self.unanswered.is_empty() && self.out.is_empty();
            let expired = quiet && expires_at.is_some_and(|at| now >= at);
            if expired || (self.load() == 0 && now >= self.last_used + setup.connection.idle_max) {
                self.close();
            }
        }
        self.expire(setup, now, outcomes);
        if !self.waiting.is_empty() {
            self.open(setup, now, outcomes);
        }
        self.pump(setup, now, outcomes);
    }

    fn expire(&mut self, setup: &Setup, now: Moment, outcomes: &mut Outcomes) {
        let timed_out = |api, broker: &Broker, after, sent| {
            Err(RequestError::TimedOut { api, broker: broker.clone(), after, sent })
        };
        let late = self.in_flight.iter().position(|request| now >= request.deadline);
        if let Some(request) = late.and_then(|at| self.in_flight.remove(at)) {
            let sent = request.starts_at < self.written;
            outcomes
                .complete(request.id, timed_out(request.api, &self.broker, request.timeout, sent));
            // Its response may still come and would be taken for another's: the connection is of no more use.
            let why = format!("{:?} was not answered within {:?}", request.api, request.timeout);
            self.fail(setup, &Cause::Cut(why), now, outcomes);
        }
        while let Some(at) = self.waiting.iter().position(|request| now >= request.deadline) {
            if let Some(request) = self.waiting.remove(at) {
                let error = timed_out(request.api, &self.broker, request.timeout, false);
                outcomes.complete(request.id, error);
            }
        }
    }
}
