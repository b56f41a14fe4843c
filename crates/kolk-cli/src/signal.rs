//! SIGTERM and SIGINT as something that loops look at and wait for; a second one ends the process at once.

use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a shell shows for a process that ended by SIGINT.
const INTERRUPTED: i32 = 130;

/// Whether the user wants the process to stop. Clones are the same wish.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    wanted: Arc<AtomicBool>,
    /// Becomes readable with the first signal, and is never drained. Absent until signals are caught.
    news: Arc<OnceLock<UnixStream>>,
}

impl Stop {
    /// Catches SIGTERM and SIGINT from now on. Commands that only ask a question do not: a signal ends them as it ends
    /// any program.
    ///
    /// # Errors
    /// When the system refuses a handler or a socket pair.
    pub(crate) fn catch_signals(&self) -> io::Result<()> {
        if self.news.get().is_some() {
            return Ok(());
        }
        let (read, write) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGINT] {
            let again = Arc::clone(&self.wanted);
            signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED, again)?;
            signal_hook::flag::register(signal, Arc::clone(&self.wanted))?;
            signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
        }
        let _ = self.news.set(read);
        Ok(())
    }

    /// Whether a signal has come.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// Waits until `time` is over or a signal comes; returns whether one has.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        if !self.is_wanted() {
            let mut sockets = Vec::with_capacity(1);
            if let Some(news) = self.news.get() {
                sockets.push(PollFd::new(news, PollFlags::IN));
            }
            let timeout = Timespec {
                tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: time.subsec_nanos().into(),
            };
            // An interrupted wait is an early one: every caller waits in a loop.
            let _ = rustix::event::poll(&mut sockets, Some(&timeout));
        }
        self.is_wanted()
    }
}
