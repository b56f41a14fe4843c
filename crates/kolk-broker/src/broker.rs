//! A running broker: the state, the server, and the threads that make time pass.

use crate::api::Api;
use crate::clock::{Clock, SystemClock};
use crate::config::BrokerConfig;
use crate::log::maintain;
use crate::server::{Server, start_thread};
use crate::state::{OpenError, State};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// `flush.ms` below this is looked after so often.
const FLUSH_MS_MIN: u64 = 10;

/// What a broker is started with.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The address that clients are told; if absent that of `advertised.listeners`, or the one listened on.
    pub advertised: Option<(String, u16)>,
    /// The data folder: created if it does not exist, locked while the broker runs.
    pub data: PathBuf,
    /// Settings.
    pub config: BrokerConfig,
}

/// Why a broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used, or another broker has it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; is another broker running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Every address is listened on, and that is no address that a client could be told.
    #[error(
        "listening on {0} needs an address for clients to connect to: set advertised.listeners=PLAINTEXT://HOST:PORT"
    )]
    Advertised(SocketAddr),
    /// No thread can be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

/// A running broker. Dropping it stops it cleanly.
pub struct Broker {
    state: Arc<State>,
    server: Option<Server>,
    threads: Vec<JoinHandle<()>>,
    stop: Arc<StopSignal>,
}

impl Broker {
    /// Opens the data folder, recovers, and serves.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(options: BrokerOptions) -> Result<Self, StartError> {
        Self::start_with(options, Arc::new(SystemClock::new()))
    }

    /// [`Self::start`] by another clock.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start_with(options: BrokerOptions, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let BrokerOptions { listen, advertised, data, config } = options;
        raise_file_limit();
        let limits = config.limits.clone();
        let state = Arc::new(State::open(&data, config, clock)?);
        let listener = TcpListener::bind(listen)
            .map_err(|source| StartError::Listen { address: listen, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| StartError::Listen { address: listen, source })?;
        let own =
            || (!address.ip().is_unspecified()).then(|| (address.ip().to_string(), address.port()));
        let advertised = advertised.or_else(|| state.config.advertised.clone()).or_else(own);
        let (host, port) = advertised.ok_or(StartError::Advertised(address))?;
        state.advertise(host, port);
        // From here on dropping what there is of the broker stops it.
        let mut broker = Self { state, server: None, threads: Vec::new(), stop: Arc::default() };
        broker.start_threads().map_err(StartError::Thread)?;
        let api = Arc::new(Api::new(Arc::clone(&broker.state)));
        broker.server = Some(Server::start(listener, api, limits).map_err(StartError::Thread)?);
        Ok(broker)
    }

    /// Starts the threads that make time pass.
    fn start_threads(&mut self) -> io::Result<()> {
        let state = || Arc::clone(&self.state);
        let (groups, transactions, logs) = (state(), state(), state());
        let stop = Arc::clone(&self.stop);
        self.threads.push(start_thread("kolk-groups", move || groups.run_groups())?);
        let run = move || transactions.run_transactions();
        self.threads.push(start_thread("kolk-transactions", run)?);
        let run = move || maintain_logs(&logs, &stop);
        self.threads.push(start_thread("kolk-maintenance", run)?);
        Ok(())
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.as_ref().map_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)), Server::address)
    }

    /// The address that clients are told.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        match self.state.advertised() {
            (host, port) if host.contains(':') => format!("[{host}]:{port}"),
            (host, port) => format!("{host}:{port}"),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.stop();
        }
        self.state.stop();
        self.stop.set();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.state.close();
    }
}

/// Each partition has files open: the process may have as many as the system allows it, not only as many as it begins with.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Where that is refused the broker runs with fewer partitions.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
}

/// Retention, flushing, compaction and expiry of producers, partition by partition.
fn maintain_logs(state: &State, stop: &StopSignal) {
    let interval = state.config.retention_check_interval.min(state.config.cleaner_backoff);
    let mut wait = interval;
    while !stop.wait(wait) {
        wait = interval;
        let partitions: Vec<_> =
            state.topics().iter().flat_map(|topic| topic.partitions.iter().cloned()).collect();
        for partition in partitions {
            if state.is_stopping() {
                return;
            }
            if partition.is_retired() {
                continue;
            }
            // What fails now (a full disk) is tried again in the next round.
            let _ = maintain(partition.log_lock(), state.now_ms());
            partition.wake();
            let flush_ms = u64::try_from(partition.log().config().flush_ms).unwrap_or(0);
            wait = wait.min(Duration::from_millis(flush_ms.max(FLUSH_MS_MIN)));
        }
    }
}

/// Tells a thread that sleeps to end.
#[derive(Debug, Default)]
struct StopSignal {
    set: Mutex<bool>,
    changed: Condvar,
}

impl StopSignal {
    fn set(&self) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits; whether it was told to end.
    fn wait(&self, time: Duration) -> bool {
        let set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(set, time, |set| !*set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
