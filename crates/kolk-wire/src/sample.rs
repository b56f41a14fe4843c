//! Values of every message made out of random bytes, for tests: whatever a version can carry, and no more.

use crate::error_code::ErrorCode;
use crate::sequence::Sequence;
use crate::spliced::Spliced;
use crate::wire::{Uuid, Version};
use bytes::Bytes;

/// A value that can be made out of random bytes.
pub(crate) trait Sample: Sized {
    fn sample(entropy: &mut Entropy<'_>, version: Version) -> Self;
}

/// Random bytes, used up one after the other; zeros follow, which make the simplest values.
pub(crate) struct Entropy<'a> {
    bytes: &'a [u8],
    lists: usize,
    wide: Option<(usize, usize)>,
}

impl<'a> Entropy<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, lists: 0, wide: None }
    }

    /// The list that is met as number `list` gets `count` elements.
    pub(crate) fn wide(list: usize, count: usize) -> Self {
        Self { bytes: &[], lists: 0, wide: Some((list, count)) }
    }

    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    fn number<const N: usize>(&mut self) -> [u8; N] {
        match self.next() % 8 {
            0 => [0; N],
            1 => [0xff; N],
            2 => std::array::from_fn(|i| if i == 0 { 0x80 } else { 0 }),
            3 => std::array::from_fn(|i| if i == 0 { 0x7f } else { 0xff }),
            _ => std::array::from_fn(|_| self.next()),
        }
    }

    /// Of a list that every message of its kind meets at the same number.
    fn count(&mut self) -> usize {
        self.lists += 1;
        match self.wide {
            None => usize::from(self.next() % 4),
            Some((list, count)) if list + 1 == self.lists => count,
            Some((list, _)) => usize::from(self.lists <= list),
        }
    }
}

macro_rules! number {
    ($($ty:ty),*) => {$(
        impl Sample for $ty {
            fn sample(entropy: &mut Entropy<'_>, _: Version) -> Self {
                Self::from_be_bytes(entropy.number())
            }
        }
    )*};
}
number!(i8, i16, u16, i32, u32, i64);

impl Sample for bool {
    fn sample(entropy: &mut Entropy<'_>, _: Version) -> Self {
        entropy.next() % 2 == 1
    }
}

impl Sample for Uuid {
    fn sample(entropy: &mut Entropy<'_>, _: Version) -> Self {
        Self(entropy.number())
    }
}

impl Sample for ErrorCode {
    fn sample(entropy: &mut Entropy<'_>, _: Version) -> Self {
        Self(i16::from_be_bytes(entropy.number()))
    }
}

impl Sample for String {
    fn sample(entropy: &mut Entropy<'_>, _: Version) -> Self {
        match entropy.next() % 8 {
            0 => Self::new(),
            7 => "größer → 🦀".repeat(20),
            len => (1..len).map(|_| char::from(entropy.next() & 0x7f)).collect(),
        }
    }
}

impl Sample for Spliced {
    fn sample(entropy: &mut Entropy<'_>, version: Version) -> Self {
        Self::new(Bytes::sample(entropy, version), Bytes::sample(entropy, version))
    }
}

impl Sample for Bytes {
    fn sample(entropy: &mut Entropy<'_>, _: Version) -> Self {
        match entropy.next() % 8 {
            0 => Self::new(),
            7 => Self::from(vec![entropy.next(); 5000]), // long enough to be shared instead of copied
            len => (1..len).map(|_| entropy.next()).collect(),
        }
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(entropy: &mut Entropy<'_>, version: Version) -> Self {
        let some = entropy.wide.is_some() || !entropy.next().is_multiple_of(4);
        some.then(|| T::sample(entropy, version))
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(entropy: &mut Entropy<'_>, version: Version) -> Self {
        (0..entropy.count()).map(|_| T::sample(entropy, version)).collect()
    }
}

impl<T: Sample> Sample for Sequence<T> {
    fn sample(entropy: &mut Entropy<'_>, version: Version) -> Self {
        Vec::sample(entropy, version).into()
    }
}
