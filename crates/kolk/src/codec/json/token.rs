//! Where a field's value stands in the text, and what it looks like from outside.

/// What a token is, as far as the scan can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// There is no such field.
    #[default]
    Missing,
    /// `null`.
    Null,
    /// `true`.
    True,
    /// `false`.
    False,
    /// A number without fraction and exponent.
    Integer,
    /// A number with fraction or exponent.
    Number,
    /// Text without escapes.
    Text,
    /// Text with at least one escape.
    EscapedText,
    /// An object.
    Object,
    /// An array.
    Array,
}

/// One value in a text. Positions count from the start of the buffer that was scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Token {
    /// Where it begins; quotes and brackets belong to it.
    pub start: u32,
    /// Its bytes.
    pub len: u32,
    /// What it is.
    pub kind: Kind,
    /// Whether the field's name is spelled as the path is: such a field goes before one that differs in case.
    pub(super) exact: bool,
}

impl Token {
    /// The `len` bytes from `start`, as a value of this kind.
    #[must_use]
    pub fn new(start: u32, len: u32, kind: Kind) -> Self {
        Self { start, len, kind, exact: false }
    }

    /// The text of the token, out of the buffer that was scanned.
    #[inline]
    #[must_use]
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start as usize..(self.start + self.len) as usize).unwrap_or_default()
    }

    /// What stands between the quotes of a text.
    #[inline]
    #[must_use]
    pub fn inside(self, buffer: &[u8]) -> &[u8] {
        let (start, end) = (self.start as usize + 1, (self.start + self.len) as usize - 1);
        buffer.get(start..end).unwrap_or_default()
    }

    /// Whether there is no value: no such field, or `null`.
    #[inline]
    #[must_use]
    pub fn is_null(self) -> bool {
        matches!(self.kind, Kind::Missing | Kind::Null)
    }
}
