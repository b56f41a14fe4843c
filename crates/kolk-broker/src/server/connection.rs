//! One connection: reads a frame, has it answered, writes the answer; in order, one at a time.
//!
//! A client may send requests ahead (pipelining): they wait in the socket's buffer, so a connection never holds more
//! than the frame at hand.

use super::limits::{Budget, Limits};
use super::{Answer, Peer, Service};
use bytes::Bytes;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;

/// A frame's buffer grows by this much while its bytes arrive: a declared length alone reserves nothing more.
const RECEIVE_STEP: usize = 64 * 1024;

/// Serves one connection until the client closes it, breaks the protocol, or the server stops.
pub(super) fn serve(
    mut stream: &TcpStream,
    peer: &Peer,
    service: &dyn Service,
    limits: &Limits,
    budget: &Budget,
) {
    loop {
        let Ok(Some(length)) = read_length(&mut stream, limits.frame_bytes_max) else { return };
        let taken = budget.take(length);
        let Ok(frame) = read_frame(&mut stream, length) else { return };
        match service.answer(peer, Bytes::from(frame)) {
            Answer::Frame(chunks) => {
                if write_all(&mut stream, &chunks).is_err() {
                    return;
                }
            }
            Answer::Nothing => {}
            Answer::Close => return,
        }
        drop(taken);
    }
}

/// The length of the next frame; `None` when the client is done.
fn read_length(stream: &mut impl Read, max: usize) -> io::Result<Option<usize>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    match usize::try_from(i32::from_be_bytes(length)) {
        Ok(length) if length <= max => Ok(Some(length)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn read_frame(stream: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut frame = Vec::with_capacity(length.min(RECEIVE_STEP));
    while frame.len() < length {
        let step = (length - frame.len()).min(RECEIVE_STEP.max(frame.len()));
        // Doubling at most: never more than twice what has arrived.
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

    #[test]
    fn a_frame_is_read_whole_and_a_short_one_is_an_error() {
        let bytes = vec![7u8; 3 * RECEIVE_STEP + 5];
        assert_eq!(read_frame(&mut bytes.as_slice(), bytes.len()).unwrap(), bytes);
        assert!(read_frame(&mut bytes.as_slice(), bytes.len() + 1).is_err());
    }

    #[test]
    fn a_declared_length_reserves_little() {
        // The reader ends at once: whatever was reserved for a gigabyte must stay below two steps.
        let mut frame_of_nothing: &[u8] = &[];
        assert!(read_frame(&mut frame_of_nothing, 1 << 30).is_err());
    }

    #[test]
    fn negative_and_huge_lengths_are_refused() {
        assert!(read_length(&mut [0xff; 4].as_slice(), 100).is_err());
        assert!(read_length(&mut [0, 0, 0, 101].as_slice(), 100).is_err());
        assert_eq!(read_length(&mut [0, 0, 0, 100].as_slice(), 100).unwrap(), Some(100));
        assert_eq!(read_length(&mut [].as_slice(), 100).unwrap(), None);
    }
}
