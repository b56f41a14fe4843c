//! Lines of a file or pipe, as they arrive: never blocks longer than it is told to.

use rustix::event::{PollFd, PollFlags, Timespec};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

/// Bytes asked for at once.
const READ_BYTES: usize = 64 * 1024;

/// Reads lines from a descriptor.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// What is before it was handed out.
    start: usize,
    /// What is before it has no line feed.
    searched: usize,
    ended: bool,
}

/// What there is to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A line, without its line feed and a carriage return before that.
    Line(&'a [u8]),
    /// No whole line yet.
    Nothing,
    /// The input is over.
    End,
}

impl<R: Read + AsFd> Lines<R> {
    /// The lines of `input`.
    pub(super) fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), start: 0, searched: 0, ended: false }
    }

    /// The next line; waits at most `wait` for one to arrive.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn next(&mut self, wait: Duration) -> io::Result<Next<'_>> {
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.start..self.searched + at;
                self.start = line.end + 1;
                self.searched = self.start;
                return Ok(Next::Line(trimmed(&self.buffer[line])));
            }
            self.searched = self.buffer.len();
            if self.ended {
                // The last line may lack its line feed.
                let line = self.start..self.buffer.len();
                self.start = self.buffer.len();
                return Ok(if line.is_empty() {
                    Next::End
                } else {
                    Next::Line(trimmed(&self.buffer[line]))
                });
            }
            if !self.is_ready(wait)? {
                return Ok(Next::Nothing);
            }
            self.read()?;
        }
    }

    fn is_ready(&self, wait: Duration) -> io::Result<bool> {
        let timeout = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        match rustix::event::poll(&mut [PollFd::new(&self.input, PollFlags::IN)], Some(&timeout)) {
            Ok(count) => Ok(count > 0),
            // A signal: the caller looks at it.
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let filled = self.buffer.len();
        self.buffer.resize(filled + READ_BYTES, 0);
        let read = match self.input.read(&mut self.buffer[filled..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            read => read.map(Some),
        };
        let count = *read.as_ref().ok().and_then(Option::as_ref).unwrap_or(&0);
        self.buffer.truncate(filled + count);
        self.ended = read? == Some(0);
        Ok(())
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn lines_come_as_they_arrive() {
        let (mut write, read) = UnixStream::pair().unwrap();
        let mut lines = Lines::new(read);
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::Nothing);
        write.write_all(b"one\r\ntw").unwrap();
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::Line(b"one"));
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::Nothing);
        write.write_all(b"o\n\nlast").unwrap();
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::Line(b"two"));
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::Line(b""));
        drop(write);
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::Line(b"last"));
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::End);
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::End);
    }

    #[test]
    fn long_lines_grow_the_buffer() {
        let (mut write, read) = UnixStream::pair().unwrap();
        let mut lines = Lines::new(read);
        let long = vec![b'x'; 100_000];
        write.write_all(&long).unwrap();
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::Nothing);
        write.write_all(b"\nshort\n").unwrap();
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::Line(&long));
        assert_eq!(lines.next(Duration::ZERO).unwrap(), Next::Line(b"short"));
    }
}
