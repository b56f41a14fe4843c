//! Byte streams to brokers: non-blocking TCP, TLS over it, and the credentials to open them with.

mod tls;
pub(super) mod sasl;
mod scram;
#[cfg(test)]
mod tests;

use super::config::ClientConfig;
use super::error::ClientError;
use super::network::Broker;
use bytes::{Buf, Bytes};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

/// Chunks handed to one vectored write.
const WRITE_CHUNKS_MAX: usize = 64;
/// A peer that is silent for this long is asked whether it is still there (TCP keepalive).
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Opens streams: everything about them that is the same for all brokers.
#[derive(Debug)]
pub(super) struct Dialer {
    tls: Option<Arc<rustls::ClientConfig>>,
    receive_buffer: Option<usize>,
    send_buffer: Option<usize>,
}

impl Dialer {
    /// Reads the certificates, once.
    pub(super) fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let tls = config.security.tls.as_ref().map(tls::client_config).transpose()?;
        let connection = &config.connection;
        Ok(Self {
            tls,
            receive_buffer: connection.receive_buffer,
            send_buffer: connection.send_buffer,
        })
    }

    /// The addresses of a host; blocks while the resolver does.
    pub(super) fn resolve(broker: &Broker) -> io::Result<VecDeque<SocketAddr>> {
        (&*broker.host, broker.port).to_socket_addrs().map(Iterator::collect)
    }

    /// Starts to connect; the stream is connected once it is writable and [`Stream::connected`] says so.
    pub(super) fn dial(&self, broker: &Broker, address: SocketAddr) -> io::Result<Stream> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(KEEPALIVE))?;
        // Before connect: the window scale is agreed upon there.
        if let Some(size) = self.receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        if let Some(size) = self.send_buffer {
            socket.set_send_buffer_size(size)?;
        }
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let tcp = TcpStream::from(socket);
        match &self.tls {
            None => Ok(Stream::Plain(tcp)),
            Some(config) => Ok(Stream::Tls(Box::new(tls::TlsStream::new(config, broker, tcp)?))),
        }
    }
}

/// What one read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    /// Bytes arrived, and there may be more.
    More,
    /// Nothing more for now.
    Drained,
    /// The peer has closed the stream.
    Closed,
}

/// A stream to a broker.
#[derive(Debug)]
pub(super) enum Stream {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<tls::TlsStream>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.tcp(),
        }
    }

    /// For waiting.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.tcp().as_fd()
    }

    /// After the socket became writable for the first time: whether it is connected, or why not.
    pub(super) fn connected(&self) -> io::Result<()> {
        self.tcp().take_error()?.map_or(Ok(()), Err)
    }

    /// Whether the stream itself has something to write (TLS records).
    pub(super) fn wants_write(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.wants_write(),
        }
    }

    /// Reads once into the spare capacity of `into`, which must not be zero.
    pub(super) fn read(&mut self, into: &mut Vec<u8>) -> io::Result<ReadOutcome> {
        match self {
            Self::Tls(tls) => tls.read(into),
            Self::Plain(tcp) => {
                let room = into.capacity() - into.len();
                match rustix::io::read(tcp, rustix::buffer::spare_capacity(into)) {
                    Ok(0) => Ok(ReadOutcome::Closed),
                    // A short read means that the socket is empty: asking again would only cost a call.
                    Ok(count) if count < room => Ok(ReadOutcome::Drained),
                    Ok(_) | Err(rustix::io::Errno::INTR) => Ok(ReadOutcome::More),
                    Err(rustix::io::Errno::AGAIN) => Ok(ReadOutcome::Drained),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Writes from the front of `chunks` until they are gone or the stream takes no more; returns how many bytes went.
    pub(super) fn write(&mut self, chunks: &mut VecDeque<Bytes>) -> io::Result<usize> {
        let mut total = 0;
        if let Self::Tls(tls) = self {
            tls.flush()?;
        }
        while !chunks.is_empty() {
            let slices: Vec<IoSlice<'_>> =
                chunks.iter().take(WRITE_CHUNKS_MAX).map(|chunk| IoSlice::new(chunk)).collect();
            let written = match self {
                Self::Plain(tcp) => tcp.write_vectored(&slices),
                Self::Tls(tls) => tls.write(&slices),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    let all = slices.iter().map(|slice| slice.len()).sum::<usize>();
                    advance(chunks, count);
                    total += count;
                    if count < all {
                        // The socket is full: asking again would only cost a call.
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }
}

fn advance(chunks: &mut VecDeque<Bytes>, mut count: usize) {
    while let Some(front) = chunks.front_mut() {
        if count < front.len() {
            front.advance(count);
            return;
        }
        count -= front.len();
        chunks.pop_front();
    }
}
