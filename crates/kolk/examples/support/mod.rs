//! Runs an example on a broker: `cargo run -p kolk --example NAME [HOST:PORT]`, `localhost:9092` if absent, until it is killed. Topics
//! must exist, and what it remembers stands in `.kolk/NAME`.

use kolk::client::config::ClientConfig;
use kolk::dsl::Program;
use kolk::runtime::{Application, ApplicationOptions, Until};
use kolk::time::SystemClock;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Runs the program as the application `name`.
///
/// # Errors
/// What is wrong with the program, with the cluster, or with a record.
pub(crate) fn run(name: &str, program: &Program) -> Result<(), Box<dyn Error>> {
    #[allow(clippy::disallowed_methods, reason = "a program's arguments")]
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let options = ApplicationOptions {
        name: name.to_owned(),
        client: ClientConfig::for_bootstrap(&servers)?,
        state: Path::new(".kolk").join(name),
        until: Until::Stopped,
        commit_interval: Duration::from_millis(100),
        memory_max: None,
    };
    let application = Application::start(&program.build()?, options, Arc::new(SystemClock::new()))?;
    for (_, result) in application.join() {
        result?;
    }
    Ok(())
}
