//! Bytes in one piece or two: a head that was written anew, and what follows it, which stayed where it was.

use crate::read::{DecodeError, LengthWidth, Reader};
use crate::wire::{Version, Wire, write_length};
use crate::write::Writer;
use bytes::Bytes;

/// A byte field that is written out of two pieces. Whatever was read is in one.
#[derive(Debug, Clone, Default)]
pub struct Spliced {
    head: Bytes,
    rest: Bytes,
}

impl Spliced {
    /// `head` and behind it `rest`.
    #[must_use]
    pub fn new(head: Bytes, rest: Bytes) -> Self {
        if head.is_empty() { rest.into() } else { Self { head, rest } }
    }

    /// Bytes of both.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len() + self.rest.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of it in one piece; copied if it is in two.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        if self.rest.is_empty() {
            return self.head;
        }
        [&*self.head, &*self.rest].concat().into()
    }
}

impl From<Bytes> for Spliced {
    fn from(bytes: Bytes) -> Self {
        Self { head: bytes, rest: Bytes::new() }
    }
}

/// However the bytes are cut.
impl PartialEq for Spliced {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |of: &Self| of.head.iter().chain(&of.rest).copied().collect::<Vec<u8>>();
        self.len() == other.len() && bytes(self) == bytes(other)
    }
}

impl Eq for Spliced {}

impl Wire for Option<Spliced> {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        Ok(Option::<Bytes>::read(reader, version)?.map(Spliced::from))
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        write_length(writer, version, LengthWidth::Four, self.as_ref().map(Spliced::len));
        if let Some(Spliced { head, rest }) = self {
            writer.put_shared(head);
            writer.put_shared(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pieces_are_written_as_one_field_and_read_in_one_piece() {
        let version = Version { number: 9, flexible: true };
        let rest = Bytes::from(vec![7; 5000]);
        let mut writer = Writer::new();
        let spliced = Spliced::new(Bytes::from_static(b"head"), rest.clone());
        Some(spliced.clone()).write(&mut writer, version);
        let chunks = writer.into_chunks();
        assert_eq!(chunks.last().map(|chunk| chunk.as_ptr()), Some(rest.as_ptr()), "copied");
        let mut reader = Reader::new(chunks.concat().into());
        let read = Option::<Spliced>::read(&mut reader, version).unwrap().unwrap();
        assert_eq!(reader.remaining(), 0);
        assert_eq!(read, spliced);
        assert_eq!(read.into_bytes(), [&b"head"[..], &[7; 5000]].concat());
    }
}
