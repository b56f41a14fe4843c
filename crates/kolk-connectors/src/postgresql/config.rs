//! Where the server is and who calls, from a statement's options.

use kolk::sink::connector::ConnectorError;
use kolk::topology::Target;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The driver's configuration.
///
/// # Errors
/// [`ConnectorError::Never`] for a URL that is none.
pub(super) fn config(target: &Target) -> Result<Config, ConnectorError> {
    let mut config = match target.secret("url") {
        // What the driver says about a wrong one does not show it.
        Some(url) => url.parse::<Config>().map_err(|error| {
            ConnectorError::Never(format!("postgresql: the url cannot be read: {error}"))
        })?,
        None => Config::new(),
    };
    if let Some(host) = target.option("host") {
        if !config.get_hosts().is_empty() {
            return Err(ConnectorError::Never(
                "postgresql: url names the host already: leave out host".to_owned(),
            ));
        }
        config.host(host);
    } else if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("localhost");
    }
    if let Some(port) = target.option("port").and_then(|port| port.parse().ok()) {
        config.port(port);
    }
    if let Some(database) = target.option("database") {
        config.dbname(database);
    }
    if let Some(user) = target.option("username") {
        config.user(user);
    } else if config.get_user().is_none() {
        config.user("postgres");
    }
    if let Some(password) = target.secret("password") {
        config.password(password);
    }
    if target.is_set("tls") {
        config.ssl_mode(SslMode::Require);
    } else if target.secret("url").is_none() {
        config.ssl_mode(SslMode::Disable);
    }
    config.application_name(format!("kolk {}", target.query)).connect_timeout(CONNECT_TIMEOUT);
    Ok(config)
}

/// The server as messages name it, without user and password.
pub(super) fn shown(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("{}:{port}", hosts.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kolk::topology::{Given, Secrets};

    fn target(options: &[(&str, &str)], secrets: &[(&str, &str)]) -> Target {
        let given = |pairs: &[(&str, &str)]| -> Given {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let secrets = Secrets(given(secrets));
        Target { options: given(options), secrets, ..Target::default() }
    }

    #[test]
    fn a_url_and_options_say_where_the_server_is() {
        let url = ("url", "postgresql://ann:secret@db.example:5433/shop");
        let of_url = config(&target(&[], &[url])).unwrap();
        assert_eq!(shown(&of_url), "db.example:5433");
        assert_eq!((of_url.get_user(), of_url.get_dbname()), (Some("ann"), Some("shop")));
        let both = config(&target(&[("database", "other")], &[url])).unwrap();
        assert_eq!(both.get_dbname(), Some("other"));
        let parts = config(&target(&[("host", "127.0.0.1"), ("port", "6000")], &[])).unwrap();
        assert_eq!(
            (shown(&parts), parts.get_user()),
            ("127.0.0.1:6000".to_owned(), Some("postgres"))
        );
        assert_eq!(parts.get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        let error =
            config(&target(&[], &[("url", "postgresql://ann:secret@db:port/x")])).unwrap_err();
        assert!(error.to_string().starts_with("postgresql: the url cannot be read"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
