//! The table of settings: Kafka's own property names, with type, default, unit and meaning. Parsing, listings and
//! "did you mean" all read it.

/// What a setting's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that is never printed.
    Secret,
    /// `host:port`, several separated by commas.
    Addresses,
    /// Names separated by commas.
    List,
    /// A path to a file.
    Path,
    /// `true` or `false`.
    Flag,
    /// One of these words, without regard to case.
    OneOf(&'static [&'static str]),
    /// A whole number of milliseconds from `min` on.
    Millis {
        /// The least value.
        min: i64,
    },
    /// A whole number of bytes from `min` to `max`.
    Bytes {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
    },
    /// A whole number from `min` to `max`.
    Count {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
    },
    /// Known to Kafka's clients and refused here, because of this.
    Refused(&'static str),
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Kafka's name for it.
    pub name: &'static str,
    /// Type, unit and bounds.
    pub kind: Kind,
    /// The value when it is not given; empty means none.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
}

impl Setting {
    /// The unit of the value: `ms`, `bytes` or nothing.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        match self.kind {
            Kind::Millis { .. } => "ms",
            Kind::Bytes { .. } => "bytes",
            _ => "",
        }
    }
}

const fn row(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Setting {
    Setting { name, kind, default, doc }
}

const MILLIS: Kind = Kind::Millis { min: 0 };
const MILLIS_FROM_1: Kind = Kind::Millis { min: 1 };
const MIB_1024: i64 = 1024 * 1024 * 1024;
const BYTES: Kind = Kind::Bytes { min: 1, max: MIB_1024 };

/// Every setting, by topic.
pub const SETTINGS: &[Setting] = &[
    row(
        "bootstrap.servers",
        Kind::Addresses,
        "",
        "Brokers to ask first, host:port, separated by commas.",
    ),
    row("client.id", Kind::Text, "kolk", "The client's name in the broker's logs and quotas."),
    row(
        "security.protocol",
        Kind::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]),
        "PLAINTEXT",
        "Whether connections are encrypted (SSL) and authenticated (SASL).",
    ),
    row(
        "sasl.mechanism",
        Kind::OneOf(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
        "PLAIN",
        "How the user is authenticated.",
    ),
    row("sasl.username", Kind::Text, "", "The user's name."),
    row("sasl.password", Kind::Secret, "", "The user's password."),
    row(
        "sasl.jaas.config",
        Kind::Secret,
        "",
        "User and password in Java's form: `… required username=\"…\" password=\"…\";`.",
    ),
    row(
        "ssl.truststore.location",
        Kind::Path,
        "",
        "PEM file of the certificates to trust; the machine's own when absent.",
    ),
    row("ssl.truststore.type", Kind::OneOf(&["PEM"]), "PEM", "Form of the trust store."),
    row("ssl.ca.location", Kind::Path, "", "librdkafka's name of ssl.truststore.location."),
    row(
        "ssl.keystore.location",
        Kind::Path,
        "",
        "PEM file with the client's certificate chain and private key.",
    ),
    row("ssl.keystore.type", Kind::OneOf(&["PEM"]), "PEM", "Form of the key store."),
    row(
        "ssl.certificate.location",
        Kind::Path,
        "",
        "librdkafka's way: PEM file with the client's certificate chain.",
    ),
    row(
        "ssl.key.location",
        Kind::Path,
        "",
        "librdkafka's way: PEM file with the client's private key.",
    ),
    row(
        "ssl.endpoint.identification.algorithm",
        Kind::OneOf(&["https", "none", ""]),
        "https",
        "Whether the broker's certificate must carry its host name; empty or `none` switches the check off.",
    ),
    row(
        "socket.connection.setup.timeout.ms",
        MILLIS_FROM_1,
        "10000",
        "How long a connection may take to be set up.",
    ),
    row(
        "connections.max.idle.ms",
        MILLIS_FROM_1,
        "540000",
        "A connection without requests is closed after this.",
    ),
    row(
        "bootstrap.timeout.ms",
        MILLIS_FROM_1,
        "10000",
        "How long to look for a first broker before giving up.",
    ),
    row("request.timeout.ms", MILLIS_FROM_1, "30000", "How long to wait for a response."),
    row(
        "default.api.timeout.ms",
        MILLIS_FROM_1,
        "60000",
        "How long a call of the admin client may take, retries included.",
    ),
    row(
        "reconnect.backoff.ms",
        MILLIS,
        "50",
        "Pause before a connection is tried again; doubles with each failure.",
    ),
    row("reconnect.backoff.max.ms", MILLIS, "1000", "The longest such pause."),
    row(
        "retry.backoff.ms",
        MILLIS,
        "100",
        "Pause before a request is repeated; doubles with each failure.",
    ),
    row("retry.backoff.max.ms", MILLIS, "1000", "The longest such pause."),
    row(
        "metadata.max.age.ms",
        MILLIS_FROM_1,
        "300000",
        "Metadata is asked for again after this, errors or none.",
    ),
    row(
        "receive.buffer.bytes",
        Kind::Bytes { min: -1, max: MIB_1024 },
        "262144",
        "Socket receive buffer (SO_RCVBUF); -1 leaves it to the system.",
    ),
    row(
        "send.buffer.bytes",
        Kind::Bytes { min: -1, max: MIB_1024 },
        "262144",
        "Socket send buffer (SO_SNDBUF); -1 leaves it to the system.",
    ),
    row("fetch.min.bytes", BYTES, "1", "A fetch is answered when this much is there."),
    row(
        "fetch.max.bytes",
        BYTES,
        "8388608",
        "The most that one fetch returns; a first batch larger than this still arrives.",
    ),
    row("fetch.max.wait.ms", MILLIS, "500", "A fetch is answered after this, whatever there is."),
    row(
        "max.partition.fetch.bytes",
        BYTES,
        "1048576",
        "The most that one fetch returns of a partition.",
    ),
    row(
        "isolation.level",
        Kind::OneOf(&["read_uncommitted", "read_committed"]),
        "read_committed",
        "Whether records of open and aborted transactions are read.",
    ),
    row(
        "auto.offset.reset",
        Kind::OneOf(&["earliest", "latest", "none"]),
        "none",
        "Where to start without a committed offset; `none` makes it an error.",
    ),
    row("check.crcs", Kind::Flag, "true", "Whether the checksum of every batch is verified."),
    row("group.id", Kind::Text, "", "The consumer group."),
    row(
        "group.instance.id",
        Kind::Text,
        "",
        "The member's name across restarts (static membership).",
    ),
    row(
        "session.timeout.ms",
        MILLIS_FROM_1,
        "45000",
        "A member without heartbeats is dropped after this.",
    ),
    row("heartbeat.interval.ms", MILLIS_FROM_1, "3000", "Time between heartbeats."),
    row(
        "max.poll.interval.ms",
        MILLIS_FROM_1,
        "300000",
        "How long a rebalance waits for a member.",
    ),
    row(
        "partition.assignment.strategy",
        Kind::List,
        "",
        "Assignors that the member supports, the preferred one first.",
    ),
    row(
        "enable.auto.commit",
        Kind::Refused(
            "Kolk commits offsets together with what was delivered; there is nothing to switch on",
        ),
        "",
        "Refused.",
    ),
    row(
        "acks",
        Kind::OneOf(&["all", "-1", "0", "1"]),
        "all",
        "Which replicas must have a batch before it is acknowledged.",
    ),
    row("linger.ms", MILLIS, "0", "How long a batch waits for more records."),
    row("batch.size", BYTES, "524288", "A batch is sent when it has this size."),
    row(
        "compression.type",
        Kind::OneOf(&["none", "gzip", "snappy", "lz4", "zstd"]),
        "none",
        "How batches are compressed.",
    ),
    row(
        "enable.idempotence",
        Kind::Flag,
        "true",
        "Whether repeated batches are recognised by the broker.",
    ),
    row(
        "max.in.flight.requests.per.connection",
        Kind::Count { min: 1, max: 5 },
        "5",
        "Unanswered produce requests per broker.",
    ),
    row(
        "max.request.size",
        BYTES,
        "1048576",
        "The largest record batch that is sent, uncompressed records included.",
    ),
    row("buffer.memory", BYTES, "33554432", "The most that waits to be sent."),
    row(
        "transactional.id",
        Kind::Text,
        "",
        "The producer's name in transactions; set by Kolk for its queries.",
    ),
    row(
        "transaction.timeout.ms",
        MILLIS_FROM_1,
        "60000",
        "The broker aborts a transaction that is open longer. Queries: the commit interval and 10 seconds, unless it is set.",
    ),
    row(
        "delivery.timeout.ms",
        Kind::Refused(
            "there is no delivery time-out: a batch is retried until it is acknowledged or the process stops",
        ),
        "",
        "Refused.",
    ),
    row(
        "retries",
        Kind::Refused(
            "there is no limit on retries: a batch is retried until it is acknowledged or the process stops",
        ),
        "",
        "Refused.",
    ),
];

/// The setting with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The name that looks most like `name`, if any looks like it at all.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    let likeness = |setting: &Setting| strsim::jaro_winkler(&name.to_lowercase(), setting.name);
    let best = SETTINGS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.85).then_some(best.name)
}
