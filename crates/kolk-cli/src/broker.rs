//! `kolk broker`: the embedded broker as a process of its own.

use anyhow::Context;
use kolk_broker::{Broker, BrokerConfig, BrokerOptions};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

/// Serves on `listen` with the data below `data` until SIGTERM or SIGINT, and prints `ready HOST:PORT` when it does.
///
/// # Errors
/// When a setting, the folder or the address cannot be used.
pub(crate) fn run(
    listen: SocketAddr,
    data: &Path,
    settings: &[(String, String)],
) -> anyhow::Result<()> {
    let mut config = BrokerConfig::default();
    for (name, value) in settings {
        config.set(name, value).with_context(|| format!("--set {name}={value}"))?;
    }
    // Before anything can be left half-done: a signal from now on stops the broker in order.
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot listen to signals")?;
    let options = BrokerOptions { listen, advertised: None, data: data.to_owned(), config };
    let broker = Broker::start(options)?;
    // Commands in a folder whose `.kolk/broker` this is find it by the address; elsewhere nobody looks.
    let announced = crate::embedded::announce(data, &broker.bootstrap());
    announced.with_context(|| format!("cannot write {}/address", data.display()))?;
    // One line, which scripts wait for; nobody may read it, and the broker serves all the same.
    let _ = writeln!(std::io::stdout(), "ready {}", broker.bootstrap());
    signals.forever().next();
    drop(broker);
    Ok(())
}
