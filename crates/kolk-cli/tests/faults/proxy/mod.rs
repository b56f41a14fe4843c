//! A proxy that knows Kafka's protocol and stands between `kolk run` and a broker, to do at chosen requests what networks
//! and crashes do.
//!
//! ```text
//! client ──▶ Link: requests ──▶ fault? ──▶ broker        Plan    which fault meets which request
//!        ◀── Link: responses ◀─ fault? ◀──               Ledger  what was done, and how it showed
//! ```

mod ledger;
mod plan;
mod relay;
mod rewrite;
#[cfg(test)]
mod tests;

pub(crate) use ledger::Ledger;
pub(crate) use plan::{Action, Moment, Plan, Planned, Victim};

use crate::world;
use kolk_wire::ApiKey;
use ledger::FaultId;
use relay::Link;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Kills a process with SIGKILL and says which.
pub(crate) type Kill = dyn Fn(Victim) -> String + Send + Sync;

/// A listening proxy. Dropping it ends every connection.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What all connections look at.
struct Shared {
    broker: SocketAddr,
    address: SocketAddr,
    plan: Mutex<Plan>,
    ledger: Mutex<Ledger>,
    links: Mutex<Vec<Arc<Link>>>,
    stopping: AtomicBool,
    kill: Box<Kill>,
}

impl Proxy {
    /// Listens on a free port, for the broker at `broker`.
    pub(crate) fn start(broker: SocketAddr, plan: Plan, kill: Box<Kill>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            broker,
            address,
            plan: Mutex::new(plan),
            ledger: Mutex::default(),
            links: Mutex::default(),
            stopping: AtomicBool::new(false),
            kill,
        });
        let for_thread = Arc::clone(&shared);
        let acceptor = world::spawn(move || accept(&listener, &for_thread));
        Self { shared, acceptor: Some(acceptor) }
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// What was done so far.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger()
    }

    /// What is still to come.
    pub(crate) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.shared.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        drop(TcpStream::connect(self.shared.address));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for link in self.shared.links().iter() {
            link.close();
        }
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn links(&self) -> MutexGuard<'_, Vec<Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request; the fault that meets it is in the books from now on.
    fn fault_at(&self, api: ApiKey) -> Option<(FaultId, Action)> {
        let action = self.plan.lock().unwrap_or_else(PoisonError::into_inner).at(api)?;
        Some((self.ledger().inject(api, action), action))
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        let Ok(broker) = TcpStream::connect_timeout(&shared.broker, Duration::from_secs(1)) else {
            shared.ledger().refused += 1;
            continue;
        };
        shared.ledger().connected();
        let link = Arc::new(Link::new(client, broker));
        shared.links().push(Arc::clone(&link));
        let for_thread = Arc::clone(shared);
        world::spawn(move || {
            link.run(&for_thread);
            for_thread.links().retain(|other| !Arc::ptr_eq(other, &link));
        });
    }
}
