//! The embedded broker of a folder: found when a process runs it, else started for as long as this one needs it.
//!
//! ```text
//! .kolk/broker/.lock     held by the process that runs the broker (kolk-broker's folder lock, with its pid)
//! .kolk/broker/address   host:port and that pid; believed only while the pid is the lock's
//! .kolk/broker/guests    held shared by every process that uses somebody else's broker: the owner waits for them
//! ```

use crate::failure::Failure;
use crate::output::Output;
use crate::signal::Stop;
use kolk_broker::log::folder_lock::LockError;
use kolk_broker::state::OpenError;
use kolk_broker::{Broker, BrokerConfig, BrokerOptions, StartError};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// Where the broker of a folder keeps its data.
pub(crate) const FOLDER: &str = ".kolk/broker";
/// How long a broker that another process is starting or ending is waited for.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// How long guests may go on after this process was told to stop.
const GUESTS_AFTER_STOP_MAX: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(20);

/// The broker that this process uses.
#[derive(Debug)]
pub(crate) enum Embedded {
    /// It runs in this process.
    Owner(Owner),
    /// It runs in another.
    Guest(Guest),
}

/// A broker in this process. Dropping it waits for the processes that use it, then stops it.
pub(crate) struct Owner {
    broker: Option<Broker>,
    address: String,
    folder: PathBuf,
    guests: File,
    stop: Stop,
    out: Rc<Output>,
}

/// A broker in another process, which goes on while this lives.
#[derive(Debug)]
pub(crate) struct Guest {
    address: String,
    _guests: File,
}

impl Embedded {
    /// Finds the broker of `folder`, or starts it.
    ///
    /// # Errors
    /// [`Failure`] when the folder cannot be used, or a broker runs on it that cannot be found.
    pub(crate) fn find_or_start(folder: &Path, stop: &Stop, out: &Rc<Output>) -> anyhow::Result<Self> {
        let guests = open_guests(folder)?;
        let mut waited = Duration::ZERO;
        loop {
            let owner = match start(folder) {
                Ok(broker) => return Owner::announced(broker, folder, guests, stop, out).map(Self::Owner),
                Err(StartError::Open(OpenError::Locked(LockError::Held { owner, .. }))) => owner,
                Err(error) => return Err(refused(folder, &error).into()),
            };
            // Refused while the owner is ending: then the broker is ours in a moment.
            if guests.try_lock_shared().is_ok() {
                if let Some(address) = announced_by(folder, &owner) {
                    return Ok(Self::Guest(Guest { address, _guests: guests }));
                }
                guests.unlock()?;
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

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        match self {
            Self::Owner(owner) => &owner.address,
            Self::Guest(guest) => &guest.address,
        }
    }
}

fn open_guests(folder: &Path) -> Result<File, Failure> {
    let open = || {
        fs::create_dir_all(folder)?;
        let path = folder.join("guests");
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
    };
    open().map_err(|error: io::Error| {
        Failure::usage(format!("cannot use {}: {error}", folder.display()))
            .help("the embedded broker keeps its data there; --bootstrap-servers names another cluster")
    })
}

/// Starts a broker on `folder` and a port that the system chooses.
pub(crate) fn start(folder: &Path) -> Result<Broker, StartError> {
    Broker::start(BrokerOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        advertised: None,
        data: folder.to_owned(),
        config: BrokerConfig::default(),
    })
}

fn refused(folder: &Path, error: &StartError) -> Failure {
    Failure::failed(format!("the embedded broker does not start on {}: {error}", folder.display()))
        .help("--bootstrap-servers HOST:PORT names another cluster")
}

/// The address in the folder, if the process that holds the lock wrote it. `owner` is `pid N`.
fn announced_by(folder: &Path, owner: &str) -> Option<String> {
    let text = fs::read_to_string(folder.join("address")).ok()?;
    let mut lines = text.lines();
    let (address, pid) = (lines.next()?, lines.next()?);
    (owner == format!("pid {pid}")).then(|| address.to_owned())
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

impl Owner {
    fn announced(
        broker: Broker,
        folder: &Path,
        guests: File,
        stop: &Stop,
        out: &Rc<Output>,
    ) -> anyhow::Result<Self> {
        let address = broker.address().to_string();
        announce(folder, &address).map_err(|error| {
            Failure::failed(format!("cannot write {}/address: {error}", folder.display()))
        })?;
        let (folder, stop, out) = (folder.to_owned(), stop.clone(), Rc::clone(out));
        Ok(Self { broker: Some(broker), address, folder, guests, stop, out })
    }

    /// Waits until nobody else uses the broker; guests that come later wait for the broker's end.
    fn wait_for_guests(&self) {
        let (mut waited, mut told) = (Duration::ZERO, false);
        while let Err(fs::TryLockError::WouldBlock) = self.guests.try_lock() {
            if self.stop.is_wanted() && waited >= GUESTS_AFTER_STOP_MAX {
                return;
            }
            if !told && !self.stop.is_wanted() && waited >= Duration::from_millis(500) {
                told = true;
                self.out.note(
                    "done; other commands still use the broker in this process, which ends with them (Ctrl-C ends it now)",
                );
                waited = Duration::ZERO;
                // Without handlers a signal would end the process without closing the broker's files.
                let _ = self.stop.catch_signals();
            }
            if self.stop.is_wanted() {
                // The signal is there already: only time is waited for.
                Stop::default().wait(STEP);
            } else {
                self.stop.wait(STEP);
            }
            waited += STEP;
        }
    }
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owner").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.wait_for_guests();
        let _ = fs::remove_file(self.folder.join("address"));
        drop(self.broker.take());
    }
}
