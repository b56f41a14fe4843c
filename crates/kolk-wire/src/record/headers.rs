//! The headers of a record: names that may repeat, values that may be null (KIP-82).

use super::varint;
use std::borrow::Cow;

/// Least bytes of a header: two lengths.
pub(super) const HEADER_SIZE_MIN: usize = 2;

/// One header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header<'a> {
    /// Its name, UTF-8 by convention; may be empty, may occur more than once in a record.
    pub key: &'a [u8],
    /// Its value.
    pub value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// A header with a value.
    #[must_use]
    pub fn new(key: &'a str, value: &'a [u8]) -> Self {
        Self { key: key.as_bytes(), value: Some(value) }
    }

    /// The name as text, where what is not UTF-8 is replaced.
    #[must_use]
    pub fn name(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.key)
    }
}

/// Iterates over a record's headers, in the order in which they were written. Cheap to copy.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Headers<'a> {
    /// Takes the count and the headers that make up `bytes`, to the last byte: see [`super::Record::header_bytes`].
    ///
    /// # Errors
    /// What is wrong with them.
    #[inline]
    pub fn parse(mut bytes: &'a [u8]) -> Result<Self, &'static str> {
        if bytes == [0] {
            return Ok(Self::default());
        }
        let count = varint::read_i32(&mut bytes).ok_or("the count of headers is cut short")?;
        let left = usize::try_from(count).map_err(|_| "the count of headers is negative")?;
        Self { rest: bytes, left }.checked()
    }

    fn checked(self) -> Result<Self, &'static str> {
        if self.left > self.rest.len() / HEADER_SIZE_MIN {
            return Err("there are fewer bytes than its headers need");
        }
        let mut walk = self;
        while walk.left > 0 {
            walk.header().ok_or("a header is cut short or has no name")?;
        }
        if walk.rest.is_empty() { Ok(self) } else { Err("bytes follow the last header") }
    }

    fn header(&mut self) -> Option<Header<'a>> {
        let key = usize::try_from(varint::read_i32(&mut self.rest)?).ok()?;
        let (key, rest) = self.rest.split_at_checked(key)?;
        self.rest = rest;
        let value = match varint::read_i32(&mut self.rest)? {
            -1 => None,
            len => {
                let (value, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
                self.rest = rest;
                Some(value)
            }
        };
        self.left -= 1;
        Some(Header { key, value })
    }

    /// The headers as they stand in a record: a varint count and that many headers; no bytes at all are no headers. `None` when
    /// the bytes are something else.
    #[must_use]
    pub fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() { Some(Self::default()) } else { Self::parse(bytes).ok() }
    }

    /// Writes the headers in `bytes` (as for [`Self::from_bytes`]) and one more into `out`, in the same form.
    pub fn append_to(bytes: &[u8], name: &str, value: &[u8], out: &mut Vec<u8>) {
        let own = Headers::from_bytes(bytes).unwrap_or_default();
        let size = |len: usize, out: &mut Vec<u8>| {
            let mut prefix = varint::Prefix::<{ varint::VARLONG_SIZE_MAX }>::new();
            prefix.varint(i64::try_from(len).unwrap_or(i64::MAX));
            out.extend_from_slice(prefix.as_slice());
        };
        size(own.len() + 1, out);
        out.extend_from_slice(own.as_bytes());
        size(name.len(), out);
        out.extend_from_slice(name.as_bytes());
        size(value.len(), out);
        out.extend_from_slice(value);
    }

    /// Whether there is none (left).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The value of the last header with this name, which is what Java's `lastHeader` gives; `None` without one.
    #[must_use]
    pub fn last(self, name: &str) -> Option<Header<'a>> {
        self.filter(|header| header.key == name.as_bytes()).last()
    }

    /// The bytes after the count.
    pub(super) fn as_bytes(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        // They were walked through when the record was read, so they are found whole.
        if self.left == 0 { None } else { self.header() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Headers<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn append_to_adds_a_header_behind_the_others() {
        let (mut one, mut two) = (Vec::new(), Vec::new());
        Headers::append_to(&[], "a", b"1", &mut one);
        Headers::append_to(&one, "b", b"", &mut two);
        let headers: Vec<_> = Headers::from_bytes(&two).unwrap().collect();
        assert_eq!(headers, [Header::new("a", b"1"), Header::new("b", b"")]);
        assert!(Headers::from_bytes(&two[..3]).is_none());
    }
}
