//! What happens on a new connection before it carries requests: versions, then authentication.
//!
//! ```text
//! ApiVersions v4 ─(error 35)─▶ ApiVersions at the version it names
//!      └─▶ SaslHandshake ─▶ SaslAuthenticate × n ─▶ ready        (KIP-35, KIP-511, KIP-43, KIP-152)
//! ```

use super::served::Served;
use super::{Broker, Setup};
use crate::client::error::RequestError;
use crate::client::transport::sasl::{Exchange, Next};
use bytes::Bytes;
use kolk_wire::frame::{decode_response, encode_request};
use kolk_wire::message::Request;
use kolk_wire::message::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use kolk_wire::message::sasl_authenticate::SaslAuthenticateRequest;
use kolk_wire::message::sasl_handshake::SaslHandshakeRequest;
use kolk_wire::{ApiKey, DecodeError, ErrorCode};
use std::time::Duration;

/// Where the handshake is.
#[derive(Debug)]
enum Phase {
    Versions { version: i16 },
    Mechanism { version: i16, exchange: Exchange },
    Authenticate { version: i16, exchange: Exchange },
}

/// The handshake of one connection.
#[derive(Debug)]
pub(super) struct Handshake {
    phase: Phase,
    correlation: i32,
    served: Served,
}

/// What to do after a frame.
#[derive(Debug)]
pub(super) enum Step {
    /// Send this and go on.
    Send(Vec<Bytes>),
    /// The connection can carry requests.
    Ready {
        /// What the broker serves.
        served: Served,
        /// How long the authentication lasts (KIP-368); `None` is for ever.
        lifetime: Option<Duration>,
    },
}

impl Handshake {
    /// Starts: what to send first.
    pub(super) fn start(setup: &Setup) -> (Self, Vec<Bytes>) {
        let version = ApiVersionsRequest::MAX_VERSION;
        let mut handshake =
            Self { phase: Phase::Versions { version }, correlation: -1, served: Served::default() };
        let first = handshake.ask_versions(setup, version);
        (handshake, first)
    }

    fn encode<R: Request>(&mut self, setup: &Setup, version: i16, request: &R) -> Vec<Bytes> {
        self.correlation += 1;
        encode_request(request, version, self.correlation, Some(&setup.client_id))
    }

    fn ask_versions(&mut self, setup: &Setup, version: i16) -> Vec<Bytes> {
        self.phase = Phase::Versions { version };
        let request = ApiVersionsRequest {
            client_software_name: "kolk".to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.encode(setup, version, &request)
    }

    /// Takes the broker's answer.
    pub(super) fn on_frame(
        &mut self,
        setup: &Setup,
        broker: &Broker,
        frame: Bytes,
    ) -> Result<Step, RequestError> {
        match &mut self.phase {
            Phase::Versions { version } => {
                let version = *version;
                self.on_versions(setup, broker, version, frame)
            }
            Phase::Mechanism { version, .. } => {
                let version = *version;
                let (_, response) =
                    decode::<SaslHandshakeRequest>(self.correlation, broker, version, frame)?;
                if !response.error_code.is_none() {
                    let why = match response.error_code {
                        ErrorCode::ILLEGAL_SASL_STATE => {
                            "this listener does not authenticate; use another port or `security.protocol`".to_owned()
                        }
                        code => format!("{code}; the broker offers {}", response.mechanisms.join(", ")),
                    };
                    return Err(refused(setup, broker, why));
                }
                self.authenticate(setup, broker)
            }
            Phase::Authenticate { version, .. } => {
                let version = *version;
                self.on_token(setup, broker, version, frame)
            }
        }
    }

    fn on_versions(
        &mut self,
        setup: &Setup,
        broker: &Broker,
        version: i16,
        frame: Bytes,
    ) -> Result<Step, RequestError> {
        // A broker that does not know the version answers with version 0 (KIP-511).
        let code = frame.get(4..6).map(|code| i16::from_be_bytes([code[0], code[1]]));
        if version > 0 && code == Some(ErrorCode::UNSUPPORTED_VERSION.0) {
            let (_, response) = decode::<ApiVersionsRequest>(self.correlation, broker, 0, frame)?;
            let own =
                response.api_keys.iter().find(|api| api.api_key == ApiKey::ApiVersions as i16);
            let next = own.map_or(0, |api| api.max_version).clamp(0, version - 1);
            return Ok(Step::Send(self.ask_versions(setup, next)));
        }
        let (_, response): (_, ApiVersionsResponse) =
            decode::<ApiVersionsRequest>(self.correlation, broker, version, frame)?;
        if !response.error_code.is_none() {
            return Err(cut(
                ApiKey::ApiVersions,
                broker,
                format!("ApiVersions failed with {}", response.error_code),
            ));
        }
        self.served = Served::new(&response);
        let Some(sasl) = &setup.sasl else {
            return Ok(Step::Ready { served: std::mem::take(&mut self.served), lifetime: None });
        };
        let exchange = Exchange::new(sasl).map_err(|why| refused(setup, broker, why))?;
        let version = self.served.choose::<SaslHandshakeRequest>(broker, &(1..=1))?;
        self.phase = Phase::Mechanism { version, exchange };
        let request = SaslHandshakeRequest { mechanism: sasl.mechanism.to_string() };
        Ok(Step::Send(self.encode(setup, version, &request)))
    }

    fn authenticate(&mut self, setup: &Setup, broker: &Broker) -> Result<Step, RequestError> {
        let version = self.served.choose::<SaslAuthenticateRequest>(broker, &(0..=i16::MAX))?;
        let placeholder = Phase::Versions { version: 0 };
        let Phase::Mechanism { exchange, .. } = std::mem::replace(&mut self.phase, placeholder)
        else {
            return Err(cut(
                ApiKey::SaslAuthenticate,
                broker,
                "the handshake is out of step".to_owned(),
            ));
        };
        let request = SaslAuthenticateRequest { auth_bytes: Bytes::from(exchange.first()) };
        self.phase = Phase::Authenticate { version, exchange };
        Ok(Step::Send(self.encode(setup, version, &request)))
    }

    fn on_token(
        &mut self,
        setup: &Setup,
        broker: &Broker,
        version: i16,
        frame: Bytes,
    ) -> Result<Step, RequestError> {
        let (_, response) =
            decode::<SaslAuthenticateRequest>(self.correlation, broker, version, frame)?;
        if !response.error_code.is_none() {
            let why = response.error_message.unwrap_or_else(|| response.error_code.to_string());
            return Err(refused(setup, broker, why));
        }
        let Phase::Authenticate { exchange, .. } = &mut self.phase else {
            return Err(cut(
                ApiKey::SaslAuthenticate,
                broker,
                "the handshake is out of step".to_owned(),
            ));
        };
        match exchange.next(&response.auth_bytes).map_err(|why| refused(setup, broker, why))? {
            Next::Send(token) => {
                let request = SaslAuthenticateRequest { auth_bytes: Bytes::from(token) };
                Ok(Step::Send(self.encode(setup, version, &request)))
            }
            Next::Done => {
                let lifetime =
                    u64::try_from(response.session_lifetime_ms).ok().filter(|ms| *ms > 0);
                let served = std::mem::take(&mut self.served);
                Ok(Step::Ready { served, lifetime: lifetime.map(Duration::from_millis) })
            }
        }
    }
}

fn decode<R: Request>(
    correlation: i32,
    broker: &Broker,
    version: i16,
    frame: Bytes,
) -> Result<(i32, R::Response), RequestError> {
    let malformed = |error| RequestError::Malformed { api: R::KEY, broker: broker.clone(), error };
    let decoded = decode_response::<R>(frame, version).map_err(malformed)?;
    if decoded.0 != correlation {
        return Err(malformed(out_of_order()));
    }
    Ok(decoded)
}

/// A response that answers another request than the oldest unanswered one.
pub(super) fn out_of_order() -> DecodeError {
    DecodeError::Invalid {
        what: "CORRELATION_ID",
        at: 0,
        why: "not that of the oldest unanswered request",
    }
}

fn cut(api: ApiKey, broker: &Broker, why: String) -> RequestError {
    RequestError::Disconnected { api, broker: broker.clone(), sent: false, why }
}

fn refused(setup: &Setup, broker: &Broker, why: String) -> RequestError {
    let (mechanism, user) = match &setup.sasl {
        Some(sasl) => (sasl.mechanism.to_string(), sasl.username.clone()),
        None => ("no".to_owned(), String::new()),
    };
    RequestError::Authentication { broker: broker.clone(), mechanism, user, why }
}
