//! The embedded broker of a folder: found when a process runs it, else started; and when that process ends before this
//! one, taken over at the same address.
//!
//! ```text
//! .kolk/broker/.lock     held by the process that runs the broker (kolk-broker's folder lock, with its pid)
//! .kolk/broker/address   host:port and that pid; believed only while the pid is the lock's
//!
//! find_or_start ─▶ Owner ─(the command ends)─▶ broker stopped
//!              └─▶ Guest ─(the lock becomes free: the owner ended or crashed)─▶ Owner, on the same port
//! ```
//! To the clients of a guest a change of owner is a broker that restarts: they connect again.

use crate::failure::Failure;
use crate::signal::Stop;
use kolk_broker::log::folder_lock::LockError;
use kolk_broker::state::OpenError;
use kolk_broker::{Broker, BrokerConfig, BrokerOptions, StartError};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Where the broker of a folder keeps its data.
pub(crate) const FOLDER: &str = ".kolk/broker";
/// How long a broker that another process is starting or ending is waited for.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// Time between looks whether the lock is free.
const STEP: Duration = Duration::from_millis(30);

/// The broker that this process uses, and runs if nobody else does.
#[derive(Debug)]
pub(crate) struct Embedded {
    address: String,
    place: Place,
    shared: Arc<Shared>,
    keeper: Option<JoinHandle<()>>,
}

/// Where the broker runs, when the command starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this process.
    Here,
    /// In another one.
    Elsewhere,
}

/// What the keeper's thread and the command share.
#[derive(Default)]
struct Shared {
    /// The broker, once it runs in this process.
    broker: Mutex<Option<Broker>>,
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Embedded {
    /// Finds the broker of `folder`, or starts it.
    ///
    /// # Errors
    /// [`Failure`] when the folder cannot be used, or a broker runs on it that cannot be found.
    pub(crate) fn find_or_start(folder: &Path, stop: &Stop) -> anyhow::Result<Self> {
        let mut waited = Duration::ZERO;
        loop {
            let owner = match start_where_it_was(folder) {
                Ok(broker) => return Self::owner(broker, folder),
                Err(StartError::Open(OpenError::Locked(LockError::Held { owner, .. }))) => owner,
                Err(error) => return Err(refused(folder, &error).into()),
            };
            if let Some(address) = announced_by(folder, &owner) {
                return Self::guest(address, folder);
            }
            if waited >= WAIT_MAX || stop.wait(STEP) {
                let what = format!(
                    "a broker ({owner}) runs on {} and does not say where it listens",
                    folder.display()
                );
                let help = "name it with --bootstrap-servers HOST:PORT, or stop that process";
                return Err(Failure::cluster(what).help(help).into());
            }
            waited += STEP;
        }
    }

    fn owner(broker: Broker, folder: &Path) -> anyhow::Result<Self> {
        let address = broker.bootstrap();
        announce(folder, &address).map_err(|error| {
            Failure::failed(format!("cannot write {}/address: {error}", folder.display()))
        })?;
        let shared = Arc::new(Shared { broker: Mutex::new(Some(broker)), ..Shared::default() });
        Ok(Self { address, place: Place::Here, shared, keeper: None })
    }

    fn guest(address: String, folder: &Path) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (for_thread, folder) = (Arc::clone(&shared), folder.to_owned());
        #[expect(
            clippy::disallowed_methods,
            reason = "somebody must look at the lock while the command works"
        )]
        let keeper = thread::Builder::new()
            .name("kolk-keeper".to_owned())
            .spawn(move || for_thread.take_over_when_free(&folder))?;
        Ok(Self { address, place: Place::Elsewhere, shared, keeper: Some(keeper) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Where it ran when the command started.
    pub(crate) fn place(&self) -> Place {
        self.place
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
        drop(self.shared.broker().take());
    }
}

impl Shared {
    /// Runs the broker from the moment on at which nobody else does.
    fn take_over_when_free(&self, folder: &Path) {
        while !self.has_ended_after(STEP) {
            // Held: the usual case. Anything else is no worse than a broker that is down, and is tried again.
            if let Ok(broker) = start_where_it_was(folder) {
                let _ = announce(folder, &broker.bootstrap());
                *self.broker() = Some(broker);
                return;
            }
        }
    }

    fn broker(&self) -> std::sync::MutexGuard<'_, Option<Broker>> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn has_ended_after(&self, wait: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(ended, wait, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// Starts a broker on `folder` and a port that the system chooses.
///
/// # Errors
/// As [`Broker::start`].
pub(crate) fn start(folder: &Path) -> Result<Broker, StartError> {
    start_on(folder, 0)
}

/// Starts the broker of `folder` on the port that it had last, so that those who used it find it again.
fn start_where_it_was(folder: &Path) -> Result<Broker, StartError> {
    let port = announced(folder).and_then(|(address, _)| address.rsplit(':').next()?.parse().ok());
    match start_on(folder, port.unwrap_or(0)) {
        // Somebody else has the port by now.
        Err(StartError::Listen { .. }) if port.is_some() => start_on(folder, 0),
        outcome => outcome,
    }
}

fn start_on(folder: &Path, port: u16) -> Result<Broker, StartError> {
    Broker::start(BrokerOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], port)),
        advertised: None,
        data: folder.to_owned(),
        config: BrokerConfig::default(),
    })
}

fn refused(folder: &Path, error: &StartError) -> Failure {
    Failure::failed(format!("the embedded broker does not start on {}: {error}", folder.display()))
        .help("--bootstrap-servers HOST:PORT names another cluster")
}

/// The address in the folder, and the pid of the process that wrote it.
fn announced(folder: &Path) -> Option<(String, String)> {
    let text = fs::read_to_string(folder.join("address")).ok()?;
    let mut lines = text.lines();
    Some((lines.next()?.to_owned(), lines.next()?.to_owned()))
}

/// The address in the folder, if the process that holds the lock wrote it. `owner` is `pid N`.
fn announced_by(folder: &Path, owner: &str) -> Option<String> {
    let (address, pid) = announced(folder)?;
    (owner == format!("pid {pid}")).then_some(address)
}

/// Tells the other commands of a folder where its broker listens.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn announce(folder: &Path, address: &str) -> io::Result<()> {
    let (draft, path) = (folder.join("address.new"), folder.join("address"));
    fs::write(&draft, format!("{address}\n{}\n", std::process::id()))?;
    fs::rename(draft, path)
}
