//! One connection: reads a frame, has it answered, writes the answer; in order, one at a time.
//!
//! A client may send requests ahead (pipelining): they wait in the socket's buffer, so a connection never holds more
//! than the frame at hand.

use super::limits::{Budget, Limits, Taken};
use super::{Answer, Peer, Service};
use bytes::Bytes;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A frame's buffer grows by this much while its bytes arrive: a declared length alone reserves nothing more.
const RECEIVE_STEP: usize = 64 * 1024;

/// Serves one connection until the client closes it, breaks the protocol or stalls, or the server stops.
pub(super) fn serve(
    stream: &TcpStream,
    peer: &Peer,
    service: &dyn Service,
    limits: &Limits,
    budget: &Budget,
) {
    let mut stream = stream;
    // No client holds its thread for ever: neither by stopping in the middle of a frame nor by taking no answers.
    let stall = limits.stall_max.min(limits.idle_max);
    if stream.set_write_timeout(Some(stall)).and(stream.set_read_timeout(Some(stall))).is_err() {
        return;
    }
    let idle = limits.idle_max.as_millis().div_ceil(stall.as_millis().max(1));
    while let Ok(Some(length)) = read_length(&mut stream, limits.frame_bytes_max, idle) {
        let mut taken = budget.open();
        let Ok(frame) = read_frame(&mut stream, length, &mut taken, stall) else { return };
        let answer = service.answer(peer, Bytes::from(frame));
        drop(taken);
        match answer {
            Answer::Frame(chunks) => {
                if write_all(&mut stream, &chunks).is_err() {
                    return;
                }
            }
            Answer::Nothing => {}
            Answer::Close => return,
        }
    }
}

/// The length of the next frame; `None` when the client is done. It may stay silent for `idle` time-outs of the stream.
fn read_length(stream: &mut impl Read, max: usize, mut idle: u128) -> io::Result<Option<usize>> {
    let mut length = [0; 4];
    let read = loop {
        match stream.read(&mut length) {
            Ok(read) => break read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) && idle > 1 => idle -= 1,
            Err(error) => return Err(error),
        }
    };
    if read == 0 {
        return Ok(None);
    }
    if let Some(rest) = length.get_mut(read..) {
        stream.read_exact(rest)?;
    }
    match usize::try_from(i32::from_be_bytes(length)) {
        Ok(length) if length <= max => Ok(Some(length)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn read_frame(
    stream: &mut impl Read,
    length: usize,
    taken: &mut Taken<'_>,
    wait: Duration,
) -> io::Result<Vec<u8>> {
    let mut frame = Vec::new();
    while frame.len() < length {
        // Doubling at most: never more than twice what has arrived.
        let step = (length - frame.len()).min(RECEIVE_STEP.max(frame.len()));
        if !taken.take(step, wait) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        frame.reserve_exact(step);
        let read = stream.by_ref().take(step as u64).read_to_end(&mut frame)?;
        if read < step {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(frame)
}

fn write_all(stream: &mut impl Write, chunks: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        match stream.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], length: usize, budget: &Budget) -> io::Result<Vec<u8>> {
        read_frame(&mut { bytes }, length, &mut budget.open(), Duration::ZERO)
    }

    #[test]
    fn a_frame_is_read_whole_and_a_short_one_is_an_error() {
        let budget = Budget::new(1 << 20);
        let bytes = vec![7u8; 3 * RECEIVE_STEP + 5];
        assert_eq!(read(&bytes, bytes.len(), &budget).unwrap(), bytes);
        assert!(read(&bytes, bytes.len() + 1, &budget).is_err());
    }

    /// A gigabyte is announced and nothing comes: others must not go short.
    #[test]
    fn a_declared_length_takes_little() {
        let budget = Budget::new(2 * RECEIVE_STEP);
        let mut taken = budget.open();
        let mut nothing: &[u8] = &[];
        assert!(read_frame(&mut nothing, 1 << 30, &mut taken, Duration::ZERO).is_err());
        assert!(budget.open().take(RECEIVE_STEP, Duration::ZERO));
    }

    #[test]
    fn a_frame_without_room_is_refused() {
        let budget = Budget::new(RECEIVE_STEP);
        let mut other = budget.open();
        assert!(other.take(RECEIVE_STEP - 10, Duration::ZERO));
        assert_eq!(read(&[1; 10], 10, &budget).unwrap(), [1; 10]);
        assert!(read(&[1; 11], 11, &budget).is_err());
    }

    #[test]
    fn negative_and_huge_lengths_are_refused() {
        let read = |bytes: &[u8]| read_length(&mut { bytes }, 100, 1);
        assert!(read(&[0xff; 4]).is_err());
        assert!(read(&[0, 0, 0, 101]).is_err());
        assert!(read(&[0, 0]).is_err());
        assert_eq!(read(&[0, 0, 0, 100]).unwrap(), Some(100));
        assert_eq!(read(&[]).unwrap(), None);
    }
}
