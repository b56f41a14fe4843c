//! From property text to typed settings.

use super::settings::{self, Kind, Setting};
use super::{
    Acks, Backoff, ClientConfig, Compression, ConfigError, ConnectionConfig, CrcCheck, FetchConfig,
    GroupConfig, HostCheck, Idempotence, Isolation, Mechanism, OffsetReset, ProducerConfig,
    SaslConfig, Secret, SecurityConfig, TlsConfig,
};
use crate::client::network::Broker;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The setting called `name`, if it may be set.
pub(super) fn known(name: &str) -> Result<&'static Setting, ConfigError> {
    let setting = settings::find(name).ok_or_else(|| ConfigError::Unknown {
        name: name.to_owned(),
        nearest: settings::nearest(name),
    })?;
    match setting.kind {
        Kind::Refused(why) => Err(ConfigError::Refused { name: setting.name, why }),
        _ => Ok(setting),
    }
}

/// Types and checks all settings.
pub(super) fn config(
    properties: BTreeMap<&'static str, String>,
) -> Result<ClientConfig, ConfigError> {
    let values = Values { properties: &properties };
    let config = ClientConfig {
        bootstrap_servers: values.addresses("bootstrap.servers")?,
        client_id: values.text("client.id").to_owned(),
        security: security(&values)?,
        connection: connection(&values)?,
        fetch: fetch(&values)?,
        group: group(&values)?,
        producer: producer(&values)?,
        properties: BTreeMap::new(),
    };
    Ok(ClientConfig { properties, ..config })
}

fn security(values: &Values<'_>) -> Result<SecurityConfig, ConfigError> {
    let protocol = values.word("security.protocol")?;
    let encrypted = protocol.ends_with("SSL");
    let authenticated = protocol.starts_with("SASL");
    for setting in ["ssl.truststore.type", "ssl.keystore.type"] {
        values.word(setting)?;
    }
    Ok(SecurityConfig {
        tls: if encrypted { Some(tls(values)?) } else { None },
        sasl: if authenticated { Some(sasl(values)?) } else { None },
    })
}

fn tls(values: &Values<'_>) -> Result<TlsConfig, ConfigError> {
    let identity = match (
        values.path("ssl.keystore.location"),
        values.path("ssl.certificate.location"),
        values.path("ssl.key.location"),
    ) {
        (Some(both), None, None) => Some((both.clone(), both)),
        (None, Some(chain), Some(key)) => Some((chain, key)),
        (None, None, None) => None,
        _ => {
            return Err(ConfigError::Conflict(
                "the client's certificate needs either `ssl.keystore.location`, \
                 or `ssl.certificate.location` together with `ssl.key.location`"
                    .to_owned(),
            ));
        }
    };
    let host_check = match values.word("ssl.endpoint.identification.algorithm")? {
        "https" => HostCheck::Required,
        _ => HostCheck::Off,
    };
    let trust = values.path("ssl.truststore.location").or_else(|| values.path("ssl.ca.location"));
    Ok(TlsConfig { trust, identity, host_check })
}

fn sasl(values: &Values<'_>) -> Result<SaslConfig, ConfigError> {
    let mechanism = match values.word("sasl.mechanism")? {
        "SCRAM-SHA-256" => Mechanism::ScramSha256,
        "SCRAM-SHA-512" => Mechanism::ScramSha512,
        _ => Mechanism::Plain,
    };
    let jaas = values.text("sasl.jaas.config");
    let (username, password) = if jaas.is_empty() {
        (values.text("sasl.username").to_owned(), values.text("sasl.password").to_owned())
    } else {
        let option = |name| {
            jaas_option(jaas, name).ok_or_else(|| ConfigError::Value {
                name: "sasl.jaas.config",
                value: "(secret)".to_owned(),
                why: format!("it has no {name}=\"…\""),
            })
        };
        (option("username")?, option("password")?)
    };
    if username.is_empty() || password.is_empty() {
        return Err(ConfigError::Conflict(
            "`security.protocol` asks for SASL: set `sasl.username` and `sasl.password`, or `sasl.jaas.config`".to_owned(),
        ));
    }
    Ok(SaslConfig { mechanism, username, password: Secret::new(password) })
}

/// The value of `name="…"` in a JAAS line; backslash escapes the next character.
fn jaas_option(jaas: &str, name: &str) -> Option<String> {
    let mut rest = jaas;
    loop {
        let at = rest.find(name)?;
        let starts_a_word = rest[..at].chars().next_back().is_none_or(char::is_whitespace);
        rest = &rest[at + name.len()..];
        let Some(value) = rest.trim_start().strip_prefix('=') else { continue };
        if !starts_a_word {
            continue;
        }
        let value = value.trim_start();
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            let end = value.find([' ', '\t', '\n', ';']).unwrap_or(value.len());
            return Some(value[..end].to_owned());
        };
        let mut text = String::new();
        let mut chars = value[1..].chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => text.extend(chars.next()),
                c if c == quote => return Some(text),
                c => text.push(c),
            }
        }
        return None;
    }
}

fn connection(values: &Values<'_>) -> Result<ConnectionConfig, ConfigError> {
    Ok(ConnectionConfig {
        setup_timeout: values.millis("socket.connection.setup.timeout.ms")?,
        idle_max: values.millis("connections.max.idle.ms")?,
        bootstrap_timeout: values.millis("bootstrap.timeout.ms")?,
        request_timeout: values.millis("request.timeout.ms")?,
        api_timeout: values.millis("default.api.timeout.ms")?,
        reconnect_backoff: Backoff {
            first: values.millis("reconnect.backoff.ms")?,
            max: values.millis("reconnect.backoff.max.ms")?,
        },
        retry_backoff: Backoff {
            first: values.millis("retry.backoff.ms")?,
            max: values.millis("retry.backoff.max.ms")?,
        },
        metadata_age_max: values.millis("metadata.max.age.ms")?,
        receive_buffer: usize::try_from(values.number("receive.buffer.bytes")?).ok(),
        send_buffer: usize::try_from(values.number("send.buffer.bytes")?).ok(),
    })
}

fn fetch(values: &Values<'_>) -> Result<FetchConfig, ConfigError> {
    Ok(FetchConfig {
        bytes_min: values.int("fetch.min.bytes")?,
        bytes_max: values.int("fetch.max.bytes")?,
        wait_max: values.millis("fetch.max.wait.ms")?,
        partition_bytes_max: values.int("max.partition.fetch.bytes")?,
        isolation: match values.word("isolation.level")? {
            "read_uncommitted" => Isolation::ReadUncommitted,
            _ => Isolation::ReadCommitted,
        },
        offset_reset: match values.word("auto.offset.reset")? {
            "earliest" => OffsetReset::Earliest,
            "latest" => OffsetReset::Latest,
            _ => OffsetReset::None,
        },
        crcs: if values.flag("check.crcs")? { CrcCheck::Verify } else { CrcCheck::Skip },
    })
}

fn group(values: &Values<'_>) -> Result<GroupConfig, ConfigError> {
    let assignors = values.text("partition.assignment.strategy").split(',').map(str::trim);
    let config = GroupConfig {
        group_id: values.optional("group.id"),
        instance_id: values.optional("group.instance.id"),
        session_timeout: values.millis("session.timeout.ms")?,
        heartbeat_interval: values.millis("heartbeat.interval.ms")?,
        poll_interval_max: values.millis("max.poll.interval.ms")?,
        assignors: assignors.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    };
    if config.heartbeat_interval >= config.session_timeout {
        return Err(ConfigError::Conflict(format!(
            "`heartbeat.interval.ms` ({:?}) must be less than `session.timeout.ms` ({:?})",
            config.heartbeat_interval, config.session_timeout
        )));
    }
    Ok(config)
}

fn producer(values: &Values<'_>) -> Result<ProducerConfig, ConfigError> {
    let config = ProducerConfig {
        acks: match values.word("acks")? {
            "0" => Acks::None,
            "1" => Acks::Leader,
            _ => Acks::All,
        },
        linger: values.millis("linger.ms")?,
        batch_bytes: values.size("batch.size")?,
        compression: match values.word("compression.type")? {
            "gzip" => Compression::Gzip,
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd,
            _ => Compression::None,
        },
        idempotence: if values.flag("enable.idempotence")? {
            Idempotence::On
        } else {
            Idempotence::Off
        },
        in_flight_max: values.size("max.in.flight.requests.per.connection")?,
        request_bytes_max: values.size("max.request.size")?,
        buffer_bytes_max: values.size("buffer.memory")?,
        transactional_id: values.optional("transactional.id"),
        transaction_timeout: values.millis("transaction.timeout.ms")?,
    };
    let idempotent = config.idempotence == Idempotence::On;
    if idempotent && config.acks != Acks::All && values.given("enable.idempotence") {
        return Err(ConfigError::Conflict(
            "`enable.idempotence` needs `acks=all`: without all replicas a repeated batch cannot be recognised".to_owned(),
        ));
    }
    if !idempotent && config.transactional_id.is_some() {
        return Err(ConfigError::Conflict(
            "`transactional.id` needs `enable.idempotence=true`".to_owned(),
        ));
    }
    // As Kafka's clients do: idempotence, when it is only the default, gives way to weaker acks.
    let idempotence = if config.acks == Acks::All { config.idempotence } else { Idempotence::Off };
    Ok(ProducerConfig { idempotence, ..config })
}

/// The values given, with the table's defaults behind them.
struct Values<'a> {
    properties: &'a BTreeMap<&'static str, String>,
}

impl Values<'_> {
    fn given(&self, name: &str) -> bool {
        self.properties.contains_key(name)
    }

    fn setting(name: &'static str) -> &'static Setting {
        settings::find(name)
            .expect("the names in this file are in the table; a test reads all of them")
    }

    fn text(&self, name: &'static str) -> &str {
        self.properties.get(name).map_or(Self::setting(name).default, |value| value.trim())
    }

    fn optional(&self, name: &'static str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn path(&self, name: &'static str) -> Option<PathBuf> {
        self.optional(name).map(PathBuf::from)
    }

    fn refuse(&self, name: &'static str, why: impl Into<String>) -> ConfigError {
        ConfigError::Value { name, value: self.text(name).to_owned(), why: why.into() }
    }

    fn number(&self, name: &'static str) -> Result<i64, ConfigError> {
        let (min, max) = match Self::setting(name).kind {
            Kind::Millis { min } => (min, i64::from(i32::MAX)),
            Kind::Bytes { min, max } | Kind::Count { min, max } => (min, max),
            _ => (i64::MIN, i64::MAX),
        };
        let unit = Self::setting(name).unit();
        match self.text(name).parse() {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            _ => Err(self.refuse(
                name,
                format!("a whole number {unit} from {min} to {max} is needed").replace("  ", " "),
            )),
        }
    }

    fn int(&self, name: &'static str) -> Result<i32, ConfigError> {
        i32::try_from(self.number(name)?).map_err(|_| self.refuse(name, "too large"))
    }

    fn size(&self, name: &'static str) -> Result<usize, ConfigError> {
        usize::try_from(self.number(name)?).map_err(|_| self.refuse(name, "too large"))
    }

    fn millis(&self, name: &'static str) -> Result<Duration, ConfigError> {
        u64::try_from(self.number(name)?)
            .map(Duration::from_millis)
            .map_err(|_| self.refuse(name, "negative"))
    }

    fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.text(name) {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.refuse(name, "`true` or `false` is needed")),
        }
    }

    /// The word of the table that the value is, without regard to case.
    fn word(&self, name: &'static str) -> Result<&'static str, ConfigError> {
        let Kind::OneOf(words) = Self::setting(name).kind else {
            return Err(self.refuse(name, "not a word"));
        };
        let found = words.iter().find(|word| word.eq_ignore_ascii_case(self.text(name)));
        found
            .copied()
            .ok_or_else(|| self.refuse(name, format!("one of {} is needed", words.join(", "))))
    }

    fn addresses(&self, name: &'static str) -> Result<Vec<Broker>, ConfigError> {
        let text = self.text(name);
        let addresses = text.split(',').map(str::trim).filter(|address| !address.is_empty());
        let addresses = addresses
            .map(|address| {
                Broker::parse(address)
                    .ok_or_else(|| self.refuse(name, format!("`{address}` is not host:port")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(ConfigError::Conflict(
                "`bootstrap.servers` is missing: give at least one host:port".to_owned(),
            ));
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(properties: &[(&str, &str)]) -> Result<ClientConfig, ConfigError> {
        let base = [("bootstrap.servers", "localhost:9092")];
        ClientConfig::from_properties(base.iter().chain(properties).copied())
    }

    fn refusal(properties: &[(&str, &str)]) -> String {
        with(properties).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_setting_is_an_error_that_names_the_nearest() {
        let error = ClientConfig::from_properties([("bootstrap.server", "a:1")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown setting `bootstrap.server`; did you mean `bootstrap.servers`?"
        );
        assert_eq!(refusal(&[("zzz", "1")]), "unknown setting `zzz`");
    }

    #[test]
    fn every_default_in_the_table_is_accepted_when_given() {
        for setting in settings::SETTINGS {
            if matches!(setting.kind, Kind::Refused(_)) || setting.name == "bootstrap.servers" {
                continue;
            }
            let config = with(&[(setting.name, setting.default)]);
            assert_eq!(
                config.map(|config| config.fetch),
                with(&[]).map(|config| config.fetch),
                "{}",
                setting.name
            );
        }
    }

    #[test]
    fn no_setting_in_the_table_is_passed_over() {
        let secure = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.username", "alice"),
            ("sasl.password", "secret"),
        ];
        for setting in settings::SETTINGS {
            let checked = matches!(
                setting.kind,
                Kind::Flag
                    | Kind::OneOf(_)
                    | Kind::Millis { .. }
                    | Kind::Bytes { .. }
                    | Kind::Count { .. }
            );
            if !checked {
                continue;
            }
            let given = secure.into_iter().chain([(setting.name, "?")]).collect::<Vec<_>>();
            let refusal = refusal(&given);
            assert!(refusal.contains(setting.name), "{}: {refusal}", setting.name);
        }
    }

    #[test]
    fn values_out_of_bounds_are_refused_with_the_bounds() {
        assert_eq!(
            refusal(&[("request.timeout.ms", "soon")]),
            "`soon` is not a value of `request.timeout.ms`: a whole number ms from 1 to 2147483647 is needed"
        );
        assert!(refusal(&[("max.in.flight.requests.per.connection", "6")]).contains("from 1 to 5"));
        assert!(refusal(&[("acks", "2")]).contains("one of all, -1, 0, 1"));
        assert!(refusal(&[("bootstrap.servers", "nohost")]).contains("`nohost` is not host:port"));
    }

    #[test]
    fn overrides_that_would_break_a_promise_are_refused() {
        assert!(
            refusal(&[("delivery.timeout.ms", "1000")]).contains("there is no delivery time-out")
        );
        assert!(refusal(&[("enable.auto.commit", "true")]).contains("cannot be set"));
        assert!(refusal(&[("acks", "1"), ("enable.idempotence", "true")]).contains("acks=all"));
        assert!(
            refusal(&[("transactional.id", "t"), ("enable.idempotence", "false")])
                .contains("enable.idempotence=true")
        );
    }

    #[test]
    fn secrets_never_show() {
        let sasl = [
            ("security.protocol", "sasl_plaintext"),
            ("sasl.username", "alice"),
            ("sasl.password", "hunter2"),
        ];
        let config = with(&sasl).unwrap();
        assert_eq!(config.security.sasl.as_ref().unwrap().password.reveal(), "hunter2");
        assert!(!format!("{config:?} {:?}", config.security).contains("hunter2"));
        assert!(config.given().any(|(name, value)| name == "sasl.password" && value == "(secret)"));
        let jaas = [
            ("security.protocol", "sasl_plaintext"),
            ("sasl.jaas.config", "X required password=hunter2;"),
        ];
        assert!(!refusal(&jaas).contains("hunter2"));
    }

    #[test]
    fn javas_form_of_credentials_is_read() {
        let jaas = r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="al\"ice" password='s;e c';"#;
        let config = with(&[
            ("security.protocol", "SASL_SSL"),
            ("sasl.jaas.config", jaas),
            ("sasl.mechanism", "scram-sha-512"),
        ])
        .unwrap();
        let sasl = config.security.sasl.unwrap();
        assert_eq!(
            (sasl.username.as_str(), sasl.password.reveal(), sasl.mechanism),
            ("al\"ice", "s;e c", Mechanism::ScramSha512)
        );
        assert!(config.security.tls.is_some_and(|tls| tls.host_check == HostCheck::Required));
    }

    #[test]
    fn weaker_acks_switch_default_idempotence_off_as_in_kafkas_clients() {
        assert_eq!(with(&[("acks", "1")]).unwrap().producer.idempotence, Idempotence::Off);
        assert_eq!(with(&[]).unwrap().producer.idempotence, Idempotence::On);
    }
}
