//! What the client is told: settings under Kafka's own property names, checked and typed.
//!
//! `${env:NAME}` and `${file:PATH}` are resolved by the command line before they come here. Secrets never appear in
//! `Debug` or in errors.

mod parse;
mod settings;

pub use kolk_wire::record::Compression;
pub use settings::{Kind, SETTINGS, Setting, find, nearest};

use crate::client::network::Broker;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Why a set of properties is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No setting has this name.
    #[error("unknown setting `{name}`{}", .nearest.map_or(String::new(), |near| format!("; did you mean `{near}`?")))]
    Unknown {
        /// As given.
        name: String,
        /// The setting that looks most like it.
        nearest: Option<&'static str>,
    },
    /// The value does not fit the setting. The value of a secret is not repeated.
    #[error("`{value}` is not a value of `{name}`: {why}")]
    Value {
        /// The setting.
        name: &'static str,
        /// As given; hidden when it is a secret.
        value: String,
        /// What would be right.
        why: String,
    },
    /// The setting exists in Kafka's clients, but would break a promise of this one.
    #[error("`{name}` cannot be set: {why}")]
    Refused {
        /// The setting.
        name: &'static str,
        /// The promise.
        why: &'static str,
    },
    /// Settings that do not go together, or one that is missing beside others.
    #[error("{0}")]
    Conflict(String),
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the authentication exchange only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// All settings of a client, typed.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientConfig {
    properties: BTreeMap<&'static str, String>,
    /// `bootstrap.servers`; at least one.
    pub bootstrap_servers: Vec<Broker>,
    /// `client.id`.
    pub client_id: String,
    /// Encryption and authentication.
    pub security: SecurityConfig,
    /// Connections, requests, metadata.
    pub connection: ConnectionConfig,
    /// Reading.
    pub fetch: FetchConfig,
    /// Group membership.
    pub group: GroupConfig,
    /// Writing.
    pub producer: ProducerConfig,
}

/// Encryption and authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityConfig {
    /// Set when connections are encrypted (`security.protocol` SSL or SASL_SSL).
    pub tls: Option<TlsConfig>,
    /// Set when connections are authenticated (`security.protocol` SASL_PLAINTEXT or SASL_SSL).
    pub sasl: Option<SaslConfig>,
}

/// How TLS is set up. All files are PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificates to trust; `None` means the machine's own.
    pub trust: Option<PathBuf>,
    /// The client's certificate chain and private key (the same file, or two), for mutual TLS.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Whether the broker's certificate must carry its host name.
    pub host_check: HostCheck,
}

/// Whether a certificate must carry the name of the host that was connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostCheck {
    /// It must.
    Required,
    /// Any trusted certificate will do: `ssl.endpoint.identification.algorithm` is empty.
    Off,
}

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616: the password itself.
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802 with SHA-512.
    ScramSha512,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        })
    }
}

/// Who this client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslConfig {
    /// `sasl.mechanism`.
    pub mechanism: Mechanism,
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: Secret,
}

/// Connections, requests and metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// `socket.connection.setup.timeout.ms`.
    pub setup_timeout: Duration,
    /// `connections.max.idle.ms`.
    pub idle_max: Duration,
    /// `bootstrap.timeout.ms`.
    pub bootstrap_timeout: Duration,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`.
    pub api_timeout: Duration,
    /// `reconnect.backoff.ms`, `reconnect.backoff.max.ms`.
    pub reconnect_backoff: Backoff,
    /// `retry.backoff.ms`, `retry.backoff.max.ms`.
    pub retry_backoff: Backoff,
    /// `metadata.max.age.ms`.
    pub metadata_age_max: Duration,
    /// `receive.buffer.bytes`; `None` leaves it to the system.
    pub receive_buffer: Option<usize>,
    /// `send.buffer.bytes`; `None` leaves it to the system.
    pub send_buffer: Option<usize>,
}

/// A pause that doubles with each failure, up to a bound, and is spread by a fifth so that clients do not march in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub max: Duration,
}

impl Backoff {
    /// The pause after `failures` failures in a row (from 1).
    #[must_use]
    pub fn after(self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.max).mul_f64(0.8 + 0.4 * fastrand::f64())
    }
}

/// Reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchConfig {
    /// `fetch.min.bytes`.
    pub bytes_min: i32,
    /// `fetch.max.bytes`.
    pub bytes_max: i32,
    /// `fetch.max.wait.ms`.
    pub wait_max: Duration,
    /// `max.partition.fetch.bytes`.
    pub partition_bytes_max: i32,
    /// `isolation.level`.
    pub isolation: Isolation,
    /// `auto.offset.reset`.
    pub offset_reset: OffsetReset,
    /// `check.crcs`.
    pub crcs: CrcCheck,
}

/// Whether records of open and aborted transactions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// Everything.
    ReadUncommitted,
    /// Up to the last stable offset, aborted records left out.
    ReadCommitted,
}

impl Isolation {
    /// Its number in requests.
    #[must_use]
    pub fn level(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// Where to read from when there is no committed offset, or it is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OffsetReset {
    /// The first record that is still there.
    Earliest,
    /// Records that arrive from now on.
    Latest,
    /// Nowhere: it is an error.
    None,
}

/// Whether checksums of batches are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CrcCheck {
    /// They are.
    Verify,
    /// They are not.
    Skip,
}

/// Group membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.id`.
    pub group_id: Option<String>,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: the rebalance time-out.
    pub poll_interval_max: Duration,
    /// `partition.assignment.strategy`; empty leaves it to Kolk.
    pub assignors: Vec<String>,
}

/// Writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerConfig {
    /// `acks`.
    pub acks: Acks,
    /// `linger.ms`.
    pub linger: Duration,
    /// `batch.size`, in bytes.
    pub batch_bytes: usize,
    /// `compression.type`.
    pub compression: Compression,
    /// `enable.idempotence`.
    pub idempotence: Idempotence,
    /// `max.in.flight.requests.per.connection`.
    pub in_flight_max: usize,
    /// `max.request.size`, in bytes.
    pub request_bytes_max: usize,
    /// `buffer.memory`, in bytes.
    pub buffer_bytes_max: usize,
    /// `transactional.id`.
    pub transactional_id: Option<String>,
    /// `transaction.timeout.ms`.
    pub transaction_timeout: Duration,
}

/// Which replicas must have a batch before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Acks {
    /// Not even the leader: there is no response.
    None,
    /// The leader.
    Leader,
    /// All in-sync replicas.
    All,
}

impl Acks {
    /// Its number in requests.
    #[must_use]
    pub fn number(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// Whether the broker recognises a repeated batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Idempotence {
    /// It does (KIP-98).
    On,
    /// A retry may repeat a batch.
    Off,
}

impl ClientConfig {
    /// Reads properties; later ones replace earlier ones of the same name.
    ///
    /// # Errors
    /// [`ConfigError`] for an unknown name, a value that does not fit, or settings that contradict each other.
    pub fn from_properties<K: AsRef<str>, V: Into<String>>(
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError> {
        let mut known = BTreeMap::new();
        for (name, value) in properties {
            let setting = parse::known(name.as_ref())?;
            known.insert(setting.name, value.into());
        }
        parse::config(known)
    }

    /// All defaults, for this `host:port` (or several, separated by commas).
    ///
    /// # Errors
    /// [`ConfigError::Value`] when it is no address.
    pub fn for_bootstrap(servers: &str) -> Result<Self, ConfigError> {
        Self::from_properties([("bootstrap.servers", servers)])
    }

    /// The same with one setting changed.
    ///
    /// # Errors
    /// As [`Self::from_properties`].
    pub fn with(&self, name: &str, value: impl Into<String>) -> Result<Self, ConfigError> {
        let mut properties = self.properties.clone();
        properties.insert(parse::known(name)?.name, value.into());
        parse::config(properties)
    }

    /// The settings that were given, secrets hidden: for listings and logs.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.properties.iter().map(|(name, value)| {
            let secret = find(name).is_some_and(|setting| setting.kind == Kind::Secret);
            (*name, if secret { "(secret)" } else { value.as_str() })
        })
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.given()).finish()
    }
}
