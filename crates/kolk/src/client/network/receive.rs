//! Cuts the bytes of one connection into frames. A large frame is received into the buffer that it is handed out in.

use super::FRAME_BYTES_MAX;
use super::pool::Pool;
use crate::client::transport::{ReadOutcome, Stream};
use bytes::Bytes;
use std::io;

/// Where small frames, and the beginning of large ones, arrive.
const STAGE_BYTES: usize = 16 * 1024;
/// The least buffer of a frame that does not fit the stage.
const BODY_BYTES_MIN: usize = 64 * 1024;
/// Buffers have room for a multiple of this, so that a frame of about the same size finds room in them too.
const BODY_BYTES_STEP: usize = 256 * 1024;
/// Bytes of the length before each frame.
const LENGTH_BYTES: usize = 4;

/// The receiving side of a connection.
#[derive(Debug)]
pub(super) struct FrameReader {
    stage: Vec<u8>,
    taken: usize,
    body: Option<Body>,
    /// The largest frame that has arrived whole: so much may be reserved at once for the next.
    largest: usize,
    pool: Pool,
}

/// A frame that is larger than what had arrived of it.
#[derive(Debug)]
struct Body {
    bytes: Vec<u8>,
    need: usize,
}

/// A frame whose length cannot be right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLength(pub(super) i32);

impl FrameReader {
    pub(super) fn new() -> Self {
        Self { stage: Vec::new(), taken: 0, body: None, largest: 0, pool: Pool::default() }
    }

    /// Forgets what has arrived: another stream follows.
    pub(super) fn reset(&mut self) {
        self.stage.clear();
        self.taken = 0;
        self.body = None;
    }

    /// How many bytes of a large frame are still to come.
    pub(super) fn missing(&self) -> usize {
        self.body.as_ref().map_or(0, |body| body.need - body.bytes.len())
    }

    /// Reads once from the stream.
    pub(super) fn fill(&mut self, stream: &mut Stream) -> io::Result<ReadOutcome> {
        if let Some(body) = &mut self.body {
            if body.bytes.len() == body.bytes.capacity() {
                // Twice of what has arrived, never what was merely declared.
                let more = body.bytes.len().min(body.need - body.bytes.len()).max(1);
                body.bytes.reserve_exact(more);
            }
            let outcome = stream.read(&mut body.bytes)?;
            if body.bytes.len() > body.need {
                // The allocator gave more than asked for, so the beginning of the next frame came along.
                self.stage.extend_from_slice(&body.bytes[body.need..]);
                body.bytes.truncate(body.need);
            }
            return Ok(outcome);
        }
        if self.taken > 0 {
            self.stage.drain(..self.taken);
            self.taken = 0;
        }
        self.stage.reserve(STAGE_BYTES.saturating_sub(self.stage.len()).max(LENGTH_BYTES));
        stream.read(&mut self.stage)
    }

    /// The next whole frame, without its length.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, BadLength> {
        if let Some(body) = self.body.take() {
            if body.bytes.len() < body.need {
                self.body = Some(body);
                return Ok(None);
            }
            self.largest = self.largest.max(body.need);
            return Ok(Some(self.pool.lend(body.bytes)));
        }
        let rest = &self.stage[self.taken..];
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = i32::from_be_bytes(*length);
        let need = usize::try_from(length)
            .ok()
            .filter(|need| *need <= FRAME_BYTES_MAX)
            .ok_or(BadLength(length))?;
        if let Some(frame) = rest.get(..need) {
            let frame = Bytes::copy_from_slice(frame);
            self.taken += LENGTH_BYTES + need;
            return Ok(Some(frame));
        }
        let earned = (rest.len() * 2).max(self.largest);
        let reserve = if need <= earned {
            need.next_multiple_of(BODY_BYTES_STEP)
        } else {
            need.min(earned.max(BODY_BYTES_MIN))
        };
        let mut bytes = self.pool.take();
        bytes.reserve_exact(reserve);
        bytes.extend_from_slice(rest);
        self.stage.clear();
        self.taken = 0;
        self.body = Some(Body { bytes, need });
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    fn pair() -> (TcpStream, Stream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let receiver = listener.accept().unwrap().0;
        receiver.set_nonblocking(true).unwrap();
        (sender, Stream::Plain(receiver))
    }

    #[expect(clippy::cast_possible_truncation, reason = "less than 251")]
    fn frame(size: usize, seed: u8) -> Vec<u8> {
        (0..size).map(|at| (at % 251) as u8 ^ seed).collect()
    }

    /// Sends `frames` in pieces of `cut` bytes and checks that they arrive as they were.
    fn check(frames: &[Vec<u8>], cut: usize) {
        let (mut sender, mut stream) = pair();
        let mut reader = FrameReader::new();
        let mut wire = Vec::new();
        for frame in frames {
            wire.extend_from_slice(&u32::try_from(frame.len()).unwrap().to_be_bytes());
            wire.extend_from_slice(frame);
        }
        let (mut sent, mut received) = (0, Vec::new());
        while received.len() < frames.len() {
            let end = (sent + cut).min(wire.len());
            sender.write_all(&wire[sent..end]).unwrap();
            sent = end;
            while reader.fill(&mut stream).unwrap() == ReadOutcome::More {}
            while let Some(frame) = reader.next().unwrap() {
                received.push(frame.to_vec());
            }
        }
        assert!(received == frames, "frames differ");
    }

    #[test]
    fn frames_of_every_size_arrive_whole_however_they_are_cut() {
        let sizes = [
            0,
            1,
            4,
            100,
            STAGE_BYTES - 5,
            STAGE_BYTES,
            BODY_BYTES_MIN + 1,
            300_000,
            3,
            299_999,
            0,
        ];
        let frames: Vec<_> = (0u8..).zip(&sizes).map(|(at, size)| frame(*size, at)).collect();
        for cut in [977, STAGE_BYTES, 100_000] {
            check(&frames, cut);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_frames_cut_anywhere_arrive_whole(
            sizes in prop::collection::vec(prop_oneof![0..200usize, 10_000..100_000usize], 1..6),
            cut in 500..60_000usize,
        ) {
            let frames: Vec<_> = sizes.iter().map(|size| frame(*size, 7)).collect();
            check(&frames, cut);
        }
    }

    #[test]
    fn a_large_frame_takes_the_memory_of_one_that_is_gone() {
        let (mut sender, mut stream) = pair();
        let mut reader = FrameReader::new();
        let mut receive = |size: usize| {
            sender.write_all(&u32::try_from(size).unwrap().to_be_bytes()).unwrap();
            sender.write_all(&frame(size, 9)).unwrap();
            loop {
                reader.fill(&mut stream).unwrap();
                if let Some(received) = reader.next().unwrap() {
                    assert!(received == frame(size, 9));
                    return received;
                }
            }
        };
        let first = receive(300_000);
        let second = receive(280_000);
        let places = [first.as_ptr(), second.as_ptr()];
        assert_ne!(places[0], places[1], "the first is still there");
        drop(second);
        assert_eq!(receive(290_000).as_ptr(), places[1]);
    }

    #[test]
    fn a_hostile_length_reserves_next_to_nothing() {
        let (mut sender, mut stream) = pair();
        let declared = i32::try_from(FRAME_BYTES_MAX).unwrap();
        sender.write_all(&declared.to_be_bytes()).unwrap();
        sender.write_all(&[0; 100]).unwrap();
        let mut reader = FrameReader::new();
        while reader.stage.len() < 104 {
            reader.fill(&mut stream).unwrap();
        }
        assert_eq!(reader.next(), Ok(None));
        assert!(reader.body.as_ref().unwrap().bytes.capacity() <= BODY_BYTES_MIN);
    }

    #[test]
    fn lengths_beyond_the_limit_are_refused() {
        for length in [-1, i32::MAX] {
            let (mut sender, mut stream) = pair();
            sender.write_all(&length.to_be_bytes()).unwrap();
            let mut reader = FrameReader::new();
            while reader.stage.len() < 4 {
                reader.fill(&mut stream).unwrap();
            }
            assert_eq!(reader.next(), Err(BadLength(length)));
        }
    }
}
