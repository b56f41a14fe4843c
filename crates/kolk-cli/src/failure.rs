//! What the user is told when something goes wrong: what happened, what to do, and the exit status.

use crate::output::Output;
use kolk::client::config::ConfigError;
use kolk::client::error::{Action, ClientError};
use kolk::runtime::{QueryError, StartError};
use kolk_sql::SqlError;
use kolk_wire::ErrorCode;
use std::fmt;
use std::io;

/// How a command ends; the numbers are documented in `docs/cli.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// The work came to an end that is not the wanted one: a check found something, a query failed, a record was refused.
    Failed = 1,
    /// What was asked for cannot be: wrong options, settings or SQL; a topic that does not exist.
    Usage = 2,
    /// The cluster cannot be reached, does not answer in time, or refuses this client.
    Cluster = 3,
}

/// An error in the user's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Failure {
    status: Status,
    what: String,
    help: Option<String>,
}

impl Failure {
    /// The work failed.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self { status: Status::Failed, what: what.into(), help: None }
    }

    /// What was asked for cannot be.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { status: Status::Usage, ..Self::failed(what) }
    }

    /// The cluster is in the way.
    pub(crate) fn cluster(what: impl Into<String>) -> Self {
        Self { status: Status::Cluster, ..Self::failed(what) }
    }

    /// With what to do about it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {}", help.replace('\n', "\n        ")),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a program.
#[derive(Debug, thiserror::Error)]
#[error("{} in the SQL", if .0.len() == 1 { "an error".to_owned() } else { format!("{} errors", .0.len()) })]
pub(crate) struct SqlErrors(pub(crate) Vec<SqlError>);

/// A check that found something and has printed it: there is nothing more to say.
#[derive(Debug, thiserror::Error)]
#[error("the check found problems")]
pub(crate) struct CheckFailed;

/// Says what went wrong, if anything, and returns the exit status.
pub(crate) fn report(outcome: anyhow::Result<()>, out: &Output) -> u8 {
    let outcome = outcome.and_then(|()| Ok(out.flush()?));
    let Err(error) = outcome else { return 0 };
    out.clear_live();
    if is_closed_pipe(&error) {
        return 0;
    }
    let _ = out.flush();
    if error.is::<CheckFailed>() {
        return Status::Failed as u8;
    }
    if let Some(SqlErrors(errors)) = error.downcast_ref() {
        for error in errors {
            out.note(error.render().trim_end());
        }
        return Status::Usage as u8;
    }
    let failure = describe(&error);
    out.note(&format!("error: {failure}"));
    failure.status as u8
}

/// Whoever read our output has had enough, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
}

/// The failure behind an error of any kind.
pub(crate) fn describe(error: &anyhow::Error) -> Failure {
    let what = format!("{error:#}");
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.clone();
        }
        if let Some(client) = cause.downcast_ref::<ClientError>() {
            return of_client(client, what);
        }
        if cause.is::<ConfigError>() {
            return Failure::usage(what)
                .help("docs/cli.md lists the settings; their names are Kafka's own");
        }
        if let Some(start) = cause.downcast_ref::<StartError>() {
            return of_start(start, what);
        }
        if let Some(broker) = cause.downcast_ref::<kolk_broker::StartError>() {
            return of_broker(broker, what);
        }
        if let Some(query) = cause.downcast_ref::<QueryError>() {
            return match query {
                QueryError::Client(client) => of_client(client, what),
                _ => Failure::failed(what),
            };
        }
    }
    Failure::failed(what)
}

fn of_start(error: &StartError, what: String) -> Failure {
    match error {
        StartError::Client(client) => of_client(client, what),
        StartError::State { .. } => {
            Failure::usage(what).help("choose another directory with --state-dir")
        }
        StartError::Thread(_) => Failure::failed(what),
        StartError::Config(_)
        | StartError::Plan { .. }
        | StartError::NoTopic { .. }
        | StartError::Copartition { .. }
        | StartError::Grown { .. }
        | StartError::Physical(_)
        | StartError::Empty => Failure::usage(what),
    }
}

fn of_broker(error: &kolk_broker::StartError, what: String) -> Failure {
    match error {
        kolk_broker::StartError::Listen { .. } => Failure::usage(what)
            .help("choose another address with --listen; port 0 lets the system choose one"),
        kolk_broker::StartError::Open(_) => Failure::usage(what)
            .help("choose another folder with --data, or stop the broker that uses it"),
        _ => Failure::failed(what),
    }
}

/// What to do about the errors that people meet most.
fn of_client(error: &ClientError, what: String) -> Failure {
    let failure = match error.action() {
        Action::Invalid => Failure::usage(what),
        _ => Failure::cluster(what),
    };
    let text = &failure.what;
    let help = match error.code() {
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
            "`kolk topic list` shows the topics, `kolk topic create NAME --partitions N` makes one"
        }
        Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {
            "`kolk topic create --if-not-exists` is content with a topic that is there, `kolk topic alter` changes one"
        }
        Some(ErrorCode::INVALID_REPLICATION_FACTOR) => {
            "a topic cannot have more replicas than there are brokers; the embedded broker is one"
        }
        Some(ErrorCode::NON_EMPTY_GROUP | ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC) => {
            "stop its members first; `kolk group describe` shows them"
        }
        Some(ErrorCode::GROUP_ID_NOT_FOUND) => "`kolk group list` shows the groups",
        Some(
            ErrorCode::TOPIC_AUTHORIZATION_FAILED
            | ErrorCode::GROUP_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        ) => {
            "the cluster knows this user but does not allow it this: ask whoever looks after its ACLs"
        }
        _ if text.contains("no Kafka broker could be reached") => {
            "is the address right, and does a broker listen there? --bootstrap-servers HOST:PORT, or KOLK_BOOTSTRAP_SERVERS, names it"
        }
        _ if text.contains(" authentication of user ") => {
            "check sasl.username, sasl.password and sasl.mechanism"
        }
        _ if text.contains("TLS with ") => {
            "check security.protocol, ssl.truststore.location (PEM), and that the certificate carries the host's name"
        }
        _ => return failure,
    };
    failure.help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_says_becomes_a_status_and_advice() {
        let missing = ClientError::from_code(
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "there is no topic `x`",
            None,
        );
        let refused = ClientError::new(
            Action::Fatal,
            "b:9092 refused PLAIN authentication of user `alice`: no",
        );
        let config = ConfigError::Unknown { name: "aks".to_owned(), nearest: Some("acks") };
        let described = [missing.into(), refused.into(), config.into(), anyhow::anyhow!("odd")]
            .map(|error: anyhow::Error| describe(&error));
        let statuses = described.each_ref().map(|failure| failure.status);
        // The admin client turns a missing topic into `Invalid`; the bare code would be retried.
        assert_eq!(statuses[1..], [Status::Cluster, Status::Usage, Status::Failed]);
        assert!(described[0].to_string().contains("kolk topic create"), "{}", described[0]);
        assert!(described[1].to_string().contains("check sasl.username"), "{}", described[1]);
        assert!(described[2].to_string().contains("did you mean `acks`"), "{}", described[2]);
    }
}
