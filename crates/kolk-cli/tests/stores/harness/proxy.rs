//! A proxy for any protocol over TCP: it counts bytes, and at some of them does what a plan says.

use crate::world;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a relay reads at a time, at most.
const CHUNK: usize = 16 << 10;

/// What is done when so many bytes were sent to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) at: u64,
    pub(crate) act: Act,
}

/// Something that is done to a connection, or at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Half of what was read goes on, then the connection ends.
    CutRequest,
    /// The connection ends by a reset, with what was read thrown away.
    Reset,
    /// All goes on; what the store answers next is thrown away, and the connection ends.
    CutAnswer,
    /// All goes on, and nothing that the store answers on this connection comes back.
    LoseAnswers,
    /// Something else than the connection is met by its fault, while no byte moves on to the store.
    Meet,
}

/// Stands in front of a store as long as it lives.
pub(crate) struct Proxy {
    address: SocketAddr,
    control: Arc<Control>,
}

struct Control {
    store: SocketAddr,
    delay: Duration,
    plan: Mutex<Plan>,
    /// Connections end, and new ones too, at once.
    shut: AtomicBool,
    /// The proxy is gone.
    ended: AtomicBool,
    connections: AtomicUsize,
    delayed: AtomicUsize,
    /// Answers were lost.
    lost: AtomicBool,
    /// Acts that took effect, and the number of the connection of the last one.
    done: AtomicUsize,
    done_on: AtomicUsize,
}

struct Plan {
    sent: u64,
    left: VecDeque<Planned>,
    /// Acts that have begun; the next one waits until they have taken effect.
    begun: usize,
    /// Something was met, and its next time is after somebody has connected.
    has_met: bool,
    meet: Box<dyn FnMut() + Send>,
}

impl Proxy {
    /// Starts one in front of `store`. `meet` is called at each [`Act::Meet`]; `delay` is how much later each answer comes.
    pub(crate) fn start(
        store: SocketAddr,
        plan: Vec<Planned>,
        delay: Duration,
        meet: Box<dyn FnMut() + Send>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for the proxy");
        let address = listener.local_addr().expect("the proxy has an address");
        let plan = Mutex::new(Plan { sent: 0, left: plan.into(), begun: 0, has_met: false, meet });
        let control = Arc::new(Control {
            store,
            delay,
            plan,
            shut: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            delayed: AtomicUsize::new(0),
            lost: AtomicBool::new(false),
            done: AtomicUsize::new(0),
            done_on: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&control);
        world::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                accept(&accepting, &client);
            }
        });
        Self { address, control }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nobody gets through any more.
    pub(crate) fn shut(&self) {
        self.control.shut.store(true, Ordering::SeqCst);
    }

    /// Everybody gets through again.
    pub(crate) fn open(&self) {
        self.control.shut.store(false, Ordering::SeqCst);
    }

    /// Acts that took effect.
    pub(crate) fn done(&self) -> usize {
        self.control.done.load(Ordering::SeqCst)
    }

    /// Answers that came later.
    pub(crate) fn delayed(&self) -> usize {
        self.control.delayed.load(Ordering::SeqCst)
    }

    /// Whether somebody connected after the last act.
    pub(crate) fn is_connected_again(&self) -> bool {
        self.control.is_connected_again()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shut();
        self.control.ended.store(true, Ordering::SeqCst);
        // Whoever waits for connections hears of it.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(control: &Arc<Control>, client: &TcpStream) {
    if control.shut.load(Ordering::SeqCst) {
        let _ = client.shutdown(Shutdown::Both);
        return;
    }
    let Ok(store) = TcpStream::connect(control.store) else {
        let _ = client.shutdown(Shutdown::Both);
        return;
    };
    control.connections.fetch_add(1, Ordering::SeqCst);
    let link = Arc::new(Link { fate: Mutex::new(Fate::Well), control: Arc::clone(control) });
    let (Ok(client_in), Ok(store_in)) = (client.try_clone(), store.try_clone()) else { return };
    let (Ok(client_out), Ok(store_out)) = (client.try_clone(), store.try_clone()) else { return };
    for socket in [client, &store] {
        let _ = socket.set_nodelay(true);
    }
    let (control_up, link_up) = (Arc::clone(control), Arc::clone(&link));
    world::spawn(move || control_up.carry_up((client_in, store_out), &link_up));
    let (control_down, link_down) = (Arc::clone(control), link);
    world::spawn(move || control_down.carry_down((store_in, client_out), &link_down));
}

/// A connection through the proxy.
struct Link {
    fate: Mutex<Fate>,
    control: Arc<Control>,
}

/// A connection that ends before there is an answer to lose, by a time-out of its client for one, leaves its fault to another.
impl Drop for Link {
    fn drop(&mut self) {
        match self.fate() {
            Fate::Cut => self.control.take_back(Act::CutAnswer),
            Fate::Lost if !self.control.lost.load(Ordering::SeqCst) => {
                self.control.take_back(Act::LoseAnswers);
            }
            _ => {}
        }
    }
}

/// What becomes of its next answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Well,
    /// It is thrown away, and the connection ends.
    Cut,
    /// All of them are thrown away.
    Lost,
    /// None comes: the connection was reset.
    Reset,
    /// It was cut.
    Met,
}

impl Link {
    fn fate(&self) -> Fate {
        *self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, fate: Fate) {
        *self.fate.lock().unwrap_or_else(PoisonError::into_inner) = fate;
    }
}

impl Control {
    fn is_connected_again(&self) -> bool {
        self.connections.load(Ordering::SeqCst) > self.done_on.load(Ordering::SeqCst)
    }

    /// From the client to the store.
    fn carry_up(&self, (mut from, mut to): (TcpStream, TcpStream), link: &Link) {
        let mut chunk = vec![0; CHUNK];
        while let Ok(length) = from.peek(&mut chunk) {
            if length == 0 || self.shut.load(Ordering::SeqCst) {
                break;
            }
            let mut length = length;
            let act = self.pass(length as u64, link);
            if self.shut.load(Ordering::SeqCst) {
                break;
            }
            if act == Some(Act::Reset) {
                // A connection that is closed while it has bytes that nobody read ends by a reset.
                link.decide(Fate::Reset);
                let _ = to.shutdown(Shutdown::Both);
                self.note();
                return;
            }
            if from.read_exact(&mut chunk[..length]).is_err() {
                break;
            }
            match act {
                Some(Act::CutRequest) => length /= 2,
                Some(Act::CutAnswer) => link.decide(Fate::Cut),
                Some(Act::LoseAnswers) => link.decide(Fate::Lost),
                Some(Act::Reset | Act::Meet) | None => {}
            }
            if to.write_all(&chunk[..length]).is_err() {
                break;
            }
            if act == Some(Act::CutRequest) {
                self.note();
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    /// From the store to the client.
    fn carry_down(&self, (mut from, mut to): (TcpStream, TcpStream), link: &Link) {
        let mut chunk = vec![0; CHUNK];
        while let Ok(length) = from.read(&mut chunk) {
            if length == 0 || self.shut.load(Ordering::SeqCst) {
                break;
            }
            if !self.delay.is_zero() {
                world::pause(self.delay);
                self.delayed.fetch_add(1, Ordering::SeqCst);
            }
            match link.fate() {
                Fate::Well => {}
                Fate::Cut => {
                    link.decide(Fate::Met);
                    self.note();
                    break;
                }
                Fate::Lost => {
                    if !self.lost.swap(true, Ordering::SeqCst) {
                        self.note();
                    }
                    continue;
                }
                Fate::Reset | Fate::Met => break,
            }
            if to.write_all(&chunk[..length]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        if link.fate() != Fate::Reset {
            let _ = to.shutdown(Shutdown::Both);
        }
    }

    /// So many bytes are about to go to the store: what is planned for one of them, or was for one before?
    fn pass(&self, bytes: u64, link: &Link) -> Option<Act> {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.sent += bytes;
        let (sent, has_met) = (plan.sent, plan.has_met);
        if link.fate() != Fate::Well || self.done.load(Ordering::SeqCst) < plan.begun {
            return None;
        }
        // What a process that was killed has left on its way is not another's.
        let is_due = |planned: &mut Planned| {
            let is_free = planned.act != Act::Meet || !has_met || self.is_connected_again();
            planned.at <= sent && is_free
        };
        let due = plan.left.pop_front_if(is_due)?;
        plan.begun += 1;
        if due.act == Act::Meet {
            plan.has_met = true;
            // The plan stays locked: nobody else sends meanwhile.
            (plan.meet)();
            self.note();
        }
        Some(due.act)
    }

    /// An act had no effect, and comes again.
    fn take_back(&self, act: Act) {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.begun -= 1;
        plan.left.push_front(Planned { at: 0, act });
    }

    /// An act has taken effect.
    fn note(&self) {
        self.done_on.store(self.connections.load(Ordering::SeqCst), Ordering::SeqCst);
        self.done.fetch_add(1, Ordering::SeqCst);
    }
}
