//! SQL text with its name, and places in it.

use std::ops::Range;

/// The longest text that is accepted: far more than anyone writes, little enough that spans and memory stay small.
pub const SOURCE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One SQL file, or what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What errors call it: the file's path as the user gave it.
    pub name: String,
    /// The statements.
    pub text: String,
}

impl Source {
    /// A source of this name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// A place in a source: bytes `start..end`, always on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
}

impl Span {
    /// The bytes `start..end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// From the start of this place to the end of the other.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Bytes that it covers.
    #[must_use]
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether it covers nothing: the end of the text.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// What stands there.
    #[must_use]
    pub fn text(self, source: &str) -> &str {
        source.get(Range::from(self)).unwrap_or_default()
    }
}

impl From<Span> for Range<usize> {
    fn from(span: Span) -> Self {
        span.start..span.end
    }
}
