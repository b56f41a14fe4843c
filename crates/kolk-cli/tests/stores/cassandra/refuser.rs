//! In front of a node: hands requests on, but for a share of the writes when it is told so, which it refuses in the node's name. A node
//! that has too much to do answers like this, and cannot be made to.

use crate::world;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Of how many writes one is refused.
const SHARE: usize = 5;
/// Version, flags, stream (two bytes), operation, length of the body (four bytes): CQL's binary protocol, version 4, section 2.
const HEADER: usize = 9;
const ERROR: u8 = 0x00;
const EXECUTE: u8 = 0x0a;
const REGISTER: u8 = 0x0b;
const BATCH: u8 = 0x0d;
/// The error code of a node that has too much to do: section 9.
const OVERLOADED: i32 = 0x1001;

/// Refuses a share of the writes while it is told to.
pub(super) struct Refuser {
    address: SocketAddr,
    rule: Arc<Rule>,
}

#[derive(Default)]
struct Rule {
    on: AtomicBool,
    writes: AtomicUsize,
    refused: AtomicUsize,
}

impl Refuser {
    /// Stands in front of `node` as long as the process lives.
    pub(super) fn start(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let rule = Arc::new(Rule::default());
        let accepting = Arc::clone(&rule);
        world::spawn(move || {
            for client in listener.incoming().flatten() {
                // A node that is down refuses connections, and so the client's ends.
                let _ = accept(&accepting, &client, node);
            }
        });
        Self { address, rule }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on writes are refused, or no longer; returns how many were so far.
    pub(super) fn refuse(&self, on: bool) -> usize {
        self.rule.on.store(on, Ordering::SeqCst);
        self.rule.refused.load(Ordering::SeqCst)
    }
}

impl Rule {
    fn refuses(&self, operation: u8) -> bool {
        if !matches!(operation, EXECUTE | BATCH) || !self.on.load(Ordering::SeqCst) {
            return false;
        }
        let refused = self.writes.fetch_add(1, Ordering::SeqCst) % SHARE == SHARE - 1;
        self.refused.fetch_add(usize::from(refused), Ordering::SeqCst);
        refused
    }
}

/// The client's side of a connection: answers come from the node and from here, each in one piece.
type Answers = Arc<Mutex<TcpStream>>;

fn accept(rule: &Arc<Rule>, client: &TcpStream, node: SocketAddr) -> io::Result<()> {
    let node = TcpStream::connect(node)?;
    for socket in [client, &node] {
        socket.set_nodelay(true)?;
    }
    let answers: Answers = Arc::new(Mutex::new(client.try_clone()?));
    let (requests, to_node) = (client.try_clone()?, node.try_clone()?);
    let (rule, refusals) = (Arc::clone(rule), Arc::clone(&answers));
    world::spawn(move || carry_up(&rule, (requests, to_node), &refusals));
    world::spawn(move || carry_down(node, &answers));
    Ok(())
}

fn carry_up(rule: &Rule, (mut from, mut to): (TcpStream, TcpStream), answers: &Answers) {
    // A connection on which the driver asks for news is the one by which it reads the schema.
    let mut is_for_news = false;
    while let Ok(frame) = read_frame(&mut from) {
        is_for_news |= frame[4] == REGISTER;
        let passed = match frame[..] {
            [version, _, high, low, operation, ..] if !is_for_news && rule.refuses(operation) => {
                answer(answers, &refusal(version, [high, low]))
            }
            _ => to.write_all(&frame),
        };
        if passed.is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn carry_down(mut from: TcpStream, answers: &Answers) {
    while let Ok(frame) = read_frame(&mut from) {
        if answer(answers, &frame).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = answers.lock().unwrap_or_else(PoisonError::into_inner).shutdown(Shutdown::Both);
}

fn answer(answers: &Answers, frame: &[u8]) -> io::Result<()> {
    answers.lock().unwrap_or_else(PoisonError::into_inner).write_all(frame)
}

fn read_frame(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; HEADER];
    from.read_exact(&mut frame)?;
    let length = u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]) as usize;
    frame.resize(HEADER + length, 0);
    from.read_exact(&mut frame[HEADER..])?;
    Ok(frame)
}

/// The answer to the request of this stream: an error code, and a text with its length before it.
fn refusal(version: u8, stream: [u8; 2]) -> Vec<u8> {
    const WHY: &[u8; 14] = b"too much to do";
    let mut frame = vec![version | 0x80, 0, stream[0], stream[1], ERROR];
    frame.extend((4_u32 + 2 + 14).to_be_bytes());
    frame.extend(OVERLOADED.to_be_bytes());
    frame.extend(14_u16.to_be_bytes());
    frame.extend(WHY);
    frame
}
