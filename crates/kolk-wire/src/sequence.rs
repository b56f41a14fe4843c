//! Long lists of structures, read one at a time out of the frame instead of being unpacked all at once.
//!
//! A partition takes 40 bytes in a Metadata frame and three times as many as a structure. Where a list can be long and
//! its elements are small, a message holds a [`Sequence`]: what was received stays bytes, checked once.

use crate::read::{DecodeError, LengthWidth, Reader};
use crate::wire::{Version, Wire, write_length};
use crate::write::Writer;
use bytes::Bytes;
use std::fmt;

/// A list whose elements are decoded each time they are looked at. Build one with [`From<Vec<T>>`] or `collect()`.
#[derive(Clone)]
pub struct Sequence<T> {
    items: Items<T>,
}

#[derive(Clone)]
enum Items<T> {
    /// Checked by [`Wire::read`]: `count` elements at `version`, no byte more.
    Received {
        bytes: Bytes,
        count: usize,
        version: Version,
    },
    Own(Vec<T>),
}

impl<T> Sequence<T> {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.items {
            Items::Received { count, .. } => *count,
            Items::Own(items) => items.len(),
        }
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Wire + Clone> Sequence<T> {
    /// The elements, each decoded (or cloned) when the iterator reaches it.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(match &self.items {
            Items::Received { bytes, count, version } => Source::Received {
                reader: Reader::new(bytes.clone()),
                left: *count,
                version: *version,
            },
            Items::Own(items) => Source::Own(items.iter()),
        })
    }

    /// The first element.
    #[must_use]
    pub fn first(&self) -> Option<T> {
        self.iter().next()
    }

    /// All elements unpacked.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        self.iter().collect()
    }

    /// Adds an element; elements that were received are unpacked first.
    pub fn push(&mut self, item: T) {
        if let Items::Received { .. } = &self.items {
            self.items = Items::Own(self.to_vec());
        }
        if let Items::Own(items) = &mut self.items {
            items.push(item);
        }
    }
}

/// Iterates over a [`Sequence`] by value.
pub struct Iter<'a, T>(Source<'a, T>);

enum Source<'a, T> {
    Received { reader: Reader, left: usize, version: Version },
    Own(std::slice::Iter<'a, T>),
}

impl<T: Wire + Clone> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Source::Own(items) => items.next().cloned(),
            Source::Received { left: 0, .. } => None,
            Source::Received { reader, left, version } => {
                *left -= 1;
                reader.refill();
                // Never an error: `Wire::read` below has read the same bytes before.
                T::read(reader, *version).ok()
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Source::Own(items) => items.len(),
            Source::Received { left, .. } => *left,
        };
        (left, Some(left))
    }
}

impl<T: Wire + Clone> ExactSizeIterator for Iter<'_, T> {}

impl<'a, T: Wire + Clone> IntoIterator for &'a Sequence<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> From<Vec<T>> for Sequence<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items: Items::Own(items) }
    }
}

impl<T> FromIterator<T> for Sequence<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::from(Vec::from_iter(items))
    }
}

impl<T> Default for Sequence<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T: Wire + Clone + PartialEq> PartialEq for Sequence<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: Wire + Clone + fmt::Debug> fmt::Debug for Sequence<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Wire + Clone> Wire for Option<Sequence<T>> {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        let Some(count) = reader.length(version.flexible, LengthWidth::Four, "ARRAY")? else {
            return Ok(None);
        };
        let start = reader.clone();
        for _ in 0..count {
            let before = reader.budget();
            T::read(reader, version)?;
            reader.set_budget(before); // the element is gone already
        }
        let len = reader.position() - start.position();
        let bytes = { start }.take(len, "ARRAY")?;
        Ok(Some(Sequence { items: Items::Received { bytes, count, version } }))
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        match self {
            None => write_length(writer, version, LengthWidth::Four, None),
            Some(items) => items.write(writer, version),
        }
    }
}

impl<T: Wire + Clone> Wire for Sequence<T> {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        Option::<Self>::read(reader, version)?.ok_or_else(|| reader.invalid("ARRAY", "null"))
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        write_length(writer, version, LengthWidth::Four, Some(self.len()));
        match &self.items {
            Items::Received { bytes, version: received, .. } if *received == version => {
                writer.put_shared(bytes);
            }
            _ => {
                for item in self {
                    item.write(writer, version);
                }
            }
        }
    }
}
