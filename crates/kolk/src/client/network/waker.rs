//! Waking a poll from another thread: a socket pair whose other end the poll watches.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// Wakes a [`Network::poll`](super::Network::poll) from another thread; clones wake the same network.
#[derive(Debug, Clone)]
pub struct Notifier {
    end: Arc<UnixStream>,
}

impl Notifier {
    /// Makes the running or the next poll return at once.
    pub fn notify(&self) {
        // Full means that enough wake-ups are waiting already; closed means that nobody polls any more.
        let _ = (&*self.end).write(&[1]);
    }
}

/// The end that is watched.
#[derive(Debug)]
pub(super) struct Waker {
    end: UnixStream,
    notifier: Notifier,
}

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        let (watched, notifying) = UnixStream::pair()?;
        watched.set_nonblocking(true)?;
        notifying.set_nonblocking(true)?;
        Ok(Self { end: watched, notifier: Notifier { end: Arc::new(notifying) } })
    }

    pub(super) fn notifier(&self) -> Notifier {
        self.notifier.clone()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }

    /// Forgets the wake-ups so far.
    pub(super) fn drain(&mut self) {
        let mut sink = [0; 64];
        while matches!(self.end.read(&mut sink), Ok(count) if count == sink.len()) {}
    }
}
