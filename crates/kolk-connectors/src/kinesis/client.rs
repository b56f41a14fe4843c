//! A client of the service, and what its errors mean for whoever called.

use super::access::{self, Access};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{
    BehaviorVersion, Config, Credentials, Region, StalledStreamProtectionConfig,
};
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use kolk::sink::connector::ConnectorError;
use kolk::topology::Target;
use std::error::Error;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A thread for the client's sockets.
///
/// # Errors
/// [`ConnectorError::Later`] when there cannot be one.
pub(super) fn runtime() -> Result<Runtime, ConnectorError> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| ConnectorError::Later(error.to_string()))
}

/// A client for `target`. It repeats nothing by itself: what is sent again, and when, is decided by those who call it.
///
/// # Errors
/// [`ConnectorError::Never`] without region or credentials.
pub(super) fn of(target: &Target) -> Result<Client, ConnectorError> {
    let Access { region, key_id, secret, session_token } =
        access::find(target, &access::PROCESS).map_err(ConnectorError::Never)?;
    let timeout = target.option("request_timeout_ms").and_then(|ms| ms.parse().ok());
    let timeout = Duration::from_millis(timeout.unwrap_or(10_000));
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .operation_timeout(timeout)
        .build();
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(Credentials::new(key_id, secret, session_token, None, "kolk"))
        .http_client(https)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts);
    config.set_endpoint_url(target.option("endpoint").map(str::to_owned));
    Ok(Client::from_conf(config.build()))
}

/// Why a call failed, by what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It may go later; whether the call was carried out is not known.
    Later(String),
    /// It never goes.
    Never(String),
    /// Credentials are no longer valid.
    Expired(String),
    /// Something in the call is at fault.
    Refused(String),
    /// The caller may not ask this.
    Denied(String),
}

impl Failure {
    /// As the worker hears it.
    pub(super) fn error(self) -> ConnectorError {
        match self {
            Self::Later(why) | Self::Expired(why) => ConnectorError::Later(why),
            Self::Never(why) | Self::Refused(why) | Self::Denied(why) => ConnectorError::Never(why),
        }
    }
}

/// What an error of a call means; `what` says what was wanted.
pub(super) fn failure<E>(what: &str, error: &SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = error.code().unwrap_or_default();
    let said = match error.message() {
        Some(message) => format!("{code}: {message}"),
        None => causes(error),
    };
    let status = error.raw_response().map(|response| response.status().as_u16());
    of_code(code, status, format!("kinesis: {what}: {said}"))
}

/// An error and what has caused it, each in its own words.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut words = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        // Some repeat what they were caused by.
        if !words.last().is_some_and(|last| last.ends_with(&said)) {
            words.push(said);
        }
        next = cause.source();
    }
    words.join(": ")
}

fn of_code(code: &str, status: Option<u16>, why: String) -> Failure {
    match code {
        "ExpiredTokenException" | "ExpiredToken" => Failure::Expired(why),
        "AccessDeniedException" => Failure::Denied(why),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "KMSAccessDeniedException"
        | "ResourceNotFoundException" => Failure::Never(why),
        "InvalidArgumentException" | "ValidationException" | "SerializationException" => {
            Failure::Refused(why)
        }
        // The request is too large.
        _ if status == Some(413) => Failure::Refused(why),
        _ => Failure::Later(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_what_to_do() {
        let of = |code, status| of_code(code, status, String::new());
        assert_eq!(
            of("ProvisionedThroughputExceededException", Some(400)),
            Failure::Later(String::new())
        );
        assert_eq!(of("InternalFailure", Some(500)), Failure::Later(String::new()));
        assert_eq!(of("", None), Failure::Later(String::new()), "no answer at all");
        assert_eq!(of("UnrecognizedClientException", Some(400)), Failure::Never(String::new()));
        assert_eq!(of("ExpiredTokenException", Some(400)), Failure::Expired(String::new()));
        assert_eq!(of("ValidationException", Some(400)), Failure::Refused(String::new()));
        assert_eq!(of("", Some(413)), Failure::Refused(String::new()));
    }
}
