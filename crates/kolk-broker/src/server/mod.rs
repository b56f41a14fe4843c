//! The broker's sockets: a listener, and a thread for each connection, all bounded by [`Limits`].
//!
//! A long poll or a JoinGroup blocks its connection's thread, as it blocks the connection on Apache Kafka. What to answer
//! is the business of a [`Service`].

mod connection;
mod limits;

pub use limits::Limits;

use bytes::Bytes;
use limits::Budget;
use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Answers requests. Called from many threads at once; a call may block, as a long poll does, until [`Self::stop`].
pub trait Service: Send + Sync {
    /// Answers one frame (without its length).
    fn answer(&self, peer: &Peer, frame: Bytes) -> Answer;

    /// The server stops: every blocked call must return soon.
    fn stop(&self);
}

/// What the server does with a request's answer.
#[derive(Debug)]
pub enum Answer {
    /// Sends these chunks, a whole frame.
    Frame(Vec<Bytes>),
    /// Sends nothing: produce with acks 0.
    Nothing,
    /// Closes the connection: the request could not be read.
    Close,
}

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Number of the connection, unique in the server's life.
    pub connection: u64,
}

/// How long stopping waits for connections to end.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// A running server; [`Self::stop`] or dropping it ends it.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<thread::JoinHandle<()>>,
}

struct Shared {
    service: Arc<dyn Service>,
    limits: Limits,
    budget: Budget,
    stopping: AtomicBool,
    next: AtomicU64,
    open: Mutex<BTreeMap<u64, Arc<TcpStream>>>,
    closed: Condvar,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<TcpStream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Serves `service` on `listener` until stopped.
    ///
    /// # Errors
    /// When the listener's address cannot be told or no thread can be started.
    pub fn start(
        listener: TcpListener,
        service: Arc<dyn Service>,
        limits: Limits,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            service,
            budget: Budget::new(limits.request_bytes_max),
            limits,
            stopping: AtomicBool::new(false),
            next: AtomicU64::new(0),
            open: Mutex::new(BTreeMap::new()),
            closed: Condvar::new(),
        });
        let for_thread = Arc::clone(&shared);
        let acceptor = start_thread("kolk-accept", move || accept(&listener, &for_thread))?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens: with the port that the system chose if it was asked for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, answers what is being worked on, and closes all connections.
    pub fn stop(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.service.stop();
        // The acceptor sits in accept(2): a connection of our own wakes it.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        let _ = acceptor.join();
        let open = self.shared.open();
        for stream in open.values() {
            // Reading ends at once; an answer that is being written still goes out.
            let _ = stream.shutdown(Shutdown::Read);
        }
        let waited =
            self.shared.closed.wait_timeout_while(open, STOP_WAIT, |open| !open.is_empty());
        let (open, _) = waited.unwrap_or_else(PoisonError::into_inner);
        for stream in open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok((stream, address)) = accepted else {
            // Out of file descriptors, most likely: wait for a connection to end rather than spin.
            let open = shared.open();
            drop(shared.closed.wait_timeout(open, Duration::from_millis(100)));
            continue;
        };
        let connection = shared.next.fetch_add(1, Ordering::SeqCst);
        if shared.open().len() >= shared.limits.connections_max {
            continue;
        }
        let peer = Peer { address, connection };
        // A connection that cannot be set up is closed by dropping it; the client tries again.
        let _ = start_connection(stream, peer, shared);
    }
}

fn start_connection(stream: TcpStream, peer: Peer, shared: &Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = Arc::new(stream);
    shared.open().insert(peer.connection, Arc::clone(&stream));
    let slot = Slot { shared: Arc::clone(shared), connection: peer.connection };
    let started = start_thread("kolk-connection", move || {
        let Shared { service, limits, budget, .. } = &*slot.shared;
        connection::serve(&stream, &peer, &**service, limits, budget);
    });
    started.map(drop)
}

/// A connection's place among the open ones: given up when its thread ends, however it ends, or does not start.
struct Slot {
    shared: Arc<Shared>,
    connection: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.open().remove(&self.connection);
        self.shared.closed.notify_all();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the broker's server is one of the two places that start threads"
)]
pub(crate) fn start_thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}
