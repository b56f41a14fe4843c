//! A broker in the test's own process.

use crate::client::Client;
use kolk_broker::{Broker, BrokerConfig, BrokerOptions, StartError};
use std::net::SocketAddr;
use std::path::Path;

/// A port of the system's choice on the loopback address.
pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Starts a broker with these settings.
pub(crate) fn start(
    data: &Path,
    listen: SocketAddr,
    settings: &[(&str, &str)],
) -> Result<Broker, StartError> {
    let mut config = BrokerConfig::default();
    for (name, value) in settings {
        config.set(name, value).unwrap();
    }
    Broker::start(BrokerOptions { listen, advertised: None, data: data.to_owned(), config })
}

/// A broker in a folder of its own, and one client.
pub(crate) struct Alone {
    pub(crate) client: Client,
    pub(crate) broker: Broker,
    _folder: tempfile::TempDir,
}

impl Alone {
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = start(folder.path(), any_port(), settings).unwrap();
        Self { client: Client::connect(broker.address()), broker, _folder: folder }
    }

    pub(crate) fn another_client(&self) -> Client {
        Client::connect(self.broker.address())
    }
}
